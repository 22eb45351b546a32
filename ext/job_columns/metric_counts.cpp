#include "metric_counts.hpp"

#include <algorithm>

namespace warden::columns {
namespace {

/// 4 MB of counts for a metric: beyond that, values are counted one by one.
constexpr std::int64_t kMostIntegers = std::int64_t{1} << 20;
/// Each edge is a loop over the block.
constexpr std::int64_t kMostBins = 64;

}  // namespace

bool MetricCounts::make_room(std::int64_t least, std::int64_t most, unsigned scale) {
  if (most - least >= kMostIntegers) return false;
  if (counts_.empty() || scale > scale_) {
    flush();
    scale_ = scale;
    base_ = least;
    counts_.assign(static_cast<std::size_t>(most - least + 1), 0);
    return true;
  }
  const std::int64_t end = base_ + static_cast<std::int64_t>(counts_.size());
  if (least >= base_ && most < end) return true;
  const std::int64_t from = std::min(least, base_);
  const std::int64_t to = std::max(most + 1, end);
  if (to - from > kMostIntegers) return false;
  counts_.resize(static_cast<std::size_t>(to - from), 0);
  std::rotate(counts_.begin(), counts_.end() - (base_ - from), counts_.end());
  base_ = from;
  return true;
}

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
  for (const Edges& known : edges_)
    if (known.scale == scale) return known.integers;
  edges_.push_back({scale, vtab::vector<std::int64_t>(counts_.get_allocator())});
  const double divisor = power_of_ten(scale);
  std::int64_t from = -kMostDecimal - 1;
  for (std::int64_t bin = 1; bin <= histogram_->bins() + 1; ++bin) {
    // Bins rise with their values.
    std::int64_t to = kMostDecimal + 1;
    while (from < to) {
      const std::int64_t middle = from + (to - from) / 2;
      if (bin_of(static_cast<double>(middle) / divisor) >= bin) {
        to = middle;
      } else {
        from = middle + 1;
      }
    }
    edges_.back().integers.push_back(from);
  }
  return edges_.back().integers;
}

void MetricCounts::add_by_edges(const RealBlock& block, const Offsets& offsets, const Mask& mask,
                                std::size_t met) {
  const std::uint32_t first = block.nulls != 0 ? 1 : 0;  // offset 0 is NULL's
  const std::size_t values = first == 0 ? met : count_from(offsets, first, mask);
  if (values < met) histogram_->add_without_value(static_cast<std::int64_t>(met - values));
  const std::int64_t beyond = std::int64_t{1} << block.width;
  std::size_t here = values;  // those of this bin and above
  std::int64_t bin = 0;
  for (const std::int64_t edge : edges_of(block.scale)) {
    const std::int64_t least = edge - block.base;
    const std::size_t above = least <= first   ? here
                              : least < beyond ? count_from(offsets, static_cast<std::uint32_t>(least), mask)
                                               : 0;
    histogram_->add_to(bin++, static_cast<std::int64_t>(here - above));
    here = above;
    if (here == 0) return;
  }
  histogram_->add_to(bin, static_cast<std::int64_t>(here));
}

void MetricCounts::flush() {
  const double divisor = power_of_ten(scale_);
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) put(static_cast<double>(base_ + static_cast<std::int64_t>(i)) / divisor, counts_[i]);
  }
  counts_.clear();
}

void MetricCounts::add(std::size_t i, const Mask& mask, std::size_t met, std::size_t rows) {
  if (!values_) return histogram_->add_without_value(static_cast<std::int64_t>(met));
  const RealBlock block = values_->block(i);
  if (block.all_null()) return histogram_->add_without_value(static_cast<std::int64_t>(met));
  if (block.kind == BlockKind::constant) return put(block.min, static_cast<std::int64_t>(met));
  if (block.kind == BlockKind::packed && histogram_->is_fixed() && histogram_->bins() <= kMostBins) {
    Offsets offsets;
    values_->offsets(i, offsets.data());
    return add_by_edges(block, offsets, mask, met);
  }
  if (block.kind == BlockKind::packed) {
    // Of a block that needs fewer digits than others, each integer stands for one that ends in zeros.
    const unsigned scale = std::max<unsigned>(block.scale, counts_.empty() ? 0 : scale_);
    const auto step = static_cast<std::int64_t>(power_of_ten(scale - block.scale));
    std::int64_t first = block.base + (block.nulls != 0 ? 1 : 0);
    std::int64_t last = block.base + ((std::int64_t{1} << block.width) - 1);
    const bool fits =
        !__builtin_mul_overflow(first, step, &first) && !__builtin_mul_overflow(last, step, &last);
    if (fits && make_room(first, last, scale)) {
      Offsets offsets;
      values_->offsets(i, offsets.data());
      std::uint32_t* const counts = counts_.data() + (first - base_);
      if (step != 1)
        for (std::uint32_t& offset : offsets) offset = static_cast<std::uint32_t>(offset * step);
      if (block.nulls == 0 && met == rows) {
        for (std::size_t row = 0; row < rows; ++row) ++counts[offsets[row]];
        return;
      }
      const auto null = static_cast<std::uint32_t>(block.nulls != 0 ? step : 0);
      std::int64_t without = 0;
      for (std::size_t row = 0; row < rows; ++row) {
        if (mask[row] == 0) continue;
        if (offsets[row] < null) {
          ++without;
        } else {
          ++counts[offsets[row] - null];
        }
      }
      if (without != 0) histogram_->add_without_value(without);
      return;
    }
  }
  std::array<double, kBlock> numbers;
  std::array<std::uint8_t, kBlock> is_null;
  values_->values(i, numbers.data(), is_null.data());
  for (std::size_t row = 0; row < rows; ++row) {
    if (mask[row] == 0) continue;
    if (is_null[row] != 0) {
      histogram_->add_without_value();
    } else {
      put(numbers[row], 1);
    }
  }
}

}  // namespace warden::columns
