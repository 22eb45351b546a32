// warden_statements in a host: what is counted, what is one shape, what of it is shown.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host.hpp"

namespace warden::test {

struct Statements {
  Statements() {
    db.load().rows("SELECT warden_reset()");
    watcher.load();
    db.rows("CREATE TABLE job(id INTEGER PRIMARY KEY, user TEXT, state TEXT)");
    db.rows(
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000) "
        "INSERT INTO job SELECT i, 'user' || i % 10, 'done' FROM c");
    reset();
  }
  ~Statements() { watcher.rows("SELECT warden_reset()"); }
  void reset() const { watcher.rows("SELECT warden_statements_reset()"); }
  /// Of the one shape whose text begins so.
  std::string figures(const std::string& columns, const std::string& begins) const {
    const auto all =
        watcher.rows("SELECT " + columns + " FROM warden_statements WHERE sql LIKE '" + begins + "%'");
    return all.size() == 1 ? all.front() : std::to_string(all.size()) + " rows";
  }
  Db db;
  Db watcher;
};

BOOST_FIXTURE_TEST_SUITE(statement_statistics, Statements)

BOOST_AUTO_TEST_CASE(literals_lists_comments_and_case_are_no_shape) {
  for (const std::string sql :
       {"SELECT user FROM job WHERE id = 17", "select  user from JOB where ID=4 -- mine",
        "SELECT user FROM job WHERE id = /* which */ 'x'"}) {
    db.rows(sql);
  }
  BOOST_TEST(figures("calls", "SELECT user FROM job WHERE id = ?") == "3");
  db.rows("SELECT user FROM job WHERE id IN (1, 2, 3); SELECT user FROM job WHERE id IN (1,2,3,4,5,6,7,8,9)");
  BOOST_TEST(figures("calls", "SELECT user FROM job WHERE id IN") == "2");
  db.rows("SELECT state FROM job WHERE id = 17");  // another shape
  BOOST_TEST(figures("calls", "SELECT state FROM job") == "1");
}

BOOST_AUTO_TEST_CASE(counters_are_those_of_sqlite) {
  sqlite3_stmt* scan = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT user FROM job WHERE state = ? ORDER BY user", -1, &scan, nullptr);
  for (int i = 0; i < 3; ++i) {
    while (sqlite3_step(scan) == SQLITE_ROW) {
    }
    sqlite3_reset(scan);
  }
  const auto counter = [&](int which) { return std::to_string(sqlite3_stmt_status(scan, which, 0)); };
  BOOST_TEST(figures("calls || '|' || vm_steps || '|' || full_scan_steps || '|' || sorts",
                     "SELECT user FROM job WHERE state") == "3|" + counter(SQLITE_STMTSTATUS_VM_STEP) + "|" +
                                                                counter(SQLITE_STMTSTATUS_FULLSCAN_STEP) +
                                                                "|" + counter(SQLITE_STMTSTATUS_SORT));
  sqlite3_finalize(scan);
  db.rows("CREATE TABLE other(user TEXT); INSERT INTO other SELECT user FROM job LIMIT 50");
  db.rows("SELECT count(*) FROM other a, other b WHERE a.user = b.user");
  BOOST_TEST(figures("auto_indexes > 0", "SELECT count(*) FROM other") == "1");
}

BOOST_AUTO_TEST_CASE(short_runs_are_counted_as_exactly_as_long_ones) {
  db.rows("CREATE TABLE few(a); INSERT INTO few VALUES (1), (2), (3)");
  for (int i = 0; i < 5; ++i) db.rows("SELECT a FROM few");
  BOOST_TEST(figures("calls || '|' || full_scan_steps", "SELECT a FROM few") == "5|10");
}

BOOST_AUTO_TEST_CASE(reprepares_are_counted) {
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT count(*) FROM job", -1, &select, nullptr);
  for (int i = 0; i < 3; ++i) {
    db.rows("CREATE TABLE t" + std::to_string(i) + "(a)");
    while (sqlite3_step(select) == SQLITE_ROW) {
    }
    sqlite3_reset(select);
  }
  sqlite3_finalize(select);
  BOOST_TEST(figures("calls || '|' || reprepares", "SELECT count(*) FROM job") == "3|3");
}

