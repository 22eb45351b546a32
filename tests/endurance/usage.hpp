// What the process holds at a moment when nothing runs, and all that is idle was given back.
#pragma once

#include <cstdint>

#include "tests/ext/host.hpp"

namespace warden::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/// A sanitizer keeps what was freed and has an allocator of its own: memory tells nothing then.
inline constexpr bool kMemoryTells = false;
#else
inline constexpr bool kMemoryTells = true;
#endif

struct Usage {
  double at_s = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t sqlite_bytes = 0;  // sqlite3_memory_used
  std::int64_t heap_bytes = 0;    // in use, as malloc counts it
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
  std::int64_t events = 0;   // rows
  std::int64_t samples = 0;  // rows
  std::int64_t shapes = 0;   // rows of warden_statements
  std::int64_t last_event = 0;

  /// What is neither SQLite's nor free: warden's own memory, and the few things of the test.
  std::int64_t beside_bytes() const { return heap_bytes - sqlite_bytes; }
};

/// Gives back what can be given back, and measures. Appends to `problems` what is not as promised of rings and numbers.
Usage measure(const Db& db, double at_s, std::vector<std::string>& problems);

}  // namespace warden::test
