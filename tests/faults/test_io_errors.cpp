// A file system that fails, under scans and sorts of the job statistics, writes of triggers that ask for them, and the pragmas
// that warden runs: SQLite's own error with its extended code, a connection that works as soon as the file system does, and a
// database that is whole.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "allocations.hpp"
#include "faulty_vfs.hpp"
#include "figures.hpp"
#include "runs.hpp"

namespace warden::test {
namespace {

/// How many places of an operation are tried by default, for each fault, once and lasting.
constexpr std::int64_t kPlaces = kSanitized ? 2 : 3;

/// Enough that a scan reads many pages, and none of them has an overflow page, whose content nothing checks.
const std::string kManyJobs =
    "WITH RECURSIVE c(n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM c WHERE n < 300) "
    "INSERT INTO job(id, job_id, cluster, subcluster, start_time, hpc_user, project, duration, walltime, "
    "job_state, "
    "meta_data, resources, num_nodes, num_hwthreads, num_acc, shared, energy, footprint) "
    "SELECT n, n, 'c' || n % 3, 's', 1000 + n, 'user' || n % 40, 'p' || n % 5, n, 9, 'completed', "
    "'{\"jobName\":\"' || n || '\"}', '[{\"hostname\":\"h' || n || '\"}]', n % 7, 1, 0, 'none', 0.5, CASE n "
    "% 3 WHEN 0 "
    "THEN '{\"cpu_load_avg\":' || n || '.5}' WHEN 1 THEN '{\"cpu_load_avg\":1e1}' ELSE '{' END FROM c;"
    "INSERT INTO hpc_user SELECT 'user' || n, 'User ' || n FROM (SELECT DISTINCT id % 40 AS n FROM job WHERE "
    "id > 99);";

std::vector<Operation> io_operations() {
  std::vector<Operation> all = job_operations();
  const auto add = [&](const std::string& sql, const std::string& before = "",
                       const std::string& state = "") {
    all.push_back({sql, Operation::Rows::same, before, state, false, false});
  };
  // A sort of more than SQLite keeps in memory, an index for one query, a table for one.
  add("SELECT count(*), max(x) FROM (SELECT a.footprint || b.resources || a.id AS x FROM jobs AS a CROSS "
      "JOIN job AS b "
      "WHERE b.id < 110 ORDER BY 1 DESC LIMIT 5000)");
  add("SELECT count(*) FROM (SELECT group_key AS k FROM job_stats(NULL, 'id')) AS a JOIN (SELECT total_jobs "
      "AS t, "
      "group_key AS k FROM job_stats(NULL, 'id')) AS b USING (k)");
  add("SELECT count(DISTINCT footprint || resources || id) FROM jobs");
  add("CREATE TEMP TABLE kept AS SELECT * FROM job_stats(NULL, 'id'); SELECT count(*) FROM kept; DROP TABLE "
      "kept",
      "DROP TABLE IF EXISTS temp.kept");
  add("INSERT INTO watched(b) VALUES ('x')", "DELETE FROM watched; DELETE FROM log",
      "SELECT (SELECT count(*) FROM watched), (SELECT count(*) FROM log)");
  add("BEGIN; INSERT INTO log SELECT footprint FROM jobs; SELECT job_count(); COMMIT", "DELETE FROM log",
      "SELECT count(*) FROM log");
  add("SELECT warden_set('cache_size', '1MiB'); SELECT 1", "SELECT warden_reset()");
  add("SELECT warden_set('temp_store', 'file'); SELECT 1", "SELECT warden_reset()");
  add("SELECT warden_set('temp_store', 'memory'); SELECT id FROM jobs LIMIT 3", "SELECT warden_reset()");
  add("SELECT warden_release() >= 0; SELECT count(*) FROM jobs");
  add("SELECT state FROM warden_connections; SELECT length(warden_debug()) > 5");
  return all;
}

class IoTrials {
 public:
  explicit IoTrials(const std::string& journal_mode) {
    sqlite3_open_v2(dir_.file("jobs.db").c_str(), &db_,
                    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, faulty_vfs());
    rows_of(db_, "PRAGMA page_size = 1024; PRAGMA journal_mode = " + journal_mode + ";" + kTables +
                     kManyJobs + "PRAGMA cache_size = 8");
    contents_ = rows_of(db_, kContents);
  }
  ~IoTrials() { sqlite3_close(db_); }
  IoTrials(const IoTrials&) = delete;
  IoTrials& operator=(const IoTrials&) = delete;

  void try_one(const Operation& operation) {
    ++figures().operations;
    Trial trial(operation, db_);
    for (const Fault& fault : all_faults()) {
      // What garbage does to a write is SQLite's own, and no matter of warden's. And job_engine() tells of it as of another fact.
      if ((fault.garbage || fault.code == SQLITE_IOERR_SHORT_READ) &&
          (!operation.state.empty() || !operation.sql.starts_with("SELECT") ||
           operation.sql.find("job_engine") != std::string::npos))
        continue;
      prepare(trial);
      plan_fault(fault, 0, false);
      run(db_, trial.next_sql());
      const std::int64_t all = calls_counted(fault.call);
      for (const bool lasting : {false, true}) {
        // Of a log's lock that is held SQLite waits for seconds before it gives up.
        if (lasting && fault.call == Call::shm_lock && fault.code == SQLITE_BUSY) continue;
        for (const std::int64_t place : places(all, kPlaces)) fail_at(trial, fault, place, lasting);
      }
    }
    trial.repeat();
    if (rows_of(db_, kContents) != contents_) throw std::runtime_error(operation.sql + " has changed tables");
    if (rows_of(db_, "PRAGMA integrity_check").front() != "ok")
      throw std::runtime_error(operation.sql + ": damaged");
  }

