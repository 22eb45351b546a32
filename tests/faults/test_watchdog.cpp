// Errors while warden's threads are at work: memory and files fail in statements of two threads, and the watchdog looks every
// millisecond and releases what it can get.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "allocations.hpp"
#include "faulty_vfs.hpp"
#include "figures.hpp"
#include "runs.hpp"

namespace warden::test {
namespace {

const std::string kRestless =
    "SELECT warden_set('watchdog', 1), warden_set('sample_interval_ms', 1), warden_set('memory_budget', "
    "'1MiB'), "
    "warden_set('soft_heap_limit', 0), warden_set('release_above', 0), warden_set('release_to', 0), "
    "warden_set('idle_grace_ms', 0), warden_set('idle_keep', 0), warden_set('idle_release_ms', 1)";

const std::vector<std::string> kAsked{"SELECT total_jobs FROM job_stats",
                                      "SELECT group_key, total_jobs FROM job_stats(NULL, 'user')",
                                      "SELECT job_count('{\"node\":{\"eq\":\"last\"}}')",
                                      "SELECT id FROM jobs(NULL, 'footprint.cpu_load_avg')",
                                      "SELECT count(*) > 0 FROM warden_connections",
                                      "SELECT count(*), sum(length(x)) FROM large"};

/// What one thread asks, and what must be the answer where it is not that there is no memory.
struct Worker {
  Db db;
  std::vector<Outcome> expected;
  int failures = 0;
  std::string wrong;

  explicit Worker(const std::string& file) : db(file) {
    for (const std::string& sql : kAsked) expected.push_back(run(db.get(), sql));
  }
  void work(int runs) {
    for (int i = 0; i < runs; ++i) {
      for (std::size_t which = 0; which < kAsked.size(); ++which) {
        const Outcome got = run(db.get(), kAsked[which]);
        if (got.code == SQLITE_NOMEM) {
          ++failures;
        } else if (got != expected[which]) {
          wrong = kAsked[which] + ": " + to_string(got);
        }
      }
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(errors_beside_the_watchdog)

BOOST_AUTO_TEST_CASE(statements_of_two_threads_without_memory_while_the_watchdog_releases) {
  const TempDir dir;
  const int status = in_patient_child([&] {
    make_allocations_fail_on_demand();
    const std::string file = dir.file("jobs.db");
    Db db(file);
    db.load().rows("PRAGMA journal_mode = WAL;" + kTables + kRestless +
                   ";CREATE TABLE large(x); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c "
                   "WHERE n < 500) "
                   "INSERT INTO large SELECT hex(zeroblob(500)) FROM c");
    Worker here(file);
    Worker there(file);
    for (const Heap heap : {Heap::sqlite, Heap::warden}) {
      // Every so many allocations of both threads together, one fails.
      plan_failure({heap, 0, false, 0, heap == Heap::sqlite ? 97 : 5});
      std::thread beside([&] { there.work(20); });
      here.work(20);
      beside.join();
      cancel_failure();
    }
    for (const Worker* worker : {&here, &there}) {
      if (!worker->wrong.empty()) throw std::runtime_error(worker->wrong);
      if (worker->failures < 10) return 2;
    }
    if (!eventually([&] { return db.number("SELECT sum(releases) FROM warden_connections") > 0; })) return 3;
    if (db.one("PRAGMA integrity_check") != "ok") return 4;
    db.rows("SELECT warden_set('watchdog', 0)");
    return no_leak_is_found() ? 0 : 5;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_release_by_the_watchdog_while_no_file_can_be_read_or_written_loses_nothing) {
  const TempDir dir;
  const int status = in_patient_child([&] {
    Db db;
    db.load().rows(kRestless);
    sqlite3* busy = nullptr;
    if (sqlite3_open_v2(dir.file("t.db").c_str(), &busy,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX,
                        faulty_vfs()) != SQLITE_OK)
      return 1;
    const std::string id = rows_of(busy, "SELECT warden_connection_id()").front();
    const auto releases = [&] {
      return db.number("SELECT releases FROM warden_connections WHERE connection_id = " + id);
    };
    rows_of(busy,
            "CREATE TABLE t(n INTEGER PRIMARY KEY, x TEXT); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL "
            "SELECT n + 1 FROM c "
            "WHERE n < 2000) INSERT INTO t SELECT n, hex(zeroblob(100)) FROM c");
    for (const Fault& fault : all_faults()) {
      if (fault.garbage) continue;
      // Pages changed within a transaction, and pages only read; then every call of the file system fails.
      rows_of(busy, "BEGIN; UPDATE t SET x = 'changed' WHERE n < 500; SELECT count(*) FROM t");
      plan_fault(fault, 1, true);
      const std::int64_t before = releases();
      rows_of(busy, "SELECT 1");
      const bool was_released = eventually([&] { return releases() > before; });
      cancel_fault();
      if (!was_released) return 2;
      if (rows_of(busy, "SELECT count(*) FROM t WHERE x = 'changed'").front() != "499") return 3;
      rows_of(busy, "ROLLBACK");
      if (rows_of(busy, "SELECT count(*), sum(length(x)) FROM t").front() != "2000|400000") return 4;
      if (rows_of(busy, "PRAGMA integrity_check").front() != "ok") return 5;
    }
    sqlite3_close(busy);
    return 0;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
