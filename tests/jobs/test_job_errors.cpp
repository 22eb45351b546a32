// What is wrong with the arguments of the job statistics, one by one: each error names the function and the thing, and
// leaves the connection as it was. And what only looks dangerous: it selects what it names, and nothing else.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"

namespace warden::test {
namespace {

struct Errors : SixJobs {
  /// The error of a filter, without "job_stats: ".
  std::string filter_error(const std::string& filter) const {
    const std::string error = db.error("SELECT * FROM job_stats(" + quoted(filter) + ")");
    const std::string before = "job_stats: ";
    return error.starts_with(before) ? error.substr(before.size()) : "not of job_stats: " + error;
  }
  std::string count(const std::string& filter) const {
    return db.one("SELECT job_count(" + quoted(filter) + ")");
  }
  void check(const std::vector<std::pair<std::string, std::string>>& errors) const {
    for (const auto& [sql, text] : errors) {
      BOOST_TEST(db.error(sql) == text, sql << ": " << db.error(sql));
      BOOST_TEST(db.one("SELECT job_count()") == "6");
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_errors, Errors)

BOOST_AUTO_TEST_CASE(an_unknown_field_is_named_with_those_that_are_known) {
  const std::string all =
      "dbId, jobId, arrayJobId, user, project, jobName, cluster, subCluster, partition, duration, energy, "
      "numNodes, "
      "numAccelerators, numHWThreads, startTime, state, shared, tags, metricStats, node, schedule, "
      "minRunningFor";
  for (const std::string field : {"usr", "User", "hpc_user", "", "user ", "meta_data"}) {
    BOOST_TEST(filter_error("{\"" + field + "\":{\"eq\":\"x\"}}") ==
               "filter." + field + " is no field of a job filter (those are: " + all + ")");
  }
  BOOST_TEST(filter_error("{\"x\":null}").starts_with("filter.x is no field"));
  BOOST_TEST(filter_error("[{},{\"x\":1}]").starts_with("filter[1].x is no field"));
  for (const std::string function : {"job_count", "job_filter_sql"})
    BOOST_TEST(
        db.error("SELECT " + function + "('{\"x\":1}')").starts_with(function + ": filter.x is no field"));
  for (const std::string table :
       {"job_stats('{\"x\":1}')", "jobs('{\"x\":1}')", "job_page('{\"x\":1}')",
        "job_histogram('{\"x\":1}', 'duration')", "job_metric_histogram('{\"x\":1}', '[\"a\"]')"}) {
    const std::string name = table.substr(0, table.find('('));
    BOOST_TEST(db.error("SELECT * FROM " + table).starts_with(name + ": filter.x is no field"), table);
  }
}

BOOST_AUTO_TEST_CASE(a_message_is_utf8_whatever_the_filter_is) {
  const std::string invalid = db.error("SELECT job_count(CAST(x'7B22C322203A20317D' AS TEXT))");
  BOOST_TEST(invalid.find("filter.\xEF\xBF\xBD is no field") != std::string::npos, invalid);
  const std::string cut = db.error("SELECT job_count('{\"" + std::string(63, 'x') + "\xC3\xA9\": 1}')");
  BOOST_TEST(cut.find("x\xEF\xBF\xBD is no field") != std::string::npos, cut);
}

BOOST_AUTO_TEST_CASE(each_field_names_the_type_that_it_wants) {
  for (const std::string field :
       {"jobId", "user", "project", "cluster", "subCluster", "partition", "jobName", "node"}) {
    const std::string at = "filter." + field;
    const auto error = [&](const std::string& value) {
      return filter_error("{\"" + field + "\":" + value + "}");
    };
    BOOST_TEST(error("5") == at + " must be an object, not an integer");
    BOOST_TEST(error("\"x\"") == at + " must be an object, not a string");
    BOOST_TEST(error("[]") == at + " must be an object, not an array");
    for (const std::string rule : {"eq", "neq", "startsWith", "endsWith", "contains"}) {
      BOOST_TEST(error("{\"" + rule + "\":5}") == at + "." + rule + " must be a string, not an integer");
      BOOST_TEST(error("{\"" + rule + "\":1.5}") ==
                 at + "." + rule + " must be a string, not a number with decimals");
      BOOST_TEST(error("{\"" + rule + "\":true}") == at + "." + rule + " must be a string, not a boolean");
    }
    BOOST_TEST(error("{\"in\":\"x\"}") == at + ".in must be an array of strings, not a string");
    BOOST_TEST(error("{\"in\":[\"x\",5]}") == at + ".in[1] must be a string, not an integer");
    BOOST_TEST(error("{\"is\":\"x\"}") ==
               at + ".is is not known here (eq, neq, startsWith, endsWith, contains, in are)");
  }
  for (const std::string field : {"dbId", "tags"}) {
    const std::string at = "filter." + field;
    const auto error = [&](const std::string& value) {
      return filter_error("{\"" + field + "\":" + value + "}");
    };
    BOOST_TEST(error("5") == at + " must be an array of ids, not an integer");
    BOOST_TEST(error("[\"x\"]") == at + "[0] must be an id, an integer");
    BOOST_TEST(error("[\"\"]") == at + "[0] must be an id, an integer");
    BOOST_TEST(error("[\"5 \"]") == at + "[0] must be an id, an integer");
    BOOST_TEST(error("[\"99999999999999999999\"]") == at + "[0] must be an id, an integer");
    BOOST_TEST(error("[1,1.5]") == at + "[1] must be an id, an integer, not a number with decimals");
    BOOST_TEST(error("[null]") == at + "[0] must be an id, an integer, not null");
  }
  for (const std::string field : {"duration", "numNodes", "numAccelerators", "numHWThreads", "energy"}) {
    const std::string at = "filter." + field;
    const auto error = [&](const std::string& value) {
      return filter_error("{\"" + field + "\":" + value + "}");
    };
    BOOST_TEST(error("5") == at + " must be an object, not an integer");
    BOOST_TEST(error("{\"from\":\"5\"}").starts_with(at + ".from must be a"));
    BOOST_TEST(error("{\"to\":-1}") == at + ".to must not be negative (0 leaves that side open)");
    BOOST_TEST(error("{\"min\":5}") == at + ".min is not known here (from, to are)");
  }
  const std::vector<std::pair<std::string, std::string>> others{
      {R"({"duration":{"from":1.5}})", "filter.duration.from must be an integer, not a number with decimals"},
      {R"({"duration":{"to":99999999999999999999}})",
       "filter.duration.to must be an integer, not a number with decimals"},
      {R"({"energy":{"from":true}})", "filter.energy.from must be a number, not a boolean"},
      {R"({"arrayJobId":"7"})", "filter.arrayJobId must be an integer, not a string"},
      {R"({"minRunningFor":1.5})", "filter.minRunningFor must be an integer, not a number with decimals"},
      {R"({"minRunningFor":-9223372036854775807})", "filter.minRunningFor is out of range"},
      {R"({"state":"running"})", "filter.state must be an array of strings, not a string"},
      {R"({"state":[5]})", "filter.state[0] must be a string, not an integer"},
      {R"({"shared":["none"]})", "filter.shared must be a string, not an array"},
      {R"({"schedule":"x"})", "filter.schedule must be \"interactive\" or \"batch\""},
      {R"({"schedule":5})", "filter.schedule must be a string, not an integer"},
      {R"({"startTime":"last7d"})", "filter.startTime must be an object, not a string"},
      {R"({"startTime":{"range":"lastYear"}})",
       "filter.startTime.range must be last6h, last24h, last7d or last30d, not \"lastYear\""},
      {R"({"startTime":{"range":5}})", "filter.startTime.range must be a string, not an integer"},
      {R"({"startTime":{"since":5}})", "filter.startTime.since is not known here (from, to, range are)"},
      {R"({"metricStats":{}})", "filter.metricStats must be an array of objects, not an object"},
      {R"({"metricStats":[5]})", "filter.metricStats[0] must be an object, not an integer"},
      {R"({"metricStats":[{}]})", "filter.metricStats[0] has no metricName"},
      {R"({"metricStats":[{"metricName":5}]})",
       "filter.metricStats[0].metricName must be a string, not an integer"},
      {R"({"metricStats":[{"metricName":"a","range":5}]})",
       "filter.metricStats[0].range must be an object, not an integer"},
      {R"({"metricStats":[{"metricName":"a","range":{"from":"1"}}]})",
       "filter.metricStats[0].range.from must be a number, not a string"},
      {R"({"metricStats":[{"metricName":"a"},{"metricName":"a","min":1}]})",
       "filter.metricStats[1].min is not known here (metricName, range are)"}};
  for (const auto& [filter, text] : others) BOOST_TEST(filter_error(filter) == text, filter);
}

BOOST_AUTO_TEST_CASE(a_bad_timestamp_is_shown_with_a_good_one) {
  for (const std::string side : {"from", "to"}) {
    for (const std::string text : {"yesterday", "2025-01-01", "2025-02-29T00:00:00Z", ""}) {
      BOOST_TEST(filter_error("{\"startTime\":{\"" + side + "\":\"" + text + "\"}}") ==
                 "filter.startTime." + side +
                     " is no timestamp such as \"2025-01-31T12:00:00Z\" (RFC 3339): \"" + text + "\"");
    }
    BOOST_TEST(filter_error("{\"startTime\":{\"" + side + "\":1735689600}}") ==
               "filter.startTime." + side + " must be a string, a timestamp, not an integer");
  }
}

BOOST_AUTO_TEST_CASE(what_is_given_twice_is_refused) {
  BOOST_TEST(filter_error(R"({"user":{"eq":"a"},"user":{"eq":"b"}})") == "filter.user is given twice");
  BOOST_TEST(filter_error(R"({"user":{"eq":"a","eq":"b"}})") == "filter.user.eq is given twice");
  BOOST_TEST(filter_error(R"({"numNodes":{"from":1,"from":2}})") == "filter.numNodes.from is given twice");
}

BOOST_AUTO_TEST_CASE(a_filter_that_is_no_json) {
  for (const std::string text : {"", " ", "{", "user", "{'user':1}", "{\"user\":}", "[{}", "{}x"})
    BOOST_TEST(filter_error(text) == "filter is not valid JSON", text);
  BOOST_TEST(filter_error("5") == "filter must be an object or an array of objects, not an integer");
  BOOST_TEST(filter_error("\"x\"") == "filter must be an object or an array of objects, not a string");
  BOOST_TEST(filter_error("[5]") == "filter[0] must be an object, not an integer");
  BOOST_TEST(filter_error("[[]]") == "filter[0] must be an object, not an array");
  check({{"SELECT * FROM job_stats(5)", "job_stats: argument \"filter\" must be text, not integer"},
         {"SELECT * FROM job_stats(x'7b7d')", "job_stats: argument \"filter\" must be text, not blob"},
         {"SELECT job_count(1.5)", "job_count: filter must be text, not real"}});
  for (const std::string text :
       {"{}", "null", "[]", "[null]", "[{},{}]", " {} ", R"({"user":null})", R"({"user":{}})",
        R"({"user":{"eq":null}})", R"({"numNodes":{"from":0,"to":0}})", R"({"startTime":{}})"})
    BOOST_TEST(count(text) == "6", text);
}

BOOST_AUTO_TEST_CASE(deep_nesting_is_an_error_and_no_crash) {
  for (const std::size_t depth : {100U, 900U, 5000U, 100'000U}) {
    const std::string array = std::string(depth, '[') + std::string(depth, ']');
    const std::string error = filter_error(array);
    BOOST_TEST((error == "filter[0] must be an object, not an array" || error == "filter is not valid JSON"));
    std::string object;
    for (std::size_t i = 0; i < depth; ++i) object += "{\"user\":";
    object += "1" + std::string(depth, '}');
    const std::string other = filter_error(object);
    BOOST_TEST(
        (other.starts_with("filter.user.user is not known here") || other == "filter is not valid JSON"));
  }
}

BOOST_AUTO_TEST_CASE(a_nul_is_refused_wherever_it_is) {
  for (const std::string text :
       {R"({"user":{"eq":"alice\u0000"}})", R"({"user":{"eq":"alice\u0000x"}})",
        R"({"user":{"contains":"a\u0000b"}})", R"({"user":{"in":["bob","alice\u0000"]}})",
        R"({"state":["running\u0000"]})", R"({"shared":"none\u0000"})", R"({"us\u0000er":{"eq":"alice"}})",
        R"({"jobName":{"eq":"\\\u0000"}})"}) {
    BOOST_TEST(filter_error(text) == "filter has a NUL character", text);
  }
  BOOST_TEST(db.error("SELECT job_count('{}' || char(0) || 'x')") == "job_count: filter has a NUL character");
  BOOST_TEST(db.error("SELECT job_count('{}' || char(0))") == "job_count: filter has a NUL character");
  // A backslash before a backslash, and then letters.
  BOOST_TEST(count(R"({"user":{"eq":"alice\\u0000"}})") == "0");
  BOOST_TEST(db.error("SELECT * FROM jobs(NULL, '{\"field\":\"id\\u0000\"}')") ==
             "jobs: order_by has a NUL character");
  BOOST_TEST(db.error("SELECT * FROM job_metric_histogram(NULL, '[\"a\\u0000\"]')") ==
             "job_metric_histogram: metrics has a NUL character");
}

BOOST_AUTO_TEST_CASE(hostile_values_select_what_they_name) {
  const std::vector<std::string> hostile{"'; DROP TABLE job; --",
                                         "\\\" OR 1=1",
                                         "' OR '1'='1",
                                         "'",
                                         "''",
                                         "\\\"",
                                         "%",
                                         "_",
                                         "\\\\",
                                         "%%",
                                         "a' || 'b",
                                         "/*",
                                         "--",
                                         "\\n",
                                         "?1",
                                         ":x",
                                         "$y",
                                         "\xc3\xa4",
                                         "x'); DELETE FROM job; SELECT ('"};
  int id = 100;
  for (const std::string& json : hostile) {
    const std::string name = db.one("SELECT json_extract(" + quoted("\"" + json + "\"") + ", '$')");
    db.rows(
        "INSERT INTO job(id, job_id, cluster, subcluster, hpc_user, project, duration, walltime, job_state, "
        "resources, "
        "num_nodes, shared, meta_data) VALUES (" +
        std::to_string(++id) + ", 1, " + quoted(name) + ", 's', " + quoted(name) +
        ", 'p', 1, 1, 'completed', json_array(json_object('hostname', " + quoted(name) + ")), 1, " +
        quoted(name) + ", json_object('jobName', " + quoted(name) + "))");
  }
  const std::string all = std::to_string(6 + hostile.size());
  for (std::size_t i = 0; i < hostile.size(); ++i) {
    const std::string only = std::to_string(101 + i);
    for (const std::string field : {"user", "cluster", "jobName", "node"}) {
      const auto ids = [&](const std::string& rule) {
        return db.rows("SELECT id FROM jobs(" + quoted("{\"" + field + "\":" + rule + "}") + ")");
      };
      BOOST_TEST_CONTEXT(field << " " << hostile[i]) {
        BOOST_TEST(ids("{\"eq\":\"" + hostile[i] + "\"}") == std::vector<std::string>{only});
        BOOST_TEST(ids("{\"in\":[\"" + hostile[i] + "\"]}") == std::vector<std::string>{only});
        const std::string column = field == "user"      ? "hpc_user"
                                   : field == "cluster" ? "cluster"
                                   : field == "jobName" ? "json_extract(meta_data, '$.jobName')"
                                                        : "json_extract(resources, '$[0].hostname')";
        const std::string name = db.one("SELECT hpc_user FROM job WHERE id = " + only);
        const auto like = [&](const std::string& test) {
          return db.rows(
              "SELECT id FROM job WHERE CASE WHEN json_valid(meta_data) AND json_valid(resources) THEN " +
              test + " END ORDER BY id");
        };
        BOOST_TEST(ids("{\"contains\":\"" + hostile[i] + "\"}") ==
                   like("instr(lower(" + column + "), lower(" + quoted(name) + ")) > 0"));
        BOOST_TEST(ids("{\"startsWith\":\"" + hostile[i] + "\"}") ==
                   like("substr(lower(" + column + "), 1, length(" + quoted(name) + ")) = lower(" +
                        quoted(name) + ")"));
      }
    }
    BOOST_TEST(db.rows("SELECT id FROM jobs(" + quoted("{\"shared\":\"" + hostile[i] + "\"}") + ")") ==
               std::vector<std::string>{only});
    BOOST_TEST(count("{\"state\":[\"" + hostile[i] + "\"]}") == "0");
    // And as a condition written down by hand.
    BOOST_TEST(db.one("SELECT count(*) FROM job WHERE hpc_user = " +
                      quoted(db.one("SELECT hpc_user FROM job WHERE id = " + only))) == "1");
    const std::string where =
        db.one("SELECT job_filter_sql(" + quoted("{\"user\":{\"eq\":\"" + hostile[i] + "\"}}") + ")");
    BOOST_TEST(db.rows("SELECT id FROM job WHERE " + where) == std::vector<std::string>{only});
    BOOST_TEST(db.one("SELECT count(*) FROM job") == all);
  }
}

BOOST_AUTO_TEST_CASE(metric_names_are_letters_digits_and_underscores) {
  for (std::string name : {"", "a b", "a-b", "a.b", "$.a", "a')--", "\\\"", "\xc3\xa4", "a[0]", "*"}) {
    const std::string json = name;
    if (name == "\\\"") name = "\"";  // escaped in JSON
    const std::string problem = " must be letters, digits and underscores, not \"" + name + "\"";
    BOOST_TEST(filter_error("{\"metricStats\":[{\"metricName\":\"" + json + "\"}]}") ==
                   "filter.metricStats[0].metricName" + problem,
               name);
    BOOST_TEST(db.error("SELECT * FROM job_metric_histogram(NULL, " + quoted("[\"x\",\"" + json + "\"]") +
                        ")") == "job_metric_histogram: metrics[1]" + problem,
               name);
    BOOST_TEST(db.error("SELECT * FROM job_page(NULL, " + quoted("[{\"metric\":\"" + json + "\"}]") + ")") ==
                   "job_page: metrics[0].metric" + problem,
               name);
  }
  // With parity nothing matches such a name.
  BOOST_TEST(db.one("SELECT job_count('{\"metricStats\":[{\"metricName\":\"a b\"}]}', NULL, NULL, 1)") ==
             "0");
}

BOOST_AUTO_TEST_CASE(conditions_on_metrics_are_not_endless) {
  const auto filter = [](int conditions) {
    std::string json = R"({"metricStats":[)";
    for (int i = 0; i < conditions; ++i)
      json += (i == 0 ? "" : ",") + (R"({"metricName":"m)" + std::to_string(i)) + R"("})";
    return "'" + json + "]}'";
  };
  // A range that is open on both sides is met by every footprint that is JSON, an unusual one among them.
  BOOST_TEST(db.one("SELECT job_count(" + filter(1000) + ")") == "4");
  BOOST_TEST(db.one("SELECT count(*) FROM jobs(" + filter(1000) + ")") == "4");
  const std::string refusal =
      "filter.metricStats[1000] is one too many: at most 1000 conditions on metrics in a filter";
  BOOST_TEST(db.error("SELECT job_count(" + filter(1001) + ")") == "job_count: " + refusal);
  BOOST_TEST(db.error("SELECT * FROM jobs(" + filter(100'000) + ")") == "jobs: " + refusal);
}

BOOST_AUTO_TEST_CASE(metrics_and_bins) {
  check({{"SELECT * FROM job_metric_histogram(NULL, 'x')", "job_metric_histogram: metrics is not valid JSON"},
         {"SELECT * FROM job_metric_histogram(NULL, '[5]')",
          "job_metric_histogram: metrics[0] must be the name of a metric, a string, not an integer"},
         {"SELECT * FROM job_metric_histogram(NULL, '[[]]')",
          "job_metric_histogram: metrics[0] must be the name of a metric, a string, not an array"},
         {"SELECT * FROM job_metric_histogram(NULL, '{\"peak\":1}')",
          "job_metric_histogram: metrics has no \"metric\""},
         {"SELECT * FROM job_metric_histogram(NULL, '{\"metric\":\"a\",\"bins\":1}')",
          "job_metric_histogram: metrics.bins is not known here (metric, peak are)"},
         {"SELECT * FROM job_metric_histogram(NULL, '[{\"metric\":\"a\",\"peak\":0}]')",
          "job_metric_histogram: metrics[0].peak must be a number above 0"},
         {"SELECT * FROM job_metric_histogram(NULL, '[{\"metric\":\"a\",\"peak\":-1}]')",
          "job_metric_histogram: metrics[0].peak must be a number above 0"},
         {"SELECT * FROM job_metric_histogram(NULL, '[{\"metric\":\"a\",\"peak\":1e999}]')",
          "job_metric_histogram: metrics[0].peak must be a number above 0"},
         {"SELECT * FROM job_metric_histogram(NULL, '[{\"metric\":\"a\",\"peak\":\"x\"}]')",
          "job_metric_histogram: metrics[0].peak must be a number, not a string"},
         {"SELECT * FROM job_metric_histogram(NULL, '[\"a\"]', 0)",
          "job_metric_histogram: bins must be from 1 to 1000, not 0"},
         {"SELECT * FROM job_metric_histogram(NULL, '[\"a\"]', 1001)",
          "job_metric_histogram: bins must be from 1 to 1000, not 1001"},
         {"SELECT * FROM job_metric_histogram(NULL, '[\"a\"]', '10')",
          "job_metric_histogram: argument \"bins\" must be an integer, not text"},
         {"SELECT * FROM job_metric_histogram", "job_metric_histogram: argument \"metrics\" is required"},
         {"SELECT * FROM job_page(NULL, 'x')", "job_page: metrics is not valid JSON"},
         {"SELECT * FROM job_page WHERE metric_bins = 0",
          "job_page: metric_bins must be from 1 to 1000, not 0"},
         {"SELECT * FROM job_page WHERE duration_bins = '5m'",
          "job_page: duration_bins must be 1m, 10m, 1h, 6h, 12h or 24h, not \"5m\""},
         {"SELECT * FROM job_histogram(NULL, 'duration', '5m')",
          "job_histogram: bins must be 1m, 10m, 1h, 6h, 12h or 24h, not \"5m\""},
         {"SELECT * FROM job_histogram(NULL, 'num_gpus')",
          "job_histogram: dimension must be duration, num_nodes, num_cores or num_accs, not \"num_gpus\""},
         {"SELECT * FROM job_histogram", "job_histogram: argument \"dimension\" is required"}});
  const auto metrics = [&](int count) {
    return db.error(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " + std::to_string(count) +
        ") SELECT count(*) FROM job_metric_histogram(NULL, (SELECT json_group_array('m' || n) FROM c))");
  };
  BOOST_TEST(metrics(100) == "");
  BOOST_TEST(metrics(101) ==
             "job_metric_histogram: metrics[100] is one too many: at most 100 metrics at once");
}

BOOST_AUTO_TEST_CASE(the_arguments_that_all_have) {
  check({{"SELECT * FROM job_stats WHERE parity = 2", "job_stats: parity must be 0 or 1, not 2"},
         {"SELECT * FROM job_stats WHERE short_seconds = -1",
          "job_stats: short_seconds must not be negative, and is -1"},
         {"SELECT * FROM job_stats WHERE now = 'x'",
          "job_stats: argument \"now\" must be an integer, not text"},
         {"SELECT * FROM job_stats WHERE group_by = 5",
          "job_stats: argument \"group_by\" must be text, not integer"},
         {"SELECT * FROM jobs WHERE per_page = 0",
          "jobs: per_page must be at least 1, or -1 for all jobs, not 0"},
         {"SELECT * FROM jobs WHERE per_page = -2",
          "jobs: per_page must be at least 1, or -1 for all jobs, not -2"},
         {"SELECT job_count(NULL, NULL, 'x')", "job_count: now must be an integer, not text"},
         {"SELECT job_count(NULL, NULL, NULL, 2)", "job_count: parity must be 0 or 1, not 2"},
         {"SELECT * FROM job_stats WHERE engine = 5",
          "job_stats: argument \"engine\" must be text, not integer"},
         {"SELECT job_count(NULL, NULL, NULL, 0, 5)", "job_count: engine must be text, not integer"},
         {"SELECT job_count(NULL, NULL, NULL, 0, 'x')",
          "job_count: engine must be 'auto', 'rows' or 'columns', not \"x\""},
         {"SELECT * FROM job_stats(NULL, NULL, NULL, NULL, NULL, NULL, NULL, 5)",
          "too many arguments on job_stats() - max 7"},
         {"SELECT * FROM job_histogram(NULL, 'duration', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
          "too many arguments on job_histogram() - max 8"},
         {"SELECT * FROM job_metric_histogram(NULL, '[]', NULL, NULL, NULL, NULL, NULL, NULL, 6)",
          "too many arguments on job_metric_histogram() - max 8"},
         {"SELECT * FROM job_page(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 5)",
          "too many arguments on job_page() - max 9"},
         {"SELECT job_count(NULL, NULL, NULL, 0, NULL, 5)",
          "wrong number of arguments to function job_count()"},
         {"SELECT job_engine(NULL, NULL, NULL, 0, 5)", "wrong number of arguments to function job_engine()"},
         {"SELECT job_filter_sql(NULL, NULL, NULL, 0, 5)",
          "wrong number of arguments to function job_filter_sql()"}});
}

BOOST_AUTO_TEST_CASE(orders_of_jobs) {
  check(
      {{"SELECT * FROM jobs(NULL, 'id up')", "jobs: order_by: direction \"up\" must be ASC or DESC"},
       {"SELECT * FROM jobs(NULL, 'id; DROP TABLE job')",
        "jobs: order_by: direction \"DROP TABLE job\" must be ASC or DESC"},
       {"SELECT * FROM jobs(NULL, 'footprint.a.b')",
        "jobs: order_by: metric \"a.b\" must be letters, digits and underscores"},
       {"SELECT * FROM jobs(NULL, 'footprint.')",
        "jobs: order_by: metric \"\" must be letters, digits and underscores"},
       {"SELECT * FROM jobs(NULL, '{\"field\":5}')", "jobs: order_by.field must be a string, not an integer"},
       {"SELECT * FROM jobs(NULL, '{\"col\":\"id\"}')",
        "jobs: order_by.col is not known here (field, type, order are)"},
       {"SELECT * FROM jobs(NULL, '{\"field\":\"id\",\"order\":\"UP\"}')",
        "jobs: order_by: direction \"UP\" must be ASC or DESC"},
       {"SELECT * FROM jobs(NULL, '{')", "jobs: order_by is not valid JSON"},
       {"SELECT * FROM jobs(NULL, '[5]')", "jobs: order_by[0] must be an object, not an integer"}});
  for (const std::string column : {"x", "meta_data", "rowid", "id)", "1", "'id'", "", "id,,job_id"}) {
    BOOST_TEST(db.error("SELECT * FROM jobs(NULL, " + quoted(column.empty() ? "," : column) + ")")
                   .starts_with("jobs: order_by: column \""),
               column);
  }
}

BOOST_AUTO_TEST_CASE(functions_of_our_own_are_for_nobody_else) {
  // They come with the first statistic that needs them.
  BOOST_TEST(db.error("SELECT warden_job_pass()") == "no such function: warden_job_pass");
  db.rows("SELECT total_jobs FROM job_stats");
  check({{"SELECT warden_job_pass()", "warden_job_pass is for the job statistics alone"},
         {"SELECT warden_job_pass(NULL, id) FROM job", "warden_job_pass is for the job statistics alone"},
         {"SELECT warden_job_pass(5, id) FROM job", "warden_job_pass is for the job statistics alone"},
         {"SELECT warden_job_pass(x'00', id) FROM job GROUP BY hpc_user",
          "warden_job_pass is for the job statistics alone"},
         {"SELECT warden_job_match(NULL, NULL)", "warden_job_match is for the job statistics alone"},
         {"SELECT warden_job_match(footprint, footprint) FROM job",
          "warden_job_match is for the job statistics alone"},
         {"SELECT warden_job_match(1)", "wrong number of arguments to function warden_job_match()"}});
  BOOST_TEST(db.one("SELECT warden_job_pass(1) FROM job WHERE 0") == "NULL");  // no row, no pass
  // A pointer of another kind is none of ours.
  sqlite3_stmt* statement = nullptr;
  BOOST_TEST(sqlite3_prepare_v2(db.get(), "SELECT warden_job_pass(?1), 1 FROM job", -1, &statement,
                                nullptr) == SQLITE_OK);
  int other = 0;
  sqlite3_bind_pointer(statement, 1, &other, "warden_job_match", nullptr);
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ERROR);
  BOOST_TEST(sqlite3_finalize(statement) == SQLITE_ERROR);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
