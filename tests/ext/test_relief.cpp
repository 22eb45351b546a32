// Memory comes back: serialized connections while they are idle, unserialized ones at the end of their statements.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "host.hpp"

namespace warden::test {
namespace {

constexpr std::int64_t kMB = 1'000'000;

std::int64_t cache_of(const Db& watcher, const std::string& id) {
  return watcher.number("SELECT coalesce(cache_bytes, 0) FROM warden_connections WHERE connection_id = " +
                        id);
}

/// A connection that keeps all it reads.
Db hoarder(const std::string& file, int flags = SQLITE_OPEN_FULLMUTEX) {
  Db db(file, flags);
  db.rows("PRAGMA cache_size = 1000000000");
  return db;
}

const std::string kScan = "SELECT sum(length(x)) FROM t";

}  // namespace

struct Scanned {
  Scanned() {
    watcher.load().rows("SELECT warden_reset()");
    make_table(dir.file("t.db"), 60);
  }
  ~Scanned() { watcher.rows("SELECT warden_reset()"); }
  TempDir dir;
  Db watcher;
};

BOOST_FIXTURE_TEST_SUITE(relief, Scanned)

BOOST_AUTO_TEST_CASE(an_idle_connection_gives_back_what_it_holds_beyond_idle_keep) {
  watcher.rows("SELECT warden_set('memory_budget', '256MB'), warden_set('idle_grace_ms', 200)");
  [[maybe_unused]] const std::int64_t before = resident_bytes();
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan);
  BOOST_TEST(eventually([&] { return cache_of(watcher, id) < kMB; }));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose allocators keep what is freed
  BOOST_TEST(eventually([&] { return resident_bytes() < before + 20 * kMB; }));
#endif
  // The event is written, and the release counted, when the pages have gone.
  BOOST_TEST(eventually([&] {
    return watcher.one("SELECT releases FROM warden_connections WHERE connection_id = " + id) != "0";
  }));
  BOOST_TEST(
      watcher.one("SELECT action, reason, measured_bytes > threshold_bytes, sqlite_before_bytes - "
                  "sqlite_after_bytes > 50000000, rss_before_bytes IS NOT NULL, dry_run FROM warden_events "
                  "WHERE connection_id = " +
                  id + " AND action = 'release'") == "release|idle|1|1|1|0");
  BOOST_TEST(watcher.one(
                 "SELECT releases, released_bytes > 50000000 FROM warden_connections WHERE connection_id = " +
                 id) == "1|1");
}

BOOST_AUTO_TEST_CASE(what_fits_into_idle_keep_stays_until_idle_release) {
  watcher.rows(
      "SELECT warden_set('memory_budget', '2GB'), warden_set('idle_grace_ms', 50), "
      "warden_set('sample_interval_ms', 20)");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan);
  BOOST_TEST(eventually([&] {
    return watcher.number("SELECT idle_ms FROM warden_connections WHERE connection_id = " + id) > 500;
  }));
  BOOST_TEST(cache_of(watcher, id) > 50 * kMB);
  watcher.rows("SELECT warden_set('idle_release_ms', 600)");
  BOOST_TEST(eventually([&] { return cache_of(watcher, id) < kMB; }));
}

BOOST_AUTO_TEST_CASE(above_release_above_idle_connections_are_released_before_their_grace) {
  watcher.rows(
      "SELECT warden_set('idle_grace_ms', 86400000), warden_set('idle_release_ms', 0), "
      "warden_set('release_above', '40MB'), warden_set('release_to', '20MB'), "
      "warden_set('sample_interval_ms', 20)");
  // A tenth of the grace must have passed, so shorten it now that nothing can be released by the grace itself.
  watcher.rows("SELECT warden_set('idle_grace_ms', 1000), warden_set('idle_keep', '1GB')");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan);
  BOOST_TEST(eventually([&] { return cache_of(watcher, id) < kMB; }));
  BOOST_TEST(watcher.one("SELECT reason FROM warden_events WHERE connection_id = " + id +
                         " AND action = 'release'") == "above release_above");
}

