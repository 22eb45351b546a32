#include "relief.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "allocator.hpp"
#include "clock.hpp"
#include "warden.hpp"

namespace warden {
namespace {

/// Anonymous memory that malloc has no part in (stacks, a garbage collector's heap), and what trimming could not get:
/// measured after each trim. Process-wide, as malloc is.
std::atomic<std::int64_t> baseline_bytes{0};

/// malloc's answer is a walk along its free lists with its locks held: 0.2 us for a compact heap, up to 220 ms for
/// 500 000 scattered chunks (measured). So it is asked at most for a hundredth of the time. CPU time: that of a walk in
/// which the thread had to wait for its turn would keep malloc from being asked for long.
constexpr std::int64_t kAskCostFactor = 100;

constinit Mutex allocator_lock{LockRank::allocator};  // only tried, but for fork()
AllocatorReading last_reading;
std::int64_t last_asked_ns = 0;
std::int64_t last_cost_ns = 0;

struct Answer {
  AllocatorReading reading;
  bool fresh = false;
};

Answer ask_allocator(bool now) noexcept {
  const std::unique_lock held(allocator_lock, std::try_to_lock);
  if (!held.owns_lock()) return {};
  if (!now && monotonic_ns() - last_asked_ns < kAskCostFactor * last_cost_ns) return {last_reading, false};
  const std::int64_t began_ns = thread_cpu_ns();
  last_reading = read_allocator();
  last_cost_ns = thread_cpu_ns() - began_ns;
  last_asked_ns = monotonic_ns();
  return {last_reading, true};
}

}  // namespace

Mutex& allocator_fork_lock() noexcept { return allocator_lock; }

namespace detail {

Record::Record(Warden& warden, Action action, const Connection* connection, const Cause& cause) noexcept
    : warden_(warden) {
  event_.action = action;
  event_.reason = cause.reason;
  event_.measured_bytes = cause.measured_bytes;
  event_.threshold_bytes = cause.threshold_bytes;
  if (connection != nullptr) {
    event_.connection_id = connection->id;
    event_.label = connection->label();
  }
  event_.sqlite_before_bytes = warden.sqlite_bytes();
  event_.rss_before_bytes = warden.read_process().rss_bytes.value_or(kUnknown);
  began_ns_ = monotonic_ns();
}

std::int64_t Record::done(bool dry_run) noexcept {
  event_.took_us = (monotonic_ns() - began_ns_) / 1000;
  event_.dry_run = dry_run;
  event_.sqlite_after_bytes = warden_.sqlite_bytes();
  event_.rss_after_bytes = warden_.read_process().rss_bytes.value_or(kUnknown);
  warden_.journal.record(event_);
  return event_.rss_before_bytes - event_.rss_after_bytes;
}

void after_release(Warden& warden, Connection& connection, std::int64_t bytes) noexcept {
  connection.note_release(bytes, monotonic_ns());
  connection.take_back(Connection::kRelease);
  warden.note_freed();
}

}  // namespace detail

std::optional<std::int64_t> release(Warden& warden, Connection& connection, const Cause& cause,
                                    bool dry_run) noexcept {
  if (dry_run) {
    detail::Record(warden, Action::release, &connection, cause).done(true);
    // As if it had been done: the same decision is not to be recorded at every tick.
    connection.released_ns.store(monotonic_ns(), std::memory_order_relaxed);
    connection.asked_ns.store(monotonic_ns(), std::memory_order_relaxed);
    return std::nullopt;
  }
  if (connection.touchable()) {
    detail::Record record(warden, Action::release, &connection, cause);
    if (const auto bytes = connection.try_release()) {
      record.done(false);
      detail::after_release(warden, connection, *bytes);
      // Got between two steps: as good as a request, and not to be repeated sooner than one.
      if (connection.activity.running()) connection.asked_ns.store(monotonic_ns(), std::memory_order_relaxed);
      return bytes;
    }
  }
  if (connection.is_asked(Connection::kRelease)) {
    connection.asked_ns.store(monotonic_ns(), std::memory_order_relaxed);  // the first reason stands
  } else {
    connection.ask_to_release(cause.reason);
  }
  return std::nullopt;
}

HeldBack held_back(Warden& warden, std::int64_t least_bytes) noexcept {
  const std::int64_t anonymous = warden.read_process().rss_anonymous_bytes.value_or(0);
  const std::int64_t baseline = baseline_bytes.load(std::memory_order_relaxed);
  if (anonymous - warden.sqlite_bytes() - baseline <= least_bytes) return {};
  const Answer now = ask_allocator(false);
  return {held_back_bytes(now.reading, anonymous, baseline), now.fresh};
}

std::int64_t trim(Warden& warden, const Cause& cause, bool dry_run) noexcept {
  detail::Record record(warden, Action::trim, nullptr, cause);
  if (dry_run) {
    record.done(true);
    return 0;
  }
  trim_allocator();
  const std::int64_t returned = record.done(false);
  const AllocatorReading now = ask_allocator(true).reading;
  if (now.known) {
    const std::int64_t anonymous = warden.read_process().rss_anonymous_bytes.value_or(0);
    // What SQLite has freed meanwhile, after its thread or another's cancelled statement, may have come too late for this
    // trim: it is malloc's all the same, and the next trim's.
    const std::int64_t late = std::max<std::int64_t>(0, record.sqlite_before() - warden.sqlite_bytes());
    baseline_bytes.store(std::max<std::int64_t>(0, anonymous - now.in_use_bytes - now.mapped_bytes - late),
                         std::memory_order_relaxed);
  }
  return returned;
}

}  // namespace warden
