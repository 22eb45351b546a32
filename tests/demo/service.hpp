// An ordinary service over SQLite: a pool of connections, a thread for each, a timeout for every query. It is
// the service of the incident, with the settings that it had, and knows nothing of warden.
//
// Each connection runs, `rounds` times over,
//   a scan  every page of the `job` table goes through the connection's page cache, which has no bound
//   a sort  wide rows into an in-memory sorter, since no index has that order
// and each is cut off by sqlite3_interrupt when the timeout is over. After the work the threads and the
// connections stay, idle, as a pool keeps them, until the Service is destroyed.

#pragma once

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <latch>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace demo {

struct CloseConnection {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Connection = std::unique_ptr<sqlite3, CloseConnection>;

// A serialized connection. Throws std::runtime_error if it cannot be opened.
Connection open_connection(const std::string& file);

// The incident's two settings: an unbounded cache, temporary data in memory.
void apply_incident_settings(sqlite3* db);

// Runs `sql`, throws std::runtime_error with SQLite's words if that fails; returns the first value of the
// first row.
std::string execute(sqlite3* db, const std::string& sql);

enum class Work { kScan, kSort };

struct Statement {
  Work work;
  std::size_t connection;
  double took_ms;
  bool finished;  // false: interrupted by the timeout
};

// A timer thread that interrupts what runs for too long. Thread-safe. The mutex is held while it interrupts,
// so that a deadline never hits the statement after the one it was meant for.
class QueryTimeout {
 public:
  explicit QueryTimeout(std::size_t slots);
  QueryTimeout(const QueryTimeout&) = delete;
  QueryTimeout& operator=(const QueryTimeout&) = delete;

  void arm(std::size_t slot, sqlite3* db, std::chrono::milliseconds timeout);
  void disarm(std::size_t slot);
  void expire_all();  // what runs now and whatever is armed later

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    sqlite3* db = nullptr;  // null: nothing is running
    Clock::time_point deadline;
  };

  void watch(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Slot> slots_;   // under mutex_
  bool all_expired_ = false;  // under mutex_
  std::jthread thread_;       // last: it ends before what it uses
};

// One owner calls run() once; scanning(), sorting() and stop() may be called from any thread meanwhile.
class Service {
 public:
  Service(std::vector<Connection> pool, std::chrono::milliseconds timeout);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Works on all connections at once and returns when the last statement has ended.
  std::vector<Statement> run(int rounds);

  // What a pool does with one statement: hands it to one connection that is free.
  void run_through_pool(const std::string& sql) { execute(pool_.front().get(), sql); }

  // Cuts everything off and begins nothing more.
  void stop();

  int scanning() const { return scanning_; }
  int sorting() const { return sorting_; }
  std::size_t connections() const { return pool_.size(); }

 private:
  Statement run_statement(std::size_t connection, Work work);
  void serve(std::size_t connection, int rounds);

  std::vector<Connection> pool_;
  const std::chrono::milliseconds timeout_;
  QueryTimeout query_timeout_;
  std::atomic<int> scanning_{0};
  std::atomic<int> sorting_{0};
  std::atomic<bool> stopped_{false};
  std::mutex report_mutex_;
  std::vector<Statement> report_;  // under report_mutex_
  std::string failure_;            // under report_mutex_: the first error that was not a timeout
  std::latch work_done_;
  std::latch closing_{1};
  std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace demo
