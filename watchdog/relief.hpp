// Carrying decisions out, and the record of it: what was measured before, what was done, what was measured after.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lock_order.hpp"
#include "policy.hpp"
#include "registry.hpp"

namespace warden {

class Warden;

/// What led to an action, for its row.
struct Cause {
  std::string_view reason;
  std::int64_t measured_bytes = kUnknown;
  std::int64_t threshold_bytes = kUnknown;
};

/// Releases `connection` if that can be done now from this thread, and records it; bytes given back. Else asks it to
/// release at its next safe point and returns nothing. With dry_run only the record is made. Any thread.
std::optional<std::int64_t> release(Warden& warden, Connection& connection, const Cause& cause,
                                    bool dry_run) noexcept;

/// The same on the connection's own thread, which is inside SQLite: `give_back` returns the bytes that the cache fell by.
template <class GiveBack>
std::int64_t release_own(Warden& warden, Connection& connection, const Cause& cause,
                         GiveBack&& give_back) noexcept;

/// Trims the allocator and records it; bytes that resident memory fell by (0 with dry_run). Any thread; other threads'
/// malloc may wait meanwhile.
std::int64_t trim(Warden& warden, const Cause& cause, bool dry_run) noexcept;

/// What malloc plausibly holds back, and whether that is so now.
struct HeldBack {
  std::int64_t bytes = 0;
  bool fresh = true;  // false: malloc could not be asked again yet, or another asks it just now
};

/// What malloc plausibly holds back, resident and free; 0 where it does not tell, and where resident memory shows that
/// it can't be more than `least_bytes`. An upper bound: what lies between live blocks can't be given back. Any thread;
/// malloc is asked rarely enough that its walk costs at most 1 % of the time, so the answer may be old, and says so.
HeldBack held_back(Warden& warden, std::int64_t least_bytes) noexcept;

/// A leaf lock that must be free in a child after fork().
Mutex& allocator_fork_lock() noexcept;

namespace detail {

/// Measures around an action and writes its row.
class Record {
 public:
  Record(Warden& warden, Action action, const Connection* connection, const Cause& cause) noexcept;
  /// Writes the row; bytes that resident memory fell by.
  std::int64_t done(bool dry_run) noexcept;
  std::int64_t sqlite_before() const noexcept { return event_.sqlite_before_bytes; }

 private:
  Warden& warden_;
  Event event_;
  std::int64_t began_ns_;
};

void after_release(Warden& warden, Connection& connection, std::int64_t bytes) noexcept;

}  // namespace detail

template <class GiveBack>
std::int64_t release_own(Warden& warden, Connection& connection, const Cause& cause,
                         GiveBack&& give_back) noexcept {
  detail::Record record(warden, Action::release, &connection, cause);
  const std::int64_t bytes = give_back();
  record.done(false);
  detail::after_release(warden, connection, bytes);
  return bytes;
}

}  // namespace warden
