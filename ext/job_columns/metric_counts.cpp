#include "metric_counts.hpp"

#include <algorithm>

namespace warden::columns {
namespace {

/// Each edge is a loop over the block.
constexpr std::int64_t kMostBins = 64;

}  // namespace

void MetricCounts::put(double value, std::int64_t jobs) {
  histogram_->grow_to(value);
  if (histogram_->add(value, !is_rounded(value), jobs)) return;
  // On the edge of a bin.
  const double exact = exact_->of(value);
  histogram_->grow_to(exact);
  histogram_->add(exact, true, jobs);
}

std::int64_t MetricCounts::bin_of(double value) {
  const auto bin = histogram_->bin_of(value, !is_rounded(value));
  return bin ? *bin : *histogram_->bin_of(exact_->of(value), true);
}

const vtab::vector<std::int64_t>& MetricCounts::edges_of(unsigned scale) {
  if (peak_of_edges_ != histogram_->peak()) edges_.clear();
  peak_of_edges_ = histogram_->peak();
  for (const Edges& known : edges_)
    if (known.scale == scale) return known.integers;
  edges_.push_back({scale, vtab::vector<std::int64_t>(edges_.get_allocator())});
  std::int64_t edge = -kMostDecimal - 1;
  for (std::int64_t bin = 1; bin <= histogram_->bins() + 1; ++bin) {
    edge = smallest_of(bin, scale, edge);
    edges_.back().integers.push_back(edge);
  }
  return edges_.back().integers;
}

std::int64_t MetricCounts::smallest_of(std::int64_t bin, unsigned scale, std::int64_t least) {
  // Bins rise with their values, so one would halve what is left; but far from here each value is one that SQLite is asked for.
  const double divisor = power_of_ten(scale);
  constexpr auto most = static_cast<double>(kMostDecimal);
  const double near = static_cast<double>(bin - 1) / static_cast<double>(histogram_->bins()) *
                      std::clamp(histogram_->peak() * divisor, -most, most);
  const auto guess = static_cast<std::int64_t>(near);
  const auto is_reached = [&](std::int64_t integer) {
    return bin_of(static_cast<double>(integer) / divisor) >= bin;
  };
  std::int64_t low = least;
  std::int64_t high = kMostDecimal + 1;
  for (std::int64_t step = 1; guess - step > low; step *= 2) {
    if (!is_reached(guess - step)) {
      low = guess - step + 1;
      break;
    }
    high = guess - step;
  }
  for (std::int64_t step = 1; guess + step < high; step *= 2) {
    if (is_reached(guess + step)) {
      high = guess + step;
      break;
    }
    low = std::max(low, guess + step + 1);
  }
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (is_reached(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void MetricCounts::grow(const RealBlock& block, const Offsets& offsets) {
  const std::uint32_t largest = columns::largest(offsets);
  if (block.nulls != 0 && largest == 0) return;  // all that are meant are NULL
  histogram_->grow_to(static_cast<double>(block.base + largest) / power_of_ten(block.scale));
}

void MetricCounts::add_decimals(const RealBlock& block, const Offsets& offsets, const Mask& mask,
                                std::size_t met) {
  const std::size_t values = block.nulls == 0 ? met : count_from(offsets, 1);  // offset 0 is NULL's
  histogram_->add_without_value(static_cast<std::int64_t>(met - values));
  if (histogram_->bins() <= kMostBins && block.width < 31) {  // below Leasts that no offset reaches
    add_bin_by_bin(block, offsets, values);
  } else {
    add_job_by_job(block, offsets, mask);
  }
}

void MetricCounts::add_bin_by_bin(const RealBlock& block, const Offsets& offsets, std::size_t values) {
  const vtab::vector<std::int64_t>& edges = edges_of(block.scale);
  const std::int64_t first = block.nulls != 0 ? 1 : 0;
  const std::int64_t beyond = std::int64_t{1} << block.width;
  // Edges rise: those that all values reach, those that some may, and those that none does.
  const auto least = [&](std::size_t edge) { return edges[edge] - block.base; };
  std::size_t edge = 0;
  while (edge < edges.size() && least(edge) <= first) ++edge;
  std::size_t here = values;  // those of this bin and above
  while (here != 0 && edge < edges.size() && least(edge) < beyond) {
    Leasts leasts;
    for (std::size_t i = 0; i < leasts.size(); ++i) {
      const bool can_be = edge + i < edges.size() && least(edge + i) < beyond;
      leasts[i] = static_cast<std::int32_t>(can_be ? least(edge + i) : INT32_MAX);
    }
    for (const std::size_t above : count_from_each(offsets, leasts)) {
      histogram_->add_to(static_cast<std::int64_t>(edge++), static_cast<std::int64_t>(here - above));
      here = above;
      if (here == 0) return;
    }
  }
  histogram_->add_to(static_cast<std::int64_t>(edge), static_cast<std::int64_t>(here));
}

void MetricCounts::add_job_by_job(const RealBlock& block, const Offsets& offsets, const Mask& mask) {
  const vtab::vector<std::int64_t>& edges = edges_of(block.scale);
  const std::uint32_t first = block.nulls != 0 ? 1 : 0;
  // Bins are as wide as one another, but for what rounding does: where to look first.
  const double bins_by_integer = static_cast<double>(histogram_->bins()) /
                                 static_cast<double>(std::max<std::int64_t>(edges.back() - edges.front(), 1));
  for (std::size_t row = 0; row < block.rows; ++row) {
    if (mask[row] == 0 || offsets[row] < first) continue;
    const std::int64_t integer = block.base + offsets[row];
    const double place = static_cast<double>(integer - edges.front()) * bins_by_integer;
    auto bin = place <= 0
                   ? 0
                   : static_cast<std::int64_t>(std::min(place, static_cast<double>(histogram_->bins()))) + 1;
    while (bin > 0 && integer < edges[static_cast<std::size_t>(bin - 1)]) --bin;
    while (bin <= histogram_->bins() && integer >= edges[static_cast<std::size_t>(bin)]) ++bin;
    histogram_->add_to(bin, 1);
  }
}

void MetricCounts::add(std::size_t i, const Mask& mask, std::size_t met) {
  if (!values_) return histogram_->add_without_value(static_cast<std::int64_t>(met));
  const RealBlock block = values_->block(i);
  if (block.all_null()) return histogram_->add_without_value(static_cast<std::int64_t>(met));
  if (block.kind == BlockKind::constant) return put(block.min, static_cast<std::int64_t>(met));
  if (block.kind == BlockKind::packed) {
    Offsets offsets;
    values_->offsets(i, offsets.data());
    if (met < kBlock) clear_others(mask, offsets);
    if (block.limit >= histogram_->peak()) grow(block, offsets);
    if (histogram_->peak() != 0) return add_decimals(block, offsets, mask, met);
  }
  std::array<double, kBlock> numbers;
  std::array<std::uint8_t, kBlock> is_null;
  values_->values(i, numbers.data(), is_null.data());
  for (std::size_t row = 0; row < block.rows; ++row) {
    if (mask[row] == 0) continue;
    if (is_null[row] != 0) {
      histogram_->add_without_value();
    } else {
      put(numbers[row], 1);
    }
  }
}

}  // namespace warden::columns
