// warden in a program in C++: a pool of four connections, one of which loads it.
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

const std::string kScan = "SELECT count(*), sum(length(hex(resources))) FROM job";
const std::string kEndless = "SELECT count(*) FROM job a, job b, job c";
const std::string kCount = "SELECT count(*) FROM warden_connections";
const std::string kOthers = " FROM warden_connections WHERE connection_id <> warden_connection_id()";
const std::string kOfEndless = " FROM warden_connections WHERE state = 'active' AND sql = '" + kEndless + "'";

bool failed = false;

void point(const std::string& name, bool good, const std::string& seen = "") {
  failed = failed || !good;
  std::cout << name << '\t' << (good ? "passed" : "failed") << '\t' << seen << std::endl;
}

struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Connection {
 public:
  Connection() {
    sqlite3* db = nullptr;
    const int rc = sqlite3_open(std::getenv("JOBS"), &db);
    db_.reset(db);
    check(rc);
  }

  sqlite3* get() const { return db_.get(); }

  /// A column of the first row as text; empty if there is none.
  std::string text(const std::string& sql, int column = 0) const {
    sqlite3_stmt* prepared = nullptr;
    check(sqlite3_prepare_v2(get(), sql.c_str(), -1, &prepared, nullptr));
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, &sqlite3_finalize);
    const int rc = sqlite3_step(prepared);
    if (rc != SQLITE_ROW) return check(rc), "";
    const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(prepared, column));
    return value == nullptr ? "" : value;
  }

  long number(const std::string& sql) const { return std::stol(text(sql)); }

 private:
  void check(int rc) const {
    if (rc == SQLITE_INTERRUPT) throw Interrupted(sqlite3_errmsg(get()));
    if (rc != SQLITE_OK && rc != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(get()));
  }

  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

/// The message of the interrupt that this statement ends with.
std::string interrupt_of_endless(const Connection& connection) {
  try {
    connection.text(kEndless);
    return "";
  } catch (const Interrupted& interrupted) {
    return interrupted.what();
  }
}

long resident() {
  std::ifstream statm("/proc/self/statm");
  long whole = 0;
  long pages = 0;
  statm >> whole >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

/// Waits until it is true; what never comes true is no better after a minute.
template <class Condition>
bool eventually(const Condition& condition) {
  for (const auto end = steady_clock::now() + 1min; steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

void load(const Connection& first) {
  const char* warden = std::getenv("WARDEN");
  char* message = nullptr;
  // [load]
  sqlite3_enable_load_extension(first.get(), 1);
  const int rc = sqlite3_load_extension(first.get(), warden, nullptr, &message);
  // [end]
  if (rc != SQLITE_OK) throw std::runtime_error(message);
}

void run() {
  auto first = std::make_unique<Connection>();
  load(*first);
  std::cout << "host\t" << __VERSION__ << "\nsqlite\t" << sqlite3_libversion() << '\t'
            << first->text("SELECT json_extract(warden_debug(), '$.sqlite_image')") << std::endl;
  point("load", !first->text("SELECT warden_version()").empty());

  std::array<std::unique_ptr<Connection>, 3> others;
  for (auto& connection : others) connection = std::make_unique<Connection>();
  point("pool", first->number(kCount) == 4);

  first->text(
      "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', "
      "'always')");
  const long before = resident();
  const long jobs = std::stol(std::getenv("JOB_COUNT"));
  bool all = first->number("SELECT job_count(NULL)") == jobs;
  for (const auto& connection : others) {
    connection->text("PRAGMA cache_size = -100000");
    all = all && connection->number(kScan) == jobs;
  }
  point("scan", all);

  const bool back = eventually([&] {
    return first->number("SELECT sum(cache_bytes)" + kOthers) < 2'000'000 && resident() < before + 40'000'000;
  });
  const long released = first->number("SELECT sum(released_bytes)" + kOthers);
  point("memory", back && released > 100'000'000, std::to_string(released / 1'000'000) + " MB");

  // A deadline, for this connection's statements.
  others[0]->text("SELECT warden_timeout(100)");
  const std::string in_time = interrupt_of_endless(*others[0]);
  point("deadline", in_time == "interrupted", in_time);

  // A statement of another thread: seen, and ended.
  std::string asked;
  std::thread thread([&] { asked = interrupt_of_endless(*others[1]); });
  point("watch", eventually([&] { return first->number("SELECT count(*)" + kOfEndless) == 1; }));
  const bool cancelled =
      first->number("SELECT warden_cancel(connection_id, statement_seq)" + kOfEndless) == 1;
  thread.join();
  point("cancel", cancelled && asked == "interrupted", asked);

  for (auto& connection : others) connection.reset();
  const bool alone = first->number(kCount) == 1;
  first.reset();
  const Connection again;
  point("close", alone && again.number(kCount) == 1);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  }
  return failed ? 1 : 0;
}
