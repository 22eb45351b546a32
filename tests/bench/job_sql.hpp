// What ClusterCockpit asks SQLite about jobs, as functions that make the text: the statements that warden's job statistics
// stand for, written down for comparison (its repository layer builds the same ones with a query builder).
#pragma once

#include <string>
#include <string_view>

namespace warden::bench::job_sql {

/// Soon after the last of 1 000 000 jobs has started.
inline constexpr std::string_view kNow = "1708800000";

/// How to read the table: " NOT INDEXED", " INDEXED BY name", or as SQLite likes.
using Access = std::string;
inline Access by(std::string_view index) { return " INDEXED BY " + std::string(index); }
inline const Access kScanned = " NOT INDEXED";
inline const Access kNatural = "";

/// The ten numbers beside the count, of all jobs that meet `condition`, or for each value of a column.
std::string stats(std::string_view column = "", const Access& access = kNatural,
                  std::string_view condition = "");
/// The same without counting users: by user there is one in each group.
std::string stats_by_user_alone(const Access& access);
/// Jobs by a number of theirs, by duration in hours, and by the value of a metric in ten parts of its peak.
std::string number_histogram(std::string_view column);
std::string duration_histogram();
std::string metric_histogram(std::string_view key, std::string_view peak);

/// A metric that all clusters have, and four of them with peaks, for SQL and for warden.
struct Metric {
  std::string_view key;
  std::string_view peak;
};
inline constexpr Metric kMetrics[] = {{"mem_bw_avg", "350.000000"},
                                      {"cpu_load_avg", "72.000000"},
                                      {"flops_any_avg", "5600.000000"},
                                      {"mem_used_max", "512.000000"}};
/// The first `count` of them as the argument of job_metric_histogram() and job_page(), quoted.
std::string metrics(int count);

}  // namespace warden::bench::job_sql
