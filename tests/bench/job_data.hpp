// Jobs to measure statistics with: those of sql/generate_jobs.sql, and cc-backend's indexes on them.
#pragma once

#include <cstdint>

#include "database.hpp"

namespace warden::bench {

/// The tables of sql/jobs_schema.sql, with its few indexes, and so many jobs.
void make_jobs(Database& database, std::int64_t jobs);
/// All 54 indexes that cc-backend keeps, and statistics about them for SQLite's planner.
void make_job_indexes(Database& database);

}  // namespace warden::bench
