// Normalised SQL, case by case: watchdog/sql_text.hpp. What holds for every statement is in
// test_sql_text_laws.cpp.
#include <boost/test/unit_test.hpp>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog/sql_text.hpp"
#include "watchdog/sql_token.hpp"

namespace {

using warden::fingerprint_sql;
using warden::normalize_sql;

struct Row {
  std::string_view sql;
  std::string_view text;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.sql) { BOOST_TEST(normalize_sql(row.sql) == row.text); }
  }
}

std::string cut_to(std::string_view sql, std::size_t bytes, bool truncated_input = false) {
  std::string out(bytes, '#');
  out.resize(normalize_sql(sql, std::span<char>(out), truncated_input));
  return out;
}

BOOST_AUTO_TEST_SUITE(sql_text)

BOOST_AUTO_TEST_CASE(shows_a_question_mark_for_every_literal_and_parameter) {
  check({
      {"SELECT 1, 1.5, .5, 5., 1e5, 1.5E-7, 0xfF, 1_000.000_1", "SELECT ?, ?, ?, ?, ?, ?, ?, ?"},
      {"SELECT 'it''s', '', x'00ff', X'', 'a--b'", "SELECT ?, ?, ?, ?, ?"},
      {"SELECT ?, ?12, :a, @b, $c, $d::e(f g), $d::e(f), #1", "SELECT ?, ?, ?, ?, ?, ? g), ?, ?"},
      {"SELECT 1e, 12ab, 1e+", "SELECT ?, ?, ? +"},
      {"SELECT x'00''a'", "SELECT ? ?"},
  });
}

BOOST_AUTO_TEST_CASE(keeps_constants_that_are_words) {
  check({{"select null, True, FALSE, current_timestamp, current_date",
          "SELECT NULL, TRUE, FALSE, CURRENT_TIMESTAMP, CURRENT_DATE"}});
}

BOOST_AUTO_TEST_CASE(keeps_a_sign_as_an_operator_close_to_what_it_belongs_to) {
  check({
      {"select -1, + 2, ~ x, - -1, a - 1, a-1, (a)-1, null-1, 1 - -1",
       "SELECT -?, +?, ~x, - -?, a - ?, a - ?, (a) - ?, NULL - ?, ? - -?"},
      {"select -(a), -'x' limit -1", "SELECT -(a), -? LIMIT -?"},
      {"select case when a then 1 end-1", "SELECT CASE WHEN a THEN ? END - ?"},
  });
}

BOOST_AUTO_TEST_CASE(reads_every_operator_of_sqlite) {
  check({
      {"select a||b|c&d<<e>>f<g<=h<>i!=j=k==l>m>=n+o-p*q/r%s",
       "SELECT a || b | c & d << e >> f < g <= h <> i != j = k == l > m >= n + o - p * q / r % s"},
      {"select a->b->>c, d->'$.e'", "SELECT a -> b ->> c, d -> ?"},
  });
}

BOOST_AUTO_TEST_CASE(has_one_layout_whatever_the_white_space) {
  check({
      {"select\ta . b,count ( * ) ,cast( c as int ) from\r\nmain . t where( a )and b in( select 1 );",
       "SELECT a.b, count(*), CAST(c AS int) FROM main.t WHERE (a) AND b IN (SELECT ?)"},
      {"\xEF\xBB\xBFselect \xEF\xBB\xBF 1", "SELECT ?"},
      {"create table t(a varchar( 20 )primary key,check(a>0))",
       "CREATE TABLE t(a varchar(?) PRIMARY KEY, CHECK (a > ?))"},
      {"select sum(a)filter(where b)over(partition by c)",
       "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c)"},
      {"insert into \"t\" (a)", "INSERT INTO \"t\"(a)"},
  });
}

BOOST_AUTO_TEST_CASE(drops_comments_even_unclosed_ones) {
  check({
      {"select--x\n1/* 'y' */+/**/2 --'", "SELECT ? + ?"},
      {"select 1 /* secret", "SELECT ?"},
      {"select a--", "SELECT a"},
      {"select a/**/b", "SELECT a b"},
      {"select a /*/ 'b' */", "SELECT a"},
      {"select a/*", "SELECT a / *"},
  });
}

BOOST_AUTO_TEST_CASE(drops_semicolons_only_where_no_statement_follows) {
  check({
      {";; select 1 ; ;", "SELECT ?"},
      {"begin update t set a=1;;delete from t;end;", "BEGIN UPDATE t SET a = ?; DELETE FROM t; END"},
      {";", ""},
      {"", ""},
      {" -- x", ""},
  });
}

BOOST_AUTO_TEST_CASE(writes_keywords_upper_and_identifiers_lower_case) {
  check({
      {"Select Abc, \xC3\x84X, a$B1 From T", "SELECT abc, \xC3\x84x, a$b1 FROM t"},
      {"select t.Key, key, selects from keys", "SELECT t.key, KEY, selects FROM keys"},
      {"select within, materialized, autoincrement", "SELECT WITHIN, MATERIALIZED, AUTOINCREMENT"},
  });
  for (const std::string_view word : {"abort", "without", "current_timestamp", "reindex", "ties", "do"}) {
    BOOST_TEST_CONTEXT(word) { BOOST_TEST(!warden::sql_keyword(word).empty()); }
  }
  for (const std::string_view word : {"a", "abor", "aborts", "rowid", "current_timestamps", "do1", ""}) {
    BOOST_TEST_CONTEXT(word) { BOOST_TEST(warden::sql_keyword(word).empty()); }
  }
}

