#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "bench.hpp"
#include "database.hpp"
#include "job_data.hpp"
#include "process.hpp"
#include "workload.hpp"

namespace warden::bench {
namespace {

/// What the files need, and the caches and sorts of those who read and index jobs.
constexpr std::int64_t kNeededBytes = 1'000'000'000;
constexpr std::int64_t kJobsBytes = 1'200'000'000;
constexpr std::int64_t kIndexedJobsBytes = 2'500'000'000;
constexpr std::int64_t kJobsMemory = 4'000'000'000;
/// With what DuckDB makes of them.
constexpr std::int64_t kBytesOfJob = 1200;

Database made(const std::string& path) {
  Database database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  database.run("PRAGMA journal_mode=OFF");
  database.run("PRAGMA synchronous=OFF");
  return database;
}

}  // namespace

Data::Data() {
  const char* parent = ::getenv("TMPDIR");
  std::string made =
      std::string(parent == nullptr || *parent == '\0' ? "/tmp" : parent) + "/warden_bench.XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error(made + " can't be made");
  directory_ = made;
}

Data::~Data() { remove(); }

void Data::remove() noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Data::need_space(std::int64_t bytes) const {
  if (std::filesystem::space(directory_).available >= static_cast<std::uintmax_t>(bytes)) return;
  char size[32];
  std::snprintf(size, sizeof(size), "%.1f GB", static_cast<double>(bytes) / 1e9);
  throw Skip(directory_ + " has less than " + size + " free; TMPDIR names another place");
}

const std::string& Data::big() {
  if (!big_.empty()) return big_;
  need_space(kNeededBytes);
  std::string path = file("big.db");
  // About 370 bytes a row, ten rows a page. The keys are in no order, so that sorting by them is work.
  made(path).run(
      "CREATE TABLE data(id INTEGER PRIMARY KEY, key INTEGER NOT NULL, payload TEXT NOT NULL);"
      "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(kRows) +
      ")"
      "INSERT INTO data SELECT i, (i * 2654435761) % 4294967296, hex(zeroblob(180)) FROM n");
  return big_ = std::move(path);
}

const std::string& Data::shop() {
  if (!shop_.empty()) return shop_;
  std::string path = file("shop.db");
  Database database = made(path);
  make_shop(database);
  return shop_ = std::move(path);
}

const std::string& Data::jobs() {
  if (!jobs_.empty()) return jobs_;
  if (available_bytes() < kJobsMemory) throw Skip("less than 4 GB of memory are free");
  need_space(kJobsBytes);
  std::string path = file("jobs.db");
  Database database = made(path);
  database.run("PRAGMA cache_size=-200000");
  make_jobs(database, std::min(kRows, scale.jobs));
  return jobs_ = std::move(path);
}

const std::string& Data::jobs(std::int64_t count) {
  if (!counted_jobs_.empty()) std::filesystem::remove(counted_jobs_);
  counted_jobs_.clear();
  if (available_bytes() < kJobsMemory) throw Skip("less than 4 GB of memory are free");
  need_space(count * kBytesOfJob);
  std::string path = file("column_jobs.db");
  Database database = made(path);
  database.run("PRAGMA cache_size=-200000");
  make_jobs(database, count);
  return counted_jobs_ = std::move(path);
}

const std::string& Data::indexed_jobs() {
  if (!indexed_jobs_.empty()) return indexed_jobs_;
  const std::string& few = jobs();
  need_space(kIndexedJobsBytes);
  std::string path = file("indexed_jobs.db");
  std::filesystem::copy_file(few, path);
  Database database = made(path);
  // Enough for the table, which is read for each index, and to sort in memory.
  database.run("PRAGMA cache_size=-1200000; PRAGMA temp_store=memory");
  make_job_indexes(database);
  return indexed_jobs_ = std::move(path);
}

}  // namespace warden::bench
