// By which way the rows of a filter are read: SQLite's own index, an index that has all columns, or the table from its
// beginning to its end. The host sees it in the statements that are run beside its own.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"

namespace warden::test {
namespace {

/// 2000 jobs with few columns; of user 'half' every second, of 'seventh' about every seventh, of 'rare' two.
struct Ways {
  Db db;
  std::vector<std::string> statements;

  Ways() {
    db.load();
    make("main");
    sqlite3_trace_v2(
        db.get(), SQLITE_TRACE_STMT,
        [](unsigned, void* self, void*, void* sql) {
          static_cast<Ways*>(self)->statements.emplace_back(static_cast<const char*>(sql));
          return 0;
        },
        this);
  }
  ~Ways() { sqlite3_trace_v2(db.get(), 0, nullptr, nullptr); }

  void make(const std::string& schema) const {
    db.rows("CREATE TABLE " + schema +
            ".few(id INTEGER PRIMARY KEY, hpc_user TEXT, cluster TEXT, num_nodes INT, duration INT);"
            "INSERT INTO " +
            schema +
            ".few WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) SELECT i, "
            "CASE WHEN i % 1000 = 7 THEN 'rare' WHEN i % 2 THEN 'half' WHEN i * 7919 % 1000 < 300 THEN "
            "'seventh' ELSE 'other' END, 'c' || (i % 2), i % 16, i FROM n;"
            "CREATE INDEX " +
            schema + ".by_user ON few(hpc_user)");
  }
  /// What stands between the table and its conditions, in the statement that counts.
  std::string way(const std::string& user, const std::string& more = "", const std::string& source = "few") {
    const std::string filter =
        R"('{"user":{"eq":")" + user + R"("},"numNodes":{"from":1,"to":12})" + more + "}'";
    statements.clear();
    const std::int64_t counted = db.number("SELECT job_count(" + filter + ", '" + source + "')");
    std::string found = "no statement counts";
    const std::string begins = "-- SELECT count(*) FROM ";  // a statement within another
    for (const std::string& sql : statements) {
      const auto from = sql.find(" AS job");
      if (sql.starts_with(begins) && from != std::string::npos)
        found = sql.substr(from + 7, sql.find(" WHERE ", from) - from - 7);
    }
    // Whatever the way, the number is the same.
    const std::string plain = "SELECT count(*) FROM " + source + " WHERE hpc_user = '" + user +
                              "' AND num_nodes BETWEEN 1 AND 12" +
                              (more.empty() ? "" : " AND cluster = 'c1'");
    BOOST_TEST(counted == db.number(plain));
    return found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_ways, Ways)

BOOST_AUTO_TEST_CASE(a_filter_that_much_of_the_table_meets_reads_the_table) {
  BOOST_TEST(way("half") == " NOT INDEXED");
  BOOST_TEST(way("seventh") == "");
  BOOST_TEST(way("rare") == "");
}

BOOST_AUTO_TEST_CASE(an_index_that_has_all_columns_is_read_instead) {
  db.rows("CREATE INDEX wide ON few(num_nodes, duration, hpc_user)");
  BOOST_TEST(way("half") == " INDEXED BY \"wide\"");
  BOOST_TEST(way("seventh") == " INDEXED BY \"wide\"");
  BOOST_TEST(way("rare") == "");
}

BOOST_AUTO_TEST_CASE(of_several_the_narrowest) {
  db.rows(
      "CREATE INDEX wide ON few(num_nodes, duration, hpc_user); CREATE INDEX \"nar\"\"row\" ON "
      "few(num_nodes, "
      "hpc_user); CREATE INDEX wider ON few(num_nodes, duration, cluster, hpc_user)");
  BOOST_TEST(way("half") == " INDEXED BY \"nar\"\"row\"");
}

BOOST_AUTO_TEST_CASE(before_it_one_that_the_filter_can_enter) {
  db.rows(
      "CREATE INDEX by_both ON few(hpc_user, cluster); CREATE INDEX narrow ON few(num_nodes, hpc_user, "
      "cluster); CREATE INDEX entered ON few(cluster, num_nodes, duration, hpc_user)");
  // Statistics from a time when this one led to a single row.
  db.rows("ANALYZE; UPDATE sqlite_stat1 SET stat = '2000 2 1' WHERE idx = 'by_both'; ANALYZE sqlite_master");
  BOOST_TEST(way("half", R"(,"cluster":{"eq":"c1"})") == " INDEXED BY \"entered\"");
}

BOOST_AUTO_TEST_CASE(one_of_some_rows_or_of_expressions_is_not_for_all) {
  db.rows(
      "CREATE INDEX part ON few(num_nodes, hpc_user) WHERE duration > 5; CREATE INDEX made ON few(num_nodes, "
      "hpc_user || '')");
  BOOST_TEST(way("half") == " NOT INDEXED");
}

BOOST_AUTO_TEST_CASE(the_indexes_are_those_of_the_schema_that_is_named) {
  db.rows("ATTACH ':memory:' AS \"the other\"");
  make("\"the other\"");
  db.rows(
      "CREATE INDEX \"the other\".wide ON few(num_nodes, duration, hpc_user); CREATE INDEX wide ON "
      "few(duration)");
  BOOST_TEST(way("half", "", "main.few") == " NOT INDEXED");
  BOOST_TEST(way("half", "", "\"the other\".few") == " INDEXED BY \"wide\"");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
