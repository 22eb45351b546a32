// For cases that an SQLite built with SQLITE_DEBUG and SQLITE_ENABLE_EXPENSIVE_ASSERT can't run; each says why.
#pragma once

#include <sqlite3.h>

#include <boost/test/unit_test.hpp>

namespace warden::test {

inline auto sqlite_without_assertions() {
  return boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
    return boost::test_tools::assertion_result(sqlite3_compileoption_used("DEBUG") == 0);
  });
}

}  // namespace warden::test
