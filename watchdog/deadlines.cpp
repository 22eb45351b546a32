#include "deadlines.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "cancellation.hpp"
#include "clock.hpp"
#include "registry.hpp"
#include "relief.hpp"
#include "warden.hpp"

namespace warden {
namespace {

/// With no deadline in force the thread waits to be woken; it looks up once an hour all the same.
constexpr std::int64_t kIdleNs = 3'600'000'000'000;
/// How soon a statement is looked at again that must not be interrupted just now.
constexpr std::int64_t kRetryNs = 5'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
/// Not more often than this, whatever was asked for.
constexpr std::int64_t kShortestNs = 500'000;

}  // namespace

std::int64_t Deadlines::timeout_ns(const Connection& connection) const noexcept {
  const std::int64_t own_ms = connection.timeout_ms.load(std::memory_order_relaxed);
  return own_ms < 0 ? warden_.hot.statement_timeout_ns.load(std::memory_order_relaxed) : own_ms * 1'000'000;
}

bool Deadlines::wanted() noexcept { return warden_.current().watchdog; }

std::int64_t Deadlines::look_and_tell_next_ns() noexcept { return look(monotonic_ns()); }

std::int64_t Deadlines::look(std::int64_t now_ns) noexcept {
  const std::lock_guard held(look_lock_);
  std::int64_t next_ns = now_ns + kIdleNs;
  // The setting counts where no connection has it yet, too: the next that opens does, and wakes nobody.
  if (const std::int64_t timeout = warden_.hot.statement_timeout_ns.load(std::memory_order_relaxed);
      timeout > 0)
    next_ns = std::min(next_ns, now_ns + timeout);
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    if (const std::int64_t timeout = timeout_ns(*c); timeout > 0)
      next_ns = std::min(next_ns, now_ns + timeout);
    next_ns = std::min(next_ns, look_at(*c, now_ns));
  }
  return std::max(next_ns, now_ns + kShortestNs);
}

std::int64_t Deadlines::look_at(Connection& connection, std::int64_t now_ns) noexcept {
  const std::int64_t seq = connection.activity.running_seq();
  if (seq == 0) return kNever;
  if (connection.activity.interrupted_seq() == seq) {
    const std::int64_t again_ns = assert_again(warden_, connection, now_ns);
    return again_ns == 0 ? kNever : again_ns;
  }
  // Read after the number: so it is this statement's, or a later one's, and then the cancellation does nothing.
  const std::int64_t deadline_ns = connection.activity.deadline_ns();
  if (deadline_ns == 0) return kNever;
  if (now_ns < deadline_ns) return deadline_ns;
  if (!may_interrupt(connection, seq))
    return connection.activity.running_seq() == seq ? now_ns + kRetryNs : kNever;
  const bool writers = warden_.hot.timeout_writes.load(std::memory_order_relaxed);
  if (!cancel(warden_, connection, seq, writers, {"deadline"})) return kNever;
  cancelled_.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t late_ns = monotonic_ns() - deadline_ns;
  if (late_ns > latest_by_ns_.load(std::memory_order_relaxed))
    latest_by_ns_.store(late_ns, std::memory_order_relaxed);
  return now_ns + kRetryNs;
}

bool Deadlines::may_interrupt(Connection& connection, std::int64_t seq) noexcept {
  const bool within =
      !warden_.hot.timeout_writes.load(std::memory_order_relaxed);  // a transaction is protected
  switch (connection.look_inside()) {
    case Connection::Inside::nobody:
      // The statement is not running at all (it has come to nothing, or its end was not told, and that is known now), or
      // it waits for its host between two steps. To be interrupted there would hit what the host runs next, and within a
      // transaction that may be a write, which SQLite answers with a rollback of everything.
      return connection.activity.running_seq() == seq && !(within && connection.activity.in_transaction());
    case Connection::Inside::somebody:
      // Where an attempt has come to nothing, who is inside may be about to run something else. What SQLite prepares anew
      // stays inside; so it must be seen twice.
      if (!connection.activity.suspended()) return true;
      return connection.cancellation.seen_suspended.exchange(seq, std::memory_order_relaxed) == seq;
    case Connection::Inside::unknown:
      break;
  }
  // Another thread of warden's looks at it just now; or it can't be found out, and then not within a transaction.
  return !connection.touchable() && !(within && connection.activity.in_transaction());
}

std::string Deadlines::status() {
  if (running()) {
    return "the thread \"warden-deadline\" runs; " + std::to_string(cancelled()) +
           " statements cancelled at their deadlines, at most " + std::to_string(latest_by_ns() / 1000) +
           " us late";
  }
  if (!wanted()) return "switched off by the setting watchdog";
  if (const int error = start_error(); error != 0)
    return "the thread could not be started: " + std::string(std::strerror(error));
  return ended_for_good() ? "the process is exiting" : "no statement has had a deadline yet";
}

}  // namespace warden
