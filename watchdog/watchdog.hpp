// The thread: looks, decides, acts, records, sleeps.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "policy.hpp"
#include "pressure.hpp"
#include "worker.hpp"

namespace warden {

class Connection;
class Warden;

/// The watchdog thread (see Worker); it starts with the first connection and is named "warden". In a tick it allocates
/// nothing (its lists grow with the number of connections, between ticks) and waits for nothing of the host's.
class Watchdog final : public Worker {
 public:
  explicit Watchdog(Warden& warden) : Worker("warden", LockRank::watchdog_thread), warden_(warden) {}
  ~Watchdog() override { stop_for_good(); }  // ends the thread; the process's own is never destroyed

  /// One look and what follows from it, on the caller's thread; milliseconds until the next. What the thread does, for
  /// tests and for hosts whose thread can't be had.
  std::int64_t tick() noexcept;

  /// A sentence for warden_checks. Throws std::bad_alloc.
  std::string status();
  std::string pressure_status();
  std::uint64_t looks() const noexcept { return looks_.load(std::memory_order_relaxed); }

  // fork() waits for the look that is under way, so that the child inherits no lock of SQLite or malloc held by it.
  void lock_for_fork() noexcept;
  void unlock_after_fork(bool in_child) noexcept;

 private:
  bool wanted() noexcept override;
  void starting() noexcept override;
  std::int64_t look_and_tell_next_ns() noexcept override;
  void sleep_until(std::int64_t until_ns) noexcept override;
  void ended() noexcept override;
  std::int64_t look() noexcept;  // tick(), with the lock held
  bool pressure_signalled() noexcept;
  void watch_pressure(PressureRequest request) noexcept;
  void take_readings(std::int64_t now_ns, Reading& reading) noexcept;
  void forget_dry_run() noexcept;
  void warn_of_files(int error, std::int64_t now_ms) noexcept;
  void weigh(std::int64_t now_ns, Reading& reading) noexcept;
  void cancel_heaviest(const Settings& settings, const Reading& reading) noexcept;
  void warn_of_idle_transactions(const Settings& settings) noexcept;
  void give_back_cancelled(const Settings& settings, std::int64_t now_ns) noexcept;
  void close_cancelled(const Settings& settings, const Reading& reading, std::int64_t now_ns) noexcept;
  void act(const Settings& settings, std::size_t decisions) noexcept;
  void trim_if_due(const Settings& settings, Reading& reading) noexcept;
  void sample(const Settings& settings, const Reading& reading, const struct SystemReading& system) noexcept;

  Warden& warden_;

  std::atomic<std::uint64_t> looks_{0};
  std::atomic<std::int64_t> last_look_ns_{0};

  Mutex tick_lock_{LockRank::tick};  // held through a look; guards what follows
  PolicyMemory memory_;
  std::vector<ConnectionReading> connections_;
  std::vector<Decision> decisions_;
  PressureWatch pressure_;
  bool pressure_signal_ = false;
  bool was_dry_run_ = false;
  std::int64_t weighed_sqlite_bytes_ = 0;  // of SQLite's memory: what statements were given their share of
  bool cancelled_ = false;      // a cancelled statement has ended, and what it took is yet to be given back
  bool cancelled_one_ = false;  // this look has cancelled a statement
  bool release_soon_ = false;   // its connection could not be had: again at once
  std::int64_t held_back_bytes_ = -1;  // found in this look; -1 = not looked at
  std::int64_t last_sample_ms_ = 0;
  std::int64_t last_relocated_ms_ = 0;
  bool located_ = false;                 // the cgroup was looked for, and /proc told
  std::int64_t last_limit_bytes_ = 0;    // what this process could have, in the last look
  std::int64_t warned_of_files_ms_ = 0;  // 0 = never
  Level last_level_ = Level::calm;
};

}  // namespace warden
