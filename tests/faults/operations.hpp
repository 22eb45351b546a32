// Everything that the extension is asked to do while something fails: each function, each table with what is pushed down to
// it, each setting, each job statistic in every shape of its arguments.
#pragma once

#include <string>
#include <vector>

#include "tests/ext/host.hpp"

namespace warden::test {

struct Operation {
  /// What its rows are from one run to the next: the same, as many, or anything.
  enum class Rows { same, as_many, any };

  std::string sql;  // statements, one after the other; $N is another number in each run
  Rows rows = Rows::same;
  std::string before{};  // run in peace before each run
  /// What shows what it changes. After a failure it is as before, or with `either` perhaps as after a success.
  std::string state{};
  bool either = false;
  bool fresh = false;  // on a new connection each time
};

/// Tables for the operations: jobs of every kind with what stands beside them, and tables with triggers.
extern const std::string kTables;
/// What must never change. One row.
extern const std::string kContents;

/// What concerns the warden: functions, tables, settings, statements under its hooks.
std::vector<Operation> warden_operations(const Db& db);
/// What concerns jobs.
std::vector<Operation> job_operations();
/// Both.
std::vector<Operation> all_operations(const Db& db);

}  // namespace warden::test
