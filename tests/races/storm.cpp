#include "storm.hpp"

#include <fstream>
#include <sstream>
#include <thread>

#include "guest.hpp"

namespace warden::test {
namespace {

constexpr std::size_t kShared = 4;
/// Of what is wrong so many are told.
constexpr std::size_t kTold = 20;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A SQL file of the project, with a number in the place of a parameter.
std::string script(const std::string& name, const std::string& parameter, const std::string& value) {
  std::string sql = text_of(std::string(WARDEN_SOURCE_DIR "/sql/") + name);
  for (std::size_t at = 0; (at = sql.find(parameter, at)) != std::string::npos;)
    sql.replace(at, parameter.size(), value);
  return sql;
}

}  // namespace

std::string Storm::name_of(Home home) const {
  switch (home) {
    case Home::wal:
      return dir_.file("wal.db");
    case Home::rollback:
      return dir_.file("rollback.db");
    case Home::shared:
      return "file:" + dir_.file("shared.db") + "?cache=shared";
    case Home::memory:
      break;
  }
  return ":memory:";
}

void Storm::make_files() {
  for (const Home home : {Home::wal, Home::rollback, Home::shared}) {
    const Db db(name_of(home));
    db.rows(
        "PRAGMA synchronous = OFF; CREATE TABLE owned(id INTEGER PRIMARY KEY, owner INTEGER, x TEXT);"
        "CREATE INDEX of_owner ON owned(owner); CREATE TABLE pages(id INTEGER PRIMARY KEY, x BLOB);"
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 8)"
        "INSERT INTO pages SELECT i, zeroblob(20000) FROM c");
    db.rows(std::string("PRAGMA journal_mode = ") + (home == Home::wal ? "WAL" : "DELETE"));
    if (home != Home::wal) continue;
    db.rows(script("jobs_schema.sql", ":jobs", "NULL"));
    db.rows(script("generate_jobs.sql", ":jobs", "200"));
  }
}

Storm::Storm(const Weather& weather) : weather_(weather) {
  make_files();
  watcher_ = std::make_unique<Db>();
  watcher_->load().rows("SELECT warden_reset(), warden_statements_reset()");
  memory_before_ = sqlite3_memory_used();
  if (weather_.aggressive) {
    watcher_->rows(
        "SELECT warden_set('sample_interval_ms', 1), warden_set('idle_grace_ms', 0), warden_set('idle_keep', "
        "0),"
        " warden_set('idle_release_ms', 1), warden_set('trim', 'always'), warden_set('trim_interval_ms', "
        "10)");
  }
  for (std::size_t i = 0; i < kShared; ++i) {
    shared_.emplace_back(name_of(static_cast<Home>(i % 4)), SQLITE_OPEN_FULLMUTEX);
    sqlite3_busy_timeout(shared_.back().get(), 5);
  }
  figures.connections += static_cast<std::int64_t>(kShared);
}

Storm::~Storm() {
  shared_.clear();
  watcher_->error("SELECT warden_reset()");
}

void Storm::blow() {
  std::vector<std::thread> threads;
  for (std::size_t owner = 0; owner < kThreads; ++owner) {
    threads.emplace_back([this, owner] {
      try {
        Thread thread(*this, owner);
        while (!is_over()) thread.turn();
      } catch (const std::exception& e) {
        note_wrong(std::string("thread ") + std::to_string(owner) + ": " + e.what());
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(weather_.seconds);
  while (std::chrono::steady_clock::now() < until) {
    take_in_orphans();
    std::this_thread::yield();
  }
  over_ = true;
  for (std::thread& thread : threads) thread.join();
  shared_.clear();
  for (bool any = true; any;) {
    take_in_orphans();
    const std::lock_guard held(lock_);
    any = !orphans_.empty();
  }
  ++figures.rounds;
}

void Storm::judge() {
  const auto wants = [&](bool holds, const std::string& what) {
    if (!holds) note_wrong(what);
  };
  const Db& watcher = *watcher_;
  // Other connections may have made the settings what they like: as they were, and whatever is under way is to be over.
  watcher.rows("SELECT warden_reset()");
  wants(eventually([&] { return watcher.one("SELECT count(*) FROM warden_connections") == "1"; }),
        "connections are left in warden_connections: " +
            watcher.one("SELECT group_concat(connection_id || ' ' || state) FROM warden_connections"));
  const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
  const std::int64_t before = watcher.number(looks);
  wants(eventually([&] { return watcher.number(looks) > before; }), "the watchdog has stopped looking");
  wants(eventually([&] {
          return watcher.one("SELECT count(*) FROM warden_memory WHERE area = 'sqlite' AND bytes < " +
                             std::to_string(memory_before_ + 4'000'000)) == "1";
        }),
        "SQLite holds " + std::to_string(sqlite3_memory_used()) + " bytes, before it were " +
            std::to_string(memory_before_));
  for (const Home home : {Home::wal, Home::rollback, Home::shared}) {
    const Db db(name_of(home));
    wants(db.one("PRAGMA integrity_check") == "ok", name_of(home) + " is damaged");
    wants(db.one("SELECT sum(length(x)) FROM pages") == "160000", name_of(home) + " has lost pages");
    for (std::size_t owner = 0; owner < kThreads; ++owner) {
      const std::int64_t rows = found(owner, home);
      wants(rows == committed(owner, home), name_of(home) + " has " + std::to_string(rows) +
                                                " rows of thread " + std::to_string(owner) + " and not " +
                                                std::to_string(committed(owner, home)));
    }
  }
  // Nothing of it is left on who comes after.
  const Db fresh(name_of(Home::wal));
  for (int i = 0; i < 50; ++i)
    wants(fresh.error("SELECT count(*) FROM owned").empty(), "a statement after the storm failed");
  wants(fresh.one("SELECT warden_timeout()") == "0", "a deadline is left");
}

std::int64_t Storm::found(std::size_t owner, Home home) {
  // Deadlines and cancellations go on: it is asked until there is an answer.
  for (int i = 0; i < 100; ++i) {
    try {
      const Db db(name_of(home));
      sqlite3_busy_timeout(db.get(), 1000);
      return db.number("SELECT count(*) FROM owned WHERE owner = " + std::to_string(owner));
    } catch (const SqlError& e) {
      if (e.code != SQLITE_INTERRUPT && e.code != SQLITE_BUSY && e.code != SQLITE_LOCKED) throw;
      const timespec moment{0, 2'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    }
  }
  return -1;
}

void Storm::note_wrong(const std::string& what) {
  const std::lock_guard held(lock_);
  if (wrong_.size() < kTold) wrong_.push_back(what);
}

std::vector<std::string> Storm::wrong() {
  const std::lock_guard held(lock_);
  return wrong_;
}

void Storm::leave(Orphans orphans) {
  const std::lock_guard held(lock_);
  orphans_.push_back(std::move(orphans));
}

void Storm::take_in_orphans() {
  Orphans taken;
  {
    const std::lock_guard held(lock_);
    if (orphans_.empty()) return;
    taken = std::move(orphans_.back());
    orphans_.pop_back();
  }
  for (sqlite3_stmt* statement : taken) {
    sqlite3_step(statement);  // a connection that is closed serves its statements until the last has ended
    sqlite3_finalize(statement);
  }
}

}  // namespace warden::test
