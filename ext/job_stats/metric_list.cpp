#include "metric_list.hpp"

#include <cmath>

namespace warden::jobs {
namespace {

using Type = JsonNode::Type;

constexpr std::int64_t kDefaultBins = 10;
constexpr std::int64_t kMostBins = 1000;

/// Upstream prints the peak into its SQL with six decimals.
double with_six_decimals(double peak) noexcept {
  constexpr double kDecimals = 1e6;
  return peak < 1e9 ? std::nearbyint(peak * kDecimals) / kDecimals : peak;
}

}  // namespace

MetricList::MetricList(ext::SqliteConnection& self, std::string_view function,
                       std::optional<std::string_view> json, bool parity)
    : metrics_(vtab::Allocator<Metric>(self.api())) {
  if (!json) return;
  tree_.emplace(self, *json, std::string(function) + ": metrics");
  const JsonNode& root = tree_->root();
  if (root.type == Type::null) return;
  if (root.type != Type::array) {
    add(root, parity);
    return;
  }
  tree_->each_child(root, [&](const JsonNode& item) { add(item, parity); });
}

void MetricList::add(const JsonNode& item, bool parity) {
  if (metrics_.size() == kMostMetrics)
    tree_->refuse(item, "is one too many: at most " + std::to_string(kMostMetrics) + " metrics at once");
  const JsonNode* name = &item;
  std::optional<double> peak;
  if (item.type == Type::object) {
    name = nullptr;
    tree_->each_child(item, [&](const JsonNode& member) {
      if (member.key == "metric") {
        name = &member;
      } else if (member.key == "peak") {
        if (member.type == Type::null) return;
        if (member.type != Type::integer && member.type != Type::real) tree_->refuse_type(member, "a number");
        // Upstream knows a metric without a configuration: its peak is 0, and all its bins are empty.
        const bool possible = member.real > 0 || (parity && member.real == 0);
        if (!possible || std::isinf(member.real)) tree_->refuse(member, "must be a number above 0");
        peak = parity ? with_six_decimals(member.real) : member.real;
      } else {
        tree_->refuse(member, "is not known here (metric, peak are)");
      }
    });
    if (name == nullptr) tree_->refuse(item, "has no \"metric\"");
  }
  if (name->type != Type::text) tree_->refuse_type(*name, "the name of a metric, a string");
  if (!is_metric_name(name->text))
    tree_->refuse(*name, "must be letters, digits and underscores, not \"" +
                             std::string(name->text.substr(0, 64)) + '"');
  metrics_.push_back({name->text, peak});
}

std::int64_t metric_bins(std::string_view function, std::string_view argument,
                         std::optional<std::int64_t> bins) {
  const std::int64_t wanted = bins.value_or(kDefaultBins);
  if (wanted < 1 || wanted > kMostBins) {
    throw vtab::error(std::string(function) + ": " + std::string(argument) + " must be from 1 to " +
                      std::to_string(kMostBins) + ", not " + std::to_string(wanted));
  }
  return wanted;
}

}  // namespace warden::jobs
