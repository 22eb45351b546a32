// Allocations that fail on demand: those of SQLite, through its own configuration, and those that warden makes itself,
// through a malloc of this program.
//
// An allocation fails only on a thread that is within an `Armed`, which tests put around calls of SQLite and around nothing
// else. Warden's are told by where they come from: the code of warden.so, which has its own operator new. Sanitizers have a
// malloc of their own, and their builds of warden.so no operator new: there it is that operator which this program replaces.
#pragma once

#include <cstdint>

namespace warden::test {

enum class Heap { sqlite, warden };

/// Which allocations fail: the `first`, counted from 1, and with `lasting` all after it, or with `second` the one that is so
/// many later; or each `every`-th, for several threads at once.
struct FailurePlan {
  Heap heap = Heap::sqlite;
  std::int64_t first = 0;  // 0: none, but for `every`
  bool lasting = false;
  std::int64_t second = 0;
  std::int64_t every = 0;
};

/// Configures SQLite anew, without lookaside memory, so that each allocation can fail. For a child only: connections of its
/// parent must not be used any more. Warden's code must not have been unloaded after.
void make_allocations_fail_on_demand();

/// From now on, within an Armed of any thread; the counts begin anew.
void plan_failure(const FailurePlan& plan);
/// No allocation fails any more. Returns how many did.
std::int64_t cancel_failure();
/// Allocations of the planned heap, within an Armed, since the last plan.
std::int64_t allocations_counted();

/// Blocks and bytes that SQLite, and blocks that warden.so has allocated and not freed. (With sanitizers the latter are not
/// known: 0, and LeakSanitizer is asked instead.)
std::int64_t sqlite_blocks();
std::int64_t warden_blocks();
/// False where LeakSanitizer is there, and found a leak.
bool no_leak_is_found();

/// What the thread allocates meanwhile may fail.
class Armed {
 public:
  Armed();
  ~Armed();
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
};

}  // namespace warden::test
