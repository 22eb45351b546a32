// The job statistics, in every shape of their arguments.
#include "operations.hpp"
#include "tests/jobs/job_host.hpp"

namespace warden::test {
namespace {

/// At least one filter for each field, and for each kind of condition on it.
const std::vector<std::string> kFilters{
    R"({"dbId":["1","4"]})", R"({"tags":["1","2"]})", R"({"jobId":{"eq":"104"}})",
    R"({"jobId":{"neq":"104"}})", R"({"user":{"in":["alice","carol"]}})",
    R"({"user":{"startsWith":"a_%"},"project":{"endsWith":"1"}})",
    R"({"cluster":{"contains":"r"},"subCluster":{"neq":"x"},"partition":{"eq":"big"}})",
    R"({"jobName":{"eq":"50%_off"}})", R"({"jobName":{"neq":"x"}})", R"({"jobName":{"in":["deep","x"]}})",
    R"({"node":{"eq":"last"}})", R"({"node":{"neq":"f0102"}})", R"({"node":{"contains":"n8"}})",
    R"({"node":{"in":["a2","f0103"]}})", R"({"arrayJobId":7})", R"({"minRunningFor":5000})",
    R"({"duration":{"from":100,"to":4000}})", R"({"duration":{"from":1000}})",
    R"({"numNodes":{"from":2,"to":9},"numHWThreads":{"to":500},"numAccelerators":{"from":1}})",
    R"({"energy":{"from":0.1,"to":99.3}})",
    R"({"startTime":{"from":"1970-01-01T00:50:00Z","to":"1970-01-01T02:00:00Z"}})",
    R"({"startTime":{"range":"last24h"}})", R"({"state":["completed"]})",
    R"({"state":["completed","failed"]})", R"({"shared":"none"})", R"({"schedule":"interactive"})",
    R"({"schedule":"batch"})",
    R"({"metricStats":[{"metricName":"cpu_load_avg","range":{"from":10,"to":25}}]})",
    R"({"metricStats":[{"metricName":"mem_bw_avg"},{"metricName":"cpu_load_avg","range":{"from":5}}]})",
    R"([{"user":{"eq":"alice"},"node":{"startsWith":"f"}},{"metricStats":[{"metricName":"mem_bw_avg","range":{"to":100}}]},null])",
    // What is wrong with them is said.
    R"({"no such field":1})", R"({"user":5})", R"({"user":{"eq":"a","equal":"b"}})",
    R"({"numNodes":{"from":-1}})", R"({"startTime":{"from":"yesterday"}})", R"({"user":{"eq":"a)"};

void add_filters(std::vector<Operation>& all) {
  for (const std::string& filter : kFilters) {
    const std::string quoted_filter = quoted(filter);
    const std::string now = ", NULL, 10000)";
    all.push_back({"SELECT job_count(" + quoted_filter + now});
    all.push_back({"SELECT job_filter_sql(" + quoted_filter + now});
    all.push_back({"SELECT * FROM jobs(" + quoted_filter + ") WHERE now = 10000"});
    all.push_back({"SELECT *, bad_footprints FROM job_stats(" + quoted_filter +
                   ", 'user') WHERE now = 10000; SELECT total_jobs FROM job_stats(" + quoted_filter +
                   ") WHERE now = 10000 AND parity = 1"});
  }
}

void add_statistics(std::vector<Operation>& all) {
  const auto add = [&](const std::string& sql) { all.push_back({sql}); };
  const std::string metric_filter = quoted(kFilters[28]);
  for (const std::string by :
       {"user", "project", "cluster", "subcluster", "partition", "state", "footprint", "energy"})
    add("SELECT * FROM job_stats(NULL, '" + by + "') WHERE now = 10000");
  add("SELECT * FROM job_stats(NULL, 'no_such_column')");
  add("SELECT * FROM job_stats(NULL, NULL, 'no_such_table')");
  add("SELECT * FROM job_stats(NULL, NULL, 'not a \"name')");
  add("SELECT total_jobs, total_users FROM job_stats");
  add("SELECT total_jobs FROM job_stats WHERE source = 'main.job' AND short_seconds = 10 AND parity = 1");
  add("SELECT total_jobs FROM job_stats WHERE parity = 2");
  add("SELECT total_jobs FROM job_stats WHERE short_seconds = -1");
  add("SELECT total_jobs FROM job_stats WHERE now = 'text'");
  for (const std::string dimension :
       {"duration', '1h", "duration', '24h", "num_nodes", "num_cores", "num_accs"})
    add("SELECT * FROM job_histogram(NULL, '" + dimension + "') WHERE now = 10000 AND jobs > 0");
  add("SELECT jobs, bad_footprints FROM job_histogram(" + metric_filter + ", 'num_nodes') WHERE now = 10000");
  add("SELECT * FROM job_histogram(NULL, 'weight')");
  add("SELECT * FROM job_histogram(NULL, 'duration', '1y')");
  add("SELECT *, without_value, bad_footprints FROM job_metric_histogram(NULL, "
      "'[{\"metric\":\"cpu_load_avg\",\"peak\":100},\"mem_bw_avg\"]', 4)");
  add("SELECT * FROM job_metric_histogram(" + metric_filter + ", '[\"cpu_load_avg\"]') WHERE now = 10000");
  add("SELECT * FROM job_metric_histogram(NULL, '[\"cpu_load_avg\", 5]')");
  add("SELECT * FROM job_metric_histogram(NULL, '[\"cpu_load_avg\"]', 0)");
  add("SELECT * FROM job_page(NULL, '[\"cpu_load_avg\",\"mem_bw_avg\"]') WHERE now = 10000 AND value > 0");
  add("SELECT * FROM job_page(" + metric_filter +
      ", NULL) WHERE now = 10000 AND duration_bins = '6h' AND metric_bins = 5 AND value > 0");
  add("SELECT * FROM job_page(NULL, '{}')");
}

/// A columnar copy: made, used by every statistic, brought up to date, read, checked, renamed, removed.
void add_columns(std::vector<Operation>& all) {
  const std::string drop =
      "PRAGMA legacy_alter_table = OFF; DROP TABLE IF EXISTS job_index; DROP TABLE IF EXISTS fast;";
  const std::string make = "CREATE VIRTUAL TABLE job_index USING job_columns(source=job);";
  const std::string touch = "UPDATE job SET duration = duration WHERE id < 3;";
  const auto add = [&](const std::string& sql, const std::string& before) {
    all.push_back({.sql = sql, .before = drop + before});
  };
  add(make + "DROP TABLE job_index", "");
  for (const std::string filter :
       {"NULL", R"('{"user":{"contains":"a"},"duration":{"from":10}}')",
        R"('{"metricStats":[{"metricName":"cpu_load_avg","range":{"from":10,"to":25}}]}')"}) {
    add("SELECT * FROM job_stats(" + filter + ", 'user') WHERE now = 10000 AND engine = 'columns'",
        make + touch);
    add("SELECT * FROM job_page(" + filter +
            ", '[\"cpu_load_avg\",\"mem_bw_avg\"]') WHERE now = 10000 AND value > 0 AND engine = 'columns'",
        make);
    add("SELECT job_engine(" + filter + "), job_count(" + filter + ", NULL, 10000, 0, 'columns')",
        make + touch);
  }
  add("INSERT INTO job_index(job_index) VALUES ('refresh')", make + touch);
  add("INSERT INTO job_index(job_index) VALUES ('rebuild')", make);
  add("INSERT INTO job_index(job_index) VALUES ('optimize')", make + touch);
  add("INSERT INTO job_index(job_index) VALUES ('integrity-check')", make + touch);
  add("INSERT INTO job_index(job_index) VALUES ('polish')", make);
  add("SELECT * FROM job_index WHERE id > 2; SELECT job_state, count(*) FROM job_index GROUP BY 1",
      make + touch);
  add("INSERT INTO job_index(job_index) VALUES ('refresh=1')", make + touch);
  // Else SQLite looks into all views, one of which it refuses.
  add("ALTER TABLE job_index RENAME TO fast; DROP TABLE fast", make + "PRAGMA legacy_alter_table = ON;");
  add(touch, make);
  add("SELECT total_jobs FROM job_stats", "");  // without it again
}

void add_jobs(std::vector<Operation>& all) {
  const auto add = [&](const std::string& sql) { all.push_back({sql}); };
  add("SELECT * FROM jobs WHERE now = 10000");
  add("SELECT id FROM jobs(NULL, 'footprint.cpu_load_avg DESC')");
  add("SELECT id FROM jobs(NULL, 'footprint.cpu_load_avg', 3, 2) WHERE parity = 1");
  add("SELECT id FROM jobs(NULL, 'duration DESC, hpc_user', 2, 2)");
  add("SELECT id FROM jobs(NULL, '[{\"field\":\"numNodes\",\"type\":\"col\",\"order\":\"DESC\"}]', 4)");
  add("SELECT id FROM jobs(NULL, 'weight')");
  add("SELECT id FROM jobs(NULL, 'id sideways')");
  add("SELECT id FROM jobs(NULL, NULL, 0)");
  add("SELECT id, duration FROM jobs WHERE hpc_user = 'alice' AND start_time > 0 AND now = 10000");
  add("SELECT hpc_user FROM jobs WHERE id = 5");
  add("SELECT id FROM jobs WHERE job_id = 104 AND cluster = 'alex' AND start_time = 3000");
  add("SELECT id FROM jobs WHERE project = 'p2' AND job_state = 'timeout' AND start_time BETWEEN 1 AND 9999");
  add("SELECT j.id, f.value FROM json_each('[\"{\\\"state\\\":[\\\"failed\\\"]}\",\"{}\"]') AS f CROSS JOIN "
      "jobs(f.value) AS j");
  add("SELECT u.group_key, u.total_jobs, j.id FROM users AS u JOIN jobs AS j ON j.hpc_user = u.group_key "
      "ORDER BY 3");
  add("SELECT id FROM jobs WHERE id = 1 OR hpc_user = 'bob'");
  add("SELECT job_count(), job_count(NULL), job_count('{}', 'job'), job_count(NULL, NULL, NULL, 1)");
  add("SELECT job_count(NULL, 'users')");
  add("SELECT job_count(NULL, 'mine')");
  add("SELECT job_count(1)");
  add("SELECT job_count(1, 2, 3, 4, 5)");
  add("SELECT job_filter_sql(NULL), job_filter_sql('[]')");
  for (const int i : {7, 10, 25, 28})
    add("SELECT job_count(" + quoted(kFilters[static_cast<std::size_t>(i)]) + ", NULL, 10000, 1)");
}

}  // namespace

std::vector<Operation> job_operations() {
  std::vector<Operation> all;
  add_statistics(all);
  add_columns(all);
  add_jobs(all);
  add_filters(all);
  return all;
}

}  // namespace warden::test
