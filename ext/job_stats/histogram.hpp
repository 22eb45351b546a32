// Bins: of durations and of metrics. Pure; formulas are ClusterCockpit's, so that counts agree with it to the job.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "footprint.hpp"
#include "memory.hpp"

namespace warden::jobs {

/// How durations are divided: `bins` of `seconds` each, from 0.
struct DurationBins {
  std::int64_t bins;
  std::int64_t seconds;
};

/// "1m", "10m", "1h", "6h", "12h", "24h"; empty where there is no such division. With `parity`, "24h" and everything that is
/// unknown are 24 bins of one hour, as ClusterCockpit has it.
std::optional<DurationBins> duration_bins(std::string_view name, bool parity) noexcept;

/// Jobs by duration: bin b, from 1, has (b - 1) * seconds <= D < b * seconds. Integer division truncates toward 0, so
/// -seconds < D < 0 is bin 1 too.
class DurationHistogram {
 public:
  DurationHistogram(DurationBins division, const vtab::Api* api)
      : division_(division),
        jobs_(static_cast<std::size_t>(division.bins), 0, vtab::Allocator<std::int64_t>(api)) {}

  void add(std::int64_t duration, std::int64_t jobs = 1) noexcept {
    const std::int64_t bin = duration / division_.seconds;
    if (bin < 0) {
      below_ += jobs;
    } else if (bin >= division_.bins) {
      above_ += jobs;
    } else {
      jobs_[static_cast<std::size_t>(bin)] += jobs;
    }
  }
  DurationBins division() const noexcept { return division_; }
  const vtab::vector<std::int64_t>& jobs() const noexcept { return jobs_; }
  std::int64_t below() const noexcept { return below_; }
  std::int64_t above() const noexcept { return above_; }

 private:
  DurationBins division_;
  vtab::vector<std::int64_t> jobs_;
  std::int64_t below_ = 0;
  std::int64_t above_ = 0;
};

/// Jobs by the value of one footprint metric. With a peak: bins [(b - 1) * peak / B, b * peak / B), the last one with its
/// upper edge; values above are counted apart. Without: the peak is the smallest power of two above all values; it
/// doubles as they come, two bins become one, and because halving is exact, every count is what it would have been had
/// the peak been known.
class MetricHistogram {
 public:
  MetricHistogram(std::int64_t bins, std::optional<double> peak, const vtab::Api* api)
      : jobs_(static_cast<std::size_t>(bins), 0, vtab::Allocator<std::int64_t>(api)),
        peak_(peak.value_or(0)),
        grows_(!peak) {}

  /// Counts `jobs` that have a value and returns true. False, and nothing is counted, where the value is not `exact` and so
  /// near the edge of a bin that its last bit decides.
  bool add(double v, bool exact = true, std::int64_t jobs = 1) noexcept;
  /// The bin of a value by the peak as it is, which is no 0: 0 is below all, bins() + 1 above. Empty where it is not `exact`, and
  /// near an edge.
  std::optional<std::int64_t> bin_of(double v, bool exact) const noexcept;
  void add_to(std::int64_t bin, std::int64_t jobs) noexcept {
    if (bin == 0) {
      below_ += jobs;
    } else if (bin > bins()) {
      above_ += jobs;
    } else {
      jobs_[static_cast<std::size_t>(bin - 1)] += jobs;
    }
  }
  void add_without_value(std::int64_t jobs = 1) noexcept { without_value_ += jobs; }
  /// Where the peak grows: makes room for a value that is going to be counted.
  void grow_to(double v) noexcept {
    if (grows_ && v > 0 && v >= peak_ && v <= kLargestPeak) grow_beyond(v);
  }

  /// 0 where it grows and no value above 0 has come yet.
  double peak() const noexcept { return peak_; }
  std::int64_t bins() const noexcept { return static_cast<std::int64_t>(jobs_.size()); }
  const vtab::vector<std::int64_t>& jobs() const noexcept { return jobs_; }
  std::int64_t below() const noexcept { return below_; }
  std::int64_t above() const noexcept { return above_; }
  /// Jobs whose footprint has no number for the metric.
  std::int64_t without_value() const noexcept { return without_value_; }

 private:
  /// A peak that is looked for never grows beyond it: double it, and it is still finite.
  static constexpr double kLargestPeak = 1e300;
  void grow_beyond(double v) noexcept;

  vtab::vector<std::int64_t> jobs_;
  double peak_;
  bool grows_;
  std::int64_t below_ = 0;
  std::int64_t above_ = 0;
  std::int64_t without_value_ = 0;
};

}  // namespace warden::jobs
