#include "duckdb_sql.hpp"

#include <cmath>
#include <cstdio>
#include <iterator>

#include "job_sql.hpp"

namespace warden::bench::duckdb_sql {
namespace {

/// Columns of the table and their types. Words that are few are ENUMs, which DuckDB groups by in arrays.
struct Column {
  std::string_view name;
  std::string_view type;
};
constexpr std::string_view kEnum = "ENUM";
constexpr Column kColumns[] = {
    {"id", "INTEGER"},         {"job_id", "INTEGER"},        {"array_job_id", "INTEGER"},
    {"cluster", kEnum},        {"subcluster", kEnum},        {"cluster_partition", kEnum},
    {"hpc_user", kEnum},       {"project", kEnum},           {"job_state", kEnum},
    {"shared", kEnum},         {"start_time", "BIGINT"},     {"duration", "INTEGER"},
    {"num_nodes", "SMALLINT"}, {"num_hwthreads", "INTEGER"}, {"num_acc", "SMALLINT"},
    {"energy", "DOUBLE"}};

std::string duration_at(std::int64_t now) {
  return "CASE WHEN job_state = 'running' THEN " + std::to_string(now) + " - start_time ELSE duration END";
}

std::string jobs(std::int64_t now, std::string_view condition) {
  return " FROM (SELECT *, " + duration_at(now) + " AS d FROM job" +
         (condition.empty() ? "" : " WHERE " + std::string(condition)) + ")";
}

std::string number(const std::string& sum) { return "(" + sum + ")::BIGINT"; }
std::string hours(const std::string& seconds) { return "((" + seconds + " + 1800) // 3600)::BIGINT"; }

/// The sums of job_stats behind the jobs and users, of jobs(). To add up truths is faster than a FILTER.
constexpr std::string_view kSums[] = {
    "sum(d)",
    "sum(num_nodes)",
    "sum(d * num_nodes)",
    "sum(num_hwthreads)",
    "sum(d * num_hwthreads)",
    "sum(num_acc)",
    "sum(d * num_acc)",
    "sum((job_state = 'running')::INTEGER)",
    "sum((d < 300)::INTEGER)",
};
constexpr bool in_hours(std::size_t sum) { return sum % 2 == 0 && sum <= 6; }

std::string sums() {
  std::string sql;
  for (std::size_t i = 0; i < std::size(kSums); ++i)
    sql += ", " + (in_hours(i) ? hours(std::string(kSums[i])) : number(std::string(kSums[i])));
  return sql;
}

/// Users counted beside the pass; of three ways the fastest.
std::string stats_beside_users(std::int64_t now, std::string_view condition) {
  const std::string where = condition.empty() ? "" : " WHERE " + std::string(condition);
  return "SELECT count(*), (SELECT count(*) FROM (SELECT DISTINCT hpc_user FROM job" + where + "))" + sums() +
         jobs(now, condition);
}

/// A histogram: its name, what its jobs are grouped by, and the first bin.
struct Histogram {
  std::string name;
  std::string key;
  int first;
};

std::string literal(double number) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.17g::DOUBLE", number);
  return text;
}

constexpr int kBins = 10;

/// Ten parts of each peak, 11 above it, NULL without a value. The case that most jobs are comes first; and all are bytes.
std::vector<Histogram> of_metrics() {
  std::vector<Histogram> histograms;
  for (const auto& [key, peak] : job_sql::kMetrics) {
    const std::string v(key);
    const std::string most = literal(std::stod(std::string(peak)));
    histograms.push_back({v,
                          "CASE WHEN " + v + " < " + most + " THEN trunc(" + v + " / " + most +
                              " * 10)::UTINYINT WHEN " + v + " = " + most + " THEN 9::UTINYINT WHEN " + v +
                              " > " + most + " THEN 10::UTINYINT END",
                          1});
  }
  return histograms;
}

/// Durations by the hour, 1 to 48, 49 beyond; and numbers.
std::vector<Histogram> of_others(std::int64_t now) {
  return {{"duration", "least((" + duration_at(now) + ") // 3600, 48)::UTINYINT", 1},
          {"num_nodes", "num_nodes", 0},
          {"num_cores", "num_hwthreads", 0},
          {"num_accs", "num_acc", 0}};
}

/// A branch for each, which reads only its columns: faster than all in one pass with GROUPING SETS.
std::string grouped(const std::vector<Histogram>& histograms) {
  std::string sql;
  for (const auto& [name, key, first] : histograms) {
    sql += (sql.empty() ? "SELECT '" : " UNION ALL SELECT '") + name + "', key::BIGINT + " +
           std::to_string(first) + ", count(*) FROM (SELECT " + key + " AS key FROM job) GROUP BY key";
  }
  return sql;
}

/// DuckDB's own histogram(), in one pass. Its bins have their upper edge, ours the lower one: so it gets negative values.
std::string own_histograms() {
  std::string pass;
  std::string rows;
  for (const auto& [key, peak] : job_sql::kMetrics) {
    const std::string name(key);
    const double most = std::stod(std::string(peak));
    std::string edges = literal(-std::nextafter(most, HUGE_VAL));
    std::string bins = std::to_string(kBins + 1);
    for (int bin = kBins; bin >= 1; --bin) {
      edges += ", " + literal(-most * (bin - 1) / kBins);
      bins += ", " + std::to_string(bin);
    }
    pass += (pass.empty() ? "" : ", ") + ("histogram(-" + name + ", [" + edges + "]) AS " + name +
                                          ", count(*) - count(" + name + ") AS no_" + name);
    rows += (rows.empty() ? "SELECT '" : " UNION ALL SELECT '") + name + "' AS name, unnest([" + bins +
            ", NULL]) AS bin, unnest(list_append(map_values(" + name + "), no_" + name +
            ")) AS jobs FROM pass";
  }
  return "WITH pass AS MATERIALIZED (SELECT " + pass + " FROM job) SELECT * FROM (" + rows +
         ") WHERE jobs > 0";
}

}  // namespace

