// warden_connections while connections work: states, statements, what is known of busy ones.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "host.hpp"
#include "sqlite_assertions.hpp"

namespace warden::test {
namespace {

/// A SQL function, hold(), that keeps its statement inside until let go.
class Gate {
 public:
  void install(const Db& db) {
    sqlite3_create_function(
        db.get(), "hold", 0, SQLITE_UTF8, this,
        [](sqlite3_context* context, int, sqlite3_value**) {
          static_cast<Gate*>(sqlite3_user_data(context))->wait();
          sqlite3_result_int(context, 1);
        },
        nullptr, nullptr);
  }
  void wait() {
    std::unique_lock held(lock_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(held, [this] { return open_; });
    --inside_;
  }
  void wait_until_inside(int count) {
    std::unique_lock held(lock_);
    changed_.wait(held, [&] { return inside_ >= count; });
  }
  void open() {
    const std::lock_guard held(lock_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

std::string row_of(const Db& watcher, const std::string& columns, const Db&, const std::string& id) {
  return watcher.one("SELECT " + columns + " FROM warden_connections WHERE connection_id = " + id);
}

}  // namespace

struct Watcher {
  Watcher() { db.load().rows("SELECT warden_reset()"); }
  Db db;
};

BOOST_FIXTURE_TEST_SUITE(connections, Watcher)

BOOST_AUTO_TEST_CASE(a_busy_connection_is_shown_without_waiting_for_it) {
  Gate gate;
  const Db busy;
  gate.install(busy);
  const std::string id = busy.one("SELECT warden_connection_id()");
  std::thread worker([&] { busy.rows("SELECT hold(), 'secret', 42"); });
  gate.wait_until_inside(1);
  BOOST_TEST(row_of(db, "state, sql, in_transaction, idle_ms", busy, id) == "active|SELECT hold(), ?, ?|0|0");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_memory") == 10);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_checks") > 10);
  BOOST_TEST(db.one("SELECT warden_release(" + id + ")") == "NULL");  // busy: asked for
  gate.open();
  worker.join();
  BOOST_TEST(row_of(db, "state, sql", busy, id) == "idle|SELECT hold(), ?, ?");
  // What was asked for was done at the end of the statement.
  BOOST_TEST(row_of(db, "hooks", busy, id) == "trace");
}

BOOST_AUTO_TEST_CASE(show_sql_decides_what_is_shown) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  other.rows("SELECT 'secret', 42");
  BOOST_TEST(row_of(db, "sql", other, id) == "SELECT ?, ?");
  db.rows("SELECT warden_set('show_sql', 'full')");
  BOOST_TEST(row_of(db, "sql", other, id) == "SELECT 'secret', 42");
  db.rows("SELECT warden_set('show_sql', 'none')");
  BOOST_TEST(row_of(db, "sql", other, id) == "NULL");
}

BOOST_AUTO_TEST_CASE(a_long_statement_is_cut_and_shows_no_literal) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  other.rows("SELECT '" + std::string(3000, 'x') + "'");
  BOOST_TEST(row_of(db, "sql", other, id) == "SELECT ?...");
}

BOOST_AUTO_TEST_CASE(an_open_transaction_is_a_state) {
  const TempDir dir;
  const Db other(dir.file("a.db"));
  const std::string id = other.one("SELECT warden_connection_id()");
  other.rows("CREATE TABLE a(b)");
  BOOST_TEST(row_of(db, "state, in_transaction", other, id) == "idle|0");
  other.rows("BEGIN; INSERT INTO a VALUES (1)");
  BOOST_TEST(row_of(db, "state, in_transaction", other, id) == "idle in transaction|1");
  other.rows("COMMIT");
  BOOST_TEST(row_of(db, "state, in_transaction, file", other, id) == "idle|0|" + dir.file("a.db"));
}

BOOST_AUTO_TEST_CASE(statements_are_counted_and_triggers_belong_to_theirs) {
  const Db other;
  other.rows(
      "CREATE TABLE a(b); CREATE TABLE log(c); "
      "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.b); END");
  const std::string id = other.one("SELECT warden_connection_id()");
  const auto before = db.number("SELECT statement_seq FROM warden_connections WHERE connection_id = " + id);
  other.rows("INSERT INTO a VALUES (1), (2), (3)");
  BOOST_TEST(db.number("SELECT statement_seq FROM warden_connections WHERE connection_id = " + id) ==
             before + 1);
  other.rows("EXPLAIN SELECT 1; SELECT 2");
  BOOST_TEST(row_of(db, "statement_seq, state", other, id) == std::to_string(before + 2) + "|idle");
}

BOOST_AUTO_TEST_CASE(a_statement_half_stepped_is_active_until_it_is_reset) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  sqlite3_stmt* half = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT 1 UNION ALL SELECT 2", -1, &half, nullptr);
  BOOST_TEST(sqlite3_step(half) == SQLITE_ROW);
  BOOST_TEST(row_of(db, "state", other, id) == "active");
  sqlite3_reset(half);
  BOOST_TEST(row_of(db, "state", other, id) == "idle");
  sqlite3_finalize(half);
}

