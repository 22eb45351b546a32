// jobs() reads as it goes: conditions of the statement only make it faster, and what happens to the table between two of
// its rows is what happens to any open statement.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"

namespace warden::test {
namespace {

struct Cursors : SixJobs {
  TempDir dir;
  Db other;
  Cursors() : SixJobs(":memory:"), other(dir.file("jobs.db")) {
    other.rows("PRAGMA journal_mode = WAL; " + kJobTables + kSixJobs);
  }
};

/// A statement, row by row.
class Open {
 public:
  Open(const Db& db, const std::string& sql) : db_(db) {
    if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(db.get()));
  }
  ~Open() { sqlite3_finalize(statement_); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  /// The first column; "end"; or "error <code>".
  std::string next() {
    const int rc = sqlite3_step(statement_);
    if (rc == SQLITE_DONE) return "end";
    if (rc != SQLITE_ROW) return "error " + std::to_string(rc);
    const auto* text = sqlite3_column_text(statement_, 0);
    return text == nullptr ? "NULL" : reinterpret_cast<const char*>(text);
  }

 private:
  const Db& db_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_cursors, Cursors)

BOOST_AUTO_TEST_CASE(conditions_find_the_rows_that_they_find_without_help) {
  const std::vector<std::string> conditions{"id = 3",
                                            "id = '3'",
                                            "id = 3.0",
                                            "id = 3.5",
                                            "id = x'33'",
                                            "id = NULL",
                                            "id IS 3",
                                            "id IN (1, 5, 5, 99, NULL)",
                                            "id = 1 OR hpc_user = 'bob'",
                                            "id > 2 AND id < 5",
                                            "job_id = 104",
                                            "job_id = '104'",
                                            "job_id = ' 104'",
                                            "hpc_user = 'alice'",
                                            "hpc_user = 'ALICE'",
                                            "hpc_user = 'ALICE' COLLATE NOCASE",
                                            "hpc_user = x'616c696365'",
                                            "hpc_user = 'alice' || char(0)",
                                            "hpc_user = '''; DROP TABLE job; --'",
                                            "hpc_user = 5",
                                            "hpc_user = '5'",
                                            "hpc_user IN ('bob', 'carol')",
                                            "hpc_user LIKE 'A%'",
                                            "project = 'p2' AND cluster = 'alex'",
                                            "job_state = 'running'",
                                            "job_state = 'RUNNING'",
                                            "start_time BETWEEN 2000 AND 4000",
                                            "start_time > 2000 AND start_time < 4000",
                                            "start_time >= 2000.5",
                                            "start_time < 2800.5",
                                            "start_time > '2000'",
                                            "start_time >= 9223372036854775807",
                                            "start_time = 4000 AND start_time = 5000",
                                            "start_time > 1000 AND start_time > 3000",
                                            "start_time IS NOT NULL",
                                            "start_time < 'x'",
                                            "rowid = 4",
                                            "duration > 400 AND hpc_user = 'bob'",
                                            "hpc_user = (SELECT max(hpc_user) FROM job)"};
  // Of other storage classes, in columns of the same affinities.
  db.rows(
      "CREATE TABLE loose AS SELECT * FROM job;"
      "INSERT INTO loose(id, job_id, hpc_user, start_time) VALUES ('7', '107', 5, '6000'), (8.0, 108.0, '5', "
      "7000.5), "
      "(9, NULL, NULL, NULL), (x'33', x'00', x'616c696365', x'00')");
  db.rows(
      "CREATE TABLE nocase(id INTEGER PRIMARY KEY, job_id, hpc_user TEXT COLLATE NOCASE, project TEXT "
      "COLLATE NOCASE, "
      "cluster TEXT, start_time INT, job_state TEXT COLLATE NOCASE, duration INT);"
      "INSERT INTO nocase SELECT id, job_id, hpc_user, project, cluster, start_time, job_state, duration "
      "FROM job");
  db.rows(
      "CREATE VIEW texts AS SELECT CAST(id AS TEXT) AS id, CAST(job_id AS TEXT) AS job_id, hpc_user, "
      "project, cluster, "
      "CAST(start_time AS TEXT) AS start_time, job_state, duration FROM job");
  for (const std::string source : {"job", "nocase", "texts", "loose"}) {
    for (const std::string& condition : conditions) {
      if (source == "nocase" && condition == "rowid = 4") continue;
      const std::string columns = "id, job_id, hpc_user, project, cluster, start_time, job_state";
      const std::string from = " FROM jobs WHERE source = '" + source + "' ";
      const auto with =
          db.rows("SELECT quote(id), quote(hpc_user)" + from + "AND (" + condition + ") ORDER BY 1");
      const auto without =
          db.rows("SELECT quote(id), quote(hpc_user) FROM (SELECT " + columns + ", duration, id AS rowid" +
                  from + "LIMIT -1) WHERE " + condition + " ORDER BY 1");
      BOOST_TEST(with == without, source << ": " << condition);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_or_beside_an_argument_that_is_null_finds_its_rows) {
  for (const std::string condition :
       {"id = 1 OR hpc_user = 'bob'", "id = 1 OR (id = 2 AND duration >= 0)",
        "(id = 3 AND duration >= 0) OR (id = 2 AND duration >= 0)", "project = 'p2' OR hpc_user = 'bob'"}) {
    const auto expected = db.rows("SELECT id FROM job WHERE " + condition + " ORDER BY 1");
    BOOST_TEST(!expected.empty());
    BOOST_TEST(db.rows("SELECT id FROM jobs(NULL) WHERE (" + condition + ") ORDER BY 1") == expected,
               condition);
  }
}

BOOST_AUTO_TEST_CASE(a_join_by_id_looks_up_its_jobs) {
  // Not where a side of an OR can't be told from the whole (plan.hpp).
  if (sqlite3_libversion_number() < 3038000 || sqlite3_libversion_number() >= 3046000) return;
  db.rows("CREATE TEMP TABLE wanted(id INTEGER PRIMARY KEY); INSERT INTO wanted VALUES (2), (5)");
  const std::string join = "SELECT j.id FROM wanted JOIN jobs(NULL) j ON j.id = wanted.id";
  BOOST_TEST(db.rows(join) == (std::vector<std::string>{"2", "5"}));
  const auto plan = db.rows("EXPLAIN QUERY PLAN " + join);
  BOOST_TEST(plan.front().find("wanted") != std::string::npos, plan.front());
}

BOOST_AUTO_TEST_CASE(a_reader_sees_one_state_while_others_write) {
  const Db writer(dir.file("jobs.db"));
  Open jobs(other, "SELECT id FROM jobs");
  BOOST_TEST(jobs.next() == "1");
  writer.rows("DELETE FROM job WHERE id = 2; UPDATE job SET id = 33 WHERE id = 3");
  for (const char* id : {"2", "3", "4", "5", "6", "end"}) BOOST_TEST(jobs.next() == id);
  Open again(other, "SELECT id FROM jobs");
  for (const char* id : {"1", "4", "5", "6", "33", "end"}) BOOST_TEST(again.next() == id);
  // All parts of one statement see the same jobs.
  Open stats(other,
             "SELECT total_jobs FROM tag LEFT JOIN job_stats(json_object('numNodes', json_object('to', 9 + "
             "tag.id)))");
  BOOST_TEST(stats.next() == "5");
  writer.rows("DELETE FROM job WHERE id = 1");
  BOOST_TEST(stats.next() == "5");
  BOOST_TEST(stats.next() == "end");
}

BOOST_AUTO_TEST_CASE(the_connection_itself_may_write_meanwhile) {
  Open jobs(db, "SELECT id FROM jobs");
  BOOST_TEST(jobs.next() == "1");
  db.rows("UPDATE job SET num_nodes = num_nodes + 1; INSERT INTO tag VALUES (50, 'a', 'b')");
  BOOST_TEST(db.one("SELECT job_count()") == "6");
  BOOST_TEST(jobs.next() == "2");
  BOOST_TEST(db.error("DROP TABLE job") == "database table is locked");
  BOOST_TEST(db.error("DROP INDEX jobs_user") == "database table is locked");
  BOOST_TEST(jobs.next() == "3");
  db.rows("DELETE FROM job WHERE id = 4");
  BOOST_TEST(jobs.next() == "5");
  BOOST_TEST(jobs.next() == "6");
  BOOST_TEST(jobs.next() == "end");
  db.rows("DROP TABLE job");
  BOOST_TEST(db.error("SELECT * FROM jobs") == "jobs: source \"job\": no such table: job");
}

BOOST_AUTO_TEST_CASE(a_rollback_ends_what_it_takes_away) {
  db.rows("BEGIN; UPDATE job SET num_nodes = 9");
  {
    Open jobs(db, "SELECT num_nodes FROM jobs");
    BOOST_TEST(jobs.next() == "9");
    db.rows("ROLLBACK");
    // As with any reader: it goes on with what is there, or is told that it can't.
    const std::string next = jobs.next();
    BOOST_TEST((next == "1" || next == "error " + std::to_string(SQLITE_ABORT_ROLLBACK) ||
                next == "error " + std::to_string(SQLITE_ABORT)),
               next);
  }
  db.rows("BEGIN; CREATE TABLE more(id INTEGER PRIMARY KEY); INSERT INTO more SELECT id FROM job");
  {
    Open jobs(db, "SELECT id FROM jobs WHERE source = 'more'");
    BOOST_TEST(jobs.next() == "1");
    db.rows("ROLLBACK");
    const std::string next = jobs.next();
    BOOST_TEST((next == "error " + std::to_string(SQLITE_ABORT_ROLLBACK) ||
                next == "error " + std::to_string(SQLITE_ABORT)),
               next);
  }
  BOOST_TEST(db.one("SELECT total_nodes FROM job_stats") == "10");
}

BOOST_AUTO_TEST_CASE(a_cursor_that_is_left_open_keeps_nothing_from_ending) {
  const std::int64_t before = sqlite3_memory_used();
  {
    Db one(dir.file("jobs.db"));
    one.rows("SELECT * FROM jobs");
    sqlite3_stmt* left = nullptr;
    sqlite3_prepare_v2(one.get(), "SELECT * FROM jobs", -1, &left, nullptr);
    sqlite3_step(left);
    BOOST_TEST(sqlite3_close(one.get()) == SQLITE_BUSY);
    sqlite3_reset(left);
    sqlite3_step(left);
    sqlite3_finalize(left);
  }
  {
    // close_v2 with an open statement: it ends with it.
    sqlite3* zombie = nullptr;
    sqlite3_open(dir.file("jobs.db").c_str(), &zombie);
    sqlite3_stmt* left = nullptr;
    sqlite3_prepare_v2(zombie, "SELECT id FROM jobs", -1, &left, nullptr);
    BOOST_TEST(sqlite3_step(left) == SQLITE_ROW);
    sqlite3_close_v2(zombie);
    BOOST_TEST(sqlite3_step(left) == SQLITE_ROW);
    BOOST_TEST(sqlite3_column_int(left, 0) == 2);
    sqlite3_finalize(left);
  }
  BOOST_TEST(sqlite3_memory_used() <= before + 4096);
}

BOOST_AUTO_TEST_CASE(a_host_may_end_whatever_statements_there_are_before_it_closes) {
  // As some bindings do: what SQLite lists first is a statement of ours.
  for (const std::string sql :
       {"SELECT id FROM jobs", "SELECT id FROM jobs('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\"}]}')",
        "SELECT group_key FROM job_stats('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\"}]}', 'id')"}) {
    Db closing;
    closing.load().rows(kJobTables + kSixJobs);
    sqlite3_stmt* statement = nullptr;
    BOOST_TEST_REQUIRE(sqlite3_prepare_v2(closing.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
    BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
    BOOST_TEST(sqlite3_next_stmt(closing.get(), nullptr) != statement, sql);
    while (sqlite3_stmt* any = sqlite3_next_stmt(closing.get(), nullptr)) sqlite3_finalize(any);
    BOOST_TEST(closing.one("SELECT job_count()") == "6");
  }
}

BOOST_AUTO_TEST_CASE(a_cursor_goes_on_when_its_connection_is_closed_under_it) {
  sqlite3* closing = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_open(other.one("SELECT file FROM pragma_database_list").c_str(), &closing) ==
                     SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  // The fourth job has a footprint that is left to SQLite, which prepares nothing any more.
  const std::string sql = "SELECT id FROM jobs('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\"}]}')";
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(closing, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
  BOOST_TEST(sqlite3_close_v2(closing) == SQLITE_OK);
  for (int id = 2; id <= 4; ++id) {
    BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
    BOOST_TEST(sqlite3_column_int(statement, 0) == id);
  }
  BOOST_TEST(sqlite3_step(statement) == SQLITE_DONE);
  BOOST_TEST(sqlite3_finalize(statement) == SQLITE_OK);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
