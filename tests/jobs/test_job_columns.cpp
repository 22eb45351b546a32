// job_columns: what statistics say over columns is what they say over rows, whatever was written since.
#include <boost/test/unit_test.hpp>
#include <set>

#include "columns_agree.hpp"

namespace warden::test {
namespace {

constexpr int kFilters = kSlow ? 60 : 1500;
constexpr int kRounds = kSlow ? 12 : 120;

}  // namespace

BOOST_AUTO_TEST_SUITE(job_columns)

BOOST_AUTO_TEST_CASE(columns_agree_with_rows_on_random_filters) {
  const JobData& data = JobData::get();
  const Db& db = data.db;
  db.rows("CREATE VIRTUAL TABLE job_index USING job_columns(source=job, segment_jobs=1024)");
  BOOST_TEST(db.number("SELECT count(*) FROM job_index_segment") >=
             db.number("SELECT count(*) FROM job") / 1024);
  BOOST_TEST(db.number("SELECT count(*) FROM job_index_odd") > 0);
  const std::uint64_t seed = random_seed();
  int by_columns = 0;
  int failures = 0;
  for (int number = 0; number < kFilters && failures < 5; ++number) {
    Random random(seed + static_cast<std::uint64_t>(number) * 1'000'003);
    const std::string filter = text_of(json_of(random_filters(data.values, random), random));
    const std::string now = std::to_string(data.now);
    const int parity = random.one_in(4) ? 1 : 0;
    const auto all = questions(filter, now, parity);
    by_columns +=
        answer(db, "SELECT job_engine(" + filter + ", NULL, " + now + ") LIKE 'columns%'").front() == "1";
    // A few of the questions, another time others.
    for (int i = 0; i < 3; ++i) {
      const std::string wrong = difference(db, all[random.below(all.size())]);
      BOOST_TEST_CONTEXT("TEST_SEED=" << seed << ", filter " << number) { BOOST_TEST(wrong == ""); }
      failures += wrong.empty() ? 0 : 1;
    }
  }
  BOOST_TEST(by_columns * 5 > kFilters);
  db.rows("INSERT INTO job_index(job_index) VALUES ('integrity-check')");
  db.rows("DROP TABLE job_index");
}

BOOST_AUTO_TEST_CASE(they_agree_after_whatever_was_written) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    const Indexed jobs;
    const Db& db = jobs.db;
    int failures = 0;
    for (int round = 0; round < kRounds && failures == 0; ++round) {
      const std::uint64_t way = dice.below(4);
      if (way == 0) db.rows("BEGIN");
      if (way == 1) db.rows("SAVEPOINT s");
      for (std::uint64_t i = dice.below(4) + 1; i > 0; --i) db.error(random_write(dice));
      const auto check = [&] {
        const auto all = questions(
            dice.once_in(2) ? "NULL"
                            : R"('{"cluster":{"in":["fritz","alex"]},"duration":{"from":60,"to":0}}')",
            "1704092267", 0);
        for (int i = 0; i < 3; ++i) {
          const std::string wrong = difference(db, all[dice.below(all.size())]);
          BOOST_TEST_CONTEXT("round " << round) { BOOST_TEST(wrong == ""); }
          failures += wrong.empty() ? 0 : 1;
        }
      };
      if (dice.once_in(2)) check();
      if (dice.once_in(4)) jobs.command(dice.once_in(3) ? "optimize" : "refresh");
      if (way == 0) db.error(dice.once_in(2) ? "ROLLBACK" : "COMMIT");
      if (way == 1) {
        if (dice.once_in(2)) db.error("ROLLBACK TO s");
        db.error("RELEASE s");
      }
      check();
      if (dice.once_in(8)) jobs.command("integrity-check");
    }
    BOOST_TEST(jobs.engine() == "columns: job_index");
    jobs.command("refresh");
    BOOST_TEST(db.number("SELECT count(*) FROM job_index_delta") == 0);
    jobs.command("integrity-check");
  }
}

