// Tables whose scan is dear: they begin the same range anew instead of making it again, they tell the planner so, and they
// have columns that SELECT * leaves out.
#include <boost/test/unit_test.hpp>
#include <ranges>
#include <stdexcept>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::Database;
using warden::test::Fault;
using warden::test::memory_used;
using warden::test::scans;
namespace vtab = warden::vtab;

namespace {

int rewound_until_failure = 0;  // begin() of a range fails at this call of it; 0: never

struct Item {
  std::int64_t n;
  std::int64_t square() const { return n * n; }
  std::optional<std::string> spelt() const {
    return n % 2 == 0 ? std::optional("number " + std::to_string(n)) : std::nullopt;
  }
  sqlite3_int64 rowid() const { return n * 100; }
};

/// The items from `first` on, `count` of them, as a range that may be gone through again.
struct Items {
  std::vector<Item> all;
  auto begin() const {
    if (rewound_until_failure > 0 && --rewound_until_failure == 0) throw std::runtime_error("no way back");
    return all.begin();
  }
  auto end() const { return all.end(); }
};
template <class Query>
Items items(const Query& q) {
  ++scans;
  Items made;
  const std::int64_t first = q.template argument<"first">().value_or(1);
  for (std::int64_t n = first; n < first + q.template argument<"count">().value_or(3); ++n) {
    if (q.template admits<"n">(n)) made.all.push_back({n});
  }
  return made;
}
using item_columns =
    vtab::columns<vtab::col<"n", &Item::n, vtab::push::range>, vtab::col<"square", &Item::square>,
                  vtab::arg<"first", std::int64_t>, vtab::arg<"count", std::int64_t>, vtab::no_more_args,
                  vtab::unlisted_col<"spelt", &Item::spelt>>;

struct Rewinding {
  using row = Item;
  using columns = item_columns;
  static constexpr const char* name = "rewinding";
  static constexpr auto risk = vtab::risk::normal;
  static constexpr bool rewinds = true;
  Items scan(const vtab::query<row, columns>& q) const { return items(q); }
};
struct Forgetful {
  using row = Item;
  using columns = item_columns;
  static constexpr const char* name = "forgetful";
  static constexpr auto risk = vtab::risk::normal;
  Items scan(const vtab::query<row, columns>& q) const { return items(q); }
};
struct Unwilling {
  using row = Item;
  using columns = item_columns;
  static constexpr const char* name = "unwilling";
  static constexpr auto risk = vtab::risk::normal;
  static constexpr bool rewinds = false;
  Items scan(const vtab::query<row, columns>& q) const { return items(q); }
};

/// Rows made as they are asked for, without a rowid, after a text that is required.
struct Letter {
  std::string text;
};
struct Letters {
  using row = Letter;
  using columns = vtab::columns<vtab::col<"text", &Letter::text>,
                                vtab::arg<"of", std::string_view, vtab::need::required>>;
  static constexpr const char* name = "letters";
  static constexpr auto risk = vtab::risk::normal;
  static constexpr bool rewinds = true;
  auto scan(const vtab::query<row, columns>& q) const {
    ++scans;
    const std::string_view of = *q.argument<"of">();
    return std::views::iota(std::size_t{0}, of.size()) |
           std::views::transform([of](std::size_t i) { return Letter{std::string(1, of[i])}; });
  }
};

/// The same rows at two prices.
template <bool Dear>
struct Priced {
  using row = Item;
  using columns = vtab::columns<vtab::col<"n", &Item::n>>;
  static constexpr const char* name = Dear ? "dear" : "cheap";
  static constexpr auto risk = vtab::risk::normal;
  static constexpr double scan_cost = Dear ? 1e9 : 1;
  static constexpr double expected_rows = 50;
  std::vector<Item> scan(const vtab::query<row, columns>&) const {
    ++scans;
    return {{1}, {2}, {3}};
  }
};

struct Dear {
  Database db;
  Dear() {
    vtab::install<Rewinding>(api(), db.handle());
    vtab::install<Forgetful>(api(), db.handle());
    vtab::install<Unwilling>(api(), db.handle());
    vtab::install<Letters>(api(), db.handle());
    vtab::install<Priced<true>>(api(), db.handle());
    vtab::install<Priced<false>>(api(), db.handle());
    db.query("CREATE TABLE a(x); INSERT INTO a VALUES (1), (1), (2), (1), (NULL), (1)");
    rewound_until_failure = 0;
    scans = 0;
  }
  /// The rows, and how many scans they took.
  std::string query(std::string_view sql) {
    scans = 0;
    return db.query(sql);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_dear, Dear)

BOOST_AUTO_TEST_CASE(an_inner_loop_that_asks_the_same_makes_one_scan) {
  for (const std::string table : {"rewinding", "forgetful", "unwilling"}) {
    BOOST_TEST(query("SELECT count(*), sum(n), count(DISTINCT n) FROM a CROSS JOIN " + table) == "18|36|3");
    BOOST_TEST(scans == (table == "rewinding" ? 1 : 6));
    BOOST_TEST(query("SELECT count(*), sum(n) FROM a CROSS JOIN " + table + "(5, 2)") == "12|66");
    BOOST_TEST(scans == (table == "rewinding" ? 1 : 6));
    BOOST_TEST(query("SELECT x, n FROM a LEFT JOIN " + table + "(1, 2) ON square > x AND x > 1") ==
               "1|NULL, 1|NULL, 2|2, 1|NULL, NULL|NULL, 1|NULL");
    BOOST_TEST(scans == (table == "rewinding" ? 1 : 6));
  }
}

BOOST_AUTO_TEST_CASE(another_question_makes_another_scan) {
  BOOST_TEST(query("SELECT x, sum(n) FROM a CROSS JOIN rewinding(x, 1) GROUP BY x") == "NULL|1, 1|4, 2|2");
  BOOST_TEST(scans == 5);  // 1, 1 again, 2, 1, none, 1
  BOOST_TEST(query("SELECT x, n FROM a CROSS JOIN rewinding WHERE n = x") == "1|1, 1|1, 2|2, 1|1, 1|1");
  BOOST_TEST(scans == 4);  // a hint that is NULL meets no row, and no scan
  BOOST_TEST(query("SELECT x, n FROM a CROSS JOIN rewinding WHERE n > x + 1") == "1|3, 1|3, 1|3, 1|3");
  BOOST_TEST(scans == 4);
  BOOST_TEST(query("SELECT f, text FROM (SELECT 'ab' AS f UNION ALL SELECT 'ab' UNION ALL SELECT 'c' UNION "
                   "ALL SELECT NULL "
                   "UNION ALL SELECT '' UNION ALL SELECT 'c') CROSS JOIN letters(f)") ==
             "ab|a, ab|b, ab|a, ab|b, c|c, c|c");
  BOOST_TEST(scans == 4);
}

BOOST_AUTO_TEST_CASE(a_range_begun_anew_begins_at_its_first_row) {
  // Left in the middle, at its end, and before the first row.
  BOOST_TEST(query("SELECT x, (SELECT n FROM rewinding WHERE square >= a.x LIMIT 1) FROM a WHERE x > 0") ==
             "1|1, 1|1, 2|2, 1|1, 1|1");
  BOOST_TEST(query("SELECT x FROM a WHERE EXISTS (SELECT 1 FROM rewinding(2, 5) WHERE square = 4 * a.x)") ==
             "1, 1, 1, 1");
  BOOST_TEST(
      query(
          "SELECT r.n, s.n FROM rewinding(1, 2) r CROSS JOIN rewinding(8, 2) s CROSS JOIN rewinding(5, 1)") ==
      "1|8, 1|9, 2|8, 2|9");
  BOOST_TEST(scans == 3);
  BOOST_TEST(query("SELECT count(*) FROM a CROSS JOIN rewinding(1, 0)") == "0");
  // Made anew where rows are made as they are asked for, and numbered as before.
  BOOST_TEST(query("SELECT text, letters.rowid & 0xffffffff FROM (SELECT 1 UNION ALL SELECT 2) CROSS JOIN "
                   "letters('xy')") == "x|1, y|2, x|1, y|2");
  BOOST_TEST(scans == 1);
  BOOST_TEST(query("SELECT rewinding.rowid FROM (SELECT 1 UNION ALL SELECT 2) CROSS JOIN rewinding(3, 2)") ==
             "300, 400, 300, 400");
}

BOOST_AUTO_TEST_CASE(a_statement_that_runs_again_asks_again) {
  sqlite3_stmt* statement = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(db.handle(), "SELECT n FROM a CROSS JOIN rewinding", -1, &statement,
                                        nullptr) == SQLITE_OK);
  scans = 0;
  for (int run = 1; run <= 3; ++run) {
    int rows = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) ++rows;
    BOOST_TEST(rows == 18);
    BOOST_TEST(scans == run);
    sqlite3_reset(statement);
  }
  sqlite3_step(statement);
  sqlite3_reset(statement);  // in the middle
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
  BOOST_TEST(scans == 5);
  sqlite3_finalize(statement);
}

