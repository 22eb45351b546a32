// What the planner may make of a table's columns: every kind of push, in every kind of statement.
#include <boost/test/unit_test.hpp>

#include "vtab_tables.hpp"

using warden::test::asked;
using warden::test::scans;
using warden::test::Tables;

BOOST_FIXTURE_TEST_SUITE(vtab, Tables)

BOOST_AUTO_TEST_CASE(all_rows_and_columns_come_in_the_order_of_the_scan) {
  BOOST_TEST(query("SELECT * FROM processes") ==
             "1|init|0.5|S|0, 2|kthreadd|NULL|I|1, 3|bash|1.5|S|0, 4|bash|2.0|R|0, 5|Bash|97.25|R|0, 6|cron "
             "|0.0|S|0");
  BOOST_TEST(asked == "");
}

BOOST_AUTO_TEST_CASE(a_column_without_push_is_never_handed_to_the_scan) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE kernel = 1 AND kernel > 0") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE kernel = 1") == "2");
}

BOOST_AUTO_TEST_CASE(equality_is_pushed_where_the_column_says_so) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE pid = 3") == "pid=3 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm = 'bash'") == "comm=bash ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu = 1.5") == "cpu=1.5 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE state = 'S'") == "state=S ");
  BOOST_TEST(
      pushed("SELECT * FROM processes WHERE 3 = pid AND comm = 'bash' AND cpu = 1.5 AND state = 'S'") ==
      "pid=3 comm=bash cpu=1.5 state=S ");
  BOOST_TEST(
      query("SELECT pid FROM processes WHERE 3 = pid AND comm = 'bash' AND cpu = 1.5 AND state = 'S'") ==
      "3");
}

BOOST_AUTO_TEST_CASE(bounds_are_pushed_only_for_a_range) {
  BOOST_TEST(pushed("SELECT * FROM processes WHERE pid > 3") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid > 3") == "4, 5, 6");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE comm > 'b'") == "");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu > 1.5") == "cpu>1.5 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu >= 1.5") == "cpu>1.5 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu < 1.5") == "cpu<1.5 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu <= 1.5") == "cpu<1.5 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE cpu BETWEEN 1 AND 2") == "cpu>1 cpu<2 ");
  BOOST_TEST(pushed("SELECT * FROM processes WHERE state BETWEEN 'R' AND 'T'") == "state>R state<T ");
}

BOOST_AUTO_TEST_CASE(a_bound_itself_counts_or_not_as_the_operator_says) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu > 1.5") == "4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu >= 1.5") == "3, 4, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu < 1.5") == "1, 6");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu <= 1.5") == "1, 3, 6");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu BETWEEN 1.5 AND 2") == "3, 4");
}

BOOST_AUTO_TEST_CASE(constraints_of_one_kind_on_one_column_all_hold) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu > 0.25 AND cpu > 1 AND cpu < 90 AND cpu < 2") == "3");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 3 AND pid = 4") == "");
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm = 'bash' AND comm = 'init'") == "");
}

BOOST_AUTO_TEST_CASE(in_makes_one_scan_for_each_value) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid IN (4, 1, 99, NULL, 1)") == "1, 4");
  BOOST_TEST(scans == 3);
  BOOST_TEST(query("SELECT pid FROM processes WHERE comm IN ('init', 'bash') ORDER BY pid") == "1, 3, 4");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid IN (SELECT x FROM a) ORDER BY pid") == "1, 3, 5");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid NOT IN (1, 2, 3)") == "4, 5, 6");
}

BOOST_AUTO_TEST_CASE(rows_found_by_both_sides_of_an_or_come_once) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid = 3 OR comm = 'bash' ORDER BY pid") == "3, 4");
  BOOST_TEST(query("SELECT pid FROM processes WHERE cpu > 50 OR state = 'R' OR pid = 1 ORDER BY pid") ==
             "1, 4, 5");
  BOOST_TEST(query("SELECT count(*) FROM processes WHERE pid = 1 OR pid = 2 OR comm = 'init'") == "2");
}

BOOST_AUTO_TEST_CASE(row_values_compare_like_those_of_an_ordinary_table) {
  BOOST_TEST(query("SELECT pid FROM processes WHERE (pid, comm) = (3, 'bash')") == "3");
  BOOST_TEST(query("SELECT pid FROM processes WHERE (cpu, pid) > (1.5, 2) AND (cpu, pid) <= (2.0, 4)") ==
             "3, 4");
  BOOST_TEST(query("SELECT pid FROM processes WHERE (pid, comm) IN (SELECT 4, 'bash' UNION SELECT 1, 'x')") ==
             "4");
}