BOOST_AUTO_TEST_CASE(a_schema_changed_by_another_connection_makes_no_second_call) {
  const TempDir dir;
  for (const int flags : {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX}) {
    BOOST_TEST_CONTEXT(flags) {
      const std::string file = dir.file(std::to_string(flags));
      const Db one(file, flags);
      const Db two(file);
      one.rows("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
      sqlite3_stmt* select = nullptr;
      sqlite3_prepare_v2(one.get(), "SELECT a + 1 FROM t", -1, &select, nullptr);
      reset();
      for (int i = 0; i < 3; ++i) {
        two.rows("CREATE TABLE u" + std::to_string(i) + "(a)");
        while (sqlite3_step(select) == SQLITE_ROW) {
        }
        sqlite3_reset(select);
      }
      sqlite3_finalize(select);
      BOOST_TEST(figures("calls", "SELECT a + ? FROM t") == "3");
    }
  }
}

BOOST_AUTO_TEST_CASE(times_add_up) {
  for (int i = 0; i < 10; ++i)
    db.rows("SELECT count(*) FROM job a, job b WHERE a.id < " + std::to_string(i * 10));
  BOOST_TEST(figures("min_ms > 0 AND min_ms <= mean_ms AND mean_ms <= max_ms AND stddev_ms > 0 AND stddev_ms "
                     "< max_ms AND "
                     "abs(total_ms - 10 * mean_ms) < 0.001",
                     "SELECT count(*) FROM job a, job b") == "1");
  BOOST_TEST(figures("abs(last_at_ms - 1000.0 * unixepoch()) < 60000 AND first_at_ms <= last_at_ms",
                     "SELECT count(*) FROM job a, job b") == "1");
}

BOOST_AUTO_TEST_CASE(what_triggers_and_functions_run_belongs_to_their_statement) {
  db.rows(
      "CREATE TABLE log(a); CREATE TRIGGER tr AFTER UPDATE ON job BEGIN INSERT INTO log VALUES (new.id); "
      "END");
  sqlite3_create_function(
      db.get(), "nested", 0, SQLITE_UTF8, db.get(),
      [](sqlite3_context* context, int, sqlite3_value**) {
        sqlite3_exec(static_cast<sqlite3*>(sqlite3_user_data(context)), "SELECT max(id) FROM job", nullptr,
                     nullptr, nullptr);
      },
      nullptr, nullptr);
  reset();
  db.rows("UPDATE job SET state = 'x' WHERE id < 5; SELECT nested()");
  BOOST_TEST(
      watcher.rows("SELECT sql, calls FROM warden_statements WHERE sql NOT LIKE '%warden%' ORDER BY sql") ==
          (std::vector<std::string>{"SELECT nested()|1", "UPDATE job SET state = ? WHERE id < ?|1"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(explain_is_not_counted) {
  db.rows("EXPLAIN SELECT count(*) FROM job; EXPLAIN QUERY PLAN SELECT count(*) FROM job");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements WHERE sql LIKE '%count(*) FROM job%'") ==
             0);
}

BOOST_AUTO_TEST_CASE(a_failure_that_shows_is_counted) {
  BOOST_TEST(db.error("INSERT INTO job VALUES (1, 'a', 'b')") == "UNIQUE constraint failed: job.id");
  BOOST_TEST(eventually([&] { return figures("errors", "INSERT INTO job VALUES") == "1"; }));
  BOOST_TEST(figures("cancels", "INSERT INTO job VALUES") == "0");
  BOOST_TEST(sqlite3_extended_errcode(db.get()) == SQLITE_CONSTRAINT_PRIMARYKEY);  // nobody touched it
}

BOOST_AUTO_TEST_CASE(a_cancelled_run_is_counted_as_such) {
  db.rows("SELECT warden_timeout(5)");
  BOOST_TEST(
      db.error("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c") ==
      "interrupted");
  BOOST_TEST(figures("calls || '|' || errors || '|' || cancels", "WITH RECURSIVE c(i) AS") == "1|1|1");
}

BOOST_AUTO_TEST_CASE(a_long_run_tells_what_it_held) {
  const TempDir dir;
  make_table(dir.file("t.db"), 20);
  const Db other(dir.file("t.db"));
  other.rows("PRAGMA cache_size = -100000; SELECT sum(length(a.x)) FROM t a, (SELECT n FROM t LIMIT 8) b");
  BOOST_TEST(figures("peak_memory_bytes > 15000000", "SELECT sum(length(a.x))") == "1");
  other.rows("SELECT 1");
  BOOST_TEST(figures("peak_memory_bytes IS NULL", "SELECT ?") == "1");
}

BOOST_AUTO_TEST_CASE(other_threads_runs_are_seen_without_waiting) {
  Db other;
  other.rows("CREATE TABLE t(a)");
  reset();
  std::thread worker([&] {
    for (int i = 0; i < 1000; ++i) other.rows("INSERT INTO t VALUES (" + std::to_string(i) + ")");
  });
  worker.join();
  BOOST_TEST(figures("calls", "INSERT INTO t VALUES") == "1000");
  other = Db();
  BOOST_TEST(figures("calls", "INSERT INTO t VALUES") ==
             "1000");  // the connection is gone, its figures are not
}

BOOST_AUTO_TEST_CASE(show_sql_is_respected_and_off_is_off) {
  db.rows("SELECT 'secret' FROM job");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements WHERE sql LIKE '%secret%'") == 0);
  watcher.rows("SELECT warden_set('show_sql', 'full')");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements WHERE sql LIKE '''secret%'") == 0);
  watcher.rows("SELECT warden_set('show_sql', 'none')");
  BOOST_TEST(watcher.number("SELECT count(sql) FROM warden_statements") == 0);
  watcher.rows("SELECT warden_set('show_sql', 'normalized'), warden_set('statement_stats', 0)");
  reset();
  db.rows("SELECT state FROM job");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements") == 0);
  BOOST_TEST(watcher.one("SELECT status FROM warden_checks WHERE \"check\" = 'statement statistics'") ==
             "off");
  watcher.rows("SELECT warden_set('statement_stats', 1)");
  db.rows("SELECT state FROM job");
  BOOST_TEST(figures("calls", "SELECT state FROM job") == "1");
}

BOOST_AUTO_TEST_CASE(rows_are_bounded_by_the_setting_and_those_that_left_are_counted) {
  watcher.rows("SELECT warden_set('statement_stats_max', 50)");
  for (int i = 0; i < 500; ++i) db.rows("SELECT 1 AS c" + std::to_string(i));
  for (int i = 0; i < 20; ++i) db.rows("SELECT user FROM job WHERE id = 1");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements") <= 50);
  BOOST_TEST(figures("calls", "SELECT user FROM job") == "20");
  BOOST_TEST(watcher.one("SELECT detail FROM warden_checks WHERE \"check\" = 'statement statistics'")
                 .find("of at most 50 kept, ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(odd_texts_are_bounded_entries) {
  std::string huge = "SELECT '" + std::string(10'000'000, 'x') + "' AS a FROM job LIMIT 1";
  db.rows(huge);
  BOOST_TEST(figures("calls", "SELECT ? AS a FROM job LIMIT ?") == "1");
  db.rows("SELECT 1 AS \"\xff\xfe\"");
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_statements WHERE sql IS NOT NULL AND calls > 0") >
             1);
  std::string names = "SELECT ";
  for (int i = 0; i < 1000; ++i) names += "id AS some_long_column_name_" + std::to_string(i) + ", ";
  db.rows(names + "1 FROM job LIMIT 1");
  BOOST_TEST(watcher.number("SELECT max(length(CAST(sql AS BLOB))) FROM warden_statements") <= 1024);
}

BOOST_AUTO_TEST_CASE(fingerprints_are_the_same_in_every_process) {
  db.rows("SELECT user FROM job WHERE id = 5");
  BOOST_TEST(figures("fingerprint", "SELECT user FROM job WHERE id") == "c5a8096d90b23b3f");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
