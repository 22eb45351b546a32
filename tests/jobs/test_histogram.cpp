// Bins of durations and metrics: ClusterCockpit's formulas, evaluated by SQLite, are the oracle; what the specification
// lists as examples stands here as it is listed there.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "histogram.hpp"
#include "job_host.hpp"

namespace warden::test {
namespace {

using jobs::DurationHistogram;
using jobs::MetricHistogram;

constexpr std::int64_t kBelow = 0;
constexpr std::int64_t kNowhere = -1;

/// In which bin, from 1, a histogram counts v: kBelow, or one more than there are for above; kNowhere.
std::int64_t bin_of(double v, std::optional<double> peak, std::int64_t bins) {
  MetricHistogram histogram(bins, peak, real_api());
  if (!histogram.add(v)) return -2;
  if (histogram.below() == 1) return kBelow;
  if (histogram.above() == 1) return bins + 1;
  for (std::int64_t b = 0; b < bins; ++b) {
    if (histogram.jobs()[static_cast<std::size_t>(b)] == 1) return b + 1;
  }
  return kNowhere;
}

/// The same by upstream's SQL.
class Formula {
 public:
  Formula() {
    const char* const sql =
        "SELECT CASE WHEN ?1 > ?2 THEN ?3 + 1"
        " ELSE max(0, CAST((CASE WHEN ?1 = ?2 THEN ?2 * 0.999999999 ELSE ?1 END) / ?2 * ?3 AS INTEGER) + 1) "
        "END";
    sqlite3_prepare_v2(db_.get(), sql, -1, &statement_, nullptr);
  }
  ~Formula() { sqlite3_finalize(statement_); }
  Formula(const Formula&) = delete;
  Formula& operator=(const Formula&) = delete;
  std::int64_t operator()(double v, double peak, std::int64_t bins) {
    sqlite3_reset(statement_);
    sqlite3_bind_double(statement_, 1, v);
    sqlite3_bind_double(statement_, 2, peak);
    sqlite3_bind_int64(statement_, 3, bins);
    sqlite3_step(statement_);
    return sqlite3_column_int64(statement_, 0);
  }

