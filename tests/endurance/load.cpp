#include "load.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace warden::test {
namespace {

constexpr unsigned kRows = 2000;
const std::string kForEver =
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";

void make_jobs(const std::string& file) {
  const Db db(file);
  db.rows(
      "CREATE TABLE job(id INTEGER PRIMARY KEY, job_id, cluster TEXT, subcluster, start_time INT, hpc_user "
      "TEXT, project,"
      " cluster_partition, array_job_id, duration INT, walltime, job_state TEXT, meta_data, resources, "
      "num_nodes, "
      "num_hwthreads, num_acc, smt, shared, monitoring_status, energy, footprint);"
      "CREATE TABLE jobtag(job_id, tag_id); CREATE TABLE hpc_user(username, name);"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
      "INSERT INTO job SELECT i, 1000 + i, 'c' || i % 3, 's', i * 60, 'u' || i % 97, 'p' || i % 11, 'q', 0, "
      "i * 37 % 90000,"
      "9, iif(i % 7, 'completed', 'running'), NULL, '[]', 1 + i % 64, i % 128, i % 4, 1, 'none', 1, 0.5, "
      "printf('{\"a\":%d.5,\"b\":%d}', i % 300, i % 17) FROM n");
}

}  // namespace

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

void Tally::note_late(std::int64_t late_ns) {
  std::size_t i = 0;
  while (i + 1 < late.size() && late_ns > (std::int64_t{1'000'000} << i)) ++i;
  ++late[i];
}

std::int64_t Tally::late_ms(double share) const {
  std::int64_t all = 0;
  for (const auto& count : late) all += count;
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < late.size(); ++i) {
    seen += late[i];
    if (static_cast<double>(seen) >= share * static_cast<double>(all)) return std::int64_t{1} << i;
  }
  return 0;
}

void Tally::note_wrong(const std::string& what) {
  const std::lock_guard held(lock_);
  if (++wrong == 1) first_wrong_ = what;
}

std::string Tally::first_wrong() {
  const std::lock_guard held(lock_);
  return first_wrong_;
}

void Endless::begin(sqlite3* db, std::int64_t due_ns) {
  const std::lock_guard held(lock_);
  db_ = db;
  due_ns_ = due_ns;
  overdue_ = false;
}

bool Endless::end() {
  const std::lock_guard held(lock_);
  db_ = nullptr;
  return overdue_;
}

void Endless::look(std::int64_t now) {
  const std::lock_guard held(lock_);
  if (db_ == nullptr || now < due_ns_) return;
  overdue_ = true;
  sqlite3_interrupt(db_);
}

Databases::Databases(const TempDir& dir)
    : rollback(dir.file("rollback.db")), wal(dir.file("wal.db")), jobs(dir.file("jobs.db")) {
  make_table(rollback, kRows / 1000);
  make_table(wal, kRows / 1000);
  Db(rollback).rows("PRAGMA journal_mode = DELETE");
  Db(wal).rows("PRAGMA journal_mode = WAL");
  make_jobs(jobs);
}

void Hand::run(const Db& db, const std::string& sql, std::initializer_list<int> also) {
  ++tally_.statements;
  try {
    db.rows(sql);
  } catch (const SqlError& e) {
    const int code = e.code & 0xff;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
      ++tally_.busy;
    } else if (std::find(also.begin(), also.end(), code) == also.end()) {
      tally_.note_wrong(sql + ": " + e.what());
    }
  }
  if (sqlite3_get_autocommit(db.get()) == 0) db.error("ROLLBACK");
}

