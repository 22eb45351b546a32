// Hosts that can't do everything: accounting off, no mutexes, no progress handler. Each in a process of its own, since SQLite is
// configured before its first use.
#include <dlfcn.h>

#include <boost/test/unit_test.hpp>

#include "host.hpp"
#include "sqlite_api.hpp"

namespace warden::test {
namespace {

constexpr std::int64_t kMB = 1'000'000;

std::string check(const Db& db, const std::string& name) {
  return db.one("SELECT status FROM warden_checks WHERE \"check\" = '" + name + "'");
}

/// Configures SQLite anew. For a child only: connections of the parent must not be used any more.
template <class... Args>
void configure(int what, Args... args) {
  sqlite3_reset_auto_extension();
  sqlite3_shutdown();
  sqlite3_mutex_methods chosen_anew{};  // else those of the first start stay, whatever is configured
  sqlite3_config(SQLITE_CONFIG_MUTEX, &chosen_anew);
  if (sqlite3_config(what, args...) != SQLITE_OK) throw std::runtime_error("sqlite3_config failed");
  sqlite3_initialize();
}

/// Jobs of which each has something for the job statistics to stumble over: a footprint that is read at once, one that is
/// left to SQLite, one that is no JSON; and what stands beside them.
const std::string kJobs =
    "DROP TABLE IF EXISTS job; DROP TABLE IF EXISTS jobtag; DROP TABLE IF EXISTS hpc_user;"
    "CREATE TABLE job(id INTEGER PRIMARY KEY, job_id, cluster TEXT, subcluster, start_time INT, hpc_user "
    "TEXT, project, "
    "cluster_partition, array_job_id, duration INT, walltime, job_state TEXT, meta_data, resources, "
    "num_nodes, "
    "num_hwthreads, num_acc, smt, shared, monitoring_status, energy, footprint); CREATE INDEX job_user ON "
    "job(hpc_user);"
    "CREATE INDEX job_users ON job(cluster, hpc_user, job_state, start_time, duration, num_nodes);"
    "INSERT INTO job VALUES(1, 11, 'c', 's', 1, 'ann', 'p', 'q', 0, 5, 9, 'running', '{\"jobName\":\"x\"}', "
    "'[{\"hostname\":\"h1\"}]', 1, 2, 3, 1, 'none', 1, 0.5, '{\"a\":1.25,\"b\":2}'), "
    "(2, 12, 'c', 's', 2, 'bob', 'p', 'q', 0, 5, 9, 'failed', NULL, '[]', 1, 2, 3, 1, 'none', 1, 0.5, "
    "'{\"a\":1e1}'), "
    "(3, 13, 'd', 's', 3, 'eve', 'o', 'q', 0, 5, 9, 'failed', NULL, '[]', 1, 2, 3, 1, 'none', 1, 0.5, "
    "'{\"a\"');"
    "CREATE TABLE jobtag(job_id, tag_id); INSERT INTO jobtag VALUES (1, 1);"
    "CREATE TABLE hpc_user(username, name); INSERT INTO hpc_user VALUES ('ann', 'Ann')";

/// Every page of the extension's surface, as a sequence of statements. Some need kJobs.
const std::vector<std::string> kEverything{
    "SELECT * FROM warden_settings",
    "SELECT * FROM warden_memory",
    "SELECT * FROM warden_connections",
    "SELECT * FROM warden_events",
    "SELECT * FROM warden_samples",
    "SELECT * FROM warden_checks",
    "SELECT * FROM warden_statements",
    "SELECT warden_timeout(60000), warden_timeout()",
    "SELECT warden_timeout(NULL)",
    "SELECT warden_cancel(connection_id, 1) FROM warden_connections WHERE connection_id <> "
    "warden_connection_id()",
    "SELECT warden_statements_reset()",
    "SELECT warden_release()",
    "SELECT warden_release('idle')",
    "SELECT warden_trim()",
    "SELECT warden_label('x')",
    "SELECT warden_set('memory_budget', '64MB')",
    "UPDATE warden_settings SET value = '32MB' WHERE name = 'memory_budget'",
    "SELECT warden_get('trim')",
    "SELECT warden_size('1.5GiB'), warden_size_text(5)",
    "SELECT warden_debug(), warden_version(), warden_connection_id()",
    "SELECT warden_set('cache_size', '1MiB'), warden_set('temp_store', 'file')",
    "SELECT warden_reset()",
    "SELECT * FROM job_stats WHERE now = 9",
    "SELECT *, bad_footprints FROM "
    "job_stats('{\"tags\":[1],\"metricStats\":[{\"metricName\":\"a\",\"range\":{\"from\":"
    "1}}]}', 'user') WHERE now = 9",
    "SELECT total_jobs, total_nodes FROM job_stats('{\"cluster\":{\"eq\":\"c\"}}', 'user')",
    "SELECT * FROM job_histogram(NULL, 'duration', '6h') WHERE now = 9",
    "SELECT * FROM job_histogram('{\"user\":{\"in\":[\"ann\",\"bob\"]}}', 'num_nodes')",
    "SELECT * FROM job_metric_histogram(NULL, '[{\"metric\":\"a\",\"peak\":2},\"b\"]', 4)",
    "SELECT * FROM job_page('{\"state\":[\"failed\"]}', '[\"a\"]')",
    "SELECT * FROM jobs('{\"metricStats\":[{\"metricName\":\"a\"}]}', 'footprint.a DESC', 5, 1)",
    "SELECT id, duration FROM jobs WHERE hpc_user = 'ann' AND start_time > 0 AND now = 9",
    "SELECT job_count('{\"node\":{\"eq\":\"h1\"},\"jobName\":{\"neq\":\"y\"}}'), job_count()",
    "SELECT job_filter_sql('{\"startTime\":{\"range\":\"last7d\"}}')"};

bool everything_works(const Db& db) {
  db.rows(kJobs);
  for (const std::string& sql : kEverything) {
    if (const std::string error = db.error(sql); !error.empty()) {
      std::fprintf(stderr, "%s: %s\n", sql.c_str(), error.c_str());
      return false;
    }
  }
  return true;
}

// The process's table of routines, to make copies that lack something.
const void* routines = nullptr;
using Table = std::vector<void*>;
Table table_without(const std::vector<void*>& missing) {
  const auto take = +[](sqlite3*, char**, const void* api) { return routines = api, SQLITE_OK; };
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(take));
  const Db db;
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(take));
  Table table(sizeof(sqlite3_api_routines) / sizeof(void*));
  std::copy_n(static_cast<void* const*>(routines), table.size(), table.begin());
  for (void* function : missing) {
    const auto slot = std::find(table.begin(), table.end(), function);
    if (slot == table.end()) throw std::runtime_error("no such routine in the table");
    *slot = nullptr;
  }
  return table;
}

