#include "duckdb.hpp"

#include <filesystem>

namespace warden::bench {

std::unique_ptr<Answerer> start_duckdb(const std::string& file) {
  if (!std::filesystem::exists(std::string(WARDEN_DUCKDB) + "/node_modules/@duckdb/node-api"))
    throw Skip("no DuckDB in " WARDEN_DUCKDB ", where ./run bench puts it if there are node and npm");
  auto duckdb = std::make_unique<Answerer>(std::vector<std::string>{"node", WARDEN_BENCH_SOURCE "/duckdb.mjs",
                                                                    WARDEN_DUCKDB, file, kDuckdbThreads});
  duckdb->ms("SELECT 1");
  return duckdb;
}

}  // namespace warden::bench
