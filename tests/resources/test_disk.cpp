// Room on the disk that is gone: SQLite's own error, as without warden; a connection that goes on as soon as there is room;
// nothing left behind; and rows that tell. The disk is a file system of some megabytes that the child alone sees.
#include <signal.h>
#include <sys/statvfs.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "tests/jobs/job_host.hpp"
#include "without.hpp"

namespace warden::test {
namespace {

constexpr const char* kWhy = "a small file system can be mounted by root only";
const std::string kFull = "database or disk is full";

std::int64_t free_bytes(const std::string& directory) {
  struct statvfs told {};
  if (::statvfs(directory.c_str(), &told) != 0) throw std::runtime_error("statvfs failed");
  return static_cast<std::int64_t>(told.f_bavail * told.f_frsize);
}

/// 15000 jobs of more than a kilobyte each.
const std::string kManyJobs =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 15000) INSERT INTO job(id, "
    "job_id, "
    "cluster, subcluster, start_time, hpc_user, project, duration, walltime, job_state, resources, "
    "num_nodes, "
    "num_hwthreads, num_acc, shared, footprint) SELECT n, n, 'c', 's', n, 'u' || n % 40, 'p', n * 7919 % "
    "10007, 9, "
    "'completed', '[]', 1, 1, 0, 'none', printf('{\"cpu_load_avg\":%d,\"x\":\"%01000d\"}', n, n * 7919 % "
    "100003) FROM c";

/// Statements that need more room for what they spill than eight megabytes, each in another way.
const std::vector<std::string> kSpills{
    "SELECT id, footprint FROM job ORDER BY footprint",
    "SELECT count(DISTINCT footprint || id) FROM job",
    "CREATE TEMP TABLE kept AS SELECT * FROM job",
    // Of the job statistics: rows sorted by SQLite, rows sorted by a statement within, and groups that are kept.
    "SELECT id, footprint FROM jobs ORDER BY footprint",
    "SELECT * FROM jobs(NULL, 'footprint.cpu_load_avg DESC', 100000)",
    "SELECT * FROM job_stats(NULL, 'footprint') ORDER BY total_jobs, group_key DESC",
    "CREATE TEMP TABLE kept AS SELECT group_key, group_key || total_jobs AS x FROM job_stats(NULL, "
    "'footprint')",
};

}  // namespace

BOOST_AUTO_TEST_SUITE(disk)

BOOST_AUTO_TEST_CASE(on_a_full_disk_the_host_sees_what_sqlite_says_and_nothing_else) {
  // Files may not grow beyond a megabyte; then a file system that is full. With warden and without: the same codes, the same
  // data.
  for (const bool by_limit : {true, false}) {
    const TempDir dir;
    const auto story = [&](bool with_warden) {
      std::string told;
      Db db;
      if (with_warden) db.load();
      Db writer(dir.file(with_warden ? "with.db" : "plain.db"));
      writer.rows("PRAGMA journal_mode = DELETE; CREATE TABLE t(x); INSERT INTO t VALUES('kept')");
      for (const char* sql :
           {"INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 3000) "
            "SELECT hex(zeroblob(1000)) FROM c",
            "SELECT count(*) FROM t", "INSERT INTO t VALUES('again')", "PRAGMA integrity_check"}) {
        told += writer.error(sql) + '|' + std::to_string(sqlite3_extended_errcode(writer.get())) + '|';
      }
      if (with_warden && !works(db)) told += "warden failed";
      return told + writer.one("SELECT group_concat(x) FROM t");
    };
    const int status = in_child([&] {
      if (by_limit) {
        ::signal(SIGXFSZ, SIG_IGN);
        limit(RLIMIT_FSIZE, 1 << 20);
      } else if (!hide(dir.file("").c_str(), "size=1m")) {
        return kSkipped;
      }
      const std::string plain = story(false);
      std::filesystem::remove(dir.file("plain.db"));
      return plain == story(true) && plain.find("kept,again") != std::string::npos ? 0 : 1;
    });
    report(status, kWhy);
  }
}

BOOST_AUTO_TEST_CASE(
    a_sort_or_a_statistic_that_spills_to_a_full_disk_fails_as_without_warden_and_leaves_nothing) {
  const TempDir data;
  const TempDir spills;
  const int status = in_child([&] {
    {
      const Db maker(data.file("jobs.db"));
      maker.rows(kJobTables + kManyJobs);
    }
    if (!hide(spills.file("").c_str(), "size=8m")) return kSkipped;
    const std::string directory = spills.file("").substr(0, spills.file("").size() - 1);
    sqlite3_temp_directory = sqlite3_mprintf("%s", directory.c_str());
    const std::int64_t room = free_bytes(directory);
    const auto tell = [&](const Db& db, const std::string& sql) {
      const std::string error = db.error(sql);
      return error + '|' + std::to_string(sqlite3_extended_errcode(db.get()));
    };
    std::vector<std::string> plain;
    {
      const Db db(data.file("jobs.db"));
      db.rows("PRAGMA temp_store = file");
      for (std::size_t i = 0; i < 3; ++i) plain.push_back(tell(db, kSpills[i]));
    }
    Db first;
    first.load().rows("SELECT warden_set('temp_store', 'file'), warden_set('sample_interval_ms', 10)");
    const Db db(data.file("jobs.db"));
    for (std::size_t i = 0; i < kSpills.size(); ++i) {
      const std::string told = tell(db, kSpills[i]);
      if (told != kFull + "|" + std::to_string(SQLITE_FULL) || (i < plain.size() && told != plain[i]))
        throw std::runtime_error(kSpills[i] + "\nends with " + told);
      // Usable at once, and all of the room is there again.
      if (db.one("SELECT total_jobs, (SELECT count(*) FROM job) FROM job_stats") != "15000|15000") return 1;
      if (db.number("SELECT count(*) FROM sqlite_temp_schema") != 0) return 2;
      db.rows("SELECT warden_release()");
      // The file of the TEMP database stays open, as it does without warden: it is empty of tables, not always of pages.
      if (free_bytes(directory) < room / 2) return 3;
    }
    // A row tells of it when a look has met the error, here of the last of them: within a second of rest.
    const auto is_told = [&] {
      return first.number("SELECT count(*) FROM warden_events WHERE action = 'warn' AND reason = '" + kFull +
                          "' AND connection_id IS NOT NULL AND sql LIKE '%job%'") == 1;
    };
    tell(db, kSpills[0]);
    if (!eventually(is_told)) return 4;
    if (!works(db)) return 5;
    // Whatever was said meanwhile: once a minute is enough.
    if (first.number("SELECT count(*) FROM warden_events WHERE action = 'warn'") != 1) return 6;
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = nullptr;
    return db.error(kSpills[0]).empty() ? 0 : 7;
  });
  report(status, kWhy);
}

BOOST_AUTO_TEST_CASE(a_row_tells_when_the_disk_of_the_database_or_of_what_it_spills_is_full) {
  const TempDir data;
  const TempDir spills;
  const int status = in_child([&] {
    if (!hide(data.file("").c_str(), "size=20m") || !hide(spills.file("").c_str(), "size=16m"))
      return kSkipped;
    const std::string directory = spills.file("").substr(0, spills.file("").size() - 1);
    sqlite3_temp_directory = sqlite3_mprintf("%s", directory.c_str());
    Db memory;
    memory.load();
    if (check(memory, "disk") != "ok: this connection's database has no file") return 1;
    Db db(data.file("t.db"));
    db.rows("CREATE TABLE t(x)");
    if (!says(db, "disk", "ok: 2") && !says(db, "disk", "ok: 19")) return 2;
    if (!says(db, "disk", " left for the database, 16.0 MiB left for temporary files in " + directory) &&
        !says(db, "disk", " left for the database, 16 MiB left for temporary files in " + directory))
      throw std::runtime_error(check(db, "disk"));
    for (const std::string& where : {data.file("ballast"), spills.file("ballast")}) {
      std::ofstream(where) << std::string(
          static_cast<std::size_t>(where == data.file("ballast") ? 17 : 13) << 20, 'x');
      if (!says(db, "disk", "problem: ")) return 3;
      if (db.one("SELECT advice IS NULL FROM warden_checks WHERE \"check\" = 'disk'") != "0") return 4;
      if (!says(memory, "disk", "ok: ")) return 5;
      std::filesystem::remove(where);
      if (!says(db, "disk", "ok: ")) return 6;
    }
    // Where nobody can write nobody needs room.
    db = Db();
    std::ofstream(data.file("ballast")) << std::string(17 << 20, 'x');
    if (::mount(nullptr, data.file("").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 7;
    db = Db(data.file("t.db"));
    return says(db, "disk", "ok: a file system that can only be read for the database") ? 0 : 8;
  });
  report(status, kWhy);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
