// Hours from seconds, and the keys of groups: equal where GROUP BY has one group, ordered as ORDER BY orders them.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>

#include "job_host.hpp"
#include "totals.hpp"

namespace warden::test {
namespace {

using jobs::GroupKey;

/// Calls `f` with the value of each row's first column.
template <class F>
void each_value(const Db& db, const std::string& sql, F&& f) {
  sqlite3_stmt* statement = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    // A column's value is only good while the connection is held; a copy is free.
    sqlite3_value* copy = sqlite3_value_dup(sqlite3_column_value(statement, 0));
    f(vtab::value(real_api(), copy));
    sqlite3_value_free(copy);
  }
  sqlite3_finalize(statement);
}

std::string encoded(const vtab::value& v) {
  vtab::string buffer{vtab::Allocator<char>(real_api())};
  return std::string(GroupKey::encode(v, buffer));
}

/// Values of SQL that are near each other or alike.
const std::vector<std::string> kValues{"NULL",
                                       "0",
                                       "1",
                                       "1.0",
                                       "1.5",
                                       "-1",
                                       "-1.0",
                                       "-1.5",
                                       "-0.0",
                                       "0.0",
                                       "2",
                                       "10",
                                       "9",
                                       "1e300",
                                       "-1e300",
                                       "9e999",
                                       "-9e999",
                                       "5e-324",
                                       "9007199254740992",
                                       "9007199254740993",
                                       "9007199254740992.0",
                                       "9223372036854775807",
                                       "-9223372036854775807 - 1",
                                       "9223372036854775808.0",
                                       "-9223372036854775808.0",
                                       "9210000000000000000",
                                       "9210000000000000000.0",
                                       "-9210000000000000000",
                                       "-9210000000000000000.0",
                                       "9223372036854774784",
                                       "9223372036854774784.0",
                                       "9e18",
                                       "9000000000000000000",
                                       "''",
                                       "'a'",
                                       "'A'",
                                       "'b'",
                                       "'aa'",
                                       "'10'",
                                       "'9'",
                                       "'1'",
                                       "'ä'",
                                       "'z'",
                                       "x''",
                                       "x'00'",
                                       "x'61'",
                                       "x'ff'",
                                       "CAST(x'6100' AS TEXT)",
                                       "CAST(x'61' AS TEXT)",
                                       "'a '"};

}  // namespace

BOOST_AUTO_TEST_SUITE(totals)

BOOST_AUTO_TEST_CASE(hours_are_to_the_nearest_with_halves_away_from_0) {
  const std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> seconds{
      {0, 0, 0},       {1799, 0, 0},    {1800, 1, 0},   {3599, 1, 0},  {3600, 1, 1},
      {5399, 1, 1},    {5400, 2, 1},    {-1, 0, 0},     {-1799, 0, 0}, {-1800, -1, 0},
      {-3600, -1, -1}, {-5400, -2, -1}, {-5399, -1, -1}};
  for (const auto& [s, nearest, cut] : seconds) {
    BOOST_TEST(jobs::hours(s, false) == nearest, s);
    BOOST_TEST(jobs::hours(s, true) == cut, s);
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  BOOST_TEST(jobs::hours(kMost, true) == kMost / 3600);
  BOOST_TEST(jobs::hours(kMost, false) == kMost / 3600 + (kMost % 3600 >= 1800 ? 1 : 0));
  BOOST_TEST(jobs::hours(kLeast, true) == kLeast / 3600);
  BOOST_TEST(jobs::hours(kLeast, false) == kLeast / 3600 - (kLeast % 3600 <= -1800 ? 1 : 0));
}

BOOST_AUTO_TEST_CASE(keys_are_equal_where_group_by_has_one_group) {
  const Db db;
  db.rows("CREATE TABLE t(v)");
  for (const std::string& v : kValues) db.rows("INSERT INTO t VALUES (" + v + ")");
  std::set<std::string> keys;
  each_value(db, "SELECT v FROM t", [&](const vtab::value& v) { keys.insert(encoded(v)); });
  BOOST_TEST(static_cast<std::int64_t>(keys.size()) ==
             db.number("SELECT count(*) FROM (SELECT 1 FROM t GROUP BY v)"));
  for (const std::string& a : kValues) {
    for (const std::string& b : kValues) {
      std::vector<std::string> two;
      each_value(db, "SELECT " + a + " UNION ALL SELECT " + b,
                 [&](const vtab::value& v) { two.push_back(encoded(v)); });
      BOOST_TEST((two[0] == two[1]) == (db.number("SELECT (" + a + ") IS (" + b + ")") == 1),
                 a << " and " << b);
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_are_ordered_as_order_by_orders_them) {
  const Db db;
  db.rows("CREATE TABLE t(v)");
  for (const std::string& v : kValues) db.rows("INSERT INTO t VALUES (" + v + ")");
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (int i = 0; i < 300; ++i) {
      db.rows("INSERT INTO t VALUES (" + std::to_string(dice.from_to(INT64_MIN / 2, INT64_MAX)) + "), (" +
              std::to_string(dice.from_to(-100, 100)) + "/ 8.0), (CAST(" +
              std::to_string(dice.from_to(INT64_MIN / 2, INT64_MAX)) + " AS REAL))");
    }
    std::vector<std::string> sorted;
    each_value(db, "SELECT v FROM t ORDER BY v", [&](const vtab::value& v) { sorted.push_back(encoded(v)); });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const bool less = GroupKey(sorted[j]) < GroupKey(sorted[i]);
        BOOST_TEST_REQUIRE(less == (sorted[j] != sorted[i]), "values " << j << " and " << i);
        BOOST_TEST_REQUIRE(!(GroupKey(sorted[i]) < GroupKey(sorted[j])), "values " << i << " and " << j);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(only_null_is_null_and_only_text_is_text) {
  const Db db;
  for (const std::string& v : kValues) {
    each_value(db, "SELECT " + v, [&](const vtab::value& value) {
      const int type = value.type();
      const std::string key = encoded(value);
      BOOST_TEST(GroupKey(key).is_null() == (type == SQLITE_NULL), v);
      BOOST_TEST(GroupKey(key).is_text() == (type == SQLITE_TEXT), v);
    });
  }
  BOOST_TEST(GroupKey().is_null());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
