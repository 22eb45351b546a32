// Just enough of SQLite to measure it: a connection and a prepared statement that close themselves. Everything throws
// std::runtime_error with SQLite's text.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace warden::bench {

/// A serialized connection (SQLITE_OPEN_FULLMUTEX), unless its flags say SQLITE_OPEN_NOMUTEX.
class Database {
 public:
  explicit Database(const std::string& path, int flags = SQLITE_OPEN_READWRITE);
  ~Database() { ::sqlite3_close_v2(db_); }
  Database(Database&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Database& operator=(Database&&) = delete;

  sqlite3* get() const noexcept { return db_; }
  void run(const std::string& sql);
  /// Reads every row of it; a SQLite code.
  int try_run(const std::string& sql);
  /// The first column of the first row.
  std::int64_t number(const std::string& sql);
  void load_warden();

 private:
  [[noreturn]] void fail(const std::string& what) const;
  sqlite3* db_ = nullptr;
};

/// For one connection and one thread.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);
  ~Statement() { ::sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  sqlite3_stmt* get() const noexcept { return statement_; }
  Statement& bind(int position, std::int64_t value) {
    ::sqlite3_bind_int64(statement_, position, value);
    return *this;
  }
  /// True for a row, false at the end.
  bool step();
  void reset() { ::sqlite3_reset(statement_); }
  /// All its rows; how many.
  std::int64_t run();

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace warden::bench
