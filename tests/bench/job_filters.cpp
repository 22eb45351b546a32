// What filters cost that no index serves as it is: metricStats, which must read every footprint, and tags, for which there
// are three ways to write SQL. No promise: shown for comparison.
#include <string>
#include <vector>

#include "bench.hpp"
#include "job_sql.hpp"
#include "turns.hpp"

namespace warden::bench {
namespace {

void count_by_metric(const std::string& file, Report& report) {
  const std::vector<Way> ways = in_turns(
      kJobFilters, {.file = file},
      {{"warden",
        R"(SELECT job_count('{"metricStats":[{"metricName":"mem_bw_avg","range":{"from":100,"to":0}}]}'))"},
       {"SQL",
        "SELECT count(DISTINCT id) FROM job WHERE json_valid(footprint)"
        " AND json_extract(footprint, '$.mem_bw_avg') >= 100"}});
  const double ours = named(ways, "warden").ms;
  const double sql = named(ways, "SQL").ms;
  report.number("metric.count", sql / ours, Unit::ratio, {},
                "times faster: " + text_of_ms(ours) + "; SQL: " + text_of_ms(sql));
}

void stats_by_tag(const std::string& file, const std::string& name, const std::string& tag, Report& report) {
  const std::string of_tag = " FROM jobtag WHERE tag_id = " + tag;
  const std::vector<Way> ways = in_turns(
      kJobFilters, {.file = file},
      {{"warden",
        "SELECT * FROM job_stats('{\"tags\":[" + tag + "]}') WHERE now = " + std::string(job_sql::kNow)},
       {"IN", job_sql::stats("", "", "job.id IN (SELECT job_id" + of_tag + ")")},
       {"EXISTS", job_sql::stats("", "", "EXISTS (SELECT 1" + of_tag + " AND jobtag.job_id = job.id)")},
       {"JOIN", job_sql::stats("", " JOIN jobtag ON jobtag.job_id = job.id", "tag_id = " + tag)}});
  const double ours = named(ways, "warden").ms;
  for (const char* way : {"IN", "EXISTS", "JOIN"}) {
    const double sql = named(ways, way).ms;
    report.number("tag." + name + "." + way, sql / ours, Unit::ratio, {},
                  "times faster: " + text_of_ms(ours) + "; SQL: " + text_of_ms(sql));
  }
}

void run(Data& data, Report& report) {
  const std::string& file = data.indexed_jobs();
  count_by_metric(file, report);
  stats_by_tag(file, "frequent", "1", report);
  stats_by_tag(file, "rare", "4", report);
}

}  // namespace

const Benchmark kJobFilters{"job_filters", "filters by metric and by tag beside SQL, 1 000 000 jobs", &run,
                            &turns_child};

}  // namespace warden::bench
