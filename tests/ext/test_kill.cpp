// Killing any statement at any moment loses nothing that was committed, and leaves nothing half done.
//
// Random statements run on a database, and from their results alone it is known what must be in it. Another
// thread cancels them at random moments, or deadlines do. Now and then the database is read through a fresh
// connection, and must be just that. WARDEN_TEST_SECONDS=n makes the random runs take n seconds together.
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

#include "host.hpp"

namespace warden::test {
namespace {

using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kStatements = 250;
#else
constexpr int kStatements = 900;
#endif
constexpr int kRandomRuns = 9;  // of this file
constexpr int kBetweenChecks = 20;
constexpr int kAtLeast = 20;       // interrupted statements, and commits, of each run
constexpr int kMostSeconds = 120;  // after which a run that has not seen these fails
constexpr std::int64_t kIds = 4000;
constexpr std::int64_t kValues = 1'000'003;

// ---- what must be in the database

/// The value of each id, or kAbsent.
using Rows = std::vector<std::int64_t>;
constexpr std::int64_t kAbsent = -1;

constexpr std::array kTables{"main.t", "main.u", "temp.s"};

struct State {
  std::array<Rows, kTables.size()> tables{Rows(kIds, kAbsent), Rows(kIds, kAbsent), Rows(kIds, kAbsent)};
  std::set<std::string> indexes;
  bool operator==(const State&) const = default;
};

/// Column x follows from v: it makes the rows large, and shows rows that are not whole.
std::string padded(const std::string& v) { return "printf('%0*d', 60 + " + v + " % 200, " + v + ")"; }

/// "" where the table has just these rows; otherwise what is wrong, which is also SQLite's error.
std::string difference(const Db& db, std::size_t table, const Rows& expected) {
  const std::string name = kTables[table];
  sqlite3_stmt* statement = nullptr;
  const std::string sql = "SELECT id, v, x IS " + padded("v") + " FROM " + name;
  Rows found(kIds, kAbsent);
  std::string wrong;
  if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const std::int64_t id = sqlite3_column_int64(statement, 0);
      if (id < 0 || id >= kIds || sqlite3_column_int(statement, 2) != 1) {
        wrong = name + " has a spoilt row " + std::to_string(id);
      } else {
        found[static_cast<std::size_t>(id)] = sqlite3_column_int64(statement, 1);
      }
    }
  }
  sqlite3_finalize(statement);
  if (const int rc = sqlite3_errcode(db.get()); rc != SQLITE_OK && rc != SQLITE_DONE)
    return sqlite3_errmsg(db.get());
  for (std::size_t id = 0; wrong.empty() && id < found.size(); ++id) {
    if (found[id] == expected[id]) continue;
    wrong = name + ": id " + std::to_string(id) + " has " + std::to_string(found[id]) + ", not " +
            std::to_string(expected[id]);
  }
  return wrong;
}

/// Sets the connection's own deadline. That, too, can be killed.
void set_timeout(const Db& db, const std::string& ms) {
  BOOST_REQUIRE(eventually([&] { return db.error("SELECT warden_timeout(" + ms + ")").empty(); }));
}