BOOST_AUTO_TEST_CASE(keeps_quoted_identifiers_unless_they_may_be_data) {
  const std::string longest(64, 'n');
  check({
      {"select [A b], `C ``d`, [x\"'y]", "SELECT [A b], `C ``d`, [x\"'y]"},
      {R"(select "Name", "_a$1", "Two words", "a""b", "", "1a", "$a", "a.b", ".")",
       R"(SELECT "Name", "_a$1", ?, ?, ?, ?, ?, ?, ?)"},
      {"select \"M\xC3\xBCller\"", "SELECT ?"},
      {"select \"" + longest + "\", \"" + longest + "n\"", "SELECT \"" + longest + "\", ?"},
  });
}

BOOST_AUTO_TEST_CASE(shortens_in_lists_of_constants) {
  check({
      {"select a in(1)", "SELECT a IN (?, ...)"},
      {"select a IN (1, :b, 'c', -4, +5.0, null, \"two words\") or b", "SELECT a IN (?, ...) OR b"},
      {"select a not in (?,?,?)", "SELECT a NOT IN (?, ...)"},
      {"select (a,b) in ((1,2),(3,-4))", "SELECT (a, b) IN ((?, ?), ...)"},
      {"select a in ()", "SELECT a IN ()"},
      {"select a in (1, b)", "SELECT a IN (?, b)"},
      {"select a in (1, 2+3)", "SELECT a IN (?, ? + ?)"},
      {"select a in (1, -:b)", "SELECT a IN (?, -?)"},
      {"select a in (1 2)", "SELECT a IN (? ?)"},
      {"select a in ((1,2),(3))", "SELECT a IN ((?, ?), (?))"},
      {"select a in (\"b\", 1)", "SELECT a IN (\"b\", ?)"},
      {"select a in b, c.in (1)", "SELECT a IN b, c.in(?)"},
      {"select a in (select b from c where d in (1,2)) and e in (3)",
       "SELECT a IN (SELECT b FROM c WHERE d IN (?, ...)) AND e IN (?, ...)"},
  });
}

BOOST_AUTO_TEST_CASE(shortens_rows_of_values) {
  check({
      {"insert into t values(1,2)", "INSERT INTO t VALUES (?, ?)"},
      {"insert into t values(1,null),(:a,-2),(null,'x')", "INSERT INTO t VALUES (?, ?), ..."},
      {"insert into t values(1),(2) on conflict do nothing",
       "INSERT INTO t VALUES (?), ... ON CONFLICT DO NOTHING"},
      {"select (a,b) in (values(1,2),(3,4))", "SELECT (a, b) IN (VALUES (?, ?), ...)"},
      {"values(1,2),(3)", "VALUES (?, ?), (?)"},
      {"values(1),(a)", "VALUES (?), (a)"},
      {"values(1),(2),f(3)", "VALUES (?), (?), f(?)"},
      {"values(1,null)", "VALUES (?, NULL)"},
  });
}

BOOST_AUTO_TEST_CASE(shortens_lists_that_the_end_of_the_text_cuts) {
  check({
      {"select a in (1, 2", "SELECT a IN (?, ..."},
      {"select a in (1, ", "SELECT a IN (?, ..."},
      {"select a in (1, -", "SELECT a IN (?, ..."},
      {"select a in (1, 'b", "SELECT a IN (?, ..."},
      {"select a in (", "SELECT a IN ("},
      {"values(1,2),(3", "VALUES (?, ?), ..."},
      {"values(1,2),", "VALUES (?, ?), ..."},
      {"values(1,2),;", "VALUES (?, ?), ..."},
      {"a in (1; b", "a IN (?, ...; b"},
      {"values(1,2", "VALUES (?, ?"},
      {"values(1),(2,3", "VALUES (?), (?, ?"},
      {"select a in ((1,2", "SELECT a IN ((?, ?"},
      {"select a in (?, ...) and b in (1, ...", "SELECT a IN (?, ...) AND b IN (?, ..."},
  });
}

BOOST_AUTO_TEST_CASE(never_shows_what_is_not_closed_or_not_sql) {
  check({
      {"select 'secret", "SELECT ?"},
      {"select \"secret", "SELECT ?"},
      {"select `secret", "SELECT ?"},
      {"select [secret", "SELECT ?"},
      {"select x'12", "SELECT ?"},
      {"select 'it''", "SELECT ?"},
      {"a . . . b .. c ... d .... e", "a. . .b. .c... d....e"},
      {"select \\ ^ { ! @ $", "SELECT ? ? ? ? ? ?"},
      {std::string_view("select a\0, 'b'", 14), "SELECT a"},
      {"select a\xFF\xC3, [\xE2\x82]", "SELECT a\xEF\xBF\xBD\xEF\xBF\xBD, [\xEF\xBF\xBD\xEF\xBF\xBD]"},
  });
}

