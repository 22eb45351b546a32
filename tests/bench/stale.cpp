// The promise: a cancellation hits the statement that it was meant for, never the next one.
//
// 100 000 short statements follow right after long ones: those that were cut off at their deadline, and, which is worse,
// those that ended by themselves just when they were to be cut off. Another connection is cut off all the time. A short
// one is hit wrongly if it returned SQLITE_INTERRUPT and had run for less than its deadline; where the thread had to wait
// for a core meanwhile, it may have run for longer, and is hit rightly.
#include <atomic>
#include <string>
#include <thread>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kDeadlineMs = 5;
constexpr int kRowsUsed = 1000;

/// Counts to a number that it is given.
constexpr const char* kCountTo =
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT ?1) SELECT count(*) FROM n";
constexpr std::int64_t kLong = 1'000'000'000;
/// So far it counts at first to take about as long as its deadline; then as the last one shows.
constexpr double kNearFirst = 50'000;
constexpr double kNearStep = 1.01;

/// Statements of one connection, and how many of them were hit.
class Judge {
 public:
  explicit Judge(Database& connection) : connection_(connection) {}

  /// Runs it to its end; whether it was hit.
  bool run(sqlite3_stmt* statement) {
    const auto began = Clock::now();
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = ::sqlite3_step(statement);
    const double took_ms = seconds_since(began) * 1000;
    ::sqlite3_reset(statement);
    if (code == SQLITE_DONE) return false;
    if (code != SQLITE_INTERRUPT) fail();
    ++(took_ms < kDeadlineMs ? wrongly_ : rightly_);
    return true;
  }
  /// Nothing runs while it is prepared, so whatever hits it there is wrong.
  void run_fresh(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = ::sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &statement, nullptr);
    if (code == SQLITE_OK) {
      run(statement);
    } else if (code == SQLITE_INTERRUPT) {
      ++wrongly_;
    } else {
      fail();
    }
    ::sqlite3_finalize(statement);
  }

  std::int64_t wrongly() const noexcept { return wrongly_; }
  std::int64_t rightly() const noexcept { return rightly_; }

 private:
  [[noreturn]] void fail() const { throw std::runtime_error(::sqlite3_errmsg(connection_.get())); }

  Database& connection_;
  std::int64_t wrongly_ = 0;
  std::int64_t rightly_ = 0;
};

/// Another thread, whose connection is cut off all the time.
class CutOffBeside {
 public:
  CutOffBeside() : connection_(":memory:") {
    connection_.run("SELECT warden_timeout(" + std::to_string(kDeadlineMs) + ")");
    thread_ = std::thread([this] {
      while (!stop_.load()) {
        if (connection_.try_run(kLongCount) != SQLITE_INTERRUPT) missed_.store(true);
      }
    });
  }
  ~CutOffBeside() { stop(); }
  void stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  bool missed() const noexcept { return missed_.load(); }

 private:
  Database connection_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> missed_{false};
  std::thread thread_;
};

void child(const Parameters& given) {
  const bool near = given.is("ends", "near");
  Database connection(":memory:");
  connection.load_warden();
  connection.run("CREATE TABLE t(id INTEGER PRIMARY KEY, value INTEGER)");
  connection.run(
      "INSERT INTO t(value) WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n LIMIT " +
      std::to_string(kRowsUsed) + ") SELECT i FROM n");
  connection.run("SELECT warden_set('statement_timeout_writes', 1)");
  connection.run("SELECT warden_timeout(" + std::to_string(kDeadlineMs) + ")");
  Statement first(connection, kCountTo);
  Statement look_up(connection, "SELECT value FROM t WHERE id = ?");
  Statement insert(connection, "INSERT INTO t(value) VALUES(?)");
  CutOffBeside beside;
  Judge long_ones(connection);
  Judge short_ones(connection);
  double count = near ? kNearFirst : kLong;
  const long each = given.number("each");
  std::int64_t cut = 0;
  for (long round = 0; round < given.number("rounds"); ++round) {
    const bool hit = long_ones.run(first.bind(1, static_cast<std::int64_t>(count)).get());
    cut += hit ? 1 : 0;
    if (near) count = hit ? count / kNearStep : count * kNearStep;
    if (!near && !hit) throw std::runtime_error("a statement was not cut off");
    for (long i = 0; i < each; ++i) {
      switch ((round + i) % 3) {
        case 0:
          short_ones.run(look_up.bind(1, i % kRowsUsed + 1).get());
          break;
        case 1:
          short_ones.run(insert.bind(1, i).get());
          break;
        default:
          short_ones.run_fresh("SELECT value FROM t WHERE id = " + std::to_string(i % kRowsUsed + 1));
      }
    }
  }
  beside.stop();
  if (beside.missed()) throw std::runtime_error("a statement beside was not cut off");
  say("cut", static_cast<double>(cut));
  say("wrongly", static_cast<double>(short_ones.wrongly() + long_ones.wrongly()));
  say("rightly", static_cast<double>(short_ones.rightly()));
}

void run(Data&, Report& report) {
  const auto once = [&](const std::string& name, const char* ends, const char* rounds, const char* each) {
    const Numbers said = measure(kStale, {{"ends", ends}, {"rounds", rounds}, {"each", each}});
    char note[128];
    std::snprintf(note, sizeof(note), "of 100 000, after %s long ones, %.0f of them cut off; rightly: %.0f",
                  rounds, said["cut"], said["rightly"]);
    report.number(name, said["wrongly"], Unit::count, Bar::at_most(0), note);
  };
  once("hit_wrongly.after_cut", "cut", "100", "1000");
  once("hit_wrongly.near_deadline", "near", "2000", "50");
}

}  // namespace

const Benchmark kStale{"stale", "short statements that a cancellation hits which was another's", &run,
                       &child};

}  // namespace warden::bench
