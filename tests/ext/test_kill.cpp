// Killing any statement at any moment loses nothing that was committed, and leaves nothing half done.
//
// Random statements run on a database, and from their results alone it is known what must be in it. Another
// thread cancels them at random moments, or deadlines do. Now and then the database is read through a fresh
// connection, and must be just that. TEST_SECONDS=n makes the random runs take n seconds together.
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <thread>

#include "kill_writer.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kStatements = 250;
#else
constexpr int kStatements = 900;
#endif
constexpr int kRandomRuns = 9;  // of this file
constexpr int kBetweenChecks = 20;
constexpr int kAtLeast = 20;       // interrupted statements, and commits, of each run
constexpr int kMostSeconds = 120;  // after which a run that has not seen these fails

// ---- those beside it

/// Another one who uses the file: in its transactions nothing changes. It stands in the way of commits.
void read_along(const std::stop_token& stop, const Db& db, std::atomic<int>& torn) {
  Random random(7);
  const std::string sum = "SELECT total(v) + count(*) FROM u";
  while (!stop.stop_requested()) {
    try {
      db.rows("BEGIN");
      const std::string before = db.one(sum);
      pause(random, random.one_in(4) ? 3000 : 100);
      if (db.one(sum) != before) ++torn;
    } catch (const SqlError&) {  // a lock of the writer's, or killed
    }
    while (sqlite3_get_autocommit(db.get()) == 0) db.error("COMMIT");
    pause(random, 10'000);
  }
}

/// Cancels the statements of `id` at random moments, and now and then one of `other`.
void kill_at_random(const std::stop_token& stop, const Db& db, const std::string& id,
                    const std::string& other) {
  Random random(11);
  const std::string any = "SELECT warden_cancel(" + id + ")";
  const std::string that =
      "SELECT warden_cancel(connection_id, statement_seq) FROM warden_connections WHERE connection_id = ";
  sqlite3_stmt* fast = nullptr;
  sqlite3_prepare_v2(db.get(), any.c_str(), -1, &fast, nullptr);
  while (!stop.stop_requested()) {
    switch (random.below(12)) {
      case 0:
      case 1:  // all that comes for a while: also those that take no time
        for (const auto until = Clock::now() + std::chrono::milliseconds(2); Clock::now() < until;) {
          sqlite3_step(fast);
          sqlite3_reset(fast);
        }
        break;
      case 2:
        db.rows(that + other);
        break;
      case 3:
      case 4:
        db.rows(that + id);
        break;
      default:
        db.rows(any);
    }
    pause(random, random.of(std::array{100, 2000, 10'000, 30'000}));
  }
  sqlite3_finalize(fast);
}

// ---- a run

enum class Killer { cancel, deadline };

struct Run {
  const char* journal_mode;
  Killer killer;
  bool temp_files = false;
  const char* hooks = "trace";
};

}  // namespace

struct Killed {
  Killed() { watcher.load().rows("SELECT warden_reset(), warden_timeout(0)"); }
  ~Killed() { watcher.rows("SELECT warden_reset()"); }
  TempDir dir;
  Db watcher;

  std::int64_t cancels(const std::string& id) const {
    return watcher.number("SELECT cancels FROM warden_connections WHERE connection_id = " + id);
  }

  void kill_while_writing(const Run& run) {
    const std::string file = dir.file("killed.db");
    watcher.rows(std::string("SELECT warden_set('hooks', '") + run.hooks + "')");
    Random random(3);
    Writer writer(file, run.temp_files, 5);
    writer.prepare(run.journal_mode);
    const std::string id = writer.db().one("SELECT warden_connection_id()");
    const Db reader(file);
    const std::string reader_id = reader.one("SELECT warden_connection_id()");
    const Db killer;
    killer.rows("SELECT warden_timeout(0)");
    std::atomic<int> torn{0};
    if (run.killer == Killer::deadline)
      watcher.rows("SELECT warden_set('statement_timeout_writes', 1), warden_set('statement_timeout_ms', 1)");
    const auto begun = Clock::now();
    int statements = 0;
    {
      const std::jthread reads([&](const std::stop_token& stop) { read_along(stop, reader, torn); });
      std::jthread kills;
      if (run.killer == Killer::cancel) {
        kills =
            std::jthread([&](const std::stop_token& stop) { kill_at_random(stop, killer, id, reader_id); });
      }
      const char* seconds = std::getenv("TEST_SECONDS");
      const auto until =
          begun + std::chrono::duration<double>(seconds == nullptr ? 0 : std::atof(seconds) / kRandomRuns);
      const auto latest = begun + std::chrono::seconds(kMostSeconds);
      const auto has_to_go_on = [&] {
        if (seconds != nullptr && Clock::now() < until) return true;
        if (seconds == nullptr && statements < kStatements) return true;
        return (writer.interrupted < kAtLeast || writer.commits < kAtLeast) && Clock::now() < latest;
      };
      int unchecked = 0;
      while (has_to_go_on()) {
        writer.step();
        ++statements;
        if (++unchecked < kBetweenChecks || !writer.may_be_checked()) continue;
        writer.check();
        unchecked = 0;
        if (run.killer == Killer::deadline) {
          watcher.rows("SELECT warden_set('statement_timeout_ms', " + std::to_string(1 + random.below(3)) +
                       ")");
        }
      }
      writer.finish();
      writer.check();
    }
    writer.check();
    BOOST_TEST_MESSAGE(run.journal_mode
                       << ": of " << statements << " statements " << writer.interrupted
                       << " were interrupted (" << writer.interrupted_in_transactions << " in transactions, "
                       << writer.interrupted_ends << " at their end), " << writer.busy << " busy, "
                       << writer.commits << " commits, " << cancels(id) << " cancels, "
                       << std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count()
                       << " ms");
    BOOST_TEST(writer.interrupted >= kAtLeast);
    BOOST_TEST(writer.commits >= kAtLeast);
    BOOST_TEST(writer.interrupted <= cancels(id));  // none by mistake
    BOOST_TEST(torn == 0);
  }
};

