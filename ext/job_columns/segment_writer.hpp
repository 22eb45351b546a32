// Jobs on their way into a segment: regular ones go into the writers of its columns, of the others it is known that they are
// odd.
#pragma once

#include <optional>

#include "dictionary.hpp"
#include "footprint.hpp"
#include "integers.hpp"
#include "reals.hpp"
#include "value.hpp"

namespace warden::columns {

/// Which metrics have which number: as names of column kNamesOfMetrics in the dictionary table. One thread.
class Metrics {
 public:
  /// `only` names those that are kept; empty for all that are met.
  Metrics(Store& store, std::string_view only);

  std::span<const std::string_view> names() const noexcept { return names_; }
  bool takes_new() const noexcept { return takes_new_ && names_.size() < kMostMetrics; }
  void add(std::string_view name);
  void store_new() { dictionary_.store_new(); }

 private:
  Dictionary dictionary_;
  vtab::vector<std::string_view> names_;
  bool takes_new_;
};

/// A column that is done.
struct WrittenColumn {
  std::int64_t number;
  vtab::vector<std::byte> data;
};

/// One segment after the other. One thread.
class SegmentWriter {
 public:
  SegmentWriter(Store& store, const Options& options);
  SegmentWriter(const SegmentWriter&) = delete;
  SegmentWriter& operator=(const SegmentWriter&) = delete;

  /// The columns that a statement has to give of a job, as SQL, in the order in which add() wants them: its rowid first.
  vtab::string selected() const;
  /// Reads a job; false where it is odd.
  bool read(std::int64_t id, const Statement& row);
  /// Takes the job that was read last. The rowids must rise.
  void add();
  /// Of the job that was read last: a number or a code; empty for NULL, and where the field is not kept.
  std::optional<std::int64_t> number(Field field) const noexcept;
  /// How many metrics it could have, and what it has of each.
  std::size_t metrics() const noexcept { return metrics_.names().size(); }
  std::optional<double> metric(std::size_t i) const noexcept;
  std::size_t jobs() const noexcept { return jobs_; }
  std::int64_t first() const noexcept { return first_; }
  std::int64_t last() const noexcept { return last_; }
  /// The columns, and the zone maps; the next segment begins.
  vtab::vector<WrittenColumn> finish(vtab::vector<std::byte>& zones);
  /// New texts and metrics; before a segment that uses them is stored, or in the same transaction.
  void store_new();

 private:
  bool read_field(Field field, const vtab::value& value);
  bool read_footprint(const vtab::value& value, bool& has_one);
  void begin_segment();
  void add_metric_writer();

  Store& store_;
  const vtab::Api* api_;
  std::array<bool, kFields> kept_{};
  std::array<std::optional<Dictionary>, kFields> dictionaries_;
  Metrics metrics_;
  std::optional<jobs::FootprintScanner> scanner_;
  std::array<std::optional<std::int64_t>, kFields> cells_;
  vtab::vector<jobs::FootprintValue> values_;
  vtab::vector<vtab::owned<IntegerWriter>> fields_;
  vtab::vector<vtab::owned<RealWriter>> metric_writers_;
  std::size_t jobs_ = 0;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace warden::columns
