// The promise: a statistic takes at most 4 MB and 200 bytes a group, beside what any scan of the table holds; it fails with
// "out of memory" where the host's limit leaves less, and then all of it is back and the connection goes on.
//
// The memory is SQLite's own count, at its peak. The cache is small and full, so that it is the same for all.
#include <array>
#include <string>
#include <thread>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr double kBase = 4e6;
constexpr double kGroup = 200;
/// What the limit leaves of the 200 MB that a million groups take.
constexpr std::int64_t kLeft = 20'000'000;

constexpr const char* kSettings = "PRAGMA cache_size=-2000";
constexpr const char* kScanAll = "SELECT count(*) FROM job NOT INDEXED WHERE duration >= 0";

struct Case {
  const char* name;
  const char* sql;
  const char* groups;
};
constexpr std::array<Case, 4> kCases{
    {{"all", "SELECT * FROM job_stats()", "SELECT 0"},
     {"by_user", "SELECT * FROM job_stats(NULL, 'user')", "SELECT count(DISTINCT hpc_user) FROM job"},
     {"by_job_id", "SELECT * FROM job_stats(NULL, 'job_id')", "SELECT count(DISTINCT job_id) FROM job"},
     {"page", R"(SELECT * FROM job_page(NULL, '["mem_bw_avg","cpu_load_avg"]'))", "SELECT 0"}}};

/// The most that SQLite had while `sql` ran.
double peak_of(Database& connection, const std::string& sql) {
  ::sqlite3_memory_highwater(1);
  connection.run(sql);
  return static_cast<double>(::sqlite3_memory_highwater(0));
}

void limited(Database& connection, const Case& one) {
  connection.run(kScanAll);
  const std::int64_t before = ::sqlite3_memory_used();
  ::sqlite3_hard_heap_limit64(before + kLeft);
  const int rc = connection.try_run(one.sql);
  ::sqlite3_hard_heap_limit64(0);
  say("nomem", rc == SQLITE_NOMEM ? 1 : 0);
  connection.run(kScanAll);
  say("kept", static_cast<double>(::sqlite3_memory_used() - before));
  say("rows", static_cast<double>(connection.number(std::string("SELECT count(*) FROM (") + one.sql + ")")));
}

void child(const Parameters& given) {
  const Case& one = kCases[static_cast<std::size_t>(given.number("case"))];
  Database connection(given.text("file"));
  connection.load_warden();
  connection.run(kSettings);
  if (given.number("limited") != 0) return limited(connection, one);
  connection.run(kScanAll);
  const double scan = peak_of(connection, kScanAll);
  const double used = static_cast<double>(::sqlite3_memory_used());
  say("own", peak_of(connection, one.sql) - scan);
  say("kept", static_cast<double>(::sqlite3_memory_used()) - used);
  say("groups", static_cast<double>(connection.number(one.groups)));
}

void run(Data& data, Report& report) {
  const std::string& file = data.jobs();
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    const Numbers said = measure(kJobMemory, {{"file", file}, {"case", std::to_string(i)}, {"limited", "0"}});
    const std::string name(kCases[i].name);
    report.number(name, said["own"] / 1e6, Unit::megabytes,
                  Bar::at_most((kBase + kGroup * said["groups"]) / 1e6),
                  "at its peak; " + std::to_string(static_cast<long>(said["groups"])) + " groups");
    report.number(name + ".kept", said["kept"] / 1e6, Unit::megabytes, {}, "after the statement");
  }
  const Numbers said = measure(kJobMemory, {{"file", file}, {"case", "2"}, {"limited", "1"}});
  report.number("limited.out_of_memory", said["nomem"], Unit::count, Bar::at_least(1),
                "a million groups, 20 MB below the limit");
  report.number("limited.kept", said["kept"] / 1e6, Unit::megabytes, Bar::at_most(0.1), "after it failed");
  report.number("limited.rows", said["rows"], Unit::count, Bar::at_least(static_cast<double>(kRows)),
                "of the same statement, the limit gone");
}

}  // namespace

const Benchmark kJobMemory{"job_memory", "memory of a statistic beside that of a scan, 1 000 000 jobs", &run,
                           &child};

}  // namespace warden::bench
