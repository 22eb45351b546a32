// warden_cancel: from any connection to any other, the statement that is meant and no later one, and what comes back.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host.hpp"
#include "sqlite_assertions.hpp"

namespace warden::test {
namespace {

const std::string kForever =
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";
constexpr std::int64_t kMB = 1'000'000;

/// Runs a statement in a thread of its own.
class Running {
 public:
  Running(const Db& db, std::string sql)
      : thread_([this, &db, text = std::move(sql)] {
          try {
            db.rows(text);
          } catch (const SqlError& e) {
            code_ = e.code;
          }
        }) {}
  ~Running() { join(); }
  int join() {
    if (thread_.joinable()) thread_.join();
    return code_;
  }

 private:
  std::atomic<int> code_{SQLITE_OK};
  std::thread thread_;
};

}  // namespace

struct Canceller {
  Canceller() { watcher.load().rows("SELECT warden_reset()"); }
  ~Canceller() { watcher.rows("SELECT warden_reset()"); }
  static std::string id_of(const Db& db) { return db.one("SELECT warden_connection_id()"); }
  void wait_until_active(const std::string& id) const {
    BOOST_TEST(eventually([&] {
      return watcher.one("SELECT state FROM warden_connections WHERE connection_id = " + id) == "active";
    }));
  }
  TempDir dir;
  Db watcher;
};

BOOST_FIXTURE_TEST_SUITE(cancelling, Canceller)

BOOST_AUTO_TEST_CASE(from_and_to_every_kind_of_connection) {
  for (const int from : {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX}) {
    for (const int to : {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX}) {
      const Db canceller(":memory:", from);
      const Db db(":memory:", to);
      const std::string id = id_of(db);
      Running statement(db, kForever);
      wait_until_active(id);
      BOOST_TEST(canceller.one("SELECT warden_cancel(" + id + ")") == "1");
      BOOST_TEST(statement.join() == SQLITE_INTERRUPT);
      BOOST_TEST(canceller.one("SELECT warden_cancel(" + id + ")") == "0");  // nothing runs now
      BOOST_TEST(db.one("SELECT 1") == "1");
      BOOST_TEST(
          watcher.one(
              "SELECT reason, sql LIKE 'WITH RECURSIVE%' FROM warden_events WHERE action = 'cancel' AND "
              "connection_id = " +
              id) == "asked|1");
    }
  }
}

BOOST_AUTO_TEST_CASE(the_statement_that_is_named_and_no_later_one) {
  const Db db;
  const std::string id = id_of(db);
  db.rows("SELECT 1");
  const std::int64_t seq =
      watcher.number("SELECT statement_seq FROM warden_connections WHERE connection_id = " + id);
  Running statement(db, kForever);
  wait_until_active(id);
  const auto cancel = [&](std::int64_t which) {
    return watcher.one("SELECT warden_cancel(" + id + ", " + std::to_string(which) + ")");
  };
  BOOST_TEST(cancel(seq) == "0");
  BOOST_TEST(cancel(seq + 2) == "0");
  BOOST_TEST(cancel(-1) == "0");
  BOOST_TEST(watcher.one("SELECT state FROM warden_connections WHERE connection_id = " + id) == "active");
  BOOST_TEST(
      watcher.one("SELECT warden_cancel(connection_id, statement_seq) FROM warden_connections WHERE state = "
                  "'active' AND connection_id = " +
                  id) == "1");
  BOOST_TEST(statement.join() == SQLITE_INTERRUPT);
}

BOOST_AUTO_TEST_CASE(what_can_not_be_cancelled_is_a_clear_error) {
  BOOST_TEST(watcher.error("SELECT warden_cancel(123456)") ==
             "warden_cancel: no connection has the id 123456 (SELECT connection_id FROM warden_connections "
             "lists them)");
  BOOST_TEST(watcher.error("SELECT warden_cancel(NULL)") ==
             "warden_cancel: connection_id must be an integer, not NULL");
  BOOST_TEST(watcher.error("SELECT warden_cancel(1, NULL)") ==
             "warden_cancel: statement_seq must be an integer, not NULL");
  BOOST_TEST(watcher.error("SELECT warden_cancel('all')") ==
             "warden_cancel: connection_id must be an integer, not text");
  BOOST_TEST(watcher.error("SELECT warden_cancel(warden_connection_id())")
                 .starts_with("warden_cancel: connection "));
  BOOST_TEST(watcher.error("SELECT warden_cancel()") ==
             "wrong number of arguments to function warden_cancel()");
  std::string closed;
  {
    const Db db;
    closed = id_of(db);
  }
  BOOST_TEST(watcher.error("SELECT warden_cancel(" + closed + ")")
                 .starts_with("warden_cancel: no connection has the id"));
  watcher.rows(
      "CREATE TABLE base(a); CREATE TRIGGER tr AFTER INSERT ON base BEGIN SELECT warden_cancel(1); END");
  BOOST_TEST(watcher.error("INSERT INTO base VALUES (1)") == "unsafe use of warden_cancel()");
}

BOOST_AUTO_TEST_CASE(what_a_cancelled_scan_took_comes_back_and_its_row_tells) {
  watcher.rows("SELECT warden_set('memory_budget', '2GB')");  // so that nothing else releases it
  make_table(dir.file("t.db"), 60);
  for (const int flags : {SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX}) {
    BOOST_TEST_CONTEXT(flags) {
      const Db db(dir.file("t.db"), flags);
      const std::string id = id_of(db);
      db.rows("PRAGMA cache_size = 1000000000");
      Running statement(db, "SELECT sum(length(a.x)) FROM t a, t b");
      const std::string in_use = "SELECT bytes > 50000000 FROM warden_memory WHERE area = 'sqlite'";
      BOOST_TEST(eventually([&] { return watcher.one(in_use) == "1"; }));
      watcher.rows("SELECT warden_cancel(" + id + ")");
      BOOST_TEST(statement.join() == SQLITE_INTERRUPT);
      const std::string row =
          "SELECT sqlite_before_bytes - sqlite_after_bytes > 40000000, took_us > 0 FROM warden_events WHERE "
          "action = "
          "'cancel' AND connection_id = " +
          id;
      BOOST_TEST(eventually([&] { return watcher.one(row) == "1|1"; }));
      BOOST_TEST(watcher.number("SELECT cache_bytes FROM warden_connections WHERE connection_id = " + id) <
                 kMB);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
      BOOST_TEST(eventually([&] {
        return watcher.number(
                   "SELECT rss_before_bytes - rss_after_bytes FROM warden_events WHERE action = 'cancel' AND "
                   "connection_id = " +
                   id) > 40 * kMB;
      }));
#endif
    }
  }
}

BOOST_AUTO_TEST_CASE(a_cancelled_sort_in_memory_is_given_back_to_the_system) {
  if (skipped_for_assertions("SQLite's expensive assertions walk all changed pages at each step, and such a "
                             "sort is one large changed tree"))
    return;
  watcher.rows("SELECT warden_set('memory_budget', '2GB'), warden_set('trim_interval_ms', 10)");
  make_table(dir.file("t.db"), 60);
  const Db db(dir.file("t.db"));
  const std::string id = id_of(db);
  db.rows("PRAGMA temp_store = MEMORY");
  [[maybe_unused]] const std::int64_t before = resident_bytes();
  Running statement(
      db, "SELECT a.x FROM t a, (SELECT n FROM t LIMIT 20) b ORDER BY a.x || b.n LIMIT -1 OFFSET 99999999");
  BOOST_TEST(eventually([&] {
    return watcher.one("SELECT bytes > 100000000 FROM warden_memory WHERE area = 'sqlite'") == "1";
  }));
  watcher.rows("SELECT warden_cancel(" + id + ")");
  BOOST_TEST(statement.join() == SQLITE_INTERRUPT);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  BOOST_TEST(eventually([&] { return resident_bytes() < before + 20 * kMB; }));
#endif
  BOOST_TEST(eventually([&] {
    return watcher.one(
               "SELECT sqlite_before_bytes - sqlite_after_bytes > 80000000 FROM warden_events WHERE action = "
               "'cancel' AND connection_id = " +
               id) == "1";
  }));
}

BOOST_AUTO_TEST_CASE(above_cancel_above_the_heaviest_reader_goes_and_the_others_stay) {
  if (skipped_for_assertions("SQLite's expensive assertions walk all changed pages at each step, and such a "
                             "sort is one large changed tree"))
    return;
  make_table(dir.file("t.db"), 20);
  watcher.rows(
      "SELECT warden_set('memory_budget', '2GB'), warden_set('sample_interval_ms', 5), "
      "warden_set('cancel_after_ms', 1000), warden_set('cancel_above', '40MB')");
  const Db light;
  const Db heavy(dir.file("t.db"));
  const std::string light_id = id_of(light);
  const std::string heavy_id = id_of(heavy);
  heavy.rows("PRAGMA temp_store = MEMORY");
  Running small(light, kForever);
  wait_until_active(light_id);
  Running large(
      heavy,
      "SELECT a.x FROM t a, (SELECT n FROM t LIMIT 50) b ORDER BY a.x || b.n LIMIT -1 OFFSET 99999999");
  BOOST_TEST(large.join() == SQLITE_INTERRUPT);
  BOOST_TEST(
      watcher.one(
          "SELECT reason, measured_bytes > threshold_bytes, threshold_bytes FROM warden_events WHERE action "
          "= 'cancel' AND connection_id = " +
          heavy_id) == "above cancel_above|1|40000000");
  BOOST_TEST(watcher.one("SELECT state, cancels FROM warden_connections WHERE connection_id = " + light_id) ==
             "active|0");
  watcher.rows("SELECT warden_cancel(" + light_id + ")");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
