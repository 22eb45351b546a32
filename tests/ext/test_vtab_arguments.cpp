// Hidden arguments: by call syntax and by WHERE, required and optional, alone and among other constraints.
#include <boost/test/unit_test.hpp>

#include "vtab_tables.hpp"

using warden::test::asked;
using warden::test::scans;
using warden::test::Tables;

BOOST_FIXTURE_TEST_SUITE(vtab_arguments, Tables)

BOOST_AUTO_TEST_CASE(arguments_come_by_position) {
  BOOST_TEST(query("SELECT value FROM numbers(10)") == "10, 11, 12");
  BOOST_TEST(asked == "first=10 ");
  BOOST_TEST(query("SELECT value FROM numbers(10, 2)") == "10, 11");
  BOOST_TEST(query("SELECT value FROM numbers(10, 2, 5.0)") == "10, 15");
  BOOST_TEST(pushed("SELECT value FROM numbers(10, 2, 5, 'title')") ==
             "first=10 count=2 step=5 title=title ");
}

BOOST_AUTO_TEST_CASE(arguments_come_by_name_in_where) {
  BOOST_TEST(query("SELECT value FROM numbers WHERE first = 10") == "10, 11, 12");
  BOOST_TEST(query("SELECT value FROM numbers WHERE step = 2 AND 10 = first") == "10, 12, 14");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE count = 1") == "10");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE title = 'x' AND step = 4") == "10, 14, 18");
  BOOST_TEST(asked == "first=10 step=4 title=x ");
}

BOOST_AUTO_TEST_CASE(an_argument_goes_with_other_constraints) {
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE value > 10") == "11, 12");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE value = 11 AND square = 121 AND rowid > 0") == "11");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE value > 11 OR value < 11") == "10, 12");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE value LIKE '%1' ORDER BY value DESC LIMIT 1") ==
             "11");
}

BOOST_AUTO_TEST_CASE(an_argument_stands_beside_an_or) {
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE value = 11 OR square = 100") == "10, 11");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE count = 2 OR square = 100") == "10");
  BOOST_TEST(
      query("SELECT value FROM numbers WHERE (first = 10 AND value < 11) OR (first = 20 AND value > 21)") ==
      "10, 22");
  BOOST_TEST(
      query("SELECT value FROM numbers WHERE (first = 10 AND value < 11) OR (first = 20 AND value < 21)") ==
      "10, 20");
  BOOST_TEST(
      query("SELECT value FROM numbers WHERE (first = 10 AND value < 12) OR (first = 10 AND value < 11)") ==
      "10, 11");
}

BOOST_AUTO_TEST_CASE(an_argument_can_be_selected) {
  BOOST_TEST(query("SELECT first, count, step, title, value FROM numbers(7, 1)") == "7|1|NULL|NULL|7");
  BOOST_TEST(query("SELECT title FROM numbers(7, 1, 2, 'a' || char(0) || 'b')") == std::string("a\0b", 3));
  BOOST_TEST(query("SELECT * FROM numbers(7, 1)") == "7|49");
}

BOOST_AUTO_TEST_CASE(two_constraints_on_an_argument_must_both_hold) {
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE first = 10") == "10, 11, 12");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE first = 11") == "");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE first > 9 AND first <> 11") == "10, 11, 12");
  BOOST_TEST(query("SELECT value FROM numbers(10) WHERE first > 10") == "");
  BOOST_TEST(query("SELECT value FROM numbers(10, 1) WHERE title IS NULL") == "10");
  BOOST_TEST(query("SELECT value FROM numbers(10, 1) WHERE first IS NULL") == "");
}

BOOST_AUTO_TEST_CASE(in_on_an_argument_makes_a_scan_for_each_value) {
  BOOST_TEST(query("SELECT value FROM numbers WHERE first IN (10, 20) AND count = 1") == "10, 20");
  BOOST_TEST(scans == 2);
  BOOST_TEST(query("SELECT value FROM numbers WHERE (first = 20 OR first = 10) AND count = 1 ORDER BY 1") ==
             "10, 20");
  BOOST_TEST(query("SELECT value FROM numbers(1) WHERE count IN (SELECT x FROM a WHERE x < 4)") ==
             "1, 1, 2, 3");
}

