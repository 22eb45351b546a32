// How a table of vtab.hpp is declared to SQLite, and how a query of it is planned: which constraints go to its scan, in the
// words of sqlite3_index_info. The same code for all tables, since each table is only a list of traits here.
//
// A plan is a text: an operation ('=', '>', '<') and a letter for the column, in the order of the values that xFilter gets.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "query.hpp"
#include "sqlite_api.hpp"

namespace warden::vtab::detail {

/// A column or an argument of a table, as far as declaring and planning go.
struct column_traits {
  std::string_view name;
  const char* decl = "";
  bool listed = true;     // SELECT * shows it
  bool argument = false;  // strict: SQLite doesn't check its constraint again
  bool required = false;
  bool text = false;
  push pushed = push::none;
};

struct table_traits {
  std::span<const column_traits> columns;
  double expected_rows;
  double scan_cost;
};

inline constexpr std::size_t kMostColumns = 62;
/// '0' + 61 is still a printable ASCII character: plans are readable.
inline constexpr int kFirstColumnLetter = '0';
/// In the place of an operation: this argument is required, and there is none.
inline constexpr char kMissing = '!';

/// CREATE TABLE text of the columns, as sqlite3_declare_vtab wants it.
inline std::string declaration_of(std::span<const column_traits> columns) {
  std::string text = "CREATE TABLE x(";
  for (const column_traits& column : columns) {
    if (&column != columns.data()) text += ", ";
    text.append("\"").append(column.name).append("\" ").append(column.decl);
    if (!column.listed) text += " HIDDEN";
  }
  return text += ')';
}

inline std::optional<op> operation_of(unsigned char constraint) noexcept {
  switch (constraint) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return op::equal;
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
      return op::lower;
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
      return op::upper;
    default:
      return std::nullopt;
  }
}

inline bool pushes(const column_traits& column, op operation) noexcept {
  if (operation == op::equal) return column.pushed != push::none;
  return !column.argument && column.pushed == push::range;
}

/// From this version on, at the latest, colUsed has the arguments too.
inline constexpr int kTellsArguments = 3'038'000;
/// From this version on, at the earliest (3.45.3 doesn't, 3.52 does), a side of an OR is asked about with the arguments shown.
inline constexpr int kShowsArgumentsToSides = 3'046'000;

/// xBestIndex. A SQLite code; throws std::bad_alloc.
inline int plan_query(const Api* api, sqlite3_index_info& info, const table_traits& table) {
  struct column_state {
    bool taken[3] = {};     // = > <
    bool unusable = false;  // an argument with a constraint we may not use
  };
  const auto columns = table.columns;
  std::array<column_state, kMostColumns> states{};
  std::array<char, 2 * 3 * kMostColumns + 1> plan{};  // operation, column, operation, column, ...
  int arguments = 0;
  double rows = table.expected_rows;
  bool one_row = false;
  bool unique = false;
  for (int i = 0; i < info.nConstraint; ++i) {
    const auto& constraint = info.aConstraint[i];
    if (constraint.iColumn < 0 || constraint.iColumn >= static_cast<int>(columns.size())) continue;
    const auto c = static_cast<std::size_t>(constraint.iColumn);
    const column_traits& column = columns[c];
    const auto operation = operation_of(constraint.op);
    if (!operation || !pushes(column, *operation)) continue;
    if (!constraint.usable) {
      if (column.argument) states[c].unusable = true;
      continue;
    }
    if (!column.argument && column.text) {
      // Equality under NOCASE or RTRIM lets more through than ours: leave it to SQLite.
      const char* collation = api->vtab_collation(&info, i);
      if (collation != nullptr && std::strcmp(collation, "BINARY") != 0) continue;
    }
    bool& taken = states[c].taken[*operation == op::equal ? 0 : *operation == op::lower ? 1 : 2];
    if (taken) continue;  // a second constraint of a kind: SQLite checks it (an argument is echoed for that)
    taken = true;
    const auto end = static_cast<std::size_t>(arguments) * 2;
    plan[end] = static_cast<char>(*operation);
    plan[end + 1] = static_cast<char>(kFirstColumnLetter + constraint.iColumn);
    info.aConstraintUsage[i].argvIndex = ++arguments;
    info.aConstraintUsage[i].omit = column.argument;
    if (column.argument) continue;
    if (*operation == op::equal) {
      const bool one = column.pushed == push::key;
      one_row = one_row || one;
      rows = one ? 1 : std::min(rows, rows / 10 + 1);
      // Text may be compared as numbers: '5' and '05' are one then.
      unique = unique || (one && !column.text);
    } else {
      rows = rows / 3 + 1;
    }
  }
  // With arguments nothing but a key makes a scan cheaper. Otherwise SQLite takes two scans, one for each side of an OR, for
  // cheaper than one: then the rows lose their order, and it tests "argument = NULL" itself, which nothing meets. It asks for a
  // side by itself. Without the constraint of an argument that is in use it is such a side: there not even a key does, and where
  // sides can't be told from all, nowhere.
  const int version = api->libversion_number();
  const bool tells = version >= kTellsArguments;
  const bool key_is_cheap = one_row && version < kShowsArgumentsToSides;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const bool in_use = !tells || (info.colUsed >> c & 1) != 0;
    const bool given = states[c].taken[0] || states[c].unusable;
    if (!columns[c].argument || (!in_use && !given) || (key_is_cheap && given)) continue;
    rows = std::max(rows, table.expected_rows);
    unique = false;
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (!columns[c].argument || states[c].taken[0]) continue;
    if (states[c].unusable) return SQLITE_CONSTRAINT;  // this join order can't be; another one can
    if (columns[c].required) {
      // Not an error yet: SQLite also asks for each side of an OR by itself, without the rest of WHERE. This plan is taken
      // only where there is no other; xFilter then says what is missing.
      plan = {kMissing, static_cast<char>(kFirstColumnLetter + static_cast<int>(c))};
      rows = 1e30;
      unique = false;
      break;
    }
  }
  info.idxStr = api->mprintf("%s", plan.data());
  if (info.idxStr == nullptr) throw std::bad_alloc();
  info.needToFreeIdxStr = 1;
  info.idxNum = static_cast<int>(info.colUsed & 0x7fffffff);
  info.estimatedRows = static_cast<sqlite3_int64>(std::min(rows, 1e15)) + (unique ? 0 : 1);
  info.estimatedCost = rows + table.scan_cost;
  if (unique) info.idxFlags |= SQLITE_INDEX_SCAN_UNIQUE;
  return SQLITE_OK;
}

}  // namespace warden::vtab::detail
