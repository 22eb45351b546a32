// Warden in whatever SQLite this program finds at its start: what that version or build lacks is asked of SQLite itself, and
// warden_checks must tell just that; all else must work. run.sh starts it with one SQLite after the other.
#include <dlfcn.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <set>

#include "ext/sqlite_api.hpp"
#include "tests/ext/deadlines.hpp"

namespace warden::test {
namespace {

constexpr int kOldest = 3031000;

bool was_built_with(const char* option) { return sqlite3_compileoption_used(option) != 0; }
// Not every version lists what it omits.
bool has_function(const char* name) { return ::dlsym(RTLD_DEFAULT, name) != nullptr; }
bool is_too_old() { return sqlite3_libversion_number() < kOldest; }
bool has_extensions() { return !was_built_with("OMIT_LOAD_EXTENSION"); }

/// SQLite's own answer, without warden.
bool knows(const char* sql) {
  sqlite3* db = nullptr;
  sqlite3_open(":memory:", &db);
  sqlite3_stmt* statement = nullptr;
  const bool does = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) == SQLITE_OK;
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return does;
}
// Before any test loads warden, which would answer too.
const bool has_json = knows("SELECT json_valid('{}')");
const bool has_accounting = [] {
  sqlite3_initialize();
  void* memory = sqlite3_malloc(1000);
  const bool counts = sqlite3_memory_used() > 0;
  sqlite3_free(memory);
  return counts;
}();

boost::test_tools::assertion_result loads(boost::unit_test::test_unit_id) {
  if (!is_too_old() && has_extensions()) return true;
  boost::test_tools::assertion_result no(false);
  no.message() << (is_too_old() ? "SQLite is too old for warden" : "SQLite was built without extensions");
  return no;
}
boost::test_tools::assertion_result refused(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result no(is_too_old());
  if (!no) no.message() << "this SQLite is not too old";
  return no;
}

struct Loaded {
  Loaded() { db.load().rows("SELECT warden_reset()"); }
  ~Loaded() { db.rows("SELECT warden_reset()"); }
  std::string check(const std::string& name) const {
    return db.one("SELECT status FROM warden_checks WHERE \"check\" = '" + name + "'");
  }
  Db db;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(versions)

BOOST_AUTO_TEST_CASE(it_is_the_one_that_is_meant) {
  const char* meant = std::getenv("TEST_SQLITE");
  if (meant != nullptr) BOOST_TEST(std::string(sqlite3_libversion()) == meant);
}

BOOST_AUTO_TEST_CASE(one_that_is_too_old_is_refused_with_the_reason,
                     *boost::unit_test::precondition(refused)) {
  Db db;
  std::printf("lacks: all: it is refused, and says why\n");  // for the README's table
  const std::string reason =
      std::string("warden: this is SQLite ") + sqlite3_libversion() + ", and warden needs 3.31.0 or newer";
  for (int i = 0; i < 2;
       ++i) {  // and leaves nothing behind that a second load, or another connection, stumbles over
    std::string said;
    try {
      db.load();
    } catch (const SqlError& e) {
      said = e.what();
    }
    BOOST_TEST(said.find(reason) != std::string::npos, said);
    BOOST_TEST(Db().error("SELECT warden_version()") == "no such function: warden_version");
  }
}

BOOST_AUTO_TEST_CASE(without_a_table_of_routines_nothing_happens) {
  // What SQLITE_OMIT_LOAD_EXTENSION hands to an automatic extension.
  void* image = ::dlopen(WARDEN_SO, RTLD_NOW);
  BOOST_REQUIRE(image != nullptr);
  using Entry = int (*)(sqlite3*, char**, const void*);
  const Db db;
  char* message = nullptr;
  for (const char* load : {"sqlite3_warden_init", "sqlite3_extension_init"}) {
    BOOST_TEST(reinterpret_cast<Entry>(::dlsym(image, load))(db.get(), &message, nullptr) == SQLITE_ERROR);
  }
  BOOST_TEST(message == nullptr);
  if (!has_extensions()) std::printf("lacks: all: nothing can be loaded\n");
  BOOST_TEST(reinterpret_cast<Entry>(::dlsym(image, "sqlite3_warden_auto_init"))(db.get(), nullptr,
                                                                                 nullptr) == SQLITE_OK);
  BOOST_TEST(db.one("SELECT 1") == "1");
}

BOOST_AUTO_TEST_CASE(what_it_lacks_is_told_and_nothing_else, *boost::unit_test::precondition(loads)) {
  const Loaded on;
  const bool threads = sqlite3_threadsafe() != 0;
  const bool sees = has_function("sqlite3_trace_v2");
  BOOST_TEST(on.check("memory accounting") == (has_accounting ? "ok" : "limited"));
  BOOST_TEST(on.check("memory management") ==
             (was_built_with("ENABLE_MEMORY_MANAGEMENT") ? "ok" : "limited"));
  BOOST_TEST(on.check("threading") == (threads ? "ok" : "limited"));
  BOOST_TEST(on.check("this connection") == (threads ? "ok" : "limited"));
  BOOST_TEST(on.check("soft heap limit") == (has_accounting && threads ? "ok" : "limited"));
  BOOST_TEST(on.check("hooks") == (sees ? "ok" : "off"));
  BOOST_TEST(on.check("job statistics") == (has_json ? "ok" : "limited"));
  std::string lacks;
  for (const auto& row :
       on.db.rows("SELECT \"check\" FROM warden_checks WHERE status <> 'ok' AND \"check\" IN "
                  "('memory accounting', 'threading', 'hooks', 'job statistics')"))
    lacks += (lacks.empty() ? "" : ", ") + row;
  std::printf("lacks: %s\n", lacks.empty() ? "nothing" : lacks.c_str());  // for the README's table
  on.db.rows("SELECT warden_set('hooks', 'trace+progress')");
  const Db later;
  BOOST_TEST(later.one("SELECT status FROM warden_checks WHERE \"check\" = 'hooks'") ==
             (sees && has_function("sqlite3_progress_handler") ? "ok"
              : sees                                           ? "limited"
                                                               : "off"));
  BOOST_TEST(on.db.one("SELECT detail FROM warden_checks WHERE \"check\" = 'sqlite'")
                 .starts_with(sqlite3_libversion()));
}

BOOST_AUTO_TEST_CASE(each_table_and_function_answers, *boost::unit_test::precondition(loads)) {
  const Loaded on;
  for (const char* table : {"settings", "memory", "connections", "statements", "events", "samples", "checks"})
    BOOST_TEST(on.db.error(std::string("SELECT * FROM warden_") + table) == "", table);
  BOOST_TEST(on.db.number("SELECT count(*) FROM warden_checks") > 10);
  BOOST_TEST(on.db.number("SELECT warden_size('1KiB')") == 1024);
  BOOST_TEST(on.db.error("SELECT warden_release(), warden_release('idle'), warden_trim(), warden_debug()") ==
             "");
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_statement, *boost::unit_test::precondition(loads)) {
  const Loaded on;
  if (!has_function("sqlite3_trace_v2")) return;  // it can't be seen: told above
  on.db.rows("SELECT warden_set('hooks', 'trace+progress')");
  Db other;
  other.rows("SELECT warden_timeout(50)");
  BOOST_TEST(code_of(other, kForever) == SQLITE_INTERRUPT);
  BOOST_TEST(other.one("SELECT 1") == "1");
}

BOOST_AUTO_TEST_CASE(memory_comes_back, *boost::unit_test::precondition(loads)) {
  const Loaded on;
  const TempDir dir;
  make_table(dir.file("t.db"), 20);
  const Db db(dir.file("t.db"));
  db.rows("PRAGMA cache_size = -200000; SELECT sum(length(x)) FROM t");
  BOOST_TEST(db.number("SELECT warden_release()") > 10'000'000);
}

BOOST_AUTO_TEST_CASE(job_statistics_need_json_and_say_so_and_find_what_is_there,
                     *boost::unit_test::precondition(loads)) {
  const Loaded on;
  on.db.rows(
      "CREATE TABLE job(id INTEGER PRIMARY KEY, job_id, cluster TEXT, subcluster, start_time INT, hpc_user "
      "TEXT, "
      "project, cluster_partition, array_job_id, duration INT, walltime, job_state TEXT, meta_data, "
      "resources, "
      "num_nodes, num_hwthreads, num_acc, smt, shared, monitoring_status, energy, footprint);"
      "INSERT INTO job(id, cluster, hpc_user, duration, job_state, num_nodes, footprint) "
      "VALUES (1, 'a', 'ann', 7200, 'completed', 2, '{\"x\": 1.5}'), (2, 'b', 'bob', 60, 'failed', 1, "
      "'{\"x\": 3}')");
  for (const std::string sql : {"SELECT job_count('{\"cluster\": {\"eq\": \"a\"}}')",
                                "SELECT total_jobs FROM job_stats('{\"metricStats\": [{\"metricName\": "
                                "\"x\", \"range\": {\"from\": 2, \"to\": 9}}]}')"}) {
    if (has_json) {
      BOOST_TEST(on.db.one(sql) == "1");
    } else {
      BOOST_TEST(on.db.error(sql).find("this SQLite was built without JSON") != std::string::npos,
                 on.db.error(sql));
    }
  }
  // Whether SQLite shows a side of an OR what argument there is depends on its version.
  for (const std::string condition : {"id = 1 OR (id = 2 AND duration >= 0)", "id = 1 OR hpc_user = 'bob'",
                                      "(id = 1 AND num_nodes = 2) OR (id = 2 AND duration >= 0)"}) {
    const std::string sql =
        "SELECT group_concat(id) FROM (SELECT id FROM jobs(NULL) WHERE " + condition + " ORDER BY id)";
    if (has_json) BOOST_TEST(on.db.one(sql) == "1,2", sql);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