BOOST_AUTO_TEST_CASE(a_required_argument_that_is_missing_is_named) {
  const char* const told = "error 1: numbers: argument \"first\" is required";
  BOOST_TEST(query("SELECT * FROM numbers") == told);
  BOOST_TEST(query("SELECT * FROM numbers WHERE count = 3") == told);
  BOOST_TEST(query("SELECT * FROM numbers WHERE first > 3") == told);
  BOOST_TEST(query("SELECT * FROM numbers WHERE first IS 3") == told);
  BOOST_TEST(query("SELECT * FROM a JOIN numbers ON value = x") == told);
  BOOST_TEST(query("SELECT 1") == "1");
}

BOOST_AUTO_TEST_CASE(an_argument_from_another_table_works_in_both_orders) {
  const char* const found = "1|1, 1|2, 3|3, 3|4, 5|5, 5|6";
  BOOST_TEST(query("SELECT x, value FROM a, numbers(a.x, 2) ORDER BY 1, 2") == found);
  BOOST_TEST(query("SELECT x, value FROM numbers(a.x, 2), a ORDER BY 1, 2") == found);
  BOOST_TEST(query("SELECT x, value FROM a, numbers WHERE first = x AND count = 2 ORDER BY 1, 2") == found);
  BOOST_TEST(query("SELECT x, value FROM numbers, a WHERE first = x AND count = 2 ORDER BY 1, 2") == found);
  BOOST_TEST(query("SELECT x, value FROM a CROSS JOIN numbers(x, 2) ORDER BY 1, 2") == found);
  BOOST_TEST(query("SELECT x, value FROM a LEFT JOIN numbers(a.x, 1)") == "1|1, 3|3, 5|5, NULL|NULL");
  BOOST_TEST(query("SELECT x, value FROM a LEFT JOIN numbers ON first = x AND count = 1") ==
             "1|1, 3|3, 5|5, NULL|NULL");
}

BOOST_AUTO_TEST_CASE(three_tables_find_the_one_order_that_works) {
  BOOST_TEST(query("SELECT m.value FROM numbers(n.value, 1) m, numbers(a.x, 1) n, a ORDER BY 1") ==
             "1, 3, 5");
  BOOST_TEST(
      query("SELECT value FROM numbers(1, 2) o WHERE value IN (SELECT n.value FROM numbers(o.value, 1) n)") ==
      "1, 2");
}

BOOST_AUTO_TEST_CASE(only_a_circle_of_arguments_has_no_query_solution) {
  BOOST_TEST(query("SELECT * FROM numbers(m.value) n, numbers(n.value) m") == "error 1: no query solution");
  BOOST_TEST(query("SELECT * FROM numbers(value)") == "error 1: numbers: argument \"first\" is required");
}

BOOST_AUTO_TEST_CASE(a_forced_order_that_cannot_give_the_argument_is_an_error) {
  BOOST_TEST(query("SELECT x FROM numbers CROSS JOIN a WHERE first = x") ==
             "error 1: numbers: argument \"first\" is required");
}

BOOST_AUTO_TEST_CASE(a_required_argument_of_null_gives_no_rows) {
  BOOST_TEST(query("SELECT * FROM numbers(NULL)") == "");
  BOOST_TEST(query("SELECT * FROM numbers(NULL, 5, 1.0, 'x')") == "");
  BOOST_TEST(query("SELECT count(*), sum(first) FROM numbers WHERE first = NULL") == "0|NULL");
  BOOST_TEST(scans == 0);
}

