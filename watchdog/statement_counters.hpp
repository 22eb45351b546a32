// What SQLite counts of one prepared statement, over all its runs.
#pragma once

#include <cstdint>

namespace warden {

/// sqlite3_stmt_status: as wide as SQLite has them.
struct StatementCounters {
  std::int32_t vm_steps = 0;
  std::int32_t full_scan_steps = 0;
  std::int32_t sorts = 0;
  std::int32_t auto_indexes = 0;
  std::int32_t reprepares = 0;
};

/// What is remembered of a run from its beginning to its end, so that its own share of the counters can be told.
struct StatementMark {
  std::int32_t slot = -1;  // where its figures are; -1 = not yet known
  std::int32_t runs = -1;  // runs of this prepared statement before; -1 = not looked at
  std::int32_t steps = 0;  // its vm_steps before
};

}  // namespace warden
