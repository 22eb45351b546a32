// What DuckDB is asked about jobs, as functions that make the text: the same numbers as warden's job statistics give, each
// question in the ways that a user of DuckDB would think of, of which the fastest counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warden::bench::duckdb_sql {

/// Statements that give the same rows in different ways; each may be several between semicolons.
using Ways = std::vector<std::string>;

/// Statements that make the table `job` of a file of comma-separated values; and SQLite's that gives those.
std::string import(std::string_view csv);
std::string to_export();

/// The numbers of job_stats, of all jobs that meet `condition`.
Ways stats(std::int64_t now, std::string_view condition = "");
/// The same for each user, in the order of core hours.
Ways stats_by_user(std::int64_t now);
Ways count(std::string_view condition);
/// Of job_sql::kMetrics: name, bin (NULL for jobs without a value), jobs.
Ways metric_histograms();
/// stats(), and histograms of durations, three numbers and the metrics.
Ways page(std::int64_t now);

}  // namespace warden::bench::duckdb_sql
