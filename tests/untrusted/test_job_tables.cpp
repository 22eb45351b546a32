// A job table from a stranger: a view, a virtual table, generated columns, odd columns and none at all. What a statistic over it
// may run is what `SELECT * FROM job` of the application would run there, and nothing more.
#include <boost/test/unit_test.hpp>

#include "stranger.hpp"

namespace warden::test {
namespace {

int g_calls = 0;
void noted(sqlite3_context* context, int, sqlite3_value** arguments) {
  ++g_calls;
  sqlite3_result_value(context, arguments[0]);
}

/// A host with functions of its own, one of each trust, and the table `base` with the jobs.
struct JobTables : SixJobs {
  JobTables() {
    const auto define = [&](const char* name, int flags) {
      sqlite3_create_function_v2(db.get(), name, 1, SQLITE_UTF8 | flags, nullptr, noted, nullptr, nullptr,
                                 nullptr);
    };
    define("direct", SQLITE_DIRECTONLY);
    define("plain", 0);
    define("harmless", SQLITE_INNOCUOUS);
    db.rows("ALTER TABLE job RENAME TO base");
    g_calls = 0;
  }
  /// The columns of `base`, `changed` computed by `expression`.
  std::string columns_with(const std::string& changed, const std::string& expression) const {
    std::string all;
    for (const std::string& name : db.rows("SELECT name FROM pragma_table_info('base')"))
      all += (all.empty() ? "" : ", ") + (name == changed ? expression + " AS " + name : name);
    return all;
  }
  /// Every statistic over `job` gives this error, or rows where it is "".
  void all_end_with(const std::string& error) const {
    for (const std::string& sql : statistics_of()) {
      const std::string result = outcome(db, sql);
      ++figures().schemas;
      if (error.empty()) {
        BOOST_TEST(!is_error(result), sql << ": " << result);
      } else {
        BOOST_TEST((is_error(result) && result.find(error) != std::string::npos), sql << ": " << result);
      }
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(untrusted_job_tables, JobTables)

BOOST_AUTO_TEST_CASE(a_view_in_the_place_of_the_jobs_acts_on_nothing) {
  for (const std::string call :
       {"warden_set('trim', 'off')", "warden_label('x')", "warden_cancel(1)", "warden_reset()",
        "load_extension('/tmp/x')", "direct(1)", "job_count(NULL, 'base')",
        "(SELECT sql FROM warden_connections)", "(SELECT total_jobs FROM job_stats(NULL, NULL, 'base'))"}) {
    for (const std::string trusted : {"ON", "OFF"}) {
      // As a column that all of them read, and as a condition that none of them can leave out.
      for (const std::string& view :
           {"CREATE VIEW job AS SELECT " + columns_with("start_time", call) + " FROM base",
            "CREATE VIEW job AS SELECT * FROM base WHERE " + call + " IS NOT 'never'"}) {
        db.rows("PRAGMA trusted_schema = " + trusted + "; DROP VIEW IF EXISTS job; " + view);
        if (view.ends_with("'never'")) {
          all_end_with("unsafe use of");
        } else {
          BOOST_TEST(outcome(db, "SELECT * FROM job_stats").find("unsafe use of") != std::string::npos, view);
        }
      }
    }
  }
  BOOST_TEST(g_calls == 0);
  BOOST_TEST(db.one("SELECT value FROM warden_settings WHERE name = 'trim'") == "auto");
}

BOOST_AUTO_TEST_CASE(functions_of_the_host_run_as_its_trust_in_the_schema_says) {
  for (const std::string place : {"CREATE VIEW job AS SELECT * FROM base WHERE plain(1)",
                                  "CREATE VIEW job AS SELECT * FROM base WHERE harmless(1)"}) {
    const bool innocuous = place.find("harmless") != std::string::npos;
    db.rows("DROP VIEW IF EXISTS job; " + place + "; PRAGMA trusted_schema = OFF");
    g_calls = 0;
    all_end_with(innocuous ? "" : "unsafe use of plain()");
    BOOST_TEST((g_calls > 0) == innocuous);
    db.rows("PRAGMA trusted_schema = ON");
    g_calls = 0;
    all_end_with("");
    BOOST_TEST(g_calls > 0);
  }
}

BOOST_AUTO_TEST_CASE(generated_columns_are_computed_and_compute_nothing_else) {
  sqlite3_create_function_v2(db.get(), "fixed", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, noted,
                             nullptr, nullptr, nullptr);
  const std::string expected = outcome(db, "SELECT * FROM job_stats(NULL, 'user', 'base') WHERE now = 10000");
  const std::string names =
      db.one("SELECT group_concat(name, ', ') FROM pragma_table_info('base') WHERE name <> 'num_nodes'");
  for (const std::string kind : {"VIRTUAL", "STORED"}) {
    const auto make = [&](const std::string& expression) {
      const std::string columns = db.one(
          "SELECT group_concat(name || ' ' || type, ', ') FROM pragma_table_info('base') WHERE name <> "
          "'num_nodes'");
      db.rows("DROP TABLE IF EXISTS job; CREATE TABLE job(" + columns + ", num_nodes INT AS (" + expression +
              ") " + kind + ")");
      db.rows("INSERT INTO job(" + names + ") SELECT " + names + " FROM base");
    };
    make("CASE id WHEN 1 THEN 2 WHEN 4 THEN 4 ELSE 1 END");
    BOOST_TEST(outcome(db, "SELECT * FROM job_stats(NULL, 'user') WHERE now = 10000") == expected);
    all_end_with("");
    make("fixed(1)");
    g_calls = 0;
    db.rows("SELECT total_nodes FROM job_stats");
    BOOST_TEST((g_calls > 0) == (kind == "VIRTUAL"));
    db.rows("PRAGMA trusted_schema = OFF");
    if (kind == "VIRTUAL")
      BOOST_TEST(outcome(db, "SELECT total_nodes FROM job_stats").find("unsafe use of fixed()") !=
                 std::string::npos);
    db.rows("PRAGMA trusted_schema = ON");
  }
}

BOOST_AUTO_TEST_CASE(a_virtual_table_is_read_as_sql_reads_it) {
  db.rows("CREATE VIRTUAL TABLE job USING fts5(" +
          db.one("SELECT group_concat(name, ', ') FROM pragma_table_info('base')") + ")");
  db.rows("INSERT INTO job SELECT * FROM base");
  all_end_with("");
  BOOST_TEST(db.one("SELECT job_count()") == "6");
  BOOST_TEST(db.one("SELECT count(*) FROM job_stats(NULL, 'user')") == "3");
  BOOST_TEST(db.one("SELECT id FROM jobs WHERE id = 4") == "4");
  db.rows("DROP TABLE job");
  // Tables that SQLite makes itself.
  for (const std::string source : {"sqlite_schema", "pragma_function_list", "warden_settings", "json_each",
                                   "job_stats", "jobs", "sqlite_stmt", "dbstat"}) {
    for (const std::string& sql : statistics_of(source)) {
      const std::string result = outcome(db, sql);
      BOOST_TEST((!is_error(result) || result.starts_with("error: job")), sql << ": " << result);
    }
  }
}

BOOST_AUTO_TEST_CASE(views_made_of_themselves_end_with_an_error) {
  // A schema can't: see untrusted_schemas. The application's own TEMP views can.
  db.rows(
      "CREATE TEMP VIEW job AS SELECT *, '{\"jobName\":\"a\"}' AS meta_data FROM jobs WHERE source = 'job'");
  all_end_with("made of itself");
  db.rows(
      "DROP VIEW job; CREATE TEMP VIEW job AS SELECT * FROM other_job; CREATE TEMP VIEW other_job AS SELECT "
      "* FROM main.base WHERE job_count(NULL, 'job') > 0");
  all_end_with("made of itself");
  db.rows("DROP VIEW job; DROP VIEW other_job; CREATE VIEW job AS SELECT * FROM job");
  all_end_with("view job is circularly defined");
}

BOOST_AUTO_TEST_CASE(without_rowids_or_columns_or_with_false_ones_it_is_rows_or_an_error) {
  db.rows("CREATE TABLE job(id PRIMARY KEY, " + columns_with("id", "id").substr(10) +
          ") WITHOUT ROWID; INSERT INTO job SELECT " + columns_with("id", "id") + " FROM base");
  all_end_with("");
  for (const std::string columns : {"x", "id", "id, hpc_user, footprint", "rowid, id, job_id"}) {
    db.rows("DROP TABLE job; CREATE TABLE job(" + columns + ")");
    for (const std::string& sql : statistics_of()) {
      const std::string result = outcome(db, sql);
      BOOST_TEST((!is_error(result) || result.find("has no column") != std::string::npos),
                 sql << ": " << result);
    }
  }
  db.rows("DROP TABLE job; CREATE VIEW job AS SELECT 1 WHERE 0");
  BOOST_TEST(db.one("SELECT job_count()") == "0");
}

BOOST_AUTO_TEST_CASE(a_column_that_is_only_called_rowid_costs_no_more_than_a_scan) {
  const std::string columns = columns_with("id", "id");
  db.rows("CREATE TABLE job(" +
          db.one("SELECT group_concat(name || ' ' || type, ', ') FROM pragma_table_info('base')") +
          ", rowid INTEGER); CREATE INDEX users ON job(hpc_user)");
  db.rows(
      "INSERT INTO job WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
      "SELECT " +
      columns + ", i FROM n JOIN base ON base.id = 1");
  static std::int64_t steps = 0;
  sqlite3_progress_handler(
      db.get(), 100, [](void*) { return ++steps, 0; }, nullptr);
  const auto steps_of = [&](const std::string& sql) { return steps = 0, db.rows(sql), steps; };
  const std::int64_t all = steps_of("SELECT sum(length(footprint)) FROM job WHERE +hpc_user = 'alice'");
  BOOST_TEST(
      steps_of(R"(SELECT sum(jobs) FROM job_metric_histogram('{"user":{"eq":"alice"}}', '"mem_bw_avg"'))") <
      4 * all + 100);
  sqlite3_progress_handler(db.get(), 0, nullptr, nullptr);
}

BOOST_AUTO_TEST_CASE(sqlites_own_defences_change_no_statistic) {
  // What SQLite advises for files from strangers (security.html): limits, defensive, an untrusted schema.
  db.rows("ALTER TABLE base RENAME TO job");
  std::vector<std::string> expected;
  for (const std::string& sql : statistics_of()) expected.push_back(outcome(db, sql));
  for (const auto& [limit, most] : std::vector<std::pair<int, int>>{{SQLITE_LIMIT_LENGTH, 1'000'000},
                                                                    {SQLITE_LIMIT_SQL_LENGTH, 100'000},
                                                                    {SQLITE_LIMIT_COLUMN, 100},
                                                                    {SQLITE_LIMIT_EXPR_DEPTH, 10},
                                                                    {SQLITE_LIMIT_COMPOUND_SELECT, 3},
                                                                    {SQLITE_LIMIT_VDBE_OP, 25'000},
                                                                    {SQLITE_LIMIT_FUNCTION_ARG, 8},
                                                                    {SQLITE_LIMIT_ATTACHED, 0},
                                                                    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
                                                                    {SQLITE_LIMIT_VARIABLE_NUMBER, 10},
                                                                    {SQLITE_LIMIT_TRIGGER_DEPTH, 10},
                                                                    {SQLITE_LIMIT_WORKER_THREADS, 0}})
    sqlite3_limit(db.get(), limit, most);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  const std::vector<std::string> all = statistics_of();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string result = outcome(db, all[i]);
    const bool too_deep = result == "error: jobs: Expression tree is too large (maximum depth 10)";
    BOOST_TEST((result == expected[i] || (too_deep && all[i].find("\"node\"") != std::string::npos)),
               all[i] << ": " << result);
  }
  // And a limit that is met is an error that says so.
  BOOST_TEST(outcome(db, "SELECT job_count('{\"user\":{\"contains\":\"' || hex(zeroblob(30)) || '\"}}')")
                 .find("LIKE or GLOB pattern too complex") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_of_helpers_that_a_stranger_has_taken_are_an_error_or_nothing) {
  db.rows("ALTER TABLE base RENAME TO job");
  const std::string expected = outcome(db, "SELECT * FROM job_stats(NULL, 'user') WHERE now = 10000");
  for (const std::string name : {"json_each", "json_tree", "pragma_index_list", "pragma_index_xinfo",
                                 "warden_number", "warden_sample"}) {
    db.rows("CREATE TABLE " + name + "(name, id, parent, key, type, atom, value, partial)");
    for (const std::string& sql : statistics_of()) {
      const std::string result = outcome(db, sql);
      BOOST_TEST((!is_error(result) || result.starts_with("error: job") ||
                  result.find("is not a function") != std::string::npos),
                 name << ": " << sql << ": " << result);
    }
    BOOST_TEST(outcome(db, "SELECT * FROM job_stats(NULL, 'user') WHERE now = 10000") == expected);
    db.rows("DROP TABLE " + name);
  }
}

BOOST_AUTO_TEST_CASE(a_source_is_a_name_and_never_sql) {
  db.rows("ALTER TABLE base RENAME TO job; CREATE TABLE canary(x)");
  for (const std::string source :
       {"job; DROP TABLE canary", "job --", "(SELECT * FROM hpc_user)", "job AS x JOIN hpc_user",
        "\"job\" WHERE 1", "main.job.x", "job'", "job\"; DELETE FROM canary; --", "[job]]", "`job",
        "json_each('[1]')", "pragma_table_info('job')", "job\n", " job", "main..job", "1", "*",
        "job NOT INDEXED"}) {
    for (const std::string& sql : statistics_of(source)) {
      const std::string result = outcome(db, sql);
      BOOST_TEST((result.find("no such table") != std::string::npos ||
                  result.find("source must name") != std::string::npos ||
                  result.find("unknown database") != std::string::npos),
                 sql << ": " << result);
    }
  }
  BOOST_TEST(db.one("SELECT count(*) FROM canary") == "0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