BOOST_AUTO_TEST_CASE(an_optional_argument_of_null_is_as_if_left_out) {
  BOOST_TEST(query("SELECT value, count, title FROM numbers(10, NULL, NULL, NULL)") ==
             "10|NULL|NULL, 11|NULL|NULL, 12|NULL|NULL");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_names_table_argument_and_both_types) {
  BOOST_TEST(query("SELECT * FROM numbers('10')") ==
             "error 1: numbers: argument \"first\" must be an integer, not text");
  BOOST_TEST(query("SELECT * FROM numbers(10.0)") ==
             "error 1: numbers: argument \"first\" must be an integer, not real");
  BOOST_TEST(query("SELECT * FROM numbers(10, x'00')") ==
             "error 1: numbers: argument \"count\" must be an integer, not blob");
  BOOST_TEST(query("SELECT * FROM numbers(10, 1, 'x')") ==
             "error 1: numbers: argument \"step\" must be a number, not text");
  BOOST_TEST(query("SELECT * FROM numbers(10, 1, 1, 5)") ==
             "error 1: numbers: argument \"title\" must be text, not integer");
  BOOST_TEST(scans == 0);
  BOOST_TEST(query("SELECT value FROM numbers(10, 1)") == "10");
}

BOOST_AUTO_TEST_CASE(a_number_out_of_range_is_told_the_range) {
  BOOST_TEST(query("SELECT * FROM numbers(1, 5000000000)") ==
             "error 1: numbers: argument \"count\" must be an integer from -2147483648 to 2147483647, not "
             "5000000000");
  BOOST_TEST(query("SELECT * FROM numbers(1, 1, 9007199254740993)") ==
             "error 1: numbers: argument \"step\" must be a number that a REAL can be, not 9007199254740993");
  BOOST_TEST(query("SELECT count(*) FROM numbers(1, 1, 9007199254740992)") == "1");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_in_a_later_scan_ends_the_statement) {
  BOOST_TEST(query("SELECT value FROM (SELECT 1 AS y UNION ALL SELECT 'two'), numbers(y, 1)") ==
             "error 1: numbers: argument \"first\" must be an integer, not text");
}

BOOST_AUTO_TEST_CASE(too_many_arguments_are_refused) {
  BOOST_TEST(query("SELECT * FROM numbers(1, 2, 3, 'x', 5)") ==
             "error 1: too many arguments on numbers() - max 4");
}

BOOST_AUTO_TEST_CASE(text_arguments_are_the_bytes_that_were_given) {
  BOOST_TEST(pushed("SELECT * FROM numbers(1, 1, 1, CAST(x'61FF0062' AS TEXT))") ==
             std::string("first=1 count=1 step=1 title=a\xFF\0b ", 34));
  BOOST_TEST(query("SELECT count(*) FROM numbers(1, 1, 1, '')") == "1");
  BOOST_TEST(asked == "first=1 count=1 step=1 title= ");
}

BOOST_AUTO_TEST_CASE(rows_without_a_rowid_are_numbered_in_order) {
  BOOST_TEST(query("SELECT rowid & 0xffffffff, value FROM numbers(10) WHERE value <> 11") == "1|10, 3|12");
  BOOST_TEST(query("SELECT count(DISTINCT numbers.rowid), min(numbers.rowid) > 0 FROM a, numbers(x)") ==
             "9|1");
  BOOST_TEST(query("SELECT n.value FROM numbers(10) n JOIN numbers(10) m ON m.rowid = n.rowid") ==
             "10, 11, 12");
}

BOOST_AUTO_TEST_CASE(views_and_ctes_hand_arguments_on) {
  BOOST_TEST(query("CREATE VIEW ten AS SELECT * FROM numbers(10); SELECT value FROM ten WHERE value > 10") ==
             "11, 12");
  BOOST_TEST(query("CREATE VIEW any_of AS SELECT value, first AS start FROM numbers; "
                   "SELECT value FROM any_of WHERE start = 3") == "3, 4, 5");
  BOOST_TEST(
      query(
          "WITH n AS (SELECT * FROM numbers(1, 2)) SELECT n.value, m.value FROM n, numbers(n.value, 1) m") ==
      "1|1, 2|2");
}

BOOST_AUTO_TEST_CASE(a_correlated_subquery_gives_the_argument) {
  BOOST_TEST(query("SELECT x, (SELECT sum(value) FROM numbers(x)) FROM a") == "1|6, 3|12, 5|18, NULL|NULL");
}

BOOST_AUTO_TEST_SUITE_END()
