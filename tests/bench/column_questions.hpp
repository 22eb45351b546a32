// What the columns of jobs are measured with: questions as warden and DuckDB are asked them, and how much faster than the pass
// over the rows, and than DuckDB, the columns shall be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "duckdb_sql.hpp"

namespace warden::bench {

/// The time of so many jobs of sql/generate_jobs.sql.
struct JobTime {
  explicit JobTime(std::int64_t jobs);
  /// Soon after the last one has started.
  std::int64_t now;
  /// So long before the end as 30 days are of the three years that 20 000 000 jobs take: 2.7 % of the jobs are later.
  std::int64_t recent;
};

/// How warden's functions read the jobs; `unsaid` where they have no choice.
enum class Engine { unsaid, rows, columns };

struct Question {
  std::string name;
  /// Wanted: at least so many times faster than the pass over the rows, and than DuckDB.
  double times_rows;
  double times_duckdb;
  /// What warden is asked, and the same as rows like DuckDB's.
  std::string timed;
  std::string checked;
  duckdb_sql::Ways duckdb;

  std::string timed_by(Engine engine) const { return complete(timed, engine); }
  std::string checked_by(Engine engine) const { return complete(checked, engine); }

  std::int64_t now;

 private:
  std::string complete(std::string sql, Engine engine) const;
};

std::vector<Question> column_questions(const JobTime& time);

}  // namespace warden::bench
