// The complete public surface, as a list: it can't change unnoticed.
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace warden::test {
namespace {

std::vector<std::string> columns_of(const Db& db, const std::string& table) {
  std::vector<std::string> all;
  for (const std::string& name : db.rows("SELECT name FROM pragma_table_xinfo('" + table + "')"))
    all.push_back(name);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(surface)

BOOST_AUTO_TEST_CASE(these_functions_and_no_others) {
  Db db;
  const std::string functions = "SELECT DISTINCT name || '/' || narg FROM pragma_function_list ORDER BY 1";
  const std::string modules =
      "SELECT name FROM pragma_module_list WHERE name LIKE 'warden%' OR name LIKE 'job%' "
      "ORDER BY 1";
  // Other tests have loaded warden already: what it brings is told by the name.
  db.load();
  std::vector<std::string> found;
  for (const std::string& name : db.rows(functions)) {
    if (name.starts_with("warden") || name.starts_with("job")) found.push_back(name);
  }
  const std::vector<std::string> expected{
      "job_count/-1",      "job_engine/-1",          "job_filter_sql/-1",
      "warden_cancel/-1",  "warden_connection_id/0", "warden_debug/0",
      "warden_get/1",      "warden_label/1",         "warden_on_close/0",
      "warden_release/-1", "warden_reset/0",         "warden_set/2",
      "warden_size/-1",    "warden_size_text/1",     "warden_statements_reset/0",
      "warden_timeout/-1", "warden_trim/0",          "warden_version/0"};
  BOOST_TEST(found == expected, boost::test_tools::per_element());
  // And these once a statistic was asked for.
  db.rows("CREATE TEMP TABLE job(footprint); SELECT total_jobs FROM job_stats");
  BOOST_TEST(db.rows("SELECT name || '/' || narg FROM pragma_function_list WHERE name LIKE 'warden_job%' "
                     "ORDER BY 1") == (std::vector<std::string>{"warden_job_match/2", "warden_job_no_json/1",
                                                                "warden_job_pass/-1"}),
             boost::test_tools::per_element());
  const std::vector<std::string> tables{
      "job_columns",    "job_histogram",   "job_metric_histogram", "job_page",      "job_stats",
      "jobs",           "warden_checks",   "warden_connections",   "warden_events", "warden_memory",
      "warden_samples", "warden_settings", "warden_statements"};
  BOOST_TEST(db.rows(modules) == tables, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(these_columns_in_this_order) {
  Db db;
  db.load();
  const std::vector<std::pair<std::string, std::vector<std::string>>> tables{
      {"warden_settings",
       {"name", "value", "unit", "default_value", "min_value", "max_value", "source", "scope",
        "description"}},
      {"warden_memory", {"area", "bytes", "peak_bytes", "limit_bytes", "description"}},
      {"warden_connections", {"connection_id",
                              "label",
                              "file",
                              "opened_at_ms",
                              "thread_id",
                              "state",
                              "sql",
                              "statement_seq",
                              "started_at_ms",
                              "elapsed_ms",
                              "deadline_ms",
                              "in_transaction",
                              "idle_ms",
                              "cache_bytes",
                              "schema_bytes",
                              "statement_bytes",
                              "cache_hits",
                              "cache_misses",
                              "cache_spills",
                              "sampled_ago_ms",
                              "serialized",
                              "hooks",
                              "released_bytes",
                              "releases",
                              "cancels",
                              "sqlite_copy",
                              "sqlite_version",
                              "progress"}},
      {"warden_events",
       {"event_id", "at_ms", "action", "reason", "connection_id", "label", "sql", "measured_bytes",
        "threshold_bytes", "sqlite_before_bytes", "sqlite_after_bytes", "rss_before_bytes", "rss_after_bytes",
        "took_us", "dry_run"}},
      {"warden_samples",
       {"at_ms", "level", "sqlite_bytes", "rss_bytes", "allocator_free_bytes", "connections", "active",
        "pressure_ratio"}},
      {"warden_statements",
       {"fingerprint", "sql", "calls", "errors", "cancels", "total_ms", "min_ms", "mean_ms", "max_ms",
        "stddev_ms", "vm_steps", "full_scan_steps", "sorts", "auto_indexes", "reprepares",
        "peak_memory_bytes", "first_at_ms", "last_at_ms"}},
      {"warden_checks", {"check", "status", "detail", "advice"}},
      {"job_stats",
       {"group_key",
        "group_name",
        "total_jobs",
        "total_users",
        "total_walltime_hours",
        "total_nodes",
        "total_node_hours",
        "total_cores",
        "total_core_hours",
        "total_accs",
        "total_acc_hours",
        "running_jobs",
        "short_jobs",
        "filter",
        "group_by",
        "source",
        "now",
        "short_seconds",
        "parity",
        "engine",
        "no_more_arguments",
        "bad_footprints"}},
      {"job_histogram",
       {"bin", "from_value", "to_value", "label", "jobs", "filter", "dimension", "bins", "source", "now",
        "short_seconds", "parity", "engine", "no_more_arguments", "bad_footprints"}},
      {"job_metric_histogram",
       {"metric", "bin", "from_value", "to_value", "label", "jobs", "filter", "metrics", "bins", "source",
        "now", "short_seconds", "parity", "engine", "no_more_arguments", "without_value", "bad_footprints"}},
      {"job_page",
       {
           "section",
           "name",
           "bin",
           "from_value",
           "to_value",
           "label",
           "value",
           "filter",
           "metrics",
           "source",
           "now",
           "short_seconds",
           "parity",
           "duration_bins",
           "metric_bins",
           "engine",
       }},
      {"jobs",
       {"id",
        "job_id",
        "hpc_user",
        "project",
        "cluster",
        "subcluster",
        "start_time",
        "cluster_partition",
        "array_job_id",
        "num_nodes",
        "num_hwthreads",
        "num_acc",
        "shared",
        "monitoring_status",
        "smt",
        "job_state",
        "duration",
        "walltime",
        "resources",
        "footprint",
        "energy",
        "filter",
        "order_by",
        "per_page",
        "page",
        "source",
        "now",
        "short_seconds",
        "parity"}}};
  for (const auto& [table, columns] : tables) {
    BOOST_TEST_CONTEXT(table) {
      BOOST_TEST(columns_of(db, table) == columns, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(select_star_shows_no_arguments_and_no_rare_columns) {
  Db db;
  db.load();
  for (const auto& [table, columns] :
       std::vector<std::pair<std::string, std::string>>{{"job_stats", "13"},
                                                        {"job_histogram", "5"},
                                                        {"job_metric_histogram", "6"},
                                                        {"job_page", "7"},
                                                        {"jobs", "21"}}) {
    BOOST_TEST(db.one("SELECT count(*) FROM pragma_table_info('" + table + "')") == columns, table);
  }
}

BOOST_AUTO_TEST_CASE(these_settings_and_defaults) {
  Db db;
  db.load();
  db.rows("SELECT warden_reset()");
  const std::vector<std::string> expected{"memory_budget|25%|bytes|process",
                                          "soft_heap_limit|auto|bytes|process",
                                          "hard_heap_limit|0|bytes|process",
                                          "release_above|75%|bytes|process",
                                          "release_to|50%|bytes|process",
                                          "idle_grace_ms|1000|ms|process",
                                          "idle_keep|auto|bytes|process",
                                          "idle_release_ms|60000|ms|process",
                                          "cancel_above|0|bytes|process",
                                          "cancel_after_ms|2000|ms|process",
                                          "cache_size|keep|bytes|connection",
                                          "temp_store|keep|NULL|connection",
                                          "statement_timeout_ms|0|ms|process",
                                          "statement_timeout_writes|0|NULL|process",
                                          "transaction_idle_ms|0|ms|process",
                                          "trim|auto|NULL|process",
                                          "trim_above|32MB|bytes|process",
                                          "trim_interval_ms|1000|ms|process",
                                          "sample_interval_ms|auto|ms|process",
                                          "pressure|1|NULL|process",
                                          "hooks|trace|NULL|connection",
                                          "statement_stats|1|NULL|process",
                                          "statement_stats_max|1000|rows|process",
                                          "show_sql|normalized|NULL|process",
                                          "history|3600|rows|process",
                                          "events|1000|rows|process",
                                          "dry_run|0|NULL|process",
                                          "watchdog|1|NULL|process"};
  BOOST_TEST(db.rows("SELECT name, default_value, unit, scope FROM warden_settings") == expected,
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_acts_or_shows_other_connections_is_refused_in_views_and_triggers) {
  Db db;
  db.load();
  for (const std::string call : {"warden_release()", "warden_release(1)", "warden_trim()",
                                 "warden_label('x')", "warden_set('trim', 'auto')", "warden_get('trim')",
                                 "warden_reset()", "warden_debug()", "warden_timeout()", "warden_timeout(5)",
                                 "warden_cancel(1)", "warden_cancel(1, 2)", "warden_statements_reset()"}) {
    BOOST_TEST_CONTEXT(call) {
      db.rows("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT " + call);
      BOOST_TEST(db.error("SELECT * FROM v").starts_with("unsafe use of warden_"));
    }
  }
  db.rows("CREATE TEMP TABLE job(footprint); SELECT total_jobs FROM job_stats");
  for (const std::string call : {"warden_job_match(1, 2)", "warden_job_no_json(1)", "warden_job_pass(1)"}) {
    BOOST_TEST_CONTEXT(call) {
      db.rows("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT " + call);
      BOOST_TEST(db.error("SELECT * FROM v").starts_with("unsafe use of warden_job_"));
    }
  }
  for (const std::string table :
       {"settings", "memory", "connections", "events", "samples", "statements", "checks"}) {
    BOOST_TEST_CONTEXT(table) {
      db.rows("DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT * FROM warden_" + table);
      BOOST_TEST(db.error("SELECT * FROM v") == "unsafe use of virtual table \"warden_" + table + "\"");
    }
  }
  db.rows("CREATE TABLE base(a); CREATE TRIGGER tr AFTER INSERT ON base BEGIN SELECT warden_reset(); END");
  BOOST_TEST(db.error("INSERT INTO base VALUES (1)") == "unsafe use of warden_reset()");
  BOOST_TEST(db.number("SELECT count(*) FROM base") == 0);
}

BOOST_AUTO_TEST_CASE(pure_functions_may_be_used_by_an_untrusted_schema) {
  Db db;
  db.load();
  db.rows(
      "PRAGMA trusted_schema = OFF; CREATE VIEW sizes AS SELECT warden_size('1KiB'), warden_size_text(2048), "
      "warden_version()");
  BOOST_TEST(db.one("SELECT * FROM sizes") == "1024|2 KiB|0.1.0");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