BOOST_AUTO_TEST_CASE(cuts_what_does_not_fit_between_characters) {
  BOOST_TEST(cut_to("select abc", 10) == "SELECT abc");
  BOOST_TEST(cut_to("select abcd", 10) == "SELECT ...");
  BOOST_TEST(cut_to("select \xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 14) == "SELECT \xE2\x82\xAC...");
  BOOST_TEST(cut_to("select \xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", 12) == "SELECT ...");
  BOOST_TEST(cut_to("select", 2) == "..");
  BOOST_TEST(cut_to("select", 0) == "");
  BOOST_TEST(cut_to("a, b" + std::string(100'000, ' ') + "'", 3) == "...");
}

BOOST_AUTO_TEST_CASE(marks_input_that_was_cut_before) {
  BOOST_TEST(cut_to("select a fro", 99, true) == "SELECT a fro...");
  BOOST_TEST(cut_to("select 'secr", 99, true) == "SELECT ?...");
  BOOST_TEST(cut_to("select a,", 99, true) == "SELECT a, ...");
  BOOST_TEST(cut_to("select a in (1, 2", 99, true) == "SELECT a IN (?, ...");
  BOOST_TEST(cut_to("select \xE2\x82\xAC\xE2\x82", 99, true) == "SELECT \xE2\x82\xAC...");
  BOOST_TEST(cut_to("select a", 99, false) == "SELECT a");
}

BOOST_AUTO_TEST_CASE(has_fingerprints_that_stay_the_same_for_ever) {
  // FNV-1a of the normalised text, computed elsewhere
  BOOST_TEST(fingerprint_sql("") == 0xcbf29ce484222325ULL);
  BOOST_TEST(fingerprint_sql("select 42") == 0x199e7dca63ea8858ULL);
  BOOST_TEST(fingerprint_sql("insert into T values (1,2),(3,4);") == 0x284e77bba5e8a189ULL);
  BOOST_TEST(fingerprint_sql("select a in (1,2,3)") == fingerprint_sql("SELECT A IN ('x') -- y"));
}

BOOST_AUTO_TEST_CASE(tells_statements_of_different_shape_apart) {
  const std::vector<std::string_view> statements = {
      "select a from t",
      "select b from t",
      "select a from u",
      "select a, a from t",
      "select a from t where b=1",
      "select a from t where b==1",
      "select a from t where -b",
      "select a from t where b",
      "select a from t where not b",
      "values (1)",
      "values (1,2)",
      "values (1),(2)",
      "values (1,2),(3,4)",
      "select a in (1)",
      "select a in ()",
      "select a in ((1))",
      "select a in (1,b)",
      "select a in (1,b,2)",
      "select null",
      "select 1",
      "select [a]",
      "select \"a\"",
      "select `a`",
      "select a.b",
      "select a b",
      "select ab",
      "select f(a)",
      "select -1",
      "select - -1",
      "select a->b",
      "select a->>b",
      "select a-b",
      "select a<b",
  };
  for (std::size_t i = 0; i < statements.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      BOOST_TEST_CONTEXT(statements[i] << " / " << statements[j]) {
        BOOST_TEST(normalize_sql(statements[i]) != normalize_sql(statements[j]));
        BOOST_TEST(fingerprint_sql(statements[i]) != fingerprint_sql(statements[j]));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(takes_linear_time_whatever_is_repeated) {
  // 1 MB: in linear time 20 ms each; in quadratic time minutes. Of the processor's time: who else uses it has no say.
  const std::clock_t start = std::clock();
  for (const std::string_view part :
       {" in (1", " in ((1,2)", ",1", "values (1),(2", "[a", "\"\"", "/*", "$a::", "("}) {
    std::string sql = "select a in (1";
    while (sql.size() < 1'000'000) sql += part;
    BOOST_TEST(fingerprint_sql(sql) != 0U);
    BOOST_TEST(cut_to(sql, 64).size() <= 64U);
  }
  BOOST_TEST((std::clock() - start) / CLOCKS_PER_SEC < 20);
}

BOOST_AUTO_TEST_CASE(the_value_of_a_key_pragma_is_never_shown) {
  BOOST_TEST(normalize_sql("PRAGMA key = hunter2") == "PRAGMA KEY = ?");
  BOOST_TEST(normalize_sql("pragma main.rekey(\"open sesame\")") == "PRAGMA main.rekey = ?");
  BOOST_TEST(normalize_sql("PRAGMA hexkey='00ff'; SELECT key FROM t") ==
             "PRAGMA hexkey = ?; SELECT KEY FROM t");
  BOOST_TEST(normalize_sql("PRAGMA key") == "PRAGMA KEY");
  BOOST_TEST(normalize_sql(normalize_sql("PRAGMA key = hunter2")) == "PRAGMA KEY = ?");
  BOOST_TEST(normalize_sql("PRAGMA cache_size = -2000") == "PRAGMA cache_size = -?");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
