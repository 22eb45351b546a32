// The parts of the benchmark `columns`: what is done in its fresh processes, each with a database of its own.
#pragma once

#include <cstdint>
#include <string>

#include "bench.hpp"

namespace warden::bench {

/// The columns of jobs, with the metrics that the questions are about, as they are made in a database that has none.
std::string make_columns_sql();
inline constexpr const char* kRebuildColumns = "INSERT INTO job_index(job_index) VALUES('rebuild')";
/// Changes since then become part of them.
inline constexpr const char* kRefreshColumns = "INSERT INTO job_index(job_index) VALUES('refresh')";

/// In a fresh process, on a database of jobs whose file is as before at the end: says what it takes to insert jobs
/// (`insert_us`, `largest_ms` of a transaction) and to update the duration of running ones (`update_ms`), with what
/// `variant` says beside the table.
void measure_writes(const Parameters& given);
/// Compares the variants, and reports.
void report_writes(Data& data, bool with_columns, Report& report);

}  // namespace warden::bench
