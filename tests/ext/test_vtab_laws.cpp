// A virtual table with exact scans gives what an ordinary table with the same rows and types gives, for thousands of
// random statements. A failure prints the statement; the seed is fixed.
#include <boost/test/unit_test.hpp>
#include <random>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::Database;
namespace vtab = warden::vtab;

namespace {

struct Item {
  std::int64_t id;
  std::optional<std::int64_t> i;
  std::optional<double> r;
  std::optional<std::string> t;
  sqlite3_int64 rowid() const { return id; }
};

std::vector<Item> make_items() {
  std::vector<Item> items;
  const std::optional<std::int64_t> integers[] = {std::nullopt,     0,         1,        2, 5, -3,
                                                  9007199254740993, INT64_MAX, INT64_MIN};
  const std::optional<double> reals[] = {std::nullopt,       0.0,   1.0,  2.5, -1.5, 5.0,
                                         9007199254740992.0, 1e300, -1e18};
  const std::optional<std::string> texts[] = {std::nullopt, "", "a", "A", "b ", "5", "05", "\u00e9", "abc"};
  std::int64_t id = 0;
  for (std::size_t n = 0; n < 40; ++n) {
    items.push_back({++id, integers[n % 9], reals[(n * 4 + n / 9) % 9], texts[(n * 7 + n / 5) % 9]});
  }
  return items;
}

/// Every column is pushed, and the scan leaves out all that the hints let it leave out.
struct Items {
  using row = Item;
  static constexpr const char* name = "v";
  static constexpr auto risk = vtab::risk::normal;
  using columns =
      vtab::columns<vtab::col<"id", &Item::id, vtab::push::key>, vtab::col<"i", &Item::i, vtab::push::range>,
                    vtab::col<"r", &Item::r, vtab::push::range>, vtab::col<"t", &Item::t, vtab::push::range>>;
  std::vector<Item> all = make_items();
  std::vector<Item> scan(const vtab::query<row, columns>& q) const {
    std::vector<Item> rows;
    for (const Item& item : all) {
      if (q.admits<"id">(item.id) && q.admits<"i">(item.i) && q.admits<"r">(item.r) &&
          q.admits<"t">(item.t)) {
        rows.push_back(item);
      }
    }
    return rows;
  }
};

class Statements {
 public:
  /// A random condition on the columns of `table`.
  std::string condition(const std::string& table, int depth) {
    if (depth > 0 && pick(3) == 0) {
      const char* const joint = pick(2) == 0 ? " AND " : " OR ";
      return "(" + condition(table, depth - 1) + joint + condition(table, depth - 1) + ")";
    }
    const std::string column = table + "." + any({"id", "i", "r", "t", "rowid"});
    const std::string collation =
        column.back() == 't' ? any({"", "", "", " COLLATE NOCASE", " COLLATE RTRIM"}) : "";
    switch (pick(9)) {
      case 0:
        return column + " BETWEEN " + literal() + " AND " + literal();
      case 1:
        return column + " IN (" + literal() + ", " + literal() + ", " + literal() + ")";
      case 2:
        return column + any({" IS ", " IS NOT "}) + literal();
      case 3:
        return literal() + any({" = ", " < ", " >= "}) + column + collation;
      case 4:
        return "NOT " + column + any({" = ", " < "}) + literal();
      default:
        return column + any({" = ", " = ", " < ", " <= ", " > ", " >= "}) + literal() + collation;
    }
  }
  std::string any(std::initializer_list<const char*> words) { return words.begin()[pick(words.size())]; }
  std::size_t pick(std::size_t below) { return random_() % below; }

 private:
  std::string literal() {
    return any({"NULL",
                "0",
                "1",
                "2",
                "5",
                "-3",
                "7",
                "9007199254740993",
                "9223372036854775807",
                "-9223372036854775808",
                "1.0",
                "2.5",
                "-1.5",
                "5.0",
                "9007199254740992.0",
                "9223372036854775808.0",
                "1e300",
                "-1e18",
                "1e999",
                "''",
                "'a'",
                "'A'",
                "'b'",
                "'b '",
                "'5'",
                "'05'",
                "'5.0'",
                "'\u00e9'",
                "x'61'",
                "x''",
                "'1'",
                "' 2.5 '",
                "CAST(5 AS INTEGER)",
                "CAST('5' AS TEXT)",
                "CAST(5 AS REAL)",
                "+5",
                "'x' || NULL"});
  }
  std::mt19937 random_{20231};
};

struct Pair {
  Database db;
  Statements statements;

