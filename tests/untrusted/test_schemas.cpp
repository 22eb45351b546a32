// A database from a stranger: what its views, triggers, constraints and columns may do with the functions and tables of warden.
// Such a file was not made by CREATE, which refuses some of it at once, but written: so it is here, by way of writable_schema.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "stranger.hpp"

namespace warden::test {
namespace {

/// Where a stranger can put the call of a function: the schema, with hex(4711) in its place, and what then evaluates it.
struct Place {
  std::string name;
  std::string schema;
  std::string use;
  bool needs_deterministic = false;
  bool asks_nothing =
      false;  // SQLite 3.40 lets DIRECTONLY functions through that are not deterministic: warden must not
};
const std::string kPlaceholder = "hex(4711)";
const std::vector<Place> kPlaces{
    {"view", "CREATE VIEW v AS SELECT hex(4711) AS x", "SELECT * FROM v"},
    {"view in a view",
     "CREATE VIEW inner_v AS SELECT hex(4711) AS x; CREATE VIEW v AS SELECT x || 1 FROM inner_v",
     "SELECT * FROM v"},
    {"subquery", "CREATE VIEW v AS SELECT (SELECT hex(4711)) AS x", "SELECT * FROM v"},
    {"common table", "CREATE VIEW v AS WITH c(x) AS (SELECT hex(4711)) SELECT x FROM c", "SELECT * FROM v"},
    {"condition", "CREATE VIEW v AS SELECT 1 WHERE hex(4711) IS NOT 'never'", "SELECT * FROM v"},
    {"trigger", "CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT hex(4711); END",
     "INSERT INTO t VALUES (1)"},
    {"trigger that keeps",
     "CREATE TABLE t(a); CREATE TABLE k(x); CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO k SELECT "
     "hex(4711); END",
     "INSERT INTO t VALUES (1)"},
    {"WHEN",
     "CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t WHEN hex(4711) IS NULL BEGIN SELECT 1; END",
     "INSERT INTO t VALUES (1)"},
    {"INSTEAD OF",
     "CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER r INSTEAD OF DELETE ON v BEGIN SELECT hex(4711); END",
     "DELETE FROM v"},
    {"DEFAULT", "CREATE TABLE t(a, b DEFAULT (hex(4711)))", "INSERT INTO t(a) VALUES (1)"},
    {"CHECK", "CREATE TABLE t(a, CHECK (hex(4711) IS NOT 'never'))", "INSERT INTO t VALUES (1)", false, true},
    {"CHECK of an integrity check",
     "CREATE TABLE t(a, CHECK (hex(4711) IS NOT 'never')); INSERT INTO t VALUES (1)",
     "PRAGMA /**/ integrity_check", false, true},
    {"CHECK of an integrity check within a statement",
     "CREATE TABLE t(a, CHECK (hex(4711) IS NOT 'never')); INSERT INTO t VALUES (1)",
     "SELECT * FROM pragma_integrity_check", false, true},
    {"generated", "CREATE TABLE t(a, b AS (hex(4711))); INSERT INTO t VALUES (1)", "SELECT b FROM t", true},
    {"generated and stored", "CREATE TABLE t(a, b AS (hex(4711)) STORED)", "INSERT INTO t VALUES (1)", true},
    {"index", "CREATE TABLE t(a); CREATE INDEX i ON t(hex(4711))", "INSERT INTO t VALUES (1)", true},
    {"partial index", "CREATE TABLE t(a); CREATE INDEX i ON t(a) WHERE hex(4711) IS NOT NULL",
     "INSERT INTO t VALUES (1)", true}};

/// The stranger's schema with `call` in its place: the error where SQLite can't even read that, else "".
std::string make_schema(const Db& db, const std::string& schema, const std::string& call) {
  db.rows(schema);
  db.rows("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '" + kPlaceholder +
          "', " + test::quoted(call) + ")");
  return db.error("PRAGMA writable_schema = RESET; SELECT * FROM main.secret");
}

enum class Verdict { never, trusted_only, always, everywhere };

/// Every function of warden: a call that would do or tell something, and where a schema may make it.
const std::vector<std::pair<std::string, Verdict>> kCalls{
    {"warden_set('memory_budget','9MiB')", Verdict::never},
    {"warden_get('memory_budget')", Verdict::never},
    {"warden_reset()", Verdict::never},
    {"warden_release('idle')", Verdict::never},
    {"warden_release()", Verdict::never},
    {"warden_trim()", Verdict::never},
    {"warden_label('stranger')", Verdict::never},
    {"warden_timeout(1)", Verdict::never},
    {"warden_cancel(@)", Verdict::never},
    {"warden_statements_reset()", Verdict::never},
    {"warden_debug()", Verdict::never},
    {"warden_on_close()", Verdict::never},
    {"warden_job_pass(1)", Verdict::never},
    {"warden_job_match(1,2)", Verdict::never},
    {"warden_job_no_json(1)", Verdict::never},
    {"job_count(NULL,'secret')", Verdict::never},
    {"job_engine(NULL,'secret')", Verdict::never},
    {"job_filter_sql('{}')", Verdict::trusted_only},
    {"warden_connection_id()", Verdict::always},
    {"warden_version()", Verdict::always},
    {"warden_size('1KiB')", Verdict::always},
    {"warden_size_text(1024)", Verdict::everywhere}};

/// Every table, as a stranger would ask it.
const std::vector<std::string> kTables{
    "SELECT sql FROM warden_connections",
    "SELECT sql FROM warden_statements",
    "SELECT sql FROM warden_events",
    "SELECT value FROM warden_settings",
    "SELECT bytes FROM warden_memory",
    "SELECT rss_bytes FROM warden_samples",
    "SELECT detail FROM warden_checks",
    "SELECT total_jobs FROM job_stats(NULL, NULL, 'secret')",
    "SELECT group_key FROM job_stats(NULL, 'sql', 'warden_connections')",
    "SELECT jobs FROM job_histogram(NULL, 'num_nodes') WHERE source = 'secret'",
    "SELECT jobs FROM job_metric_histogram(NULL, '\"a\"') WHERE source = 'secret'",
    "SELECT value FROM job_page WHERE source = 'secret'",
    "SELECT id FROM jobs WHERE source = 'secret'"};

std::string name_of(const std::string& call) { return call.substr(0, call.find('(')); }

struct Stranger {
  Db watcher;
  Stranger() { watcher.load().rows("SELECT 1"); }

