#include "cancellation.hpp"

#include <algorithm>
#include <array>

#include "clock.hpp"
#include "registry.hpp"
#include "relief.hpp"
#include "sql_text.hpp"
#include "warden.hpp"

namespace warden {
namespace {

/// Between the first interrupt and the next, and before the last; doubled each time. One is enough for all but statements
/// that are prepared anew just then, and for those 20 ms are short.
constexpr std::int64_t kFirstPauseNs = 20'000'000;
constexpr std::int64_t kLongestPauseNs = 40'000'000;

Event event_for(Warden& warden, const Connection& connection, const Cause& cause,
                const Settings& settings) noexcept {
  Event event;
  event.action = Action::cancel;
  event.reason = cause.reason;
  event.dry_run = settings.dry_run;
  event.connection_id = connection.id;
  event.label = connection.label();
  event.measured_bytes = cause.measured_bytes;
  event.threshold_bytes = cause.threshold_bytes;
  event.sqlite_before_bytes = warden.sqlite_bytes();
  event.rss_before_bytes = warden.read_process().rss_bytes.value_or(kUnknown);
  event.took_us = kUnknown;
  put_sql(connection.activity, settings.show_sql, event);
  return event;
}

void record(Warden& warden, Connection& connection, const Event& event, std::int64_t now_ns) noexcept {
  Cancellation& c = connection.cancellation;
  c.asserted_ns.store(now_ns, std::memory_order_relaxed);
  c.again_after_ns.store(kFirstPauseNs, std::memory_order_relaxed);
  c.ended_ns.store(0, std::memory_order_relaxed);
  c.released.store(false, std::memory_order_relaxed);
  c.own_part_done.store(false, std::memory_order_relaxed);
  c.event_id.store(warden.journal.record(event), std::memory_order_release);
  connection.cancels.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void put_sql(const Activity& activity, ShowSql show, Event& event) noexcept {
  if (show == ShowSql::none) return;
  std::array<char, Activity::kSqlBytes> text;
  const Activity::View view = activity.look(&text);
  const std::string_view sql(text.data(), view.sql_bytes);
  if (show == ShowSql::full) {
    event.sql = sql;
  } else {
    event.sql.resize(normalize_sql(sql, event.sql.buffer(), view.sql_truncated));
  }
}

bool cancel(Warden& warden, Connection& connection, std::int64_t seq, bool writers,
            const Cause& cause) noexcept {
  const std::lock_guard one_at_a_time(warden.cancel_lock());
  if (seq == 0 || connection.activity.running_seq() != seq) return false;
  if (!writers && connection.activity.writes()) return false;
  Cancellation& c = connection.cancellation;
  const Settings settings = warden.current();
  if (settings.dry_run) {
    if (c.dry_run_seq.exchange(seq, std::memory_order_relaxed) != seq)
      warden.journal.record(event_for(warden, connection, cause, settings));
    return false;
  }
  if (connection.activity.interrupted_seq() == seq) return connection.interrupt(seq, true);
  const Event event = event_for(warden, connection, cause, settings);  // before: what it holds at its height
  if (!connection.interrupt(seq, writers)) return false;
  record(warden, connection, event, monotonic_ns());
  return true;
}

std::int64_t assert_again(Warden& warden, Connection& connection, std::int64_t now_ns) noexcept {
  Cancellation& c = connection.cancellation;
  const std::int64_t seq = connection.activity.running_seq();
  if (seq == 0 || connection.activity.interrupted_seq() != seq || connection.activity.suspended()) return 0;
  const std::lock_guard one_at_a_time(warden.cancel_lock());
  const std::int64_t pause_ns = c.again_after_ns.load(std::memory_order_relaxed);
  if (pause_ns > kLongestPauseNs) return 0;
  const std::int64_t due_ns = c.asserted_ns.load(std::memory_order_relaxed) + pause_ns;
  if (now_ns < due_ns) return due_ns;
  c.asserted_ns.store(now_ns, std::memory_order_relaxed);
  c.again_after_ns.store(pause_ns * 2, std::memory_order_relaxed);
  if (connection.look_inside() == Connection::Inside::somebody) connection.interrupt(seq, true);
  return now_ns + pause_ns * 2;
}

void note_own_cancel(Warden& warden, Connection& connection, const Cause& cause) noexcept {
  const std::lock_guard one_at_a_time(warden.cancel_lock());
  const std::int64_t seq = connection.activity.running_seq();
  if (connection.activity.interrupted_seq() == seq) return;  // by another, just now
  connection.activity.note_interrupted();
  record(warden, connection, event_for(warden, connection, cause, warden.current()), monotonic_ns());
}

void note_cancelled_end(Warden& warden, Connection& connection, std::int64_t elapsed_ns,
                        std::int64_t now_ns) noexcept {
  {
    // Whoever interrupted it holds the lock until the row is there.
    const std::lock_guard one_at_a_time(warden.cancel_lock());
    connection.cancellation.ended_ns.store(now_ns, std::memory_order_relaxed);
    warden.journal.update(connection.cancellation.event_id.load(std::memory_order_relaxed),
                          [&](Event& event) { event.took_us = elapsed_ns / 1000; });
  }
  note_given_back(warden, connection, false);
  warden.note_freed();
}

void note_given_back(Warden& warden, Connection& connection, bool complete) noexcept {
  Cancellation& c = connection.cancellation;
  const std::int64_t sqlite_bytes = warden.sqlite_bytes();
  const std::int64_t rss_bytes = warden.read_process().rss_bytes.value_or(kUnknown);
  warden.journal.update(c.event_id.load(std::memory_order_acquire), [&](Event& event) {
    event.sqlite_after_bytes = sqlite_bytes;
    event.rss_after_bytes = rss_bytes;
  });
  if (complete) c.ended_ns.store(0, std::memory_order_relaxed);
}

}  // namespace warden
