// A thread of warden's own inside somebody else's process.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>

#include "lock_order.hpp"

namespace warden {

/// A thread that looks, sleeps, and looks again. It blocks every signal, has a name and a small stack, starts when
/// ensure_running() is first called while it is wanted, and is joined at exit. After fork() the child has none until its
/// next use of warden starts one. Thread-safe, but for the members around fork. A derived class ends the thread in its
/// own destructor (stop_for_good); the process's own workers are never destroyed.
class Worker {
 public:
  /// `name`: at most 15 characters, static. `rank`: of the lock for starting and ending the thread.
  Worker(const char* name, LockRank rank) noexcept : name_(name), control_lock_(rank) {}
  virtual ~Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Starts the thread if it is wanted and does not run. False where it could not be had: start_error() says why.
  bool ensure_running() noexcept;
  bool running() const noexcept { return running_.load(std::memory_order_acquire); }
  /// Ends the sleep early: at once if urgent, else when the worker sees fit. Costs a system call at most once per look.
  void wake(bool urgent) noexcept;
  /// Ends the thread and keeps it from starting again: for exit.
  void stop_for_good() noexcept;

  /// errno of the last start that failed; 0 = none did.
  int start_error() noexcept;
  bool ended_for_good() noexcept;
  /// CPU time of the thread so far, nanoseconds; 0 while none runs.
  std::int64_t cpu_ns() noexcept;

  // Around fork(): control before all other locks, sleep after them, since it may be woken under any.
  void lock_control_for_fork() noexcept { control_lock_.lock(); }
  void lock_sleep_for_fork() noexcept { sleep_lock_.lock_another(); }
  void unlock_sleep_after_fork(bool in_child) noexcept;
  void unlock_control_after_fork() noexcept { control_lock_.unlock(); }

 protected:
  /// Shall the thread run, or go on running?
  virtual bool wanted() noexcept = 0;
  /// On the thread that starts it, just before; undone by ended().
  virtual void starting() noexcept {}
  /// One round of work, on the thread; returns when to look again, monotonic.
  virtual std::int64_t look_and_tell_next_ns() noexcept = 0;
  /// Sleeps until then, or until woken.
  virtual void sleep_until(std::int64_t until_ns) noexcept;
  /// On the thread, at its end, or where it could not be started.
  virtual void ended() noexcept {}

  bool stopping() const noexcept { return stop_.load(std::memory_order_acquire); }

  // What the thread sleeps on. Not a descriptor: a host may close every number it does not know, and a write to ours
  // would then go to whatever has it next, a database perhaps.
  Mutex sleep_lock_{LockRank::sleep};  // guards the two flags
  std::condition_variable wake_up_;
  bool woken_ = false;
  bool woken_urgently_ = false;

 private:
  static void* thread_main(void* self);
  void run() noexcept;
  void join() noexcept;

  const char* const name_;
  Mutex control_lock_;  // starting and ending the thread
  pthread_t thread_{};
  bool joinable_ = false;
  bool ended_for_good_ = false;
  int start_error_ = 0;
  std::atomic<bool> running_{false};
  std::atomic<bool> stop_{false};
};

}  // namespace warden
