// The rows of warden_statements, put together: for the table, and for others that tell of statements.
#pragma once

#include <memory>

#include "memory.hpp"
#include "statements.hpp"

namespace warden::ext {

struct StatementRow {
  std::shared_ptr<Shape> shape;
  StatementTotals totals;
};

/// Every shape with calls, the figures of all connections added up, at most statement_stats_max. The list is in memory
/// from SQLite. Waits for no statement. Throws std::bad_alloc.
vtab::vector<StatementRow> statement_rows(const vtab::Api* api);

}  // namespace warden::ext
