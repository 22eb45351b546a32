// Values from a stranger in the table of jobs: of the wrong type, out of range, no UTF-8, no JSON, and very large. What comes out
// is what plain SQL makes of them, or an error that says what is wrong.
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "stranger.hpp"

namespace warden::test {
namespace {

const std::vector<std::string> kOdd{"NULL",
                                    "9223372036854775807",
                                    "-9223372036854775807 - 1",
                                    "0",
                                    "-1",
                                    "1e308",
                                    "-9e999",
                                    "9e999",
                                    "0.5",
                                    "''",
                                    "'abc'",
                                    "'12'",
                                    "' 7 '",
                                    "'0x10'",
                                    "x''",
                                    "x'00ff80'",
                                    "x'7b7d'",
                                    "zeroblob(3000)",
                                    "CAST(x'ff80c0' AS TEXT)",
                                    "'a' || char(0) || 'b'",
                                    "'{\"cpu_load_avg\":9e999}'",
                                    "'{\"cpu_load_avg\":123456789012345678901234567890}'",
                                    "'{\"cpu_load_avg\":{\"cpu_load_avg\":1}}'",
                                    "'[1,2,{\"hostname\":5}]'",
                                    "'[[]]'",
                                    "'{\"a\\u0000b\":1}'",
                                    "char(0x10ffff)",
                                    "'running'"};

/// Jobs in a table whose columns have their types, but no constraints.
struct Values : SixJobs {
  std::vector<std::string> columns;
  Values() {
    db.rows(
        "ALTER TABLE job RENAME TO base; CREATE TABLE job AS SELECT * FROM base; CREATE INDEX by_user ON "
        "job(hpc_user)");
    columns = db.rows("SELECT name FROM pragma_table_info('job')");
  }
};

/// Runs `body`; bytes that SQLite's memory grew by meanwhile at most, and milliseconds.
template <class Body>
std::pair<std::int64_t, std::int64_t> cost_of(Body&& body) {
  const std::int64_t before = sqlite3_memory_used();
  sqlite3_memory_highwater(1);
  const auto began = std::chrono::steady_clock::now();
  body();
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  return {sqlite3_memory_highwater(0) - before, took.count()};
}

#ifdef __SANITIZE_ADDRESS__
constexpr std::int64_t kHugeBytes = 20'000'000;  // each byte costs ten times as much to look at
#else
constexpr std::int64_t kHugeBytes = 100'000'000;
#endif

}  // namespace

BOOST_FIXTURE_TEST_SUITE(untrusted_values, Values)

BOOST_AUTO_TEST_CASE(any_value_in_any_column_is_counted_as_sql_counts_it) {
  for (const std::string& column : columns) {
    for (const std::string& value : kOdd) {
      BOOST_TEST_CONTEXT(column << " = " << value) {
        ++figures().values;
        db.rows("SAVEPOINT s; UPDATE job SET " + column + " = " + value + " WHERE id % 2 = 0");
        for (const std::string& sql : statistics_of()) {
          const std::string result = outcome(db, sql);
          BOOST_TEST((!is_error(result) || result.find("integer overflow in ") != std::string::npos),
                     sql << ": " << result);
        }
        // A group of 2.0 is one of 2, as in GROUP BY.
        const auto shown = [](const std::string& k) {
          return "CASE WHEN typeof(" + k + ") = 'real' AND " + k + " = CAST(" + k +
                 " AS INT) THEN quote(CAST(" + k + " AS INT)) ELSE quote(" + k + ") END";
        };
        BOOST_TEST(db.rows("SELECT " + shown("group_key") + ", total_jobs FROM job_stats(NULL, '" + column +
                           "') ORDER BY 1") ==
                   db.rows("SELECT " + shown(column) + ", count(*) FROM job GROUP BY 1 ORDER BY 1"));
        BOOST_TEST(db.rows("SELECT quote(num_nodes), quote(id), quote(hpc_user) FROM jobs") ==
                   db.rows("SELECT quote(num_nodes), quote(id), quote(hpc_user) FROM job ORDER BY id"));
        const std::string sums = outcome(db, "SELECT total_nodes, total_cores FROM job_stats");
        if (!is_error(sums)) {
          BOOST_TEST(sums == outcome(db,
                                     "SELECT coalesce(sum(CAST(num_nodes AS INT)), 0), "
                                     "coalesce(sum(CAST(num_hwthreads AS INT)), 0) FROM job"));
        } else {
          BOOST_TEST(is_error(
              outcome(db, "SELECT sum(CAST(num_nodes AS INT)), sum(CAST(num_hwthreads AS INT)) FROM job")));
        }
        db.rows("ROLLBACK TO s; RELEASE s");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(json_nested_beyond_all_measure_is_no_json_and_no_stack_overflow) {
  for (const std::string unit : {"[", "{\"cpu_load_avg\":", "{\"a\":[", "[[[["}) {
    for (const int depth : {500, 2'000, unit == "[" ? 1'000'000 : 50'000}) {
      std::string nested;
      for (int i = 0; i < depth; ++i) nested += unit;
      ++figures().values;
      db.rows("UPDATE job SET footprint = " + test::quoted(nested) +
              ", resources = footprint, meta_data = footprint WHERE id = 1");
      db.rows("UPDATE job SET resources = footprint, meta_data = footprint WHERE id = 1");
      for (const std::string& sql : statistics_of()) BOOST_TEST(!is_error(outcome(db, sql)), sql);
      BOOST_TEST(db.one("SELECT bad_footprints FROM job_stats(" +
                        test::quoted(R"({"metricStats":[{"metricName":"cpu_load_avg"}]})") + ")") == "2");
      BOOST_TEST(is_error(outcome(db, "SELECT job_count(" + test::quoted(nested) + ")")));
      BOOST_TEST(is_error(outcome(db, "SELECT * FROM jobs(NULL, " + test::quoted(nested) + ")")));
      BOOST_TEST(is_error(outcome(db, "SELECT * FROM job_page(NULL, " + test::quoted(nested) + ")")));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_footprint_of_100_mb_is_read_where_it_lies) {
  // A flat object with one long text; and one that SQLite's parser would be needed for, and that is no JSON.
  db.rows("UPDATE job SET footprint = '{\"x\":\"' || hex(zeroblob(" + std::to_string(kHugeBytes / 2) +
          ")) || '\",\"cpu_load_avg\":77}' WHERE id = 1");
  const std::string sql = "SELECT sum(jobs) FROM job_metric_histogram(NULL, '\"cpu_load_avg\"')";
  BOOST_TEST(db.one("SELECT length(footprint) > " + std::to_string(kHugeBytes) + " FROM job WHERE id = 1") ==
             "1");
  const auto [bytes, ms] = cost_of([&] { BOOST_TEST(db.one(sql) == "3"); });
  BOOST_TEST_MESSAGE("100 MB footprint: " << bytes << " bytes, " << ms << " ms");
  BOOST_TEST(bytes < 2 * kHugeBytes);
  db.rows("UPDATE job SET footprint = '{\"x\":' || hex(zeroblob(" + std::to_string(kHugeBytes / 2) +
          ")) WHERE id = 1");
  BOOST_TEST(db.one("SELECT bad_footprints FROM job_metric_histogram(NULL, '\"cpu_load_avg\"') LIMIT 1") ==
             "2");
  figures().values += 2;
}

BOOST_AUTO_TEST_CASE(a_filter_of_100_mb_is_rows_or_an_error_and_is_not_kept) {
  const std::int64_t before = sqlite3_memory_used();
  const std::string half = std::to_string(kHugeBytes / 2);
  const auto [bytes, ms] = cost_of([&] {
    BOOST_TEST(db.one("SELECT job_count('{\"user\":{\"eq\":\"' || hex(zeroblob(" + half + ")) || '\"}}')") ==
               "0");
  });
  BOOST_TEST_MESSAGE("100 MB filter: " << bytes << " bytes, " << ms << " ms");
  BOOST_TEST(bytes < 20 * kHugeBytes);
  BOOST_TEST(db.error("SELECT job_count('{\"user\":' || hex(zeroblob(" + half + ")))") ==
             "job_count: filter is not valid JSON");
  BOOST_TEST(db.error("SELECT job_count(NULL, hex(zeroblob(" + half + ")))").size() < 200);
  BOOST_TEST(db.error("SELECT total_jobs FROM job_stats(NULL, hex(zeroblob(5000000)))").size() < 200);
  BOOST_TEST(sqlite3_memory_used() - before < 1'000'000);  // not in an error's text either
  figures().values += 4;
}

BOOST_AUTO_TEST_CASE(other_huge_json_is_sqlites_to_read) {
  db.rows(
      "UPDATE job SET resources = '[{\"hostname\":\"f1\",\"x\":\"' || hex(zeroblob(10000000)) || '\"}]' "
      "WHERE id = 1");
  db.rows(
      "UPDATE job SET meta_data = '{\"jobName\":\"huge\",\"x\":\"' || hex(zeroblob(10000000)) || '\"}' WHERE "
      "id = 2");
  BOOST_TEST(db.one(R"(SELECT job_count('{"node":{"eq":"f1"}}'))") == "1");
  BOOST_TEST(db.one(R"(SELECT job_count('{"jobName":{"eq":"huge"}}'))") == "1");
  figures().values += 2;
}

BOOST_AUTO_TEST_CASE(between_two_huge_values_a_deadline_ends_it) {
  // Thousands of jobs, each with the same 20 MB.
  db.rows(
      "UPDATE job SET footprint = '{\"x\":\"' || hex(zeroblob(10000000)) || '\"}' WHERE id = 1;"
      "CREATE VIEW many AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT footprint "
      "FROM n CROSS JOIN job WHERE id = 1");
  for (
      const std::string sql :
      {"SELECT * FROM job_metric_histogram(NULL, '\"cpu_load_avg\"') WHERE source = 'many'",
       R"(SELECT job_count('{"metricStats":[{"metricName":"cpu_load_avg","range":{"from":1}}]}', 'many'))"}) {
    db.rows("SELECT warden_timeout(100)");
    BOOST_TEST(db.error(sql) == "interrupted", sql);
    db.rows("SELECT warden_timeout(NULL)");
  }
}

BOOST_AUTO_TEST_CASE(hints_lose_no_row_where_columns_of_the_source_have_no_type) {
  db.rows(
      "CREATE TABLE loose(id, job_id, hpc_user, project, cluster, start_time, job_state, duration);"
      "INSERT INTO loose VALUES (1, 5, 'u', 'p', 'c', 9, 's', 1), ('2', '5', 5, 6, x'63', '9', 7, 1), ('3', "
      "'05', '5', '6', 'c', 9.0, '7', 1), (4.0, 5.0, 5.0, 6.5, 7, '0009', 7.0, 1);"
      "CREATE TABLE texts(id TEXT, job_id TEXT, hpc_user TEXT, project, cluster, start_time TEXT, job_state "
      "TEXT, duration);"
      "INSERT INTO texts SELECT * FROM loose; INSERT INTO texts VALUES (' 2', '5.0', 'x', 1, 1, '9e0', 'x', "
      "1);"
      "CREATE TABLE reals(id INT, job_id REAL, hpc_user REAL, project NUMERIC, cluster BLOB, start_time "
      "REAL, job_state INT, duration);"
      "INSERT INTO reals SELECT * FROM loose; CREATE TABLE strictly(id ANY, job_id ANY, hpc_user ANY, "
      "project ANY, cluster ANY, start_time ANY, job_state ANY, duration ANY) STRICT;"
      "INSERT INTO strictly SELECT * FROM loose");
  for (const std::string source : {"loose", "texts", "reals", "strictly"}) {
    for (const std::string condition :
         {"job_id = 5", "job_id = '5'", "id = 2", "id = '3'", "hpc_user = '5'", "hpc_user = 5",
          "hpc_user = '5.0'", "project = '6'", "project = 6.5", "cluster = 'c'", "cluster = '7'",
          "start_time = 9", "start_time >= 9", "start_time <= 9", "start_time BETWEEN 9 AND 10",
          "job_state = '7'", "job_state = '7.0'", "job_state = 7"}) {
      const std::string from = " FROM jobs WHERE source = '" + source + "' ";
      BOOST_TEST(db.rows("SELECT quote(id), quote(job_id)" + from + "AND " + condition + " ORDER BY 1, 2") ==
                     db.rows("SELECT quote(id), quote(job_id) FROM (SELECT id, job_id, hpc_user, project, "
                             "cluster, start_time, job_state" +
                             from + "LIMIT -1) WHERE " + condition + " ORDER BY 1, 2"),
                 source << ": " << condition);
      ++figures().values;
    }
  }
  // Where they have the types of jobs(), an index still serves.
  const std::string plan = db.one("SELECT count(*) FROM jobs WHERE source = 'base' AND hpc_user = 'alice'");
  BOOST_TEST(plan == "3");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
