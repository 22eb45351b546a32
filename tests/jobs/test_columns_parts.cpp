// job_columns part by part: each sum by itself, each reason to read rows, each kind of damage by its words.
#include <boost/test/unit_test.hpp>

#include "columns_agree.hpp"

namespace warden::test {
namespace {

const std::string kNow = "1704092267";

/// Jobs of all kinds: some that run, some without numbers or footprints, a metric that few have.
struct Parts : Indexed {
  Parts() : Indexed(1500) {
    db.rows(
        "UPDATE job SET job_state = 'running', duration = 0 WHERE id % 40 = 3;"
        "UPDATE job SET num_hwthreads = NULL, num_acc = NULL WHERE id % 70 = 5;"
        "UPDATE job SET footprint = NULL WHERE id % 90 = 7;"
        "UPDATE job SET footprint = '{\"rare_one\": 12.5, \"mem_bw_avg\": 17.25}' WHERE id BETWEEN 900 AND "
        "903");
    command("refresh");
  }
  void agree(const std::string& question) const { BOOST_TEST(difference(db, question) == ""); }
  /// And it is columns that answer.
  void agree_by_columns(const std::string& question) const {
    BOOST_TEST(answer(db, with_engine(question, "columns")) == answer(db, with_engine(question, "rows")),
               boost::test_tools::per_element());
  }
  /// Why columns can't answer.
  std::string why(const std::string& question) const {
    const std::string text = db.error(with_engine(question, "columns"));
    const std::string before = "engine is 'columns', but ";
    const auto at = text.find(before);
    return at == std::string::npos ? "no reason: " + text : text.substr(at + before.size());
  }
};

std::string histogram_of(const std::string& metric, const std::string& bins) {
  return "SELECT * FROM job_metric_histogram(NULL, '[" + metric + "]', " + bins + ") WHERE now = " + kNow +
         " AND engine = 'ENGINE'";
}

/// Segments whose metrics have one, two and three digits behind the point, and the other way round; each has larger values.
void make_digits(const Db& db) {
  db.rows(
      "CREATE TABLE digits(id INTEGER PRIMARY KEY, start_time INT, duration INT, job_state TEXT, hpc_user "
      "TEXT, "
      "num_nodes INT, footprint TEXT);"
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4096) INSERT INTO digits "
      "SELECT i, 0, "
      "i % 7, 'completed', 'u', 1, CASE WHEN i % 100 <> 0 THEN printf('{\"few\": %.*f, \"fewer\": %.*f}', 1 "
      "+ (i / 1024) % "
      "3, (i % 900 - 160) * (1 + i / 1024) / 8.0, 3 - (i / 1024) % 3, (i % 900 - 160) * (1 + i / 1024) / "
      "8.0) END FROM n;"
      "CREATE VIRTUAL TABLE digits_index USING job_columns(source=digits, segment_jobs=1024)");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_columns_parts, Parts)

BOOST_AUTO_TEST_CASE(each_sum_by_itself) {
  for (const char* column :
       {"total_jobs", "total_users", "total_walltime_hours", "total_nodes", "total_node_hours", "total_cores",
        "total_core_hours", "total_accs", "total_acc_hours", "running_jobs", "short_jobs",
        "running_jobs + short_jobs", "total_nodes + total_users"})
    for (const char* group : {"NULL", "'user'", "'cluster'"})
      for (const char* filter :
           {"NULL", "'{\"state\":[\"running\",\"completed\"],\"numNodes\":{\"from\":2,\"to\":0}}'",
            "'{\"state\":[\"completed\"]}'"})
        agree("SELECT " + std::string(column) + " FROM job_stats(" + filter + ", " + group +
              ") WHERE now = " + kNow + " AND engine = 'ENGINE' ORDER BY group_key");
}

BOOST_AUTO_TEST_CASE(each_histogram_by_itself) {
  for (const char* dimension : {"'duration', '1m'", "'duration', '10m'", "'duration', '6h'",
                                "'num_nodes', NULL", "'num_cores', NULL", "'num_accs', NULL"})
    agree("SELECT * FROM job_histogram(NULL, " + std::string(dimension) + ") WHERE now = " + kNow +
          " AND engine = 'ENGINE'");
  for (const char* metrics :
       {"[\"rare_one\"]", "[{\"metric\":\"rare_one\",\"peak\":12.5}]",
        "[{\"metric\":\"rare_one\",\"peak\":0}]", "[{\"metric\":\"mem_bw_avg\",\"peak\":17.25}]",
        "[{\"metric\":\"mem_bw_avg\",\"peak\":1e-5}]", "[{\"metric\":\"mem_bw_avg\",\"peak\":1e9}]",
        "[\"mem_bw_avg\",\"cpu_load_avg\",\"nobody_has_it\"]"})
    for (const char* bins : {"1", "10", "64", "65", "1000"})
      for (const char* filter :
           {"NULL", "'{\"numNodes\":{\"from\":2,\"to\":0}}'", "'{\"user\":{\"eq\":\"nobody\"}}'"})
        agree("SELECT * FROM job_metric_histogram(" + std::string(filter) + ", '" + metrics + "', " + bins +
              ") WHERE now = " + kNow + " AND jobs > 0 AND engine = 'ENGINE'");
}

BOOST_AUTO_TEST_CASE(each_condition_by_itself) {
  for (const char* filter :
       {R"({"startTime":{"range":"last6h"}})", R"({"duration":{"from":60,"to":3600}})",
        R"({"duration":{"to":60}})", R"({"numNodes":{"from":5,"to":3}})",
        R"({"numHWThreads":{"from":1,"to":0}})", R"({"arrayJobId":0})", R"({"cluster":{"eq":"fritz"}})",
        R"({"cluster":{"neq":"fritz"}})", R"({"cluster":{"in":["fritz","woody"]}})",
        R"({"jobName":{"contains":"a"}})", R"({"jobName":{"in":[]}})", R"({"user":{"startsWith":"u"}})",
        R"({"shared":"none"})", R"({"metricStats":[{"metricName":"rare_one","range":{"from":12.5,"to":0}}]})",
        R"({"metricStats":[{"metricName":"rare_one","range":{"from":13,"to":0}}]})",
        R"({"metricStats":[{"metricName":"rare_one","range":{"from":0,"to":12}}]})",
        R"({"metricStats":[{"metricName":"nobody_has_it","range":{"from":1,"to":0}}]})",
        R"({"metricStats":[{"metricName":"mem_bw_avg","range":{"from":17.25,"to":17.25}}]})",
        R"({"metricStats":[{"metricName":"mem_bw_avg","range":{"from":0.001,"to":1e12}}]})"}) {
    for (const char* asked : {"job_count(FILTER, NULL, NOW, 0, 'ENGINE')"}) {
      std::string question = std::string("SELECT ") + asked;
      question.replace(question.find("FILTER"), 6, text_of(filter));
      question.replace(question.find("NOW"), 3, kNow);
      agree(question);
      BOOST_TEST(
          db.one("SELECT job_engine(" + text_of(filter) + ", NULL, " + kNow + ")") == "columns: job_index",
          filter);
    }
  }
}

BOOST_AUTO_TEST_CASE(it_is_read_by_any_bound) {
  db.rows("UPDATE job SET duration = 1 WHERE id IN (3, 1100)");
  for (const char* condition :
       {"id = 5", "id = 3", "id = 5.0", "id > 1024", "id >= 1024 AND id < 1030", "id <= 3",
        "id BETWEEN 1020 AND 1030", "start_time = (SELECT start_time FROM job WHERE id = 900)",
        "start_time > 1704050000", "start_time <= 1704020000",
        "start_time BETWEEN 1704020000 AND 1704050000 AND id > 7", "id = NULL", "id > 'x'", "id = 99999",
        "start_time < 0", "id IN (1, 1100, 1101)", "rowid = 4", "duration > 100 AND id < 40",
        "job_state = 'running'"}) {
    const std::string source = condition;
    BOOST_TEST(db.rows("SELECT id, duration, cluster FROM job_index WHERE " + std::string(condition) +
                       " ORDER BY id") ==
                   db.rows("SELECT id, duration, cluster FROM job WHERE " + source + " ORDER BY id"),
               condition);
  }
  BOOST_TEST(
      db.one(
          "SELECT count(*) FROM job AS j JOIN job_index AS i ON i.id = j.id AND i.duration = j.duration") ==
      db.one("SELECT count(*) FROM job"));
  BOOST_TEST(db.one("SELECT job_index FROM job_index LIMIT 1") == "NULL");
}

BOOST_AUTO_TEST_CASE(each_reason_to_read_rows) {
  const std::string stats = "SELECT * FROM job_stats(NULL) WHERE engine = 'ENGINE' AND now = ";
  BOOST_TEST(why(stats + "-5") == "now is beyond what the columns reckon with");
  BOOST_TEST(why("SELECT * FROM job_stats(NULL, 'num_nodes') WHERE engine = 'ENGINE'") ==
             "the columns don't have num_nodes of the jobs");
  BOOST_TEST(why("SELECT job_count('{\"energy\":{\"from\":1,\"to\":0}}', NULL, NULL, 0, 'ENGINE')") ==
             "the columns can't answer the filter's field energy");
  BOOST_TEST(why("SELECT job_count(NULL, 'hpc_user', NULL, 0, 'ENGINE')") ==
             "the source has no job_columns table");
  db.rows(
      "DROP TABLE job_index; CREATE VIRTUAL TABLE job_index USING job_columns(source = job, metrics = "
      "'[\"cpu_load_avg\"]', segment_jobs = 2000)");
  const std::string missing = "the columns don't have the metric mem_bw_avg";
  BOOST_TEST(why("SELECT * FROM job_metric_histogram(NULL, '[\"mem_bw_avg\"]') WHERE engine = 'ENGINE'") ==
             missing);
  BOOST_TEST(
      why("SELECT "
          "job_count('{\"metricStats\":[{\"metricName\":\"mem_bw_avg\",\"range\":{\"from\":1,\"to\":0}}]}',"
          " NULL, NULL, 0, 'ENGINE')") == missing);
  agree("SELECT * FROM job_metric_histogram(NULL, '[\"cpu_load_avg\"]') WHERE engine = 'ENGINE' AND now = " +
        kNow);
  // A source that has little.
  db.rows(
      "CREATE TABLE few(id INTEGER PRIMARY KEY, job_state TEXT, start_time INT, duration INT, hpc_user TEXT,"
      " cluster TEXT COLLATE NOCASE, project, num_nodes INT, num_hwthreads INT, num_acc INT);"
      "INSERT INTO few SELECT id, job_state, start_time, duration, hpc_user, cluster, project, num_nodes, "
      "num_hwthreads,"
      " num_acc FROM job; CREATE VIRTUAL TABLE few_index USING job_columns(source=few)");
  const auto few = [&](const std::string& filter) {
    return why("SELECT job_count(" + text_of(filter) + ", 'few', NULL, 0, 'ENGINE')");
  };
  BOOST_TEST(few(R"({"cluster":{"eq":"fritz"}})") == "the columns can't answer the filter's field cluster");
  BOOST_TEST(few(R"({"project":{"eq":"p"}})") == "the columns can't answer the filter's field project");
  agree("SELECT * FROM job_stats(NULL, 'user', 'few') WHERE engine = 'ENGINE' AND now = " + kNow);
  BOOST_TEST(db.one("SELECT job_engine(NULL, 'few')") == "columns: few_index");
  db.rows(
      "CREATE TABLE less(id INTEGER PRIMARY KEY, hpc_user TEXT); INSERT INTO less VALUES (1, 'a');"
      "CREATE VIRTUAL TABLE less_index USING job_columns(source=less)");
  BOOST_TEST(db.one("SELECT job_engine('{\"user\":{\"eq\":\"a\"}}', 'less')") == "columns: less_index");
  BOOST_TEST(db.one("SELECT count(*) FROM less_index") == "1");
  db.rows("DELETE FROM less; INSERT INTO less_index(less_index) VALUES ('rebuild')");
  BOOST_TEST(db.one("SELECT count(*) FROM less_index") == "0");
}

BOOST_AUTO_TEST_CASE(options_are_read_with_care) {
  const auto error = [&](const std::string& options) {
    return db.error("CREATE VIRTUAL TABLE other USING job_columns(" + options + ")");
  };
  BOOST_TEST(error("source") == "job_columns: an option is written name=value, not \"source\"");
  BOOST_TEST(error("metrics='5'").starts_with("job_columns: metrics"));
  BOOST_TEST(error("metrics='[5]'").starts_with("job_columns: metrics"));
  BOOST_TEST(error("metrics='[\"a b\"]'").starts_with("job_columns: metrics"));
  std::string many;
  for (int i = 0; i < 300; ++i) many += (i == 0 ? "\"m" : ",\"m") + std::to_string(i) + "\"";
  BOOST_TEST(error("metrics='[" + many + "]'").starts_with("job_columns: metrics"));
  BOOST_TEST(error("segment_jobs=").starts_with("job_columns: segment_jobs must be"));
  db.rows(
      "CREATE TABLE \"my \"\"jobs\"(id INTEGER PRIMARY KEY, hpc_user TEXT);"
      "CREATE VIRTUAL TABLE \"my 'index\" USING job_columns( source = 'my \"jobs' ,\n segment_jobs = "
      "\"2048\" )");
  db.rows("INSERT INTO \"my \"\"jobs\" VALUES (1, 'x')");
  BOOST_TEST(db.one("SELECT hpc_user FROM \"my 'index\"") == "x");
  db.rows("DROP TABLE \"my 'index\"");
  db.rows("CREATE UNIQUE INDEX odd_one ON job(abs(job_id), id)");
  BOOST_TEST(error("source=job").find("is on an expression") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_kind_of_damage_is_told) {
  const std::string all = "SELECT * FROM job_page(NULL, '[\"mem_bw_avg\"]') WHERE engine = 'columns'";
  const auto damaged = [&](const std::string& change, const std::string& question,
                           const std::string& expected) {
    db.rows("SAVEPOINT damage");
    db.rows(change);
    const std::string said = db.error(question);
    BOOST_TEST(said.find(expected) != std::string::npos, change << ": " << said);
    db.rows("ROLLBACK TO damage; RELEASE damage");
  };
  const std::string by_user = "SELECT * FROM job_stats(NULL, 'user') WHERE engine = 'columns'";
  const std::string checked = "INSERT INTO job_index(job_index) VALUES ('integrity-check')";
  damaged("UPDATE job_index_segment SET last = first - 1", all, "its row is damaged");
  damaged("UPDATE job_index_segment SET zones = x'00'", all, "its row is damaged");
  damaged("DELETE FROM job_index_column WHERE id % 4096 = 2", all, "column 2: it is missing");
  damaged("DELETE FROM job_index_column WHERE id % 4096 >= 64", all, "it is missing");
  const auto put = [](const std::string& column, const std::string& in_the_place_of,
                      const std::string& which) {
    return "UPDATE job_index_column SET data = (SELECT data FROM job_index_column WHERE id % 4096 = " +
           column + " ORDER BY id " + which +
           " LIMIT 1) WHERE id = (SELECT min(id) FROM job_index_column WHERE id % 4096 = " + in_the_place_of +
           ")";
  };
  damaged(put("2", "2", "DESC"), all, "it has another number of jobs than its segment");
  damaged(put("1", "2", "ASC"), all, "it has values that no regular job has");
  damaged(put("2", "8", "ASC"), by_user, "has codes that are not in the dictionary");
  damaged("DELETE FROM job_index_value WHERE \"column\" = 8", by_user,
          "has codes that are not in the dictionary");
  damaged("DELETE FROM job_index_value WHERE \"column\" = 8", "SELECT hpc_user FROM job_index",
          "has a code that is");
  damaged("DELETE FROM job_index_value WHERE \"column\" = 8 AND code = 2",
          "SELECT job_count('{\"user\":{\"startsWith\":\"u\"}}', NULL, NULL, 0, 'columns')", "job_index");
  damaged(
      "DELETE FROM job_index_value WHERE \"column\" = 8 AND code = 2; UPDATE job SET duration = 1 WHERE id = "
      "9",
      "INSERT INTO job_index(job_index) VALUES ('refresh')", "job_index");
  damaged("UPDATE job_index_config SET value = '7' WHERE key = 'version'",
          "INSERT INTO job_index(job_index) VALUES ('refresh'); SELECT job_engine(NULL)",
          "has format version 7");
  damaged("UPDATE job_index_config SET value = '7' WHERE key = 'segment_jobs'", all,
          "segments of no possible size");
  // What an integrity check is for: columns that are sound, and say something else.
  damaged("UPDATE job SET duration = duration + 1 WHERE id = 1200; DELETE FROM job_index_delta", checked,
          "job 1200 differs from");
  damaged("UPDATE job SET num_hwthreads = NULL WHERE id = 30; DELETE FROM job_index_delta", checked,
          "job 30 differs from");
  damaged("UPDATE job SET footprint = '{\"mem_bw_avg\": 1}' WHERE id = 30; DELETE FROM job_index_delta",
          checked, "job 30 differs from");
  damaged("UPDATE job SET footprint = '{\"quite_new\": 1}' WHERE id = 30; DELETE FROM job_index_delta",
          checked, "job 30 differs from");
  damaged("UPDATE job SET duration = 'x' WHERE id = 30; DELETE FROM job_index_delta", checked,
          "job 30 differs from");
  damaged("DELETE FROM job WHERE id = 30; DELETE FROM job_index_delta", checked, "job 30 ");
  damaged("DELETE FROM job WHERE id = 1500; DELETE FROM job_index_delta", checked, "job 1500 ");
  damaged(
      "INSERT INTO job SELECT 9999, job_id + 1, cluster, subcluster, submit_time, start_time, hpc_user, "
      "project, "
      "cluster_partition, array_job_id, duration, walltime, job_state, meta_data, resources, num_nodes, "
      "num_hwthreads, "
      "num_acc, smt, shared, monitoring_status, energy, energy_footprint, footprint FROM job WHERE id = 4;"
      "DELETE FROM job_index_delta",
      checked, "job 9999 ");
  damaged("DROP TRIGGER job_index_updated", checked, "its triggers are not on the source");
  BOOST_TEST(db.error(checked) == "");
}

BOOST_AUTO_TEST_CASE(jobs_may_come_anywhere) {
  const auto copy = [&](std::int64_t id) {
    db.rows(
        "INSERT INTO job SELECT " + std::to_string(id) + ", job_id + 1000000 + " + std::to_string(id) +
        ", cluster, subcluster, submit_time, start_time, hpc_user, project, cluster_partition, array_job_id, "
        "duration, walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, smt, "
        "shared, "
        "monitoring_status, energy, energy_footprint, footprint FROM job LIMIT 1");
  };
  const std::string by_user =
      "SELECT * FROM job_stats(NULL, 'user') WHERE now = " + kNow + " AND engine = 'ENGINE' ORDER BY 1";
  const auto check = [&](const char* word) {
    command(word);
    command("integrity-check");
    BOOST_TEST(db.one("SELECT count(*) FROM job_index_delta") == "0");
    agree(by_user);
  };
  copy(-5);  // before all
  check("refresh");
  for (std::int64_t id = 1501; id <= 2048; ++id) copy(id);
  check("refresh");
  copy(2049);  // behind a full one
  check("refresh");
  db.rows("DELETE FROM job WHERE id BETWEEN 20 AND 1800");
  check("refresh");
  for (const std::int64_t id : {30, 500, 1700}) copy(id);  // where others have been
  check("optimize");
  db.rows("CREATE TEMP TABLE one AS SELECT * FROM job LIMIT 1; DELETE FROM job");
  check("refresh");
  db.rows("INSERT INTO job SELECT * FROM one");
  check("refresh");
  BOOST_TEST(db.one("SELECT count(*) FROM job_index") == "1");
  db.rows("DROP TABLE job_index_config");
  BOOST_TEST(engine() == "rows: the source has no job_columns table");
}

BOOST_AUTO_TEST_CASE(segments_of_several_blocks_leave_out_what_is_not_meant) {
  db.rows(
      "DROP TABLE job_index; UPDATE job SET start_time = 1704000000 + id * 10, footprint = "
      "json_object('steady', "
      "CASE WHEN id <= 1024 THEN id + 0.125 ELSE id END);"
      "UPDATE job SET job_state = 'completed' WHERE job_state = 'running' AND id > 10;"
      "CREATE VIRTUAL TABLE job_index USING job_columns(source=job)");
  BOOST_TEST(db.one("SELECT count(*) FROM job_index WHERE id > 1100") == "400");
  BOOST_TEST(db.one("SELECT count(*) FROM job_index WHERE start_time >= 1704011000") == "401");
  for (const char* filter : {R"({"startTime":{"from":"2023-12-31T05:30:00Z","to":"2023-12-31T09:00:00Z"}})",
                             R"({"duration":{"from":60,"to":3600}})",
                             R"({"metricStats":[{"metricName":"steady","range":{"from":0.5,"to":1e9}}]})",
                             R"({"metricStats":[{"metricName":"steady","range":{"from":1200,"to":0}}]})",
                             R"({"metricStats":[{"metricName":"steady","range":{"from":0,"to":1000.125}}]})"})
    for (const char* rest : {"", ", 'cluster'"})
      agree("SELECT * FROM job_stats(" + text_of(filter) + rest + ") WHERE now = " + kNow +
            " AND engine = 'ENGINE' ORDER BY 1");
  agree("SELECT * FROM job_metric_histogram(NULL, '[\"steady\"]', 20) WHERE engine = 'ENGINE'");
  // Of the states that were seen, none is left that runs.
  db.rows("UPDATE job SET job_state = 'failed' WHERE job_state = 'running'");
  command("refresh");
  agree(R"(SELECT * FROM job_stats('{"duration":{"from":60,"to":3600}}') WHERE engine = 'ENGINE')");
  db.rows("DELETE FROM job WHERE id = 30");
  command("refresh");
  db.rows(
      "INSERT INTO job SELECT 30, 77777777, cluster, subcluster, submit_time, start_time, hpc_user, project, "
      "cluster_partition, array_job_id, duration, walltime, job_state, meta_data, resources, num_nodes, "
      "num_hwthreads, "
      "num_acc, smt, shared, monitoring_status, energy, energy_footprint, footprint FROM job WHERE id = 4;"
      "DELETE FROM job_index_delta");
  BOOST_TEST(
      db.error("INSERT INTO job_index(job_index) VALUES ('integrity-check')").find("job 30 is missing") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_but_a_rebuild_makes_up_for_what_was_missed) {
  const std::string by_user =
      "SELECT * FROM job_stats(NULL, 'user') WHERE now = " + kNow + " AND engine = 'ENGINE' ORDER BY 1";
  db.rows(
      "DROP TRIGGER job_index_updated; UPDATE job SET hpc_user = 'unseen' WHERE id < 100;"
      "UPDATE job SET id = 5000, footprint = '{\"never_met\": 1}' WHERE id = 200");
  const std::string trouble = "its triggers are not on the source; 'rebuild' makes them anew";
  for (const char* word : {"refresh", "refresh=1", "optimize"})
    BOOST_TEST(db.error(std::string("INSERT INTO job_index(job_index) VALUES ('") + word + "')") ==
               "job_columns: \"job_index\": " + trouble);
  db.rows("ALTER TABLE job_index RENAME TO fast");
  BOOST_TEST(engine() == "rows: job_columns table \"fast\": " + trouble);
  agree(by_user);
  db.rows("INSERT INTO fast(fast) VALUES ('rebuild')");
  BOOST_TEST(engine() == "columns: fast");
  agree(by_user);
}

BOOST_AUTO_TEST_CASE(very_many_users_and_projects_are_left_to_rows, *boost::unit_test::enable_if<!kSlow>()) {
  db.rows(
      "CREATE TABLE crowd(id INTEGER PRIMARY KEY, start_time INT, duration INT, job_state TEXT, hpc_user "
      "TEXT, project "
      "TEXT, num_nodes INT, num_hwthreads INT, num_acc INT);"
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO crowd "
      "SELECT i, 0, 1, "
      "'completed', 'u' || i, 'p' || i, 1, 1, 0 FROM n;"
      "CREATE VIRTUAL TABLE crowd_index USING job_columns(source=crowd)");
  BOOST_TEST(why("SELECT * FROM job_stats(NULL, 'project', 'crowd') WHERE engine = 'ENGINE'") ==
             "there are too many users and groups for the columns");
  agree(
      "SELECT sum(total_users), count(*) FROM job_stats(NULL, 'project', 'crowd') WHERE now = 9 AND engine = "
      "'ENGINE'");
  agree("SELECT total_users FROM job_stats(NULL, NULL, 'crowd') WHERE now = 9 AND engine = 'ENGINE'");
}

BOOST_AUTO_TEST_CASE(a_metric_may_have_more_digits_in_one_segment_than_in_another) {
  make_digits(db);
  for (const char* metric : {"few", "fewer"})
    for (const char* filter : {"NULL", "'{\"duration\":{\"from\":3,\"to\":0}}'"})
      for (const char* bins : {"10", "100"})
        for (const char* peak : {"", ",\"peak\":112.375"})
          agree("SELECT * FROM job_metric_histogram(" + std::string(filter) + ", '[{\"metric\":\"" + metric +
                "\"" + peak + "}]', " + bins + ", 'digits') WHERE now = 9 AND engine = 'ENGINE'");
}

BOOST_AUTO_TEST_CASE(a_value_that_all_have_may_be_the_edge_of_a_bin) {
  // 3/10 as a double is below it: which bin it is in is for the text to say.
  db.rows("UPDATE job SET footprint = '{\"same\": 0.3}'");
  command("rebuild");
  for (const char* metric : {R"({"metric":"same"})", R"({"metric":"same","peak":1})"})
    agree_by_columns(histogram_of(metric, "10"));
}

BOOST_AUTO_TEST_CASE(numbers_of_more_digits_than_a_block_packs_are_counted_as_they_are) {
  db.rows(
      "UPDATE job SET footprint = CASE WHEN id % 5 THEN json_object('sevenths', id / 7.0) ELSE "
      "'{\"other\":1}' "
      "END");
  command("rebuild");
  for (const char* metric : {R"({"metric":"sevenths"})", R"({"metric":"sevenths","peak":100})"})
    agree_by_columns(histogram_of(metric, "10"));
}

BOOST_AUTO_TEST_CASE(sums_that_overflow_are_the_error_that_they_are_over_rows) {
  db.rows(
      "CREATE TABLE heavy(id INTEGER PRIMARY KEY, start_time INT, duration INT, job_state TEXT, hpc_user "
      "TEXT, "
      "num_nodes INT);"
      "CREATE VIRTUAL TABLE heavy_index USING job_columns(source=heavy)");
  for (const char* nodes :
       {"16777215", "4194303"}) {  // the largest of a regular job; the largest that is summed in 32 bits
    db.rows(
        "DELETE FROM heavy;"
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9000) INSERT INTO heavy "
        "SELECT i, 0, 268435455, 'completed', 'u', " +
        std::string(nodes) +
        " FROM n;"
        "INSERT INTO heavy_index(heavy_index) VALUES ('rebuild')");
    for (const char* group : {"NULL", "'user'"}) {
      const std::string from = " FROM job_stats(NULL, " + std::string(group) +
                               ", 'heavy') WHERE now = " + kNow + " AND engine = 'ENGINE'";
      const std::string hours = "SELECT total_node_hours" + from;
      BOOST_TEST(db.error(with_engine(hours, "columns")) ==
                 "job_stats: integer overflow in total_node_hours");
      agree_by_columns(hours);
      agree_by_columns("SELECT total_nodes, total_walltime_hours" + from);  // of which none overflows
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_of_as_many_bits_as_a_block_packs_are_counted) {
  for (const char* step : {"0.7", "1.4", "2.8"}) {  // times 1500 and a thousandth: 30, 31 and 32 bits
    db.rows("UPDATE job SET footprint = printf('{\"wide\": %.3f}', id * 1000.0 * " + std::string(step) +
            " + 0.001)");
    command("rebuild");
    for (const char* bins : {"10", "64", "65"}) agree_by_columns(histogram_of(R"({"metric":"wide"})", bins));
  }
}

BOOST_AUTO_TEST_CASE(what_durations_would_be_behind_the_last_job_is_nothing) {
  // Each is less than the one before, by as much; so those behind the last would be less than nothing.
  db.rows(
      "CREATE TABLE falling AS SELECT id, start_time, 60000 - 40 * id AS duration, 'completed' AS job_state "
      "FROM job "
      "WHERE id < 1500;"
      "CREATE TABLE falls(id INTEGER PRIMARY KEY, start_time INT, duration INT, job_state TEXT);"
      "INSERT INTO falls SELECT * FROM falling;"
      "CREATE VIRTUAL TABLE falls_index USING job_columns(source=falls)");
  for (const char* way : {"1m", "10m", "24h"})
    agree_by_columns("SELECT * FROM job_histogram(NULL, 'duration', '" + std::string(way) +
                     "', 'falls') WHERE now = " + kNow + " AND engine = 'ENGINE'");
}

BOOST_AUTO_TEST_CASE(a_host_may_allow_fewer_columns_than_it_has) {
  const TempDir dir;
  const Db whole(dir.file("jobs.db"));
  make_digits(whole);
  whole.rows(
      "UPDATE digits SET footprint = '{\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1}' WHERE id = 1;"
      "INSERT INTO digits_index(digits_index) VALUES ('rebuild')");
  const Db limited(dir.file("jobs.db"));
  sqlite3_limit(limited.get(), SQLITE_LIMIT_COLUMN, 9);  // enough for the table
  BOOST_TEST(limited.error("SELECT * FROM digits_index") == "job_columns: too many columns on x");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