std::string import(std::string_view csv) {
  std::string types;
  std::string columns;
  std::string enums;
  for (const auto& [name, type] : kColumns) {
    const std::string column(name);
    types += (types.empty() ? "'" : ", '") + column + "': '" +
             (type == kEnum ? "VARCHAR" : std::string(type)) + "'";
    columns += (columns.empty() ? "" : ", ") + column;
    if (type != kEnum) continue;
    columns += "::" + column + "_word AS " + column;
    enums += "CREATE TYPE " + column + "_word AS ENUM (SELECT DISTINCT " + column + " FROM read WHERE " +
             column + " IS NOT NULL);";
  }
  for (const job_sql::Metric& metric : job_sql::kMetrics) {
    types += ", '" + std::string(metric.key) + "': 'DOUBLE'";
    columns += ", " + std::string(metric.key);
  }
  return "CREATE TEMP TABLE read AS SELECT * FROM read_csv('" + std::string(csv) +
         "', header = false, columns = {" + types + "});" + enums + "CREATE TABLE job AS SELECT " + columns +
         " FROM read;DROP TABLE read;CHECKPOINT";
}

std::string to_export() {
  std::string sql = "SELECT ";
  for (const Column& column : kColumns) sql += std::string(column.name) + ", ";
  const char* comma = "";
  for (const job_sql::Metric& metric : job_sql::kMetrics) {
    sql += comma + ("json_extract(footprint, '$." + std::string(metric.key) + "')");
    comma = ", ";
  }
  return sql + " FROM job ORDER BY id";
}

Ways stats(std::int64_t now, std::string_view condition) {
  std::string of_user;
  std::string of_all;
  for (std::size_t i = 0; i < std::size(kSums); ++i) {
    const std::string name = "s" + std::to_string(i);
    of_user += ", " + std::string(kSums[i]) + " AS " + name;
    of_all += ", " + (in_hours(i) ? hours("sum(" + name + ")") : number("sum(" + name + ")"));
  }
  const std::string from = jobs(now, condition);
  // The third way has sums for each user first, so that users are lines.
  return {"SELECT count(*), count(DISTINCT hpc_user)" + sums() + from, stats_beside_users(now, condition),
          "SELECT sum(jobs)::BIGINT, count(*)" + of_all + " FROM (SELECT count(*) AS jobs" + of_user + from +
              " GROUP BY hpc_user)"};
}

Ways stats_by_user(std::int64_t now) {
  return {"SELECT hpc_user, count(*), 1" + sums() + jobs(now, "") +
          " GROUP BY hpc_user ORDER BY sum(d * num_hwthreads) DESC, hpc_user::VARCHAR"};
}

Ways count(std::string_view condition) {
  return {"SELECT count(*) FROM job WHERE " + std::string(condition)};
}

Ways metric_histograms() { return {grouped(of_metrics()), own_histograms()}; }

Ways page(std::int64_t now) {
  const std::string stats = stats_beside_users(now, "") + ";";
  std::vector<Histogram> all = of_metrics();
  for (Histogram& other : of_others(now)) all.push_back(std::move(other));
  return {stats + grouped(all), stats + own_histograms() + ";" + grouped(of_others(now))};
}

}  // namespace warden::bench::duckdb_sql
