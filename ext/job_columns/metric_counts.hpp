// How many jobs have which value of a metric, on the way to its histogram. Values are decimals, nearly always. Where the peak is
// given, the edges of the bins are known, and so is the smallest integer of each: a block's jobs from there on are counted.
// Where it isn't, the jobs of each integer are counted, and only at the end each integer goes into its bin. In both it is
// the histogram's own arithmetic that decides.
#pragma once

#include "histogram.hpp"
#include "predicates.hpp"

namespace warden::columns {

/// One metric. One thread.
class MetricCounts {
 public:
  MetricCounts(std::int64_t column, jobs::MetricHistogram& histogram, ExactValues& exact,
               const vtab::Api* api)
      : column_(column),
        histogram_(&histogram),
        exact_(&exact),
        edges_(vtab::Allocator<Edges>(api)),
        counts_(vtab::Allocator<std::uint32_t>(api)) {}

  void open(Segments& segments) { values_ = segments.reals(column_); }
  /// The jobs of block `i` that the mask says, `met` in all.
  void add(std::size_t i, const Mask& mask, std::size_t met, std::size_t rows);
  /// Puts into the histogram what isn't there yet.
  void flush();

 private:
  /// Of a scale: the smallest integers of the bins 1 to bins() + 1.
  struct Edges {
    unsigned scale;
    vtab::vector<std::int64_t> integers;
  };
  const vtab::vector<std::int64_t>& edges_of(unsigned scale);
  std::int64_t bin_of(double value);
  void add_by_edges(const RealBlock& block, const Offsets& offsets, const Mask& mask, std::size_t met);
  /// Makes room for the integers from least to most at a scale; false where that is too much.
  bool make_room(std::int64_t least, std::int64_t most, unsigned scale);
  void put(double value, std::int64_t jobs);

  std::int64_t column_;
  jobs::MetricHistogram* histogram_;
  ExactValues* exact_;
  std::optional<RealColumn> values_;
  vtab::vector<Edges> edges_;
  // How many jobs have (base_ + i) / 10^scale_.
  unsigned scale_ = 0;
  std::int64_t base_ = 0;
  vtab::vector<std::uint32_t> counts_;
};

}  // namespace warden::columns
