#include "warden_log.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "units.hpp"

namespace demo {
namespace {

constexpr const char* kLogSql =
    "SELECT action, reason, connection_id, sqlite_before_bytes, sqlite_after_bytes, rss_before_bytes,"
    " rss_after_bytes, took_us"
    " FROM (SELECT * FROM warden_events ORDER BY event_id DESC LIMIT 12) ORDER BY event_id";

// The service's own statements: what it asked of warden is left out.
constexpr const char* kStatementsSql =
    "SELECT calls, cancels, mean_ms, max_ms, full_scan_steps / calls, sorts, substr(sql, 1, 60)"
    " FROM warden_statements WHERE full_scan_steps > 0 ORDER BY total_ms DESC LIMIT 4";

enum Column { kAction, kReason, kConnection, kSqliteBefore, kSqliteAfter, kRssBefore, kRssAfter, kTook };

std::string text(sqlite3_stmt* row, Column column) {
  const auto* value = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
  return value != nullptr ? value : "-";
}

// "1.2 GB -> 3.4 MB", or as much of it as is known.
std::string change(sqlite3_stmt* row, Column before, Column after) {
  const auto size = [row](Column column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? std::string("-")
                                                           : format_size(sqlite3_column_int64(row, column));
  };
  const std::string from = size(before);
  const std::string to = size(after);
  return from == "-" && to == "-" ? "-" : from + " -> " + to;
}

std::string took(sqlite3_stmt* row) {
  if (sqlite3_column_type(row, kTook) == SQLITE_NULL) return "-";
  return format_number(static_cast<double>(sqlite3_column_int64(row, kTook)) / 1000, 1) + " ms";
}

void print_statements(sqlite3* db) {
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_prepare_v2(db, kStatementsSql, -1, &rows, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("warden_statements cannot be read: ") + sqlite3_errmsg(db));
  }
  std::printf("\n  what the statements cost (warden_statements)\n");
  std::printf("  %5s %9s %9s %9s %12s %5s  %s\n", "calls", "cancelled", "mean", "longest", "rows scanned",
              "sorts", "statement");
  while (sqlite3_step(rows) == SQLITE_ROW) {
    std::printf("  %5lld %9lld %7.1f s %7.1f s %12lld %5lld  %s\n", sqlite3_column_int64(rows, 0),
                sqlite3_column_int64(rows, 1), sqlite3_column_double(rows, 2) / 1000,
                sqlite3_column_double(rows, 3) / 1000, sqlite3_column_int64(rows, 4),
                sqlite3_column_int64(rows, 5), sqlite3_column_text(rows, 6));
  }
  sqlite3_finalize(rows);
}

}  // namespace

void print_warden_log(sqlite3* db) {
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_prepare_v2(db, kLogSql, -1, &rows, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string("warden_events cannot be read: ") + sqlite3_errmsg(db));
  }
  std::printf("\n  what warden did (warden_events, the last 12)\n");
  std::printf("  %-7s %-19s %4s  %-16s  %-16s %8s\n", "action", "reason", "conn", "sqlite", "resident",
              "took");
  int rc = SQLITE_OK;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
    std::printf("  %-7s %-19s %4s  %-16s  %-16s %8s\n", text(rows, kAction).c_str(),
                text(rows, kReason).c_str(), text(rows, kConnection).c_str(),
                change(rows, kSqliteBefore, kSqliteAfter).c_str(),
                change(rows, kRssBefore, kRssAfter).c_str(), took(rows).c_str());
  }
  const std::string error = sqlite3_errmsg(db);
  sqlite3_finalize(rows);
  if (rc != SQLITE_DONE) throw std::runtime_error("warden_events cannot be read: " + error);
  print_statements(db);
}

}  // namespace demo
