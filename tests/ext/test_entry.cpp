// Loading: once, twice, into busy connections, for later connections, into the wrong places.
#include <dlfcn.h>

#include <boost/test/unit_test.hpp>

#include "host.hpp"
#include "sqlite_api.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(entry)

BOOST_AUTO_TEST_CASE(one_load_serves_every_later_connection) {
  Db first;
  first.load();
  const Db later;
  const Db unserialized(":memory:", SQLITE_OPEN_NOMUTEX);
  BOOST_TEST(later.number("SELECT warden_connection_id()") > first.number("SELECT warden_connection_id()"));
  BOOST_TEST(unserialized.one("SELECT serialized, hooks FROM warden_connections WHERE connection_id = "
                              "warden_connection_id()") == "0|trace");
}

BOOST_AUTO_TEST_CASE(loading_twice_changes_nothing_even_while_a_statement_runs) {
  Db db;
  db.load();
  const std::int64_t id = db.number("SELECT warden_connection_id()");
  sqlite3_stmt* open = nullptr;
  sqlite3_prepare_v2(db.get(), "SELECT 1 UNION ALL SELECT 2", -1, &open, nullptr);
  BOOST_TEST(sqlite3_step(open) == SQLITE_ROW);
  db.load();
  BOOST_TEST(db.number("SELECT warden_connection_id()") == id);
  BOOST_TEST(
      db.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + std::to_string(id)) == 1);
  BOOST_TEST(sqlite3_step(open) == SQLITE_ROW);
  sqlite3_finalize(open);
}

BOOST_AUTO_TEST_CASE(it_can_be_loaded_by_a_statement) {
  const Db db;
  sqlite3_enable_load_extension(db.get(), 1);
  BOOST_TEST(db.error(std::string("SELECT load_extension('") + WARDEN_SO + "')") == "");
  BOOST_TEST(db.one("SELECT warden_version()") == "0.1.0");
  // The statement that loaded it was not seen to begin; that must not read as a hook that the host took away.
  BOOST_TEST(
      db.one("SELECT hooks, state FROM warden_connections WHERE connection_id = warden_connection_id()") ==
      "trace|active");
}

BOOST_AUTO_TEST_CASE(opening_with_extended_result_codes_succeeds) {
  Db first;
  first.load();
  const Db later(":memory:", SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE);
  BOOST_TEST(sqlite3_errcode(later.get()) == SQLITE_OK);
  BOOST_TEST(std::string(sqlite3_errmsg(later.get())) == "not an error");
}