 private:
  Db db_;
  sqlite3_stmt* statement_ = nullptr;
};

std::int64_t duration_bin(std::int64_t duration, jobs::DurationBins division) {
  DurationHistogram histogram(division, real_api());
  histogram.add(duration);
  if (histogram.below() == 1) return kBelow;
  if (histogram.above() == 1) return division.bins + 1;
  for (std::int64_t b = 0; b < division.bins; ++b) {
    if (histogram.jobs()[static_cast<std::size_t>(b)] == 1) return b + 1;
  }
  return kNowhere;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(histogram)

BOOST_AUTO_TEST_CASE(the_check_vectors_of_metrics) {
  const std::vector<std::pair<double, std::int64_t>> vectors{
      {0, 1},   {7, 1},  {7.1999, 1}, {7.2, 2},       {21.6, 4},      {50.4, 8},        {71.999999999999, 10},
      {72, 10}, {-3, 1}, {-7.1, 1},   {-7.2, kBelow}, {-100, kBelow}, {72.0000001, 11}, {1e300, 11}};
  for (const auto& [v, bin] : vectors) BOOST_TEST(bin_of(v, 72, 10) == bin, v);
  BOOST_TEST(bin_of(29, 100, 100) == 29);
  BOOST_TEST(bin_of(28, 100, 100) == 29);
  BOOST_TEST(bin_of(30, 100, 100) == 31);
}

BOOST_AUTO_TEST_CASE(the_check_vectors_of_durations) {
  const jobs::DurationBins hour{48, 3600};
  const std::vector<std::pair<std::int64_t, std::int64_t>> vectors{
      {0, 1},
      {3599, 1},
      {3600, 2},
      {7199, 2},
      {7200, 3},
      {-1, 1},
      {-3599, 1},
      {-3600, kBelow},
      {172799, 48},
      {172800, 49},
      {std::numeric_limits<std::int64_t>::max(), 49},
      {std::numeric_limits<std::int64_t>::min(), kBelow}};
  for (const auto& [duration, bin] : vectors) BOOST_TEST(duration_bin(duration, hour) == bin, duration);
}

BOOST_AUTO_TEST_CASE(the_divisions_of_durations) {
  const std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> divisions{
      {"1m", 60, 60},    {"10m", 72, 600},   {"1h", 48, 3600},
      {"6h", 12, 21600}, {"12h", 14, 43200}, {"24h", 24, 86400}};
  for (const auto& [name, bins, seconds] : divisions) {
    const auto found = jobs::duration_bins(name, false);
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(found->bins == bins);
    BOOST_TEST(found->seconds == seconds);
  }
  for (const char* unknown : {"", "1", "1H", "2h", "1h ", "24"}) {
    BOOST_TEST(!jobs::duration_bins(unknown, false).has_value());
    BOOST_TEST(jobs::duration_bins(unknown, true)->seconds == 3600);
    BOOST_TEST(jobs::duration_bins(unknown, true)->bins == 24);
  }
  BOOST_TEST(jobs::duration_bins("24h", true)->seconds == 3600);
  BOOST_TEST(jobs::duration_bins("6h", true)->bins == 12);
}

BOOST_AUTO_TEST_CASE(bins_are_where_the_formula_puts_them) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    Formula formula;
    for (int i = 0; i < 20'000; ++i) {
      const double peak =
          dice.once_in(2) ? static_cast<double>(dice.from_to(1, 10'000)) : dice.unit() * 1000 + 1e-3;
      const std::int64_t bins = dice.from_to(1, dice.once_in(4) ? 1000 : 20);
      double v = dice.unit() * 1.2 * peak - 0.1 * peak;
      if (dice.once_in(3)) {  // on an edge, or one bit beside it
        v = static_cast<double>(dice.from_to(-1, bins + 1)) * peak / static_cast<double>(bins);
        if (dice.once_in(2)) v = std::nextafter(v, dice.once_in(2) ? 1e9 : -1e9);
      }
      BOOST_TEST_REQUIRE(bin_of(v, peak, bins) == formula(v, peak, bins),
                         v << " of " << peak << " in " << bins);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_peak_that_is_found_counts_like_one_that_was_known) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (int round = 0; round < 300; ++round) {
      const std::int64_t bins = dice.from_to(1, dice.once_in(3) ? 1000 : 16);
      std::vector<double> values;
      double largest = 0;
      const auto count = dice.below(200);
      for (std::uint64_t i = 0; i < count; ++i) {
        double v = std::ldexp(dice.unit(),
                              static_cast<int>(dice.from_to(-20, static_cast<std::int64_t>(round) % 60)));
        if (dice.once_in(8)) v = 0;
        if (dice.once_in(8)) v = std::ldexp(1.0, static_cast<int>(dice.from_to(-5, 20)));
        if (dice.once_in(20)) v = -v;
        if (dice.once_in(4)) v = std::round(v);
        values.push_back(v);
        largest = std::max(largest, v);
      }
      MetricHistogram found(bins, std::nullopt, real_api());
      for (const double v : values) BOOST_TEST_REQUIRE(found.add(v));
      const auto sum = [](const auto& jobs) {
        std::int64_t all = 0;
        for (const std::int64_t n : jobs) all += n;
        return all;
      };
      BOOST_TEST(sum(found.jobs()) + found.below() + found.above() ==
                 static_cast<std::int64_t>(values.size()));
      BOOST_TEST(found.above() == 0);
      if (largest == 0) {
        BOOST_TEST(found.peak() == 0);
        continue;
      }
      // The smallest power of two above all values.
      BOOST_TEST(found.peak() > largest);
      BOOST_TEST(found.peak() / 2 <= largest);
      BOOST_TEST(std::exp2(std::round(std::log2(found.peak()))) == found.peak());
      MetricHistogram known(bins, found.peak(), real_api());
      for (const double v : values) {
        if (v >= 0) known.add(v);
      }
      BOOST_TEST(found.jobs() == known.jobs(), boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_value_that_is_not_exact_is_refused_where_its_last_bit_decides) {
  MetricHistogram histogram(10, 72, real_api());
  for (const double v : {7.2, 21.6, 50.4, 72.0, 0.0, std::nextafter(7.2, 0), std::nextafter(7.2, 8), -7.2})
    BOOST_TEST(!histogram.add(v, false), v);
  for (const std::int64_t n : histogram.jobs()) BOOST_TEST(n == 0);
  BOOST_TEST(histogram.below() + histogram.above() == 0);
  for (const double v : {7.1, 7.3, 71.9, 73.1, -3.0, -7.3}) BOOST_TEST(histogram.add(v, false), v);
  BOOST_TEST(histogram.above() == 1);
  BOOST_TEST(histogram.below() == 1);
}

BOOST_AUTO_TEST_CASE(what_is_not_refused_has_neighbours_in_the_same_bin) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    int refused = 0;
    for (int i = 0; i < 20'000; ++i) {
      const double peak =
          dice.once_in(2) ? static_cast<double>(dice.from_to(1, 6000)) : dice.unit() * 100 + 0.01;
      const std::int64_t bins = dice.from_to(1, 1000);
      const double edge = static_cast<double>(dice.from_to(0, bins)) * peak / static_cast<double>(bins);
      const double v = edge + (dice.unit() - 0.5) * std::pow(10, -static_cast<double>(dice.below(18))) * peak;
      MetricHistogram histogram(bins, peak, real_api());
      if (!histogram.add(v, false)) {
        ++refused;
        continue;
      }
      const std::int64_t bin = bin_of(v, peak, bins);
      BOOST_TEST_REQUIRE(bin_of(std::nextafter(v, 1e9), peak, bins) == bin);
      BOOST_TEST_REQUIRE(bin_of(std::nextafter(v, -1e9), peak, bins) == bin);
    }
    BOOST_TEST(refused > 1000);
    BOOST_TEST(refused < 19'000);
  }
}

BOOST_AUTO_TEST_CASE(a_new_largest_value_that_is_not_exact_is_refused) {
  MetricHistogram histogram(10, std::nullopt, real_api());
  BOOST_TEST(!histogram.add(5.3, false));
  BOOST_TEST(histogram.peak() == 0);
  BOOST_TEST(histogram.add(5.3));
  BOOST_TEST(histogram.peak() == 8);
  BOOST_TEST(histogram.add(5.4, false));
  BOOST_TEST(!histogram.add(8.1, false));
  BOOST_TEST(!histogram.add(std::nextafter(8.0, 0), false));
  BOOST_TEST(histogram.peak() == 8);
}

BOOST_AUTO_TEST_CASE(values_without_measure) {
  const double infinite = std::numeric_limits<double>::infinity();
  BOOST_TEST(bin_of(infinite, 72, 10) == 11);
  BOOST_TEST(bin_of(-infinite, 72, 10) == kBelow);
  BOOST_TEST(bin_of(1e308, 1e-300, 1000) == 1001);
  BOOST_TEST(bin_of(-1e308, 1e-300, 1000) == kBelow);
  BOOST_TEST(bin_of(5e-324, 1e-300, 10) == 1);
  BOOST_TEST(bin_of(1e308, 1e308, 10) == 10);
  BOOST_TEST(bin_of(infinite, std::nullopt, 10) == 11);
  BOOST_TEST(bin_of(1e308, std::nullopt, 10) == 11);
  BOOST_TEST(bin_of(-1, std::nullopt, 10) == kBelow);
  BOOST_TEST(bin_of(5e-324, 5e-324, 10) == 10);  // of the smallest number 0.999999999 is itself
  MetricHistogram grown(10, std::nullopt, real_api());
  for (const double v : {5e-324, 1.0, 1e300}) BOOST_TEST(grown.add(v));
  BOOST_TEST(std::isfinite(grown.peak()));
  BOOST_TEST(grown.jobs()[0] == 2);
}

BOOST_AUTO_TEST_CASE(a_peak_of_0_has_nothing_in_any_bin) {
  BOOST_TEST(bin_of(5, 0, 10) == kNowhere);
  BOOST_TEST(bin_of(0, 0, 10) == kNowhere);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
