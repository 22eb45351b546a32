// A small host: connections of the system's SQLite with warden loaded, and what tests ask of them.
#pragma once

#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace warden::test {

/// A statement that failed.
struct SqlError : std::runtime_error {
  SqlError(int rc, const std::string& what) : std::runtime_error(what), code(rc) {}
  int code;
};

/// A connection. Move-only; used by one thread at a time.
class Db {
 public:
  explicit Db(const std::string& file = ":memory:", int flags = SQLITE_OPEN_FULLMUTEX) {
    const int all = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | flags;
    if (const int rc = sqlite3_open_v2(file.c_str(), &db_, all, nullptr); rc != SQLITE_OK) {
      const std::string text = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
      sqlite3_close(db_);
      throw SqlError(rc, text);
    }
  }
  ~Db() { sqlite3_close_v2(db_); }
  Db(Db&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Db& operator=(Db&& other) noexcept {
    std::swap(db_, other.db_);
    return *this;
  }
  sqlite3* get() const { return db_; }

  Db& load() {
    sqlite3_enable_load_extension(db_, 1);
    char* message = nullptr;
    const int rc = sqlite3_load_extension(db_, WARDEN_SO, nullptr, &message);
    const std::string text = message == nullptr ? "" : message;
    sqlite3_free(message);
    if (rc != SQLITE_OK) throw SqlError(rc, text);
    return *this;
  }

  /// All rows, columns joined by '|', NULL as "NULL".
  std::vector<std::string> rows(const std::string& sql) const {
    std::vector<std::string> out;
    sqlite3_stmt* statement = nullptr;
    const char* rest = sql.c_str();
    while (*rest != '\0') {
      check(sqlite3_prepare_v2(db_, rest, -1, &statement, &rest));
      int rc = SQLITE_OK;
      while (statement != nullptr && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        std::string row;
        for (int i = 0; i < sqlite3_column_count(statement); ++i) {
          const auto* text = sqlite3_column_text(statement, i);
          row += (i > 0 ? "|" : "") +
                 std::string(text == nullptr ? "NULL" : reinterpret_cast<const char*>(text));
        }
        out.push_back(row);
      }
      check(sqlite3_finalize(statement));
    }
    return out;
  }
  /// The first row; "" if there is none.
  std::string one(const std::string& sql) const {
    const auto all = rows(sql);
    return all.empty() ? "" : all.front();
  }
  std::int64_t number(const std::string& sql) const { return std::stoll(one(sql)); }
  /// The error that the SQL ends with; "" if it succeeds.
  std::string error(const std::string& sql) const {
    try {
      rows(sql);
    } catch (const SqlError& e) {
      return e.what();
    }
    return "";
  }

 private:
  void check(int rc) const {
    if (rc != SQLITE_OK) throw SqlError(rc, sqlite3_errmsg(db_));
  }
  sqlite3* db_ = nullptr;
};

/// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "warden-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Waits until `condition` holds, at most so many seconds: generous, since it is only used up by a failure.
template <class F>
bool eventually(F&& condition, int seconds = 30) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < until) {
    if (condition()) return true;
    std::this_thread::yield();
    const timespec moment{0, 2'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
  }
  return condition();
}

inline std::int64_t resident_bytes() {
  long pages = 0;
  long resident = 0;
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return resident * ::sysconf(_SC_PAGESIZE);
}

/// Runs `body` in a child process: its exit status, or minus the signal that ended it. For what would disturb the other
/// tests of this process. `body` returns 0 for success.
template <class F>
int in_child(F&& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    // Boost's would go on with the next test, here.
    for (const int fatal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
    ::alarm(120);  // a child that hangs is a failure, not a test that never ends
    int status = 99;
    try {
      status = body();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in the child: %s\n", e.what());
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// A table of about `megabytes` in a file, pages of 4 KiB.
inline void make_table(const std::string& file, int megabytes) {
  const Db db(file);
  db.rows(
      "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE t(n INTEGER PRIMARY KEY, x TEXT);"
      "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " +
      std::to_string(megabytes * 1000) +
      ") INSERT INTO t SELECT n, printf('%0990d', n * 7919 % 100003) FROM c");
}

}  // namespace warden::test
