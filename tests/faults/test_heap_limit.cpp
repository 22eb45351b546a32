// SQLite's own limit: what a job statistic holds is counted by it, and ends there.
#include <boost/test/unit_test.hpp>

#include "runs.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(heap_limit)

BOOST_AUTO_TEST_CASE(what_job_statistics_hold_is_bounded_by_the_hard_heap_limit) {
  const int status = in_patient_child([] {
    Db db;
    db.load().rows(kTables);
    db.rows(
        "CREATE VIEW many AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < "
        "200000) SELECT n "
        "AS id, 'user' || n AS hpc_user, n AS num_nodes, '{\"a\":' || n || '}' AS footprint, 'failed' AS "
        "job_state FROM c");
    const std::vector<std::string> large{
        "SELECT count(*), sum(total_jobs) FROM job_stats(NULL, 'id', 'many')",
        "SELECT count(*), sum(total_users) FROM job_stats(NULL, 'user', 'many')",
        "SELECT total_users, total_jobs FROM job_stats WHERE source = 'many'",
        "SELECT count(*), sum(total_users) FROM job_stats(NULL, 'state', 'many')",
        "SELECT count(*), sum(jobs) FROM job_histogram(NULL, 'num_nodes', NULL, 'many')"};
    const std::vector<std::string> found{"200000|200000", "200000|200000", "200000|200000", "1|200000",
                                         "200000|200000"};
    for (std::size_t i = 0; i < large.size(); ++i) {
      if (db.one(large[i]) != found[i]) return 1;
      const std::int64_t before = sqlite3_memory_used();
      const std::int64_t unlimited = sqlite3_hard_heap_limit64(before + 1'500'000);
      const std::string error = db.error(large[i]);
      const bool usable = db.one("SELECT job_count()") == "7";
      sqlite3_hard_heap_limit64(unlimited);
      if (error != "out of memory") throw std::runtime_error(large[i] + ": " + error);
      if (!usable) throw std::runtime_error("unusable after " + large[i]);
      if (sqlite3_memory_used() > before + 40'000) throw std::runtime_error("leaked by " + large[i]);
      if (db.one(large[i]) != found[i]) return 2;
    }
    // A pass that keeps little needs little, however many jobs there are.
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + 1'500'000);
    return db.one("SELECT total_jobs, total_nodes FROM job_stats WHERE source = 'many'") ==
                       "200000|20000100000" &&
                   db.number("SELECT sum(jobs) FROM job_metric_histogram(NULL, '[\"a\"]', 10, 'many')") ==
                       200000
               ? 0
               : 3;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
