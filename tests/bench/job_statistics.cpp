// The promise: job_stats is no slower than the fastest plan that SQLite can be made to use for the same numbers, by any of
// the indexes that have all columns, or by none; and grouped by user at least twice as fast as what cc-backend gets: its own
// statement, its own indexes, and the plan that SQLite takes by itself.
#include <string>
#include <vector>

#include "bench.hpp"
#include "job_sql.hpp"
#include "turns.hpp"

namespace warden::bench {
namespace {

constexpr double kNoSlower = 1;
constexpr double kByUser = 2;

struct Grouping {
  const char* word;    // of job_stats
  const char* column;  // of job
  std::vector<const char*> indexes;
};

/// All indexes of cc-backend that have all columns, or the group's first.
const std::vector<Grouping>& groupings() {
  static const std::vector<Grouping> all{
      {"", "", {"jobs_cluster_jobstate_user_stats", "jobs_cluster_user_starttime_stats"}},
      {"user",
       "hpc_user",
       {"jobs_cluster_jobstate_user_stats", "jobs_cluster_user_starttime_stats",
        "jobs_user_starttime_duration", "jobs_user_starttime"}},
      {"project",
       "project",
       {"jobs_cluster_project_starttime_stats", "jobs_cluster_jobstate_project_stats",
        "jobs_project_starttime_duration", "jobs_project_starttime"}},
      {"cluster", "cluster", {"jobs_cluster_jobstate_user_stats", "jobs_cluster_user_starttime_stats"}}};
  return all;
}

std::vector<Way> ways_of(const Grouping& grouping) {
  const std::string word(grouping.word);
  const std::string argument = word.empty() ? "NULL" : "'" + word + "'";
  std::vector<Way> ways{
      {"warden", "SELECT * FROM job_stats(NULL, " + argument + ") WHERE now = " + std::string(job_sql::kNow)},
      {"its own plan", job_sql::stats(grouping.column)},
      {"NOT INDEXED", job_sql::stats(grouping.column, job_sql::kScanned)}};
  for (const char* index : grouping.indexes)
    ways.push_back({index, job_sql::stats(grouping.column, job_sql::by(index))});
  if (word != "user") return ways;
  ways.push_back({"NOT INDEXED, users not counted", job_sql::stats_by_user_alone(job_sql::kScanned)});
  for (const char* index : grouping.indexes)
    ways.push_back(
        {std::string(index) + ", users not counted", job_sql::stats_by_user_alone(job_sql::by(index))});
  return ways;
}

void compare(const std::string& file, const std::string& indexes, Report& report) {
  for (const Grouping& grouping : groupings()) {
    const std::vector<Way> ways = in_turns(kJobStatistics, {.file = file}, ways_of(grouping));
    const Way& ours = named(ways, "warden");
    const Way* best = fastest(ways, [](const Way& way) { return way.name != "warden"; });
    const Way& natural = named(ways, "its own plan");
    const std::string name = indexes + "." + (*grouping.word == '\0' ? "all" : grouping.word);
    report.number(name + ".best_plan", best->ms / ours.ms, Unit::ratio, Bar::at_least(kNoSlower),
                  text_of_ms(ours.ms) + "; SQL: " + text_of_ms(best->ms) + ", " + best->name);
    const bool promised = indexes == "54_indexes" && std::string(grouping.word) == "user";
    report.number(name + ".own_plan", natural.ms / ours.ms, Unit::ratio,
                  promised ? Bar::at_least(kByUser) : Bar{}, "SQL by itself: " + text_of_ms(natural.ms));
  }
}

void run(Data& data, Report& report) {
  compare(data.jobs(), "few_indexes", report);
  compare(data.indexed_jobs(), "54_indexes", report);
}

}  // namespace

const Benchmark kJobStatistics{"job_statistics", "times that job_stats is faster than SQL, 1 000 000 jobs",
                               &run, &turns_child};

}  // namespace warden::bench
