// DuckDB beside the columns of jobs: its package for Node.js, which ./run puts into the build directory.
#pragma once

#include <memory>
#include <string>

#include "answerer.hpp"

namespace warden::bench {

/// Threads that it may use, as many as this machine of two cores has.
inline constexpr const char* kDuckdbThreads = "2";

/// A process with DuckDB on the database `file`. Throws Skip where there is none.
std::unique_ptr<Answerer> start_duckdb(const std::string& file);

}  // namespace warden::bench
