// What it costs to write jobs: with the columns of job_columns beside the table, with cc-backend's 54 indexes on it, and with
// the few of sql/jobs_schema.sql alone, which the columns have beside them too.
//
// All writes go to a write-ahead log that is thrown away at the end, so that the file can be used again.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "columns.hpp"
#include "database.hpp"
#include "job_sql.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

/// Of what an insertion costs with all the indexes.
constexpr double kTenth = 0.1;
constexpr double kUpdateMs = 50;

constexpr const char* kColumnsBeside = "columns";
constexpr const char* kFewIndexes = "few_indexes";
constexpr const char* kAllIndexes = "54_indexes";

constexpr int kRounds = 3;
/// Enough for the columns to be merged now and then; 54 indexes write 20 MB in each transaction.
constexpr std::int64_t kTransactions = 200;
constexpr std::int64_t kIndexedTransactions = 50;
constexpr std::int64_t kOfTransaction = 100;  // jobs
/// So many transactions come first, and read the pages that others write.
constexpr std::int64_t kWarming = 10;
constexpr std::int64_t kNew = (kTransactions + kWarming) * kOfTransaction;
constexpr std::int64_t kRunning = 5000;
constexpr int kUpdates = 5;

/// A connection whose write-ahead log never gets into the file, which in the end is as it was before.
class ThrownAway {
 public:
  explicit ThrownAway(const std::string& path) : path_(path), database_(path) {
    ::sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    database_.run(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=NORMAL;"
        "PRAGMA cache_size=-3000000; PRAGMA temp_store=memory");
  }
  /// No statement may be left by then.
  ~ThrownAway() {
    { const Database closed = std::move(database_); }
    for (const char* suffix : {"-wal", "-shm"}) ::unlink((path_ + suffix).c_str());
    Database(path_).try_run("PRAGMA journal_mode=DELETE");
  }
  ThrownAway(const ThrownAway&) = delete;
  ThrownAway& operator=(const ThrownAway&) = delete;
  Database& get() { return database_; }

 private:
  std::string path_;
  Database database_;
};

/// Copies of jobs, spread over the table, as the next ones that start.
void make_new_jobs(Database& database) {
  const std::int64_t last = database.number("SELECT max(id) FROM job");
  const std::string id = std::to_string(last);
  const std::string step = std::to_string(std::max<std::int64_t>(last / kNew, 1));
  database.run("CREATE TEMP TABLE new_job AS SELECT * FROM main.job WHERE id % " + step + " = 0 LIMIT " +
               std::to_string(kNew));
  database.run("UPDATE new_job SET id = " + id + " + rowid, job_id = 1000000 + " + id +
               " + rowid, start_time = (SELECT max(start_time) FROM main.job) + rowid * 5");
}

void insert(Database& database, std::int64_t transactions) {
  Statement statement(database, "INSERT INTO main.job SELECT * FROM new_job WHERE rowid BETWEEN ?1 AND ?2");
  double sum = 0;
  double largest = 0;
  for (std::int64_t i = 0; i < kWarming + transactions; ++i) {
    statement.bind(1, i * kOfTransaction + 1).bind(2, (i + 1) * kOfTransaction);
    const auto began = Clock::now();
    statement.run();
    const double seconds = seconds_since(began);
    if (i < kWarming) continue;
    sum += seconds;
    largest = std::max(largest, seconds);
  }
  say("insert_us", sum * 1e6 / static_cast<double>(transactions * kOfTransaction));
  say("largest_ms", largest * 1000);
}

/// As cc-backend does it, once a minute and with one statement.
void update(Database& database) {
  const std::int64_t now = database.number("SELECT max(start_time) FROM main.job");
  std::vector<double> ms;
  for (int i = 1; i <= kUpdates; ++i) {
    const auto began = Clock::now();
    database.run("UPDATE main.job SET duration = " + std::to_string(now + i * 60) +
                 " - start_time WHERE job_state = 'running'");
    ms.push_back(seconds_since(began) * 1000);
  }
  say("update_ms", median(ms));
  say("largest_update_ms", largest(ms));
}

std::string text_of_us(double us) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f us", us);
  return text;
}

struct Costs {
  std::vector<double> insert_us;
  std::vector<double> largest_ms;
  std::vector<double> update_ms;
};

}  // namespace

std::string make_columns_sql() {
  std::string metrics;
  for (const job_sql::Metric& metric : job_sql::kMetrics)
    metrics += (metrics.empty() ? "[\"" : ",\"") + std::string(metric.key) + "\"";
  return "CREATE VIRTUAL TABLE job_index USING job_columns(source=job, metrics='" + metrics + "]')";
}

void measure_writes(const Parameters& given) {
  ThrownAway thrown_away(given.text("file"));
  Database& database = thrown_away.get();
  const bool columns = given.is("variant", kColumnsBeside);
  if (columns) {
    database.load_warden();
    database.run(make_columns_sql());
    database.run(kRebuildColumns);
  }
  make_new_jobs(database);
  insert(database, given.is("variant", kAllIndexes) ? kIndexedTransactions : kTransactions);
  // The newest run, and no others: so many in all files.
  database.run("UPDATE main.job SET job_state = 'failed' WHERE job_state = 'running'");
  database.run(
      "UPDATE main.job SET job_state = 'running', duration = 0 WHERE id > (SELECT max(id) FROM main.job) - " +
      std::to_string(kRunning));
  if (columns) database.run(kRefreshColumns);
  update(database);
}

void report_writes(Data& data, bool with_columns, Report& report) {
  std::vector<std::pair<std::string, std::string>> variants{{kFewIndexes, data.jobs()},
                                                            {kAllIndexes, data.indexed_jobs()}};
  if (with_columns) variants.insert(variants.begin(), {kColumnsBeside, data.jobs()});
  std::map<std::string, Costs> costs;
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& [variant, file] : variants) {
      const Numbers said = measure(kColumns, {{"what", "writes"}, {"file", file}, {"variant", variant}});
      costs[variant].insert_us.push_back(said["insert_us"]);
      costs[variant].largest_ms.push_back(said["largest_ms"]);
      costs[variant].update_ms.push_back(said["update_ms"]);
    }
  }
  const double all_indexes = median(costs[kAllIndexes].insert_us);
  for (const auto& [variant, file] : variants) {
    const Costs& of = costs[variant];
    const double us = median(of.insert_us);
    const bool ours = variant == kColumnsBeside;
    report.number("insert." + variant, us / all_indexes, Unit::ratio, ours ? Bar::at_most(kTenth) : Bar{},
                  "of the time with 54 indexes: " + text_of_us(us) + " a job");
    report.number("insert." + variant + ".largest", largest(of.largest_ms), Unit::milliseconds, {},
                  "a transaction of 100 jobs");
    report.number("update." + variant, median(of.update_ms), Unit::milliseconds,
                  ours ? Bar::at_most(kUpdateMs) : Bar{}, "the durations of 5000 running jobs");
  }
}

}  // namespace warden::bench