BOOST_AUTO_TEST_CASE(a_way_back_that_fails_ends_the_statement_with_its_text) {
  rewound_until_failure = 3;  // the first is no way back
  BOOST_TEST(query("SELECT count(*) FROM a CROSS JOIN rewinding") == "error 1: no way back");
  rewound_until_failure = 0;
  BOOST_TEST(query("SELECT count(*) FROM a CROSS JOIN rewinding") == "18");
}

BOOST_AUTO_TEST_CASE(nothing_is_left_after_any_failing_allocation) {
  const std::string sql =
      "SELECT count(*), max(spelt) FROM a CROSS JOIN rewinding(1, x) CROSS JOIN letters('ab' || x)";
  const std::string expected = db.query(sql);
  const long long before = memory_used();
  for (const auto kind : {Fault::Kind::once, Fault::Kind::lasting}) {
    for (int nth = 1;; ++nth) {
      const Fault fault(nth, kind);
      const std::string found = db.query(sql);
      if (!fault.happened()) {
        BOOST_TEST(found == expected);
        break;
      }
      BOOST_TEST_REQUIRE((found == expected || found == "error 7: out of memory"), found);
    }
  }
  BOOST_TEST(memory_used() <= before + 2048);
}

BOOST_AUTO_TEST_CASE(what_a_scan_costs_decides_who_is_the_inner_loop) {
  db.query("CREATE TABLE few(k INTEGER PRIMARY KEY, v); INSERT INTO few VALUES (1, 1), (2, 2); ANALYZE");
  const auto outer = [&](const std::string& from) {
    const std::string plan = db.query("EXPLAIN QUERY PLAN SELECT * FROM " + from);
    return plan.find("few") < plan.find("VIRTUAL TABLE") ? std::string("few")
                                                         : std::string("the virtual one");
  };
  // Two scans of a cheap table cost less than fifty searches in the other, those of a dear one do not.
  for (const auto& [table, expected] : {std::pair("cheap", "few"), std::pair("dear", "the virtual one")}) {
    BOOST_TEST(outer(std::string("few JOIN ") + table + " ON k = n") == expected);
    BOOST_TEST(outer(std::string(table) + " JOIN few ON k = n") == expected);
  }
  BOOST_TEST(query("SELECT k, v FROM few JOIN dear ON k = n ORDER BY 1") == "1|1, 2|2");
  BOOST_TEST(scans == 1);
}

