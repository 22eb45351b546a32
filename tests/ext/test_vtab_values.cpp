// Values that a hint can't carry exactly, NULL, collations, encodings: SQLite's comparison must always win.
#include <boost/test/unit_test.hpp>
#include <limits>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::asked;
using warden::test::Database;
using warden::test::Tables;
namespace vtab = warden::vtab;

namespace {

struct Word {
  std::string text;
  std::int64_t id;
  sqlite3_int64 rowid() const { return id; }
};

/// words(text): an exact filter on a range of texts, and one on a key.
template <vtab::push Push>
struct Words {
  using row = Word;
  static constexpr const char* name = Push == vtab::push::key ? "names" : "words";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<vtab::col<"text", &Word::text, Push>, vtab::col<"id", &Word::id>>;
  std::vector<Word> words;
  std::vector<Word> scan(const vtab::query<row, columns>& q) const {
    std::vector<Word> rows;
    for (const Word& w : words) {
      if (q.template admits<"text">(w.text)) rows.push_back(w);
    }
    return rows;
  }
  void erase(sqlite3_int64 rowid) {
    std::erase_if(words, [&](const Word& w) { return w.id == rowid; });
  }
};

struct Kinds {
  std::uint64_t large;
  std::int8_t small;
  const char* c_text;
  bool flag;
  std::string_view view() const { return {}; }
  std::optional<std::string> maybe() const { return flag ? std::optional<std::string>("yes") : std::nullopt; }
  vtab::string mine;
  sqlite3_int64 rowid() const { return small; }
};

/// kinds(): one column of each type that can be a column.
struct KindsTable {
  using row = Kinds;
  static constexpr const char* name = "kinds";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<
      vtab::col<"large", &Kinds::large, vtab::push::range>,
      vtab::col<"small", &Kinds::small, vtab::push::range>,
      vtab::col<"c_text", &Kinds::c_text, vtab::push::eq>, vtab::col<"flag", &Kinds::flag, vtab::push::eq>,
      vtab::col<"view", &Kinds::view, vtab::push::eq>, vtab::col<"maybe", &Kinds::maybe, vtab::push::eq>,
      vtab::col<"mine", &Kinds::mine, vtab::push::eq>>;
  std::uint64_t first;
  std::vector<Kinds> scan(const vtab::query<row, columns>& q) const {
    std::vector<Kinds> rows;
    for (Kinds k : {Kinds{first, -1, nullptr, false, vtab::string("m", vtab::Allocator<char>(q.api()))},
                    Kinds{7, 100, "c", true, vtab::string("n", vtab::Allocator<char>(q.api()))}}) {
      if (q.admits<"large">(k.large) && q.admits<"small">(k.small) && q.admits<"c_text">(k.c_text) &&
          q.admits<"flag">(k.flag) && q.admits<"view">(k.view()) && q.admits<"maybe">(k.maybe()) &&
          q.admits<"mine">(k.mine)) {
        rows.push_back(k);
      }
    }
    return rows;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_values, Tables)

BOOST_AUTO_TEST_CASE(a_comparison_with_null_finds_nothing_without_a_scan) {
  for (const char* where :
       {"pid = NULL", "comm = NULL", "cpu < NULL", "cpu >= NULL", "cpu BETWEEN NULL AND 5"}) {
    BOOST_TEST(pushed("SELECT * FROM processes WHERE " + std::string(where)) == "no scan", where);
    BOOST_TEST(query("SELECT count(*) FROM processes WHERE " + std::string(where)) == "0", where);
  }
}

BOOST_AUTO_TEST_CASE(is_and_is_null_are_left_to_sqlite) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu IS NULL") == "2");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE cpu IS NOT NULL") == "5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid IS 3") == "3");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu IS 1.5 OR cpu IS NULL") == "2, 3");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu IS NOT 1.5 AND pid < 4") == "1, 2");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE (cpu = NULL) IS NULL") == "6");
}

BOOST_AUTO_TEST_CASE(an_integer_column_takes_only_integers_as_hints) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE pid = 'abc'") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 'abc'") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = '5'") == "5");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE pid = 2.0") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 2.0") == "2");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 2.5") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid > 2.5") == "3, 4, 5, 6");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = x'35'") == "");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE pid < x''") == "6");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE pid < 'x'") == "6");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 9223372036854775807") == "");
}

BOOST_AUTO_TEST_CASE(a_real_column_takes_integers_that_are_exact) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu = 2") == "cpu=2 ");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu = 2") == "4");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu < 9007199254740993") == "");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu > -9007199254740993") == "");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE cpu < 9223372036854775807") == "5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu = '2'") == "4");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu < 'a' AND cpu > 50") == "5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu > -1e999 AND cpu < 0.25") == "6");
}

BOOST_AUTO_TEST_CASE(a_text_column_takes_only_text) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm = 5") == "");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm = x'62617368'") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = x'62617368'") == "");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE state < x'00'") == "6");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE state > 5") == "6");
}

BOOST_AUTO_TEST_CASE(text_is_compared_byte_by_byte_to_its_end) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = 'bash' || char(0)") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = 'bash' || char(0) || 'x'") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = ''") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = CAST(x'FF' AS TEXT)") == "");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE state < CAST(x'FF' AS TEXT)") == "6");
}

