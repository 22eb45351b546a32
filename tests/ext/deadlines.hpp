// What the tests of deadlines share.
#pragma once

#include <chrono>

#include "host.hpp"

namespace warden::test {

using Clock = std::chrono::steady_clock;

/// Never ends by itself, and can be cut at any instruction.
inline const std::string kForever =
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";

inline double ms_since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

/// The code that a statement of one row ends with.
inline int code_of(const Db& db, const std::string& sql) {
  try {
    db.rows(sql);
  } catch (const SqlError& e) {
    return e.code;
  }
  return SQLITE_OK;
}

struct Deadline {
  Deadline() { watcher.load().rows("SELECT warden_reset(), warden_statements_reset()"); }
  ~Deadline() { watcher.rows("SELECT warden_reset()"); }
  std::string cancels(const std::string& id, const std::string& columns = "reason, sql") const {
    return watcher.one("SELECT " + columns +
                       " FROM warden_events WHERE action = 'cancel' AND connection_id = " + id +
                       " ORDER BY event_id DESC");
  }
  TempDir dir;
  Db watcher;
};

}  // namespace warden::test
