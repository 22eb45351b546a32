// Plain SQL on top of the job statistics: whatever can be done with a table can be done with them, and one pass over the
// jobs is enough for it.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <ctime>

#include "job_host.hpp"

namespace warden::test {
namespace {

struct Sql : SixJobs {
  std::int64_t rows_read = 0;  // of `seen`, a view over the jobs

  Sql() {
    sqlite3_create_function_v2(
        db.get(), "noted", 1, SQLITE_UTF8, &rows_read,
        [](sqlite3_context* context, int, sqlite3_value** arguments) {
          ++*static_cast<std::int64_t*>(sqlite3_user_data(context));
          sqlite3_result_value(context, arguments[0]);
        },
        nullptr, nullptr, nullptr);
    // Waits until the clock shows another second.
    sqlite3_create_function_v2(
        db.get(), "wait_for_the_next_second", 0, SQLITE_UTF8, nullptr,
        [](sqlite3_context* context, int, sqlite3_value**) {
          const std::time_t now = std::time(nullptr);
          sqlite3_result_int(context, eventually([&] { return std::time(nullptr) != now; }) ? 1 : 0);
        },
        nullptr, nullptr, nullptr);
    db.rows(
        "CREATE VIEW seen AS SELECT noted(id) AS id, hpc_user, project, num_nodes, job_state, duration, "
        "start_time, "
        "cluster, footprint FROM job; CREATE VIEW seen_users AS SELECT *, noted(hpc_user) AS login FROM job");
  }
  using Rows = std::vector<std::string>;
  /// Rows of a statement that must read each job once.
  Rows in_one_pass(const std::string& sql) {
    rows_read = 0;
    const Rows rows = db.rows(sql);
    BOOST_TEST(rows_read == 6, sql << ": " << rows_read);
    return rows;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_sql, Sql)

BOOST_AUTO_TEST_CASE(order_limit_and_where_on_what_comes_out) {
  BOOST_TEST(db.rows("SELECT group_key, total_nodes FROM job_stats(NULL, 'user') ORDER BY total_nodes DESC, "
                     "group_key") == (Rows{"bob|5", "alice|4", "carol|1"}));
  BOOST_TEST(
      db.rows("SELECT group_key FROM job_stats(NULL, 'user') ORDER BY total_nodes DESC LIMIT 1 OFFSET 1") ==
      (Rows{"alice"}));
  BOOST_TEST(
      db.rows("SELECT group_key FROM job_stats(NULL, 'user') WHERE total_jobs > 1 AND group_name IS NULL") ==
      (Rows{"bob"}));
  BOOST_TEST(
      db.rows("SELECT group_key FROM job_stats(NULL, 'user') WHERE group_key IN ('alice', 'nobody')") ==
      (Rows{"alice"}));
  BOOST_TEST(db.rows("SELECT bin, jobs FROM job_histogram(NULL, 'num_nodes') WHERE jobs > 1") ==
             (Rows{"1|4"}));
  BOOST_TEST(db.one("SELECT sum(jobs), max(bin) FROM job_metric_histogram(NULL, '[\"cpu_load_avg\"]')") ==
             "3|11");
  BOOST_TEST(
      db.rows("SELECT cluster, count(*) FROM jobs GROUP BY cluster HAVING count(*) > 1 ORDER BY 1 DESC") ==
      (Rows{"woody|2", "fritz|2", "alex|2"}));
  BOOST_TEST(db.one("SELECT value FROM job_page WHERE section = 'stats' AND name = 'total_users'") == "3");
  BOOST_TEST(db.rows("SELECT id FROM jobs('{\"user\":{\"eq\":\"alice\"}}', 'start_time DESC', 2, 1)") ==
             (Rows{"3", "2"}));
  BOOST_TEST(db.rows("SELECT id FROM jobs(NULL, 'start_time DESC', 4, 2) WHERE hpc_user = 'alice'") ==
             (Rows{"2", "1"}));
  BOOST_TEST(db.one("SELECT count(*) FROM job_stats(NULL, 'user') a, job_stats(NULL, 'project') b") == "9");
}

BOOST_AUTO_TEST_CASE(a_join_takes_one_pass_in_either_order) {
  const Rows expected{"Alice A.|3", "NULL|2"};
  const std::string stats = "job_stats(NULL, 'login', 'seen_users') s";
  for (const std::string& from : {stats + " JOIN hpc_user u ON u.username = s.group_key",
                                  "hpc_user u JOIN " + stats + " ON u.username = s.group_key",
                                  "hpc_user u LEFT JOIN " + stats + " ON s.group_key = u.username",
                                  "hpc_user u CROSS JOIN " + stats + " ON s.group_key = u.username",
                                  stats + " CROSS JOIN hpc_user u ON u.username = s.group_key",
                                  "hpc_user u, " + stats + " WHERE username = group_key"}) {
    BOOST_TEST(in_one_pass("SELECT u.name, s.total_jobs FROM " + from + " ORDER BY u.username") == expected,
               from);
  }
  BOOST_TEST(
      in_one_pass("SELECT group_key, name FROM " + stats + " LEFT JOIN hpc_user ON username = group_key") ==
      (Rows{"alice|Alice A.", "bob|NULL", "carol|NULL"}));
  BOOST_TEST(in_one_pass("SELECT name FROM hpc_user WHERE username IN (SELECT group_key FROM " + stats +
                         " WHERE total_jobs > 2)") == (Rows{"Alice A."}));
  BOOST_TEST(
      in_one_pass(
          "SELECT count(*) FROM tag CROSS JOIN job_histogram('{\"dbId\":[1,2,3,4,5,6]}', 'num_nodes', NULL, "
          "'seen')") == (Rows{"6"}));
  BOOST_TEST(in_one_pass("WITH s AS MATERIALIZED (SELECT * FROM " + stats +
                         ") SELECT a.group_key FROM s a JOIN s b USING (group_key) WHERE a.total_jobs = 3") ==
             (Rows{"alice"}));
}

BOOST_AUTO_TEST_CASE(a_list_of_filters_is_a_pass_each) {
  rows_read = 0;
  BOOST_TEST(db.rows("SELECT f.key, s.total_jobs FROM "
                     "json_each('[{\"user\":{\"eq\":\"alice\"}},{\"dbId\":[5]},null,{}]') f "
                     "CROSS JOIN job_stats(f.value, NULL, 'seen_users') s") ==
             (Rows{"0|3", "1|1", "2|6", "3|6"}));
  BOOST_TEST(db.rows("SELECT username, (SELECT total_jobs FROM job_stats(json_object('user', "
                     "json_object('eq', username)))) "
                     "FROM hpc_user") == (Rows{"alice|3", "bob|2"}));
  BOOST_TEST(
      db.rows("SELECT username, job_count(json_object('user', json_object('eq', username))) FROM hpc_user") ==
      (Rows{"alice|3", "bob|2"}));
  BOOST_TEST(db.rows("SELECT username, max(j.id) FROM hpc_user, jobs(json_object('user', json_object('eq', "
                     "username))) j "
                     "GROUP BY 1") == (Rows{"alice|3", "bob|5"}));
  // The same filter again is the same pass, another one is not.
  db.rows(
      "CREATE TABLE filters(f); INSERT INTO filters VALUES ('{\"dbId\":[1,2,3]}'), ('{\"dbId\":[1,2,3]}'), "
      "('{\"dbId\":[4]}')");
  BOOST_TEST(db.rows("SELECT total_jobs FROM filters CROSS JOIN job_stats(f)") == (Rows{"3", "3", "1"}));
}

BOOST_AUTO_TEST_CASE(views_subqueries_and_ctes) {
  db.rows(
      "CREATE TEMP VIEW by_user AS SELECT group_key AS login, total_jobs FROM job_stats(NULL, 'user');"
      "CREATE TEMP VIEW newest AS SELECT id, hpc_user FROM jobs(NULL, 'start_time DESC', 2);"
      "CREATE TEMP VIEW counted AS SELECT job_count() AS n, job_filter_sql('{\"user\":{\"eq\":\"x\"}}') AS "
      "f");
  for (const std::string trusted : {"ON", "OFF", "ON"}) {
    db.rows("PRAGMA trusted_schema = " + trusted);
    for (const auto& [sql, rows] : std::vector<std::pair<std::string, Rows>>{
             {"SELECT * FROM by_user WHERE total_jobs < 3", {"bob|2", "carol|1"}},
             {"SELECT * FROM newest", {"6|carol", "5|bob"}},
             {"SELECT * FROM counted", {"6|job.hpc_user = 'x'"}}}) {
      BOOST_TEST(db.rows(sql) == rows, sql);
    }
  }
  BOOST_TEST(db.one("SELECT (SELECT total_jobs FROM job_stats) + (SELECT count(*) FROM jobs)") == "12");
  BOOST_TEST(
      db.one("WITH a AS (SELECT * FROM job_stats(NULL, 'user')) SELECT sum(total_jobs), count(*) FROM a") ==
      "6|3");
  BOOST_TEST(db.one("SELECT EXISTS(SELECT 1 FROM jobs('{\"user\":{\"eq\":\"nobody\"}}'))") == "0");
  BOOST_TEST(db.rows("SELECT id FROM jobs UNION SELECT id FROM jobs ORDER BY id DESC LIMIT 2") ==
             (Rows{"6", "5"}));
  BOOST_TEST(
      db.rows(
          "SELECT hpc_user, row_number() OVER (PARTITION BY hpc_user ORDER BY id) FROM jobs WHERE id > 4") ==
      (Rows{"bob|1", "carol|1"}));
}

BOOST_AUTO_TEST_CASE(they_feed_statements_that_write) {
  db.rows(
      "UPDATE hpc_user SET name = s.total_jobs FROM job_stats(NULL, 'user') s WHERE s.group_key = username");
  BOOST_TEST(db.rows("SELECT username, name FROM hpc_user") == (Rows{"alice|3", "bob|2"}));
  db.rows("CREATE TABLE snapshot AS SELECT * FROM jobs WHERE hpc_user = 'alice'");
  BOOST_TEST(db.one("SELECT count(*), sum(num_nodes) FROM snapshot") == "3|4");
  db.rows("UPDATE job SET walltime = (SELECT total_jobs FROM job_stats)");
  BOOST_TEST(db.one("SELECT min(walltime), max(walltime) FROM job") == "6|6");
  db.rows("UPDATE job SET num_nodes = j.num_nodes + 1 FROM jobs j WHERE j.id = job.id");
  BOOST_TEST(db.one("SELECT total_nodes FROM job_stats") == "16");
  db.rows(
      "INSERT INTO tag(id, tag_type, tag_name) SELECT 10 + id, 'job', hpc_user FROM "
      "jobs('{\"state\":[\"failed\"]}')");
  BOOST_TEST(db.one("SELECT tag_name FROM tag WHERE id = 12") == "alice");
  db.rows("DELETE FROM job WHERE id IN (SELECT id FROM jobs('{\"user\":{\"eq\":\"alice\"}}'))");
  BOOST_TEST(db.one("SELECT job_count()") == "3");
  db.rows(
      "CREATE TEMP TRIGGER tr AFTER DELETE ON job BEGIN INSERT INTO tag(tag_type, tag_name) SELECT 'left', "
      "total_jobs FROM "
      "job_stats; END; DELETE FROM job WHERE id = 4");
  BOOST_TEST(db.one("SELECT tag_name FROM tag WHERE tag_type = 'left'") == "2");
  BOOST_TEST(db.error("DELETE FROM jobs") == "table jobs may not be modified");
  BOOST_TEST(db.error("UPDATE job_stats SET total_jobs = 1") == "table job_stats may not be modified");
}

BOOST_AUTO_TEST_CASE(a_prepared_statement_sees_what_has_changed) {
  sqlite3_stmt* statement = nullptr;
  const char* const sql =
      "SELECT total_jobs, (SELECT count(*) FROM jobs(?1)), job_count(?1) FROM job_stats(?1)";
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(db.get(), sql, -1, &statement, nullptr) == SQLITE_OK);
  const auto run = [&](const char* filter) {
    sqlite3_reset(statement);
    sqlite3_bind_text(statement, 1, filter, -1, SQLITE_STATIC);
    std::string row;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      for (int i = 0; i < 3; ++i) row += std::to_string(sqlite3_column_int64(statement, i)) + " ";
    } else {
      row = sqlite3_errmsg(db.get());
    }
    sqlite3_reset(statement);
    return row;
  };
  BOOST_TEST(run("{}") == "6 6 6 ");
  BOOST_TEST(run("{\"user\":{\"eq\":\"bob\"}}") == "2 2 2 ");
  db.rows("DELETE FROM job WHERE id = 4");
  BOOST_TEST(run("{\"user\":{\"eq\":\"bob\"}}") == "1 1 1 ");
  BOOST_TEST(run("{") == "job_stats: filter is not valid JSON");
  db.rows("ALTER TABLE job ADD COLUMN more");
  BOOST_TEST(run("{}") == "5 5 5 ");
  db.rows("ALTER TABLE job RENAME TO old");
  BOOST_TEST(run("{}") == "job_stats: source \"job\": no such table: job");
  db.rows("ALTER TABLE old RENAME TO job");
  BOOST_TEST(run("{}") == "5 5 5 ");
  sqlite3_finalize(statement);
}

BOOST_AUTO_TEST_CASE(now_is_the_same_in_all_calls_of_a_statement) {
  const std::string since = "job_filter_sql('{\"startTime\":{\"range\":\"last6h\"}}')";
  const std::string row = db.one("SELECT " + since + ", wait_for_the_next_second(), " + since +
                                 ", wait_for_the_next_second() = (SELECT count(*) FROM job_stats), " + since);
  const std::string first = row.substr(0, row.find('|'));
  BOOST_TEST(row == first + "|1|" + first + "|1|" + first);
  BOOST_TEST(db.one("SELECT " + since) != first);
  // Of rows of one statement, too; and what is given counts.
  db.rows("DELETE FROM job WHERE id <> 3");
  BOOST_TEST(db.one("SELECT count(DISTINCT duration) FROM (SELECT j.duration, wait_for_the_next_second() "
                    "FROM tag CROSS JOIN "
                    "jobs j)") == "1");
  BOOST_TEST(db.one("SELECT duration FROM jobs WHERE now = 2801") == "1");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
