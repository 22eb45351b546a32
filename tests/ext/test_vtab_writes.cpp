// UPDATE, INSERT and DELETE: tables that allow them, some of them, none; errors; what a change tells.
#include <boost/test/unit_test.hpp>
#include <map>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::Database;
namespace vtab = warden::vtab;

namespace {

struct Entry {
  sqlite3_int64 id;
  std::string key;
  std::optional<std::int64_t> value;
  sqlite3_int64 rowid() const { return id; }
};

std::map<sqlite3_int64, Entry> store;
std::string told;  // what update() was told of each column

template <bool TellsUnchanged>
struct Dictionary {
  using row = Entry;
  static constexpr const char* name = TellsUnchanged ? "told" : "dictionary";
  static constexpr auto risk = vtab::risk::normal;
  static constexpr bool tells_unchanged = TellsUnchanged;
  using columns = vtab::columns<vtab::col<"key", &Entry::key, vtab::push::key>,
                                vtab::col<"value", &Entry::value>, vtab::arg<"note", std::string_view>>;
  using change = vtab::change<columns>;

  std::vector<Entry> scan(const vtab::query<row, columns>&) const {
    std::vector<Entry> rows;
    for (const auto& [id, entry] : store) rows.push_back(entry);
    return rows;
  }
  void update(sqlite3_int64 rowid, const change& to) {
    const vtab::value key = to.get<"key">();
    const vtab::value value = to.get<"value">();
    told += std::string(key.is_unchanged() ? "-" : key.type_name()) + "," +
            (value.is_unchanged() ? "-" : value.type_name()) + " ";
    if (!value.is_null() && value.type() != SQLITE_INTEGER) throw vtab::error("value must be an integer");
    if (!key.is_unchanged()) store.at(rowid).key = key.as_text();
    if (value.is_unchanged()) return;
    store.at(rowid).value = value.is_null() ? std::nullopt : std::optional(value.as_int64());
  }
  sqlite3_int64 insert(const change& from) {
    if (from.get<"key">().is_null()) throw vtab::error("key must not be NULL", SQLITE_CONSTRAINT);
    const sqlite3_int64 id = store.empty() ? 1 : store.rbegin()->first + 1;
    store[id] = {id, std::string(from.at(0).as_text()), from.at(1).as_int64()};
    return id;
  }
  void erase(sqlite3_int64 rowid) {
    if (rowid == 13) throw vtab::error("13 can't be deleted");
    store.erase(rowid);
  }
};

/// A table with one of the three members.
template <int Which>
struct Partly {
  using row = Entry;
  static constexpr const char* name = Which == 0   ? "readable"
                                      : Which == 1 ? "updatable"
                                      : Which == 2 ? "insertable"
                                                   : "erasable";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<vtab::col<"key", &Entry::key>>;
  std::vector<Entry> scan(const vtab::query<row, columns>&) const { return {{1, "one", 1}}; }
  void update(sqlite3_int64, const vtab::change<columns>&) requires(Which == 1) { told += "update "; }
  void insert(const vtab::change<columns>&) requires(Which == 2) { told += "insert "; }
  void erase(sqlite3_int64) requires(Which == 3) { told += "erase "; }
};

struct Writes {
  Database db;
  Writes() {
    store = {{1, {1, "one", 1}}, {2, {2, "two", std::nullopt}}, {13, {13, "thirteen", 13}}};
    told.clear();
    vtab::install<Dictionary<false>>(api(), db.handle());
    vtab::install<Dictionary<true>>(api(), db.handle());
    vtab::install<Partly<0>>(api(), db.handle());
    vtab::install<Partly<1>>(api(), db.handle());
    vtab::install<Partly<2>>(api(), db.handle());
    vtab::install<Partly<3>>(api(), db.handle());
  }
  std::string query(std::string_view sql) { return db.query(sql); }
  std::string all() { return query("SELECT rowid, key, value FROM dictionary"); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_writes, Writes)

BOOST_AUTO_TEST_CASE(an_update_changes_the_rows_that_where_names) {
  BOOST_TEST(query("UPDATE dictionary SET value = 7 WHERE key = 'two'") == "");
  BOOST_TEST(all() == "1|one|1, 2|two|7, 13|thirteen|13");
  BOOST_TEST(
      query("UPDATE dictionary SET value = value + 1, key = key || '!' WHERE rowid < 3; SELECT changes()") ==
      "2");
  BOOST_TEST(all() == "1|one!|2, 2|two!|8, 13|thirteen|13");
  BOOST_TEST(query("UPDATE dictionary SET value = NULL WHERE key = 'none'; SELECT changes()") == "0");
}

BOOST_AUTO_TEST_CASE(an_update_hands_over_all_columns_with_their_values) {
  BOOST_TEST(query("UPDATE dictionary SET value = 7 WHERE rowid = 1") == "");
  BOOST_TEST(told == "text,integer ");
}

BOOST_AUTO_TEST_CASE(a_table_that_asks_for_it_is_told_what_is_unchanged) {
  BOOST_TEST(query("UPDATE told SET value = 7 WHERE key = 'one'") == "");
  BOOST_TEST(query("UPDATE told SET key = 'zwei' WHERE rowid = 2") == "");
  BOOST_TEST(query("UPDATE told SET value = value WHERE value > 1") == "");
  BOOST_TEST(told == "-,integer text,- -,integer -,integer ");
  BOOST_TEST(all() == "1|one|7, 2|zwei|NULL, 13|thirteen|13");
}

BOOST_AUTO_TEST_CASE(update_from_hands_over_all_columns) {
  BOOST_TEST(query("UPDATE told SET value = v FROM (SELECT 'one' AS k, 5 AS v) WHERE key = k") == "");
  BOOST_TEST(told == "text,integer ");
  BOOST_TEST(all() == "1|one|5, 2|two|NULL, 13|thirteen|13");
}

BOOST_AUTO_TEST_CASE(an_error_of_update_ends_the_statement) {
  BOOST_TEST(query("UPDATE dictionary SET value = 'x'") == "error 1: value must be an integer");
  BOOST_TEST(all() == "1|one|1, 2|two|NULL, 13|thirteen|13");
}

BOOST_AUTO_TEST_CASE(a_rowid_can_not_be_changed) {
  const char* const refused = "error 1: dictionary: the rowid can't be changed";
  BOOST_TEST(query("UPDATE dictionary SET rowid = 5 WHERE key = 'one'") == refused);
  BOOST_TEST(query("UPDATE dictionary SET rowid = NULL WHERE key = 'one'") == refused);
  BOOST_TEST(query("UPDATE dictionary SET rowid = 1, value = 3 WHERE key = 'one'") == "");
  BOOST_TEST(all() == "1|one|3, 2|two|NULL, 13|thirteen|13");
}

BOOST_AUTO_TEST_CASE(an_insert_gives_the_new_rowid) {
  BOOST_TEST(query("INSERT INTO dictionary VALUES ('new', 5); SELECT last_insert_rowid()") == "14");
  BOOST_TEST(query("INSERT INTO dictionary(value, key) SELECT 6, 'a' UNION ALL SELECT 7, 'b'; "
                   "SELECT last_insert_rowid(), changes()") == "16|2");
  BOOST_TEST(query("SELECT key, value FROM dictionary WHERE rowid > 13") == "new|5, a|6, b|7");
}

BOOST_AUTO_TEST_CASE(the_rowid_of_a_new_row_can_not_be_chosen) {
  BOOST_TEST(query("INSERT INTO dictionary(rowid, key, value) VALUES (9, 'new', 5)") ==
             "error 1: dictionary: the rowid of a new row can't be chosen");
  BOOST_TEST(store.size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_error_of_insert_keeps_its_code) {
  BOOST_TEST(query("INSERT INTO dictionary(value) VALUES (5)") == "error 19: key must not be NULL");
}

BOOST_AUTO_TEST_CASE(a_delete_erases_the_rows_that_where_names) {
  BOOST_TEST(query("DELETE FROM dictionary WHERE key = 'one'; SELECT changes()") == "1");
  BOOST_TEST(all() == "2|two|NULL, 13|thirteen|13");
  BOOST_TEST(query("DELETE FROM dictionary WHERE key = 'none' OR value > 5") ==
             "error 1: 13 can't be deleted");
  BOOST_TEST(query("DELETE FROM dictionary WHERE rowid < 10") == "");
  BOOST_TEST(all() == "13|thirteen|13");
}

BOOST_AUTO_TEST_CASE(a_table_without_members_is_read_only) {
  for (const char* sql :
       {"UPDATE readable SET key = 1", "INSERT INTO readable VALUES (1)", "DELETE FROM readable"}) {
    BOOST_TEST(query(sql) == "error 1: table readable may not be modified", sql);
  }
}

BOOST_AUTO_TEST_CASE(what_a_table_has_no_member_for_is_refused_by_name) {
  BOOST_TEST(query("UPDATE updatable SET key = 1; UPDATE updatable SET key = 1") == "");
  BOOST_TEST(query("INSERT INTO insertable VALUES (1)") == "");
  BOOST_TEST(query("DELETE FROM erasable") == "");
  BOOST_TEST(told == "update update insert erase ");
  BOOST_TEST(query("INSERT INTO updatable VALUES (1)") == "error 1: updatable: rows can't be inserted");
  BOOST_TEST(query("DELETE FROM updatable") == "error 1: updatable: rows can't be deleted");
  BOOST_TEST(query("UPDATE insertable SET key = 1") == "error 1: insertable: rows can't be updated");
  BOOST_TEST(query("DELETE FROM insertable") == "error 1: insertable: rows can't be deleted");
  BOOST_TEST(query("UPDATE erasable SET key = 1") == "error 1: erasable: rows can't be updated");
}

BOOST_AUTO_TEST_CASE(triggers_and_views_write_through) {
  BOOST_TEST(
      query("CREATE TABLE log(k); CREATE TRIGGER t AFTER INSERT ON log BEGIN "
            "UPDATE dictionary SET value = 99 WHERE key = new.k; END; INSERT INTO log VALUES ('one')") == "");
  BOOST_TEST(all() == "1|one|99, 2|two|NULL, 13|thirteen|13");
}

BOOST_AUTO_TEST_SUITE_END()
