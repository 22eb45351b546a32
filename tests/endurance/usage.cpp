#include "usage.hpp"

#include <malloc.h>

#include <iterator>

namespace warden::test {
namespace {

std::int64_t entries(const char* directory) {
  std::error_code ignored;
  return std::distance(std::filesystem::directory_iterator(directory, ignored), {});
}

/// A ring: not longer than its setting says, numbered without a gap.
std::int64_t ring(const Db& db, const std::string& table, const std::string& setting,
                  std::vector<std::string>& problems) {
  const std::int64_t rows = db.number("SELECT count(*) FROM " + table);
  const std::string bad =
      db.one("SELECT count(*) || ' rows, from ' || min(rowid) || ' to ' || max(rowid) FROM " + table +
             " HAVING count(*) > warden_get('" + setting + "') OR max(rowid) - min(rowid) + 1 <> count(*)");
  if (!bad.empty()) problems.push_back(table + ": " + bad);
  return rows;
}

}  // namespace

Usage measure(const Db& db, double at_s, std::vector<std::string>& problems) {
  // Both threads of warden are there, or will be: then the number of threads is always the same.
  const bool runs =
      eventually([&] { return db.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "1"; });
  if (!runs) problems.push_back("the watchdog thread does not run");
  db.rows("SELECT warden_release('idle'), warden_release(), warden_trim()");
  Usage now;
  now.at_s = at_s;
  now.events = ring(db, "warden_events", "events", problems);
  now.samples = ring(db, "warden_samples", "history", problems);
  now.last_event = db.number("SELECT ifnull(max(event_id), 0) FROM warden_events");
  now.shapes = db.number("SELECT count(*) FROM warden_statements");
  if (now.shapes > db.number("SELECT warden_get('statement_stats_max')"))
    problems.push_back("warden_statements: " + std::to_string(now.shapes) + " rows");
  now.descriptors = entries("/proc/self/fd") - 1;  // that of the directory itself
  now.threads = entries("/proc/self/task");
  now.sqlite_bytes = sqlite3_memory_used();
  const struct mallinfo2 heap = ::mallinfo2();
  now.heap_bytes = static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
  now.resident_bytes = resident_bytes();
  return now;
}

}  // namespace warden::test
