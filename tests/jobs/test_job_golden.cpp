// Statistics as the web pages ask for them: each a call with parity = 1 and the SQL that gives the same numbers by hand, over
// generated jobs. To the digit.
#include <boost/test/unit_test.hpp>

#include "job_data.hpp"

namespace warden::test {
namespace {

constexpr int kJobs = 1500;
/// Hours after the first job of the generator: last6h cuts the jobs in half.
constexpr const char* kNow = "1704092267";
constexpr const char* kSince6h = "1704070667";

/// Jobs as generated, of which every tenth is of an older day and every hundredth runs.
const Db& generated() {
  static const Db made = [] {
    Db db = empty_jobs();
    generate_jobs(db, kJobs);
    db.rows(
        "UPDATE job SET start_time = start_time - 40 * 86400 WHERE id % 10 = 3;"
        "UPDATE job SET job_state = 'running', duration = id % 1000 WHERE id % 100 = 7;"
        "UPDATE job SET footprint = json_set(CAST(footprint AS TEXT), '$.mem_bw_avg', 350) "
        "WHERE id % 50 = 5 AND json_type(footprint) = 'object';"
        "ANALYZE");
    return db;
  }();
  return made;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// `call` is the extension's, with ARGS for the arguments source, now, short_seconds and parity, FEWER without short_seconds;
/// in `sql` :D is how long a job ran or has been running.
void same(std::string call, std::string sql, bool may_be_empty = false) {
  replace_all(call, "ARGS", std::string("'job', ") + kNow + ", 300, 1");
  replace_all(call, "FEWER", std::string("'job', ") + kNow + ", 1");
  replace_all(
      sql, ":D",
      std::string("(CASE WHEN job_state = 'running' THEN ") + kNow + " - start_time ELSE duration END)");
  replace_all(sql, ":since6h", kSince6h);
  const auto expected = generated().rows(sql);
  BOOST_TEST_CONTEXT(call) {
    BOOST_TEST(generated().rows(call) == expected, boost::test_tools::per_element());
    BOOST_TEST((may_be_empty || !expected.empty()));
  }
}

const std::string kTotals =
    "total_jobs, total_users, total_walltime_hours, total_nodes, total_node_hours, total_cores, "
    "total_core_hours, "
    "total_accs, total_acc_hours, running_jobs, short_jobs";
/// The same by hand; integer division, as upstream has it.
const std::string kSums =
    "count(*), count(DISTINCT hpc_user), sum(:D) / 3600, sum(num_nodes), sum(:D * num_nodes) / 3600, "
    "sum(num_hwthreads), "
    "sum(:D * num_hwthreads) / 3600, sum(num_acc), sum(:D * num_acc) / 3600, sum(job_state = 'running'), "
    "sum(duration < 300)";
const std::string kColumns =
    "id, job_id, hpc_user, project, cluster, subcluster, start_time, cluster_partition, array_job_id, "
    "num_nodes, "
    "num_hwthreads, num_acc, shared, monitoring_status, smt, job_state, ";
const std::string kRest = ", walltime, CAST(resources AS TEXT), CAST(footprint AS TEXT), energy FROM job ";

std::string stats(const std::string& filter, const std::string& group = "") {
  return "SELECT " + std::string(group.empty() ? "" : "group_key, ") + kTotals + " FROM job_stats(" + filter +
         ", " + (group.empty() ? "NULL" : "'" + group + "'") + ", ARGS)";
}
std::string list(const std::string& arguments) {
  return "SELECT " + kColumns + "duration, walltime, resources, footprint, energy FROM jobs(" + arguments +
         ", ARGS)";
}
std::string bins(const std::string& filter, const std::string& metric, const std::string& peak) {
  return "SELECT bin, jobs FROM job_metric_histogram(" + filter + ", '[{\"metric\":\"" + metric +
         "\",\"peak\":" + peak + "}]', 10, ARGS) WHERE jobs > 0";
}
std::string bins_sql(const std::string& key, const std::string& peak, const std::string& where) {
  const std::string v = "json_extract(footprint, '$." + key + "')";
  return "SELECT CAST((CASE WHEN " + v + " = " + peak + " THEN " + peak + " * 0.999999999 ELSE " + v +
         " END) / " + peak +
         " * 10 AS INTEGER) + 1 AS bin, count(*) FROM job WHERE json_valid(footprint) AND " + v +
         " IS NOT NULL AND " + v + " <= " + peak + where + " GROUP BY bin ORDER BY bin";
}

const std::string kFritz = R"('{"cluster":{"eq":"fritz"}}')";
const std::string kBandwidth =
    R"('{"metricStats":[{"metricName":"mem_bw_avg","range":{"from":20,"to":0}}]}')";
const std::string kBandwidthSql = "json_valid(footprint) AND json_extract(footprint, '$.mem_bw_avg') >= 20";

}  // namespace

BOOST_AUTO_TEST_SUITE(job_golden)

// What upstream leaves to chance, the order of jobs that are equal, is by id here.
BOOST_AUTO_TEST_CASE(lists_of_jobs) {
  same(list("NULL, 'start_time DESC', 50, 1"),
       "SELECT " + kColumns + ":D" + kRest + "ORDER BY start_time DESC, id DESC LIMIT 50");
  same(list("NULL, 'start_time DESC', 50, 21"),
       "SELECT " + kColumns + ":D" + kRest + "ORDER BY start_time DESC, id DESC LIMIT 50 OFFSET 1000");
  same(list(kFritz + ", 'num_hwthreads DESC', 50, 1"),
       "SELECT " + kColumns + ":D" + kRest +
           "WHERE cluster = 'fritz' ORDER BY num_hwthreads DESC, id DESC LIMIT 50");
  same(list(R"('{"cluster":{"eq":"fritz"},"state":["failed","timeout"]}', 'start_time DESC', 50, 1)"),
       "SELECT " + kColumns + ":D" + kRest +
           "WHERE cluster = 'fritz' AND job_state IN ('failed', 'timeout') ORDER BY start_time DESC, id DESC "
           "LIMIT 50");
  same(list(R"(NULL, '{"field":"walltime","type":"col","order":"DESC"}', 50, 1)"),
       "SELECT " + kColumns + ":D" + kRest + "ORDER BY walltime DESC, id DESC LIMIT 50");
  same(list(R"(NULL, '{"field":"flops_any_avg","type":"foot","order":"ASC"}', 50, 1)"),
       "SELECT " + kColumns + ":D" + kRest +
           "WHERE json_valid(footprint) ORDER BY json_extract(footprint, '$.flops_any_avg'), id LIMIT 50");
  same(
      list(
          R"('{"cluster":{"eq":"fritz"},"metricStats":[{"metricName":"mem_bw_avg","range":{"from":30,"to":60}}]}', )"
          "'start_time DESC', 50, 1"),
      "SELECT " + kColumns + ":D" + kRest +
          "WHERE json_valid(footprint) AND json_extract(footprint, '$.mem_bw_avg') BETWEEN 30 AND 60 AND "
          "cluster = 'fritz' ORDER BY start_time DESC, id DESC LIMIT 50");
  same(list(R"('{"tags":[1,3]}', 'start_time DESC', 50, 1)"),
       "SELECT DISTINCT " + kColumns + ":D" + kRest +
           "JOIN (SELECT job_id AS of_job, tag_id FROM jobtag) ON of_job = id WHERE tag_id IN (1, 3) "
           "ORDER BY start_time DESC, id DESC LIMIT 50");
  same("SELECT id, footprint FROM jobs WHERE id = 77",
       "SELECT id, CAST(footprint AS TEXT) FROM job WHERE id = 77");
}

BOOST_AUTO_TEST_CASE(a_manager_sees_the_projects_of_others_and_the_own_jobs) {
  const std::string mine = " WHERE project IN ('chem-0', 'phys-0') OR hpc_user = 'math103'";
  same("SELECT id FROM jobs(NULL, 'start_time DESC', NULL, NULL, ARGS)" + mine + " LIMIT 50",
       "SELECT id FROM job" + mine + " ORDER BY start_time DESC, id DESC LIMIT 50");
  same("SELECT id FROM jobs('{}', 'start_time DESC', NULL, NULL, ARGS)" + mine + " LIMIT 50",
       "SELECT id FROM job" + mine + " ORDER BY start_time DESC, id DESC LIMIT 50");
}

BOOST_AUTO_TEST_CASE(counts) {
  same("SELECT job_count(NULL, FEWER)", "SELECT count(*) FROM job");
  same(R"(SELECT job_count('{"cluster":{"eq":"fritz"},"state":["completed"]}', FEWER))",
       "SELECT count(*) FROM job WHERE cluster = 'fritz' AND job_state = 'completed'");
  same("SELECT job_count(" + kBandwidth + ", FEWER)", "SELECT count(*) FROM job WHERE " + kBandwidthSql);
  same(
      R"(SELECT job_count('{"metricStats":[{"metricName":"mem_bw_avg","range":{"from":10}},)"
      R"({"metricName":"flops_any_avg","range":{"from":10,"to":1000}},{"metricName":"cpu_load_avg","range":{"to":60}}]}', FEWER))",
      "SELECT count(*) FROM job WHERE json_valid(footprint) AND json_extract(footprint, '$.mem_bw_avg') >= "
      "10 AND "
      "json_extract(footprint, '$.flops_any_avg') BETWEEN 10 AND 1000 AND json_extract(footprint, "
      "'$.cpu_load_avg') <= 60");
  same(R"(SELECT job_count('{"tags":["1","3"]}', FEWER))",
       "SELECT count(DISTINCT job.id) FROM job JOIN jobtag ON jobtag.job_id = job.id WHERE tag_id IN (1, 3)");
  same(R"(SELECT job_count('{"jobName":{"contains":"vasp_1"}}', FEWER))",
       "SELECT count(*) FROM job WHERE json_valid(meta_data) AND json_extract(meta_data, '$.jobName') LIKE "
       "'%vasp_1%'");
  same(R"(SELECT job_count('{"node":{"contains":"f101"}}', FEWER))",
       "SELECT count(*) FROM job WHERE json_valid(resources) AND EXISTS (SELECT 1 FROM "
       "json_each(job.resources) "
       "WHERE json_extract(value, '$.hostname') LIKE '%f101%')");
  same(R"(SELECT job_count('{"jobId":{"contains":"00100"}}', FEWER))",
       "SELECT count(*) FROM job WHERE job_id LIKE '%00100%'");
  same(R"(SELECT job_count('{"energy":{"from":2.5}}', FEWER))",
       "SELECT count(*) FROM job WHERE energy >= 2.5");
}

BOOST_AUTO_TEST_CASE(sums_over_all_jobs_of_a_filter) {
  same(stats("NULL"), "SELECT " + kSums + " FROM job");
  same(stats(R"('{"startTime":{"range":"last6h"}}')"),
       "SELECT " + kSums + " FROM job WHERE start_time >= :since6h");
  same(stats(kFritz), "SELECT " + kSums + " FROM job WHERE cluster = 'fritz'");
  same(stats(
           R"('{"cluster":{"eq":"fritz"},"duration":{"from":600,"to":86400},"numNodes":{"from":2,"to":8}}')"),
       "SELECT " + kSums +
           " FROM job WHERE cluster = 'fritz' AND num_nodes BETWEEN 2 AND 8 AND duration BETWEEN 600 AND "
           "86400");
  same(stats(kBandwidth), "SELECT " + kSums + " FROM job WHERE " + kBandwidthSql);
  same(stats(R"('{"tags":[1,3]}')"),
       "SELECT " + kSums + " FROM job JOIN jobtag ON jobtag.job_id = job.id WHERE tag_id IN (1, 3)");
}

BOOST_AUTO_TEST_CASE(sums_by_group) {
  same(stats("NULL", "user") + " ORDER BY total_core_hours DESC, group_key LIMIT 10",
       "SELECT hpc_user, " + kSums + " FROM job GROUP BY hpc_user ORDER BY 8 DESC, 1 LIMIT 10");
  same(stats(R"('{"cluster":{"eq":"fritz"},"startTime":{"range":"last6h"}}')", "user") +
           " ORDER BY total_jobs DESC, group_key LIMIT 10",
       "SELECT hpc_user, " + kSums +
           " FROM job WHERE cluster = 'fritz' AND start_time >= :since6h GROUP BY hpc_user ORDER BY 2 DESC, "
           "1 LIMIT 10");
  same(stats(R"('{"cluster":{"eq":"fritz"},"state":["running"]}')", "project"),
       "SELECT project, " + kSums +
           " FROM job WHERE cluster = 'fritz' AND job_state = 'running' GROUP BY project");
  same(stats("NULL", "cluster"), "SELECT cluster, " + kSums + " FROM job GROUP BY cluster");
  same(stats(kFritz, "subcluster"),
       "SELECT subcluster, " + kSums + " FROM job WHERE cluster = 'fritz' GROUP BY subcluster");
  same("SELECT group_key, short_jobs FROM job_stats(NULL, 'project', ARGS) WHERE short_jobs > 0",
       "SELECT project, count(*) FROM job WHERE duration < 300 GROUP BY project");
  same("SELECT group_key FROM job_stats(" + kFritz + ", 'partition', ARGS)",
       "SELECT DISTINCT cluster_partition FROM job WHERE cluster = 'fritz' ORDER BY 1");
}

BOOST_AUTO_TEST_CASE(histograms) {
  same("SELECT bin, jobs FROM job_histogram(NULL, 'num_nodes', NULL, ARGS)",
       "SELECT num_nodes, count(*) FROM job GROUP BY num_nodes");
  same(R"(SELECT bin, jobs FROM job_histogram('{"cluster":{"eq":"alex"}}', 'num_accs', NULL, ARGS))",
       "SELECT num_acc, count(*) FROM job WHERE cluster = 'alex' GROUP BY num_acc");
  same("SELECT bin, jobs FROM job_histogram(" + kBandwidth + ", 'num_cores', NULL, ARGS)",
       "SELECT num_hwthreads, count(*) FROM job WHERE " + kBandwidthSql + " GROUP BY num_hwthreads");
  same("SELECT bin, jobs FROM job_histogram(NULL, 'duration', '1h', ARGS) WHERE jobs > 0",
       "SELECT :D / 3600 + 1 AS bin, count(*) FROM job GROUP BY bin HAVING bin BETWEEN 1 AND 48");
  same(
      "SELECT bin, to_value, jobs FROM job_histogram(" + kFritz + ", 'duration', '10m', ARGS) WHERE jobs > 0",
      "SELECT :D / 600 + 1 AS bin, (:D / 600 + 1) * 600, count(*) FROM job WHERE cluster = 'fritz' GROUP BY "
      "bin "
      "HAVING bin BETWEEN 1 AND 72");
  same(bins("NULL", "mem_bw_avg", "350"), bins_sql("mem_bw_avg", "350.000000", ""));
  same(bins(kFritz, "cpu_load_avg", "72"), bins_sql("cpu_load_avg", "72.000000", " AND cluster = 'fritz'"));
  same(bins(R"('{"startTime":{"range":"last6h"}}')", "flops_any_avg", "5600"),
       bins_sql("flops_any_avg", "5600.000000", " AND start_time >= :since6h"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