void load_with(const Db& db, const Table& table) {
  using Entry = int (*)(sqlite3*, char**, const void*);
  const auto entry = reinterpret_cast<Entry>(::dlsym(::dlopen(WARDEN_SO, RTLD_NOW), "sqlite3_warden_init"));
  if (entry(db.get(), nullptr, table.data()) != SQLITE_OK_LOAD_PERMANENTLY)
    throw std::runtime_error("load failed");
}

template <class F>
void* address(F* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(odd_hosts)

BOOST_AUTO_TEST_CASE(the_environment_is_read_and_what_it_says_wrong_is_reported) {
  const int status = in_child([] {
    ::setenv("WARDEN_MEMORY_BUDGET", "77MB", 1);
    ::setenv("WARDEN_TRIM", "sometimes", 1);
    ::setenv("WARDEN_MEMORY_BUGDET", "1", 1);
    Db db;
    db.load();
    if (db.one("SELECT value, source FROM warden_settings WHERE name = 'memory_budget'") !=
        "77MB|environment")
      return 1;
    if (db.one("SELECT value, source FROM warden_settings WHERE name = 'trim'") != "auto|default") return 2;
    const std::vector<std::string> expected{
        "\"WARDEN_MEMORY_BUGDET\": unknown setting \"memory_bugdet\" (did you mean "
        "\"memory_budget\"?)|problem",
        "\"WARDEN_TRIM\": trim must be \"auto\", \"always\" or \"never\", not \"sometimes\"|problem"};
    if (db.rows("SELECT detail, status FROM warden_checks WHERE \"check\" = 'environment' ORDER BY 1") !=
        expected)
      return 3;
    db.rows("SELECT warden_set('memory_budget', '1GB'), warden_reset()");
    return db.one("SELECT value FROM warden_settings WHERE name = 'memory_budget'") == "77MB" ? 0 : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(memory_accounting_off) {
  const TempDir dir;
  make_table(dir.file("t.db"), 30);
  const int status = in_child([&] {
    configure(SQLITE_CONFIG_MEMSTATUS, 0);
    Db db;
    db.load();
    if (check(db, "memory accounting") != "limited" || check(db, "soft heap limit") != "limited") return 1;
    if (db.one("SELECT bytes FROM warden_memory WHERE area = 'sqlite'") != "NULL") return 2;
    if (!everything_works(db)) return 3;
    // The parts are still known, and an idle connection is still released.
    db.rows("SELECT warden_set('memory_budget', '20MB'), warden_set('idle_grace_ms', 100)");
    const Db scanner(dir.file("t.db"));
    scanner.rows("PRAGMA cache_size = 1000000000; SELECT sum(length(x)) FROM t");
    return eventually([&] {
      return db.number("SELECT max(cache_bytes) FROM warden_connections") < kMB &&
             db.number("SELECT sum(releases) FROM warden_connections") > 0;
    })
               ? 0
               : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(threads_switched_off_by_the_host) {
  const TempDir dir;
  make_table(dir.file("t.db"), 30);
  for (const int mode : {SQLITE_CONFIG_SINGLETHREAD, SQLITE_CONFIG_MULTITHREAD}) {
    const int status = in_child([&] {
      configure(mode);
      Db db(dir.file("t.db"), 0);
      db.load();
      if (check(db, "this connection") != "limited") return 1;
      if (check(db, "threading") != (mode == SQLITE_CONFIG_SINGLETHREAD ? "limited" : "ok")) return 2;
      if (!everything_works(db)) return 3;
      db.rows("SELECT warden_set('memory_budget', '20MB')");
      db.rows("PRAGMA cache_size = 1000000000");
      db.rows("SELECT sum(length(a.x)) FROM t a, (SELECT 1 UNION SELECT 2 UNION SELECT 3)");
      // Released on its own thread, at the end of the long statement.
      return db.number("SELECT cache_bytes FROM warden_connections") < kMB ? 0 : 4;
    });
    BOOST_TEST(status == 0, "mode " << mode << ": step " << status);
  }
}

BOOST_AUTO_TEST_CASE(a_build_without_mutexes) {
  const int status = in_child([] {
    sqlite3_reset_auto_extension();
    const Table table = table_without({address(&sqlite3_mutex_alloc), address(&sqlite3_mutex_free),
                                       address(&sqlite3_mutex_enter), address(&sqlite3_mutex_leave),
                                       address(&sqlite3_mutex_try), address(&sqlite3_db_mutex)});
    const Db db;
    load_with(db, table);
    if (check(db, "threading") != "limited") return 1;
    return everything_works(db) ? 0 : 2;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_build_without_progress_handler_and_trace) {
  const int status = in_child([] {
    sqlite3_reset_auto_extension();
    ::setenv("WARDEN_HOOKS", "trace+progress", 1);  // in force before the hooks are put in place
    const Table no_progress = table_without({address(&sqlite3_progress_handler)});
    const Table no_trace = table_without({address(&sqlite3_trace_v2)});
    const Db first;
    load_with(first, no_progress);
    if (first.one("SELECT hooks FROM warden_connections") != "trace" || check(first, "hooks") != "limited")
      return 1;
    if (!everything_works(first)) return 2;
    sqlite3_reset_auto_extension();
    const Db second;
    load_with(second, no_trace);
    if (check(second, "hooks") != "off") return 3;
    return everything_works(second) ? 0 : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(transactions_on_dqlites_files_are_not_spilled) {
  const int status = in_child([] {
    sqlite3_vfs own = *sqlite3_vfs_find(nullptr);
    own.zName = "dqlite-1";
    if (sqlite3_vfs_register(&own, 0) != SQLITE_OK) return 1;
    const TempDir dir;
    Db loads;
    loads.load();
    const Db usual(dir.file("t.db"));
    if (usual.one("PRAGMA cache_spill") == "0") return 2;
    const Db dqlites("file:" + dir.file("t.db") + "?vfs=dqlite-1", SQLITE_OPEN_URI);
    return dqlites.one("PRAGMA cache_spill") == "0" ? 0 : 3;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