/// A database whose commits take longer than a statement may.
class SlowCommits {
 public:
  SlowCommits(const std::string& file, const Db& watcher, const std::string& hooks, bool timeout_writes)
      : file_(file) {
    watcher.rows("SELECT warden_set('hooks', '" + hooks + "'), warden_set('statement_timeout_ms', 0)");
    db_.emplace(file);
    db_->rows("PRAGMA synchronous = OFF; CREATE TABLE t(n INTEGER PRIMARY KEY, x)");
    const auto hook = [](void* waits) {
      for (const auto begun = Clock::now();
           *static_cast<bool*>(waits) && Clock::now() - begun < std::chrono::milliseconds(2);)
        std::this_thread::yield();
      return 0;
    };
    sqlite3_commit_hook(db_->get(), hook, waits_.get());
    watcher.rows("SELECT warden_set('statement_timeout_writes', " + std::to_string(timeout_writes) +
                 "), warden_set('statement_timeout_ms', 1)");
  }
  const Db& get() const { return *db_; }
  void wait(bool yes) const { *waits_ = yes; }
  /// Those that are committed.
  std::int64_t rows() const {
    const Db fresh(file_);
    set_timeout(fresh, "0");
    return fresh.number("SELECT count(*) FROM t");
  }

 private:
  std::string file_;
  std::unique_ptr<bool> waits_ = std::make_unique<bool>(true);
  std::optional<Db> db_;
};

BOOST_FIXTURE_TEST_SUITE(kill, Killed)

BOOST_AUTO_TEST_CASE(cancelled_at_any_moment_a_wal_database_keeps_what_was_committed) {
  kill_while_writing({"wal", Killer::cancel});
}

BOOST_AUTO_TEST_CASE(cancelled_at_any_moment_a_database_with_a_rollback_journal_keeps_what_was_committed) {
  kill_while_writing({"delete", Killer::cancel});
}

BOOST_AUTO_TEST_CASE(cancelled_at_any_moment_a_database_with_a_truncated_journal_keeps_what_was_committed) {
  kill_while_writing({"truncate", Killer::cancel});
}

BOOST_AUTO_TEST_CASE(cancelled_at_any_moment_a_database_with_temporary_files_keeps_what_was_committed) {
  kill_while_writing({"delete", Killer::cancel, true});
}

BOOST_AUTO_TEST_CASE(cut_off_by_deadlines_a_wal_database_keeps_what_was_committed) {
  kill_while_writing({"wal", Killer::deadline});
}

BOOST_AUTO_TEST_CASE(cut_off_by_deadlines_a_database_with_a_rollback_journal_keeps_what_was_committed) {
  kill_while_writing({"delete", Killer::deadline});
}

BOOST_AUTO_TEST_CASE(cut_off_by_deadlines_a_database_with_a_truncated_journal_keeps_what_was_committed) {
  kill_while_writing({"truncate", Killer::deadline});
}

BOOST_AUTO_TEST_CASE(cut_off_by_deadlines_a_database_with_temporary_files_keeps_what_was_committed) {
  kill_while_writing({"wal", Killer::deadline, true});
}

BOOST_AUTO_TEST_CASE(cut_off_by_the_progress_handler_a_database_keeps_what_was_committed) {
  kill_while_writing({"delete", Killer::deadline, true, "trace+progress"});
}

BOOST_AUTO_TEST_CASE(an_insert_that_took_place_is_not_told_to_be_cut_off) {
  // Its deadline passes while it is being committed. SQLite calls the progress handler once more after that.
  std::string straight_on = "INSERT INTO t(x) VALUES(random()";
  for (int i = 0; i < 500; ++i) straight_on += " + random() % 9";
  for (const std::string hooks : {"trace", "trace+progress"}) {
    const SlowCommits db(dir.file(hooks), watcher, hooks, true);
    int told = 0;
    for (int i = 0; i < 30; ++i) told += db.get().error(straight_on + ")").empty();
    BOOST_TEST(db.rows() == told, hooks);
  }
}

