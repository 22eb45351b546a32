#include "trend.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace warden::test {
namespace {

constexpr std::size_t kMostBlocks = 60;
constexpr double kNormal975 = 1.959964;  // quantile of the normal distribution

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

std::vector<Point> blocks_of(std::span<const Point> series, std::size_t most) {
  const std::size_t count = std::min(series.size(), most);
  std::vector<Point> blocks;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * series.size() / count;
    const std::size_t end = (i + 1) * series.size() / count;
    std::vector<double> times;
    std::vector<double> values;
    for (const Point& point : series.subspan(begin, end - begin)) {
      times.push_back(point.at_s);
      values.push_back(point.value);
    }
    blocks.push_back({median_of(times), median_of(values)});
  }
  return blocks;
}

Trend trend_of(std::span<const Point> series) {
  const std::vector<Point> points = blocks_of(series, kMostBlocks);
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (points.size() < 4) return {0, -kInfinite, kInfinite};
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = i + 1; j < points.size(); ++j)
      slopes.push_back((points[j].value - points[i].value) / (points[j].at_s - points[i].at_s));
  }
  std::sort(slopes.begin(), slopes.end());
  const auto n = static_cast<double>(points.size());
  const double reach = kNormal975 * std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
  const auto all = static_cast<double>(slopes.size());
  const auto at = [&](double rank) {
    return slopes[static_cast<std::size_t>(std::clamp(rank, 0.0, all - 1))];
  };
  return {median_of(slopes), at(std::floor((all - reach) / 2)), at(std::ceil((all + reach) / 2))};
}

}  // namespace warden::test
