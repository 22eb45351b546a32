// The run: rounds of random load, after each a moment of quiet in which the process is measured, and the verdict.
#pragma once

#include <vector>

#include "load.hpp"
#include "usage.hpp"

namespace warden::test {

struct RunOptions {
  double seconds = 4;
  Plant plant = Plant::nothing;
  std::int64_t tolerance_ms = 10'000;  // by which a statement may outlive its deadline: machines are busy
  unsigned seed = 1;
};

/// What a run found, and whether that is as it must be.
struct Outcome {
  Tally tally;
  std::vector<Usage> usages;  // one per round, without the first fifth: by then all is in use that will be
  std::vector<std::string> problems;  // empty = it is as it must be
};

/// The most that a quantity may have grown by in a run, as far as the lower end of the slope's 95 % confidence interval
/// says that it grew: 1 MB, so 1 MB an hour where the run takes an hour.
inline constexpr double kMostGrowthBytes = 1e6;

/// Runs it. In a child where something is planted: what leaks stays.
void run(const RunOptions& options, Outcome& outcome);

/// The table of what was measured, and the line of figures.
void print(const Outcome& outcome, double seconds);

}  // namespace warden::test