BOOST_AUTO_TEST_CASE(a_trace_callback_of_the_host_is_left_alone_and_told) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  static std::atomic<int> seen{0};
  sqlite3_trace_v2(
      other.get(), SQLITE_TRACE_STMT, [](unsigned, void*, void*, void*) { return ++seen, 0; }, nullptr);
  other.rows("SELECT warden_label('mine')");  // a call of ours without a beginning
  BOOST_TEST(row_of(db, "hooks, label", other, id) == "lost|mine");
  const int before = seen;
  other.rows("SELECT 1");
  BOOST_TEST(seen == before + 1);
  BOOST_TEST(other.one("SELECT status FROM warden_checks WHERE \"check\" = 'hooks'") == "problem");
}

BOOST_AUTO_TEST_CASE(a_trace_callback_set_while_a_statement_runs_leaves_no_connection_active_for_ever) {
  if (skipped_for_assertions(
          "SQLite asserts that the callback which sees a statement end is the one that saw it begin"))
    return;
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  sqlite3_stmt* half = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT 1 UNION ALL SELECT 2", -1, &half, nullptr);
  BOOST_TEST(sqlite3_step(half) == SQLITE_ROW);
  sqlite3_trace_v2(
      other.get(), SQLITE_TRACE_STMT, [](unsigned, void*, void*, void*) { return 0; }, nullptr);
  BOOST_TEST(row_of(db, "state, hooks", other, id) == "active|trace");
  sqlite3_finalize(half);
  BOOST_TEST(row_of(db, "cache_bytes > 0", other, id) == "1");  // measuring finds that nothing runs
  BOOST_TEST(row_of(db, "state, hooks", other, id) == "idle|lost");
}

BOOST_AUTO_TEST_CASE(connections_with_a_shared_cache_are_left_alone) {
  const TempDir dir;
  const std::string shared = "file:" + dir.file("s.db") + "?cache=shared";
  const Db a(shared);
  const std::string id = a.one("SELECT warden_connection_id()");
  a.rows("CREATE TABLE x(y)");
  BOOST_TEST(row_of(db, "cache_bytes > 0", a, id) == "1");  // nobody shares it yet
  const Db b(shared);
  BOOST_TEST(db.one("SELECT warden_release(" + id + ")") == "NULL");
  BOOST_TEST(a.one("SELECT status FROM warden_checks WHERE \"check\" = 'this connection'") == "limited");
  BOOST_TEST(row_of(db, "cache_bytes", a, id) == "NULL");
}