BOOST_AUTO_TEST_CASE(joins_find_the_same_rows_in_both_orders) {
  const char* const found = "1|init, 3|bash, 5|Bash";
  BOOST_TEST(query("SELECT pid, comm FROM a, processes WHERE pid = x ORDER BY 1") == found);
  BOOST_TEST(query("SELECT pid, comm FROM processes, a WHERE pid = x ORDER BY 1") == found);
  BOOST_TEST(query("SELECT pid, comm FROM a CROSS JOIN processes ON pid = x ORDER BY 1") == found);
  BOOST_TEST(query("SELECT pid, comm FROM processes CROSS JOIN a ON pid = x ORDER BY 1") == found);
  BOOST_TEST(query("SELECT x, comm FROM a LEFT JOIN processes ON pid = x AND state = 'S'") ==
             "1|init, 3|bash, 5|NULL, NULL|NULL");
  BOOST_TEST(query("SELECT pid, x FROM processes LEFT JOIN a ON pid = x WHERE pid < 4") ==
             "1|1, 2|NULL, 3|3");
  BOOST_TEST(query("SELECT x, pid FROM processes RIGHT JOIN a ON pid = x + 4 ORDER BY x") ==
             "NULL|NULL, 1|5, 3|NULL, 5|NULL");
}

BOOST_AUTO_TEST_CASE(a_table_joins_itself) {
  BOOST_TEST(
      query("SELECT p.pid, q.pid FROM processes p JOIN processes q ON q.comm = p.comm AND q.pid > p.pid") ==
      "3|4");
  BOOST_TEST(query("SELECT count(*) FROM processes, processes p2, processes p3") == "216");
}

BOOST_AUTO_TEST_CASE(a_correlated_subquery_scans_with_the_outer_value) {
  BOOST_TEST(query("SELECT x, (SELECT comm FROM processes WHERE pid = x) FROM a") ==
             "1|init, 3|bash, 5|Bash, NULL|NULL");
  BOOST_TEST(query("SELECT x FROM a WHERE EXISTS (SELECT 1 FROM processes WHERE pid = x AND cpu > 1)") ==
             "3, 5");
}

BOOST_AUTO_TEST_CASE(views_and_ctes_read_it) {
  BOOST_TEST(
      query(
          "CREATE VIEW busy AS SELECT * FROM processes WHERE cpu > 1; SELECT pid FROM busy WHERE pid = 4") ==
      "4");
  BOOST_TEST(asked == "pid=4 cpu>1 ");
  BOOST_TEST(query("WITH busy AS MATERIALIZED (SELECT * FROM processes WHERE cpu > 1), "
                   "all_of(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM all_of WHERE n < 3) "
                   "SELECT n, pid FROM all_of JOIN busy ON pid = n + 2") == "1|3, 2|4, 3|5");
}

BOOST_AUTO_TEST_CASE(order_distinct_groups_and_windows_are_as_ever) {
  BOOST_TEST(query("SELECT pid FROM processes ORDER BY cpu DESC, pid LIMIT 3 OFFSET 1") == "4, 3, 1");
  BOOST_TEST(query("SELECT comm, count(*) FROM processes GROUP BY comm HAVING count(*) > 1") == "bash|2");
  BOOST_TEST(query("SELECT DISTINCT state FROM processes ORDER BY state") == "I, R, S");
  BOOST_TEST(query("SELECT pid, sum(pid) OVER (ORDER BY pid) FROM processes WHERE pid < 4") ==
             "1|1, 2|3, 3|6");
  BOOST_TEST(query("SELECT pid FROM processes WHERE pid < 3 UNION SELECT x FROM a ORDER BY 1") ==
             "NULL, 1, 2, 3, 5");
}

BOOST_AUTO_TEST_CASE(the_rowid_is_the_rows_own_whatever_is_pushed) {
  BOOST_TEST(query("SELECT rowid, pid FROM processes WHERE pid > 4") == "50|5, 60|6");
  BOOST_TEST(query("SELECT rowid FROM processes WHERE pid = 5") == "50");
  BOOST_TEST(query("SELECT pid FROM processes WHERE rowid = 20 OR rowid > 40") == "2, 5, 6");
}

BOOST_AUTO_TEST_CASE(the_plan_names_what_is_pushed) {
  const auto plan = [&](const std::string& where) {
    return query("EXPLAIN QUERY PLAN SELECT pid FROM processes " + where);
  };
  BOOST_TEST(plan("") == "2|0|0|SCAN processes VIRTUAL TABLE INDEX 1:");
  BOOST_TEST(plan("WHERE pid = 5").ends_with("SCAN processes VIRTUAL TABLE INDEX 1:=0"));
  BOOST_TEST(plan("WHERE cpu > 5 AND comm = 'x' AND cpu < 9").ends_with("INDEX 7:>2=1<2"));
}

BOOST_AUTO_TEST_CASE(the_planner_puts_the_table_with_the_key_inside) {
  BOOST_TEST(query("SELECT count(*) FROM processes p, processes q WHERE q.pid = p.kernel") == "1");
  BOOST_TEST(scans == 7);  // one over all, one for each row
}

BOOST_AUTO_TEST_SUITE_END()