 private:
  /// With nothing in memory.
  void prepare(Trial& trial) {
    trial.prepare();
    sqlite3_db_release_memory(db_);
  }

  static bool is_clean(const Operation& operation, const Fault& fault, const Outcome& got) {
    const int kind = got.code & 0xff;
    // SQLite's pragma_index_list() and its sisters, which columns of jobs ask about the source, tell no more than the kind.
    const bool tells_kinds = operation.before.find("job_index") != std::string::npos;
    const bool is_of_fault = got.code == fault.code || (kind == SQLITE_BUSY && fault.code == SQLITE_BUSY) ||
                             (tells_kinds && got.code == (fault.code & 0xff));
    // What SQLite makes of pages that are none; columns of jobs have their own words for it.
    const bool is_columns = got.message.find("'rebuild' makes ") != std::string::npos;
    const bool is_damage = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || (tells_kinds && is_columns);
    // A lock that is held is tried again for some time, and what can't be opened may be a log.
    const bool is_known = fault.garbage || fault.code == SQLITE_IOERR_SHORT_READ ? is_damage : is_of_fault;
    return is_known && (got.message.ends_with(sqlite3_errstr(got.code)) || is_columns);
  }

  void fail_at(Trial& trial, const Fault& fault, std::int64_t place, bool lasting) {
    const std::string what =
        std::string(fault.name) + " " + std::to_string(place) + (lasting ? " and all later" : "");
    prepare(trial);
    plan_fault(fault, place, lasting);
    const Outcome got = run(db_, trial.next_sql());
    const bool happened = cancel_fault() > 0;
    if (happened) ++(lasting ? figures().io_lasting : figures().io_once);
    sqlite3_db_release_memory(db_);  // garbage that was read would stay
    trial.judge(
        got, happened, [&](const Outcome& o) { return is_clean(trial.operation(), fault, o); }, what);
    trial.repeat();
  }

  TempDir dir_;
  sqlite3* db_ = nullptr;
  std::vector<std::string> contents_;
};

int try_all(const std::string& journal_mode) {
  make_allocations_fail_on_demand();  // none does; but what is held is counted
  Db first;
  first.load();
  {
    IoTrials trials(journal_mode);
    for (const Operation& operation : io_operations()) trials.try_one(operation);
  }
  return no_leak_is_found() ? 0 : 1;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(io_errors)

BOOST_AUTO_TEST_CASE(under_every_job_statistic_with_a_rollback_journal) {
  BOOST_TEST(in_patient_child([] { return try_all("DELETE"); }) == 0);
}

BOOST_AUTO_TEST_CASE(under_every_job_statistic_with_a_write_ahead_log) {
  BOOST_TEST(in_patient_child([] { return try_all("WAL"); }) == 0);
}

BOOST_AUTO_TEST_CASE(
    a_connection_opens_as_without_warden_whatever_its_file_does_and_takes_the_settings_later) {
  const TempDir dir;
  const int status = in_patient_child([&] {
    int tried = 0;
    // Opens at each place that fails; how each open ends.
    const auto open_at_every_fault = [&](bool is_loaded) {
      std::vector<std::vector<int>> codes;
      for (const Fault& fault : all_faults()) {
        for (const bool lasting : {false, true}) {
          codes.emplace_back();
          bool happened = true;
          for (std::int64_t place = 1; happened; ++place) {
            sqlite3* db = nullptr;
            plan_fault(fault, place, lasting);
            const int rc = sqlite3_open_v2(dir.file("jobs.db").c_str(), &db,
                                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                                           faulty_vfs());
            happened = cancel_fault() > 0;
            if (happened) codes.back().push_back(rc);
            if (rc == SQLITE_OK && is_loaded) {
              if (happened) ++(lasting ? figures().io_lasting : figures().io_once), ++tried;
              if (sqlite3_errcode(db) != SQLITE_OK) throw std::runtime_error("an error is left");
              rows_of(db, "CREATE TABLE IF NOT EXISTS t(a); SELECT count(*) FROM t; SELECT count(*) FROM t");
              if (rows_of(db, "PRAGMA cache_size").front() != "-1024")
                throw std::runtime_error(std::string(fault.name) + ": the setting is not in force");
            }
            sqlite3_close(db);
          }
        }
      }
      return codes;
    };
    make_table(dir.file("jobs.db"), 1);
    const auto without = open_at_every_fault(false);
    Db first;
    first.load().rows("SELECT warden_set('cache_size', '1MiB')");
    auto with = open_at_every_fault(true);
    for (std::size_t i = 0; i < with.size(); ++i) {
      // What warden asks of the file comes after what the open asks, and fails for itself.
      while (with[i].size() > without[i].size() && with[i].back() == SQLITE_OK) with[i].pop_back();
      if (with[i] != without[i])
        throw std::runtime_error(std::string(all_faults()[i / 2].name) + ": another end of the open");
    }
    return tried > 10 ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