BOOST_AUTO_TEST_CASE(it_reads_as_a_table_of_its_columns) {
  const Indexed jobs(3000);
  const Db& db = jobs.db;
  db.rows(
      "UPDATE job SET duration = 12345, hpc_user = 'changed' WHERE id IN (5, 1500, 2999); DELETE FROM job "
      "WHERE id = 7");
  const std::string columns =
      "id, start_time, duration, num_nodes, num_hwthreads, num_acc, array_job_id, job_state, hpc_user, "
      "project, cluster, "
      "subcluster, cluster_partition, shared";
  BOOST_TEST(db.rows("SELECT " + columns + " FROM job_index ORDER BY id") ==
                 db.rows("SELECT " + columns + " FROM job ORDER BY id"),
             boost::test_tools::per_element());
  BOOST_TEST(db.rows("SELECT job_name, mem_bw_avg FROM job_index ORDER BY id") ==
                 db.rows("SELECT json_extract(meta_data, '$.jobName'), json_extract(footprint, "
                         "'$.mem_bw_avg') FROM job ORDER BY id"),
             boost::test_tools::per_element());
  BOOST_TEST(db.one("SELECT rowid FROM job_index WHERE id = 2000") == "2000");
  BOOST_TEST(db.one("SELECT count(*) FROM job_index WHERE id BETWEEN 100 AND 2100") == "2001");
  BOOST_TEST(db.one("SELECT count(*) FROM job_index WHERE start_time > 1704070667") ==
             db.one("SELECT count(*) FROM job WHERE start_time > 1704070667"));
}

BOOST_AUTO_TEST_CASE(a_bounded_refresh_takes_in_a_few_segments_at_a_time) {
  const Indexed jobs;
  const Db& db = jobs.db;
  db.rows("UPDATE job SET duration = 6 WHERE id % 10 = 0");
  std::int64_t left = kSomeJobs / 10;
  for (int steps = 0; left > 0; ++steps) {
    BOOST_TEST_REQUIRE(steps < 6);
    jobs.command("refresh=1");
    const std::int64_t now_left = db.number("SELECT count(*) FROM job_index_delta");
    BOOST_TEST(now_left < left);
    BOOST_TEST(now_left >= left - 103);  // those of a segment of 1024
    left = now_left;
    BOOST_TEST(difference(db, questions("NULL", "1704092267", 0)[1]) == "");
  }
  jobs.command("integrity-check");
}

