// The tables of warden as the fuzzer of SQL knows them: what can be compared, and what arguments are worth a try.
#pragma once

#include <string>
#include <vector>

namespace warden::fuzz {

struct Argument {
  std::string name;
  std::vector<std::string> values;  // as SQL; "" leaves it out
};

struct TableInfo {
  std::string name;
  std::vector<std::string> columns;   // that don't change while nothing happens
  std::vector<std::string> moving{};  // of these only whether they can be read
  std::vector<Argument> arguments{};
};

/// All tables. As sources there are job, odd (of which no column has a type) and the view seen.
inline const std::vector<TableInfo>& all_tables() {
  const Argument filter{
      "filter",
      {"", "'{}'", "'{\"cluster\":{\"eq\":\"fritz\"}}'", "'{\"state\":[\"running\",\"completed\"]}'",
       "'{\"metricStats\":[{\"metricName\":\"cpu_load_avg\",\"range\":{\"from\":10}}]}'",
       "'{\"dbId\":[2,4]}'", "'bad'", "5"}};
  const Argument source{"source", {"", "'odd'", "'main.job'", "'seen'", "'nothing'"}};
  const Argument now{"now", {"10000"}};
  const Argument seconds{"short_seconds", {"", "300", "-1"}};
  const Argument parity{"parity", {"", "0", "1", "2"}};
  const Argument engine{"engine", {"", "'rows'", "'columns'", "'auto'", "'both'"}};
  static const std::vector<TableInfo> all{
      {"warden_settings",
       {"name", "value", "unit", "default_value", "min_value", "max_value", "source", "scope",
        "description"}},
      {"warden_events",
       {"event_id", "at_ms", "action", "reason", "connection_id", "label", "sql", "measured_bytes",
        "threshold_bytes", "sqlite_before_bytes", "took_us", "dry_run"}},
      {"warden_samples",
       {"at_ms", "level", "sqlite_bytes", "rss_bytes", "allocator_free_bytes", "connections", "active",
        "pressure_ratio"}},
      {"warden_statements",
       {"fingerprint", "sql", "calls", "errors", "cancels", "total_ms", "full_scan_steps", "sorts"},
       {"first_at_ms", "last_at_ms"}},
      {"warden_connections",
       {"connection_id", "label", "file", "thread_id", "serialized", "hooks"},
       {"opened_at_ms", "state", "sql", "statement_seq", "elapsed_ms", "cache_bytes", "sampled_ago_ms",
        "releases"}},
      {"warden_memory", {"area", "description"}, {"bytes", "peak_bytes", "limit_bytes"}},
      {"warden_checks", {"\"check\"", "status", "advice"}, {"detail"}},
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
        "energy"},
       {},
       {filter,
        {"order_by",
         {"", "'duration DESC'", "'cluster, start_time DESC'", "'footprint.cpu_load_avg'", "'nonsense'"}},
        {"per_page", {"", "-1", "2", "3", "0", "'x'"}},
        {"page", {"", "1", "2", "9223372036854775807"}},
        source,
        now,
        seconds,
        parity}},
      {"job_stats",
       {"group_key", "group_name", "total_jobs", "total_users", "total_walltime_hours", "total_nodes",
        "total_node_hours", "total_cores", "total_core_hours", "total_accs", "total_acc_hours",
        "running_jobs", "short_jobs", "bad_footprints"},
       {},
       {filter,
        {"group_by", {"", "'user'", "'state'", "'num_nodes'", "'nonsense'"}},
        source,
        now,
        seconds,
        parity,
        engine}},
      {"job_histogram",
       {"bin", "from_value", "to_value", "label", "jobs", "bad_footprints"},
       {},
       {filter,
        {"dimension", {"'duration'", "'num_nodes'", "'num_accs'"}},
        {"bins", {"", "'6h'", "'12h'", "'1y'"}},
        source,
        now,
        seconds,
        parity,
        engine}},
      {"job_metric_histogram",
       {"metric", "bin", "from_value", "to_value", "label", "jobs", "without_value", "bad_footprints"},
       {},
       {filter,
        {"metrics",
         {"'[\"cpu_load_avg\"]'", "'[{\"metric\":\"mem_bw_avg\",\"peak\":350},\"cpu_load_avg\"]'", "'[]'"}},
        {"bins", {"", "3", "0"}},
        source,
        now,
        seconds,
        parity,
        engine}},
      {"job_page",
       {"section", "name", "bin", "from_value", "to_value", "label", "value"},
       {},
       {filter,
        {"metrics", {"", "'[\"cpu_load_avg\"]'"}},
        source,
        now,
        seconds,
        parity,
        {"duration_bins", {"", "'6h'"}},
        {"metric_bins", {"", "3"}},
        engine}},
      {"job_index",
       {"id", "start_time", "duration", "num_nodes", "num_hwthreads", "num_acc", "array_job_id", "job_state",
        "hpc_user", "project", "cluster", "subcluster", "cluster_partition", "shared", "job_name",
        "cpu_load_avg"}}};
  return all;
}

}  // namespace warden::fuzz