  Pair() {
    vtab::install<Items>(api(), db.handle());
    db.query(
        "CREATE TABLE o(id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT); INSERT INTO o SELECT * FROM v");
  }
  /// Runs the statement on both: TABLE stands for the table's name.
  void compare(const std::string& statement) {
    const std::string expected = db.query(replaced(statement, "o"));
    const std::string got = db.query(replaced(statement, "v"));
    if (got != expected)
      BOOST_TEST(got == expected, statement << "\n  gave     " << got << "\n  expected " << expected);
  }

 private:
  static std::string replaced(std::string text, const std::string& by) {
    for (std::size_t at = text.find("TABLE"); at != std::string::npos; at = text.find("TABLE", at)) {
      text.replace(at, 5, by);
    }
    return text;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_laws, Pair)

BOOST_AUTO_TEST_CASE(the_content_is_the_same) {
  compare("SELECT id, i, quote(r), quote(t), typeof(i), typeof(r), typeof(t) FROM TABLE ORDER BY id");
  BOOST_TEST(db.query("SELECT count(*) FROM v") == "40");
}

BOOST_AUTO_TEST_CASE(every_condition_gives_the_same_rows) {
  for (int n = 0; n < 4000; ++n) {
    compare("SELECT a.id FROM TABLE a WHERE " + statements.condition("a", 3) + " ORDER BY a.id");
  }
}

BOOST_AUTO_TEST_CASE(every_order_and_limit_gives_the_same_rows) {
  for (int n = 0; n < 500; ++n) {
    const std::string order =
        statements.any({"i, id", "r DESC, id", "t, id DESC", "id DESC", "t COLLATE NOCASE, id"});
    compare("SELECT a.id, a.i, a.r, a.t FROM TABLE a WHERE " + statements.condition("a", 2) + " ORDER BY " +
            order + " LIMIT 7");
  }
}

BOOST_AUTO_TEST_CASE(every_join_with_itself_gives_the_same_rows) {
  for (int n = 0; n < 800; ++n) {
    const std::string join = statements.any({" JOIN ", " LEFT JOIN ", " CROSS JOIN "});
    const std::string on =
        statements.any({"a.id = b.id", "a.i = b.id", "a.i = b.i", "a.r = b.r", "a.i = b.r", "a.r < b.i",
                        "a.t = b.t", "a.t >= b.t", "a.i = b.t", "b.t = a.id", "a.r BETWEEN b.i AND b.r"});
    compare("SELECT a.id, b.id FROM TABLE a" + join + "TABLE b ON " + on + " AND " +
            statements.condition("b", 1) + " WHERE " + statements.condition("a", 1) + " ORDER BY 1, 2");
  }
}

BOOST_AUTO_TEST_CASE(every_join_with_an_ordinary_table_gives_the_same_rows) {
  db.query(
      "CREATE TABLE other(x, y TEXT COLLATE NOCASE, z NUMERIC); INSERT INTO other VALUES (1, 'A', 5), ('5', "
      "'b', '05'), "
      "(2.5, 'abc', NULL), (NULL, '5', 'a'), (x'61', '', 1.0)");
  for (int n = 0; n < 500; ++n) {
    const std::string left = statements.any({"a.id", "a.i", "a.r", "a.t"});
    const std::string op = statements.any({" = ", " = ", " < ", " >= "});
    compare("SELECT a.id, other.rowid FROM " +
            statements.any({"TABLE a JOIN other", "other LEFT JOIN TABLE a"}) + " ON " + left + op +
            statements.any({"x", "y", "z"}) + " WHERE " + statements.condition("a", 1) + " ORDER BY 1, 2");
  }
}

BOOST_AUTO_TEST_CASE(every_subquery_gives_the_same_rows) {
  for (int n = 0; n < 300; ++n) {
    compare("SELECT a.id FROM TABLE a WHERE EXISTS (SELECT 1 FROM TABLE b WHERE b.i = a.id AND " +
            statements.condition("b", 2) + ") OR a.t IN (SELECT b.t FROM TABLE b WHERE " +
            statements.condition("b", 2) + ") ORDER BY 1");
  }
}

BOOST_AUTO_TEST_SUITE_END()
