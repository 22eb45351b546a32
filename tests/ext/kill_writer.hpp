// Who runs them in test_kill.cpp: one connection, and from its results alone what must be in its database.
#pragma once

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

#include "kill_statements.hpp"

namespace warden::test {

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

}  // namespace warden::test
