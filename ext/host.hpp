// One copy of SQLite in this process: its routines, and what it can do, measured at load.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "sqlite_api.hpp"
#include "warden.hpp"

namespace warden::ext {

using vtab::Api;

/// What a copy of SQLite can do. Found out by trying, where that is possible: sqlite3_threadsafe() and the compile
/// options tell how it was built, not how the host configured it.
struct Capabilities {
  int version_number = 0;          // 3040001
  int threadsafe = 0;              // as compiled: 0, 1 or 2
  bool mutexes = false;            // its mutexes lock: another thread may call its process-wide functions
  bool accounting = false;         // sqlite3_memory_used moves, so heap limits work
  bool memory_management = false;  // SQLITE_ENABLE_MEMORY_MANAGEMENT
  bool trace = false;              // sqlite3_trace_v2 is there
  bool progress = false;           // sqlite3_progress_handler is there
  bool json = false;               // as compiled: the JSON functions
};

/// One per table of routines, at most vtab::kSlots, found again by the table's address; never destroyed. The image that
/// holds the copy is pinned, so the watchdog thread can call it until the process ends. Thread-safe.
class Host final : public Engine {
 public:
  /// The host of these routines, made at its first call. Throws vtab::error for the ninth copy and for one that is too
  /// old, std::bad_alloc.
  static Host& of(const Api* api);

  const Api* api() const noexcept { return api_; }
  int slot() const noexcept { return slot_; }
  const Capabilities& can() const noexcept { return can_; }
  /// The file that this copy lies in, as the loader knows it; empty where it knows none.
  const char* image() const noexcept { return image_; }

  std::optional<std::int64_t> memory_used() noexcept override;
  std::optional<std::int64_t> memory_peak() noexcept override;
  bool apply_limits(std::int64_t soft_bytes, std::int64_t hard_bytes) noexcept override;
  std::optional<std::int64_t> soft_limit() noexcept override;
  std::optional<std::int64_t> hard_limit() noexcept;
  /// True where the host itself set a soft limit lower than ours, which therefore stands.
  bool host_set_soft_limit() const noexcept { return host_soft_stands_.load(std::memory_order_relaxed); }

  /// A connection has this file object open: the id of one that has or had it too (those that are left know already that
  /// they share a cache), 0 if nobody has, -1 if that can't be told for want of memory; then it is not to be forgotten.
  std::int64_t note_file(const void* object, std::int64_t connection_id) noexcept;
  void forget_file(const void* object) noexcept;
  /// True once any two connections were found to share a cache, or one asked to.
  bool shares_caches() const noexcept { return shares_caches_.load(std::memory_order_relaxed); }
  void note_shared_cache() noexcept { shares_caches_.store(true, std::memory_order_relaxed); }

  Mutex& fork_lock() noexcept override { return lock_; }

 private:
  Host(const Api* api, int slot);

  const Api* api_;
  int slot_;
  const char* image_;
  Capabilities can_;

  Mutex lock_{LockRank::engine};  // guards what follows
  struct Opened {
    std::int64_t last_id = 0;  // the connection that opened it last
    int connections = 0;       // that have it open
  };
  std::unordered_map<const void*, Opened> files_;  // by file object
  std::int64_t host_soft_ = 0;                     // what the host had set; 0 = none
  std::int64_t host_hard_ = 0;
  std::int64_t our_soft_ = -1;  // what we set last; -1 = nothing
  std::int64_t our_hard_ = -1;
  std::atomic<bool> host_soft_stands_{false};
  std::atomic<bool> shares_caches_{false};
};

/// The oldest SQLite that can carry warden: SQLITE_DIRECTONLY and sqlite3_hard_heap_limit64 came with it.
inline constexpr int kOldestVersion = 3031000;

}  // namespace warden::ext
