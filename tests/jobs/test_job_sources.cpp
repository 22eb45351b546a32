// Where the jobs are: tables, views, other schemas, names that need quotes; and the tables beside them that may be missing.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"

namespace warden::test {
namespace {

const std::string kColumns =
    "id, job_id, hpc_user, project, cluster, subcluster, start_time, cluster_partition, array_job_id, "
    "num_nodes, "
    "num_hwthreads, num_acc, shared, monitoring_status, smt, job_state, duration, walltime, resources, "
    "footprint, energy, "
    "meta_data";

struct Sources : SixJobs {
  /// Every function over a source, as one text; or the first error.
  std::string everything(const std::string& source, const std::string& filter = "NULL") const {
    const std::string from = " WHERE now = 10000 AND source = " + quoted(source);
    const std::string f = " AND filter IS " + filter;
    std::string all;
    for (const std::string& sql :
         {"SELECT * FROM job_stats(" + filter + ")" + from,
          "SELECT * FROM job_stats(" + filter + ", 'user')" + from,
          "SELECT * FROM job_histogram(" + filter + ", 'duration')" + from,
          "SELECT * FROM job_metric_histogram(" + filter + ", '[\"cpu_load_avg\"]')" + from,
          "SELECT * FROM job_page(" + filter + ")" + from, "SELECT * FROM jobs(" + filter + ")" + from,
          "SELECT job_count(" + filter + ", " + quoted(source) + ", 10000)"}) {
      try {
        for (const std::string& row : db.rows(sql)) all += row + "\n";
      } catch (const SqlError& e) {
        return e.what();
      }
    }
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_sources, Sources)

BOOST_AUTO_TEST_CASE(the_same_jobs_wherever_they_are) {
  const std::string expected = everything("job");
  BOOST_TEST(expected.find("\n6\n") != std::string::npos);
  const TempDir dir;
  db.rows("CREATE VIEW a_view AS SELECT * FROM job; CREATE TEMP VIEW temp_view AS SELECT * FROM job");
  db.rows(
      "CREATE TEMP TABLE temp_jobs AS SELECT * FROM job; CREATE TEMP TABLE hpc_user AS SELECT * FROM "
      "main.hpc_user");
  db.rows("CREATE TABLE no_rowid(id PRIMARY KEY, " + kColumns.substr(4) + ") WITHOUT ROWID");
  db.rows("INSERT INTO no_rowid SELECT " + kColumns + " FROM job");
  db.rows("ATTACH '" + dir.file("other.db") +
          "' AS \"oth.er\"; CREATE TABLE \"oth.er\".job AS SELECT * FROM main.job");
  db.rows("CREATE TABLE \"oth.er\".hpc_user AS SELECT * FROM main.hpc_user");
  for (const std::string name :
       {"jobs of 'ours'", "say \"job\"", "a.b", "select", "x]y", "`tick`", "\xc3\xa4", " "}) {
    std::string identifier = "\"";
    for (const char c : name) identifier += c == '"' ? std::string("\"\"") : std::string(1, c);
    identifier += '"';
    db.rows("CREATE TABLE " + identifier + " AS SELECT * FROM job");
    BOOST_TEST(everything(identifier) == expected, identifier);
    BOOST_TEST(everything("main." + identifier) == expected, identifier);
  }
  for (const std::string source : {"main.job",
                                   "JOB",
                                   "Main.Job",
                                   "\"job\"",
                                   "\"main\".\"job\"",
                                   "[job]",
                                   "[main].[job]",
                                   "`job`",
                                   "`main`.job",
                                   "a_view",
                                   "main.a_view",
                                   "temp_view",
                                   "temp.temp_view",
                                   "temp_jobs",
                                   "temp.temp_jobs",
                                   "no_rowid",
                                   "\"oth.er\".job",
                                   "[oth.er].\"job\"",
                                   "jobs of 'ours'",
                                   "select",
                                   "x]y",
                                   "[a.b]",
                                   "`say \"job\"`",
                                   "\"`tick`\""}) {
    BOOST_TEST(everything(source) == expected, source);
  }
  // A table of the TEMP schema hides one of the same name.
  db.rows("CREATE TEMP TABLE job AS SELECT * FROM main.job WHERE id < 3");
  BOOST_TEST(db.one("SELECT job_count()") == "2");
  BOOST_TEST(db.one("SELECT job_count(NULL, 'main.job')") == "6");
  db.rows("DROP TABLE temp.job");
}

BOOST_AUTO_TEST_CASE(names_that_name_nothing) {
  const std::vector<std::pair<std::string, std::string>> errors{
      {"nothing", "job_stats: source \"nothing\": no such table: nothing"},
      {"other.job", "job_stats: source \"other.job\": no such table: other.job"},
      {"main.nothing", "job_stats: source \"main.nothing\": no such table: main.nothing"},
      {"job; DROP TABLE job",
       "job_stats: source \"job; DROP TABLE job\": no such table: job; DROP TABLE job"},
      {"job WHERE 1", "job_stats: source \"job WHERE 1\": no such table: job WHERE 1"},
      {"(SELECT 1)", "job_stats: source \"(SELECT 1)\": no such table: (SELECT 1)"},
      {"job\"", "job_stats: source \"job\"\": no such table: job\""}};
  for (const auto& [source, text] : errors) BOOST_TEST(everything(source) == text, source);
  for (const std::string source : {"", ".", "main.", ".job", "main.job.x", "\"job", "[job", "`job", "\"\"",
                                   "[]", "\"job\"x", "\"job\" ", "main.\"job", "\"a\"\"", "[a]]"}) {
    BOOST_TEST(everything(source) ==
                   "job_stats: source must name a table or view, such as 'job' or 'main.job', not \"" +
                       source + "\"",
               source);
  }
  BOOST_TEST(db.error("SELECT * FROM job_stats WHERE source = 'job' || char(0) || 'x'")
                 .starts_with("job_stats: source must name a table or view"));
  BOOST_TEST(db.error("SELECT job_count(NULL, 'nothing')") ==
             "job_count: source \"nothing\": no such table: nothing");
  BOOST_TEST(db.one("SELECT job_count()") == "6");
}

BOOST_AUTO_TEST_CASE(a_column_that_is_missing_is_named_where_it_is_read) {
  db.rows("CREATE VIEW few AS SELECT id, hpc_user, num_nodes FROM job");
  BOOST_TEST(db.one("SELECT total_jobs, total_users, total_nodes FROM job_stats WHERE source = 'few'") ==
             "6|3|10");
  BOOST_TEST(db.one("SELECT job_count('{\"user\":{\"eq\":\"bob\"}}', 'few')") == "2");
  BOOST_TEST(db.one("SELECT count(*) FROM job_histogram(NULL, 'num_nodes') WHERE source = 'few'") == "3");
  BOOST_TEST(db.one("SELECT hpc_user FROM jobs WHERE source = 'few' AND id = 6") == "carol");
  const auto lacks = [](const std::string& function, const std::string& column) {
    return function + ": source \"few\" has no column \"" + column + "\"";
  };
  BOOST_TEST(db.error("SELECT total_accs FROM job_stats WHERE source = 'few'") ==
             lacks("job_stats", "num_acc"));
  BOOST_TEST(db.error("SELECT job_count('{\"cluster\":{\"eq\":\"x\"}}', 'few')") ==
             lacks("job_count", "cluster"));
  BOOST_TEST(db.error("SELECT job_count('{\"jobName\":{\"eq\":\"x\"}}', 'few')") ==
             lacks("job_count", "meta_data"));
  BOOST_TEST(db.error("SELECT job_count('{\"metricStats\":[{\"metricName\":\"a\"}]}', 'few')") ==
             lacks("job_count", "footprint"));
  BOOST_TEST(db.error("SELECT * FROM job_histogram(NULL, 'num_accs') WHERE source = 'few'") ==
             lacks("job_histogram", "num_acc"));
  BOOST_TEST(db.error("SELECT * FROM job_stats(NULL, 'state') WHERE source = 'few'")
                 .starts_with("job_stats: source \"few\" has no column \"job_state\""));
  BOOST_TEST(db.error("SELECT total_jobs FROM job_stats(NULL, 'flavour') WHERE source = 'few'") ==
             lacks("job_stats", "flavour"));
  BOOST_TEST(db.error("SELECT job_id FROM jobs WHERE source = 'few'") == lacks("jobs", "job_id"));
  BOOST_TEST(db.error("SELECT id FROM jobs(NULL, 'start_time') WHERE source = 'few'").find("start_time") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_column_to_group_by_may_have_any_name) {
  db.rows("CREATE TABLE odd AS SELECT *, hpc_user AS \"who's \"\"who\"\"\", project AS [a.b] FROM job");
  const auto expected = db.rows("SELECT hpc_user, count(*) FROM job GROUP BY hpc_user");
  BOOST_TEST(db.rows("SELECT group_key, total_jobs FROM job_stats(NULL, 'who''s \"who\"', 'odd')") ==
             expected);
  BOOST_TEST(db.one("SELECT count(*) FROM job_stats(NULL, 'a.b', 'odd')") == "3");
  for (const std::string column :
       {"nothing", "", "a\"b", "id); DROP TABLE job; --", "job.id", "*", "1", "'x'"}) {
    BOOST_TEST(db.error("SELECT * FROM job_stats(NULL, " + quoted(column) + ")") ==
                   "job_stats: source \"job\" has no column \"" + column + "\"",
               column);
  }
  BOOST_TEST(db.error("SELECT * FROM job_stats(NULL, 'id' || char(0) || 'x')")
                 .starts_with("job_stats: source \"job\" has no column \"id"));
}

BOOST_AUTO_TEST_CASE(tables_beside_the_jobs_may_be_missing) {
  db.rows("DROP TABLE hpc_user");
  BOOST_TEST(db.one("SELECT group_key, group_name, total_jobs FROM job_stats(NULL, 'user')") ==
             "alice|NULL|3");
  db.rows("CREATE TABLE hpc_user(login)");  // or have other columns
  BOOST_TEST(db.one("SELECT group_key, group_name, total_jobs FROM job_stats(NULL, 'user')") ==
             "alice|NULL|3");
  db.rows("DROP TABLE jobtag");
  BOOST_TEST(db.one("SELECT job_count()") == "6");
  BOOST_TEST(db.error("SELECT job_count('{\"tags\":[1]}')") ==
             "job_count: tags are in the table jobtag: no such table: jobtag");
  BOOST_TEST(db.error("SELECT * FROM job_stats('{\"tags\":[1]}') WHERE parity = 1") ==
             "job_stats: tags are in the table jobtag: no such table: jobtag");
  BOOST_TEST(db.error("SELECT * FROM jobs('{\"tags\":[1]}', NULL, NULL, NULL, 'main.job')") ==
             "jobs: tags are in the table jobtag: no such table: main.jobtag");
  db.rows("CREATE TABLE jobtag(job INTEGER, tag INTEGER)");
  BOOST_TEST(db.error("SELECT job_count('{\"tags\":[1]}')")
                 .starts_with("job_count: tags are in the table jobtag: no such "
                              "column"));
}

BOOST_AUTO_TEST_CASE(tags_and_names_are_those_beside_the_jobs) {
  const TempDir dir;
  db.rows("ATTACH '" + dir.file("other.db") + "' AS other; CREATE TABLE other.job AS SELECT * FROM main.job");
  db.rows("CREATE TABLE other.jobtag(job_id, tag_id); INSERT INTO other.jobtag VALUES (5, 1), (6, 1)");
  db.rows(
      "CREATE TABLE other.hpc_user(username, name); INSERT INTO other.hpc_user VALUES ('alice', 'Another "
      "Alice')");
  BOOST_TEST(db.rows("SELECT id FROM jobs('{\"tags\":[1]}')") == std::vector<std::string>{"1"});
  BOOST_TEST(db.rows("SELECT id FROM jobs('{\"tags\":[1]}') WHERE source = 'other.job'") ==
             (std::vector<std::string>{"5", "6"}));
  BOOST_TEST(db.one("SELECT group_name FROM job_stats(NULL, 'user')") == "Alice A.");
  BOOST_TEST(db.one("SELECT group_name FROM job_stats(NULL, 'user', 'other.job')") == "Another Alice");
}

BOOST_AUTO_TEST_CASE(a_view_whose_own_text_fails_says_so) {
  db.rows("CREATE TABLE base AS SELECT * FROM job; CREATE VIEW broken AS SELECT *, no_such() AS x FROM base");
  const std::string error = everything("broken");
  BOOST_TEST(error == "job_stats: source \"broken\": no such function: no_such");
  db.rows("CREATE VIEW late AS SELECT *, abs(-9223372036854775807 - 1) AS x FROM base");
  BOOST_TEST(db.error("SELECT total_jobs FROM job_stats(NULL, 'x', 'late')") == "integer overflow");
  BOOST_TEST(db.one("SELECT job_count()") == "6");
}

BOOST_AUTO_TEST_CASE(a_view_made_of_itself_is_an_error_and_no_endless_descent) {
  db.rows("CREATE TEMP VIEW ring AS SELECT * FROM jobs(NULL, NULL, NULL, NULL, 'ring')");
  db.rows("CREATE TEMP VIEW ring2 AS SELECT * FROM job WHERE job_count(NULL, 'ring2') > 0");
  for (const char* sql : {"SELECT id FROM jobs WHERE source = 'ring'", "SELECT job_count(NULL, 'ring')",
                          "SELECT total_jobs FROM job_stats WHERE source = 'ring'"}) {
    BOOST_TEST(db.error(sql).find("made of itself") != std::string::npos, sql);
  }
  BOOST_TEST(db.error("SELECT * FROM job_stats(NULL, 'user', 'ring2')").find("made of itself") !=
             std::string::npos);
  BOOST_TEST(db.one("SELECT total_jobs FROM job_stats") == "6");
}

BOOST_AUTO_TEST_CASE(what_where_says_goes_to_the_source_only_where_it_compares_alike) {
  // The declared type of a column decides whether 5 is '5' there; in jobs, users are texts and durations are numbers.
  for (const std::string type : {"", "TEXT", "varchar(20)", "Clob", "character", "INT", "bigint", "REAL",
                                 "double", "numeric", "DATE", "blob", "any"}) {
    db.rows(
        "DROP TABLE IF EXISTS typed; CREATE TABLE typed(id INTEGER PRIMARY KEY, hpc_user " + type +
        ", duration " + type +
        ", job_state, start_time); INSERT INTO typed(hpc_user, duration) VALUES (5, 5), ('5', '5'), (5.0, "
        "5.0), ('05', '05'), ('5.0', '5.0'), (x'35', x'35'), (NULL, NULL), (6, 6); CREATE INDEX "
        "typed_user ON typed(hpc_user); CREATE INDEX typed_duration ON typed(duration)");
    for (const std::string column : {"hpc_user", "duration"}) {
      for (const std::string test : {"= 5", "= '5'", "= 5.0", "= '05'", "= x'35'"}) {
        const std::string from = " FROM jobs WHERE source = 'typed'";
        const std::string where = column + " " + test;
        const auto all = db.rows("WITH j AS MATERIALIZED (SELECT id, " + column + from +
                                 ") SELECT id FROM j WHERE " + where);
        BOOST_TEST((db.rows("SELECT id" + from + " AND " + where) == all), type << ": " << where);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_huge_id_does_not_spoil_the_way) {
  db.rows(
      "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO job "
      "SELECT i, i, "
      "cluster, subcluster, submit_time, start_time, CASE WHEN i % 500 THEN 'many' ELSE 'few' END, project, "
      "cluster_partition, array_job_id, duration, walltime, job_state, meta_data, resources, num_nodes, "
      "num_hwthreads, num_acc, smt, shared, monitoring_status, energy, energy_footprint, footprint FROM n "
      "JOIN job "
      "ON job.id = 1");
  // SQLite's own instructions, by the hundred.
  static std::int64_t steps = 0;
  sqlite3_progress_handler(
      db.get(), 100, [](void*) { return ++steps, 0; }, nullptr);
  const auto steps_of = [&](const char* user) {
    steps = 0;
    db.rows(std::string("SELECT sum(jobs) FROM job_metric_histogram('{\"user\":{\"eq\":\"") + user +
            "\"}}', '\"mem_bw_avg\"')");
    return steps;
  };
  const std::int64_t few = steps_of("few");
  BOOST_TEST(few * 4 < steps_of("many"));  // through the index
  db.rows("UPDATE job SET id = 9000000000000000 WHERE id = 500");
  BOOST_TEST(steps_of("few") < few * 2);
  sqlite3_progress_handler(db.get(), 0, nullptr, nullptr);
}

BOOST_AUTO_TEST_CASE(a_look_at_some_jobs_makes_the_list_of_tagged_ones_once) {
  static int looks = 0;
  sqlite3_create_function_v2(
      db.get(), "noted", 1, SQLITE_UTF8, nullptr,
      [](sqlite3_context* context, int, sqlite3_value** arguments) {
        ++looks;
        sqlite3_result_value(context, arguments[0]);
      },
      nullptr, nullptr, nullptr);
  db.rows(
      "ALTER TABLE jobtag RENAME TO tagged; CREATE VIEW jobtag AS SELECT noted(job_id) AS job_id, tag_id "
      "FROM tagged");
  looks = 0;
  BOOST_TEST(
      db.one(
          R"(SELECT sum(jobs) FROM job_metric_histogram('{"tags":[1,2],"user":{"eq":"alice"}}', '["mem_bw_avg"]'))") ==
      "1");
  // Of its three rows, for the look and for the answer; at each of the jobs looked at it would be hundreds.
  BOOST_TEST(looks > 3);
  BOOST_TEST(looks <= 12);
}

BOOST_AUTO_TEST_CASE(rowids_as_far_apart_as_integers_can_be) {
  const std::string sql =
      R"(SELECT sum(jobs) FROM job_metric_histogram('{"user":{"eq":"alice"}}', '["mem_bw_avg"]'))";
  db.rows(
      "UPDATE job SET id = -9223372036854775807 - 1 WHERE id = 1; UPDATE job SET id = 9223372036854775807 "
      "WHERE id = 6");
  BOOST_TEST(db.one(sql) == "2");
  db.rows("DELETE FROM job WHERE id BETWEEN -1000 AND 1000");
  BOOST_TEST(db.one(sql) == "1");
}

BOOST_AUTO_TEST_CASE(a_database_in_utf16) {
  const Db wide;
  wide.rows("PRAGMA encoding = 'UTF-16'; " + kJobTables + kSixJobs);
  // A blob of JSON is UTF-8, and what CAST made of it here is not.
  for (const Db* one : {&wide, static_cast<const Db*>(&db)})
    one->rows("UPDATE job SET footprint = CAST(footprint AS TEXT)");
  const auto same = [&](const std::string& sql) { BOOST_TEST(wide.rows(sql) == db.rows(sql), sql); };
  for (const std::string filter :
       {"NULL", "'{\"user\":{\"eq\":\"alice\"}}'",
        "'{\"metricStats\":[{\"metricName\":\"cpu_load_avg\",\"range\":{\"from\":11}}]}'",
        "'{\"node\":{\"startsWith\":\"f01\"}}'", "'{\"jobName\":{\"contains\":\"%\"}}'"}) {
    same("SELECT * FROM job_stats(" + filter + ", 'user') WHERE now = 10000");
    same("SELECT * FROM job_page(" + filter + ", '[\"cpu_load_avg\"]') WHERE now = 10000");
    same("SELECT * FROM jobs(" + filter + ") WHERE now = 10000");
    same("SELECT * FROM jobs(" + filter + ") WHERE now = 10000 AND hpc_user = 'alice' AND cluster = 'fritz'");
    same("SELECT job_count(" + filter + "), job_filter_sql(" + filter + ")");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
