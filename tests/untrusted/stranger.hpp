// What the tests of untrusted input share: figures, outcomes of statements, and every kind of job statistic.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/jobs/job_host.hpp"

namespace warden::test {

/// How much was tried, printed at the program's end.
struct Figures {
  std::int64_t schemas = 0;
  std::int64_t values = 0;
  std::int64_t corrupt = 0;
  std::int64_t corrupt_errors = 0;
  std::int64_t corrupt_results = 0;
  std::int64_t filters = 0;
  std::int64_t environments = 0;
};
inline Figures& figures() {
  static Figures all;
  return all;
}

/// Rows joined by newlines, or "error: " and its text.
inline std::string outcome(const Db& db, const std::string& sql) {
  std::string all;
  try {
    for (const std::string& row : db.rows(sql)) all += row + "\n";
  } catch (const SqlError& e) {
    return std::string("error: ") + e.what();
  }
  return all;
}
inline bool is_error(const std::string& outcome) { return outcome.starts_with("error: "); }

/// One statement of each kind over the jobs of `source`, which read all columns.
inline std::vector<std::string> statistics_of(const std::string& source = "job") {
  const std::string from = " WHERE source = " + quoted(source) + " AND now = 10000";
  return {
      "SELECT * FROM job_stats" + from,
      "SELECT * FROM job_stats(NULL, 'user')" + from,
      R"(SELECT * FROM job_stats('{"metricStats":[{"metricName":"cpu_load_avg","range":{"from":1}}]}', 'cluster'))" +
          from,
      "SELECT * FROM job_histogram(NULL, 'duration')" + from,
      "SELECT * FROM job_histogram(NULL, 'num_nodes')" + from,
      R"(SELECT * FROM job_metric_histogram(NULL, '["cpu_load_avg","mem_bw_avg"]'))" + from,
      R"(SELECT * FROM job_page('{"user":{"contains":"a"}}', '["cpu_load_avg"]'))" + from,
      "SELECT * FROM jobs" + from,
      R"(SELECT * FROM jobs('{"node":{"startsWith":"f"}}', 'footprint.cpu_load_avg DESC'))" + from,
      R"(SELECT id FROM jobs('{"jobName":{"neq":"x"},"energy":{"from":0.1}}', 'start_time', 3, 1))" + from,
      "SELECT job_count(NULL, " + quoted(source) + ", 10000)",
      R"(SELECT job_count('{"startTime":{"range":"last24h"},"state":["completed","running"]}', )" +
          quoted(source) + ", 10000)"};
}

}  // namespace warden::test
