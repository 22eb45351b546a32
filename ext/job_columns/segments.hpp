// The segments of a job_columns table, one after the other, with the columns that somebody wants of them.
#pragma once

#include "integers.hpp"
#include "reals.hpp"
#include "store.hpp"

namespace warden::columns {

/// Turns a CorruptColumn into an error of SQL that names table, segment and column.
template <class Body>
auto checked(const Store& store, std::int64_t segment, std::int64_t column, Body&& body) {
  try {
    return body();
  } catch (const CorruptColumn& e) {
    throw vtab::error("job_columns: \"" + std::string(store.name()) + "\", segment " +
                          std::to_string(segment) + ", column " + std::to_string(column) + ": " + e.what() +
                          "; 'rebuild' makes it anew",
                      SQLITE_CORRUPT_VTAB);
  }
}

/// The zone maps of a segment.
class Zones {
 public:
  explicit Zones(Bytes bytes) noexcept : bytes_(bytes) {}
  struct Zone {
    std::uint64_t least = 0, most = 0;  // the bits of integers or doubles
  };
  /// Empty where the segment has no such column: of a metric, no job has it.
  std::optional<Zone> find(std::int64_t column) const noexcept;

 private:
  Bytes bytes_;
};

/// Reads segments in the order of their jobs. The BLOBs of one stay until the next. One thread.
class Segments {
 public:
  explicit Segments(Store& store);

  /// Goes to the next segment; false behind the last.
  bool next();
  std::int64_t id() const noexcept { return id_; }
  std::int64_t first() const noexcept { return first_; }
  std::int64_t last() const noexcept { return last_; }
  std::size_t jobs() const noexcept { return jobs_; }
  Zones zones() const { return Zones(segments_.blob(4)); }
  /// The column of the field; throws where it is damaged, or not there.
  IntegerColumn integers(Field field);
  /// Empty where no job of the segment has the metric.
  std::optional<RealColumn> reals(std::int64_t column);

 private:
  struct Reader {
    std::int64_t column;
    Statement statement;
    // Of the segment at hand.
    bool is_read = false;
    std::optional<Bytes> bytes = std::nullopt;
    std::optional<IntegerColumn> integers = std::nullopt;
    std::optional<RealColumn> reals = std::nullopt;
  };
  Reader& read(std::int64_t column);

  Store& store_;
  Statement segments_;
  vtab::vector<Reader> readers_;
  std::int64_t id_ = 0;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
  std::size_t jobs_ = 0;
};

}  // namespace warden::columns
