#include <stdlib.h>

#include <filesystem>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"
#include "workload.hpp"

namespace warden::bench {
namespace {

constexpr std::int64_t kNeededBytes = 1'000'000'000;

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

const std::string& Data::big() {
  if (!big_.empty()) return big_;
  if (const auto space = std::filesystem::space(directory_);
      space.available < static_cast<std::uintmax_t>(kNeededBytes)) {
    throw Skip(directory_ + " has less than 1 GB free; TMPDIR names another place");
  }
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

}  // namespace warden::bench
