// Corrupt databases: random bytes of a file full of jobs are changed, and then everything is asked. What comes is rows or an
// error, never the end of the process. TEST_SEED asks about the same files again, TEST_SECONDS about more.
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "stranger.hpp"

namespace warden::test {
namespace {

/// A database of some hundred jobs in pages of 1 KiB, as bytes.
std::string image() {
  SixJobs host;
  const Db& db = host.db;
  db.rows("PRAGMA page_size = 1024; VACUUM");
  db.rows(
      "CREATE INDEX wide ON job(cluster, job_state, start_time, duration); INSERT INTO job SELECT NULL, "
      "job_id + 10 * value, cluster, subcluster, submit_time, start_time + value, "
      "hpc_user || value, project, cluster_partition, array_job_id, duration, walltime, job_state, "
      "meta_data, resources, num_nodes, num_hwthreads, "
      "num_acc, smt, shared, monitoring_status, energy, energy_footprint, footprint FROM job, json_each('[' "
      "|| substr(replace(hex(zeroblob(40)), '00', ',1'), 2) || ']')");
  db.rows(
      "UPDATE job SET meta_data = hex(zeroblob(2000)) WHERE id = 100; CREATE VIEW seen AS SELECT * FROM job "
      "WHERE id > 3; ANALYZE");
  sqlite3_int64 size = 0;
  unsigned char* bytes = sqlite3_serialize(db.get(), "main", &size, 0);
  std::string all(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  sqlite3_free(bytes);
  return all;
}

/// Puts the bytes in the place of the connection's database.
void put(const Db& db, const std::string& bytes) {
  auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size()));
  bytes.copy(reinterpret_cast<char*>(copy), bytes.size());
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  if (sqlite3_deserialize(db.get(), "main", copy, size, size,
                          SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) != SQLITE_OK)
    throw std::runtime_error("no database of these bytes");
}

int test_seconds() {
  const char* given = std::getenv("TEST_SECONDS");
  return given == nullptr ? 3 : std::atoi(given);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(corrupt_databases)

BOOST_AUTO_TEST_CASE(whatever_bytes_are_changed_it_is_rows_or_an_error) {
  const std::string sound = image();
  std::vector<std::string> questions = statistics_of();
  for (const std::string& sql : statistics_of("seen")) questions.push_back(sql);
  for (const char* sql :
       {"SELECT * FROM job_stats('{\"tags\":[1,2]}')", "SELECT * FROM jobs WHERE hpc_user = 'alice1'",
        "SELECT count(*) FROM jobs WHERE start_time > 1000",
        "SELECT total_jobs FROM job_stats('{\"cluster\":{\"in\":[\"fritz\",\"alex\"]}}')",
        "SELECT name, bytes FROM warden_memory, pragma_database_list", "SELECT warden_release()",
        "SELECT file, cache_bytes FROM warden_connections", "SELECT count(*) FROM job"}) {
    questions.push_back(sql);
  }
  const std::uint64_t first_seed = random_seed();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(test_seconds());
  Db().load();
  std::int64_t unharmed = 0;
  for (std::uint64_t seed = first_seed; std::chrono::steady_clock::now() < until || seed < first_seed + 20;
       ++seed) {
    Dice dice(seed);
    std::string bytes = sound;
    // A few single bits, bytes, or a whole range: all over the file, or close together, where the structure is.
    const std::size_t anchor = dice.below(bytes.size() / 1024) * 1024;
    for (std::uint64_t n = dice.below(24) + 1; n > 0; --n) {
      const std::size_t at = dice.once_in(2) ? dice.below(bytes.size()) : anchor + dice.below(1024);
      if (at < 100 && !dice.once_in(8)) continue;  // seldom the header, or SQLite reads nothing at all
      bytes[at] = dice.once_in(3) ? static_cast<char>(bytes[at] ^ (1 << dice.below(8)))
                                  : static_cast<char>(dice.below(256));
    }
    if (dice.once_in(10)) bytes.resize(dice.below(bytes.size()) + 1);
    const Db
        db;  // a new one each: SQLite 3.40 does not survive json_each and other such tables across a deserialize
    put(db, bytes);
    ++figures().corrupt;
    std::string all;
    for (const std::string& sql : questions) {
      const std::string result = outcome(db, sql);
      ++(is_error(result) ? figures().corrupt_errors : figures().corrupt_results);
      BOOST_TEST(result != "error: ", "seed " << seed << ": " << sql);
      all += result.substr(0, 7);
    }
    unharmed += all.find("error") == std::string::npos;
    BOOST_TEST(db.one("SELECT 6 * 7") == "42", "seed " << seed);
  }
  const Db db;
  put(db, sound);
  for (const std::string& sql : questions)
    BOOST_TEST(!is_error(outcome(db, sql)), sql << ": " << outcome(db, sql));
  // Otherwise the changes were not felt, and nothing was tried.
  BOOST_TEST(figures().corrupt_errors * 20 > figures().corrupt_results, "seed " << first_seed);
  BOOST_TEST(unharmed < figures().corrupt);
}

BOOST_AUTO_TEST_CASE(corrupt_files_are_looked_after_like_others) {
  const TempDir dir;
  const std::string sound = image();
  for (const std::size_t from : {std::size_t{0}, std::size_t{16}, std::size_t{100}, std::size_t{1024}}) {
    std::string bytes = sound;
    for (std::size_t i = from; i < from + 60; ++i) bytes[i] = static_cast<char>(i * 37);
    FILE* file = std::fopen(dir.file("corrupt.db").c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
    const Db watcher;
    watcher.rows(
        "SELECT warden_set('cache_size', '1MiB')");  // read from the file's header when a connection opens
    {
      const Db db(dir.file("corrupt.db"));
      for (const std::string& sql : statistics_of()) outcome(db, sql);
      BOOST_TEST(watcher.one("SELECT count(*) FROM warden_connections WHERE file LIKE '%corrupt.db'") == "1");
    }
    watcher.rows("SELECT warden_reset()");
    ++figures().corrupt;
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