Db Hand::open() {
  ++tally_.connections;
  const std::array<std::string, 5> files{databases_.rollback, databases_.wal, databases_.jobs,
                                         ":memory:", "file:common?mode=memory&cache=shared"};
  const std::array<int, 2> modes{SQLITE_OPEN_FULLMUTEX, SQLITE_OPEN_NOMUTEX};
  Db db(files[below(files.size())], modes[below(2)]);
  sqlite3_busy_timeout(db.get(), 10'000);
  return db;
}

void Hand::one_life(const std::atomic<bool>& stop) {
  Db db = open();
  Db second = below(4) == 0 ? open() : Db();
  for (unsigned turns = 1 + below(20); turns > 0 && !stop; --turns) {
    one_turn(db);
    if (below(4) == 0) one_turn(second);
  }
}

void Hand::one_turn(Db& db) {
  leak_memory();
  const std::string n = std::to_string(below(kRows));
  const char* file = sqlite3_db_filename(db.get(), "main");
  const bool has_table = file != nullptr && (file == databases_.rollback || file == databases_.wal);
  const bool has_jobs = file != nullptr && file == databases_.jobs;
  switch (below(24)) {
    case 0:
      return miss_a_deadline_or_meet_it(db);
    case 1:
      return wait_to_be_cancelled(db);
    case 2:
      return change_a_setting(db);
    case 3:
      return run(
          db, "SELECT * FROM warden_connections; SELECT * FROM warden_memory; SELECT * FROM warden_checks");
    case 4:
      return run(db, "SELECT * FROM warden_statements; SELECT * FROM warden_settings");
    case 5:
      return run(db, "SELECT * FROM warden_events WHERE event_id > 10; SELECT count(*) FROM warden_samples");
    case 6:
      return run(db, "SELECT warden_release('idle'), warden_release(), warden_debug(), warden_label('no " +
                         n + "')");
    case 7:
      return run(db, "SELECT warden_set('memory_budget', '" + n + " apples')", {SQLITE_ERROR});
    case 8:
      return run(db, "SELECT nonsense FROM nowhere", {SQLITE_ERROR});
    case 9:
      return run(db, "SELECT 1 AS shape_" + n);  // more shapes than are kept
    case 10:
      return run(
          db,
          "CREATE TEMP TABLE IF NOT EXISTS mine(a PRIMARY KEY, b); INSERT OR IGNORE INTO mine VALUES(" + n +
              ", hex(zeroblob(2000))); INSERT INTO mine SELECT a, b FROM mine",
          {SQLITE_CONSTRAINT});
    case 11: {
      const timespec moment{0, 1'000'000L * below(40)};
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
      return;
    }
    case 12:
      return below(20) == 0 ? run(db, "SELECT warden_statements_reset()") : run(db, "SELECT warden_trim()");
    default:
      if (has_jobs) {
        const std::array<std::string, 6> statistics{
            "SELECT * FROM job_stats(NULL, 'user') ORDER BY total_jobs DESC",
            "SELECT * FROM job_histogram('{\"cluster\":{\"eq\":\"c1\"}}', 'duration', '1h')",
            "SELECT * FROM job_metric_histogram(NULL, '[\"a\",{\"metric\":\"b\",\"peak\":9}]', 10)",
            "SELECT * FROM job_page('{\"state\":[\"completed\"]}', '[\"a\"]')",
            "SELECT * FROM jobs('{\"user\":{\"contains\":\"u1\"}}', 'duration DESC', 20, 2)",
            "SELECT job_count('{\"numNodes\":{\"from\":5,\"to\":1" + n + "}}')"};
        return run(db, statistics[below(statistics.size())]);
      }
      if (!has_table)
        return run(db, "SELECT count(*), max(name) FROM sqlite_schema UNION ALL SELECT " + n + ", 'x'");
      switch (below(5)) {
        case 0:
          return run(db, "SELECT n FROM t ORDER BY substr(x, -9), n DESC LIMIT 50");
        case 1:
          return run(db, "SELECT sum(length(x)) FROM t WHERE n > " + n);
        case 2:
          return run(db, "BEGIN IMMEDIATE; UPDATE t SET x = printf('%0990d', " + n + ") WHERE n % 97 = " + n +
                             " % 97; COMMIT");
        case 3:
          return run(db, "DELETE FROM t WHERE n = " + n + "; INSERT OR REPLACE INTO t VALUES(" + n +
                             ", hex(zeroblob(400)))");
        default:
          return run(db, "SELECT x FROM t WHERE n = " + n);
      }
  }
}

void Hand::miss_a_deadline_or_meet_it(Db& db) {
  leak_descriptor();
  const std::int64_t timeout_ms = 2 + below(150);
  const bool planted = plant_ == Plant::deadline;
  run(db, "SELECT warden_timeout(" + std::to_string(planted ? 0 : timeout_ms) + ")", {SQLITE_INTERRUPT});
  const std::int64_t began_ns = now_ns();
  const std::int64_t deadline_ns = began_ns + timeout_ms * 1'000'000;
  endless.begin(db.get(), deadline_ns + tolerance_ms_ * 1'000'000);
  ++tally_.deadlines;
  ++tally_.statements;
  const std::string error = db.error(kForEver);
  const std::int64_t ended_ns = now_ns();
  const bool overdue = endless.end();
  if (error != "interrupted") tally_.note_wrong("a statement with a deadline: " + error);
  tally_.missed += overdue;
  tally_.early += ended_ns < deadline_ns;
  tally_.note_late(ended_ns - deadline_ns);
  // That statement had the deadline too.
  while (!db.error("SELECT warden_timeout(NULL)").empty()) {
  }
  run(db, "SELECT count(*) FROM sqlite_schema");  // and this one has none
}

void Hand::wait_to_be_cancelled(Db& db) {
  // While show_sql is none nobody can tell which statement it is: these may be hit too.
  while (!db.error("SELECT warden_label('cancel me')").empty()) {
  }
  endless.begin(db.get(), now_ns() + tolerance_ms_ * 1'000'000);
  ++tally_.statements;
  const std::string error = db.error(kForEver);
  if (endless.end()) tally_.note_wrong("warden_cancel did not end a statement");
  if (error != "interrupted") tally_.note_wrong("a cancelled statement: " + error);
  ++tally_.cancelled;
  while (!db.error("SELECT warden_label('')").empty()) {
  }
}

void Hand::change_a_setting(const Db& db) {
  const std::array<std::pair<const char*, std::array<const char*, 3>>, 12> changes{
      {{"memory_budget", {"4MB", "16MB", "25%"}},
       {"idle_grace_ms", {"0", "100", "1000"}},
       {"idle_keep", {"0", "1MB", "auto"}},
       {"trim", {"auto", "always", "never"}},
       {"trim_interval_ms", {"10", "100", "1000"}},
       {"sample_interval_ms", {"auto", "5", "50"}},
       {"hooks", {"trace", "trace+progress", "trace"}},
       {"show_sql", {"normalized", "full", "none"}},
       {"statement_stats_max", {"50", "100", "200"}},
       {"cache_size", {"keep", "1MiB", "8MiB"}},
       {"temp_store", {"keep", "file", "memory"}},
       {"events", {"50", "100", "200"}}}};
  const auto& [name, values] = changes[below(changes.size())];
  run(db, std::string("SELECT warden_set('") + name + "', '" + values[below(3)] + "')");
}

void Hand::leak_memory() {
  if (plant_ != Plant::memory) return;
  constexpr std::size_t kBytes = 256 * 1024;
  char* volatile lost = static_cast<char*>(std::malloc(kBytes));
  if (lost != nullptr) std::memset(lost, 1, kBytes);
}

void Hand::leak_descriptor() {
  if (plant_ == Plant::descriptor) static_cast<void>(::open("/dev/null", O_RDONLY | O_CLOEXEC) + 1);
}

void calm_settings(const Db& db) {
  db.rows(
      "SELECT warden_reset(), warden_set('events', 200), warden_set('history', 100), "
      "warden_set('statement_stats_max', "
      "200), warden_set('sample_interval_ms', 50)");
}

}  // namespace warden::test