BOOST_AUTO_TEST_CASE(how_far_a_command_is_can_be_seen_from_another_connection) {
  const Indexed jobs;
  struct Watch {
    Db other;
    std::string question;
    std::vector<std::string> seen{};
  } watch;
  watch.question = "SELECT progress FROM warden_connections WHERE connection_id = " +
                   jobs.db.one("SELECT warden_connection_id()");
  sqlite3_progress_handler(
      jobs.db.get(), 100,
      [](void* state) {
        auto& w = *static_cast<Watch*>(state);
        return w.seen.push_back(w.other.one(w.question)), 0;
      },
      &watch);
  const auto check = [&](const std::string& command, int parts) {
    jobs.db.rows("UPDATE job SET duration = 6 WHERE id % 10 = 0");
    watch.seen.clear();
    jobs.command(command);
    std::set<double> shares;
    double last = 0;
    int falls = 0;
    for (const std::string& one : watch.seen) {
      if (one == "NULL") continue;
      const double share = std::stod(one);
      falls += share < last;
      last = share;
      shares.insert(share);
    }
    BOOST_TEST_CONTEXT(command) {
      BOOST_TEST(falls < parts);
      BOOST_TEST(shares.size() > 5U);
      BOOST_TEST((*shares.begin() >= 0 && *shares.rbegin() <= 1));
      BOOST_TEST((*shares.rbegin() > 0.8 && *shares.begin() < 0.2));
      BOOST_TEST(watch.other.one(watch.question) == "NULL");
    }
  };
  check("rebuild", 1);
  check("refresh", 1);
  check("optimize", 2);
  check("integrity-check", 1);
  // One that fails is over, too.
  sqlite3_progress_handler(
      jobs.db.get(), 5000, [](void*) { return 1; }, nullptr);
  BOOST_TEST(jobs.db.error("INSERT INTO job_index(job_index) VALUES ('rebuild')") == "interrupted");
  BOOST_TEST(watch.other.one(watch.question) == "NULL");
  sqlite3_progress_handler(jobs.db.get(), 0, nullptr, nullptr);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_with_the_reason) {
  const Indexed jobs(100);
  const Db& db = jobs.db;
  BOOST_TEST(db.error("INSERT INTO job_index(id) VALUES (1)") ==
             "job_columns: \"job_index\" can't be written but by commands, such as INSERT INTO "
             "job_index(job_index) VALUES "
             "('refresh'); write the table \"job\"");
  BOOST_TEST(db.error("DELETE FROM job_index").starts_with("job_columns: \"job_index\" can't be written"));
  BOOST_TEST(db.error("INSERT INTO job_index(job_index) VALUES ('polish')") ==
             "job_columns: a command is 'rebuild', 'refresh', 'refresh=N', 'optimize' or 'integrity-check', "
             "not \"polish\"");
  for (const char* digits : {"", "0", "-1", "1x", "1000001", "99999999999999999999"})
    BOOST_TEST(db.error(std::string("INSERT INTO job_index(job_index) VALUES ('refresh=") + digits + "')") ==
               std::string("job_columns: refresh must be 1 to 1000000, not \"") + digits + '"');
  BOOST_TEST(db.error("CREATE VIRTUAL TABLE x USING job_columns(source=nobody)") ==
             "job_columns: source \"nobody\" is no table of the schema \"main\"");
  db.rows(
      "CREATE VIEW v AS SELECT * FROM job; CREATE TABLE w(a PRIMARY KEY) WITHOUT ROWID; CREATE TABLE y(a)");
  BOOST_TEST(db.error("CREATE VIRTUAL TABLE x USING job_columns(source=v)") ==
             "job_columns: source \"v\" must be a table, since triggers note what changes in it");
  for (const char* table : {"w", "y"})
    BOOST_TEST(db.error(std::string("CREATE VIRTUAL TABLE x USING job_columns(source=") + table + ")") ==
               std::string("job_columns: source \"") + table +
                   "\" must have an INTEGER PRIMARY KEY, by which its jobs are known");
  BOOST_TEST(db.error("CREATE VIRTUAL TABLE x USING job_columns(colour=red)") ==
             "job_columns: unknown option \"colour\" (there are source, metrics and segment_jobs)");
  BOOST_TEST(db.error("CREATE VIRTUAL TABLE x USING job_columns(segment_jobs=5)") ==
             "job_columns: segment_jobs must be 1024 to 65536, not \"5\"");
  BOOST_TEST(db.error("SELECT * FROM job_stats('{\"tags\":[1]}') WHERE engine = 'columns'") ==
             "job_stats: engine is 'columns', but the columns can't answer the filter's field tags");
  BOOST_TEST(db.error("SELECT * FROM job_stats(NULL) WHERE engine = 'duckdb'") ==
             "job_stats: engine must be 'auto', 'rows' or 'columns', not \"duckdb\"");
  // Nothing is left of what failed.
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE 'x%'") == "0");
}

