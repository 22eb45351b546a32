// The host as if warden were not there: its callbacks, its errors, its waiting, its own functions.
#include <atomic>
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace warden::test {

struct Quiet {
  Quiet() { db.load().rows("SELECT warden_reset()"); }
  ~Quiet() { db.rows("SELECT warden_reset()"); }
  TempDir dir;
  Db db;
};

BOOST_FIXTURE_TEST_SUITE(transparency, Quiet)

BOOST_AUTO_TEST_CASE(a_setting_to_be_applied_never_waits_for_a_lock) {
  const Db owner(dir.file("a.db"));
  owner.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
  const Db other(dir.file("a.db"));
  static int waited = 0;
  waited = 0;
  sqlite3_busy_handler(
      other.get(), [](void*, int) { return ++waited, 0; }, nullptr);
  owner.rows("BEGIN EXCLUSIVE");
  db.rows("SELECT warden_set('cache_size', '8MiB'), warden_set('temp_store', 'file')");
  for (int i = 0; i < 10; ++i) BOOST_TEST(other.one("SELECT 1") == "1");
  BOOST_TEST(waited == 0);
  BOOST_TEST(sqlite3_errcode(other.get()) == SQLITE_OK);
  owner.rows("COMMIT");
  other.rows("SELECT * FROM t");
  BOOST_TEST(other.one("PRAGMA cache_size") == "-8192");
  BOOST_TEST(waited == 0);
}

BOOST_AUTO_TEST_CASE(a_wal_hook_that_fails_fails_the_commit) {
  const Db other(dir.file("w.db"));
  other.rows("PRAGMA journal_mode = WAL; CREATE TABLE t(x)");
  sqlite3_wal_hook(
      other.get(), [](void*, sqlite3*, const char*, int) { return SQLITE_IOERR; }, nullptr);
  db.rows("SELECT warden_set('cache_size', '8MiB'), warden_set('temp_store', 'file')");
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(other.get(), "INSERT INTO t VALUES (1)", -1, &insert, nullptr);
  sqlite3_step(insert);
  BOOST_TEST(sqlite3_finalize(insert) == SQLITE_IOERR);
  for (const char* end : {"COMMIT", "RELEASE s"}) {  // SQLite calls them read-only
    other.rows(*end == 'C' ? "BEGIN; INSERT INTO t VALUES (2)" : "SAVEPOINT s; INSERT INTO t VALUES (2)");
    db.rows("SELECT warden_set('cache_size', '" + std::to_string(*end) + "MiB')");
    BOOST_TEST(sqlite3_exec(other.get(), end, nullptr, nullptr, nullptr) == SQLITE_IOERR);
  }
}

BOOST_AUTO_TEST_CASE(the_last_error_is_the_hosts_own) {
  const Db other(dir.file("e.db"));
  other.rows("CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES (1)");
  db.rows("SELECT warden_set('cache_size', '8MiB'), warden_set('temp_store', 'file')");
  BOOST_TEST(other.error("INSERT INTO t VALUES (1)") == "UNIQUE constraint failed: t.x");
  BOOST_TEST(sqlite3_extended_errcode(other.get()) == SQLITE_CONSTRAINT_UNIQUE);
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT x FROM t", -1, &select, nullptr);
  while (sqlite3_step(select) == SQLITE_ROW) {
  }
  BOOST_TEST(std::string(sqlite3_errmsg(other.get())) == "no more rows available");
  sqlite3_finalize(select);
  BOOST_TEST(other.one("PRAGMA cache_size") == "-8192");
}

BOOST_AUTO_TEST_CASE(an_old_error_text_stays_as_long_as_without_us) {
  // SQLite leaves the text of the last error beside the code of a later step that succeeds.
  const Db other(dir.file("o.db"));
  other.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT x FROM t", -1, &select, nullptr);
  BOOST_TEST(other.error("SELECT * FROM nowhere") == "no such table: nowhere");
  db.rows("SELECT warden_set('cache_size', '8MiB')");
  while (sqlite3_step(select) == SQLITE_ROW) {
  }
  BOOST_TEST(sqlite3_errcode(other.get()) == SQLITE_DONE);
  BOOST_TEST(std::string(sqlite3_errmsg(other.get())) == "no such table: nowhere");
  sqlite3_reset(select);
  // So it does where it had to prepare the statement anew.
  Db(dir.file("o.db")).rows("CREATE TABLE more(y)");
  while (sqlite3_step(select) == SQLITE_ROW) {
  }
  BOOST_TEST(std::string(sqlite3_errmsg(other.get())) == "database schema has changed");
  sqlite3_finalize(select);
  other.rows("SELECT x FROM t");
  BOOST_TEST(other.one("PRAGMA cache_size") == "-8192");
}

BOOST_AUTO_TEST_CASE(the_text_of_a_changed_schema_stays_as_long_as_without_us) {
  const auto text = [&](const std::string& file, const std::string& before_step) {
    const Db other(dir.file(file));
    other.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
    BOOST_TEST(other.error("SELECT nowhere") == "no such column: nowhere");
    sqlite3_exec(other.get(), "PRAGMA schema_version = 55", nullptr, nullptr, nullptr);
    sqlite3_stmt* select = nullptr;
    sqlite3_prepare_v2(other.get(), "SELECT x FROM t WHERE x > 1", -1, &select, nullptr);
    db.rows(before_step);
    BOOST_TEST(sqlite3_step(select) == SQLITE_DONE);
    const std::string said = sqlite3_errmsg(other.get());
    sqlite3_finalize(select);
    return said;
  };
  const std::string without = text("v.db", "SELECT 1");
  BOOST_TEST((without == "database schema has changed" || sqlite3_libversion_number() < 3038000), without);
  BOOST_TEST(text("w.db", "SELECT warden_set('cache_size', '8MiB')") == without);
}

BOOST_AUTO_TEST_CASE(a_host_may_define_our_functions_anew) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  sqlite3_create_function(
      other.get(), "warden_connection_id", 0, SQLITE_UTF8, nullptr,
      [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 7); }, nullptr,
      nullptr);
  BOOST_TEST(other.one("SELECT warden_connection_id()") == "7");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + id) == 1);
}

