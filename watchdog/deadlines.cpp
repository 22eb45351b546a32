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
  std::int64_t next_ns = now_ns + kIdleNs;
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    if (const std::int64_t timeout = timeout_ns(*c); timeout > 0)
      next_ns = std::min(next_ns, now_ns + timeout);
    next_ns = std::min(next_ns, look_at(*c, now_ns));
  }
  return std::max(next_ns, now_ns + kShortestNs);
}

std::int64_t Deadlines::look_at(Connection& connection, std::int64_t now_ns) noexcept {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  const std::int64_t seq = connection.activity.running_seq();
  if (seq == 0) return kNever;
  if (const std::int64_t again_ns = assert_again(warden_, connection, now_ns); again_ns != 0) return again_ns;
  // Read after the number: so it is this statement's, or a later one's, and then the cancellation does nothing.
  const std::int64_t deadline_ns = connection.activity.deadline_ns();
  if (deadline_ns == 0 || connection.cancellation.asked_seq.load(std::memory_order_relaxed) == seq)
    return kNever;
  if (now_ns < deadline_ns) return deadline_ns;
  // If the connection is to be had, nobody is inside: the statement is not running at all (it has come to nothing, or its
  // end was not told), or it waits for its host between two steps. To be interrupted there would hit what the host runs
  // next, and within a transaction that may be a write, which SQLite answers with a rollback of everything: so not there.
  // Where that can't be found out, not within a transaction.
  const bool writers = warden_.hot.timeout_writes.load(std::memory_order_relaxed);
  const bool outside = connection.try_measure(Depth::cache);
  if (connection.activity.running_seq() != seq) return kNever;
  if ((outside || !connection.touchable()) && !writers && connection.activity.in_transaction())
    return now_ns + kRetryNs;
  if (cancel(warden_, connection, seq, writers, {"deadline"})) {
    cancelled_.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t late_ns = monotonic_ns() - deadline_ns;
    if (late_ns > latest_by_ns_.load(std::memory_order_relaxed))
      latest_by_ns_.store(late_ns, std::memory_order_relaxed);
    if (const std::int64_t again_ns = assert_again(warden_, connection, 0); again_ns != 0) return again_ns;
  }
  return kNever;
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
