// Does a series of measurements grow? A slope that single outliers do not move, with its 95 % confidence interval.
#pragma once

#include <span>
#include <vector>

namespace warden::test {

struct Point {
  double at_s = 0;
  double value = 0;
};

struct Trend {
  double per_second = 0;
  double low = 0;  // of the 95 % confidence interval
  double high = 0;
};

/// Theil-Sen: the median of the slopes of all pairs of points, and the interval that Kendall's rank statistic gives (P. K. Sen,
/// Estimates of the regression coefficient based on Kendall's tau, 1968). Nothing is assumed of how the noise is spread.
/// Neighbouring measurements depend on each other, so a long series is first cut into blocks, each its median: at most 60.
/// With fewer than four points everything is possible: the interval is infinite.
Trend trend_of(std::span<const Point> series);

/// The series as at most `most` medians of neighbours.
std::vector<Point> blocks_of(std::span<const Point> series, std::size_t most);

}  // namespace warden::test