BOOST_AUTO_TEST_CASE(a_statement_that_sqlite_prepares_anew_is_no_lost_hook) {
  const Db other(dir.file("r.db"));
  other.rows("CREATE TABLE t(x); INSERT INTO t VALUES (1)");
  const std::string id = other.one("SELECT warden_connection_id()");
  sqlite3_stmt* select = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT x, warden_label('again') FROM t", -1, &select, nullptr);
  BOOST_TEST(sqlite3_step(select) == SQLITE_ROW);
  sqlite3_reset(select);
  Db(dir.file("r.db")).rows("CREATE TABLE more(y)");  // the schema changes under it
  BOOST_TEST(sqlite3_step(select) == SQLITE_ROW);
  sqlite3_finalize(select);
  BOOST_TEST(db.one("SELECT label, hooks FROM warden_connections WHERE connection_id = " + id) ==
             "again|trace");
}

BOOST_AUTO_TEST_CASE(a_series_of_long_statements_without_a_mutex_keeps_its_cache_within_the_limits) {
  make_table(dir.file("t.db"), 40);
  db.rows("SELECT warden_set('memory_budget', '400MB')");
  const Db other(dir.file("t.db"), SQLITE_OPEN_NOMUTEX);
  const std::string id = other.one("SELECT warden_connection_id()");
  other.rows("PRAGMA cache_size = 1000000000");
  const std::string longish = "SELECT sum(length(a.x)) FROM t a, (SELECT 1 UNION SELECT 2 UNION SELECT 3)";
  for (int i = 0; i < 20; ++i) other.rows(longish);
  BOOST_TEST(db.number("SELECT releases FROM warden_connections WHERE connection_id = " + id) < 10);
}

BOOST_AUTO_TEST_CASE(a_database_attached_with_a_shared_cache_makes_a_connection_untouchable) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  // NULL as well in the moment in which the watchdog itself looks at the connection.
  BOOST_TEST(eventually([&] { return db.one("SELECT warden_release(" + id + ") IS NULL") == "0"; }));
  other.rows("ATTACH 'file:" + dir.file("s.db") + "?cache=shared' AS s");
  BOOST_TEST(db.one("SELECT warden_release(" + id + ") IS NULL") == "1");
}

