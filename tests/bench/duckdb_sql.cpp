#include "duckdb_sql.hpp"

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

/// The sums of job_stats behind count(*) and the users, of jobs().
constexpr std::string_view kSums[] = {"sum(d)",
                                      "sum(num_nodes)",
                                      "sum(d * num_nodes)",
                                      "sum(num_hwthreads)",
                                      "sum(d * num_hwthreads)",
                                      "sum(num_acc)",
                                      "sum(d * num_acc)",
                                      "count(*) FILTER (WHERE job_state = 'running')",
                                      "count(*) FILTER (WHERE d < 300)"};
constexpr bool in_hours(std::size_t sum) { return sum % 2 == 0 && sum <= 6; }

std::string sums() {
  std::string sql;
  for (std::size_t i = 0; i < std::size(kSums); ++i)
    sql += ", " + (in_hours(i) ? hours(std::string(kSums[i])) : number(std::string(kSums[i])));
  return sql;
}

/// A histogram: its name, and what falls into its bins.
struct Histogram {
  std::string name;
  std::string bin;
};

/// One of ten parts of each peak, 11 above it, NULL without a value; a byte, so that DuckDB counts in an array.
std::vector<Histogram> of_metrics() {
  std::vector<Histogram> histograms;
  for (const auto& [key, peak] : job_sql::kMetrics) {
    const std::string v(key);
    const std::string most(peak);
    histograms.push_back({v, "(least(trunc(" + v + " / " + most + " * 10), 10)::UTINYINT + 1 - (" + v +
                                 " = " + most + ")::UTINYINT)::UTINYINT"});
  }
  return histograms;
}

/// Durations by the hour, 1 to 48, 49 beyond.
std::vector<Histogram> of_page(std::int64_t now) {
  std::vector<Histogram> histograms = of_metrics();
  histograms.push_back({"duration", "(least((" + duration_at(now) + ") // 3600, 48) + 1)::UTINYINT"});
  histograms.push_back({"num_nodes", "num_nodes"});
  histograms.push_back({"num_cores", "num_hwthreads"});
  histograms.push_back({"num_accs", "num_acc"});
  return histograms;
}

/// A statement with a branch for each, which reads only its columns; and one pass for all.
Ways histogram_ways(const std::vector<Histogram>& histograms) {
  std::string branches;
  std::string bins;
  std::string sets;
  std::string names;
  std::string bin;
  const char* comma = "";
  for (const Histogram& histogram : histograms) {
    branches += (branches.empty() ? "SELECT '" : " UNION ALL SELECT '") + histogram.name +
                "', bin::BIGINT, count(*) FROM (SELECT " + histogram.bin + " AS bin FROM job) GROUP BY bin";
    const std::string own = "bin_" + histogram.name;
    bins += comma + histogram.bin + " AS " + own;
    sets += comma + ("(" + own + ")");
    bin += comma + own;
    names += " WHEN grouping(" + own + ") = 0 THEN '" + histogram.name + "'";
    comma = ", ";
  }
  return {branches, "SELECT CASE" + names + " END, coalesce(" + bin + ")::BIGINT, count(*) FROM (SELECT " +
                        bins + " FROM job) GROUP BY GROUPING SETS (" + sets + ")"};
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
  // In one pass that counts different users; and for each user first, so that there is one line of each to be counted.
  std::string of_user;
  std::string of_all;
  for (std::size_t i = 0; i < std::size(kSums); ++i) {
    const std::string name = "s" + std::to_string(i);
    of_user += ", " + std::string(kSums[i]) + " AS " + name;
    of_all += ", " + (in_hours(i) ? hours("sum(" + name + ")") : number("sum(" + name + ")"));
  }
  const std::string from = jobs(now, condition);
  return {"SELECT count(*), count(DISTINCT hpc_user)" + sums() + from,
          "SELECT sum(jobs)::BIGINT, count(*)" + of_all + " FROM (SELECT count(*) AS jobs" + of_user + from +
              " GROUP BY hpc_user)"};
}

Ways stats_by_user(std::int64_t now) {
  return {"SELECT hpc_user, count(*), 1" + sums() + jobs(now, "") +
          " GROUP BY hpc_user ORDER BY sum(d * num_hwthreads)" + " DESC, hpc_user::VARCHAR"};
}

Ways count(std::string_view condition) {
  return {"SELECT count(*) FROM job WHERE " + std::string(condition)};
}

Ways metric_histograms() { return histogram_ways(of_metrics()); }

Ways page(std::int64_t now) {
  Ways ways;
  for (const std::string& all : stats(now)) {
    for (const std::string& histograms : histogram_ways(of_page(now))) ways.push_back(all + ";" + histograms);
  }
  return ways;
}

}  // namespace warden::bench::duckdb_sql