/// The same for all that other connections can see, and whether the file is sound.
std::string difference(const std::string& file, const State& expected) {
  const Db fresh(file);
  sqlite3_busy_timeout(fresh.get(), 30'000);
  set_timeout(fresh, "0");
  for (std::size_t table : {0U, 1U}) {
    if (std::string wrong = difference(fresh, table, expected.tables[table]); !wrong.empty()) return wrong;
  }
  const auto indexes = fresh.rows("SELECT name FROM sqlite_master WHERE type = 'index'");
  if (std::set(indexes.begin(), indexes.end()) != expected.indexes) return "other indexes";
  const std::string sound = fresh.one("PRAGMA integrity_check");
  return sound == "ok" ? "" : sound;
}

// ---- random statements

struct Statement {
  enum Kind { ordinary, reads, ends_transaction };
  std::string sql;
  /// What it does to the state if it succeeds. False: it must fail, with SQLITE_CONSTRAINT.
  std::function<bool(State&)> effect = [](State&) { return true; };
  Kind kind = ordinary;
  std::optional<std::int64_t> answer{};  // of one that reads
  std::function<void()> then = [] {};    // what else its success means
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t below(std::int64_t n) {
    return std::uniform_int_distribution<std::int64_t>(0, n - 1)(engine_);
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  const T& of(const std::array<T, N>& choices) {
    return choices[static_cast<std::size_t>(below(N))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Waits a random time, up to that.
void pause(Random& random, std::int64_t most_us) {
  const std::int64_t us = random.below(most_us + 1);
  if (us > 200) {
    const timespec moment{0, us * 1000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    return;
  }
  for (const auto until = Clock::now() + std::chrono::microseconds(us); Clock::now() < until;)
    std::this_thread::yield();
}

enum class OnConflict { fails, ignores, replaces };

bool put(Rows& rows, std::int64_t id, std::int64_t value, OnConflict on_conflict) {
  std::int64_t& there = rows[static_cast<std::size_t>(id)];
  if (there != kAbsent && on_conflict == OnConflict::fails) return false;
  if (there == kAbsent || on_conflict == OnConflict::replaces) there = value;
  return true;
}

/// Makes statements of the kinds that can stand anywhere.
class Statements {
 public:
  Statements(Random& random, bool with_temp) : random_(random), tables_(with_temp ? 3 : 2) {}

  Statement any(const State& now) {
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        return insert();
      case 3:
      case 4:
      case 5:
        return copy();
      case 6:
      case 7:
      case 8:
        return update();
      case 9:
      case 10:
        return erase();
      case 11:
      case 12:
        return index();
      case 13:
        return random_.one_in(2) ? Statement{"REINDEX"} : sort(now);
      default:
        return join(now);
    }
  }

 private:
  struct Range {
    std::int64_t from, to;
    bool has(std::int64_t id) const { return id >= from && id <= to; }
    std::string sql() const { return std::to_string(from) + " AND " + std::to_string(to); }
  };
  struct Verb {
    const char* begin;
    const char* end;
    OnConflict on_conflict;
  };

  std::size_t table() { return static_cast<std::size_t>(random_.below(tables_)); }
  Range range() {
    const std::int64_t size = random_.one_in(2) ? 1 + random_.below(50) : 500 + random_.below(kIds - 500);
    const std::int64_t from = random_.below(kIds - size + 1);
    return {from, from + size - 1};
  }
  const Verb& verb() {
    static constexpr std::array<Verb, 6> kVerbs{
        {{"INSERT", "", OnConflict::fails},
         {"INSERT OR IGNORE", "", OnConflict::ignores},
         {"INSERT OR REPLACE", "", OnConflict::replaces},
         {"REPLACE", "", OnConflict::replaces},
         {"INSERT", " ON CONFLICT(id) DO NOTHING", OnConflict::ignores},
         {"INSERT", " ON CONFLICT(id) DO UPDATE SET v = excluded.v, x = excluded.x", OnConflict::replaces}}};
    return random_.of(kVerbs);
  }

  Statement insert() {
    const std::size_t into = table();
    const Range ids = range();
    const Verb how = verb();
    const std::int64_t k = random_.below(kValues);
    const std::string first = std::to_string(ids.from);
    const std::string last = std::to_string(ids.to);
    return {std::string(how.begin) + " INTO " + kTables[into] + "(id, v, x) SELECT n, w, " + padded("w") +
                " FROM (WITH RECURSIVE c(n) AS (VALUES(" + first +
                ") UNION ALL SELECT n + 1 FROM c WHERE n < " + last + ") SELECT n, (n * 7919 + " +
                std::to_string(k) + ") % " + std::to_string(kValues) + " AS w FROM c) WHERE true" + how.end,
            [=](State& state) {
              for (std::int64_t n = ids.from; n <= ids.to; ++n) {
                if (!put(state.tables[into], n, (n * 7919 + k) % kValues, how.on_conflict)) return false;
              }
              return true;
            }};
  }

  Statement copy() {
    const std::size_t from = table();
    const std::size_t into = table();
    const Range ids = range();
    const Verb how = verb();
    const std::int64_t shift = random_.below(kIds);
    const std::int64_t k = random_.below(1000);
    const std::string w = "((v + " + std::to_string(k) + ") % " + std::to_string(kValues) + ")";
    return {std::string(how.begin) + " INTO " + kTables[into] + "(id, v, x) SELECT (id + " +
                std::to_string(shift) + ") % " + std::to_string(kIds) + ", " + w + ", " + padded(w) +
                " FROM " + kTables[from] + " WHERE id BETWEEN " + ids.sql() + how.end,
            [=](State& state) {
              const Rows source = state.tables[from];
              for (std::int64_t id = ids.from; id <= ids.to; ++id) {
                const std::int64_t v = source[static_cast<std::size_t>(id)];
                if (v == kAbsent) continue;
                if (!put(state.tables[into], (id + shift) % kIds, (v + k) % kValues, how.on_conflict))
                  return false;
              }
              return true;
            }};
  }

  /// Changes the rows of a range, or each m-th by their values.
  Statement change(const std::string& sql, const std::function<std::int64_t(std::int64_t)>& next,
                   std::size_t in) {
    const bool by_value = random_.one_in(3);
    const Range ids = by_value ? Range{0, kIds - 1} : range();
    const std::int64_t m = by_value ? 2 + random_.below(6) : 1;
    return {sql + " WHERE " + (by_value ? "v % " + std::to_string(m) + " = 0" : "id BETWEEN " + ids.sql()),
            [=](State& state) {
              for (std::int64_t id = ids.from; id <= ids.to; ++id) {
                std::int64_t& v = state.tables[in][static_cast<std::size_t>(id)];
                if (v != kAbsent && v % m == 0) v = next(v);
              }
              return true;
            }};
  }

  Statement update() {
    const std::size_t in = table();
    const std::int64_t k = random_.below(kValues);
    const std::string w = "((v * 31 + " + std::to_string(k) + ") % " + std::to_string(kValues) + ")";
    return change(
        std::string("UPDATE ") + kTables[in] + " SET v = " + w + ", x = " + padded(w),
        [k](std::int64_t v) { return (v * 31 + k) % kValues; }, in);
  }

  Statement erase() {
    const std::size_t in = table();
    const std::string sql = std::string("DELETE FROM ") + kTables[in];
    if (random_.one_in(20)) {
      return {sql, [in](State& state) {
                state.tables[in].assign(kIds, kAbsent);
                return true;
              }};
    }
    return change(
        sql, [](std::int64_t) { return kAbsent; }, in);
  }

  Statement index() {
    static constexpr std::array<std::array<const char*, 3>, 4> kIndexes{
        {{"t_v", "t", "v"}, {"t_x", "t", "x DESC"}, {"u_v", "u", "v, x"}, {"u_x", "u", "substr(x, -9)"}}};
    const auto [name, on, columns] = random_.of(kIndexes);
    if (random_.one_in(3)) {
      return {std::string("DROP INDEX IF EXISTS ") + name, [=](State& state) {
                state.indexes.erase(name);
                return true;
              }};
    }
    return {std::string("CREATE INDEX IF NOT EXISTS ") + name + " ON " + on + "(" + columns + ")",
            [=](State& state) {
              state.indexes.insert(name);
              return true;
            }};
  }

  static std::int64_t count(const Rows& rows, const Range& ids) {
    return (ids.to - ids.from + 1) - std::count(rows.begin() + ids.from, rows.begin() + ids.to + 1, kAbsent);
  }

  Statement sort(const State& now) {
    const std::size_t from = table();
    return {.sql = std::string("SELECT count(*) FROM (SELECT x FROM ") + kTables[from] +
                   " ORDER BY substr(x, -5) LIMIT -1 OFFSET 0)",
            .kind = Statement::reads,
            .answer = count(now.tables[from], {0, kIds - 1})};
  }

  Statement join(const State& now) {
    const std::size_t a = table();
    const std::size_t b = table();
    const std::int64_t from = random_.below(kIds - 100);
    const Range ids{from, from + random_.below(100)};
    return {.sql = std::string("SELECT count(a.v + b.v) FROM ") + kTables[a] + " a CROSS JOIN " + kTables[b] +
                   " b WHERE a.id BETWEEN " + ids.sql(),
            .kind = Statement::reads,
            .answer = count(now.tables[a], ids) * count(now.tables[b], {0, kIds - 1})};
  }

  Random& random_;
  std::int64_t tables_;
};

// ---- the one who runs them

/// Runs random statements, and checks each result against what must be there. On the test's own thread.
class Writer {
 public:
  Writer(const std::string& file, bool with_temp, unsigned seed)
      : random_(seed), statements_(random_, with_temp), file_(file), temp_(with_temp), db_(file) {}

  const Db& db() const { return db_; }
  int interrupted = 0;
  int interrupted_in_transactions = 0;
  int interrupted_ends = 0;  // COMMIT, ROLLBACK, RELEASE
  int busy = 0;
  int commits = 0;

  /// To be called before anybody kills.
  void prepare(const std::string& journal_mode) {
    BOOST_REQUIRE(db_.one("PRAGMA journal_mode = " + journal_mode) == journal_mode);
    db_.rows("PRAGMA synchronous = " + std::string(random_.one_in(2) ? "OFF" : "NORMAL"));
    if (temp_) db_.rows("PRAGMA temp_store = FILE; PRAGMA cache_size = 20");  // pages go to the files early
    for (std::size_t table = 0; table < (temp_ ? 3 : 2); ++table) {
      db_.rows(std::string("CREATE TABLE ") + kTables[table] + "(id INTEGER PRIMARY KEY, v INTEGER, x TEXT)");
    }
    while (statements_run_ < 10) run(statements_.any(current_));
    BOOST_REQUIRE(interrupted == 0);
    is_wal_ = journal_mode == "wal";
  }

  /// One statement of any kind.
  void step() {
    if (sqlite3_get_autocommit(db_.get()) != 0) {
      sqlite3_busy_timeout(db_.get(), random_.one_in(2) ? 0 : 10);
      switch (random_.below(40)) {
        case 0:
          return run({"VACUUM"});
        case 1:
          return run({"PRAGMA wal_checkpoint(" +
                      std::string(random_.of(std::array{"PASSIVE", "FULL", "RESTART", "TRUNCATE"})) + ")"});
        case 2:
          return run({"ANALYZE"});
        default:
          if (random_.one_in(3)) return begin();
      }
    } else if (random_.one_in(3)) {
      return control();
    }
    run(statements_.any(current_));
  }

  /// Ends what is open, whoever stands in the way.
  void finish() {
    while (sqlite3_get_autocommit(db_.get()) == 0) {
      if (random_.one_in(10)) {
        rollback();
      } else {
        commit();
      }
    }
  }

  /// All that can be seen from here and from outside.
  void check() {
    for (std::size_t table = 0; table < (temp_ ? 3 : 2); ++table) {
      std::string wrong;
      do {  // this can be killed, too
        wrong = own_difference(table);
      } while (wrong == "interrupted");
      BOOST_REQUIRE_MESSAGE(wrong.empty(), "inside, after " << last_ << ": " << wrong);
    }
    const std::string wrong = difference(file_, committed_);
    BOOST_REQUIRE_MESSAGE(wrong.empty(), "outside, after " << last_ << ": " << wrong);
  }
  /// In a transaction, a rollback journal can keep other connections out.
  bool may_be_checked() const { return sqlite3_get_autocommit(db_.get()) != 0 || is_wal_; }

 private:
  std::string own_difference(std::size_t table) {
    set_timeout(db_, "0");
    const std::string wrong = difference(db_, table, current_.tables[table]);
    set_timeout(db_, "NULL");
    return wrong;
  }

  void begin() {
    if (random_.one_in(4)) return savepoint();
    run({random_.one_in(2) ? "BEGIN" : "BEGIN IMMEDIATE"});
  }

  void control() {
    switch (random_.below(8)) {
      case 0:
        return rollback();
      case 1:
        return savepoint();
      case 2:
      case 3:
        if (savepoints_.empty()) return commit();
        return random_.one_in(2) ? release() : back_to_savepoint();
      default:
        return commit();
    }
  }

  void commit() { run({.sql = "COMMIT", .kind = Statement::ends_transaction}); }
  void rollback() {
    run({.sql = "ROLLBACK",
         .effect = [this](State& state) { return (state = committed_, true); },
         .kind = Statement::ends_transaction});
  }
  void savepoint() {
    run({.sql = "SAVEPOINT s" + std::to_string(savepoints_.size()),
         .then = [this] { savepoints_.push_back(current_); }});
  }
  std::size_t some_savepoint() {
    return static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(savepoints_.size())));
  }
  void release() {  // of the first, where it stands for BEGIN, is a COMMIT
    const std::size_t i = some_savepoint();
    run({.sql = "RELEASE s" + std::to_string(i), .kind = Statement::ends_transaction, .then = [this, i] {
           savepoints_.resize(i);
         }});
  }
  void back_to_savepoint() {
    const std::size_t i = some_savepoint();
    run({.sql = "ROLLBACK TO s" + std::to_string(i),
         .effect = [this, i](State& state) { return (state = savepoints_[i], true); },
         .then = [this, i] { savepoints_.resize(i + 1); }});
  }

  void run(const Statement& statement) {
    State next = current_;
    const bool fits = statement.effect(next);
    const bool was_open = sqlite3_get_autocommit(db_.get()) == 0;
    std::int64_t answer = 0;
    const int rc = execute(statement.sql, answer);
    const std::string message = sqlite3_errmsg(db_.get());
    const bool is_open = sqlite3_get_autocommit(db_.get()) == 0;
    ++statements_run_;
    last_ = statement.sql + " (" + std::to_string(rc) + ")";
    BOOST_REQUIRE_MESSAGE(
        rc == SQLITE_INTERRUPT || rc == SQLITE_BUSY || rc == (fits ? SQLITE_OK : SQLITE_CONSTRAINT),
        last_ << ": " << message);
    if (rc == SQLITE_OK) {
      if (statement.answer)
        BOOST_REQUIRE_MESSAGE(answer == *statement.answer, last_ << " answers " << answer);
      current_ = std::move(next);
      statement.then();
      if (!is_open) {
        if (!(committed_ == current_)) ++commits;
        committed_ = current_;
      }
    } else if (!is_open && was_open && statement.kind == Statement::ends_transaction) {
      // Not told whether it took place: all of it, or nothing of it.
      committed_ = difference(file_, next).empty() ? next : committed_;
      current_ = committed_;
      check();
    } else if (!is_open) {
      current_ = committed_;  // SQLite has rolled it all back
    }
    if (statement.kind == Statement::reads)
      BOOST_REQUIRE_MESSAGE(is_open == was_open, last_ << " ends a transaction");
    if (!is_open) savepoints_.clear();
    interrupted += rc == SQLITE_INTERRUPT;
    interrupted_in_transactions += rc == SQLITE_INTERRUPT && was_open;
    interrupted_ends += rc == SQLITE_INTERRUPT && statement.kind == Statement::ends_transaction;
    busy += rc == SQLITE_BUSY;
  }

  int execute(const std::string& sql, std::int64_t& answer) {
    sqlite3_stmt* statement = nullptr;
    if (const int rc = sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &statement, nullptr); rc != SQLITE_OK)
      return rc;
    std::int64_t attempts = 1 + random_.below(3);  // SQLITE_BUSY may be answered by another step
    int rc = SQLITE_OK;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW || (rc == SQLITE_BUSY && --attempts > 0)) {
      if (rc == SQLITE_ROW) answer = sqlite3_column_int64(statement, 0);
    }
    return sqlite3_finalize(statement);
  }

  Random random_;
  Statements statements_;
  std::string file_;
  bool temp_;
  bool is_wal_ = false;
  Db db_;
  State committed_;
  State current_;                  // committed_, and what the open transaction has done
  std::vector<State> savepoints_;  // as it was at each
  int statements_run_ = 0;
  std::string last_;
};

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
      const char* seconds = std::getenv("WARDEN_TEST_SECONDS");
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
