// Timestamps against SQLite's own date functions; and what is none is refused.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"
#include "rfc3339.hpp"

namespace warden::test {
namespace {

std::string two(std::int64_t number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string shown(std::string_view text) {
  const auto seconds = jobs::unix_seconds_of(text);
  return seconds ? std::to_string(*seconds) : "none";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rfc3339)

BOOST_AUTO_TEST_CASE(timestamps_that_are_known) {
  BOOST_TEST(shown("1970-01-01T00:00:00Z") == "0");
  BOOST_TEST(shown("2025-01-01T00:00:00Z") == "1735689600");
  BOOST_TEST(shown("2025-01-01T01:30:00+01:30") == "1735689600");
  BOOST_TEST(shown("2024-12-31T16:00:00.999999999-08:00") == "1735689600");
  BOOST_TEST(shown("2025-01-01t00:00:00z") == "1735689600");
  BOOST_TEST(shown("2024-02-29T23:59:59Z") == "1709251199");
  BOOST_TEST(shown("1969-12-31T23:59:59Z") == "-1");
  BOOST_TEST(shown("0000-01-01T00:00:00Z") == "-62167219200");
  BOOST_TEST(shown("9999-12-31T23:59:59Z") == "253402300799");
  BOOST_TEST(shown("2025-01-01T00:00:00-00:00") == "1735689600");
}

BOOST_AUTO_TEST_CASE(what_is_no_timestamp) {
  for (const char* text : {"",
                           "x",
                           "2025",
                           "2025-01-01",
                           "2025-01-01T00:00:00",
                           "2025-01-01 00:00:00Z",
                           "2025-1-01T00:00:00Z",
                           "2025-01-01T0:00:00Z",
                           "2025-01-01T00:00Z",
                           "2025-00-01T00:00:00Z",
                           "2025-13-01T00:00:00Z",
                           "2025-01-00T00:00:00Z",
                           "2025-01-32T00:00:00Z",
                           "2025-02-29T00:00:00Z",
                           "2025-04-31T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2025-x1-01T00:00:00Z",
                           "2025-01-0xT00:00:00Z",
                           "2025-01-01Tx0:00:00Z",
                           "2025-01-01T00:x0:00Z",
                           "2025-01-01T00:00:0x",
                           "2025-01-01T00:00:00.",
                           "2025-01-01T24:00:00Z",
                           "2025-01-01T00:60:00Z",
                           "2025-01-01T00:00:60Z",
                           "2025-01-01T00:00:00.Z",
                           "2025-01-01T00:00:00,5Z",
                           "2025-01-01T00:00:00+1:00",
                           "2025-01-01T00:00:00+0100",
                           "2025-01-01T00:00:00+24:00",
                           "2025-01-01T00:00:00+00:60",
                           "2025-01-01T00:00:00+01:0",
                           "2025-01-01T00:00:00+",
                           "2025-01-01T00:00:00ZZ",
                           "2025-01-01T00:00:00Z ",
                           " 2025-01-01T00:00:00Z",
                           "+2025-01-01T00:00:00Z",
                           "-2025-01-01T00:00:00Z",
                           "12025-01-01T00:00:00Z",
                           "2025-01-01T00:00:00.5",
                           "2025-01-01T-1:00:00Z",
                           "now",
                           "1735689600"}) {
    BOOST_TEST(shown(text) == "none", text);
  }
}

BOOST_AUTO_TEST_CASE(random_timestamps_are_those_of_sqlite) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    const Db db;
    sqlite3_stmt* oracle = nullptr;
    sqlite3_prepare_v2(db.get(), "SELECT strftime('%s', ?1)", -1, &oracle, nullptr);
    for (int i = 0; i < 50'000; ++i) {
      const std::int64_t year = dice.from_to(1, 9998);
      std::string text = std::string(4 - std::to_string(year).size(), '0') + std::to_string(year) + "-" +
                         two(dice.from_to(1, 12)) + "-" + two(dice.from_to(1, 28)) + "T" +
                         two(dice.from_to(0, 23)) + ":" + two(dice.from_to(0, 59)) + ":" +
                         two(dice.from_to(0, 59));
      if (dice.once_in(3)) text += "." + std::to_string(dice.below(900));
      // SQLite knows no offsets beyond 14 hours.
      text += dice.once_in(3)
                  ? "Z"
                  : (dice.once_in(2) ? "+" : "-") + two(dice.from_to(0, 14)) + ":" + two(dice.from_to(0, 59));
      sqlite3_reset(oracle);
      sqlite3_bind_text(oracle, 1, text.c_str(), -1, SQLITE_TRANSIENT);
      sqlite3_step(oracle);
      BOOST_TEST_REQUIRE(shown(text) == reinterpret_cast<const char*>(sqlite3_column_text(oracle, 0)), text);
    }
    sqlite3_finalize(oracle);
  }
}

BOOST_AUTO_TEST_CASE(every_day_of_four_hundred_years) {
  const Db db;
  // The Gregorian calendar repeats itself after that.
  const auto days = db.rows(
      "WITH RECURSIVE d(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 146097) "
      "SELECT strftime('%Y-%m-%dT12:00:00Z', '1900-01-01', n || ' days') || '|' || strftime('%s', "
      "'1900-01-01 12:00:00', n "
      "|| ' days') FROM d");
  for (const std::string& day : days) BOOST_TEST_REQUIRE(shown(day.substr(0, 20)) == day.substr(21), day);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
