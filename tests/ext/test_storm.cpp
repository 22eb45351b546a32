// Everything at once: many threads that open, query, release, look, change settings and close; fork; exit.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "host.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 40;
#else
constexpr int kRounds = 150;
#endif
constexpr int kThreads = 12;

/// How long the storm of cancellations blows: 5 s, or as WARDEN_TEST_SECONDS says.
int storm_seconds() {
  const char* given = std::getenv("WARDEN_TEST_SECONDS");
  return given == nullptr ? 5 : std::max(1, std::atoi(given));
}

/// One life of a connection, with something else at each turn.
void one_life(const std::string& file, std::mt19937& random) {
  const int flags = random() % 3 == 0 ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX;
  const Db db(random() % 4 == 0 ? ":memory:" : file, flags);
  sqlite3_busy_timeout(db.get(), 10'000);
  for (int turn = 0; turn < 4; ++turn) {
    switch (random() % 12) {
      case 0:
        db.rows("SELECT * FROM warden_connections");
        break;
      case 1:
        db.rows("SELECT * FROM warden_memory; SELECT * FROM warden_checks");
        break;
      case 2:
        db.rows("SELECT warden_release('idle')");
        break;
      case 3:
        db.rows("SELECT warden_release()");
        break;
      case 4:
        db.error("SELECT warden_release(connection_id) FROM warden_connections ORDER BY random() LIMIT 3");
        break;
      case 5:
        db.rows("SELECT warden_set('memory_budget', '" + std::to_string(5 + random() % 40) + "MB')");
        break;
      case 6:
        db.rows("SELECT warden_set('hooks', '" + std::string(random() % 2 == 0 ? "trace" : "trace+progress") +
                "')");
        break;
      case 7:
        db.rows("SELECT warden_label('life " + std::to_string(random() % 100) + "')");
        break;
      case 8:
        db.rows("SELECT * FROM warden_events; SELECT * FROM warden_samples; SELECT * FROM warden_settings");
        break;
      default:
        db.error("SELECT sum(length(x)) FROM t WHERE n % 3 = 1");
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storm)

BOOST_AUTO_TEST_CASE(connections_live_and_die_under_a_busy_watchdog) {
  const TempDir dir;
  make_table(dir.file("t.db"), 4);
  Db watcher;
  watcher.load().rows("SELECT warden_reset()");
  watcher.rows(
      "SELECT warden_set('sample_interval_ms', 1), warden_set('idle_grace_ms', 0), warden_set('idle_keep', "
      "0), "
      "warden_set('trim', 'always'), warden_set('trim_interval_ms', 10)");
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(static_cast<unsigned>(i));
      for (int round = 0; round < kRounds; ++round) {
        try {
          one_life(dir.file("t.db"), random);
        } catch (const SqlError& e) {
          // With a budget of a few MB and no hard limit nothing may fail.
          if (++failed == 1) std::fprintf(stderr, "a connection failed: %s\n", e.what());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(failed == 0);
  BOOST_TEST(watcher.one("PRAGMA integrity_check") == "ok");
  BOOST_TEST(Db(dir.file("t.db")).one("PRAGMA integrity_check") == "ok");
  watcher.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(a_child_after_fork_has_its_own_thread) {
  Db db;
  db.load();
  BOOST_TEST(
      eventually([&] { return db.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "1"; }));
  const int status = in_child([] {
    Db fresh;  // enrolling starts the thread
    const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
    if (fresh.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") != "1") return 1;
    const std::int64_t before = fresh.number(looks);
    return eventually([&] { return fresh.number(looks) > before; }) ? 0 : 2;
  });
  BOOST_TEST(status == 0);
  const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
  const std::int64_t before = db.number(looks);
  BOOST_TEST(eventually([&] { return db.number(looks) > before; }));
}

BOOST_AUTO_TEST_CASE(cancellations_hit_what_they_are_meant_for_in_a_storm_of_connections) {
  // Many connections open, run, are cancelled by name and by deadline, and close. Each statement is of one of two kinds:
  // those that never end by themselves, which must be cancelled, and short ones without a deadline that nobody cancels,
  // which must not.
  const TempDir dir;
  make_table(dir.file("t.db"), 1);
  Db watcher;
  watcher.load().rows("SELECT warden_reset(), warden_set('sample_interval_ms', 5)");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(storm_seconds());
  std::atomic<bool> stop{false};
  std::atomic<bool> all_lived{false};
  std::atomic<int> cancelled{0};
  std::atomic<int> wrong{0};
  const auto life = [&](unsigned seed) {
    std::mt19937 random(seed);
    while (!stop) {
      const Db db(random() % 3 == 0 ? ":memory:" : dir.file("t.db"),
                  random() % 3 == 0 ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX);
      sqlite3_busy_timeout(db.get(), 10'000);
      for (int turn = 0; turn < 3 && !stop; ++turn) {
        const bool by_deadline = random() % 2 == 0;
        const std::string end = by_deadline ? "mine" : "cancel me";
        db.rows("SELECT warden_label('" + end + "')");
        if (by_deadline) db.rows("SELECT warden_timeout(" + std::to_string(random() % 20) + " + 1)");
        try {
          db.rows("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c");
          ++wrong;
        } catch (const SqlError& e) {
          wrong += e.code != SQLITE_INTERRUPT;
          ++cancelled;
        }
        // Its number is gone, and so is its deadline. Who cancels may still ask for that number.
        while (!db.error("SELECT warden_timeout(0)").empty()) {
          // This statement had that deadline too, and on a busy machine a millisecond is over before it runs.
        }
        try {
          for (int i = 0; i < 20; ++i) db.rows("SELECT count(*) FROM sqlite_schema");
        } catch (const SqlError&) {
          ++wrong;
        }
      }
    }
  };
  const auto canceller = [&](unsigned seed) {
    std::mt19937 random(seed);
    const Db db(":memory:", random() % 2 == 0 ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX);
    while (!all_lived) {
      // Found and cancelled in two steps: meanwhile the statement may have ended, and its connection have closed.
      for (const std::string& found : db.rows("SELECT connection_id || ', ' || statement_seq FROM "
                                              "warden_connections WHERE state = 'active' AND sql "
                                              "LIKE 'WITH%' ORDER BY random() LIMIT 5")) {
        db.error("SELECT warden_cancel(" + found + ")");
      }
      if (random() % 16 == 0)
        db.rows("SELECT count(*) FROM warden_statements; SELECT count(*) FROM warden_events");
      if (random() % 64 == 0) db.rows("SELECT warden_statements_reset()");
    }
  };
  std::vector<std::thread> lives;
  std::vector<std::thread> cancellers;
  for (unsigned i = 0; i < 64; ++i) lives.emplace_back(life, i);
  for (unsigned i = 0; i < 2; ++i) cancellers.emplace_back(canceller, i);
  while (std::chrono::steady_clock::now() < until) {
    watcher.rows("SELECT warden_set('statement_stats_max', " + std::to_string(10 + cancelled % 50) + ")");
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : lives) thread.join();  // their last statements wait to be cancelled
  all_lived = true;
  for (std::thread& thread : cancellers) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(cancelled > 100);
  watcher.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(forks_under_a_busy_watchdog_leave_children_that_work) {
  // The watchdog is inside SQLite and malloc nearly all the time, and must be in neither when the process forks. (Other
  // threads of the host must not be inside SQLite then: without warden, too, the child would inherit their locks.)
  const TempDir dir;
  make_table(dir.file("t.db"), 4);
  Db watcher;
  watcher.load().rows(
      "SELECT warden_set('sample_interval_ms', 1), warden_set('idle_grace_ms', 0), "
      "warden_set('idle_keep', 0), warden_set('trim', 'always'), warden_set('trim_interval_ms', 10)");
  std::vector<Db> connections;
  for (int i = 0; i < 20; ++i) connections.emplace_back(dir.file("t.db"));
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    for (const Db& db : connections) db.rows("SELECT sum(length(x)) FROM t WHERE n < 100");
    failed += in_child([&] {
                const Db db(dir.file("t.db"));
                return db.one("SELECT count(*) > 0 FROM warden_connections") == "1" ? 0 : 1;
              }) != 0;
  }
  BOOST_TEST(failed == 0);
  watcher.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(a_process_may_exit_while_statements_run) {
  const TempDir dir;
  make_table(dir.file("t.db"), 4);
  Db db;
  db.load();
  for (int i = 0; i < 5; ++i) {
    const int status = in_child([&]() -> int {
      static Db running(dir.file("t.db"));
      running.rows("SELECT warden_set('sample_interval_ms', 1)");
      std::thread([] { running.error("SELECT count(*) FROM t a, t b, t c"); }).detach();
      const Db look;
      eventually(
          [&] { return look.number("SELECT count(*) FROM warden_connections WHERE state = 'active'") > 1; });
      ::quick_exit(0);
    });
    BOOST_TEST(status == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