BOOST_AUTO_TEST_CASE(another_collation_is_left_to_sqlite) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm = 'BASH' COLLATE NOCASE") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = 'BASH' COLLATE NOCASE") == "3, 4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm COLLATE NOCASE = 'BASH'") == "3, 4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = 'cron' COLLATE RTRIM") == "6");
  BOOST_TEST(
      query("SELECT pid FROM processes WHERE state > 'q' COLLATE NOCASE AND state < 'S' COLLATE NOCASE") ==
      "4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm IN ('INIT' COLLATE NOCASE, 'bash')") == "3, 4");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm COLLATE NOCASE IN ('INIT', 'Bash')") ==
             "1, 3, 4, 5");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm = 'bash' COLLATE BINARY") == "comm=bash ");
}

BOOST_AUTO_TEST_CASE(an_inherited_collation_is_left_to_sqlite) {
  query("CREATE TABLE n(name TEXT COLLATE NOCASE); INSERT INTO n VALUES ('BASH'), ('Init')");
  BOOST_TEST(query("SELECT pid FROM n, processes WHERE name = comm ORDER BY pid") == "1, 3, 4, 5");
  BOOST_TEST(query("SELECT pid FROM n, processes WHERE comm = name ORDER BY pid") == "");
  BOOST_TEST(query("SELECT pid FROM n CROSS JOIN processes WHERE name = comm ORDER BY pid") == "1, 3, 4, 5");
}

BOOST_AUTO_TEST_CASE(like_and_glob_find_what_they_find_elsewhere) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE state LIKE 'r%'") == "4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE state GLOB 'R*'") == "4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm LIKE 'BA%'") == "3, 4, 5");
}

BOOST_AUTO_TEST_CASE(a_database_in_utf16_keeps_its_own_order) {
  for (const char* encoding : {"UTF-8", "UTF-16le", "UTF-16be"}) {
    Database own;
    own.query("PRAGMA encoding = '" + std::string(encoding) + "'; CREATE TABLE t(text TEXT, id)");
    const std::vector<Word> words{{"b", 1},          {"\u0101", 2}, {"\uffee", 3},
                                  {"\U0001f600", 4}, {"", 5},       {"abc", 6}};
    for (const Word& w : words) {
      own.query("INSERT INTO t VALUES ('" + w.text + "', " + std::to_string(w.id) + ")");
    }
    vtab::install<Words<vtab::push::range>>(api(), own.handle(), words);
    for (const Word& w : words) {
      for (const char* op : {"=", "<", "<=", ">", ">="}) {
        const std::string rest = " WHERE text " + std::string(op) + " '" + w.text + "'";
        BOOST_TEST(own.query("SELECT id FROM words" + rest) == own.query("SELECT id FROM t" + rest),
                   encoding << rest);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_text_key_compared_with_numbers_may_meet_several_rows) {
  vtab::install<Words<vtab::push::key>>(api(), db.handle(), std::vector<Word>{{"5", 1}, {"05", 2}, {"6", 3}});
  BOOST_TEST(query("SELECT id FROM names WHERE text = CAST(5 AS INTEGER) ORDER BY id DESC") == "2, 1");
  BOOST_TEST(query("DELETE FROM names WHERE text = CAST(5 AS INTEGER); SELECT id FROM names") == "3");
}

BOOST_AUTO_TEST_CASE(every_type_of_column_is_shown_and_pushed) {
  vtab::install<KindsTable>(api(), db.handle(), std::uint64_t{8});
  BOOST_TEST(query("SELECT * FROM kinds") == "8|-1|NULL|0||NULL|m, 7|100|c|1||yes|n");
  BOOST_TEST(query("SELECT small FROM kinds WHERE small < 300 AND small > -300") == "-1, 100");
  BOOST_TEST(query("SELECT small FROM kinds WHERE small < 100") == "-1");
  BOOST_TEST(query("SELECT small FROM kinds WHERE flag = 1") == "100");
  BOOST_TEST(query("SELECT small FROM kinds WHERE flag = 2") == "");
  BOOST_TEST(
      query("SELECT small FROM kinds WHERE c_text = 'c' AND maybe = 'yes' AND mine = 'n' AND view = ''") ==
      "100");
  BOOST_TEST(query("SELECT small FROM kinds WHERE c_text = 'd'") == "");
  BOOST_TEST(query("SELECT typeof(view), typeof(c_text), typeof(maybe) FROM kinds WHERE large = 8") ==
             "text|null|null");
}

BOOST_AUTO_TEST_CASE(a_number_beyond_sql_is_an_error_and_no_other_number) {
  vtab::install<KindsTable>(api(), db.handle(), std::numeric_limits<std::uint64_t>::max());
  BOOST_TEST(query("SELECT large FROM kinds") ==
             "error 1: 18446744073709551615 is more than an INTEGER of SQL can be");
  BOOST_TEST(query("SELECT large FROM kinds WHERE small = 100") == "7");
}

BOOST_AUTO_TEST_SUITE_END()
