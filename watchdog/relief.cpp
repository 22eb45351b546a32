#include "relief.hpp"

#include <algorithm>
#include <atomic>

#include "allocator.hpp"
#include "clock.hpp"
#include "warden.hpp"

namespace warden {
namespace {

/// Anonymous memory that malloc has no part in (stacks, a garbage collector's heap), and what trimming could not get:
/// measured after each trim. Process-wide, as malloc is.
std::atomic<std::int64_t> baseline_bytes{0};

}  // namespace

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

std::optional<std::int64_t> release(Warden& warden, Connection& connection, const Cause& cause, bool dry_run) noexcept {
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
      return bytes;
    }
  }
  if (!connection.is_asked(Connection::kRelease)) connection.ask_to_release(cause.reason);
  return std::nullopt;
}

std::int64_t held_back(Warden& warden) noexcept {
  const std::int64_t anonymous = warden.read_process().rss_anonymous_bytes.value_or(0);
  return held_back_bytes(read_allocator(), anonymous, baseline_bytes.load(std::memory_order_relaxed));
}

std::int64_t trim(Warden& warden, const Cause& cause, bool dry_run) noexcept {
  detail::Record record(warden, Action::trim, nullptr, cause);
  if (dry_run) {
    record.done(true);
    return 0;
  }
  trim_allocator();
  const std::int64_t returned = record.done(false);
  const AllocatorReading now = read_allocator();
  if (now.known) {
    const std::int64_t anonymous = warden.read_process().rss_anonymous_bytes.value_or(0);
    baseline_bytes.store(std::max<std::int64_t>(0, anonymous - now.in_use_bytes - now.mapped_bytes),
                         std::memory_order_relaxed);
  }
  return returned;
}

}  // namespace warden