BOOST_AUTO_TEST_CASE(a_database_that_can_not_be_read_still_opens_as_without_warden) {
  const TempDir dir;
  FILE* file = std::fopen(dir.file("not.db").c_str(), "w");
  std::fputs(
      "this is no database, but long enough to be looked at as one; this is no database at all ........",
      file);
  std::fclose(file);
  Db first;
  first.load();
  first.rows("SELECT warden_set('cache_size', '1MiB')");
  {
    const Db broken(dir.file("not.db"));  // applying cache_size fails inside the open
    BOOST_TEST(sqlite3_errcode(broken.get()) == SQLITE_OK);
    BOOST_TEST(broken.error("SELECT * FROM sqlite_master") == "file is not a database");
  }
  first.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(a_closed_connection_leaves_the_table) {
  Db watcher;
  watcher.load();
  std::string id;
  {
    const Db brief;
    id = brief.one("SELECT warden_connection_id()");
    BOOST_TEST(watcher.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + id) == 1);
  }
  BOOST_TEST(watcher.number("SELECT count(*) FROM warden_connections WHERE connection_id = " + id) == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_closed_with_statements_left_goes_when_they_go) {
  Db watcher;
  watcher.load();
  sqlite3* zombie = nullptr;
  BOOST_TEST(sqlite3_open(":memory:", &zombie) == SQLITE_OK);
  sqlite3_stmt* left = nullptr;
  sqlite3_prepare_v2(zombie, "SELECT warden_connection_id()", -1, &left, nullptr);
  sqlite3_step(left);
  const std::string id = reinterpret_cast<const char*>(sqlite3_column_text(left, 0));
  BOOST_TEST(sqlite3_close_v2(zombie) == SQLITE_OK);
  const std::string count = "SELECT count(*) FROM warden_connections WHERE connection_id = " + id;
  BOOST_TEST(watcher.number(count) == 1);
  sqlite3_finalize(left);
  BOOST_TEST(watcher.number(count) == 0);
}

BOOST_AUTO_TEST_CASE(the_file_exports_its_entries_and_nothing_else) {
  const std::string command =
      std::string("nm -D --defined-only ") + WARDEN_SO + " | awk '{print $3}' | sort | tr '\\n' ' '";
  FILE* pipe = ::popen(command.c_str(), "r");
  char line[4096] = {};
  BOOST_TEST(std::fgets(line, sizeof(line), pipe) != nullptr);
  ::pclose(pipe);
  BOOST_TEST(std::string(line) == "sqlite3_extension_init sqlite3_warden_auto_init sqlite3_warden_init ");
}

BOOST_AUTO_TEST_CASE(two_files_are_two_wardens_and_the_first_keeps_its_connections) {
  const TempDir dir;
  const std::string other = dir.file("other.so");
  std::filesystem::copy_file(WARDEN_SO, other);
  const int status = in_child([&] {
    const auto load_other = [&](const Db& db) {
      sqlite3_enable_load_extension(db.get(), 1);
      return sqlite3_load_extension(db.get(), other.c_str(), "sqlite3_warden_init", nullptr);
    };
    sqlite3_reset_auto_extension();
    Db first;
    first.load();
    const std::int64_t id = first.number("SELECT warden_connection_id()");
    if (load_other(first) != SQLITE_OK) return 1;
    const Db later;  // both are asked when it opens
    if (first.number("SELECT warden_connection_id()") != id) return 2;
    if (later.number("SELECT count(*) FROM warden_connections WHERE hooks = 'trace'") < 2) return 3;
    if (later.number("SELECT warden_connection_id()") <= id) return 4;
    // One that the first does not have is the other's.
    sqlite3_reset_auto_extension();
    const Db of_other;
    if (load_other(of_other) != SQLITE_OK) return 5;
    return of_other.number("SELECT count(*) FROM warden_connections") == 1 ? 0 : 6;
  });
  BOOST_TEST(status == 0);
}

// A table of routines in which one function answers otherwise stands for another copy of SQLite.
using Entry = int (*)(sqlite3*, char**, const void*);
Entry entry_of_warden(const char* name = "sqlite3_warden_init") {
  void* image = ::dlopen(WARDEN_SO, RTLD_NOW);
  return reinterpret_cast<Entry>(::dlsym(image, name));
}

BOOST_AUTO_TEST_CASE(who_has_no_connection_registers_the_entry_of_opening_ones) {
  const int status = in_child([] {
    sqlite3_reset_auto_extension();
    const Entry entry = entry_of_warden("sqlite3_warden_auto_init");
    if (sqlite3_auto_extension(reinterpret_cast<void (*)()>(entry)) != SQLITE_OK) return 1;
    const Db db(":memory:", SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE);
    if (std::string(sqlite3_errmsg(db.get())) != "not an error") return 2;
    // Its first statement is seen, as of any connection that was there before it had one.
    if (db.one("SELECT hooks, state FROM warden_connections WHERE connection_id = warden_connection_id()") !=
        "trace|active")
      return 3;
    // Loaded on top by a connection, it is one warden, and serves each connection once.
    Db loads;
    loads.load();
    const Db later;
    return later.number("SELECT count(*) FROM warden_connections") == 3 ? 0 : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(an_open_succeeds_where_there_is_no_table_of_routines) {
  const Db db;
  BOOST_TEST(entry_of_warden("sqlite3_warden_auto_init")(db.get(), nullptr, nullptr) == SQLITE_OK);
  BOOST_TEST(db.one("SELECT 1") == "1");
}

const void* routines = nullptr;
int take_routines(sqlite3*, char**, const void* api) {
  routines = api;
  return SQLITE_OK;
}

/// The process's table of routines, copied: another address is another copy of SQLite, as far as warden can tell.
using Table = std::vector<void*>;
Table another_copy() {
  constexpr std::size_t kSlots = sizeof(sqlite3_api_routines) / sizeof(void*);
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(&take_routines));
  const Db db;
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&take_routines));
  Table table(kSlots);
  std::copy_n(static_cast<void* const*>(routines), kSlots, table.begin());
  return table;
}

BOOST_AUTO_TEST_CASE(a_sqlite_that_is_too_old_is_refused_with_a_reason) {
  Table old = another_copy();
  bool found = false;
  for (void*& slot : old) {
    if (slot != reinterpret_cast<void*>(&sqlite3_libversion_number)) continue;
    slot = reinterpret_cast<void*>(+[] { return 3030001; });
    found = true;
  }
  BOOST_REQUIRE(found);
  const Db db;
  char* message = nullptr;
  BOOST_TEST(entry_of_warden()(db.get(), &message, old.data()) == SQLITE_ERROR);
  BOOST_TEST(std::string(message) == std::string("warden: this is SQLite ") + sqlite3_libversion() +
                                         ", and warden needs 3.31.0 or newer");
  sqlite3_free(message);
  // A connection of such a copy opens as if warden were not there.
  BOOST_TEST(entry_of_warden("sqlite3_warden_auto_init")(db.get(), nullptr, old.data()) == SQLITE_OK);
  BOOST_TEST(std::string(sqlite3_errmsg(db.get())) == "not an error");
}

BOOST_AUTO_TEST_CASE(eight_copies_are_served_and_the_ninth_is_refused_with_a_reason) {
  const int status = in_child([] {
    Db system;
    system.load();
    std::vector<Table> copies;
    std::vector<Db> connections;
    for (int i = 0; i < 8; ++i) copies.push_back(another_copy());
    sqlite3_reset_auto_extension();
    for (int i = 0; i < 8; ++i) connections.emplace_back();
    for (std::size_t i = 0; i < 7; ++i) {
      if (entry_of_warden()(connections[i].get(), nullptr, copies[i].data()) != SQLITE_OK_LOAD_PERMANENTLY)
        return 1;
      const std::string copy = connections[i].one("SELECT json_extract(warden_debug(), '$.sqlite_copy')");
      if (copy != std::to_string(i + 2)) return 2;
    }
    char* message = nullptr;
    if (entry_of_warden()(connections[7].get(), &message, copies[7].data()) != SQLITE_ERROR) return 3;
    const std::string text = message;
    if (text != "warden: 8 copies of SQLite in this process have loaded warden; it can't watch one more")
      return 4;
    return connections[7].one("SELECT 1") == "1" ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
