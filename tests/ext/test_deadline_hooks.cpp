// Deadlines by the callbacks that a connection has, or lacks, and what is left of them: in a child, in a dry run, as text, as events.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "deadlines.hpp"
#include "sqlite_assertions.hpp"

namespace warden::test {

BOOST_FIXTURE_TEST_SUITE(deadlines, Deadline)

BOOST_AUTO_TEST_CASE(a_host_with_its_own_trace_callback_keeps_it_and_is_not_interrupted) {
  const Db db;
  const std::string id = db.one("SELECT warden_connection_id()");
  static int told = 0;
  told = 0;
  sqlite3_trace_v2(
      db.get(), SQLITE_TRACE_STMT, [](unsigned, void*, void*, void*) { return ++told, 0; }, nullptr);
  db.rows("SELECT warden_timeout(1)");
  BOOST_TEST(
      code_of(db,
              "SELECT sum(i) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
              "300000) SELECT i FROM c)") == SQLITE_OK);
  BOOST_TEST(told == 2);
  BOOST_TEST(watcher.one("SELECT hooks FROM warden_connections WHERE connection_id = " + id) == "lost");
  BOOST_TEST(cancels(id) == "");
}

BOOST_AUTO_TEST_CASE(a_trace_callback_set_while_a_statement_is_open_ends_our_part_in_it) {
  if (skipped_for_assertions(
          "SQLite asserts that the callback which sees a statement end is the one that saw it begin"))
    return;
  make_table(dir.file("t.db"), 1);
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("SELECT warden_timeout(300)");
  sqlite3_stmt* cursor = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT * FROM t", -1, &cursor, nullptr);
  sqlite3_step(cursor);
  sqlite3_trace_v2(db.get(), 0, nullptr, nullptr);
  sqlite3_finalize(cursor);  // nobody is told
  BOOST_TEST(eventually([&] {
    return watcher.one("SELECT state, hooks FROM warden_connections WHERE connection_id = " + id) ==
           "idle|lost";
  }));
  BOOST_TEST(cancels(id) == "");
}

BOOST_AUTO_TEST_CASE(with_the_progress_handler_a_deadline_needs_no_thread) {
  watcher.rows("SELECT warden_set('hooks', 'trace+progress'), warden_set('watchdog', 0)");
  const Db db;
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("SELECT warden_timeout(30)");
  BOOST_TEST(eventually(
      [&] { return watcher.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "0"; }));
  const auto began = Clock::now();
  BOOST_TEST(code_of(db, kForever) == SQLITE_INTERRUPT);
  BOOST_TEST(ms_since(began) >= 30);
  BOOST_TEST(cancels(id, "reason, took_us >= 30000, sqlite_after_bytes IS NOT NULL") == "deadline|1|1");
  BOOST_TEST(db.one("SELECT 1") == "1");
}

BOOST_AUTO_TEST_CASE(the_progress_handler_does_nothing_where_the_hooks_are_lowered) {
  watcher.rows("SELECT warden_set('hooks', 'trace+progress'), warden_set('watchdog', 0)");
  const Db db;
  db.rows("SELECT warden_timeout(1)");
  const std::string long_one =
      "SELECT sum(i) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 300000) "
      "SELECT i "
      "FROM c)";
  BOOST_TEST(eventually(
      [&] { return watcher.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "0"; }));
  BOOST_TEST(code_of(db, long_one) == SQLITE_INTERRUPT);
  watcher.rows("SELECT warden_set('hooks', 'trace')");
  db.rows("SELECT 1");
  BOOST_TEST(code_of(db, long_one) == SQLITE_OK);
  watcher.rows("SELECT warden_set('hooks', 'trace+progress')");
  db.rows("SELECT 1");
  BOOST_TEST(code_of(db, long_one) == SQLITE_INTERRUPT);
}

BOOST_AUTO_TEST_CASE(without_hooks_there_are_no_deadlines) {
  watcher.rows("SELECT warden_set('hooks', 'none'), warden_set('statement_timeout_ms', 1)");
  const Db db;
  BOOST_TEST(
      code_of(db,
              "SELECT sum(i) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
              "300000) SELECT i FROM c)") == SQLITE_OK);
  BOOST_TEST(db.one("SELECT status FROM warden_checks WHERE \"check\" = 'deadlines'") == "problem");
}

BOOST_AUTO_TEST_CASE(dry_run_records_a_deadline_and_lets_the_statement_end) {
  watcher.rows("SELECT warden_set('dry_run', 1)");
  const Db db;
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("SELECT warden_timeout(5)");
  std::atomic<bool> stop{false};
  sqlite3_create_function(
      db.get(), "wait", 0, SQLITE_UTF8, &stop,
      [](sqlite3_context* context, int, sqlite3_value**) {
        eventually([&] { return static_cast<std::atomic<bool>*>(sqlite3_user_data(context))->load(); });
      },
      nullptr, nullptr);
  int code = -1;
  std::thread worker([&] { code = code_of(db, "SELECT wait()"); });
  BOOST_TEST(eventually([&] { return cancels(id, "reason, dry_run") == "deadline|1"; }));
  stop = true;
  worker.join();
  BOOST_TEST(code == SQLITE_OK);
  BOOST_TEST(watcher.number(
                 "SELECT count(*) FROM warden_events WHERE action = 'cancel' AND connection_id = " + id) ==
             1);
  BOOST_TEST(watcher.number("SELECT cancels FROM warden_connections WHERE connection_id = " + id) == 0);
}

BOOST_AUTO_TEST_CASE(a_child_after_fork_has_deadlines_too) {
  watcher.rows("SELECT warden_set('statement_timeout_ms', 20)");
  const Db before;
  BOOST_TEST(code_of(before, kForever) == SQLITE_INTERRUPT);  // the parent's thread runs
  const int status = in_child([&] {
    const Db db;
    return code_of(db, kForever) == SQLITE_INTERRUPT && code_of(db, kForever) == SQLITE_INTERRUPT ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(the_text_of_a_cancelled_statement_is_shown_as_the_setting_says) {
  const Db db;
  const std::string id = db.one("SELECT warden_connection_id()");
  const std::string secret = "SELECT 'secret', (" + kForever + ")";
  db.rows("SELECT warden_timeout(5)");
  code_of(db, secret);
  BOOST_TEST(cancels(id, "sql").starts_with("SELECT ?, (WITH"));
  watcher.rows("SELECT warden_set('show_sql', 'full')");
  code_of(db, secret);
  BOOST_TEST(cancels(id, "sql").starts_with("SELECT 'secret', (WITH"));
  watcher.rows("SELECT warden_set('show_sql', 'normalized')");
  BOOST_TEST(cancels(id, "sql").starts_with("SELECT ?, (WITH"));  // the row recorded in full, too
  watcher.rows("SELECT warden_set('show_sql', 'none')");
  BOOST_TEST(cancels(id, "sql") == "NULL");
  code_of(db, secret);
  watcher.rows("SELECT warden_set('show_sql', 'full')");
  BOOST_TEST(cancels(id, "sql") == "NULL");
}

BOOST_AUTO_TEST_CASE(a_transaction_left_open_is_a_state_and_once_an_event) {
  watcher.rows("SELECT warden_set('transaction_idle_ms', 30)");
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("CREATE TABLE t(x); BEGIN; INSERT INTO t VALUES (1)");
  const std::string events =
      "SELECT count(*) FROM warden_events WHERE reason = 'transaction idle' AND connection_id = " + id;
  BOOST_TEST(eventually([&] { return watcher.number(events) == 1; }));
  BOOST_TEST(
      watcher.one(
          "SELECT action, sql, took_us >= 30000 FROM warden_events WHERE reason = 'transaction idle' AND "
          "connection_id = " +
          id) == "warn|INSERT INTO t VALUES (?)|1");
  BOOST_TEST(watcher.one("SELECT state, in_transaction FROM warden_connections WHERE connection_id = " +
                         id) == "idle in transaction|1");
  const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
  const std::int64_t before = watcher.number(looks);
  BOOST_TEST(eventually([&] { return watcher.number(looks) > before + 2; }));
  BOOST_TEST(watcher.number(events) == 1);
  db.rows("COMMIT");
  BOOST_TEST(watcher.one("SELECT state FROM warden_connections WHERE connection_id = " + id) == "idle");
  BOOST_TEST(db.number("SELECT x FROM t") == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