BOOST_AUTO_TEST_CASE(one_that_shares_a_cache_whose_second_connection_has_closed_is_left_alone_too) {
  // A statement holds the shared cache's mutex while it runs: whoever measured another connection of that cache from
  // within it would wait for itself, for ever. So in a child, which is ended then.
  const TempDir dir;
  const std::string shared = "file:" + dir.file("s.db") + "?cache=shared";
  const int status = in_child([&] {
    ::alarm(20);
    const Db first(shared);
    first.rows("CREATE TABLE x(y); INSERT INTO x VALUES(1)");
    { const Db second(shared); }
    const Db third(shared);
    const std::string id = third.one("SELECT warden_connection_id()");
    if (third.one("SELECT status FROM warden_checks WHERE \"check\" = 'this connection'") != "limited")
      return 1;
    return row_of(db, "cache_bytes", first, id) == "NULL" &&
                   first.number("SELECT count(*) FROM x CROSS JOIN warden_connections") >= 3
               ? 0
               : 2;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(where_caches_are_shared_and_no_hook_tells_of_statements_nobody_looks_into_a_connection) {
  const TempDir dir;
  const std::string shared = "file:" + dir.file("s.db") + "?cache=shared";
  const int status = in_child([&] {
    const Db first(shared);
    first.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    const Db second(shared);
    first.rows("SELECT warden_set('hooks', 'none')");
    const Db unseen;
    unseen.rows("ATTACH '" + shared + "' AS other; SELECT * FROM other.t");
    unseen.rows("CREATE TABLE large(x); INSERT INTO large VALUES (randomblob(500000))");
    ::alarm(30);
    // What was known before it attached anything is all that may be.
    return first.one(
               "SELECT coalesce(cache_bytes, 0) < 400000 FROM t, warden_connections WHERE connection_id = " +
               unseen.one("SELECT warden_connection_id()")) == "1"
               ? 0
               : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_shared_cache_attached_while_another_statement_is_half_stepped_is_seen_at_once) {
  const TempDir dir;
  const std::string shared = "file:" + dir.file("s.db") + "?cache=shared";
  const int status = in_child([&] {
    ::alarm(30);
    const Db alone(shared);  // the only one of its cache, until then
    alone.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    const Db other;
    sqlite3_stmt* half = nullptr;
    sqlite3_prepare_v2(other.get(), "SELECT 1 UNION ALL SELECT 2", -1, &half, nullptr);
    sqlite3_step(half);
    other.rows("ATTACH '" + shared + "' AS other");
    // A statement over t has the cache's mutex: who looked into `alone` from within it would wait for itself.
    const bool answers =
        other.number("SELECT count(*) + count(cache_bytes) FROM other.t CROSS JOIN warden_connections") >= 2;
    sqlite3_finalize(half);
    return answers ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_row_that_meets_both_sides_of_an_or_comes_once) {
  // SQLite looks each side up by itself, and tells rows apart by their rowid.
  db.rows("SELECT warden_trim(), warden_trim()");
  const std::string id = db.one("SELECT warden_connection_id()");
  BOOST_TEST(
      db.one(
          "SELECT count(*), count(DISTINCT rowid), min(rowid = connection_id) FROM warden_connections WHERE "
          "connection_id = " +
          id + " OR connection_id IN (SELECT " + id + ")") == "1|1|1");
  BOOST_TEST(
      db.one("SELECT count(*) - count(DISTINCT event_id), min(rowid = event_id) FROM warden_events WHERE "
             "event_id >= 1 OR at_ms >= 1") == "0|1");
  BOOST_TEST(eventually([&] { return db.number("SELECT count(*) FROM warden_samples") > 0; }));
  BOOST_TEST(db.one("SELECT count(*) - count(DISTINCT rowid) FROM warden_samples WHERE "
                    "at_ms >= 1 OR at_ms < 9e15") == "0");
}

BOOST_AUTO_TEST_CASE(the_function_that_tells_of_a_connections_end_may_be_called) {
  BOOST_TEST(db.one("SELECT warden_on_close()") == "NULL");
  BOOST_TEST(
      db.number("SELECT count(*) FROM warden_connections WHERE connection_id = warden_connection_id()") == 1);
}

BOOST_AUTO_TEST_CASE(what_was_attached_while_no_hook_told_of_it_is_not_looked_into_when_one_does_again) {
  const TempDir dir;
  const std::string shared = "file:" + dir.file("s.db") + "?cache=shared";
  for (const bool alone : {false, true}) {
    const int status = in_child([&] {
      const Db first(shared);
      first.rows("CREATE TABLE IF NOT EXISTS t(x); INSERT INTO t VALUES (1)");
      std::optional<Db> second;
      if (!alone) second.emplace(shared);
      const Db other;
      db.rows("SELECT warden_set('hooks', 'none')");
      other.rows("SELECT 1");
      other.rows("ATTACH '" + shared + "' AS other; SELECT * FROM other.t");
      other.rows("SELECT warden_set('hooks', 'trace'); SELECT 1");
      if (row_of(db, "hooks", other, other.one("SELECT warden_connection_id()")) != "trace") return 1;
      ::alarm(30);
      return first.number("SELECT count(*) FROM (SELECT 1 FROM t LIMIT 1), warden_connections") >= 3 ? 0 : 2;
    });
    BOOST_TEST(status == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_cache_that_is_the_main_database_of_one_and_attached_to_another_is_shared) {
  // With the words and, where all caches are shared, without.
  const TempDir dir;
  for (const bool by_words : {true, false}) {
    const auto named = [&](const std::string& name) {
      return "file:" + dir.file(name) + (by_words ? "?cache=shared" : "");
    };
    const std::string file = named(by_words ? "a.db" : "b.db");
    const std::string another = named(by_words ? "c.db" : "d.db");
    const int status = in_child([&] {
      if (!by_words) sqlite3_enable_shared_cache(1);
      const Db first(file);
      first.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
      const std::string id = first.one("SELECT warden_connection_id()");
      if (row_of(db, "cache_bytes > 0", first, id) != "1") return 1;
      const Db other;
      other.rows("ATTACH '" + file + "' AS other");
      ::alarm(30);
      if (other.number("SELECT count(*) FROM other.t, warden_connections") < 3) return 2;
      if (first.one("SELECT status FROM warden_checks WHERE \"check\" = 'this connection'") != "limited")
        return 3;
      // The other way round.
      const Db third;
      third.rows("ATTACH '" + another +
                 "' AS other; CREATE TABLE other.t(x); INSERT INTO other.t VALUES (1)");
      const Db fourth(another);
      return third.number("SELECT count(*) FROM other.t, warden_connections") >= 5 ? 0 : 4;
    });
    BOOST_TEST(status == 0);
  }
}

BOOST_AUTO_TEST_CASE(one_row_is_looked_up_by_its_id) {
  const std::string id = db.one("SELECT warden_connection_id()");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + id) == 1);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = NULL") == 0);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = '" + id + "'") == 1);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + id + ".5") == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
