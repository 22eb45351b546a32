// Cancellations by name and by deadline hit the statements they are meant for, and no others.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "../ext/host.hpp"
#include "figures.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(cancel_storm)

BOOST_AUTO_TEST_CASE(cancellations_hit_what_they_are_meant_for_in_a_storm_of_connections) {
  // Many connections open, run, are cancelled by name and by deadline, and close. Each statement is of one of two kinds:
  // those that never end by themselves, which must be cancelled, and short ones without a deadline that nobody cancels,
  // which must not.
  const TempDir dir;
  make_table(dir.file("t.db"), 1);
  Db watcher;
  watcher.load().rows("SELECT warden_reset(), warden_set('sample_interval_ms', 5)");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds_or(2));
  std::atomic<bool> stop{false};
  std::atomic<bool> all_lived{false};
  std::atomic<int> cancelled{0};
  std::atomic<int> wrong{0};
  const auto life = [&](unsigned which) {
    std::mt19937 random(which);
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
  const auto canceller = [&](unsigned which) {
    std::mt19937 random(which);
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
  for (unsigned i = 0; i < 64; ++i) lives.emplace_back(life, seed() * 100 + i);
  for (unsigned i = 0; i < 2; ++i) cancellers.emplace_back(canceller, seed() * 100 + i);
  // On a machine that is busy with other things it takes longer until enough has happened.
  const auto at_most = until + std::chrono::seconds(60);
  for (auto now = std::chrono::steady_clock::now(); now < until || (cancelled <= 100 && now < at_most);
       now = std::chrono::steady_clock::now()) {
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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