BOOST_AUTO_TEST_CASE(an_unserialized_connection_gives_back_at_the_end_of_a_long_statement) {
  watcher.rows("SELECT warden_set('memory_budget', '256MB')");
  const Db db = hoarder(dir.file("t.db"), SQLITE_OPEN_NOMUTEX);
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan +
          ", (SELECT sum(a.n + b.n) FROM (SELECT n FROM t LIMIT 1500) a, (SELECT n FROM t LIMIT 1500) b)");
  BOOST_TEST(cache_of(watcher, id) < kMB);  // at once, on its own thread
  BOOST_TEST(watcher.one("SELECT reason FROM warden_events WHERE connection_id = " + id +
                         " AND action = 'release'") == "end of statement");
}

BOOST_AUTO_TEST_CASE(a_connections_first_statement_is_no_series) {
  watcher.rows("SELECT warden_set('memory_budget', '256MB'), warden_set('idle_keep', '256KB')");
  const Db db(dir.file("t.db"), SQLITE_OPEN_NOMUTEX);
  const std::string id = watcher.one("SELECT max(connection_id) FROM warden_connections");
  db.rows(kScan +
          ", (SELECT sum(a.n + b.n) FROM (SELECT n FROM t LIMIT 1500) a, (SELECT n FROM t LIMIT 1500) b)");
  BOOST_TEST(watcher.one("SELECT reason FROM warden_events WHERE action = 'release' AND connection_id = " +
                         id) == "end of statement");
}

BOOST_AUTO_TEST_CASE(an_unserialized_connection_is_asked_and_answers_at_its_next_statement) {
  watcher.rows("SELECT warden_set('memory_budget', '2GB')");
  const Db db = hoarder(dir.file("t.db"), SQLITE_OPEN_NOMUTEX);
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan);
  BOOST_TEST(watcher.one("SELECT warden_release(" + id + ")") == "NULL");
  db.rows("SELECT 1");
  BOOST_TEST(cache_of(watcher, id) < kMB);
  BOOST_TEST(watcher.one("SELECT reason FROM warden_events WHERE connection_id = " + id +
                         " AND action = 'release'") == "asked");
}

BOOST_AUTO_TEST_CASE(release_on_request_returns_what_came_back) {
  watcher.rows("SELECT warden_set('idle_grace_ms', 86400000), warden_set('memory_budget', '2GB')");
  const Db own = hoarder(dir.file("t.db"));
  const Db other = hoarder(dir.file("t.db"));
  own.rows(kScan);
  other.rows(kScan);
  BOOST_TEST(own.number("SELECT warden_release()") > 50 * kMB);
  BOOST_TEST(watcher.number("SELECT warden_release(" + other.one("SELECT warden_connection_id()") + ")") >
             50 * kMB);
  own.rows(kScan);
  other.rows(kScan);
  BOOST_TEST(watcher.number("SELECT warden_release('idle')") > 100 * kMB);
}

BOOST_AUTO_TEST_CASE(the_progress_handler_releases_in_the_middle_of_a_statement) {
  watcher.rows("SELECT warden_set('memory_budget', '2GB'), warden_set('hooks', 'trace+progress')");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    while (!stop) {
      try {
        db.rows("SELECT count(*) FROM t a, t b, t c");
      } catch (const SqlError&) {
      }
    }
  });
  const std::string releases = "SELECT releases FROM warden_connections WHERE connection_id = " + id;
  const std::string running = "SELECT state FROM warden_connections WHERE connection_id = " + id;
  BOOST_TEST(eventually([&] { return watcher.one(running) == "active"; }));
  watcher.rows("SELECT warden_release(" + id + ")");
  BOOST_TEST(eventually([&] { return watcher.number(releases) == 1; }));
  BOOST_TEST(watcher.one(running) == "active");
  stop = true;
  sqlite3_interrupt(db.get());
  worker.join();
}

