// What the tests of the job statistics share: SQLite's routines with an allocator that can fail, random numbers that can
// be had again, and a connection with a small table of jobs.
//
// Threads: one; the allocator's faults are counted for the whole process.
#pragma once

#include <cstdlib>
#include <random>

#include "memory.hpp"
#include "tests/ext/host.hpp"

namespace warden::test {

/// The routines of the SQLite that this process is linked with.
inline const vtab::Api* real_api() {
  static const vtab::Api* found = nullptr;
  if (found != nullptr) return found;
  const auto take = +[](sqlite3*, char**, const vtab::Api* api) { return found = api, SQLITE_OK; };
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(take));
  const Db db;
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(take));
  return found;
}

/// The same with a malloc64 that fails: while a Scarcity lives, at the nth call from its beginning (1 is the next). What is held
/// is counted: the watchdog takes memory from connections of other tests at any time, so what SQLite has as a whole tells nothing.
inline int g_allocations_held = 0;
inline int g_allocations_left = 0;
inline bool g_allocation_failed = false;
inline const vtab::Api* scarce_api() {
  static const vtab::Api table = [] {
    vtab::Api made = *real_api();
    made.malloc64 = [](sqlite3_uint64 size) -> void* {
      if (g_allocations_left > 0 && --g_allocations_left == 0) {
        g_allocation_failed = true;
        return nullptr;
      }
      void* const memory = sqlite3_malloc64(size);
      if (memory != nullptr) ++g_allocations_held;
      return memory;
    };
    made.free = [](void* memory) {
      if (memory != nullptr) --g_allocations_held;
      sqlite3_free(memory);
    };
    return made;
  }();
  return &table;
}
class Scarcity {
 public:
  explicit Scarcity(int nth) {
    g_allocations_left = nth;
    g_allocation_failed = false;
  }
  ~Scarcity() { g_allocations_left = 0; }
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;
  bool happened() const { return g_allocation_failed; }
};

/// TEST_SEED, or another number each time. Tests print it where they fail.
inline std::uint64_t random_seed() {
  const char* given = std::getenv("TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

/// Random numbers from a seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// From 0 to n - 1.
  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(engine_);
  }
  std::int64_t from_to(std::int64_t from, std::int64_t to) {
    return std::uniform_int_distribution<std::int64_t>(from, to)(engine_);
  }
  double unit() { return std::uniform_real_distribution<double>(0, 1)(engine_); }
  bool once_in(std::uint64_t n) { return below(n) == 0; }
  template <class Container>
  const auto& one_of(const Container& all) {
    return all[below(std::size(all))];
  }

 private:
  std::mt19937_64 engine_;
};

/// The table of ClusterCockpit, and those beside it.
inline const std::string kJobTables =
    "CREATE TABLE job(id INTEGER PRIMARY KEY, job_id BIGINT NOT NULL, cluster TEXT NOT NULL, subcluster TEXT "
    "NOT NULL,"
    " submit_time BIGINT NOT NULL DEFAULT 0, start_time BIGINT NOT NULL DEFAULT 0, hpc_user TEXT NOT NULL,"
    " project TEXT NOT NULL, cluster_partition TEXT, array_job_id BIGINT, duration INT NOT NULL, walltime "
    "INT NOT NULL,"
    " job_state TEXT NOT NULL, meta_data TEXT, resources TEXT NOT NULL, num_nodes INT NOT NULL, "
    "num_hwthreads INT,"
    " num_acc INT, smt INT NOT NULL DEFAULT 1, shared TEXT NOT NULL, monitoring_status TINYINT NOT NULL "
    "DEFAULT 1,"
    " energy REAL NOT NULL DEFAULT 0.0, energy_footprint TEXT, footprint TEXT);"
    "CREATE INDEX jobs_user ON job(hpc_user); CREATE INDEX jobs_start ON job(start_time);"
    "CREATE TABLE hpc_user(username TEXT PRIMARY KEY, name TEXT);"
    "CREATE TABLE tag(id INTEGER PRIMARY KEY, tag_type TEXT, tag_name TEXT);"
    "CREATE TABLE jobtag(job_id INTEGER, tag_id INTEGER, PRIMARY KEY(job_id, tag_id));";

/// Six jobs, now = 10000: alice 1, 2, 3 (one running since 2800), bob 4, 5, carol 6. Footprints of all kinds.
inline const std::string kSixJobs =
    "INSERT INTO hpc_user VALUES ('alice', 'Alice A.'), ('bob', NULL);"
    "INSERT INTO job(id, job_id, cluster, subcluster, start_time, hpc_user, project, cluster_partition, "
    "array_job_id,"
    " duration, walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, shared, "
    "energy, footprint)"
    " VALUES"
    " (1, 101, 'fritz', 'main', 1000, 'alice', 'p1', 'big', 0, 3600, 7200, 'completed', "
    "'{\"jobName\":\"interactive\"}',"
    "  '[{\"hostname\":\"f0101\"},{\"hostname\":\"f0102\"}]', 2, 144, 0, 'none', 1.5,"
    "  '{\"cpu_load_avg\":62.75,\"mem_bw_avg\":175.5}'),"
    " (2, 102, 'fritz', 'main', 2000, 'alice', 'p1', 'big', 0, 100, 7200, 'failed', "
    "'{\"jobName\":\"50%_off\"}',"
    "  '[{\"hostname\":\"f0103\"}]', 1, 72, 0, 'none', 0.5, "
    "CAST('{\"cpu_load_avg\":10,\"mem_bw_avg\":20.25}' AS BLOB)),"
    " (3, 103, 'alex', 'a40', 2800, 'alice', 'p1', NULL, 7, 0, 7200, 'running', NULL, "
    "'[{\"hostname\":\"a1\"}]', 1, 16, 1,"
    "  'multi_user', 0.0, 'null'),"
    " (4, 104, 'alex', 'a100', 3000, 'bob', 'p2', 'small', 0, 86400, 86400, 'timeout', '{\"jobName\":\"x\"}',"
    "  '[{\"hostname\":\"a2\"}]', 4, 512, 32, 'none', 99.25, "
    "'{\"acc_utilization_avg\":99.5,\"cpu_load_avg\":1e1}'),"
    " (5, 105, 'woody', 'main', 4000, 'bob', 'p2', 'work', 0, 500, 3600, 'completed', 'no json', 'no json', "
    "1, 4, 0,"
    "  'multi_user', 0.1, '{broken'),"
    " (6, 106, 'woody', 'main', 5000, 'carol', 'p3', 'work', 0, 299, 3600, 'completed', '', '[]', 1, NULL, "
    "NULL,"
    "  'single_user', 0.0, NULL);"
    "INSERT INTO tag VALUES (1, 'app', 'vasp'), (2, 'app', 'lammps');"
    "INSERT INTO jobtag VALUES (1, 1), (1, 2), (4, 2);";

/// A connection with warden and kSixJobs.
struct SixJobs {
  Db db;
  explicit SixJobs(const std::string& file = ":memory:") : db(file) { db.load().rows(kJobTables + kSixJobs); }
};

/// 'text', quotes doubled.
inline std::string quoted(const std::string& text) {
  std::string sql = "'";
  for (const char c : text) sql += c == '\'' ? std::string("''") : std::string(1, c);
  return sql + "'";
}

}  // namespace warden::test
