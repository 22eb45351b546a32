#include "histogram.hpp"

#include <cmath>

namespace warden::jobs {
namespace {

/// A value is near an edge if its place among the bins is within so much of a whole number: far more than the last bit of
/// any double could do with at most 1000 bins, and still one value in millions.
constexpr double kNear = 1e-9;
/// Beyond it the digits after the point of a place say nothing.
constexpr double kMostPlaces = 1e6;

/// v / peak * B as ClusterCockpit's SQL computes it, in this order.
double place_of(double v, double peak, double bins) noexcept {
  return (v == peak ? peak * 0.999999999 : v) / peak * bins;
}

}  // namespace

std::optional<DurationBins> duration_bins(std::string_view name, bool parity) noexcept {
  if (name == "1m") return DurationBins{60, 60};
  if (name == "10m") return DurationBins{72, 600};
  if (name == "1h") return DurationBins{48, 3600};
  if (name == "6h") return DurationBins{12, 21'600};
  if (name == "12h") return DurationBins{14, 43'200};
  if (parity) return DurationBins{24, 3600};
  if (name == "24h") return DurationBins{24, 86'400};
  return std::nullopt;
}

bool MetricHistogram::add(double v, bool exact, std::int64_t jobs) noexcept {
  if (grows_) {
    if (v < 0) {
      below_ += jobs;
      return true;
    }
    if (v > kLargestPeak) {
      above_ += jobs;
      return true;
    }
    if (v >= peak_ && v > 0) {
      if (!exact) return false;  // rare: a new largest value
      grow_beyond(v);
    }
    if (peak_ == 0) {
      jobs_[0] += jobs;
      return true;
    }
  } else if (peak_ == 0) {
    return true;  // x / 0 is NULL in SQL: in no bin
  }
  const auto bin = bin_of(v, exact);
  if (bin) add_to(*bin, jobs);
  return bin.has_value();
}

std::optional<std::int64_t> MetricHistogram::bin_of(double v, bool exact) const noexcept {
  if (grows_ && v < 0) return 0;
  const auto bins = static_cast<double>(jobs_.size());
  const double place = place_of(v, peak_, bins);
  if (!exact) {
    // At the peak, too: one bit more, and it is above.
    if (v == peak_ || !(std::fabs(place) < kMostPlaces)) return std::nullopt;
    const double beyond = place - static_cast<double>(static_cast<std::int64_t>(place));
    const double edge = std::fabs(beyond);
    if (edge < kNear || edge > 1 - kNear) return std::nullopt;
  }
  if (!(v <= peak_)) return this->bins() + 1;
  if (place <= -1) return 0;
  if (place >= bins) return this->bins();  // a peak so small that 0.999999999 of it is itself
  // Truncated toward 0, as CAST does: what is less than one bin below 0 is in the first.
  return static_cast<std::int64_t>(place) + 1;
}

void MetricHistogram::grow_beyond(double v) noexcept {
  int exponent = 0;
  std::frexp(v, &exponent);  // v = m * 2^exponent with 0.5 <= m < 1, so v < 2^exponent
  const double wanted = std::ldexp(1.0, exponent);
  if (peak_ == 0) {
    peak_ = wanted;  // only zeros so far: they are in the first bin of any
    return;
  }
  for (; peak_ < wanted; peak_ *= 2) {
    for (std::size_t i = 1; i < jobs_.size(); ++i) {
      const std::int64_t moved = jobs_[i];
      jobs_[i] = 0;
      jobs_[i / 2] += moved;
    }
  }
}

}  // namespace warden::jobs
