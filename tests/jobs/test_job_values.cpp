// What jobs may have in their columns without being wrong: footprints that are no JSON are left out and counted, numbers
// that are no numbers are 0 or unknown, and sums that don't fit are an error that names the sum.
#include <boost/test/unit_test.hpp>
#include <cstring>

#include "job_host.hpp"

namespace warden::test {

BOOST_FIXTURE_TEST_SUITE(job_values, SixJobs)

BOOST_AUTO_TEST_CASE(a_footprint_that_is_no_json_is_left_out_and_counted) {
  // Job 5 has "{broken", job 6 NULL, job 3 the JSON null.
  const std::string stats =
      "SELECT total_jobs, bad_footprints FROM job_stats('{\"metricStats\":[{\"metricName\":\"";
  BOOST_TEST(db.one(stats + "cpu_load_avg\"}]}')") ==
             "4|1");  // without a range: every footprint that is JSON
  BOOST_TEST(db.one(stats + "cpu_load_avg\",\"range\":{\"from\":10}}]}')") == "3|1");
  BOOST_TEST(db.one(stats + "cpu_load_avg\",\"range\":{\"from\":10.5}}]}')") == "1|1");
  BOOST_TEST(db.one("SELECT bad_footprints FROM job_stats") == "0");  // nobody asked for footprints
  BOOST_TEST(db.one("SELECT sum(jobs), without_value, bad_footprints FROM job_metric_histogram(NULL, "
                    "'[\"cpu_load_avg\"]')") == "3|3|1");
  BOOST_TEST(db.one("SELECT sum(jobs), without_value, bad_footprints FROM job_metric_histogram(NULL, "
                    "'[\"acc_utilization_avg\"]')") == "1|5|1");
  const auto skipped = db.rows(
      "SELECT name, value FROM job_page(NULL, '[\"cpu_load_avg\",\"nothing\"]') WHERE section = 'skipped'");
  BOOST_TEST(skipped == (std::vector<std::string>{"footprint|1", "cpu_load_avg|3", "nothing|6"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(footprints_of_every_storage_class_are_what_sqlite_says) {
  const std::vector<std::string> footprints{"NULL",
                                            "''",
                                            "x''",
                                            "' '",
                                            "'null'",
                                            "'{}'",
                                            "'{\"a\":5}'",
                                            "CAST('{\"a\":5}' AS BLOB)",
                                            "'{\"a\":\"5\"}'",
                                            "'{\"a\":true}'",
                                            "'{\"a\":[5]}'",
                                            "'{\"a\":5e0}'",
                                            "'{\"\\u0061\":5}'",
                                            "'{\"b\":{\"a\":5}}'",
                                            "'{\"a\":null,\"a\":5}'",
                                            "'[5]'",
                                            "'5'",
                                            "5",
                                            "1.5",
                                            "x'ff00'",
                                            "'{\"a\":5'",
                                            "'{\"a\":5}}'",
                                            "'{\"a\":5}' || char(0) || 'x'",
                                            "'{\"a\":123456789012345678901234567890}'",
                                            "'{\"a\":-5}'"};
  for (const std::string& footprint : footprints) {
    BOOST_TEST_CONTEXT(footprint) {
      db.rows("UPDATE job SET footprint = " + footprint);
      for (const std::string range :
           {"", ",\"range\":{\"from\":5}", ",\"range\":{\"to\":5}", ",\"range\":{\"from\":1,\"to\":9}"}) {
        const std::string filter = "'{\"metricStats\":[{\"metricName\":\"a\"" + range + "}]}'";
        const std::string by_hand =
            db.one("SELECT count(*) FROM job WHERE " + db.one("SELECT job_filter_sql(" + filter + ")"));
        BOOST_TEST(db.one("SELECT job_count(" + filter + ")") == by_hand);
        BOOST_TEST(db.one("SELECT total_jobs FROM job_stats(" + filter + ")") == by_hand);
        BOOST_TEST(db.one("SELECT count(*) FROM jobs(" + filter + ")") == by_hand);
      }
      const std::string value = "CASE WHEN json_valid(footprint) THEN json_extract(footprint, '$.a') END";
      BOOST_TEST(db.one("SELECT sum(jobs), without_value FROM job_metric_histogram(NULL, '[\"a\"]')") ==
                 db.one("SELECT count(CASE WHEN typeof(" + value +
                        ") IN ('integer', 'real') THEN 1 END), count(*) - "
                        "count(CASE WHEN typeof(" +
                        value + ") IN ('integer', 'real') THEN 1 END) FROM job"));
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_that_do_not_fit_name_the_sum) {
  db.rows(
      "UPDATE job SET duration = 1, job_state = 'completed', num_nodes = 1, num_hwthreads = 1, num_acc = 1");
  const auto error = [&](const std::string& update, const std::string& sql) {
    db.rows("SAVEPOINT s; UPDATE job SET " + update);
    const std::string text = db.error(sql);
    db.rows("ROLLBACK TO s; RELEASE s");
    return text;
  };
  const std::string half = " = 4611686018427387904";
  BOOST_TEST(error("num_nodes" + half, "SELECT * FROM job_stats") ==
             "job_stats: integer overflow in total_nodes");
  BOOST_TEST(error("num_hwthreads" + half, "SELECT * FROM job_stats") ==
             "job_stats: integer overflow in total_cores");
  BOOST_TEST(error("num_acc" + half, "SELECT * FROM job_stats") ==
             "job_stats: integer overflow in total_accs");
  BOOST_TEST(error("duration" + half, "SELECT * FROM job_stats") ==
             "job_stats: integer overflow in total_walltime_hours");
  const std::string large = "duration = 3037000500, ";
  BOOST_TEST(error(large + "num_nodes = 3037000500", "SELECT * FROM job_stats") ==
             "job_stats: integer overflow in total_node_hours");
  BOOST_TEST(error(large + "num_hwthreads = 3037000500", "SELECT * FROM job_stats(NULL, 'user')") ==
             "job_stats: integer overflow in total_core_hours");
  BOOST_TEST(error(large + "num_acc = 3037000500", "SELECT * FROM job_page") ==
             "job_page: integer overflow in total_acc_hours");
  // What nobody reads does not overflow.
  BOOST_TEST(error("num_nodes" + half, "SELECT total_jobs, total_cores FROM job_stats") == "");
  BOOST_TEST(db.one("SELECT total_nodes FROM job_stats") == "6");
}

BOOST_AUTO_TEST_CASE(times_at_the_ends_of_all_numbers) {
  db.rows("UPDATE job SET start_time = -9223372036854775807 - 1, job_state = 'running' WHERE id = 3");
  // A duration that can't be told: the job counts, its time does not.
  BOOST_TEST(
      db.one("SELECT total_jobs, running_jobs, total_walltime_hours FROM job_stats('{\"dbId\":[3]}')") ==
      "1|1|0");
  BOOST_TEST(db.number("SELECT sum(jobs) FROM job_histogram('{\"dbId\":[3]}', 'duration')") == 0);
  db.rows("UPDATE job SET start_time = 9223372036854775807 WHERE id = 3");
  BOOST_TEST(db.one("SELECT bin, jobs FROM job_histogram('{\"dbId\":[3]}', 'duration') WHERE jobs > 0") ==
             "0|1");
  BOOST_TEST(db.error("SELECT * FROM job_stats WHERE now = 9223372036854775807") == "");
  BOOST_TEST(db.error("SELECT * FROM job_stats('{\"startTime\":{\"range\":\"last30d\"}}') WHERE now = "
                      "-9223372036854775807") == "");
  BOOST_TEST(
      db.error("SELECT * FROM job_stats('{\"duration\":{\"from\":9223372036854775807}}') WHERE now = -5") ==
      "job_stats: filter.duration.from is out of range");
}

BOOST_AUTO_TEST_CASE(a_number_of_a_filter_is_the_same_in_its_sql_to_the_last_bit) {
  // SQLite reads one in thousands of the digits that it prints as the number beside it.
  const std::uint64_t seed = random_seed();
  std::mt19937_64 random(seed);
  std::vector<std::string> numbers{"0.1",    "1e22",     "123456789012345.6789",   "2.2250738585072014e-308",
                                   "5e-324", "3.1e-310", "1.7976931348623157e308", "1.2354290384299148e+263"};
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t bits = random() & 0x7fffffffffffffff;
    double number = 0;
    std::memcpy(&number, &bits, sizeof(number));
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%.17g", number);
    if (number - number == 0) numbers.emplace_back(digits.data());  // neither infinite nor none
  }
  for (const std::string& number : numbers) {
    const std::string sql =
        db.one("SELECT job_filter_sql('{\"energy\":{\"from\":" + number + ",\"to\":" + number + "}}')");
    BOOST_TEST(db.one("SELECT count(*) FROM (SELECT json_extract('[" + number +
                      "]', '$[0]') AS energy) AS job WHERE " + (sql.empty() ? "1" : sql)) == "1",
               number << " became " << sql << ", seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_list_of_no_metrics_asks_for_nothing) {
  for (const std::string none : {"'[]'", "'null'", "NULL"}) {
    BOOST_TEST(db.rows("SELECT * FROM job_metric_histogram(NULL, " + none + ")").empty(), none);
    BOOST_TEST((db.rows("SELECT * FROM job_page(NULL, " + none + ") WHERE now = 10000") ==
                db.rows("SELECT * FROM job_page(NULL) WHERE now = 10000")),
               none);
  }
}

BOOST_AUTO_TEST_CASE(a_page_beyond_all_numbers_is_empty) {
  BOOST_TEST(db.one("SELECT count(*) FROM jobs(NULL, NULL, 9000000000000000000, 1)") == "6");
  BOOST_TEST(db.one("SELECT count(*) FROM jobs(NULL, NULL, 9000000000000000000, 4)") == "0");
  BOOST_TEST(db.one("SELECT count(*) FROM jobs(NULL, NULL, 2, 9223372036854775807)") == "0");
}

BOOST_AUTO_TEST_CASE(columns_may_hold_anything) {
  db.rows("CREATE TABLE odd AS SELECT * FROM job");
  for (const std::string value : {"NULL", "''", "'text'", "x'00'", "1.5", "1e300", "-1"}) {
    BOOST_TEST_CONTEXT(value) {
      for (const std::string column :
           {"start_time", "duration", "num_nodes", "num_hwthreads", "num_acc", "hpc_user", "job_state",
            "footprint", "resources", "meta_data", "id", "cluster"}) {
        db.rows("SAVEPOINT s; UPDATE odd SET " + column + " = " + value);
        for (const std::string sql :
             {"SELECT * FROM job_stats WHERE source = 'odd'", "SELECT * FROM job_stats(NULL, 'user', 'odd')",
              "SELECT * FROM job_page(NULL, '[\"cpu_load_avg\"]', 'odd')",
              "SELECT * FROM jobs WHERE source = 'odd'",
              "SELECT job_count('{\"node\":{\"eq\":\"x\"},\"jobName\":{\"neq\":\"x\"}}', 'odd')"}) {
          const std::string error = db.error(sql);
          BOOST_TEST((error == "" || error.find("integer overflow") != std::string::npos),
                     column << ": " << error);
        }
        db.rows("ROLLBACK TO s; RELEASE s");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(groups_are_those_of_group_by) {
  db.rows("CREATE TABLE odd AS SELECT *, NULL AS k FROM job");
  for (const std::string value : {"1", "1.0", "'1'", "x'31'", "NULL", "''", "'ä'", "9210000000000000000",
                                  "9.21e18", "-0.0", "0", "9e999", "'A'", "'a'"}) {
    db.rows("INSERT INTO odd SELECT *, " + value + " FROM job");
  }
  BOOST_TEST(
      db.rows(
          "SELECT quote(group_key + 0.0), typeof(group_key) IN ('integer', 'real'), total_jobs, total_nodes, "
          "total_users FROM job_stats(NULL, 'k', 'odd')") ==
          db.rows("SELECT quote(k + 0.0), typeof(k) IN ('integer', 'real'), count(*), sum(num_nodes), "
                  "count(DISTINCT "
                  "hpc_user) FROM odd GROUP BY k ORDER BY k"),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_sum_that_nobody_reads_can_not_overflow) {
  db.rows(
      "UPDATE job SET num_nodes = 9000000000000000000 WHERE id = 1; UPDATE job SET num_nodes = 2 WHERE id <> "
      "1");
  BOOST_TEST(db.error("SELECT total_node_hours FROM job_stats") ==
             "job_stats: integer overflow in total_node_hours");
  BOOST_TEST(db.error("SELECT total_nodes, total_core_hours FROM job_stats") == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
