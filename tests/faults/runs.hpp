// Running an operation, and judging how it ended.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "operations.hpp"

namespace warden::test {

/// How SQL ended. `rows` are those before an error.
struct Outcome {
  int code = SQLITE_OK;  // extended
  std::string message;
  std::vector<std::string> rows;
  bool operator==(const Outcome&) const = default;
};
std::string to_string(const Outcome& outcome);

/// Runs all statements of `sql`, within an Armed wherever SQLite is called and nowhere else.
Outcome run(sqlite3* db, const std::string& sql);

/// An operation on a connection: what it gives in peace, and the checks after each run that something failed in.
class Trial {
 public:
  /// Runs it some times in peace. Throws where that already differs from one run to the next.
  Trial(const Operation& operation, sqlite3* db);

  /// The text of the next run: $N is a number that no run had before.
  std::string next_sql();
  /// Before a run; in peace.
  void prepare();
  /// One run in peace, which must give what it gave at first.
  void repeat();
  /// Throws std::runtime_error unless `got` is right: exactly what is given in peace, or, where something failed, an error for
  /// which `is_clean` holds; what it changes is then as it was before.
  void judge(const Outcome& got, bool anything_failed, const std::function<bool(const Outcome&)>& is_clean,
             const std::string& what);
  const Operation& operation() const { return operation_; }
  const Outcome& expected() const { return expected_; }
  void use(sqlite3* db) { db_ = db; }

 private:
  std::string state() const;
  bool as_expected(const Outcome& got) const;
  Operation operation_;
  sqlite3* db_;
  Outcome expected_;
  std::string state_before_;
  std::string state_after_;
};

/// Places from 1 to `last`, in order: at most `most` of them, or in a thorough run `most_of_all`, spread by the seed.
std::vector<std::int64_t> places(std::int64_t last, std::int64_t most,
                                 std::int64_t most_of_all = std::numeric_limits<std::int64_t>::max());

/// In peace; throws SqlError.
std::vector<std::string> rows_of(sqlite3* db, const std::string& sql);

/// Runs so many different statements that what warden keeps of statements is full, and grows no more.
void fill_statistics(sqlite3* db);

/// in_child() for the many runs of these tests, where the watchdog's thread does not run.
int in_patient_child(const std::function<int()>& body);

}  // namespace warden::test
