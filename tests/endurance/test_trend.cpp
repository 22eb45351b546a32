// The slope by which the endurance run is judged: what grows is told from what only varies.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "trend.hpp"

namespace warden::test {
namespace {

/// `count` measurements, one a second, that grow by `slope` a second, with noise of that deviation.
std::vector<Point> measured(int count, double slope, double deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, deviation);
  std::vector<Point> series;
  for (int i = 0; i < count; ++i) series.push_back({double(i), 1000 + slope * i + noise(random)});
  return series;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trend)

BOOST_AUTO_TEST_CASE(a_line_has_its_slope_and_no_doubt) {
  const Trend line = trend_of(measured(40, 2.5, 0, 1));
  BOOST_TEST(line.per_second == 2.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(line.low == 2.5, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(line.high == 2.5, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(of_a_hundred_series_the_interval_holds_the_slope_of_ninety_and_more) {
  for (const int count : {20, 50, 400}) {
    int held = 0;
    for (unsigned seed = 0; seed < 100; ++seed) {
      const Trend found = trend_of(measured(count, 0.3, 10, seed));
      held += found.low <= 0.3 && 0.3 <= found.high;
    }
    BOOST_TEST(held >= 90, count << " points: " << held);
    BOOST_TEST(held < 100, count << " points: an interval that holds everything says nothing");
  }
}

BOOST_AUTO_TEST_CASE(growth_is_told_from_noise) {
  BOOST_TEST(trend_of(measured(100, 1, 10, 1)).low > 0);
  const Trend flat = trend_of(measured(100, 0, 10, 1));
  BOOST_TEST(flat.low < 0);
  BOOST_TEST(flat.high > 0);
}

BOOST_AUTO_TEST_CASE(outliers_do_not_move_it) {
  std::vector<Point> series = measured(60, 1, 0.1, 1);
  for (std::size_t i = 50; i < 60; i += 2) series[i].value += 1e6;
  BOOST_TEST(std::abs(trend_of(series).per_second - 1) < 0.1);
}

BOOST_AUTO_TEST_CASE(three_points_prove_nothing) {
  const Trend found = trend_of(measured(3, 5, 0, 1));
  BOOST_TEST(std::isinf(found.low));
  BOOST_TEST(std::isinf(found.high));
}

BOOST_AUTO_TEST_CASE(blocks_are_medians_of_neighbours_and_none_is_left_out) {
  const std::vector<Point> series{{0, 1}, {1, 9}, {2, 2}, {3, 5}, {4, 5}, {5, 80}};
  const std::vector<Point> blocks = blocks_of(series, 2);
  BOOST_REQUIRE(blocks.size() == 2u);
  BOOST_TEST(blocks[0].at_s == 1);
  BOOST_TEST(blocks[0].value == 2);
  BOOST_TEST(blocks[1].at_s == 4);
  BOOST_TEST(blocks[1].value == 5);
  BOOST_TEST(blocks_of(series, 100).size() == 6u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
