// Histograms of durations, and of numbers of nodes, cores and accelerators, counted block by block.
#include <algorithm>
#include <numeric>

#include "column_pass.hpp"

namespace warden::columns {
namespace {

using jobs::Pass;

/// Numbers of nodes and the like are counted in a table, where they are below.
constexpr std::size_t kMostCounted = 1 << 14;
/// Counts of which each number has several, for one row after another: many rows have the same number, and would each wait
/// until the one before has been counted.
constexpr std::size_t kTurns = 4;
/// Bits of offsets that are counted so.
constexpr unsigned kMostWidthInTurns = 8;

/// counts[numbers[i] * kTurns + i % kTurns] += mask[i]
template <class Number, class Count>
void add_in_turns(const std::array<Number, kBlock>& numbers, const Mask& mask, Count* counts) noexcept {
  for (std::size_t row = 0; row < kBlock; row += kTurns) {
    for (std::size_t turn = 0; turn < kTurns; ++turn)
      counts[static_cast<std::size_t>(numbers[row + turn]) * kTurns + turn] += mask[row + turn];
  }
}
template <class Counts>
std::int64_t sum_of_turns(const Counts& counts, std::size_t number) noexcept {
  const auto first = counts.begin() + static_cast<std::ptrdiff_t>(number * kTurns);
  return std::accumulate(first, first + kTurns, std::int64_t{0});
}

}  // namespace

void ColumnPass::add_durations(std::size_t i, const Mask& mask, std::size_t met) {
  jobs::DurationHistogram& histogram = *pass_.durations_;
  const auto bins = static_cast<std::int32_t>(histogram.division().bins);
  if (duration_counts_.empty()) duration_counts_.assign((static_cast<std::size_t>(bins) + 1) * kTurns, 0);
  Mask ended = mask;
  if (any_runs_) {
    each_met(runs_, [&](std::size_t row) {
      if (mask[row] == 0) return;
      ended[row] = 0;
      histogram.add(seconds_of_running(i, row));
    });
  }
  Numbers places;
  divide(stored_, static_cast<std::int32_t>(histogram.division().seconds), bins, places);
  if (met < kBlock) clear_others(mask, places);  // behind the last row may be anything
  add_in_turns(places, ended, duration_counts_.data());
}

void ColumnPass::add_numbers(Pass::Number which, std::size_t i, const Mask& mask) {
  jobs::NumberHistogram& histogram = *pass_.numbers_[which];
  const IntegerColumn& numbers = column(field_of_number(which));
  const IntegerBlock block = numbers.block(i);
  vtab::vector<std::int64_t>& counts = number_counts_[which];
  if (counts.empty()) counts.assign(kMostCounted, 0);
  const auto add = [&](std::int64_t number, std::int64_t jobs) {
    if (number >= 0 && number < static_cast<std::int64_t>(kMostCounted)) {
      counts[static_cast<std::size_t>(number)] += jobs;
    } else {
      histogram.counts.add(number, jobs);
    }
  };
  if (block.has_offsets() && block.width <= kMostWidthInTurns) {
    Offsets offsets;
    numbers.offsets(i, offsets.data());
    std::array<std::uint32_t, (kTurns << kMostWidthInTurns)> in_turns;
    std::fill_n(in_turns.begin(), kTurns << block.width, 0);
    add_in_turns(offsets, mask, in_turns.data());
    for (std::uint32_t offset = 0; offset < 1U << block.width; ++offset) {
      const std::int64_t jobs = sum_of_turns(in_turns, offset);
      if (jobs == 0) continue;
      if (offset == 0 && block.nulls != 0) {
        histogram.unknown += jobs;
      } else {
        add(block.value_of(offset), jobs);
      }
    }
    return;
  }
  Numbers read;
  Mask is_null;
  numbers.values32(i, read.data(), is_null.data());
  for (std::size_t row = 0; row < block.rows; ++row) {
    if (mask[row] == 0) continue;
    if (is_null[row] != 0) {
      ++histogram.unknown;
    } else {
      add(read[row], 1);
    }
  }
}

void ColumnPass::flush_histograms() {
  for (std::size_t bin = 0; bin < duration_counts_.size() / kTurns; ++bin)
    pass_.durations_->add(static_cast<std::int64_t>(bin) * pass_.durations_->division().seconds,
                          sum_of_turns(duration_counts_, bin));
  for (const Pass::Number which : {Pass::nodes, Pass::cores, Pass::accs}) {
    const vtab::vector<std::int64_t>& counts = number_counts_[which];
    for (std::size_t number = 0; number < counts.size(); ++number)
      if (counts[number] != 0)
        pass_.numbers_[which]->counts.add(static_cast<std::int64_t>(number), counts[number]);
  }
}

}  // namespace warden::columns
