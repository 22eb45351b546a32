// How many jobs have which value of a metric, on the way to its histogram. Values are decimals, nearly always: the jobs of each
// integer are counted, and only at the end each integer goes into its bin, by the histogram's own arithmetic.
#pragma once

#include "histogram.hpp"
#include "predicates.hpp"

namespace warden::columns {

/// One metric. One thread.
class MetricCounts {
 public:
  MetricCounts(std::int64_t column, std::string_view name, jobs::MetricHistogram& histogram, const vtab::Api* api)
      : column_(column),
        name_(name),
        histogram_(&histogram),
        counts_(vtab::Allocator<std::uint32_t>(api)),
        doubts_(vtab::Allocator<double>(api)) {}

  void open(Segments& segments) { values_ = segments.reals(column_); }
  /// The jobs of block `i` that the mask says, `met` in all.
  void add(std::size_t i, const Mask& mask, std::size_t met, std::size_t rows);
  /// Puts the rest into the histogram. Jobs whose value is one of doubts() are not in it yet: it is on the edge of a bin, and
  /// SQLite's conversion of its digits may differ in the last bit.
  void flush();
  std::span<const double> doubts() const noexcept { return doubts_; }
  /// The values of block `i` of the segment that was opened; false where there are none.
  bool values(std::size_t i, double* values, std::uint8_t* is_null) const;
  std::string_view name() const noexcept { return name_; }
  jobs::MetricHistogram& histogram() const noexcept { return *histogram_; }

 private:
  /// Makes room for the integers from least to most at a scale; false where that is too much.
  bool make_room(std::int64_t least, std::int64_t most, unsigned scale);
  void put(double value, std::int64_t jobs);

  std::int64_t column_;
  std::string_view name_;
  jobs::MetricHistogram* histogram_;
  std::optional<RealColumn> values_;
  // How many jobs have (base_ + i) / 10^scale_.
  unsigned scale_ = 0;
  std::int64_t base_ = 0;
  vtab::vector<std::uint32_t> counts_;
  vtab::vector<double> doubts_;
};

}  // namespace warden::columns
