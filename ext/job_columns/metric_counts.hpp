// From the blocks of a metric into its histogram. Values are decimals, nearly always: integers divided by a power of ten. Bins
// rise with their values, so that each begins at some integer, which the histogram's own arithmetic finds; then a block's jobs
// are counted by comparing integers. Where the peak is not given it is the largest value so far that decides, so a block's
// largest comes first.
#pragma once

#include "histogram.hpp"
#include "predicates.hpp"

namespace warden::columns {

/// One metric. One thread.
class MetricCounts {
 public:
  MetricCounts(std::int64_t column, jobs::MetricHistogram& histogram, ExactValues& exact,
               const vtab::Api* api)
      : column_(column), histogram_(&histogram), exact_(&exact), edges_(vtab::Allocator<Edges>(api)) {}

  void open(Segments& segments) { values_ = segments.reals(column_); }
  /// The jobs of block `i` that the mask says, `met` in all.
  void add(std::size_t i, const Mask& mask, std::size_t met);

 private:
  /// Of a scale: the smallest integers of the bins 1 to bins() + 1.
  struct Edges {
    unsigned scale;
    vtab::vector<std::int64_t> integers;
  };
  const vtab::vector<std::int64_t>& edges_of(unsigned scale);
  /// The smallest integer from `least` on whose value is in this bin or above it.
  std::int64_t smallest_of(std::int64_t bin, unsigned scale, std::int64_t least);
  std::int64_t bin_of(double value);
  // Offsets of jobs that are not meant are 0.

  /// Lets the peak grow to the largest value that is meant.
  void grow(const RealBlock& block, const Offsets& offsets);
  void add_decimals(const RealBlock& block, const Offsets& offsets, const Mask& mask, std::size_t met);
  /// Each bin by a loop over the block.
  void add_bin_by_bin(const RealBlock& block, const Offsets& offsets, std::size_t values);
  /// Each job by looking for its bin.
  void add_job_by_job(const RealBlock& block, const Offsets& offsets, const Mask& mask);
  void put(double value, std::int64_t jobs);

  std::int64_t column_;
  jobs::MetricHistogram* histogram_;
  ExactValues* exact_;
  std::optional<RealColumn> values_;
  vtab::vector<Edges> edges_;
  double peak_of_edges_ = 0;
};

}  // namespace warden::columns
