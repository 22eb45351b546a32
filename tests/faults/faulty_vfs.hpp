// A file system that fails on demand: a shim over SQLite's own. Each of its calls is counted by its kind; one of them, or all
// from it on, then end in an error of that kind, a short read, or a page of garbage.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace warden::test {

/// The calls of a file system that can fail.
enum class Call { read, write, sync, truncate, open, lock, access, file_size, shm_map, shm_lock, remove };
inline constexpr std::size_t kCalls = 11;

/// A kind of call, what it ends with, and its name.
struct Fault {
  Call call;
  int code;  // an extended result code; SQLITE_IOERR_SHORT_READ is a short read
  const char* name;
  bool garbage = false;  // the call succeeds, with bytes that are none of the file's
};
/// All that are tried.
const std::vector<Fault>& all_faults();

/// The name under which it is registered at its first use; for sqlite3_open_v2().
const char* faulty_vfs();

/// From now on the `place`-th call of the fault's kind fails, with `lasting` all after it too. The counts begin anew.
void plan_fault(const Fault& fault, std::int64_t place, bool lasting);
/// No call fails any more. Returns how many did.
std::int64_t cancel_fault();
/// Calls of a kind since the last plan.
std::int64_t calls_counted(Call call);

}  // namespace warden::test
