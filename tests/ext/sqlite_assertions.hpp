// For cases that an SQLite built with SQLITE_DEBUG and SQLITE_ENABLE_EXPENSIVE_ASSERT can't run; each says why.
#pragma once

#include <sqlite3.h>

#include <cstdio>

namespace warden::test {

/// True, and it is printed, where the case is to be left out.
inline bool skipped_for_assertions(const char* why) {
  if (sqlite3_compileoption_used("DEBUG") == 0) return false;
  std::printf("skipped: %s\n", why);
  return true;
}

}  // namespace warden::test
