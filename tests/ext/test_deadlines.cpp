// Deadlines: a statement's time is over, in every kind of connection and of statement, and no other is hit.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "deadlines.hpp"
#include "sqlite_assertions.hpp"

namespace warden::test {

BOOST_FIXTURE_TEST_SUITE(deadlines, Deadline)

BOOST_AUTO_TEST_CASE(a_statement_is_interrupted_when_its_time_is_over_in_every_kind_of_connection) {
  watcher.rows("SELECT warden_set('statement_timeout_ms', 60)");
  for (const int flags :
       {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX, SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_SHAREDCACHE}) {
    BOOST_TEST_CONTEXT(flags) {
      const Db db(dir.file("t.db"), flags);
      const std::string id = db.one("SELECT warden_connection_id()");
      const auto began = Clock::now();
      try {
        db.rows(kForever);
        BOOST_ERROR("it ended by itself");
      } catch (const SqlError& e) {
        BOOST_TEST(e.code == SQLITE_INTERRUPT);
        BOOST_TEST(e.what() == "interrupted");
      }
      BOOST_TEST(ms_since(began) >= 60);
      BOOST_TEST(ms_since(began) < 5000);
      BOOST_TEST(cancels(id).starts_with("deadline|WITH RECURSIVE c(i) AS"));
      BOOST_TEST(
          eventually([&] { return cancels(id, "took_us >= 60000 AND rss_after_bytes IS NOT NULL") == "1"; }));
      BOOST_TEST(
          watcher.one("SELECT deadline_ms, elapsed_ms >= 60, cancels, state FROM warden_connections WHERE "
                      "connection_id = " +
                      id) == "60|1|1|idle");
      BOOST_TEST(db.one("SELECT 1") == "1");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_connections_own_timeout_comes_before_the_setting) {
  watcher.rows("SELECT warden_set('statement_timeout_ms', 3600000)");
  const Db db;
  BOOST_TEST(db.one("SELECT warden_timeout()") == "3600000");
  BOOST_TEST(db.one("SELECT warden_timeout(20)") == "20");
  BOOST_TEST(code_of(db, kForever) == SQLITE_INTERRUPT);
  BOOST_TEST(db.one("SELECT warden_timeout(0)") == "0");
  BOOST_TEST(
      db.one("SELECT deadline_ms FROM warden_connections WHERE connection_id = warden_connection_id()") ==
      "NULL");
  watcher.rows("SELECT warden_set('statement_timeout_ms', 30)");
  BOOST_TEST(
      code_of(db,
              "SELECT sum(i) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
              "1000000) SELECT i FROM c)") == SQLITE_OK);
  BOOST_TEST(db.one("SELECT warden_timeout(NULL)") == "30");
  BOOST_TEST(code_of(db, kForever) == SQLITE_INTERRUPT);
}

BOOST_AUTO_TEST_CASE(a_timeout_out_of_range_is_refused) {
  const Db db;
  BOOST_TEST(db.error("SELECT warden_timeout(-1)") ==
             "warden_timeout: ms must be from 0 (no deadline) to 31536000000, not -1");
  BOOST_TEST(db.error("SELECT warden_timeout(9223372036854775807)")
                 .starts_with("warden_timeout: ms must be from 0"));
  BOOST_TEST(db.error("SELECT warden_timeout('5')") ==
             "warden_timeout: ms must be an integer or NULL, not text");
  BOOST_TEST(db.error("SELECT warden_timeout(1.5)") ==
             "warden_timeout: ms must be an integer or NULL, not real");
  BOOST_TEST(
      db.error("SELECT warden_set('statement_timeout_ms', -5)")
          .starts_with("warden_set: statement_timeout_ms must be a whole number of milliseconds from 0 to"));
  BOOST_TEST(db.one("SELECT warden_timeout()") == "0");
}

BOOST_AUTO_TEST_CASE(writers_are_left_alone_unless_asked_for) {
  make_table(dir.file("t.db"), 4);
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("SELECT warden_timeout(1)");
  BOOST_TEST(code_of(db, "UPDATE t SET x = (SELECT count(*) FROM t a, t b WHERE a.n < 400)") == SQLITE_OK);
  BOOST_TEST(watcher.one("SELECT elapsed_ms > 1, deadline_ms FROM warden_connections WHERE connection_id = " +
                         id) == "1|NULL");
  watcher.rows("SELECT warden_set('statement_timeout_writes', 1)");
  BOOST_TEST(code_of(db, "INSERT INTO t(x) " + kForever) == SQLITE_INTERRUPT);
  while (!db.error("SELECT warden_timeout(0)").empty()) {
    // A millisecond may be over before this one has begun.
  }
  BOOST_TEST(db.one("PRAGMA integrity_check") == "ok");
}

BOOST_AUTO_TEST_CASE(a_statement_that_its_host_steps_slowly_is_counted_from_its_beginning) {
  make_table(dir.file("t.db"), 4);
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id(), warden_timeout(50)").substr(0, 1);
  sqlite3_stmt* cursor = nullptr;
  BOOST_REQUIRE(sqlite3_prepare_v2(db.get(), "SELECT * FROM t", -1, &cursor, nullptr) == SQLITE_OK);
  BOOST_TEST(sqlite3_step(cursor) == SQLITE_ROW);
  BOOST_TEST(eventually([&] {
    return watcher.number(
               "SELECT count(*) FROM warden_events WHERE action = 'cancel' AND reason = 'deadline' AND label "
               "IS NULL AND sql = 'SELECT * FROM t'") == 1;
  }));
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = sqlite3_step(cursor);
  BOOST_TEST(rc == SQLITE_INTERRUPT);
  sqlite3_finalize(cursor);
  BOOST_TEST(db.one("SELECT count(*) FROM t") == "4000");
}

BOOST_AUTO_TEST_CASE(a_cursor_left_open_in_a_transaction_does_not_end_what_is_written_beside_it) {
  make_table(dir.file("t.db"), 4);
  for (const int flags : {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX}) {
    BOOST_TEST_CONTEXT(flags) {
      const Db db(dir.file("t.db"), flags);
      const std::string id = db.one("SELECT warden_connection_id()");
      sqlite3_stmt* cursor = nullptr;
      sqlite3_stmt* update = nullptr;
      sqlite3_prepare_v2(db.get(), "SELECT n FROM t", -1, &cursor, nullptr);
      sqlite3_prepare_v2(db.get(), "UPDATE t SET x = 'seen' WHERE n = 1", -1, &update, nullptr);
      db.rows("SELECT warden_timeout(200); BEGIN; INSERT INTO t(x) VALUES ('first')");
      BOOST_TEST(sqlite3_step(cursor) == SQLITE_ROW);
      BOOST_TEST(eventually([&] {
        return watcher.one(
                   "SELECT elapsed_ms > 2 * deadline_ms FROM warden_connections WHERE connection_id = " +
                   id) == "1";
      }));
      BOOST_TEST(sqlite3_step(update) == SQLITE_DONE);
      sqlite3_finalize(update);
      sqlite3_finalize(cursor);
      db.rows("COMMIT");
      BOOST_TEST(db.number("SELECT count(*) FROM t WHERE x IN ('first', 'seen')") == 2);
      BOOST_TEST(cancels(id) == "");
      db.rows("DELETE FROM t WHERE x = 'first'; UPDATE t SET x = '' WHERE n = 1");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_writer_without_a_deadline_is_safe_from_that_of_a_cursor_beside_it) {
  make_table(dir.file("t.db"), 4);
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  sqlite3_stmt* cursor = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT n FROM t", -1, &cursor, nullptr);
  db.rows("SELECT warden_timeout(300)");
  BOOST_TEST(sqlite3_step(cursor) == SQLITE_ROW);
  db.rows("SELECT warden_timeout(NULL)");
  db.rows("BEGIN; INSERT INTO t(x) VALUES ('first')");
  // One that takes until the cursor's time is over.
  BOOST_TEST(eventually([&] {
    db.rows("INSERT INTO t(x) SELECT 'more' FROM t a, t b WHERE a.n <= 20 AND b.n = 1");
    return watcher.one("SELECT elapsed_ms > 2 * deadline_ms FROM warden_connections WHERE connection_id = " +
                       id) == "1";
  }));
  BOOST_TEST(sqlite3_get_autocommit(db.get()) == 0);
  sqlite3_finalize(cursor);
  db.rows("COMMIT");
  BOOST_TEST(db.number("SELECT count(*) FROM t WHERE x = 'first'") == 1);
}

BOOST_AUTO_TEST_CASE(a_select_whose_function_writes_is_a_writer) {
  // The thread of deadlines sees it, and the progress handler where there is none.
  for (const std::string hooks : {"trace", "trace+progress"}) {
    const bool threads = hooks == "trace";
    watcher.rows("SELECT warden_set('hooks', '" + hooks + "'), warden_set('watchdog', " +
                 (threads ? "1" : "0") + ")");
    const Db db(dir.file(hooks));
    db.rows("CREATE TABLE t(x)");
    sqlite3_create_function(
        db.get(), "write_for_long", 0, SQLITE_UTF8, db.get(),
        [](sqlite3_context* context, int, sqlite3_value**) {
          auto* self = static_cast<sqlite3*>(sqlite3_user_data(context));
          sqlite3_result_int(
              context, sqlite3_exec(self,
                                    "INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                    "FROM c WHERE i < 300000) SELECT max(i) FROM c",
                                    nullptr, nullptr, nullptr));
        },
        nullptr, nullptr);
    db.rows("SELECT warden_timeout(20); BEGIN; INSERT INTO t VALUES (0)");
    BOOST_TEST(db.one("SELECT write_for_long()") == "0", hooks);
    db.rows("COMMIT");
    BOOST_TEST(db.number("SELECT count(*) FROM t") == 2, hooks);
  }
}

BOOST_AUTO_TEST_CASE(the_row_of_a_statement_that_ends_beside_another_is_completed) {
  make_table(dir.file("t.db"), 1);
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  sqlite3_stmt* beside = nullptr;
  sqlite3_stmt* oldest = nullptr;
  sqlite3_prepare_v2(db.get(), ("SELECT 1 WHERE (" + kForever + ") > 0").c_str(), -1, &oldest, nullptr);
  sqlite3_prepare_v2(db.get(), "SELECT n FROM t", -1, &beside, nullptr);
  db.rows("SELECT warden_timeout(50)");
  BOOST_TEST(sqlite3_step(oldest) == SQLITE_INTERRUPT);
  sqlite3_reset(oldest);
  sqlite3_stmt* cursor = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT n, x FROM t", -1, &cursor, nullptr);
  BOOST_TEST(sqlite3_step(cursor) == SQLITE_ROW);  // becomes the oldest, and is cut off between two steps
  BOOST_TEST(eventually([&] { return cancels(id, "sql") == "SELECT n, x FROM t"; }));
  sqlite3_step(beside);
  sqlite3_finalize(cursor);
  BOOST_TEST(cancels(id, "sql, took_us > 0") == "SELECT n, x FROM t|1");
  sqlite3_finalize(beside);
  sqlite3_finalize(oldest);
}

BOOST_AUTO_TEST_CASE(transactions_are_begun_and_ended_without_a_deadline) {
  const Db db(dir.file("t.db"));
  const std::string deadline = "SELECT deadline_ms FROM warden_connections WHERE connection_id = " +
                               db.one("SELECT warden_connection_id()");
  db.rows("CREATE TABLE t(x); SELECT warden_timeout(5000)");
  for (const std::string sql :
       {"BEGIN", "SAVEPOINT a", "INSERT INTO t VALUES (1)", " release a", "COMMIT", "begin", "ROLLBACK"}) {
    db.rows(sql);
    BOOST_TEST(watcher.one(deadline) == "NULL");
  }
  db.rows("SELECT * FROM t");
  BOOST_TEST(watcher.one(deadline) == "5000");
}

BOOST_AUTO_TEST_CASE(what_a_function_runs_belongs_to_the_statement_that_called_it) {
  const Db db;
  db.rows("SELECT warden_timeout(100)");
  sqlite3_create_function(
      db.get(), "nested", 0, SQLITE_UTF8, db.get(),
      [](sqlite3_context* context, int, sqlite3_value**) {
        // Many short statements: none reaches a deadline of its own.
        auto* self = static_cast<sqlite3*>(sqlite3_user_data(context));
        if (sqlite3_exec(self, "SELECT 1", nullptr, nullptr, nullptr) == SQLITE_INTERRUPT)
          sqlite3_result_error_code(context, SQLITE_INTERRUPT);
      },
      nullptr, nullptr);
  BOOST_TEST(
      code_of(
          db,
          "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(nested()) FROM c") ==
      SQLITE_INTERRUPT);
  BOOST_TEST(watcher.one("SELECT sql FROM warden_events WHERE action = 'cancel' ORDER BY event_id DESC")
                 .ends_with("SELECT count(nested()) FROM c"));
}

BOOST_AUTO_TEST_CASE(a_statement_that_sqlite_prepares_anew_keeps_its_deadline) {
  // SQLite tells of its beginning, of the end of the attempt that finds the schema changed, and not of the second.
  const Db db(dir.file("t.db"));
  const Db other(dir.file("t.db"));
  db.rows("PRAGMA journal_mode = WAL; CREATE TABLE t(x)");
  sqlite3_stmt* long_one = nullptr;
  BOOST_REQUIRE(sqlite3_prepare_v2(db.get(), ("SELECT (SELECT count(*) FROM t), (" + kForever + ")").c_str(),
                                   -1, &long_one, nullptr) == SQLITE_OK);
  for (int round = 0; round < 3; ++round) {
    other.rows("CREATE TABLE u" + std::to_string(round) + "(y)");
    db.rows("SELECT warden_timeout(50)");
    BOOST_TEST(sqlite3_step(long_one) == SQLITE_INTERRUPT);
    BOOST_TEST(sqlite3_stmt_status(long_one, SQLITE_STMTSTATUS_REPREPARE, 0) > 0);
    sqlite3_reset(long_one);
  }
  sqlite3_finalize(long_one);
  BOOST_TEST(watcher.number("SELECT cancels FROM warden_connections WHERE connection_id = " +
                            db.one("SELECT warden_connection_id()")) == 3);
}

BOOST_AUTO_TEST_CASE(a_statement_that_could_not_begin_is_not_taken_for_running) {
  const Db owner(dir.file("t.db"));
  owner.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1); BEGIN EXCLUSIVE");
  const Db db(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id(), warden_timeout(10)");
  const std::string number = id.substr(0, id.find('|'));
  BOOST_TEST(code_of(db, "SELECT * FROM t") == SQLITE_BUSY);
  BOOST_TEST(eventually([&] {
    return watcher.one("SELECT state, hooks FROM warden_connections WHERE connection_id = " + number) ==
           "idle|trace";
  }));
  owner.rows("COMMIT");
  BOOST_TEST(db.one("SELECT * FROM t") == "1");
  BOOST_TEST(cancels(number) == "");
}

BOOST_AUTO_TEST_CASE(no_short_statement_is_hit_by_a_deadline_that_is_over) {
  const Db db;
  db.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, x); INSERT INTO t VALUES (1, 2); SELECT warden_timeout(5)");
  std::atomic<bool> stop{false};
  std::atomic<int> not_ended{0};  // Boost.Test is for one thread
  std::thread beside([&] {
    const Db other;
    other.rows("SELECT warden_timeout(5)");
    while (!stop) not_ended += code_of(other, kForever) != SQLITE_INTERRUPT;
  });
  sqlite3_stmt* look_up = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT x FROM t WHERE id = 1", -1, &look_up, nullptr);
  int hit = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kRounds = 10;
#else
  constexpr int kRounds = 50;
#endif
  for (int round = 0; round < kRounds; ++round) {
    BOOST_TEST(code_of(db, kForever) == SQLITE_INTERRUPT);
    for (int i = 0; i < 2000; ++i) {
      const auto began = Clock::now();
      while (sqlite3_step(look_up) == SQLITE_ROW) {
      }
      // A loaded machine may stop even this one for longer than its deadline.
      if (sqlite3_reset(look_up) == SQLITE_INTERRUPT && ms_since(began) < 5) ++hit;
    }
  }
  BOOST_TEST(hit == 0);
  sqlite3_finalize(look_up);
  stop = true;
  beside.join();
  BOOST_TEST(not_ended == 0);
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
