// What the fault tests count, in memory that their children share.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace warden::test {

struct Figures {
  std::atomic<std::int64_t> operations;      // different ones
  std::atomic<std::int64_t> sqlite_once;     // runs with one allocation of SQLite's failed
  std::atomic<std::int64_t> sqlite_lasting;  // ... and with all after it
  std::atomic<std::int64_t> sqlite_twice;    // ... and with another one a little later
  std::atomic<std::int64_t> warden_once;     // the same for warden's own
  std::atomic<std::int64_t> warden_lasting;
  std::atomic<std::int64_t> warden_twice;
  std::atomic<std::int64_t> with_deadline;     // runs out of memory and of time
  std::atomic<std::int64_t> interrupts;        // runs interrupted at one operation of SQLite's machine
  std::atomic<std::int64_t> interrupts_fresh;  // ... on a new connection each time
  std::atomic<std::int64_t> io_once;           // runs with one call of the file system failed
  std::atomic<std::int64_t> io_lasting;
};

/// The process's, shared with its children.
Figures& figures();

/// Every place is tried, not a sample: TEST_SECONDS is set, as `./run test --long` does.
inline bool is_thorough() { return std::getenv("TEST_SECONDS") != nullptr; }

/// True in the builds of AddressSanitizer, ThreadSanitizer and gcov, which take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(WARDEN_COUNTS_PROGRAM)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// TEST_SEED, or another number each time: chooses which places are tried by default.
std::uint64_t places_seed();

}  // namespace warden::test
