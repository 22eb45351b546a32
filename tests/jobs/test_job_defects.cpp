// Numbers in which ClusterCockpit's statistics are wrong, and what they are here: each case is a defect, some jobs made by
// hand, and the number that is right, beside the one that parity = 1 still shows where it shows one.
#include <boost/test/unit_test.hpp>

#include "job_data.hpp"

namespace warden::test {
namespace {

constexpr const char* kNow = "1000000";

/// A few jobs, and what functions say of them by default and with parity.
struct Jobs {
  Db db = empty_jobs();

  void add(const std::string& values) { insert_job(db, ++last_, values); }
  std::string ask(const std::string& what, const std::string& function, const std::string& arguments,
                  bool parity = false) const {
    std::string all;
    for (const std::string& row : db.rows("SELECT " + what + " FROM " + function + "(" + arguments +
                                          ", 'job', " + kNow + ", 300, " + (parity ? "1" : "0") + ")"))
      all += (all.empty() ? "" : " ") + row;
    return all;
  }
  std::string count(const std::string& filter, bool parity = false) const {
    return db.one("SELECT job_count('" + filter + "', NULL, " + kNow + ", " + (parity ? "1" : "0") + ")");
  }

 private:
  std::int64_t last_ = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_defects, Jobs)

BOOST_AUTO_TEST_CASE(defect_1_hours_are_rounded_and_not_cut_off) {
  add("duration = 1800, num_nodes = 3, num_hwthreads = 5, num_acc = 7");  // 0.5, 1.5, 2.5 and 3.5 hours
  const std::string hours = "total_walltime_hours, total_node_hours, total_core_hours, total_acc_hours";
  BOOST_TEST(ask(hours, "job_stats", "NULL, NULL") == "1|2|3|4");
  BOOST_TEST(ask(hours, "job_stats", "NULL, NULL", true) == "0|1|2|3");
  add("duration = 1799");  // together 3599 s
  BOOST_TEST(ask("total_walltime_hours", "job_stats", "NULL, NULL") == "1");
  BOOST_TEST(ask("value", "job_page", "NULL, NULL").starts_with("2 1 1 4 2"));
  add("job_state = 'running', start_time = 1009000");  // begins in 2.5 hours: 3599 - 9000 s are -1.5 hours
  BOOST_TEST(ask("total_walltime_hours", "job_stats", "NULL, NULL") == "-2");
  BOOST_TEST(ask("total_walltime_hours", "job_stats", "NULL, NULL", true) == "-1");
}

BOOST_AUTO_TEST_CASE(defect_2_totals_without_a_group_have_nodes_cores_and_accelerators) {
  add("num_nodes = 2, num_hwthreads = 144, num_acc = 8");
  add("num_nodes = 3, num_hwthreads = 72");
  BOOST_TEST(ask("total_nodes, total_cores, total_accs", "job_stats", "NULL, NULL") == "5|216|8");
  BOOST_TEST(ask("total_jobs, total_nodes, total_walltime_hours", "job_stats",
                 R"('{"user":{"eq":"nobody"}}', NULL)") == "0|0|0");
}

BOOST_AUTO_TEST_CASE(defect_3_a_job_counts_once_however_many_of_its_tags_are_named) {
  for (int i = 0; i < 3; ++i) add("duration = 7200");
  db.rows(
      "INSERT INTO tag (id, tag_type, tag_name) VALUES (1, 't', 'a'), (2, 't', 'b');"
      "INSERT INTO jobtag (job_id, tag_id) VALUES (1, 1), (1, 2), (2, 2)");
  const std::string filter = R"('{"tags":[1,2]}')";
  BOOST_TEST(count(R"({"tags":[1,2]})") == "2");
  BOOST_TEST(count(R"({"tags":[1,2]})", true) == "2");
  BOOST_TEST(ask("total_jobs, total_walltime_hours", "job_stats", filter + ", NULL") == "2|4");
  BOOST_TEST(ask("total_jobs, total_walltime_hours", "job_stats", filter + ", NULL", true) == "3|6");
  BOOST_TEST(ask("jobs", "job_histogram", filter + ", 'num_nodes', NULL") == "2");
  BOOST_TEST(ask("jobs", "job_histogram", filter + ", 'num_nodes', NULL", true) == "3");
  BOOST_TEST(ask("id", "jobs", filter + ", NULL, NULL, NULL", true) == "1 2");
}

BOOST_AUTO_TEST_CASE(defect_4_a_running_job_has_run_until_now) {
  add("job_state = 'running', start_time = 990000, duration = 0");    // for 10000 s
  add("job_state = 'running', start_time = 999900, duration = 400");  // for 100 s
  add("duration = 200");
  BOOST_TEST(ask("short_jobs", "job_stats", "NULL, NULL") == "2");
  BOOST_TEST(ask("short_jobs", "job_stats", "NULL, NULL", true) == "2");
  BOOST_TEST(ask("short_jobs", "job_stats", R"('{"dbId":[1]}', NULL)") == "0");
  BOOST_TEST(ask("short_jobs", "job_stats", R"('{"dbId":[1]}', NULL)", true) == "1");
  BOOST_TEST(count(R"({"duration":{"from":5000,"to":0}})") == "1");
  BOOST_TEST(count(R"({"duration":{"from":5000,"to":0}})", true) == "0");
  BOOST_TEST(count(R"({"duration":{"from":10000,"to":10000}})") == "1");
  BOOST_TEST(count(R"({"duration":{"from":0,"to":300}})") == "2");
  BOOST_TEST(ask("id, duration", "jobs", R"('{"duration":{"from":0,"to":300}}', NULL, NULL, NULL)") ==
             "2|100 3|200");
}

BOOST_AUTO_TEST_CASE(defect_5_days_have_24_hours_and_no_job_falls_out_of_the_bins) {
  add("duration = 86399");
  add("duration = 86400");
  add("duration = 172800");
  add("duration = 3000000");
  add("job_state = 'running', start_time = 1100000");  // yet to begin
  const std::string bins = "NULL, 'duration', '24h'";
  BOOST_TEST(ask("count(*), sum(jobs)", "job_histogram", bins) == "26|5");
  BOOST_TEST(ask("count(*), sum(jobs)", "job_histogram", bins, true) == "24|1");
  const std::string edges =
      "SELECT bin, from_value, to_value, jobs FROM job_histogram(NULL, 'duration', '24h') WHERE now = " +
      std::string(kNow) + " AND jobs > 0";
  const std::vector<std::string> expected{"0|NULL|0|1", "1|0|86400|1", "2|86400|172800|1",
                                          "3|172800|259200|1", "25|2073600|NULL|1"};
  BOOST_TEST(db.rows(edges) == expected, boost::test_tools::per_element());
  BOOST_TEST(ask("max(bin), sum(jobs)", "job_histogram", "NULL, 'duration', '10m'") == "73|5");
}

BOOST_AUTO_TEST_CASE(defect_6_values_above_the_peak_are_shown_and_edges_are_exact) {
  for (const char* v : {"0", "7.1999", "7.2", "72", "72.001", "700", "-3", "-7.2"})
    add(R"(footprint = '{"m_avg":)" + std::string(v) + "}'");
  const std::string metrics = R"(NULL, '[{"metric":"m_avg","peak":72}]', 10)";
  BOOST_TEST(ask("bin, jobs", "job_metric_histogram", metrics) ==
             "0|1 1|3 2|1 3|0 4|0 5|0 6|0 7|0 8|0 9|0 10|1 11|2");
  BOOST_TEST(ask("bin, jobs", "job_metric_histogram", metrics, true) ==
             "1|3 2|1 3|0 4|0 5|0 6|0 7|0 8|0 9|0 10|1");
  BOOST_TEST(
      ask("from_value, to_value", "job_metric_histogram", metrics).starts_with("NULL|0.0 0.0|7.2 7.2|14.4 "));
  BOOST_TEST(ask("from_value, to_value", "job_metric_histogram", metrics, true).ends_with(" 56|63 63|70"));
  // Without a peak no value is above.
  BOOST_TEST(ask("max(to_value), sum(jobs)", "job_metric_histogram", R"(NULL, '["m_avg"]', 10)") ==
             "1024.0|8");
  db.rows("DELETE FROM job");
  for (const char* v : {"5", "8"}) add(R"(footprint = '{"m_avg":)" + std::string(v) + "}'");
  BOOST_TEST(ask("bin, to_value, jobs", "job_metric_histogram", R"(NULL, '["m_avg"]', 2)") ==
             "1|8.0|1 2|16.0|1 3|NULL|0");
}

BOOST_AUTO_TEST_CASE(defect_7_what_is_NULL_is_counted_and_not_an_error) {
  add("num_hwthreads = NULL, num_acc = NULL, footprint = NULL");
  add("num_hwthreads = 4, num_acc = 0, footprint = 'null'");
  BOOST_TEST(ask("label, jobs", "job_histogram", "NULL, 'num_accs', NULL") == "0|1 unknown|1");
  BOOST_TEST(ask("bin, jobs", "job_histogram", "NULL, 'num_cores', NULL") == "4|1 NULL|1");
  BOOST_CHECK_THROW(ask("jobs", "job_histogram", "NULL, 'num_accs', NULL", true), SqlError);
  BOOST_TEST(ask("id, footprint", "jobs", "NULL, NULL, NULL, NULL") == "1|NULL 2|null");
  BOOST_TEST(ask("total_jobs, total_cores, total_accs", "job_stats", "NULL, NULL") == "2|4|0");
}

BOOST_AUTO_TEST_CASE(defect_8_wildcards_in_a_value_are_just_characters) {
  add("hpc_user = 'a_b'");
  add("hpc_user = 'aXb'");
  add("hpc_user = 'a%'");
  add(R"(hpc_user = 'A\_B')");
  BOOST_TEST(count(R"({"user":{"contains":"a_"}})") == "1");
  BOOST_TEST(count(R"({"user":{"contains":"a_"}})", true) == "4");
  BOOST_TEST(count(R"({"user":{"startsWith":"a%"}})") == "1");
  BOOST_TEST(count(R"({"user":{"startsWith":"a%"}})", true) == "4");
  BOOST_TEST(count(R"({"user":{"endsWith":"\\_b"}})") == "1");
  // Either case of a letter, as upstream; equality is exact.
  BOOST_TEST(count(R"({"user":{"startsWith":"AX"}})") == "1");
  BOOST_TEST(count(R"({"user":{"eq":"axb"}})") == "0");
}

BOOST_AUTO_TEST_CASE(defect_9_rules_for_nodes_and_names_mean_what_they_say) {
  add(R"(resources = '[{"hostname":"f1"},{"hostname":"f2"}]', meta_data = '{"jobName":"one"}')");
  add(R"(resources = '[{"hostname":"f2"}]', meta_data = '{"jobName":"two"}')");
  add(R"(resources = '[{"hostname":"g1"}]')");
  BOOST_TEST(count(R"({"node":{"neq":"f1"}})") == "2");
  BOOST_TEST(count(R"({"node":{"neq":"f1"}})", true) == "3");  // some node is another one
  BOOST_TEST(count(R"({"node":{"startsWith":"f"}})") == "2");
  BOOST_TEST(count(R"({"node":{"in":["f1","g1"]}})") == "2");
  BOOST_TEST(count(R"({"node":{"in":["f1","g1"]}})", true) == "3");
  BOOST_TEST(count(R"({"jobName":{"in":["two","three"]}})") == "1");
  BOOST_TEST(count(R"({"jobName":{"in":["two","three"]}})", true) == "3");
}

BOOST_AUTO_TEST_CASE(defect_10_a_metric_that_nobody_has_is_an_empty_histogram) {
  add(R"(footprint = '{"m_avg":1}')");
  const std::string unknown =
      R"('{"cluster":{"contains":"c"}}', '["no_such_avg",{"metric":"neither_avg","peak":5}]', 2)";
  BOOST_TEST(
      ask("metric, bin, jobs", "job_metric_histogram", unknown) ==
      "no_such_avg|1|0 no_such_avg|2|0 no_such_avg|3|0 neither_avg|1|0 neither_avg|2|0 neither_avg|3|0");
  BOOST_TEST(ask("jobs", "job_metric_histogram", R"(NULL, '[{"metric":"m_avg","peak":0}]', 2)", true) ==
             "0 0");
}

BOOST_AUTO_TEST_CASE(defect_11_a_metric_is_named_by_its_whole_key) {
  add(R"(footprint = '{"mem_used_avg":10}')");
  add(R"(footprint = '{"mem_used_max":20}')");
  const std::string both =
      R"(NULL, '[{"metric":"mem_used_avg","peak":32},{"metric":"mem_used_max","peak":32}]', 1)";
  BOOST_TEST(ask("metric, jobs, without_value", "job_metric_histogram", both) ==
             "mem_used_avg|1|1 mem_used_avg|0|1 mem_used_max|1|1 mem_used_max|0|1");
}

BOOST_AUTO_TEST_CASE(defect_12_pages_do_not_overlap_where_jobs_are_equal) {
  for (int i = 0; i < 7; ++i)
    add("start_time = 500, hpc_user = '" + std::string(1, static_cast<char>('g' - i)) + "'");
  std::string pages;
  for (const char* page : {"1", "2", "3", "4"})
    pages += ask("id", "jobs", std::string("NULL, 'start_time DESC', 2, ") + page) + "; ";
  BOOST_TEST(pages == "7 6; 5 4; 3 2; 1; ");
  BOOST_TEST(ask("id", "jobs", "NULL, 'duration', 3, 2") == "4 5 6");
  BOOST_TEST(ask("group_key", "job_stats", "NULL, 'user'") == "a b c d e f g");
}

BOOST_AUTO_TEST_CASE(defect_13_counting_needs_no_set_of_ids) {
  add("");
  add("");
  BOOST_TEST(count("{}") == "2");
  BOOST_TEST(db.one(R"(SELECT job_filter_sql('{"tags":[5]}'))").find("DISTINCT") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(defect_14_json_is_read_from_blobs_and_texts_alike) {
  const std::string json = R"('{"m_avg":20.5}')";
  const std::string name = R"('{"jobName":"x"}')";
  const std::string nodes = R"('[{"hostname":"f1"}]')";
  add("footprint = " + json + ", meta_data = " + name + ", resources = " + nodes);
  add("footprint = CAST(" + json + " AS BLOB), meta_data = CAST(" + name + " AS BLOB), resources = CAST(" +
      nodes + " AS BLOB)");
  BOOST_TEST(count(R"({"metricStats":[{"metricName":"m_avg","range":{"from":20.5,"to":20.5}}]})") == "2");
  BOOST_TEST(count(R"({"jobName":{"contains":"X"},"node":{"endsWith":"1"}})") == "2");
  BOOST_TEST(ask("jobs", "job_metric_histogram", R"(NULL, '[{"metric":"m_avg","peak":41}]', 2)") == "0 2 0");
  BOOST_TEST(ask("typeof(footprint), footprint", "jobs", "NULL, NULL, NULL, NULL") ==
             R"(text|{"m_avg":20.5} text|{"m_avg":20.5})");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
