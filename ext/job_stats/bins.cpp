#include "bins.hpp"

#include <algorithm>
#include <array>

namespace warden::jobs {
namespace {

void add(Bins& rows, std::optional<std::int64_t> bin, Edge from, Edge to, std::string_view label,
         std::int64_t jobs) {
  rows.push_back({bin, from, to, vtab::string(label, vtab::Allocator<char>(rows.get_allocator())), jobs});
}

/// "0", "10m", "1h", "11h50m".
std::string duration_text(std::int64_t seconds) {
  const std::int64_t hours = seconds / 3600;
  const std::int64_t minutes = seconds % 3600 / 60;
  if (hours == 0) return minutes == 0 ? "0" : std::to_string(minutes) + "m";
  return std::to_string(hours) + "h" + (minutes == 0 ? "" : std::to_string(minutes) + "m");
}

/// As SQLite prints it: the host's locale has no say in it.
std::string number_text(const vtab::Api* api, double number) {
  std::array<char, 32> text{};
  return api->xsnprintf(static_cast<int>(text.size()), text.data(), "%g", number);
}

}  // namespace

void append_bins(Bins& rows, const DurationHistogram& histogram, bool parity) {
  const auto [bins, seconds] = histogram.division();
  if (!parity && histogram.below() > 0)
    add(rows, 0, Edge(), Edge::of(std::int64_t{0}), "<0", histogram.below());
  for (std::int64_t bin = 1; bin <= bins; ++bin) {
    const std::int64_t from = (bin - 1) * seconds;
    const std::int64_t to = bin * seconds;
    add(rows, bin, Edge::of(from), Edge::of(to), duration_text(from) + "-" + duration_text(to),
        histogram.jobs()[static_cast<std::size_t>(bin - 1)]);
  }
  if (!parity) {
    const std::int64_t end = bins * seconds;
    add(rows, bins + 1, Edge::of(end), Edge(), ">=" + duration_text(end), histogram.above());
  }
}

void append_bins(Bins& rows, const MetricHistogram& histogram, bool parity) {
  const vtab::Api* api = rows.get_allocator().api;
  const std::int64_t bins = histogram.bins();
  const auto width = static_cast<double>(bins);
  if (!parity && histogram.below() > 0) add(rows, 0, Edge(), Edge::of(0.0), "<0", histogram.below());
  // Upstream's edges are whole numbers, whatever the peak.
  const double peak = histogram.peak();
  const std::int64_t step = peak < 9e18 ? static_cast<std::int64_t>(peak) / bins : 0;
  for (std::int64_t bin = 1; bin <= bins; ++bin) {
    const std::int64_t jobs = histogram.jobs()[static_cast<std::size_t>(bin - 1)];
    if (parity) {
      const std::int64_t from = step * (bin - 1);
      const std::int64_t to = step * bin;
      add(rows, bin, Edge::of(from), Edge::of(to), std::to_string(from) + "-" + std::to_string(to), jobs);
    } else {
      const double from = static_cast<double>(bin - 1) * peak / width;
      const double to = static_cast<double>(bin) * peak / width;
      add(rows, bin, Edge::of(from), Edge::of(to), number_text(api, from) + "-" + number_text(api, to), jobs);
    }
  }
  if (!parity) add(rows, bins + 1, Edge::of(peak), Edge(), ">" + number_text(api, peak), histogram.above());
}

void append_bins(Bins& rows, const NumberHistogram& histogram, std::string_view function,
                 std::string_view column, bool parity, InterruptCheck& interrupted) {
  if (parity && histogram.unknown > 0) {
    throw vtab::error(std::string(function) + ": " + std::string(column) + " is NULL in " +
                      std::to_string(histogram.unknown) + " jobs (parity = 0 counts them)");
  }
  vtab::vector<const Counts::Entry*> sorted(histogram.counts.entries().begin(),
                                            histogram.counts.entries().end(),
                                            vtab::Allocator<const Counts::Entry*>(rows.get_allocator()));
  std::sort(sorted.begin(), sorted.end(), [&](const auto* a, const auto* b) {
    interrupted.now_and_then();
    return a->number < b->number;
  });
  for (const Counts::Entry* entry : sorted) {
    interrupted.now_and_then();
    const Edge edge = Edge::of(entry->number);
    add(rows, entry->number, edge, edge, std::to_string(entry->number), entry->count);
  }
  if (histogram.unknown > 0) add(rows, std::nullopt, Edge(), Edge(), "unknown", histogram.unknown);
}

}  // namespace warden::jobs
