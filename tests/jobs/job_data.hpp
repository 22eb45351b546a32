// The jobs that the tests ask about: a few thousand of sql/generate_jobs.sql, and a few hundred odd ones, in memory.
// TEST_JOBS=file takes the jobs of that database (a real cc-backend's) in the place of the generated ones.
#pragma once

#include "../ext/host.hpp"
#include "job_filter.hpp"

namespace warden::test {

/// Tables of sql/jobs_schema.sql, empty, in memory, with warden loaded.
Db empty_jobs();
/// The jobs of sql/generate_jobs.sql, from the first on.
void generate_jobs(const Db& db, int jobs);

/// A job of hand-made data: an INSERT of what is given, plain values for all other columns. `values` is like
/// "duration = 10, job_state = 'running'".
void insert_job(const Db& db, std::int64_t id, const std::string& values);

/// Numbers that the system's SQLite does not round as IEEE 754 wants when it makes doubles of them, in SQL or in JSON; none
/// where it always does. The last bit of such a number depends on who reads it.
std::vector<std::string> misread_numbers(const Db& db, std::size_t most);

/// All jobs of the random tests; made once.
class JobData {
 public:
  static const JobData& get();

  Db db;
  /// Between the jobs' times, so that the ranges of a filter (last6h) have jobs on both sides.
  std::int64_t now = 0;
  FilterValues values;

 private:
  JobData();
  void insert_odd_jobs();
  void read_values();
};

}  // namespace warden::test