BOOST_AUTO_TEST_CASE(a_commit_that_took_place_is_not_told_to_be_cut_off) {
  for (const std::string hooks : {"trace", "trace+progress"}) {
    const SlowCommits db(dir.file(hooks), watcher, hooks, false);
    sqlite3_stmt* commit = nullptr;
    sqlite3_prepare_v2(db.get().get(), "COMMIT", -1, &commit, nullptr);
    int told = 0;
    for (int i = 0; i < 3000; ++i) {
      while (sqlite3_get_autocommit(db.get().get()) != 0) db.get().error("BEGIN");
      db.get().error("INSERT INTO t(x) VALUES(1)");
      // Only those can matter at whose end SQLite may have come to its next 1000 instructions.
      db.wait(sqlite3_stmt_status(commit, SQLITE_STMTSTATUS_VM_STEP, 0) % 1000 > 990);
      told += sqlite3_step(commit) == SQLITE_DONE;
      sqlite3_reset(commit);
      while (sqlite3_get_autocommit(db.get().get()) == 0) db.get().error("ROLLBACK");
    }
    sqlite3_finalize(commit);
    BOOST_TEST(told > 0);
    BOOST_TEST(db.rows() == told, hooks);
  }
}

BOOST_AUTO_TEST_CASE(a_read_that_is_cut_off_leaves_its_transaction_open_and_what_was_written_is_committed) {
  const std::string endless =
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c";
  const std::string fill =
      "INSERT INTO t(x) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) "
      "SELECT printf('%0200d', n) FROM c";
  for (const std::string journal_mode : {"wal", "delete", "truncate"}) {
    const std::string file = dir.file(journal_mode + ".db");
    const Db db(file);
    const std::string id = db.one("SELECT warden_connection_id()");
    db.rows("PRAGMA journal_mode = " + journal_mode +
            "; PRAGMA cache_size = 20; CREATE TABLE t(n INTEGER PRIMARY KEY, x)");
    watcher.rows("SELECT warden_set('statement_timeout_ms', 50)");
    db.rows("BEGIN; " + fill);
    BOOST_TEST(db.error(endless) == "interrupted");
    BOOST_TEST(sqlite3_get_autocommit(db.get()) == 0);
    db.rows("SAVEPOINT s; " + fill);
    BOOST_TEST(db.error("SELECT count(*) FROM t a, t b, t c") == "interrupted");
    BOOST_TEST(sqlite3_get_autocommit(db.get()) == 0);
    db.rows("RELEASE s; " + fill);
    BOOST_TEST(cancels(id) >= 2);
    db.rows("COMMIT");
    watcher.rows("SELECT warden_reset()");
    const Db fresh(file);
    BOOST_TEST(fresh.one("SELECT count(*), count(DISTINCT x), max(n) FROM t") == "15000|5000|15000");
    BOOST_TEST(fresh.one("PRAGMA integrity_check") == "ok");
  }
}

BOOST_AUTO_TEST_CASE(without_statement_timeout_writes_no_statement_that_writes_is_cut_off) {
  BOOST_TEST(watcher.one("SELECT value FROM warden_settings WHERE name = 'statement_timeout_writes'") == "0");
  const std::string file = dir.file("t.db");
  Db(file).rows("PRAGMA journal_mode = wal; CREATE TABLE t(n INTEGER PRIMARY KEY, x, y)");
  for (const std::string hooks : {"trace", "trace+progress"}) {
    watcher.rows("SELECT warden_set('hooks', '" + hooks + "'), warden_set('statement_timeout_ms', 0)");
    const Db db(file);
    const std::string id = db.one("SELECT warden_connection_id()");
    watcher.rows("SELECT warden_set('statement_timeout_ms', 1)");
    int long_ones = 0;
    for (const char* sql :
         {"INSERT INTO t(x) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000) "
          "SELECT printf('%0200d', n) FROM c",
          "CREATE INDEX t_x ON t(x)", "UPDATE t SET x = x || 'x', y = n",
          "REPLACE INTO t SELECT n, x || 'y', y FROM t", "DELETE FROM t WHERE n % 2 = 0",
          "CREATE TABLE u AS SELECT * FROM t ORDER BY x", "VACUUM", "DROP TABLE u", "REINDEX t_x",
          "DROP INDEX t_x", "DELETE FROM t WHERE y > 0"}) {
      sqlite3_stmt* statement = nullptr;
      int rc = SQLITE_INTERRUPT;
      // Preparing may read the schema, and that is a read.
      while (rc == SQLITE_INTERRUPT) rc = sqlite3_prepare_v2(db.get(), sql, -1, &statement, nullptr);
      const auto begun = Clock::now();
      BOOST_TEST(sqlite3_step(statement) == SQLITE_DONE,
                 sql << ", " << hooks << ": " << sqlite3_errmsg(db.get()));
      sqlite3_finalize(statement);
      long_ones += Clock::now() - begun > std::chrono::milliseconds(5);
    }
    BOOST_TEST(long_ones >= 5);
    BOOST_TEST(watcher.number(
                   "SELECT count(*) FROM warden_events WHERE action = 'cancel' AND connection_id = " + id +
                   " AND sql NOT LIKE 'SELECT%'") == 0);
    BOOST_TEST(
        db.error("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c") ==
        "interrupted");  // one that only reads is
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
