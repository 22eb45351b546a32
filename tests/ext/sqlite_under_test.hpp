// The system's SQLite inside the test process: its table of routines, connections that answer in text, and an
// allocator that fails when told to.
//
// Threads: one. The faults are counted for the whole process.
#pragma once

#include <string>
#include <string_view>

#include "sqlite_api.hpp"

namespace warden::test {

/// The routines of the libsqlite3 that this process is linked with, as an extension would be handed them. The first
/// call puts the failing allocator under it, so nothing may use SQLite before.
const vtab::Api* api();

/// What a statement brought. Values are joined by '|', rows by ", "; NULL is "NULL" and a blob "x'00FF'".
struct Answer {
  int code = 0;
  std::string error;  // empty where code is SQLITE_OK
  std::string rows;
};

/// A connection, closed at the end. A close that fails is a failure of the test.
class Database {
 public:
  explicit Database(const std::string& file = ":memory:");
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() const noexcept { return db_; }
  /// Runs all statements of the text; ends at the first that fails, with the rows so far.
  Answer run(std::string_view sql);
  /// The rows of run(), or "error <code>: <text>".
  std::string query(std::string_view sql);

 private:
  sqlite3* db_ = nullptr;
};

/// While it lives, SQLite's `nth` allocation from now on (1 is the next) fails; `lasting`: and all after it.
class Fault {
 public:
  enum class Kind { once, lasting };
  Fault(int nth, Kind kind) noexcept;
  ~Fault();
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  /// False where the statement came to its end before the nth allocation.
  bool happened() const noexcept;
};

/// Bytes that SQLite holds now.
long long memory_used();

}  // namespace warden::test
