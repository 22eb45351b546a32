// What the tests of hosts without something have in common: limits, hidden file systems, and what must still work.
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/ext/host.hpp"

namespace warden::test {

inline const std::string kForEver =
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c";
inline const std::string kRunning = "SELECT json_extract(warden_debug(), '$.watchdog_running')";

inline std::string check(const Db& db, const std::string& name) {
  return db.one("SELECT status || ': ' || detail FROM warden_checks WHERE \"check\" = '" + name + "'");
}
inline bool says(const Db& db, const std::string& name, const std::string& part) {
  return check(db, name).find(part) != std::string::npos;
}

/// Tables, functions and statements that need neither a thread nor a file.
inline bool works(const Db& db) {
  for (const char* table : {"warden_settings", "warden_memory", "warden_connections", "warden_events",
                            "warden_samples", "warden_checks", "warden_statements"}) {
    if (!db.error(std::string("SELECT * FROM ") + table).empty()) return false;
  }
  return db.error("SELECT warden_release(), warden_trim(), warden_release('idle'), warden_debug()").empty() &&
         db.number("SELECT warden_set('memory_budget', '64MB')") == 64'000'000 &&
         db.one(
             "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 50000) SELECT sum(i) FROM "
             "(SELECT i FROM c ORDER BY -i)") == "1250025000" &&
         db.error("SELECT warden_reset()").empty();
}

inline void limit(int what, rlim_t soft) {
  rlimit now{};
  ::getrlimit(static_cast<__rlimit_resource>(what), &now);
  now.rlim_cur = std::min(soft, now.rlim_max);
  if (::setrlimit(static_cast<__rlimit_resource>(what), &now) != 0)
    throw std::runtime_error("setrlimit failed");
}

/// An empty file system over `directory`, for this process alone. False where that is not allowed.
inline bool hide(const char* directory, const char* options) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", directory, "tmpfs", 0, options) == 0;
}
inline constexpr int kSkipped = 77;
inline void report(int status, const char* why) {
  if (status == kSkipped) {
    std::printf("skipped: %s\n", why);
  } else {
    BOOST_TEST(status == 0);
  }
}

}  // namespace warden::test
