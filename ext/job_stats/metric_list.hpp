// Which metrics a histogram is wanted of.
#pragma once

#include <optional>
#include <string_view>

#include "json_tree.hpp"
#include "pass.hpp"

namespace warden::jobs {

/// '[{"metric":"mem_bw_avg","peak":350}, "cpu_load_avg"]': keys of the footprint, each with the upper edge of its last bin,
/// or without one: then that is the smallest power of two above all values. At most kMostMetrics.
class MetricList {
 public:
  static constexpr std::size_t kMostMetrics = 100;

  /// Empty where `json` is. Throws vtab::error that names what is wrong.
  MetricList(ext::SqliteConnection& self, std::string_view function, std::optional<std::string_view> json,
             bool parity);
  std::span<const Metric> metrics() const noexcept { return metrics_; }

 private:
  void add(const JsonNode& item, bool parity);
  std::optional<JsonTree> tree_;
  vtab::vector<Metric> metrics_;
};

/// The number of bins, 1 to 1000; throws vtab::error for others.
std::int64_t metric_bins(std::string_view function, std::string_view argument,
                         std::optional<std::int64_t> bins);

}  // namespace warden::jobs
