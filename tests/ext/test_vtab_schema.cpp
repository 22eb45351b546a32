// How a table looks to SQLite: its declaration, who may use it, when it comes and goes.
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "vtab_tables.hpp"

using warden::test::api;
using warden::test::Database;
using warden::test::Tables;
namespace vtab = warden::vtab;

namespace {

struct One {
  std::int64_t select = 1;
};

int alive = 0;  // tables of this kind that have not ended

template <vtab::risk Risk>
struct Guarded {
  using row = One;
  static constexpr const char* name = Risk == vtab::risk::innocuous ? "innocuous"
                                      : Risk == vtab::risk::normal  ? "normal"
                                                                    : "direct";
  static constexpr auto risk = Risk;
  using columns = vtab::columns<vtab::col<"select", &One::select>, vtab::arg<"from", std::int64_t>,
                                vtab::arg<"order", double>, vtab::arg<"group", bool>>;
  explicit Guarded(int given = 1) : one{given} {
    if (given < 0) throw std::runtime_error("no");
    ++alive;
  }
  Guarded(const Guarded&) = delete;
  ~Guarded() { --alive; }
  std::vector<One> scan(const vtab::query<row, columns>& q) const {
    return {One{one.select + q.template argument<"from">().value_or(0)}};
  }
  One one;
};

struct Schema : Tables {
  Schema() {
    vtab::install<Guarded<vtab::risk::innocuous>>(api(), db.handle());
    vtab::install<Guarded<vtab::risk::normal>>(api(), db.handle());
    vtab::install<Guarded<vtab::risk::direct_only>>(api(), db.handle());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vtab_schema, Schema)

BOOST_AUTO_TEST_CASE(columns_have_names_types_and_hidden_ones_a_mark) {
  BOOST_TEST(
      query("SELECT name, type, hidden FROM pragma_table_xinfo('numbers')") ==
      "value|INTEGER|0, square|INTEGER|0, first|INTEGER|1, count|INTEGER|1, step|REAL|1, title|TEXT|1");
  BOOST_TEST(query("SELECT name, type FROM pragma_table_info('processes')") ==
             "pid|INTEGER, comm|TEXT, cpu|REAL, state|TEXT, kernel|INTEGER");
}

BOOST_AUTO_TEST_CASE(a_column_may_be_called_like_a_keyword) {
  BOOST_TEST(query("SELECT \"select\", \"from\", \"group\" FROM normal(5, 1.5, 1)") == "6|5|1");
  BOOST_TEST(query("SELECT \"select\" FROM normal WHERE \"from\" = 2 AND \"select\" = 3") == "3");
}

BOOST_AUTO_TEST_CASE(a_boolean_argument_is_0_or_1) {
  BOOST_TEST(query("SELECT count(*) FROM normal(1, 1, false)") == "1");
  BOOST_TEST(query("SELECT * FROM normal(1, 1, 2)") ==
             "error 1: normal: argument \"group\" must be an integer from 0 to 1, not 2");
}

BOOST_AUTO_TEST_CASE(a_table_is_eponymous_only) {
  BOOST_TEST(query("CREATE VIRTUAL TABLE mine USING numbers") == "error 1: no such module: numbers");
  BOOST_TEST(query("SELECT name FROM pragma_module_list WHERE name IN ('numbers', 'processes') ORDER BY 1") ==
             "numbers, processes");
}

BOOST_AUTO_TEST_CASE(direct_only_is_refused_in_views_and_triggers) {
  query(
      "CREATE VIEW v AS SELECT * FROM direct; CREATE TABLE t(x); "
      "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT \"select\" FROM direct; END");
  for (const char* trusted : {"PRAGMA trusted_schema = ON", "PRAGMA trusted_schema = OFF"}) {
    query(trusted);
    BOOST_TEST(query("SELECT * FROM direct") == "1");
    BOOST_TEST(query("SELECT * FROM v") == "error 1: unsafe use of virtual table \"direct\"", trusted);
    BOOST_TEST(query("INSERT INTO t VALUES (1)") == "error 1: unsafe use of virtual table \"direct\"",
               trusted);
    BOOST_TEST(query("WITH c AS (SELECT * FROM direct) SELECT * FROM c") == "1");
  }
}

BOOST_AUTO_TEST_CASE(an_untrusted_schema_may_use_what_is_innocuous_only) {
  query("CREATE VIEW v AS SELECT * FROM innocuous; CREATE VIEW w AS SELECT * FROM normal");
  query("PRAGMA trusted_schema = OFF");
  BOOST_TEST(query("SELECT * FROM v") == "1");
  BOOST_TEST(query("SELECT * FROM w") == "error 1: unsafe use of virtual table \"normal\"");
  query("PRAGMA trusted_schema = ON");
  BOOST_TEST(query("SELECT * FROM w") == "1");
}

BOOST_AUTO_TEST_CASE(a_table_belongs_to_its_connection) {
  Database other;
  BOOST_TEST(other.query("SELECT * FROM normal") == "error 1: no such table: normal");
  vtab::install<Guarded<vtab::risk::normal>>(api(), other.handle(), 40);
  BOOST_TEST(other.query("SELECT * FROM normal(2)") == "42");
  BOOST_TEST(query("SELECT * FROM normal(2)") == "3");
}

BOOST_AUTO_TEST_CASE(a_table_lives_until_its_connection_closes) {
  const int before = alive;
  {
    Database other;
    vtab::install<Guarded<vtab::risk::normal>>(api(), other.handle());
    BOOST_TEST(alive == before + 1);
    other.query("SELECT * FROM normal");
  }
  BOOST_TEST(alive == before);
}

BOOST_AUTO_TEST_CASE(a_second_install_replaces_the_first) {
  const int before = alive;
  BOOST_TEST(query("SELECT * FROM normal") == "1");
  BOOST_TEST(vtab::install<Guarded<vtab::risk::normal>>(api(), db.handle(), 7) == SQLITE_OK);
  BOOST_TEST(query("SELECT * FROM normal") == "7");
  BOOST_TEST(alive == before);
}

BOOST_AUTO_TEST_CASE(a_replaced_table_lives_as_long_as_a_statement_that_reads_it) {
  const int before = alive;
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db.handle(), "SELECT * FROM normal, a", -1, &statement, nullptr);
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
  BOOST_TEST(vtab::install<Guarded<vtab::risk::normal>>(api(), db.handle(), 7) == SQLITE_OK);
  BOOST_TEST(alive == before + 1);
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
  BOOST_TEST(sqlite3_column_int(statement, 0) == 1);
  sqlite3_finalize(statement);
  BOOST_TEST(query("SELECT * FROM normal") == "7");
  BOOST_TEST(alive == before);
}

BOOST_AUTO_TEST_CASE(a_constructor_that_throws_installs_nothing) {
  Database other;
  const long long before = warden::test::memory_used();
  BOOST_TEST(vtab::install<Guarded<vtab::risk::normal>>(api(), other.handle(), -1) == SQLITE_ERROR);
  BOOST_TEST(warden::test::memory_used() == before);
  BOOST_TEST(other.query("SELECT * FROM normal") == "error 1: no such table: normal");
}

BOOST_AUTO_TEST_SUITE_END()
