// The promise: the way by which a statistic reads its jobs takes at most 1.25 times as long as the best one: SQLite's own
// plan, the whole table, or an index that has all columns; on all of cc-backend's indexes.
//
// The statistics take views for their source, and those name the way; only for a table of its own do they choose. So all
// ways run the same code, and the choice pays for choosing.
#include <array>
#include <string>
#include <vector>

#include "bench.hpp"
#include "job_sql.hpp"
#include "turns.hpp"

namespace warden::bench {
namespace {

constexpr double kOfBest = 1.25;

constexpr std::array<const char*, 2> kCovering{"jobs_cluster_jobstate_user_stats",
                                               "jobs_cluster_user_starttime_stats"};

struct Case {
  const char* name;
  const char* filter;
};
constexpr std::array<Case, 9> kCases{{
    {"state.70%", R"({"state":["completed"]})"},
    {"cluster.40%", R"({"cluster":{"eq":"fritz"}})"},
    {"cluster.15%", R"({"cluster":{"eq":"woody"}})"},
    {"state.10%", R"({"state":["timeout"]})"},
    {"user.12%", R"({"user":{"eq":"chem100"}})"},
    {"user.1%", R"({"user":{"eq":"mech108"}})"},
    {"nodes.1%", R"({"numNodes":{"from":32,"to":0}})"},
    {"weeks.50%", R"({"startTime":{"from":"2024-01-28T00:00:00Z"}})"},
    {"weeks.10%", R"({"startTime":{"from":"2024-02-19T00:00:00Z"}})"},
}};

std::string views() {
  std::string sql = "CREATE TEMP VIEW natural AS SELECT * FROM main.job;";
  sql += "CREATE TEMP VIEW scanned AS SELECT * FROM main.job NOT INDEXED;";
  for (const char* index : kCovering)
    sql +=
        "CREATE TEMP VIEW by_" + std::string(index) + " AS SELECT * FROM main.job" + job_sql::by(index) + ";";
  return sql;
}

/// `call` up to its filter, and `rest` behind it.
void compare(const std::string& file, const std::string& what, const std::string& call,
             const std::string& rest, bool covering, Report& report) {
  for (const Case& one : kCases) {
    const auto of = [&](const std::string& source) {
      return call + "'" + one.filter + "'" + rest + " WHERE source = '" + source + "'";
    };
    std::vector<Way> ways{
        {"chosen", of("job")}, {"its own plan", of("natural")}, {"NOT INDEXED", of("scanned")}};
    if (covering) {
      for (const char* index : kCovering) ways.push_back({index, of("by_" + std::string(index))});
    }
    ways = in_turns(kJobPlans, {.file = file, .setup = views()}, std::move(ways));
    const double chosen = named(ways, "chosen").ms;
    const Way* best = fastest(ways, [](const Way& way) { return way.name != "chosen"; });
    std::string note = text_of_ms(chosen);
    for (const Way& way : ways) {
      if (way.name != "chosen") note += "; " + way.name + ": " + text_of_ms(way.ms);
    }
    report.number(what + "." + one.name, chosen / best->ms, Unit::ratio, Bar::at_most(kOfBest), note);
  }
}

void run(Data& data, Report& report) {
  const std::string& file = data.indexed_jobs();
  compare(file, "stats", "SELECT * FROM job_stats(", ")", true, report);
  compare(file, "metric", "SELECT * FROM job_metric_histogram(", ", " + job_sql::metrics(1) + ")", false,
          report);
}

}  // namespace

const Benchmark kJobPlans{"job_plans",
                          "the chosen way to read jobs, of the time of the best one, 1 000 000 jobs", &run,
                          &turns_child};

}  // namespace warden::bench
