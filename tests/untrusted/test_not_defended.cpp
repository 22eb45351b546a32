// What is not defended, as it is: each case shows the behaviour that the README's threat model admits.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "stranger.hpp"

namespace warden::test {

BOOST_FIXTURE_TEST_SUITE(not_defended, SixJobs)

BOOST_AUTO_TEST_CASE(whoever_runs_sql_in_the_process_reads_changes_and_cancels_everything) {
  Db other;
  other.rows("SELECT 'mine', 1");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE sql LIKE 'SELECT ?, ?%'") == 1);
  db.rows("SELECT warden_set('show_sql', 'full')");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE sql = 'SELECT ''mine'', 1'") == 1);
  sqlite3_stmt* open = nullptr;
  sqlite3_prepare_v2(other.get(),
                     "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c", -1,
                     &open, nullptr);
  BOOST_TEST(sqlite3_step(open) == SQLITE_ROW);
  BOOST_TEST(db.number("SELECT sum(warden_cancel(connection_id)) FROM warden_connections WHERE state = "
                       "'active' AND connection_id <> warden_connection_id()") == 1);
  int rc = SQLITE_ROW;
  BOOST_TEST(eventually([&] { return (rc = sqlite3_step(open)) != SQLITE_ROW; }));
  BOOST_TEST(rc == SQLITE_INTERRUPT);
  sqlite3_finalize(open);
  db.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(a_plain_word_in_double_quotes_is_shown_though_sqlite_may_take_it_for_a_text) {
  Db other;
  other.rows("CREATE TABLE users(secret)");
  other.rows("SELECT * FROM users WHERE secret = \"hunter2\"");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_statements WHERE sql LIKE '%\"hunter2\"'") == 1);
}

BOOST_AUTO_TEST_CASE(labels_and_file_names_are_shown_as_they_are) {
  const TempDir dir;
  Db other(dir.file("hunter2.db"));
  other.rows("SELECT warden_label('hunter2')");
  BOOST_TEST(
      db.number(
          "SELECT count(*) FROM warden_connections WHERE label = 'hunter2' AND file LIKE '%hunter2.db'") ==
      1);
}

BOOST_AUTO_TEST_CASE(views_use_the_hosts_functions_where_the_schema_is_trusted) {
  // SQLite's default; PRAGMA trusted_schema = OFF ends it (untrusted_job_tables).
  static int calls = 0;
  sqlite3_create_function_v2(
      db.get(), "acts", 0, SQLITE_UTF8, nullptr, [](sqlite3_context*, int, sqlite3_value**) { ++calls; },
      nullptr, nullptr, nullptr);
  db.rows("CREATE VIEW strange AS SELECT * FROM job WHERE acts() IS NULL");
  calls = 0;
  db.rows("SELECT total_jobs FROM job_stats WHERE source = 'strange'");
  BOOST_TEST(calls > 0);
}

BOOST_AUTO_TEST_CASE(an_authorizer_only_around_prepare_sees_the_call_and_not_the_tables_behind_it) {
  static std::vector<std::string> seen;
  const auto note = [](void*, int action, const char* a, const char* b, const char*, const char*) {
    if (action == SQLITE_READ) seen.push_back(std::string(a) + "." + b);
    return SQLITE_OK;
  };
  const auto has = [&](const std::string& name) {
    return std::find(seen.begin(), seen.end(), name) != seen.end();
  };
  for (const bool while_stepping : {false, true}) {
    seen.clear();
    sqlite3_set_authorizer(db.get(), note, nullptr);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db.get(), "SELECT group_key FROM job_stats(NULL, 'name', 'hpc_user')", -1, &statement,
                       nullptr);
    if (!while_stepping) sqlite3_set_authorizer(db.get(), nullptr, nullptr);
    BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(db.get(), nullptr, nullptr);
    BOOST_TEST(has("job_stats.group_key"));
    BOOST_TEST(has("hpc_user.name") == while_stepping);
  }
}

BOOST_AUTO_TEST_CASE(temp_views_and_triggers_call_what_acts_only_where_the_statement_reads_or_names_it) {
  // It looks like a CHECK constraint that calls: the statement writes, and does not name the function.
  db.rows("CREATE TABLE t(a); CREATE TEMP TRIGGER r AFTER INSERT ON t BEGIN SELECT warden_release(); END");
  BOOST_TEST(db.error("INSERT INTO t VALUES (1)") == "unsafe use of warden_release()");
  BOOST_TEST(db.error("INSERT INTO t VALUES (1) /* warden_release */") == "");
  db.rows("CREATE TEMP VIEW v AS SELECT job_count() AS n");
  BOOST_TEST(db.one("SELECT n FROM v") == "6");
  BOOST_TEST(db.error("CREATE TABLE u AS SELECT n FROM v") == "unsafe use of job_count()");
}

BOOST_AUTO_TEST_CASE(one_huge_value_is_one_step_that_no_deadline_interrupts) {
  // SQLite heeds an interrupt between two instructions, and reading one footprint is within one.
  db.rows("UPDATE job SET footprint = '{\"x\":\"' || hex(zeroblob(20000000)) || '\"}' WHERE id = 1");
  db.rows("SELECT warden_timeout(1)");
  const auto began = std::chrono::steady_clock::now();
  outcome(db,
          "SELECT total_jobs FROM "
          "job_stats('{\"metricStats\":[{\"metricName\":\"a\",\"range\":{\"from\":1}}]}')");
  db.rows("SELECT warden_timeout(NULL)");
  BOOST_TEST((std::chrono::steady_clock::now() - began > std::chrono::milliseconds(2)));
}

BOOST_AUTO_TEST_CASE(a_million_ids_are_read_before_a_deadline_is_heeded) {
  std::string ids = "1";
  for (int i = 2; i <= 1'000'000; ++i) ids += "," + std::to_string(i);
  db.rows("SELECT warden_timeout(1)");
  const auto began = std::chrono::steady_clock::now();
  BOOST_TEST(db.error("SELECT job_count('{\"dbId\":[" + ids + "]}')") == "interrupted");
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  db.rows("SELECT warden_timeout(NULL)");
  BOOST_TEST_MESSAGE("interrupted after " << took.count() << " ms");
  BOOST_TEST(took.count() < 30'000);
}

BOOST_AUTO_TEST_CASE(a_blob_of_json_is_utf8_in_a_utf16_database_too) {
  // Where SQLite's own functions read the blob as UTF-16, and find no JSON.
  const Db wide;
  wide.rows("PRAGMA encoding = 'UTF-16'; " + kJobTables + kSixJobs);
  wide.rows("UPDATE job SET footprint = CAST(x'7b226370755f6c6f61645f617667223a31307d' AS BLOB)");
  BOOST_TEST(
      wide.one(
          "SELECT "
          "job_count('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\",\"range\":{\"from\":10}}]}')") ==
      "6");
}

BOOST_AUTO_TEST_CASE(users_are_counted_by_their_bytes_whatever_the_columns_collation) {
  db.rows("CREATE TABLE nocase(hpc_user TEXT COLLATE NOCASE); INSERT INTO nocase VALUES ('bob'), ('BOB')");
  BOOST_TEST(db.one("SELECT count(DISTINCT hpc_user) FROM nocase") == "1");
  BOOST_TEST(db.one("SELECT total_users FROM job_stats(NULL, NULL, 'nocase')") == "2");
}

BOOST_AUTO_TEST_CASE(a_missing_hpc_user_is_a_line_in_the_hosts_error_log) {
  // sqlite3_config: in a process that has not begun yet, so in a child that ends SQLite first.
  BOOST_TEST(
      in_child([] {
        static std::string logged;
        sqlite3_shutdown();
        sqlite3_config(
            SQLITE_CONFIG_LOG, +[](void*, int, const char* text) { logged += text; }, nullptr);
        const SixJobs host;
        host.db.rows(
            "CREATE TABLE bare(id PRIMARY KEY, hpc_user, cluster, footprint) WITHOUT ROWID; CREATE INDEX i "
            "ON bare(cluster);"
            "INSERT INTO bare SELECT id, hpc_user, cluster, footprint FROM job");
        logged.clear();
        host.db.rows("SELECT group_name FROM job_stats(NULL, 'user')");
        host.db.rows(
            R"(SELECT * FROM job_metric_histogram('{"cluster":{"eq":"fritz"}}', '"cpu_load_avg"') WHERE source = 'bare')");
        if (!logged.empty()) return 1;  // neither of these
        host.db.rows("DROP TABLE hpc_user");
        host.db.rows("SELECT group_name FROM job_stats(NULL, 'user')");
        return logged.find("no such table: hpc_user") != std::string::npos ? 0 : 2;
      }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