namespace {
/// sqlite3_exec that gives up at the first row.
int give_up(sqlite3* host, const char* sql) {
  const auto at_first = [](void*, int, char**, char**) { return 1; };
  return sqlite3_exec(host, sql, at_first, nullptr, nullptr);
}
constexpr const char* kTwoRows = "SELECT 'given up' UNION ALL SELECT 2";
}  // namespace

BOOST_AUTO_TEST_CASE(the_deadline_of_a_statement_that_was_given_up_hits_no_later_one) {
  const Db other(dir.file("g.db"), SQLITE_OPEN_NOMUTEX);
  other.rows("SELECT warden_timeout(100)");
  BOOST_TEST(give_up(other.get(), kTwoRows) == SQLITE_ABORT);
  other.rows("SELECT warden_timeout(0)");
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < until) {
    BOOST_TEST(other.error("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
                           "SELECT count(*) FROM n") == "");
  }
  BOOST_TEST(db.number("SELECT count(*) FROM warden_connections WHERE connection_id = " +
                       other.one("SELECT warden_connection_id()") + " AND state = 'idle'") == 1);
}

BOOST_AUTO_TEST_CASE(after_a_statement_that_was_given_up_the_hooks_are_not_lost_for_ever) {
  const Db other(dir.file("g.db"));
  const std::string hooks = "SELECT hooks FROM warden_connections WHERE connection_id = " +
                            other.one("SELECT warden_connection_id()");
  // Its end is not told; so the watchdog takes the hooks for lost, until the next statement is.
  BOOST_TEST(give_up(other.get(), kTwoRows) == SQLITE_ABORT);
  BOOST_TEST(eventually([&] { return db.one(hooks) == "lost"; }));
  other.rows("SELECT 1");
  BOOST_TEST(db.one(hooks) == "trace");
}

BOOST_AUTO_TEST_CASE(a_statement_that_was_given_up_is_not_shown_when_an_older_one_ends) {
  // Its text is gone: AddressSanitizer sees who reads it.
  const Db other(dir.file("g.db"), SQLITE_OPEN_NOMUTEX);
  const std::string id = other.one("SELECT warden_connection_id()");
  sqlite3_stmt* cursor = nullptr;
  sqlite3_stmt* younger = nullptr;
  sqlite3_prepare_v2(other.get(), "SELECT 'older' UNION ALL SELECT 2", -1, &cursor, nullptr);
  sqlite3_prepare_v2(other.get(), "SELECT 'younger' UNION ALL SELECT 2", -1, &younger, nullptr);
  sqlite3_step(cursor);
  BOOST_TEST(give_up(other.get(), kTwoRows) == SQLITE_ABORT);
  sqlite3_step(younger);
  sqlite3_finalize(cursor);
  BOOST_TEST(
      db.one(
          "SELECT state, sql LIKE 'SELECT%UNION ALL SELECT%' FROM warden_connections WHERE connection_id = " +
          id) == "active|1");
  sqlite3_finalize(younger);
  BOOST_TEST(db.one("SELECT state FROM warden_connections WHERE connection_id = " + id) == "idle");
}

BOOST_AUTO_TEST_CASE(a_copy_by_sqlite3_serialize_is_not_disturbed) {
  // It reads the pages without the connection's mutex: a page dropped by another thread just then is read after its end.
  const int status = in_child([this] {
    make_table(dir.file("s.db"), 4);
    const Db other(dir.file("s.db"));
    const std::string id = other.one("SELECT warden_connection_id()");
    std::atomic<bool> done{false};
    std::atomic<int> releases{0};
    std::thread releaser([&] {
      const Db own;
      while (!done) releases += own.one("SELECT warden_release(" + id + ") > 0") == "1" ? 1 : 0;
    });
    std::string first;
    bool same = true;
    for (int i = 0; i < 200 || (releases < 20 && i < 5000); ++i) {
      sqlite3_int64 size = 0;
      unsigned char* bytes = sqlite3_serialize(other.get(), "main", &size, 0);
      const std::string copy(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
      sqlite3_free(bytes);
      if (i == 0) first = copy;
      same = same && copy == first && size > 4'000'000;
    }
    done = true;
    releaser.join();
    return same && releases >= 20 ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
