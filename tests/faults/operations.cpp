#include "operations.hpp"

#include "tests/jobs/job_host.hpp"

namespace warden::test {

const std::string kTables =
    kJobTables + kSixJobs +
    // One with more nodes than SQLite's JSON parser has room for at first, and footprints that it has to read.
    "INSERT INTO job(id, job_id, cluster, subcluster, start_time, hpc_user, project, duration, walltime, "
    "job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, shared, energy, footprint) VALUES"
    " (7, 107, 'fritz', 'main', 5500, 'dave', 'p3', 60, 60, 'completed',"
    " '{\"jobName\":\"deep\",\"more\":[[1,2,3],[4,5,6],{\"a\":{\"b\":{\"c\":[7,8,9]}}}]}',"
    " '[{\"hostname\":\"n1\"},{\"hostname\":\"n2\"},{\"hostname\":\"n3\"},{\"hostname\":\"n4\"},{"
    "\"hostname\":"
    "\"n5\"},{\"hostname\":\"n6\"},{\"hostname\":\"n7\"},{\"hostname\":\"n8\"},{\"hostname\":\"last\"}]',"
    " 9, 9, 9, 'none', 2.5,"
    " '{\"nested\":{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13]},\"cpu_load_avg\":2.5e1,\"mem_bw_avg\":\"text\"}');"
    "CREATE INDEX jobs_cover ON job(cluster, hpc_user, job_state, start_time, duration, num_nodes);"
    "CREATE TABLE watched(a INTEGER PRIMARY KEY, b TEXT); CREATE TABLE log(line TEXT);"
    "CREATE VIEW users AS SELECT group_key, total_jobs FROM job_stats(NULL, 'user');"
    "CREATE TRIGGER watch AFTER INSERT ON watched BEGIN "
    "INSERT INTO log SELECT group_key || total_jobs FROM users; "
    "INSERT INTO log SELECT job_count('{\"state\":[\"completed\"]}') || warden_size_text(2048); END;"
    "CREATE TABLE mine(a); INSERT INTO mine VALUES (1), (2);";

const std::string kContents =
    "SELECT (SELECT sum(a) FROM mine), (SELECT group_concat(id || hpc_user || coalesce(footprint, '-')) FROM "
    "job), (SELECT count(*) FROM jobtag), (SELECT count(*) FROM sqlite_master WHERE name "
    "NOT LIKE '%job_index%' AND name NOT LIKE 'fast%')";

namespace {

using Rows = Operation::Rows;

/// A value for each setting that is not its default; by the name of the setting.
std::string other_value(const std::string& name, const std::string& unit) {
  if (name == "cache_size") return "2MiB";
  if (name == "temp_store") return "file";
  if (name == "trim") return "never";
  if (name == "hooks") return "trace+progress";
  if (name == "show_sql") return "full";
  if (name == "hard_heap_limit") return "900MB";
  if (name == "statement_stats_max" || name == "events" || name == "history") return "50";
  if (unit == "bytes") return "123MB";
  if (unit == "ms") return "54321";
  return name == "statement_stats" || name == "pressure" ? "0" : "1";
}

void add_settings(const Db& db, std::vector<Operation>& all) {
  for (const std::string& row : db.rows("SELECT name || ' ' || coalesce(unit, '') FROM warden_settings")) {
    const std::string name = row.substr(0, row.find(' '));
    if (name == "watchdog") continue;  // its thread would allocate beside; test_watchdog.cpp
    const std::string value = other_value(name, row.substr(name.size() + 1));
    const std::string state =
        "SELECT value, source, warden_get(name) FROM warden_settings WHERE name = '" + name + "'";
    const std::string before = "SELECT warden_reset()";
    all.push_back(
        {"SELECT warden_set('" + name + "', '" + value + "')", Rows::same, before, state, true, false});
    all.push_back({"UPDATE warden_settings SET value = '" + value + "' WHERE name = '" + name + "'",
                   Rows::same, before, state, true, false});
    all.push_back({"SELECT warden_set('" + name + "', NULL)", Rows::same,
                   before + ", warden_set('" + name + "', '" + value + "')", state, true, false});
    all.push_back({"SELECT warden_set('" + name + "', 'neither a number nor a word of any setting')",
                   Rows::same, before, state, false, false});
    all.push_back({"SELECT warden_get('" + name + "')", Rows::same, before, "", false, false});
  }
  all.push_back({"SELECT warden_set('hard_heap_limit', '8MiB')", Rows::same,
                 "SELECT warden_reset(), "
                 "sum(length(x)) FROM (SELECT zeroblob(1000) AS x)",
                 "SELECT value, warden_get(name) FROM warden_settings WHERE name = 'hard_heap_limit'", false,
                 false});
  all.back().rows = Rows::any;  // what it needs at least stands in the error
}

void add_tables(std::vector<Operation>& all) {
  const auto add = [&](const std::string& sql, Rows rows = Rows::same) { all.push_back({sql, rows}); };
  add("SELECT * FROM warden_settings");
  add("SELECT value, unit FROM warden_settings WHERE name = 'memory_budget'");
  add("SELECT name FROM warden_settings WHERE name IN ('trim', 'hooks') OR source = 'sql' ORDER BY 1 DESC");
  add("UPDATE warden_settings SET name = 'x'");
  add("DELETE FROM warden_settings");
  add("INSERT INTO warden_settings(name) VALUES ('x')");
  add("SELECT * FROM warden_memory", Rows::as_many);
  add("SELECT area FROM warden_memory WHERE bytes IS NOT NULL OR area = 'sqlite'", Rows::any);
  add("SELECT description FROM warden_memory WHERE area = 'page_cache'");
  add("SELECT * FROM warden_connections", Rows::as_many);
  add("SELECT state, label, hooks FROM warden_connections WHERE connection_id = warden_connection_id()");
  add("SELECT count(*) FROM warden_connections a JOIN warden_connections b USING (connection_id)");
  add("SELECT * FROM warden_statements", Rows::any);
  add("SELECT fingerprint, calls FROM warden_statements WHERE sql LIKE 'SELECT%' ORDER BY total_ms DESC",
      Rows::any);
  add("SELECT * FROM warden_events", Rows::any);
  add("SELECT event_id, reason FROM warden_events WHERE event_id > 1 AND action = 'limit'", Rows::any);
  add("SELECT * FROM warden_samples", Rows::any);
  add("SELECT count(*) FROM warden_samples WHERE at_ms > 5", Rows::as_many);
  add("SELECT * FROM warden_checks", Rows::as_many);
  add("SELECT status FROM warden_checks WHERE \"check\" = 'hooks'");
}

void add_functions(std::vector<Operation>& all) {
  const auto add = [&](const std::string& sql, Rows rows = Rows::same) { all.push_back({sql, rows}); };
  add("SELECT warden_release(), 1", Rows::as_many);
  add("SELECT warden_release('idle')", Rows::as_many);
  add("SELECT warden_release(warden_connection_id())", Rows::as_many);
  add("SELECT warden_release(connection_id) FROM warden_connections", Rows::as_many);
  add("SELECT warden_release(987654)");
  add("SELECT warden_release(x'00')");
  add("SELECT warden_release('everything that there is, in a text longer than any small buffer')");
  add("SELECT warden_trim() IS NOT NULL");
  all.push_back({"SELECT warden_label('a label of some length for this connection')", Rows::same,
                 "SELECT warden_label('before')",
                 "SELECT label FROM warden_connections WHERE connection_id = warden_connection_id()", true});
  add("SELECT warden_label(5)");
  all.push_back({"SELECT warden_timeout(600000), warden_timeout()", Rows::same, "SELECT warden_timeout(NULL)",
                 "SELECT warden_timeout()", true});
  all.push_back({"SELECT warden_timeout(NULL)", Rows::same, "SELECT warden_timeout(500000)",
                 "SELECT warden_timeout()", true});
  add("SELECT warden_timeout('soon')");
  add("SELECT warden_timeout(-1)");
  add("SELECT warden_cancel(connection_id, 1), warden_cancel(connection_id) FROM warden_connections WHERE "
      "connection_id <> warden_connection_id()");
  add("SELECT warden_cancel(987654)");
  add("SELECT warden_cancel(1, 'x')");
  add("SELECT warden_cancel(warden_connection_id()) IS NULL", Rows::any);
  all.push_back({"SELECT warden_statements_reset() > 0", Rows::same, "SELECT 1, 2, 3"});
  add("SELECT warden_get('no such setting')");
  add("SELECT warden_get('memory_budgte')");
  add("SELECT warden_set('no such setting', 1)");
  add("SELECT warden_set('trim', x'00')");
  all.push_back({"SELECT warden_reset()", Rows::same,
                 "SELECT warden_set('trim', 'never'), warden_set('memory_budget', '77MB')",
                 "SELECT group_concat(name || value) FROM warden_settings WHERE source = 'sql'", true});
  add("SELECT warden_size('1.5GiB'), warden_size('25%', 4096), warden_size(NULL), "
      "warden_size_text(1610612736)");
  add("SELECT warden_size('a size that nobody can read')");
  add("SELECT warden_size('1 XB')");
  add("SELECT warden_size_text('five')");
  add("SELECT warden_version(), warden_connection_id() > 0");
  add("SELECT length(warden_debug()) > 100");
  add("SELECT json_extract(warden_debug(), '$.version')");
}

/// What the hooks see: statements never seen before, long ones, deep ones, writing ones.
void add_statements(std::vector<Operation>& all) {
  const auto add = [&](const std::string& sql) { all.push_back({sql}); };
  add("SELECT 7 AS \"column $N\"");
  add("SELECT 7 AS \"column $N\", 8 AS \"" + std::string(300, 'l') + "\"");
  add("SELECT " + std::string(1500, ' ') +
      "1 + $N > 0 AS \"another column $N\" FROM mine WHERE a IN (1, 2, 3, 4)");
  add("SELECT a AS \"n$N\" FROM mine; SELECT a AS \"n$N\" FROM mine ORDER BY a DESC; SELECT a AS \"n$N\" "
      "FROM mine");
  all.push_back({"SELECT a AS \"n$N\" FROM mine; SELECT count(*) FROM mine AS \"" + std::string(700, 'x') +
                     "\"; BEGIN; UPDATE mine SET a = a WHERE a < 0; COMMIT",
                 Rows::same, "", "", false, true});
  all.push_back(
      {"SELECT total_jobs FROM job_stats; SELECT state FROM warden_connections WHERE connection_id = "
       "warden_connection_id()",
       Rows::same, "", "", false, true});
  all.push_back({"INSERT INTO watched(b) VALUES ('x$N')", Rows::same, "DELETE FROM watched; DELETE FROM log",
                 "SELECT (SELECT count(*) FROM watched), (SELECT group_concat(line) FROM log)", false,
                 false});
  add("PRAGMA cache_size = 2000");
  all.push_back({"ATTACH ':memory:' AS \"beside$N\"", Rows::same, "", "", false, true});
  all.push_back({"PRAGMA temp_store = 0; SELECT 2", Rows::same,
                 "SELECT warden_set('temp_store', 'memory'), warden_set('cache_size', '1MiB')", "", false});
  all.push_back({"SELECT warden_reset()"});
}

}  // namespace

std::vector<Operation> warden_operations(const Db& db) {
  std::vector<Operation> all;
  add_functions(all);
  add_tables(all);
  add_statements(all);
  add_settings(db, all);
  all.push_back({"SELECT warden_reset()"});
  return all;
}

std::vector<Operation> all_operations(const Db& db) {
  std::vector<Operation> all = warden_operations(db);
  for (Operation& job : job_operations()) all.push_back(std::move(job));
  return all;
}

}  // namespace warden::test
