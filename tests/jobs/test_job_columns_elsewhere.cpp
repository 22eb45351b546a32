// job_columns where there are other processes, other snapshots, other schemas and other files.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <thread>

#include "columns_agree.hpp"

namespace warden::test {
namespace {

constexpr int kKills = kSlow ? 1 : 16;
const std::string kNow = "1704092267";

/// Questions about all jobs, one of which is asked of both. Empty where they agree.
std::string any_difference(const Db& db, Dice& dice, const std::string& source = "") {
  const auto all = questions("NULL", kNow, 0);
  std::string question = all[dice.below(all.size() - 1)];  // job_count() takes its source otherwise
  if (!source.empty()) question.replace(question.find(" WHERE "), 7, " WHERE source = '" + source + "' AND ");
  return difference(db, question);
}

/// A database of jobs and their columns in a file.
struct InFile {
  explicit InFile(const std::string& journal_mode) : path(dir.file("jobs.db")) {
    const Indexed jobs;
    jobs.db.rows("VACUUM INTO " + text_of(path));
    Db(path).rows("PRAGMA journal_mode = " + journal_mode);
  }
  TempDir dir;
  std::string path;
};

/// Writes until it is killed: a process of its own. `knows`: with warden, which it needs for commands.
[[noreturn]] void write_for_ever(const std::string& path, std::uint64_t seed, bool knows) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // not longer than who would kill it
  try {
    Db db(path);
    if (knows) db.load();
    sqlite3_busy_timeout(db.get(), 60'000);
    db.rows("PRAGMA synchronous = OFF");  // no power is lost
    Dice dice(seed);
    for (;;) {
      const auto began = std::chrono::steady_clock::now();
      const bool together = dice.once_in(2);
      if (together) db.error("BEGIN IMMEDIATE");
      for (std::uint64_t i = dice.below(6) + 1; i > 0; --i) db.error(random_write(dice));
      if (knows && dice.once_in(3))
        db.error(std::string("INSERT INTO job_index(job_index) VALUES ('") +
                 dice.one_of(std::array{"refresh", "refresh", "optimize", "rebuild"}) + "')");
      if (together) db.error(dice.once_in(4) ? "ROLLBACK" : "COMMIT");
      // Others have their turn: half of the time is theirs, however slow the machine is.
      std::this_thread::sleep_for(std::chrono::steady_clock::now() - began +
                                  std::chrono::microseconds(dice.below(3000)));
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "the writer: %s\n", e.what());
  }
  ::_exit(1);
}

void kill_writers(const std::string& journal_mode, int kills) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    const InFile file(journal_mode);
    Db db(file.path);
    db.load();
    sqlite3_busy_timeout(db.get(), 60'000);
    for (int kill = 0; kill < kills; ++kill) {
      std::fflush(nullptr);
      const std::uint64_t childs_seed = dice.below(1'000'000'000);
      const bool knows = dice.once_in(2);
      const pid_t writer = ::fork();
      if (writer == 0) write_for_ever(file.path, childs_seed, knows);
      // Meanwhile one of its snapshots after the other, in each of which both must say the same.
      for (std::uint64_t i = dice.below(5) + 1; i > 0; --i) {
        db.rows("BEGIN; SELECT count(*) FROM job");
        const std::string wrong = any_difference(db, dice);
        BOOST_TEST_CONTEXT("before kill " << kill) { BOOST_TEST(wrong == ""); }
        db.rows("COMMIT");
        if (dice.once_in(4)) db.error("INSERT INTO job_index(job_index) VALUES ('refresh')");
      }
      std::this_thread::sleep_for(std::chrono::microseconds(dice.below(20'000)));  // any moment
      BOOST_TEST(::kill(writer, SIGKILL) == 0);
      int status = 0;
      ::waitpid(writer, &status, 0);
      BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
      const std::string wrong = any_difference(db, dice);
      BOOST_TEST_CONTEXT("after kill " << kill) { BOOST_TEST(wrong == ""); }
      BOOST_TEST(db.error("INSERT INTO job_index(job_index) VALUES ('integrity-check')") == "");
      BOOST_TEST(db.one("SELECT job_engine(NULL)") == "columns: job_index");
      if (!wrong.empty()) return;
    }
    BOOST_TEST(db.one("PRAGMA integrity_check") == "ok");
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(job_columns_elsewhere)

BOOST_AUTO_TEST_CASE(writers_of_a_wal_database_that_are_killed_at_any_moment_leave_columns_that_agree) {
  kill_writers("wal", kKills);
}

BOOST_AUTO_TEST_CASE(so_do_writers_of_a_database_with_a_rollback_journal) {
  kill_writers("delete", std::max(kKills / 4, 1));  // they wait for each other a lot
}

BOOST_AUTO_TEST_CASE(a_reader_of_an_old_snapshot_keeps_the_columns_of_then) {
  const InFile file("wal");
  const Db reader = std::move(Db(file.path).load());
  const Db writer = std::move(Db(file.path).load());
  const std::string by_user = "SELECT * FROM job_stats(NULL, 'user') WHERE now = " + kNow + " AND engine = ";
  reader.rows("BEGIN");
  const auto then = reader.rows(by_user + "'columns'");
  for (const char* word : {"refresh", "optimize", "rebuild"}) {
    writer.rows(
        "UPDATE job SET hpc_user = 'renamed', duration = duration + 1 WHERE id % 3 = 0;"
        "DELETE FROM job WHERE id % 100 = 7");
    writer.rows(std::string("INSERT INTO job_index(job_index) VALUES ('") + word + "')");
    BOOST_TEST_CONTEXT(word) {
      BOOST_TEST(reader.rows(by_user + "'columns'") == then, boost::test_tools::per_element());
      BOOST_TEST(reader.rows(by_user + "'rows'") == then, boost::test_tools::per_element());
    }
  }
  reader.rows("COMMIT");
  BOOST_TEST(reader.rows(by_user + "'columns'") == reader.rows(by_user + "'rows'"),
             boost::test_tools::per_element());
  BOOST_TEST((reader.rows(by_user + "'columns'") != then));
}

BOOST_AUTO_TEST_CASE(a_metric_that_appears_is_a_column_for_others_at_once) {
  const InFile file("wal");
  const Db other = std::move(Db(file.path).load());
  other.rows("SELECT count(mem_bw_avg) FROM job_index");
  const Db writer = std::move(Db(file.path).load());
  writer.rows(
      "UPDATE job SET footprint = '{\"quite_new\": 12.5}' WHERE id = 7;"
      "INSERT INTO job_index(job_index) VALUES ('refresh')");
  BOOST_TEST(other.one("SELECT count(quite_new) || '|' || sum(quite_new) FROM job_index") == "1|12.5");
  BOOST_TEST(writer.one("SELECT sum(jobs) FROM job_metric_histogram(NULL, '[\"quite_new\"]')") == "1");
}

BOOST_AUTO_TEST_CASE(one_of_another_version_can_be_dropped_and_nothing_else) {
  const InFile file("wal");
  Db(file.path).rows("UPDATE job_index_config SET value = '7' WHERE key = 'version'");
  const Db db = std::move(Db(file.path).load());
  const std::string version = "job_columns: \"job_index\" has format version 7, and this warden knows 1";
  BOOST_TEST(db.error("SELECT * FROM job_index") == version);
  BOOST_TEST(db.error("INSERT INTO job_index(job_index) VALUES ('rebuild')") == version);
  BOOST_TEST(db.one("SELECT job_engine(NULL)") == "rows: " + version);
  BOOST_TEST(db.one("SELECT total_jobs FROM job_stats") == std::to_string(kSomeJobs));
  db.rows("DROP TABLE job_index");
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_master WHERE name LIKE 'job_index%'") == "0");
}

BOOST_AUTO_TEST_CASE(each_schema_has_its_own) {
  const InFile file("wal");
  const Indexed jobs(500);
  const Db& db = jobs.db;
  Dice dice(random_seed());
  db.rows("ATTACH " + text_of(file.path) + " AS archive");
  db.rows("CREATE TEMP TABLE job AS SELECT * FROM archive.job WHERE id <= 40");
  BOOST_TEST(db.one("SELECT job_engine(NULL)") ==
             "rows: the source has no job_columns table");  // TEMP comes first
  BOOST_TEST(db.one("SELECT job_engine(NULL, 'main.job')") == "columns: job_index");
  BOOST_TEST(db.one("SELECT job_engine(NULL, 'archive.job')") == "columns: job_index");
  db.rows(
      "DROP TABLE temp.job; CREATE TEMP TABLE few(id INTEGER PRIMARY KEY, start_time INT, duration INT, "
      "job_state TEXT,"
      " hpc_user TEXT, project TEXT, cluster TEXT, subcluster TEXT, cluster_partition TEXT, num_nodes INT,"
      " num_hwthreads INT, num_acc INT, shared TEXT, footprint TEXT, meta_data TEXT)");
  db.rows(
      "INSERT INTO few SELECT id, start_time, duration, job_state, hpc_user, project, cluster, subcluster,"
      " cluster_partition, num_nodes, num_hwthreads, num_acc, shared, footprint, meta_data FROM archive.job"
      " WHERE id < 1500");
  db.rows("CREATE VIRTUAL TABLE temp.few_index USING job_columns(source=few, segment_jobs=1024)");
  BOOST_TEST(db.one("SELECT job_engine(NULL, 'few')") == "columns: few_index");
  const auto check = [&] {
    for (const char* source : {"main.job", "archive.job", "temp.few", "few"}) BOOST_TEST_CONTEXT(source) {
        BOOST_TEST(any_difference(db, dice, source) == "");
      }
  };
  check();
  for (const char* table : {"main.job", "archive.job", "temp.few"})
    db.rows(std::string("UPDATE ") + table + " SET duration = 5 WHERE id % 7 = 0; DELETE FROM " + table +
            " WHERE id = 12");
  check();
  db.rows(
      "INSERT INTO few_index(few_index) VALUES ('refresh');"
      "INSERT INTO archive.job_index(job_index) VALUES ('optimize')");
  check();
  BOOST_TEST(db.one("SELECT (SELECT count(*) FROM archive.job_index_delta) || '|' || count(*) FROM "
                    "main.job_index_delta") == "0|72");
  for (const char* schema : {"main.job_index", "archive.job_index", "temp.few_index"}) {
    const std::string name(schema);
    const std::string table = name.substr(name.find('.') + 1);
    BOOST_TEST(db.error("INSERT INTO " + name + "(" + table + ") VALUES ('integrity-check')") == "");
  }
  db.rows("DROP TABLE few_index; DETACH archive");
  BOOST_TEST(db.one("SELECT count(*) FROM sqlite_temp_master WHERE name LIKE 'few_index%'") == "0");
}

BOOST_AUTO_TEST_CASE(copies_of_the_file_have_them_too) {
  const InFile file("wal");
  Db db(file.path);
  db.load();
  Dice dice(random_seed());
  db.rows("UPDATE job SET duration = 5 WHERE id % 7 = 0; DELETE FROM job WHERE id BETWEEN 1000 AND 2100");
  db.rows("VACUUM");
  const std::string vacuumed = file.dir.file("vacuumed.db");
  db.rows("VACUUM INTO " + text_of(vacuumed));
  const std::string copied = file.dir.file("copied.db");
  {
    const Db copy(copied);
    sqlite3_backup* backup = sqlite3_backup_init(copy.get(), "main", db.get(), "main");
    while (sqlite3_backup_step(backup, 100) == SQLITE_OK)
      db.rows("UPDATE job SET duration = 9 WHERE id = 70");
    BOOST_TEST(sqlite3_backup_finish(backup) == SQLITE_OK);
  }
  for (const std::string& path : {file.path, vacuumed, copied}) {
    const Db each = std::move(Db(path).load());
    BOOST_TEST(each.one("SELECT job_engine(NULL)") == "columns: job_index");
    for (int i = 0; i < 4; ++i) BOOST_TEST(any_difference(each, dice) == "");
    BOOST_TEST(each.error("INSERT INTO job_index(job_index) VALUES ('integrity-check')") == "");
  }
}

BOOST_AUTO_TEST_CASE(a_source_that_changes_its_shape_is_followed_or_left_alone) {
  const Indexed jobs(1500);
  const Db& db = jobs.db;
  Dice dice(random_seed());
  db.rows(
      "ALTER TABLE job ADD COLUMN note DEFAULT 'x'; UPDATE job SET note = 'y', duration = 3 WHERE id = 4");
  BOOST_TEST(jobs.engine() == "columns: job_index");
  BOOST_TEST(any_difference(db, dice) == "");
  const std::string renamed =
      "rows: job_columns table \"job_index\": the source's columns have other names or places than they "
      "had; "
      "'rebuild' "
      "makes it anew";
  db.rows("ALTER TABLE job RENAME COLUMN project TO account");
  BOOST_TEST(jobs.engine() == renamed);
  // Two that change places: each name is there, and another's values.
  db.rows(
      "ALTER TABLE job RENAME COLUMN subcluster TO project; ALTER TABLE job RENAME COLUMN account TO "
      "subcluster");
  BOOST_TEST(jobs.engine() == renamed);
  jobs.command("rebuild");
  BOOST_TEST(jobs.engine() == "columns: job_index");
  BOOST_TEST(any_difference(db, dice) == "");
  db.rows(
      "ALTER TABLE job RENAME COLUMN subcluster TO account; ALTER TABLE job RENAME COLUMN project TO "
      "subcluster;"
      "ALTER TABLE job RENAME COLUMN account TO project");
  BOOST_TEST(jobs.engine() == renamed);
  jobs.command("rebuild");
  db.rows("ALTER TABLE job RENAME COLUMN subcluster TO x; ALTER TABLE job RENAME COLUMN x TO subcluster");
  BOOST_TEST(jobs.engine() == "columns: job_index");
  db.rows("ALTER TABLE job RENAME TO old_job");
  BOOST_TEST(db.one("SELECT job_engine(NULL, 'old_job')").starts_with("rows: "));
  BOOST_TEST(db.error("SELECT count(*) FROM job_index") != "");
  BOOST_TEST(db.error("INSERT INTO job_index(job_index) VALUES ('rebuild')") != "");
  db.rows("UPDATE old_job SET duration = 4 WHERE id = 5; ALTER TABLE old_job RENAME TO job");
  BOOST_TEST(jobs.engine() == "columns: job_index");
  for (int i = 0; i < 4; ++i) BOOST_TEST(any_difference(db, dice) == "");
  db.rows("DROP TABLE job");
  BOOST_TEST(db.error("SELECT count(*) FROM job_index") != "");
  BOOST_TEST(db.error("INSERT INTO job_index(job_index) VALUES ('refresh')") != "");
  db.rows("CREATE TABLE job(id INTEGER PRIMARY KEY, duration INT)");
  BOOST_TEST(jobs.engine().starts_with("rows: job_columns table \"job_index\": "));
  db.rows("DROP TABLE job_index");
  BOOST_TEST(jobs.engine() == "rows: the source has no job_columns table");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