  /// What a stranger would like to change, seen from outside.
  std::string state(const std::string& connection) const {
    std::string all;
    for (const std::string& sql :
         {std::string("SELECT name, value, source FROM warden_settings"),
          "SELECT label, releases, cancels, deadline_ms FROM warden_connections WHERE connection_id = " +
              connection,
          std::string("SELECT count(*) FROM warden_events WHERE reason = 'asked'"),
          std::string("SELECT count(*) > 3 FROM warden_statements")}) {
      for (const std::string& row : watcher.rows(sql)) all += row + "\n";
    }
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(untrusted_schemas, Stranger)

BOOST_AUTO_TEST_CASE(every_function_and_every_table_has_a_verdict) {
  SixJobs host;
  host.db.rows("SELECT total_jobs FROM job_stats");
  std::set<std::string> judged;
  for (const auto& [call, verdict] : kCalls) judged.insert(name_of(call));
  for (const std::string& name : host.db.rows("SELECT DISTINCT name FROM pragma_function_list WHERE name "
                                              "GLOB 'warden_*' OR name GLOB 'job_*'")) {
    BOOST_TEST(judged.contains(name), name);
  }
  for (const std::string& name : host.db.rows(
           "SELECT name FROM pragma_module_list WHERE (name GLOB 'warden_*' OR name GLOB 'job*') AND name <> "
           "'job_columns'")) {  // no table before it is created
    BOOST_TEST(
        std::any_of(kTables.begin(), kTables.end(),
                    [&](const std::string& sql) { return sql.find("FROM " + name) != std::string::npos; }),
        name);
  }
}

BOOST_AUTO_TEST_CASE(no_schema_reaches_what_acts_or_shows_other_connections) {
  for (const bool trusted : {true, false}) {
    for (auto [call, verdict] : kCalls) {
      if (const auto at = call.find('@'); at != std::string::npos)  // a connection that there is
        call.replace(at, 1, watcher.one("SELECT warden_connection_id()"));
      for (const Place& place : kPlaces) {
        if (place.asks_nothing && call == "warden_on_close()") continue;  // it does nothing
        SixJobs host;
        const Db& db = host.db;
        db.rows("CREATE TABLE secret(footprint); SELECT total_jobs FROM job_stats; PRAGMA trusted_schema = " +
                std::string(trusted ? "ON" : "OFF"));
        const std::string id = db.one("SELECT warden_connection_id()");
        const std::string before = state(id);
        const std::string unread = make_schema(db, place.schema, call);
        const std::string result = unread.empty() ? outcome(db, place.use) : "error: " + unread;
        const bool allowed =
            verdict == Verdict::everywhere ||
            (!place.needs_deterministic && (verdict == Verdict::always || (verdict == Verdict::trusted_only &&
                                                                           (trusted || place.asks_nothing))));
        ++figures().schemas;
        BOOST_TEST_CONTEXT(call << " in " << place.name << ", trusted " << trusted << ": " << result) {
          BOOST_TEST(is_error(result) != allowed);
          BOOST_TEST(state(id) == before);
          if (!allowed) {
            const bool names_it =
                result.find("unsafe use of " + name_of(call)) != std::string::npos ||
                result.find("non-deterministic") != std::string::npos ||
                (call.starts_with("warden_job_") && result.find(name_of(call)) != std::string::npos) ||
                (place.use.find("FROM pragma_") != std::string::npos &&  // which loses the text
                 result == "error: SQL logic error");
            BOOST_TEST(names_it);
            if (place.use.starts_with("INSERT")) BOOST_TEST(outcome(db, "SELECT count(*) FROM t") != "1\n");
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(no_schema_reads_columns_of_jobs_or_commands_them) {
  SixJobs host;
  host.db.rows(
      "CREATE VIRTUAL TABLE job_index USING job_columns; CREATE VIEW seen AS SELECT hpc_user FROM job_index;"
      "CREATE TRIGGER reads AFTER UPDATE OF smt ON job BEGIN SELECT count(*) FROM job_index; END;"
      "CREATE TRIGGER commands AFTER UPDATE OF walltime ON job BEGIN INSERT INTO job_index(job_index) VALUES "
      "('rebuild'); END");
  for (const char* sql : {"SELECT * FROM seen", "UPDATE job SET smt = 2", "UPDATE job SET walltime = 2"})
    BOOST_TEST(host.db.error(sql) == "unsafe use of virtual table \"job_index\"");
  BOOST_TEST(host.db.one("SELECT count(*) FROM job_index") == "6");
}

BOOST_AUTO_TEST_CASE(no_schema_reads_a_table_of_warden_nor_another_table_through_one) {
  for (const bool trusted : {true, false}) {
    for (const std::string& ask : kTables) {
      for (const auto& [schema, use] : std::vector<std::pair<std::string, std::string>>{
               {"CREATE VIEW v AS " + ask, "SELECT * FROM v"},
               {"CREATE VIEW v AS WITH c AS (" + ask + ") SELECT * FROM c", "SELECT * FROM v"},
               {"CREATE VIEW v AS SELECT EXISTS(" + ask + ")", "SELECT * FROM v"},
               {"CREATE TABLE k(x); CREATE TABLE t(a); CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO "
                "k " +
                    ask + "; END",
                "INSERT INTO t VALUES (1)"}}) {
        SixJobs host;
        const Db& db = host.db;
        db.rows(
            "CREATE TABLE secret(id, num_nodes, footprint, hpc_user, start_time, duration, job_state, "
            "num_hwthreads, num_acc); PRAGMA trusted_schema = " +
            std::string(trusted ? "ON" : "OFF"));
        db.rows(schema);
        ++figures().schemas;
        const std::string result = outcome(db, use);
        BOOST_TEST(result.starts_with("error: unsafe use of virtual table"), schema << ": " << result);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(no_trigger_writes_a_setting) {
  for (const bool trusted : {true, false}) {
    for (const std::string change :
         {"UPDATE warden_settings SET value = '9MiB'", "DELETE FROM warden_settings",
          "INSERT INTO warden_settings(name) VALUES ('x')"}) {
      SixJobs host;
      const Db& db = host.db;
      db.rows("CREATE TABLE t(a); PRAGMA trusted_schema = " + std::string(trusted ? "ON" : "OFF"));
      db.rows("CREATE TRIGGER r AFTER INSERT ON t BEGIN " + change + "; END");
      const std::string id = db.one("SELECT warden_connection_id()");
      const std::string before = state(id);
      ++figures().schemas;
      BOOST_TEST(is_error(outcome(db, "INSERT INTO t VALUES (1)")), change);
      BOOST_TEST(state(id) == before, change);
      BOOST_TEST(db.one("SELECT count(*) FROM t") == "0");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_database_beside_the_applications_reads_nothing_of_it) {
  SixJobs host;
  const TempDir dir;
  host.db.rows("ATTACH '" + dir.file("stranger.db") + "' AS stranger");
  host.db.rows("CREATE VIEW stranger.v AS SELECT group_key FROM job_stats(NULL, 'hpc_user', 'main.job')");
  host.db.rows("CREATE VIEW stranger.w AS SELECT hpc_user FROM jobs WHERE source = 'main.job'");
  host.db.rows("CREATE VIEW stranger.x AS SELECT job_count(NULL, 'main.job')");
  for (const char* view : {"v", "w", "x"}) {
    ++figures().schemas;
    BOOST_TEST(
        outcome(host.db, std::string("SELECT * FROM stranger.") + view).starts_with("error: unsafe use of"),
        view);
  }
}

BOOST_AUTO_TEST_CASE(the_applications_own_temp_views_may_use_all_of_it) {
  SixJobs host;
  const Db& db = host.db;
  db.rows(
      "CREATE TEMP VIEW by_user AS SELECT group_key, total_jobs FROM job_stats(NULL, 'user');"
      "CREATE TEMP VIEW counted AS SELECT job_count() AS n; CREATE TEMP VIEW open AS SELECT count(*) > 0 "
      "FROM "
      "warden_connections");
  for (const std::string trusted : {"ON", "OFF"}) {
    db.rows("PRAGMA trusted_schema = " + trusted);
    BOOST_TEST(db.rows("SELECT * FROM by_user") == (std::vector<std::string>{"alice|3", "bob|2", "carol|1"}));
    BOOST_TEST(db.one("SELECT * FROM counted") == "6");
    BOOST_TEST(db.one("SELECT * FROM open") == "1");
  }
}

BOOST_AUTO_TEST_CASE(what_acts_may_be_called_by_statements_that_name_it_also_where_they_write) {
  SixJobs host;
  const Db& db = host.db;
  db.rows(
      "CREATE TABLE log(x); INSERT INTO log SELECT warden_release(); CREATE TABLE made AS SELECT "
      "WARDEN_trim() AS x");
  db.rows("INSERT INTO log VALUES (\"warden_get\"('trim')), (job_count()) RETURNING warden_label('me')");
  BOOST_TEST(db.one("SELECT count(*) FROM log") == "3");
  // Beside a statement that writes, and is left open.
  sqlite3_stmt* open = nullptr;
  sqlite3_prepare_v2(db.get(), "INSERT INTO log VALUES (1), (2) RETURNING x", -1, &open, nullptr);
  BOOST_TEST(sqlite3_step(open) == SQLITE_ROW);
  BOOST_TEST(db.error("SELECT warden_release(), warden_get('trim'), job_count()") == "");
  sqlite3_finalize(open);
}

BOOST_AUTO_TEST_CASE(an_index_holds_nothing_that_another_version_would_say_otherwise) {
  SixJobs host;
  host.db.rows("CREATE TABLE t(a)");
  for (const char* call : {"warden_version()", "warden_size('25%')", "warden_connection_id()"}) {
    BOOST_TEST(host.db.error(std::string("CREATE INDEX i ON t(a, ") + call + ")").find("non-deterministic") !=
                   std::string::npos,
               call);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