BOOST_AUTO_TEST_CASE(a_column_that_is_not_listed_is_read_by_name) {
  BOOST_TEST(query("SELECT * FROM rewinding") == "1|1, 2|4, 3|9");
  BOOST_TEST(query("SELECT n, spelt FROM rewinding") == "1|NULL, 2|number 2, 3|NULL");
  BOOST_TEST(query("SELECT rewinding.spelt FROM rewinding(5, 2) WHERE spelt IS NOT NULL") == "number 6");
  BOOST_TEST(query("SELECT n FROM rewinding WHERE spelt = 'number 2'") == "2");
  BOOST_TEST(query("SELECT n FROM rewinding ORDER BY spelt DESC, n LIMIT 1") == "2");
  BOOST_TEST(query("SELECT name, hidden, type FROM pragma_table_xinfo('rewinding')") ==
             "n|0|INTEGER, square|0|INTEGER, first|1|INTEGER, count|1|INTEGER, no_more_arguments|1|INTEGER, "
             "spelt|1|TEXT");
  BOOST_TEST(query("SELECT a.x, r.spelt FROM a JOIN rewinding r ON r.spelt = 'number ' || a.x") ==
             "2|number 2");
  // It takes no place of an argument.
  BOOST_TEST(query("SELECT n, first, count, spelt FROM rewinding(4, 1)") == "4|4|1|number 4");
  // SQLite would take it for a third argument.
  for (const char* surplus : {"'number 4'", "5", "NULL", "a.x", "5, 6"}) {
    BOOST_TEST(
        query("SELECT n FROM (SELECT 4 AS x) a CROSS JOIN rewinding(4, 1, " + std::string(surplus) + ")")
                .find("too many arguments on rewinding() - max 2") != std::string::npos,
        surplus);
  }
  BOOST_TEST(query("SELECT * FROM rewinding(4, 1, 'x', 'y')") ==
             "error 1: too many arguments on rewinding() - max 2");
}

BOOST_AUTO_TEST_SUITE_END()
