// The decisions, as pure functions of numbers: no clock, no file, no lock, nothing of SQLite. A recorded series of
// readings is a test.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "journal.hpp"
#include "settings.hpp"

namespace warden {

/// One connection at the time of a look.
struct ConnectionReading {
  std::int64_t id = 0;
  std::int64_t cache_bytes = 0;   // last known
  std::int64_t idle_ms = 0;       // since its last statement ended; 0 while one runs
  std::int64_t asked_ago_ms = 0;  // since it was last asked to release; a large number for never
  bool running = false;
  bool stale = false;            // not measured since the running statement began: it may hold any amount
  bool touchable = false;        // another thread may release it
  bool released = false;         // nothing ran since its last release: nothing more can be had
  std::int64_t floor_bytes = 0;  // of cache_bytes, what a release leaves: pinned pages, an in-memory database
  std::int64_t statement_seq = 0;  // of the running statement; 0 = none runs
  std::int64_t weight_bytes = 0;  // what that statement is estimated to hold, its connection's cache included
  std::int64_t faults = 0;        // pages that its thread touched first since the last look
  bool writes = false;            // it writes
  bool cancelled = false;         // it was cancelled already, and has not ended yet
  std::int64_t cancelled_ago_ms = 0;  // and how long ago
  bool in_transaction = false;
};

/// Everything that one look found; every rule judges these same numbers.
struct Reading {
  std::int64_t now_ms = 0;  // monotonic
  std::int64_t sqlite_bytes =
      0;  // used by SQLite in this process, all copies; the caches where it is not accounted
  std::int64_t held_back_bytes = 0;  // freed, but kept by malloc; 0 where unknown
  double pressure_ratio = 0;         // share of time that tasks of this cgroup or system wait for memory
  bool pressure_signal = false;      // the kernel or the service manager has just said so
  bool freed = false;  // memory was freed since the last trim: by a release, or by statements that ended
  int running = 0;     // connections that run a statement
};

/// What the rules remember from look to look. One per process; the caller keeps it, decide() changes it.
struct PolicyMemory {
  bool relieving = false;                   // above release_above, and not yet below release_to
  std::int64_t pressure_since_ms = -1;      // -1 = no pressure
  std::int64_t pressure_acted_ms = -1;      // last time that pressure made us release
  std::int64_t trimmed_ms = -1;             // last trim; -1 = never
  std::int64_t trim_pause_ms = 0;           // what a trim without result adds to trim_interval_ms
  std::int64_t above_cancel_since_ms = -1;  // -1 = not above cancel_above
  std::int64_t cancelled_ms = -1;           // last time that a statement was cancelled for its weight
};

/// What to do about one connection: release it now if that is possible, else ask it to. The reason is static text.
struct Decision {
  std::int64_t connection_id = 0;
  std::string_view reason;
  std::int64_t measured_bytes = 0;
  std::int64_t threshold_bytes = 0;
};

/// Decides which connections shall release, in this order of means: those idle for idle_release_ms; the largest idle
/// ones while idle connections together keep more than idle_keep; under memory pressure all idle ones; above
/// release_above idle ones, by bytes times time idle, until below release_to; busy ones only when all that is not
/// enough and SQLite is beyond its budget or the system is short. `connections` is sorted in place. Returns how many
/// decisions were written to `out` (at most one per connection). Allocates nothing.
std::size_t decide(const Settings& settings, const Reading& reading, PolicyMemory& memory,
                   std::span<ConnectionReading> connections, std::span<Decision> out) noexcept;

/// The statement to cancel.
struct Victim {
  std::int64_t connection_id = 0;
  std::int64_t statement_seq = 0;
  bool writes = false;
  std::int64_t weight_bytes = 0;
};

/// Chooses a statement to cancel when SQLite has been above cancel_above for cancel_after_ms although decide() has had all
/// that is idle released: the heaviest that only reads, or if none does the heaviest of all. Then the others have
/// cancel_after_ms of grace, and so they have while one that was cancelled has yet to end. Call it after decide(), in
/// every look.
std::optional<Victim> decide_cancel(const Settings& settings, const Reading& reading, PolicyMemory& memory,
                                    std::span<const ConnectionReading> connections) noexcept;

/// True where a transaction has been left open for transaction_idle_ms with no statement running.
bool transaction_is_idle(const Settings& settings, const ConnectionReading& connection) noexcept;

/// Whether to trim now. `relieved` = a connection was released in this look.
bool wants_trim(const Settings& settings, const Reading& reading, const PolicyMemory& memory) noexcept;

/// After a trim: `returned_bytes` of `promised_bytes` went back. One that returned next to nothing is not repeated soon.
void note_trim(PolicyMemory& memory, std::int64_t now_ms, std::int64_t promised_bytes,
               std::int64_t returned_bytes) noexcept;

Level level_of(const Settings& settings, const Reading& reading, const PolicyMemory& memory) noexcept;

/// Milliseconds until the next look: time for the fastest growth that was measured to use up the headroom, 50 to 1000,
/// and not later than the next connection becomes due for release. `connections` as decide() left them.
std::int64_t next_look_ms(const Settings& settings, const Reading& reading, const PolicyMemory& memory,
                          std::span<const ConnectionReading> connections) noexcept;

}  // namespace warden