BOOST_AUTO_TEST_CASE(columns_go_with_their_table_and_are_left_alone_where_they_cannot_be_trusted) {
  Indexed jobs(2000);
  const Db& db = jobs.db;
  BOOST_TEST(jobs.engine() == "columns: job_index");
  db.rows("ALTER TABLE job_index RENAME TO fast");
  BOOST_TEST(jobs.engine() == "columns: fast");
  db.rows("UPDATE job SET duration = 1 WHERE id = 3");
  BOOST_TEST(db.one("SELECT count(*) FROM fast_delta") == "1");
  db.rows("INSERT INTO fast(fast) VALUES ('integrity-check')");
  db.rows("ALTER TABLE job ADD COLUMN more");
  BOOST_TEST(jobs.engine() == "columns: fast");
  db.rows("CREATE UNIQUE INDEX one_more ON job(job_id, id)");
  BOOST_TEST(jobs.engine() ==
             "rows: job_columns table \"fast\": the source has other unique indexes than its triggers know; "
             "'rebuild' makes "
             "them anew");
  db.rows("INSERT INTO fast(fast) VALUES ('rebuild')");
  BOOST_TEST(jobs.engine() == "columns: fast");
  db.rows("DROP TRIGGER fast_updated");
  BOOST_TEST(
      jobs.engine() ==
      "rows: job_columns table \"fast\": its triggers are not on the source; 'rebuild' makes them anew");
  BOOST_TEST(db.error("SELECT count(*) FROM fast") ==
             "job_columns: \"fast\": its triggers are not on the source; 'rebuild' makes them anew");
  db.rows("INSERT INTO fast(fast) VALUES ('rebuild'); DROP TABLE fast");
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE 'fast%' OR name LIKE 'job_index%'") ==
             "0");
  BOOST_TEST(jobs.engine() == "rows: the source has no job_columns table");
  db.rows("UPDATE job SET duration = 2 WHERE id = 3");  // no trigger is left
}

BOOST_AUTO_TEST_CASE(where_nearly_all_has_changed_rows_are_read,
                     *boost::unit_test::enable_if<!kSlow>()) {  // a million rows
  const Indexed jobs(1100);
  const Db& db = jobs.db;
  db.rows(
      "WITH RECURSIVE n(i) AS (VALUES (5000) UNION ALL SELECT i + 1 FROM n WHERE i < 1005000) INSERT INTO "
      "job_index_delta SELECT i FROM n");
  BOOST_TEST(jobs.engine() ==
             "rows: more than 1000000 jobs have changed since; 'refresh' of \"job_index\" takes them in");
  jobs.command("refresh");
  BOOST_TEST(jobs.engine() == "columns: job_index");
}

BOOST_AUTO_TEST_CASE(a_host_in_defensive_mode_can_write_jobs_and_not_the_columns) {
  const Indexed jobs(1100);
  const Db& db = jobs.db;
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  db.rows("UPDATE job SET duration = 77 WHERE id = 4");
  BOOST_TEST(db.error("DELETE FROM job_index_segment") == "table job_index_segment may not be modified");
  BOOST_TEST(difference(db, questions("NULL", "1704092267", 0)[0]) == "");
  jobs.command("refresh");
  jobs.command("integrity-check");
}

BOOST_AUTO_TEST_CASE(damage_is_an_error_that_names_it) {
  const Indexed jobs(1100);
  const Db& db = jobs.db;
  db.rows(
      "UPDATE job_index_column SET data = substr(data, 1, 200) || x'ff' || substr(data, 202) WHERE id % 4096 "
      "= 2");
  const std::string wrong = db.error("SELECT * FROM job_stats(NULL) WHERE engine = 'columns'");
  BOOST_TEST(wrong.starts_with("job_columns: \"job_index\", segment 1, column 2: "));
  BOOST_TEST(wrong.ends_with("; 'rebuild' makes it anew"));
  BOOST_TEST(!db.error("INSERT INTO job_index(job_index) VALUES ('integrity-check')").empty());
  jobs.command("rebuild");
  jobs.command("integrity-check");
  db.rows("UPDATE job_index_segment SET jobs = jobs - 1");
  BOOST_TEST(!db.error("SELECT * FROM job_stats(NULL)").empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
