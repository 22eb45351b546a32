// The thread: looks, decides, acts, records, sleeps.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "policy.hpp"
#include "pressure.hpp"

namespace warden {

class Connection;
class Warden;

/// The watchdog thread. It starts with the first connection, blocks every signal, is named "warden", and is joined at
/// exit. After fork() the child has none until its next use of warden starts one. In a tick it allocates nothing (its
/// lists grow with the number of connections, between ticks) and waits for nothing of the host's.
/// Thread-safe, but for the members around fork.
class Watchdog {
 public:
  explicit Watchdog(Warden& warden) : warden_(warden) {}
  ~Watchdog();  // ends the thread; the process's own is never destroyed
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Starts the thread if it is wanted and does not run. False where it could not be had: status() says why.
  bool ensure_running() noexcept;
  bool running() const noexcept { return running_.load(std::memory_order_acquire); }
  /// Ends the sleep early: at once if urgent, else not sooner than 50 ms after the last look. Costs a system call at
  /// most once per look.
  void wake(bool urgent) noexcept;
  /// Ends the thread and keeps it from starting again: for exit.
  void stop_for_good() noexcept;

  /// One look and what follows from it, on the caller's thread; milliseconds until the next. What the thread does, for
  /// tests and for hosts whose thread can't be had.
  std::int64_t tick() noexcept;

  /// A sentence for warden_checks. Throws std::bad_alloc.
  std::string status();
  std::string pressure_status();
  std::uint64_t looks() const noexcept { return looks_.load(std::memory_order_relaxed); }
  /// CPU time of the thread so far, nanoseconds; 0 while none runs.
  std::int64_t cpu_ns() noexcept;

  // fork() waits for the look that is under way, so that the child inherits no lock of SQLite or malloc held by it.
  void lock_for_fork() noexcept;
  void unlock_after_fork(bool in_child) noexcept;

 private:
  static void* thread_main(void* self);
  void run() noexcept;
  void watch_pressure() noexcept;
  void sleep(std::int64_t wait_ms) noexcept;
  bool pressure_signalled() noexcept;
  void take_readings(std::int64_t now_ns, Reading& reading) noexcept;
  void forget_dry_run() noexcept;
  void act(const Settings& settings, std::size_t decisions) noexcept;
  void trim_if_due(const Settings& settings, Reading& reading) noexcept;
  void sample(const Settings& settings, const Reading& reading, const struct SystemReading& system) noexcept;

  Warden& warden_;

  std::mutex control_lock_;  // starting and ending the thread
  pthread_t thread_{};
  bool joinable_ = false;
  bool ended_for_good_ = false;
  int start_error_ = 0;
  std::atomic<bool> running_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> looks_{0};
  std::atomic<std::int64_t> last_look_ns_{0};

  // What the thread sleeps on. Not a descriptor: a host may close every number it does not know, and a write to ours
  // would then go to whatever has it next, a database perhaps.
  std::mutex sleep_lock_;  // a leaf; guards the two flags
  std::condition_variable wake_up_;
  bool woken_ = false;
  bool woken_urgently_ = false;

  std::mutex tick_lock_;  // held through a look; guards what follows
  PolicyMemory memory_;
  std::vector<ConnectionReading> connections_;
  std::vector<Decision> decisions_;
  PressureWatch pressure_;
  bool pressure_signal_ = false;
  bool was_dry_run_ = false;
  std::int64_t held_back_bytes_ = -1;  // found in this look; -1 = not looked at
  std::int64_t last_sample_ms_ = 0;
  std::int64_t last_relocated_ms_ = 0;
  Level last_level_ = Level::calm;
};

}  // namespace warden
