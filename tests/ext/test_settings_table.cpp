// warden_settings as a table, and settings that reach the connections.
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace warden::test {

struct Reset {
  Reset() { db.load().rows("SELECT warden_reset()"); }
  ~Reset() { db.rows("SELECT warden_reset()"); }
  Db db;
};

BOOST_FIXTURE_TEST_SUITE(settings_table, Reset)

BOOST_AUTO_TEST_CASE(update_is_checked_like_set) {
  db.rows("UPDATE warden_settings SET value = '2GiB' WHERE name = 'memory_budget'");
  BOOST_TEST(db.one("SELECT value, source, warden_get('memory_budget') FROM warden_settings WHERE name = "
                    "'memory_budget'") == "2GiB|sql|2147483648");
  BOOST_TEST(db.error("UPDATE warden_settings SET value = '12XB' WHERE name = 'memory_budget'") ==
             "warden_settings: memory_budget: \"12XB\" is not a size: unknown unit \"XB\" (use B, kB, MB, "
             "GB, TB, KiB, "
             "MiB, GiB, TiB)");
  BOOST_TEST(db.one("SELECT warden_get('memory_budget')") == "2147483648");
  db.rows("UPDATE warden_settings SET value = NULL WHERE name = 'memory_budget'");
  BOOST_TEST(db.one("SELECT value, source FROM warden_settings WHERE name = 'memory_budget'") ==
             "25%|default");
}

BOOST_AUTO_TEST_CASE(only_the_value_can_be_changed) {
  BOOST_TEST(db.error("UPDATE warden_settings SET name = 'x' WHERE name = 'trim'") ==
             "warden_settings: only value can be changed, not name");
  BOOST_TEST(db.error("UPDATE warden_settings SET source = 'x' WHERE name = 'trim'") ==
             "warden_settings: only value can be changed, not source");
  BOOST_TEST(db.error("DELETE FROM warden_settings WHERE name = 'trim'") ==
             "warden_settings: rows can't be deleted");
  BOOST_TEST(db.error("INSERT INTO warden_settings(name, value) VALUES ('x', 1)") ==
             "warden_settings: rows can't be inserted");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_settings") == 28);
}

BOOST_AUTO_TEST_CASE(writing_back_what_is_read_changes_nothing) {
  const auto before = db.rows("SELECT name, value FROM warden_settings");
  db.rows("UPDATE warden_settings SET value = value");
  BOOST_TEST(db.rows("SELECT name, value FROM warden_settings") == before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_row_that_another_sets_meanwhile_is_still_changed) {
  // As another thread would, after this statement read the first row and before it changes it.
  db.rows(
      "UPDATE warden_settings SET value = CASE name WHEN 'events' THEN '50' ELSE "
      "(SELECT warden_set('events', '70') IS NOT NULL) + 99 END WHERE name IN ('events', 'history')");
  BOOST_TEST(db.one("SELECT value, source FROM warden_settings WHERE name = 'events'") == "50|sql");
  BOOST_TEST(db.one("SELECT value, source FROM warden_settings WHERE name = 'history'") == "100|sql");
}

BOOST_AUTO_TEST_CASE(the_key_is_looked_up) {
  BOOST_TEST(db.one("EXPLAIN QUERY PLAN SELECT * FROM warden_settings WHERE name = 'trim'")
                 .find("VIRTUAL TABLE INDEX") != std::string::npos);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_settings WHERE name = 'trim'") == 1);
  BOOST_TEST(db.number("SELECT count(*) FROM warden_settings WHERE name = 'TRIM' COLLATE NOCASE") == 1);
}

BOOST_AUTO_TEST_CASE(cache_size_and_temp_store_reach_every_connection) {
  const Db before;  // open already
  db.rows("SELECT warden_set('cache_size', '200000KiB'), warden_set('temp_store', 'file')");
  BOOST_TEST(db.one("PRAGMA cache_size") == "-200000");
  BOOST_TEST(db.one("PRAGMA temp_store") == "1");
  const Db later;
  BOOST_TEST(later.one("PRAGMA cache_size") == "-200000");
  BOOST_TEST(later.one("PRAGMA temp_store") == "1");
  before.rows("SELECT 1");  // it has not read its schema: a pragma would, and could wait for a lock
  BOOST_TEST(before.one("PRAGMA temp_store") == "0");
  before.rows(
      "SELECT * FROM sqlite_master");  // the end of a statement that read is where an open connection takes them
  BOOST_TEST(before.one("PRAGMA cache_size") == "-200000");
  BOOST_TEST(before.one("PRAGMA temp_store") == "1");
}

BOOST_AUTO_TEST_CASE(the_setting_has_the_last_word_and_keep_leaves_the_host_alone) {
  db.rows("PRAGMA cache_size = 1000000000; PRAGMA temp_store = memory");
  BOOST_TEST(db.one("PRAGMA cache_size") == "1000000000");
  db.rows("SELECT warden_set('cache_size', '64MiB'), warden_set('temp_store', 'file')");
  db.rows("PRAGMA cache_size = 1000000000");
  db.rows("PRAGMA temp_store = memory");
  BOOST_TEST(db.one("PRAGMA cache_size") == "-65536");
  BOOST_TEST(db.one("PRAGMA temp_store") == "1");
}

BOOST_AUTO_TEST_CASE(loaded_into_an_open_connection_they_are_applied_as_soon_as_that_reads_nothing) {
  const TempDir dir;
  make_table(dir.file("t.db"), 1);
  const int status = in_child([&] {
    db.rows("SELECT warden_set('cache_size', '1MiB')");
    const auto begun = [&](const std::string& sql) {
      sqlite3_reset_auto_extension();  // so that it opens without warden
      Db host(dir.file("t.db"));
      host.rows(sql);
      host.load();
      return host;
    };
    const auto size = [](const Db& host) { return host.one("PRAGMA cache_size"); };
    if (size(begun("SELECT count(*) FROM t")) != "-1024") return 1;
    const Db unread = begun("");
    if (size(unread) != "-2000") return 2;
    if (size(unread) != "-1024") return 3;  // after a statement that has read the schema
    const Db within = begun("BEGIN; SELECT count(*) FROM t");
    if (size(within) != "-2000" || size(within) != "-2000") return 4;
    within.rows("COMMIT; SELECT count(*) FROM t");
    return size(within) == "-1024" ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_pragma_that_the_host_forbids_is_given_up_after_some_attempts) {
  const Db other;
  const std::string id = other.one("SELECT warden_connection_id()");
  other.rows("CREATE TABLE t(x)");
  static int asked = 0;
  asked = 0;
  sqlite3_set_authorizer(
      other.get(),
      [](void*, int action, const char* pragma, const char*, const char*, const char*) {
        if (action != SQLITE_PRAGMA || std::string(pragma) != "cache_size") return SQLITE_OK;
        return ++asked, SQLITE_DENY;
      },
      nullptr);
  db.rows("SELECT warden_set('cache_size', '1MiB')");
  for (int i = 0; i < 50; ++i) BOOST_TEST(other.error("SELECT * FROM t") == "");
  BOOST_TEST(asked == 8);
  BOOST_TEST(
      db.one("SELECT group_concat(reason) FROM warden_events WHERE action = 'apply' AND connection_id = " +
             id) == "could not be applied yet");
  // A new value is tried anew.
  sqlite3_set_authorizer(other.get(), nullptr, nullptr);
  db.rows("SELECT warden_set('cache_size', '2MiB')");
  other.rows("SELECT * FROM t");
  BOOST_TEST(other.one("PRAGMA cache_size") == "-2048");
}

BOOST_AUTO_TEST_CASE(a_temporary_table_is_never_dropped_for_a_setting) {
  const Db other;
  other.rows("CREATE TEMP TABLE mine(a); INSERT INTO mine VALUES (1)");
  db.rows("SELECT warden_set('temp_store', 'memory')");
  for (int i = 0; i < 20; ++i) other.rows("SELECT 1");
  BOOST_TEST(other.one("SELECT a FROM mine") == "1");
  BOOST_TEST(db.number("SELECT count(*) FROM warden_events WHERE reason = 'could not be applied yet'") > 0);
}

BOOST_AUTO_TEST_CASE(a_setting_is_not_applied_inside_a_transaction_and_leaves_results_alone) {
  const Db other;
  other.rows("CREATE TABLE a(b); BEGIN; INSERT INTO a VALUES (1), (2), (3)");
  db.rows("SELECT warden_set('cache_size', '1MiB')");
  other.rows("INSERT INTO a VALUES (4)");
  BOOST_TEST(other.one("SELECT changes(), total_changes(), last_insert_rowid()") == "1|4|4");
  BOOST_TEST(other.error("SELECT missing FROM a") == "no such column: missing");
  BOOST_TEST(sqlite3_errcode(other.get()) == SQLITE_ERROR);
  other.rows("COMMIT");
  other.rows("SELECT 1");
  BOOST_TEST(other.one("PRAGMA cache_size") == "-1024");
  BOOST_TEST(other.one("SELECT changes(), total_changes(), last_insert_rowid()") == "1|4|4");
}

BOOST_AUTO_TEST_CASE(a_lower_limit_of_the_host_stands) {
  const int status = in_child([] {
    sqlite3_soft_heap_limit64(50'000'000);
    Db host;
    host.load();
    if (host.one("PRAGMA soft_heap_limit") != "50000000") return 1;
    host.rows("SELECT warden_set('soft_heap_limit', '1GiB')");
    if (host.one("PRAGMA soft_heap_limit") != "50000000") return 2;
    if (host.one("SELECT source FROM warden_settings WHERE name = 'soft_heap_limit'") != "host") return 3;
    host.rows("SELECT warden_set('soft_heap_limit', '10MB')");
    if (host.one("PRAGMA soft_heap_limit") != "10000000") return 4;
    host.rows("SELECT warden_set('soft_heap_limit', 0)");  // leave it alone: what the host had
    return host.one("PRAGMA soft_heap_limit") == "50000000" ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_lower_hard_limit_of_the_host_stands) {
  const int status = in_child([] {
    sqlite3_hard_heap_limit64(500'000'000);
    Db host;
    host.load();
    const auto limits = [&] {
      return host.one("PRAGMA hard_heap_limit") + " " + host.one("PRAGMA soft_heap_limit");
    };
    host.rows("SELECT warden_set('memory_budget', '400MB'), warden_set('hard_heap_limit', '1GB')");
    if (limits() != "500000000 400000000") return 1;
    host.rows("SELECT warden_set('hard_heap_limit', '300MB')");
    if (limits() != "300000000 300000000") return 2;
    // The host lowers it below ours, and raises nothing by what it sets soft.
    sqlite3_hard_heap_limit64(200'000'000);
    host.rows("SELECT warden_set('hard_heap_limit', '250MB')");
    if (limits() != "200000000 200000000") return 3;
    host.rows("SELECT warden_set('soft_heap_limit', 0)");
    if (limits() != "200000000 200000000") return 4;
    host.rows("SELECT warden_reset()");
    return host.one("PRAGMA hard_heap_limit") == "200000000" ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(reset_puts_back_the_heap_limits) {
  db.rows("SELECT warden_set('hard_heap_limit', '100MB'), warden_set('memory_budget', '10MB')");
  BOOST_TEST(db.one("PRAGMA hard_heap_limit") == "100000000");
  BOOST_TEST(db.one("PRAGMA soft_heap_limit") == "10000000");
  db.rows("SELECT warden_reset()");
  BOOST_TEST(db.one("PRAGMA hard_heap_limit") == "0");
  BOOST_TEST(db.one("PRAGMA soft_heap_limit") == db.one("SELECT warden_get('memory_budget')"));
}

BOOST_AUTO_TEST_CASE(hooks_can_be_switched_off_and_on_and_no_slot_is_taken_late) {
  const std::string mine =
      "SELECT hooks FROM warden_connections WHERE connection_id = warden_connection_id()";
  db.rows("SELECT warden_set('hooks', 'none')");
  BOOST_TEST(db.one(mine) == "none");
  db.rows("SELECT warden_set('hooks', 'trace+progress')");
  // A slot is taken when a connection opens, or warden is loaded into it; later it may be the host's.
  BOOST_TEST(db.one(mine) == "trace");
  BOOST_TEST(Db().one(mine) == "trace+progress");
  BOOST_TEST(
      db.one("SELECT state, sql FROM warden_connections WHERE connection_id = warden_connection_id()") ==
      "active|SELECT state, sql FROM warden_connections WHERE connection_id = warden_connection_id()");
}

BOOST_AUTO_TEST_CASE(callbacks_of_the_host_survive_every_change_of_hooks) {
  db.rows("SELECT warden_set('hooks', 'trace+progress')");
  const Db other;
  static int traced = 0;
  static int progressed = 0;
  sqlite3_trace_v2(
      other.get(), SQLITE_TRACE_STMT, [](unsigned, void*, void*, void*) { return ++traced, 0; }, nullptr);
  sqlite3_progress_handler(
      other.get(), 10, [](void*) { return ++progressed, 0; }, nullptr);
  for (const std::string hooks : {"trace", "none", "trace+progress", "none", "trace"}) {
    other.rows("SELECT warden_set('hooks', '" + hooks + "')");
    const int before[] = {traced, progressed};
    other.rows(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT count(*) FROM "
        "c");
    BOOST_TEST(traced == before[0] + 1);
    BOOST_TEST(progressed > before[1]);
  }
}

BOOST_AUTO_TEST_CASE(a_hard_limit_that_leaves_no_room_is_refused) {
  BOOST_TEST(db.error("SELECT warden_set('hard_heap_limit', '1')")
                 .starts_with("warden_set: hard_heap_limit must be 0 or at least "));
  BOOST_TEST(db.one("PRAGMA hard_heap_limit") == "0");
}

BOOST_AUTO_TEST_CASE(a_lower_soft_limit_of_the_host_survives_a_hard_limit_that_comes_and_goes) {
  const int status = in_child([] {
    Db host;
    host.load();
    host.rows("PRAGMA soft_heap_limit = 20000000");
    host.rows("SELECT warden_set('hard_heap_limit', '300MB')");
    if (host.one("PRAGMA soft_heap_limit") != "20000000") return 1;
    host.rows("SELECT warden_set('hard_heap_limit', NULL)");
    if (host.one("PRAGMA soft_heap_limit") != "20000000") return 2;
    host.rows("PRAGMA soft_heap_limit = 0");
    host.rows("SELECT warden_set('memory_budget', '400MB'), warden_set('hard_heap_limit', '100MB')");
    if (host.one("PRAGMA soft_heap_limit") != "100000000") return 3;
    if (host.one("SELECT source FROM warden_settings WHERE name = 'soft_heap_limit'") != "default") return 4;
    host.rows("SELECT warden_set('hard_heap_limit', '300MB')");
    return host.one("PRAGMA soft_heap_limit") == "300000000" ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
