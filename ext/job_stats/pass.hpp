// One pass over the jobs of a filter that counts everything a statistic needs.
//
// SQLite runs one statement, SELECT warden_job_pass(?, columns...) FROM job WHERE conditions, whose aggregate function
// hands the columns of each row to the pass: no row ever leaves SQLite's loop, which looks for an interrupt at each, so
// a pass is as interruptible as a scan, and costs a fraction of fetching the rows one by one. Only columns that somebody
// asks for are read; the footprint of a row is parsed once, for the filter and for all metrics.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "filter.hpp"
#include "footprint_reader.hpp"
#include "histogram.hpp"
#include "source.hpp"
#include "totals.hpp"

namespace warden::columns {
class ColumnPass;
}

namespace warden::jobs {

/// Who reads the jobs.
enum class EngineChoice : std::uint8_t { automatic, rows, columns };

/// What all statistics take beside the filter.
struct Options {
  std::int64_t now = 0;              // Unix seconds
  std::int64_t short_seconds = 300;  // jobs shorter than this are short
  bool parity = false;
  EngineChoice engine = EngineChoice::automatic;
};

/// Which sums are wanted.
struct Wanted {
  bool users = false;
  bool seconds = false;
  bool nodes = false;
  bool node_seconds = false;
  bool cores = false;
  bool core_seconds = false;
  bool accs = false;
  bool acc_seconds = false;
  bool running_jobs = false;
  bool short_jobs = false;
  static constexpr Wanted everything() {
    return {true, true, true, true, true, true, true, true, true, true};
  }
};

/// Jobs by a number of theirs.
struct NumberHistogram {
  explicit NumberHistogram(const vtab::Api* api) : counts(api) {}
  Counts counts;
  std::int64_t unknown = 0;  // the column is NULL
};

/// A metric whose histogram is wanted.
struct Metric {
  std::string_view key;
  std::optional<double> peak;
};

/// Set up by one thread, run once, read as often as one likes. Not moved.
class Pass {
 public:
  /// Number columns that can have a histogram.
  enum Number { nodes, cores, accs };

  Pass(ext::SqliteConnection& self, std::string_view function, const Options& options);
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  // What is wanted; before run().
  void want_totals(const Wanted& wanted) { wanted_ = wanted; }
  /// Totals for each value of this column of the source.
  void group_by(std::string_view column);
  void want_durations(DurationBins division) { durations_.emplace(division, api_); }
  void want_numbers(Number which) { numbers_[which].emplace(api_); }
  void want_metrics(std::span<const Metric> metrics, std::int64_t bins);

  /// Reads the jobs. Throws vtab::error (SQLITE_INTERRUPT among others), std::bad_alloc.
  void run(const Source& source, const Filter& filter);

  const Options& options() const noexcept { return options_; }

  // What was found.
  const Totals& totals() const noexcept { return all_.totals; }
  Groups* groups() noexcept { return groups_ ? &*groups_ : nullptr; }
  const DurationHistogram& durations() const { return *durations_; }
  const NumberHistogram& numbers(Number which) const { return *numbers_[which]; }
  std::span<const MetricHistogram> metrics() const noexcept { return metrics_; }
  /// Jobs of the filter whose footprint is something, but not JSON. Where footprints were read.
  std::int64_t bad_footprints() const noexcept { return bad_footprints_; }

  /// For the aggregate function: one row of the statement, without the pointer to this.
  void add(sqlite3_value** row);

 private:
  friend class columns::ColumnPass;
  /// The columns of a job that a pass can read, in the order in which they are handed over.
  enum Column { kState, kStart, kDuration, kNodes, kCores, kAccs, kUser, kFootprint, kGroup, kColumns };
  static constexpr std::array<std::string_view, kColumns> kNames{"job_state", "start_time",    "duration",
                                                                 "num_nodes", "num_hwthreads", "num_acc",
                                                                 "hpc_user",  "footprint",     ""};
  bool reads(Column column) const noexcept { return position_[column] >= 0; }
  void decide_columns(const Filter& filter);
  void run_rows(const Source& source, const Filter& filter, std::string_view condition);
  vtab::value at(sqlite3_value** row, Column column) const noexcept { return {api_, row[position_[column]]}; }
  std::int64_t integer(sqlite3_value** row, Column column) const noexcept {
    return api_->value_int64(row[position_[column]]);
  }
  void add_metrics(FootprintReader::Read read);
  void add_numbers(sqlite3_value** row);
  void add_totals(Group& group, std::uint32_t group_number, sqlite3_value** row, bool running,
                  const std::optional<std::int64_t>& duration);
  void add_to(std::int64_t& sum, std::int64_t amount, std::string_view what) const;
  void add_product(std::int64_t& sum, std::int64_t a, std::int64_t b, std::string_view what) const;

  ext::SqliteConnection& self_;
  const vtab::Api* api_;
  std::string_view function_;
  Options options_;
  std::optional<Wanted> wanted_;
  vtab::string group_column_;
  std::optional<DurationHistogram> durations_;
  std::array<std::optional<NumberHistogram>, 3> numbers_;
  vtab::vector<std::string_view> metric_keys_;
  vtab::vector<std::size_t> metric_places_;
  vtab::vector<MetricHistogram> metrics_;

  std::array<int, kColumns> position_{};
  std::optional<FootprintReader> footprints_;
  std::optional<FootprintConditions> conditions_;
  std::int64_t bad_footprints_ = 0;
  Group all_;
  std::optional<Groups> groups_;
  std::optional<ByText<char>> users_;
  std::optional<PairSet> users_of_groups_;
  vtab::string key_;
};

}  // namespace warden::jobs
