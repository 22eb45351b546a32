// A scan of a job_columns table: first what segments have, less what changed, then the rest out of the source.
#pragma once

#include "predicates.hpp"
#include "segments.hpp"

namespace warden::columns {

/// A column as the table declares it.
struct DeclaredColumn {
  vtab::string name;
  std::optional<Field> field;  // or a metric, by its number
  std::int64_t metric = 0;
};

/// What a scan may leave out: a hint, SQLite checks again.
struct Bounds {
  std::int64_t id_from = INT64_MIN, id_to = INT64_MAX;
  std::int64_t start_from = INT64_MIN, start_to = INT64_MAX;
};

/// One scan. One thread; not moved.
class Scan {
 public:
  Scan(Store& store, const Options& options, std::span<const DeclaredColumn> columns, const Bounds& bounds);
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  bool done() const noexcept { return phase_ == Phase::done; }
  void next();
  std::int64_t rowid();
  void put(sqlite3_context* context, std::size_t column);

 private:
  enum class Phase : std::uint8_t { segments, rows, done };
  struct Decoded {
    std::size_t block = SIZE_MAX;
    std::optional<IntegerColumn> integers;
    std::optional<RealColumn> reals;
    bool is_open = false;
    vtab::vector<std::int64_t> numbers;
    vtab::vector<double> real_numbers;
    vtab::vector<std::uint8_t> is_null;
  };
  bool next_segment();
  /// Goes on to the next row of segments that is meant, from the one at hand.
  void settle();
  void begin_rows();
  const Decoded& at(std::size_t column);
  std::string_view text(Field field, std::int64_t code);

  Store& store_;
  const vtab::Api* api_;
  const Options& options_;
  std::span<const DeclaredColumn> columns_;
  Bounds bounds_;
  Phase phase_ = Phase::segments;
  Statement snapshot_;
  Segments segments_;
  std::size_t row_ = 0;
  vtab::vector<std::int64_t> changed_;
  Decoded ids_;
  vtab::vector<Decoded> decoded_;
  std::array<vtab::vector<vtab::string>, kFields> texts_;
  Statement rows_;
};

}  // namespace warden::columns
