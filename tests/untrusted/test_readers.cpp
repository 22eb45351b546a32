// Who reads whose statements: every text of every table of warden, as another connection of the process sees it.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "stranger.hpp"
#include "utf8.hpp"

namespace warden::test {
namespace {

const std::vector<std::string> kTables{"warden_connections", "warden_statements", "warden_events",
                                       "warden_settings",    "warden_memory",     "warden_samples",
                                       "warden_checks"};

/// Two connections: `mine`, whose statements have secrets in them, and `theirs`, which looks.
struct Readers {
  Db mine, theirs;
  Readers() {
    mine.load();
    theirs.load();
    theirs.rows("SELECT warden_reset(); SELECT warden_statements_reset()");
    mine.rows("CREATE TABLE users(name, secret)");
  }
  ~Readers() { theirs.rows("SELECT warden_reset()"); }

  std::string everything() const {
    std::string all;
    for (const std::string& table : kTables) {
      for (const std::string& row : theirs.rows("SELECT * FROM " + table)) all += table + ": " + row + "\n";
    }
    return all;
  }
  /// A statement of `mine` with a bound value that begins, is cancelled by `theirs`, and so is in warden_events too.
  void run_cancelled(const std::string& sql, const std::string& bound) const {
    std::atomic<int> rc{-1};
    std::thread owner([&] {
      sqlite3_stmt* statement = nullptr;
      if (sqlite3_prepare_v2(mine.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, bound.c_str(), -1, SQLITE_TRANSIENT);
        sqlite3_step(statement);
      }
      rc = sqlite3_finalize(statement);
    });
    BOOST_TEST(eventually([&] {
      return rc >= 0 || theirs.number(
                            "SELECT coalesce(sum(warden_cancel(connection_id, statement_seq)), 0) FROM "
                            "warden_connections WHERE state = "
                            "'active' AND connection_id <> warden_connection_id()") > 0;
    }));
    owner.join();
    BOOST_TEST(rc == SQLITE_INTERRUPT);
  }
};

const std::string kEndless =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c, users WHERE ";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(whose_statements, Readers)

BOOST_AUTO_TEST_CASE(no_table_shows_a_literal_or_a_bound_value) {
  mine.rows(
      "INSERT INTO users VALUES ('bob', 'hunter2'), (x'68756e74657232', 123454321), ('it''s hunter2', "
      "1234.54321)");
  for (const std::string sql :
       {"SELECT * FROM users WHERE secret = 'hunter2' -- hunter2",
        "SELECT /* hunter2 */ \"hunter2 !\" FROM users",
        "SELECT * FROM users WHERE secret IN ('hunter2', 123454321)",
        "SELECT x'68756e74657232', 123454321, -1234.54321, 0x75bc371", "PRAGMA key = hunter2",
        "PRAGMA hexkey = 'hunter2'", "SELECT 'hunter2", "SELECT * FROM users LIMIT 123454321",
        "ATTACH ':memory:' AS hunter KEY 'hunter2'"}) {
    outcome(mine, sql);
    BOOST_TEST(everything().find("hunter2") == std::string::npos, sql << "\n" << everything());
  }
  sqlite3_stmt* statement = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(mine.get(), "SELECT ?1, :named", -1, &statement, nullptr) ==
                     SQLITE_OK);
  sqlite3_bind_text(statement, 1, "hunter2", -1, SQLITE_STATIC);
  sqlite3_bind_int64(statement, 2, 123454321);
  sqlite3_step(statement);
  BOOST_TEST(everything().find("hunter2") == std::string::npos);
  sqlite3_finalize(statement);
  // One so long that it is cut within its literal.
  outcome(mine, "SELECT '" + std::string(3000, 'h') + "hunter2" + std::string(3000, 'h') + "'");
  run_cancelled(kEndless + "secret = 'hunter2' OR secret <> ?1 OR name > 123454321", "hunter2");
  const std::string all = everything();
  for (const std::string secret : {"hunter2", "hhhh", "68756e74", "123454321", "1234.54321", "75bc371"})
    BOOST_TEST(all.find(secret) == std::string::npos, secret << " is in\n" << all);
  BOOST_TEST(all.find("secret = ?") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(with_none_no_statement_is_shown_at_all) {
  theirs.rows("SELECT warden_set('show_sql', 'none')");
  mine.rows("SELECT name FROM users WHERE secret = 'hunter2'");
  run_cancelled(kEndless + "secret = 'hunter2'", "x");
  BOOST_TEST(everything().find("users") == std::string::npos, everything());
  BOOST_TEST(theirs.number("SELECT count(*) FROM warden_statements") > 0);
}

BOOST_AUTO_TEST_CASE(even_in_full_no_bound_value_is_shown) {
  theirs.rows("SELECT warden_set('show_sql', 'full')");
  run_cancelled(kEndless + "secret = 'readable' OR secret = ?1", "hunter2");
  const std::string all = everything();
  BOOST_TEST(all.find("secret = 'readable'") != std::string::npos);
  BOOST_TEST(all.find("hunter2") == std::string::npos);
  // And what was recorded so is shown no longer than that.
  theirs.rows("SELECT warden_set('show_sql', NULL)");
  BOOST_TEST(everything().find("readable") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(whatever_is_shown_is_utf8) {
  theirs.rows("SELECT warden_set('show_sql', 'full')");
  const TempDir dir;
  const Db odd(dir.file("odd\xff\xc3(.db"));
  BOOST_TEST(odd.one("SELECT hex(warden_label(CAST(x'61ff62c3' AS TEXT)))") == "61EFBFBD62EFBFBD");
  odd.rows("CREATE TABLE \"t\xff\"(a)");
  outcome(odd, "SELECT '\xff\xc3', a, \xc3\xa4 FROM \"t\xff\"");
  odd.rows("SELECT '\xff' FROM \"t\xff\"");
  for (const std::string full : {"full", "normalized"}) {
    theirs.rows("SELECT warden_set('show_sql', '" + full + "')");
    const std::string all = everything();
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t length = utf8_length(all, at);
      BOOST_TEST_REQUIRE(length > 0, all.substr(at < 80 ? 0 : at - 80, 120));
      at += length;
    }
    BOOST_TEST(all.find("odd\xef\xbf\xbd") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(an_authorizer_keeps_a_connection_from_all_of_it_by_name) {
  // A host that lets strangers write SQL: what acts is a function, what shows is a table, and both have names.
  const auto judge = [](void*, int action, const char* a, const char* b, const char*, const char*) {
    const std::string table = a == nullptr ? "" : a;
    const std::string function = b == nullptr ? "" : b;
    if (action == SQLITE_FUNCTION && (function.starts_with("warden_") || function.starts_with("job_")))
      return SQLITE_DENY;
    if ((action == SQLITE_READ || action == SQLITE_UPDATE) &&
        (table.starts_with("warden_") || table.starts_with("job")))
      return SQLITE_DENY;
    return SQLITE_OK;
  };
  sqlite3_set_authorizer(mine.get(), judge, nullptr);
  for (const char* sql :
       {"SELECT warden_set('trim', 'off')", "SELECT warden_cancel(1)", "SELECT warden_release('idle')",
        "SELECT job_count()", "SELECT job_filter_sql('{}')",
        "UPDATE warden_settings SET value = 'off' WHERE name = 'trim'", "SELECT total_jobs FROM job_stats",
        "SELECT id FROM jobs"}) {
    const std::string result = outcome(mine, sql);
    BOOST_TEST((result.find("not authorized") != std::string::npos ||
                result.find("prohibited") != std::string::npos),
               sql << ": " << result);
  }
  for (const std::string& table : kTables) {
    for (const std::string what : {"*", "count(*)", "1"})
      BOOST_TEST(is_error(outcome(mine, "SELECT " + what + " FROM " + table)), what << " of " << table);
  }
  BOOST_TEST(mine.one("SELECT 1") == "1");
  sqlite3_set_authorizer(mine.get(), nullptr, nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
