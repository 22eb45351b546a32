// The thread that ends statements whose time is over.
//
// It is a thread of its own, not the watchdog's: a release of a large cache or a trim of a large heap takes a tenth of a
// second and more, and just when one statement was cancelled and its memory is given back, the next may be due.
//
// A statement's deadline is published by its own thread as two stores; nothing is queued and nobody is woken. Instead the
// thread looks at all connections when the nearest known deadline is due, and at least once in the shortest time that a
// statement may take: a statement that begins right after a look cannot be due before the next. So a deadline of 30 s
// costs a look every 30 s, one of 5 ms a look every 5 ms (some 10 us with 100 connections).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "worker.hpp"

namespace warden {

class Connection;
class Warden;

/// See above, and Worker. It starts when the first statement has a deadline, or was cancelled.
class Deadlines final : public Worker {
 public:
  explicit Deadlines(Warden& warden)
      : Worker("warden-deadline", LockRank::deadlines_thread), warden_(warden) {}
  ~Deadlines() override { stop_for_good(); }

  /// What a statement that begins now on this connection may take, nanoseconds; 0 = no deadline.
  std::int64_t timeout_ns(const Connection& connection) const noexcept;

  /// One look at all connections, which cancels what is due; when to look again, monotonic. What the thread does.
  std::int64_t look(std::int64_t now_ns) noexcept;

  /// Held through a look, so that fork() waits for it: the child inherits no lock of SQLite held by this thread.
  Mutex& look_lock() noexcept { return look_lock_; }

  /// A sentence for warden_checks. Throws std::bad_alloc.
  std::string status();
  /// Statements cancelled at their deadlines, and how late the latest of them was, nanoseconds.
  std::int64_t cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  std::int64_t latest_by_ns() const noexcept { return latest_by_ns_.load(std::memory_order_relaxed); }

 private:
  bool wanted() noexcept override;
  std::int64_t look_and_tell_next_ns() noexcept override;
  std::int64_t look_at(Connection& connection, std::int64_t now_ns) noexcept;
  bool may_interrupt(Connection& connection, std::int64_t seq) noexcept;

  Warden& warden_;
  Mutex look_lock_{LockRank::deadlines_look};
  std::atomic<std::int64_t> cancelled_{0};
  std::atomic<std::int64_t> latest_by_ns_{0};
};

}  // namespace warden
