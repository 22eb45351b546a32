#include "service.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace demo {
namespace {

constexpr const char* kScanSql =
    "SELECT count(*), sum(length(meta_data)), sum(length(footprint)) FROM job NOT INDEXED";

// The offset lies behind the last row: everything is sorted, nothing is returned.
constexpr const char* kSortSql =
    "SELECT id, meta_data, footprint FROM job NOT INDEXED ORDER BY energy, duration LIMIT -1 OFFSET "
    "999999999";

// sqlite3_interrupt is forgotten if it comes before the statement's first step, so it is repeated until the
// statement has ended.
constexpr std::chrono::milliseconds kInterruptAgain{50};

}  // namespace

Connection open_connection(const std::string& file) {
  sqlite3* db = nullptr;
  const int rc = sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Connection connection(db);
  if (rc != SQLITE_OK) throw std::runtime_error("cannot open " + file + ": " + sqlite3_errmsg(db));
  return connection;
}

void apply_incident_settings(sqlite3* db) {
  execute(db, "PRAGMA cache_size=1000000000");
  execute(db, "PRAGMA temp_store=MEMORY");
}

std::string execute(sqlite3* db, const std::string& sql) {
  char* error = nullptr;
  std::pair<std::string, bool> first;  // the value, and whether a row has been seen
  const auto keep_first = [](void* context, int columns, char** values, char**) {
    auto& [value, seen] = *static_cast<std::pair<std::string, bool>*>(context);
    if (!seen && columns > 0 && values[0] != nullptr) value = values[0];
    seen = true;
    return 0;
  };
  if (sqlite3_exec(db, sql.c_str(), keep_first, &first, &error) != SQLITE_OK) {
    const std::string reason = error != nullptr ? error : sqlite3_errmsg(db);
    sqlite3_free(error);
    throw std::runtime_error(sql + ": " + reason);
  }
  return first.first;
}

// ---- QueryTimeout ----

QueryTimeout::QueryTimeout(std::size_t slots)
    : slots_(slots), thread_([this](const std::stop_token& stop) { watch(stop); }) {}

void QueryTimeout::arm(std::size_t slot, sqlite3* db, std::chrono::milliseconds timeout) {
  const std::lock_guard lock(mutex_);
  slots_[slot] = {db, Clock::now() + (all_expired_ ? std::chrono::milliseconds(0) : timeout)};
  changed_.notify_one();
}

void QueryTimeout::disarm(std::size_t slot) {
  const std::lock_guard lock(mutex_);
  slots_[slot].db = nullptr;
}

void QueryTimeout::expire_all() {
  const std::lock_guard lock(mutex_);
  all_expired_ = true;
  for (Slot& slot : slots_) slot.deadline = Clock::now();
  changed_.notify_one();
}

void QueryTimeout::watch(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    Clock::time_point next = now + std::chrono::hours(1);
    for (Slot& slot : slots_) {
      if (slot.db == nullptr) continue;
      if (slot.deadline <= now) {
        sqlite3_interrupt(slot.db);
        slot.deadline = now + kInterruptAgain;
      }
      next = std::min(next, slot.deadline);
    }
    bool woken = false;
    changed_.wait_until(lock, stop, next, [&woken] { return std::exchange(woken, true); });
  }
}

// ---- Service ----

Service::Service(std::vector<Connection> pool, std::chrono::milliseconds timeout)
    : pool_(std::move(pool)),
      timeout_(timeout),
      query_timeout_(pool_.size()),
      work_done_(static_cast<std::ptrdiff_t>(pool_.size())) {}

Service::~Service() {
  stop();
  closing_.count_down();
}

std::vector<Statement> Service::run(int rounds) {
  for (std::size_t i = 0; i < pool_.size(); ++i) {
    threads_.emplace_back([this, i, rounds] { serve(i, rounds); });
  }
  work_done_.wait();
  const std::lock_guard lock(report_mutex_);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  return report_;
}

void Service::stop() {
  stopped_ = true;
  query_timeout_.expire_all();
}

// The life of one thread: its work, then idle in the pool until the service closes.
void Service::serve(std::size_t connection, int rounds) {
  try {
    for (int round = 0; round < rounds; ++round) {
      for (const Work work : {Work::kScan, Work::kSort}) {
        if (stopped_) break;
        const Statement statement = run_statement(connection, work);
        const std::lock_guard lock(report_mutex_);
        report_.push_back(statement);
      }
    }
  } catch (const std::exception& error) {
    stop();
    const std::lock_guard lock(report_mutex_);
    if (failure_.empty()) failure_ = error.what();
  }
  work_done_.count_down();
  closing_.wait();
}

Statement Service::run_statement(std::size_t connection, Work work) {
  sqlite3* db = pool_[connection].get();
  sqlite3_stmt* statement = nullptr;
  const char* sql = work == Work::kScan ? kScanSql : kSortSql;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string(sql) + ": " + sqlite3_errmsg(db));
  }
  std::atomic<int>& running = work == Work::kScan ? scanning_ : sorting_;
  ++running;
  const auto begin = std::chrono::steady_clock::now();
  query_timeout_.arm(connection, db, timeout_);
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = sqlite3_step(statement);
  query_timeout_.disarm(connection);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  const std::string error = rc == SQLITE_DONE ? "" : sqlite3_errmsg(db);
  sqlite3_finalize(statement);
  --running;
  if (rc != SQLITE_DONE && rc != SQLITE_INTERRUPT) throw std::runtime_error(std::string(sql) + ": " + error);
  return {work, connection, took.count(), rc == SQLITE_DONE};
}

}  // namespace demo