BOOST_AUTO_TEST_CASE(without_hooks_the_thread_alone_releases_again_and_again) {
  watcher.rows(
      "SELECT warden_set('hooks', 'none'), warden_set('memory_budget', '64MB'), "
      "warden_set('idle_grace_ms', 100), warden_set('sample_interval_ms', 20)");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  BOOST_TEST(watcher.one("SELECT hooks FROM warden_connections WHERE connection_id = " + id) == "none");
  for (int round = 1; round <= 3; ++round) {
    db.rows(kScan);
    BOOST_TEST(eventually([&] {
      return watcher.number("SELECT releases FROM warden_connections WHERE connection_id = " + id) >= round;
    }));
    BOOST_TEST(eventually([&] { return cache_of(watcher, id) < kMB; }));
  }
}

BOOST_AUTO_TEST_CASE(what_a_transaction_pinned_is_released_when_it_is_over) {
  watcher.rows(
      "SELECT warden_set('memory_budget', '256MB'), warden_set('idle_grace_ms', 100), "
      "warden_set('sample_interval_ms', 20)");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows("BEGIN; UPDATE t SET x = x || 'y' WHERE n <= 15000");
  BOOST_TEST(watcher.one("SELECT warden_release(" + id + ") IS NULL") == "0");  // leaves the changed pages
  BOOST_TEST(cache_of(watcher, id) > 10 * kMB);
  db.rows("COMMIT");
  BOOST_TEST(eventually([&] { return cache_of(watcher, id) < kMB; }));
}

BOOST_AUTO_TEST_CASE(dry_run_decides_and_records_and_does_not_act) {
  watcher.rows(
      "SELECT warden_set('dry_run', 1), warden_set('memory_budget', '256MB'), warden_set('idle_grace_ms', "
      "100), "
      "warden_set('sample_interval_ms', 20)");
  const Db db = hoarder(dir.file("t.db"));
  const std::string id = db.one("SELECT warden_connection_id()");
  db.rows(kScan);
  const std::string count = "SELECT count(*) FROM warden_events WHERE dry_run AND connection_id = " + id;
  BOOST_TEST(eventually([&] { return watcher.number(count) > 0; }));
  const std::int64_t looks = watcher.number("SELECT json_extract(warden_debug(), '$.watchdog_looks')");
  BOOST_TEST(eventually([&] {
    return watcher.number("SELECT json_extract(warden_debug(), '$.watchdog_looks')") > looks + 20;
  }));
  BOOST_TEST(watcher.number(count) == 1);  // not at every look
  BOOST_TEST(cache_of(watcher, id) > 50 * kMB);
}

BOOST_AUTO_TEST_CASE(the_budget_bounds_scans_of_several_connections) {
  watcher.rows("SELECT warden_set('memory_budget', '20MB')");
  std::vector<std::thread> threads;
  std::vector<Db> connections;
  for (int i = 0; i < 4; ++i) connections.push_back(hoarder(dir.file("t.db")));
  sqlite3_memory_highwater(1);
  for (const Db& db : connections) threads.emplace_back([&db] { db.rows(kScan); });
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(sqlite3_memory_highwater(0) < 25 * kMB);
}

BOOST_AUTO_TEST_CASE(trimming_gives_back_what_malloc_holds) {
  watcher.rows("SELECT warden_set('trim', 'never')");
  // Small blocks, and a survivor here and there: freed, but not at the top of the heap.
  constexpr int kBlocks = 60'000;
  std::vector<void*> all;
  for (int i = 0; i < kBlocks; ++i) {
    all.push_back(::malloc(2000));
    std::fill_n(static_cast<char*>(all.back()), 2000, 'x');
  }
  for (int i = 0; i < kBlocks; ++i) {
    if (i % 1000 != 0) ::free(all[static_cast<std::size_t>(i)]);
  }
  [[maybe_unused]] const std::int64_t held =
      watcher.number("SELECT bytes FROM warden_memory WHERE area = 'allocator_free'");
  [[maybe_unused]] const std::int64_t returned = watcher.number("SELECT warden_trim()");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  BOOST_TEST(held > 80 * kMB);
  BOOST_TEST(returned > 80 * kMB);
#endif
  BOOST_TEST(watcher.one("SELECT action, reason FROM warden_events ORDER BY event_id DESC LIMIT 1") ==
             "trim|asked");
  for (int i = 0; i < kBlocks; i += 1000) ::free(all[static_cast<std::size_t>(i)]);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
