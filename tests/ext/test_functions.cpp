// The functions: what they return, and what they say to bad input.
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(functions)

BOOST_AUTO_TEST_CASE(sizes_are_read_and_written) {
  Db db;
  db.load();
  BOOST_TEST(db.one("SELECT warden_size('1.5GiB'), warden_size('25%', 4096), warden_size('200MB'), "
                    "warden_size(65536)") == "1610612736|1024|200000000|65536");
  BOOST_TEST(db.one("SELECT warden_size_text(1610612736), warden_size_text(0), warden_size_text(-1024)") ==
             "1.5 GiB|0 B|-1 KiB");
  BOOST_TEST(db.one("SELECT warden_size(NULL), warden_size_text(NULL)") == "NULL|NULL");
  BOOST_TEST(db.one("SELECT warden_size('50%') = warden_size('100%') / 2") == "1");
}

BOOST_AUTO_TEST_CASE(bad_arguments_are_named) {
  Db db;
  db.load();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"warden_size('12XB')",
       "warden_size: \"12XB\" is not a size: unknown unit \"XB\" (use B, kB, MB, GB, TB, KiB, MiB, GiB, "
       "TiB)"},
      {"warden_size('-5%')", "warden_size: \"-5%\" is not a share: it must be between 0% and 100%"},
      {"warden_size('200%')", "warden_size: \"200%\" is not a share: it must be between 0% and 100%"},
      {"warden_size('')",
       "warden_size: \"\" is not a size: it is empty (write for example 512MiB, 2GB or 65536)"},
      {"warden_size('99999999999GiB')",
       "warden_size: \"99999999999GiB\" is not a size: it is larger than 9223372036854775807 bytes"},
      {"warden_size(x'00')", "warden_size: text must be a size such as '512MiB', not blob"},
      {"warden_size('25%', -1)", "warden_size: whole_bytes can't be negative"},
      {"warden_size('25%', 'all')", "warden_size: whole_bytes must be an integer, not text"},
      {"warden_size_text('12')", "warden_size_text: bytes must be an integer, not text"},
      {"warden_label(NULL)", "warden_label: label must be text, not NULL"},
      {"warden_label(5)", "warden_label: label must be text, not integer"},
      {"warden_release(NULL)",
       "warden_release: the argument must be a connection_id (an integer) or 'idle', not NULL"},
      {"warden_release('busy')",
       "warden_release: the argument must be a connection_id (an integer) or 'idle', not \"busy\""},
      {"warden_release(987654321)",
       "warden_release: no connection has the id 987654321 (SELECT connection_id FROM warden_connections "
       "lists them)"},
      {"warden_get('nothing_like_it')",
       "warden_get: unknown setting \"nothing_like_it\" (SELECT name FROM warden_settings lists them)"},
      {"warden_set('soft_heap_limt', 1)",
       "warden_set: unknown setting \"soft_heap_limt\" (did you mean \"soft_heap_limit\"?)"},
      {"warden_set('memory_budget', '200%')",
       "warden_set: memory_budget: \"200%\" is not a share: it must be between 0% and 100%"},
      {"warden_set('memory_budget', '')",
       "warden_set: memory_budget can't be empty (NULL restores the default, \"25%\")"},
      {"warden_set('idle_grace_ms', 'soon')",
       "warden_set: idle_grace_ms must be a whole number of milliseconds from 0 to 86400000, not \"soon\""},
      {"warden_set('trim', 'sometimes')",
       "warden_set: trim must be \"auto\", \"always\" or \"never\", not \"sometimes\""},
      {"warden_set('dry_run', 2)", "warden_set: dry_run must be 0 or 1, not \"2\""},
      {"warden_set('trim', x'00')", "warden_set: trim must be text or a number, not blob"},
      {"warden_set(NULL, 1)", "warden_set: name must be text, not NULL"},
      {"warden_set('trim')", "wrong number of arguments to function warden_set()"}};
  for (const auto& [call, message] : cases) {
    BOOST_TEST_CONTEXT(call) { BOOST_TEST(db.error("SELECT " + call) == message); }
  }
}

BOOST_AUTO_TEST_CASE(set_returns_what_is_in_force_and_null_restores) {
  Db db;
  db.load();
  BOOST_TEST(db.one("SELECT warden_set('memory_budget', '1GiB')") == "1073741824");
  BOOST_TEST(db.one("SELECT warden_get('release_above'), warden_get('release_to'), warden_get('idle_keep'), "
                    "warden_get('soft_heap_limit')") == "805306368|536870912|67108864|1073741824");
  BOOST_TEST(db.one("PRAGMA soft_heap_limit") == "1073741824");
  BOOST_TEST(db.one("SELECT warden_set('hooks', 'TRACE'), warden_get('temp_store')") == "trace|keep");
  BOOST_TEST(db.one("SELECT source FROM warden_settings WHERE name = 'memory_budget'") == "sql");
  db.rows("SELECT warden_set('memory_budget', NULL)");
  BOOST_TEST(db.one("SELECT value, source FROM warden_settings WHERE name = 'memory_budget'") ==
             "25%|default");
}

BOOST_AUTO_TEST_CASE(a_label_is_shown_and_bounded) {
  Db db;
  db.load();
  BOOST_TEST(db.one("SELECT warden_label('nightly report')") == "nightly report");
  BOOST_TEST(db.one("SELECT label FROM warden_connections WHERE connection_id = warden_connection_id()") ==
             "nightly report");
  const std::string cut = db.one("SELECT warden_label(replace(hex(zeroblob(50)), '0', 'ä'))");
  BOOST_TEST(cut.size() == 62U);  // 31 characters of two bytes: never half a character
}

BOOST_AUTO_TEST_CASE(debug_is_json_with_what_support_asks_for) {
  Db db;
  db.load();
  for (const std::string key :
       {"version", "commit", "sqlite_version", "sqlite_source_id", "threadsafe", "serialized",
        "memory_accounting", "memory_management", "allocator", "memory_limit_bytes"}) {
    BOOST_TEST_CONTEXT(key) {
      BOOST_TEST(db.one("SELECT json_type(warden_debug(), '$." + key + "') IS NOT NULL") == "1");
    }
  }
  BOOST_TEST(db.one("SELECT json_extract(warden_debug(), '$.sqlite_version')") == sqlite3_libversion());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
