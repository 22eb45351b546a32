// job_columns: what statistics say over columns is what they say over rows, whatever was written since.
#include <boost/test/unit_test.hpp>

#include "job_data.hpp"
#include "job_host.hpp"

namespace warden::test {
namespace {

constexpr int kFilters = 1500;
constexpr int kRounds = 120;

std::string text_of(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

/// The rows, or the error.
std::vector<std::string> answer(const Db& db, const std::string& sql) {
  try {
    return db.rows(sql);
  } catch (const SqlError& e) {
    return {std::string("error: ") + e.what()};
  }
}

/// Every statistic of a filter, with ENGINE in the place of the engine's name.
std::vector<std::string> questions(const std::string& filter, const std::string& now, int parity) {
  const std::string rest =
      " WHERE now = " + now + " AND parity = " + std::to_string(parity) + " AND engine = 'ENGINE'";
  std::vector<std::string> all;
  for (const char* group :
       {"NULL", "'user'", "'project'", "'cluster'", "'partition'", "'state'", "'subcluster'", "'shared'"})
    all.push_back("SELECT * FROM job_stats(" + filter + ", " + group + ")" + rest + " ORDER BY 1");
  for (const char* dimension :
       {"'duration', '1h'", "'duration', '24h'", "'num_nodes', NULL", "'num_accs', NULL"})
    all.push_back("SELECT * FROM job_histogram(" + filter + ", " + dimension + ")" + rest);
  for (
      const char* metrics :
      {R"('[{"metric":"mem_bw_avg","peak":350},{"metric":"cpu_load_avg"}]', 20)",
       R"('[{"metric":"flops_any_avg"},{"metric":"mem_used_max","peak":0.7},{"metric":"nobody_has_it"}]', 7)"})
    all.push_back("SELECT * FROM job_metric_histogram(" + filter + ", " + metrics + ")" + rest);
  all.push_back("SELECT * FROM job_page(" + filter + R"(, '["mem_bw_avg","acc_utilization_avg"]'))" + rest);
  all.push_back("SELECT job_count(" + filter + ", NULL, " + now + ", " + std::to_string(parity) +
                ", 'ENGINE')");
  return all;
}

std::string with_engine(std::string sql, const std::string& engine) {
  return sql.replace(sql.find("ENGINE"), 6, engine);
}

/// Empty where rows and columns agree.
std::string difference(const Db& db, const std::string& question) {
  const auto by_rows = answer(db, with_engine(question, "rows"));
  const auto by_itself = answer(db, with_engine(question, "auto"));
  if (by_rows == by_itself) return "";
  std::string text = question + "\n  rows: ";
  for (std::size_t i = 0; i < std::max(by_rows.size(), by_itself.size()); ++i) {
    const std::string a = i < by_rows.size() ? by_rows[i] : "nothing";
    const std::string b = i < by_itself.size() ? by_itself[i] : "nothing";
    if (a != b) return text + a + "\n  columns: " + b;
  }
  return text;
}

/// A table of generated jobs with columns of them.
struct Indexed {
  explicit Indexed(int jobs = 3000) : db(empty_jobs()) {
    generate_jobs(db, jobs);
    db.rows("CREATE VIRTUAL TABLE job_index USING job_columns(source=job, segment_jobs=1024)");
  }
  void command(const std::string& word) const {
    db.rows("INSERT INTO job_index(job_index) VALUES ('" + word + "')");
  }
  std::string engine() const { return db.one("SELECT job_engine(NULL)"); }
  Db db;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(job_columns)

BOOST_AUTO_TEST_CASE(columns_agree_with_rows_on_random_filters) {
  const JobData& data = JobData::get();
  const Db& db = data.db;
  db.rows("CREATE VIRTUAL TABLE job_index USING job_columns(source=job, segment_jobs=1024)");
  BOOST_TEST(db.number("SELECT count(*) FROM job_index_segment") > 1);
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
    const auto some = [&] {
      return "id % " + std::to_string(dice.from_to(50, 900)) + " = " + std::to_string(dice.below(50));
    };
    const auto any = [&] { return std::to_string(dice.from_to(1, 3200)); };
    const std::string columns =
        "job_id, cluster, subcluster, submit_time, start_time, hpc_user, project, cluster_partition, "
        "array_job_id, duration, "
        "walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, smt, shared, "
        "monitoring_status, "
        "energy, energy_footprint, footprint";
    const auto write = [&]() -> std::string {
      switch (dice.below(15)) {
        case 0:
          return "UPDATE job SET duration = duration + 100 WHERE " + some();
        case 1:
          return "DELETE FROM job WHERE " + some();
        case 2:
          return "INSERT INTO job(" + columns + ") SELECT " + columns +
                 " FROM job WHERE id = " + any();  // refused: UNIQUE
        case 3:
          return "INSERT OR REPLACE INTO job(" + columns + ") SELECT " + columns +
                 " FROM job WHERE id = " + any();
        case 4:
          return "UPDATE OR REPLACE job SET id = " + any() + " WHERE id = " + any();
        case 5:
          return "UPDATE job SET hpc_user = 'new" + std::to_string(dice.below(4)) +
                 "', job_state = 'running' WHERE " + some();
        case 6:
          return "UPDATE job SET footprint = json_set(CAST(footprint AS TEXT), '$.brand_new_" +
                 std::to_string(dice.below(3)) + "', 1.5) WHERE json_type(footprint) = 'object' AND " +
                 some();
        case 7:
          return "UPDATE job SET footprint = 'no json' WHERE id = " + any();
        case 8:
          return "UPDATE job SET num_nodes = 'many' WHERE id = " + any();
        case 9:
          return "UPDATE OR REPLACE job SET (job_id, cluster, start_time) = (SELECT job_id, cluster, "
                 "start_time FROM job "
                 "WHERE id = " +
                 any() + ") WHERE id = " + any();
        case 10:
          return "INSERT INTO job(id, " + columns + ") SELECT id, " + columns +
                 " FROM job WHERE id = " + any() +
                 " ON CONFLICT(id) DO UPDATE SET duration = 7, footprint = NULL";
        case 11:
          return "INSERT OR IGNORE INTO job(" + columns + ") SELECT job_id + 1000000 * " +
                 std::to_string(dice.from_to(1, 9)) + ", " + columns.substr(8) + " FROM job WHERE " + some();
        case 12:
          return "UPDATE OR ROLLBACK job SET duration = duration / 2 WHERE " + some();
        case 13:
          return "UPDATE OR FAIL job SET footprint = '{\"mem_bw_avg\": 17.5, \"note\": \"x\"}' WHERE " +
                 some();
        default:
          return "UPDATE job SET meta_data = '{\"jobName\": \"interactive\"}', start_time = start_time + 5 "
                 "WHERE " +
                 some();
      }
    };
    int failures = 0;
    for (int round = 0; round < kRounds && failures == 0; ++round) {
      const std::uint64_t way = dice.below(4);
      if (way == 0) db.rows("BEGIN");
      if (way == 1) db.rows("SAVEPOINT s");
      for (std::uint64_t i = dice.below(4) + 1; i > 0; --i) db.error(write());
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
  const Indexed jobs;
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

BOOST_AUTO_TEST_CASE(what_cannot_be_is_refused_with_the_reason) {
  const Indexed jobs(100);
  const Db& db = jobs.db;
  BOOST_TEST(db.error("INSERT INTO job_index(id) VALUES (1)") ==
             "job_columns: \"job_index\" can't be written but by commands, such as INSERT INTO "
             "job_index(job_index) VALUES "
             "('refresh'); write the table \"job\"");
  BOOST_TEST(db.error("DELETE FROM job_index").starts_with("job_columns: \"job_index\" can't be written"));
  BOOST_TEST(
      db.error("INSERT INTO job_index(job_index) VALUES ('polish')") ==
      "job_columns: a command is 'rebuild', 'refresh', 'optimize' or 'integrity-check', not \"polish\"");
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
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'x%'") == "0");
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
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'fast%' OR name LIKE 'job_index%'") ==
             "0");
  BOOST_TEST(jobs.engine() == "rows: the source has no job_columns table");
  db.rows("UPDATE job SET duration = 2 WHERE id = 3");  // no trigger is left
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
