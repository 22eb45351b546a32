// What a look of the watchdog does about statements: weighs those that run, cancels the heaviest if it must, gives back
// what cancelled ones took, and tells of transactions that were left open.
#include <algorithm>

#include "cancellation.hpp"
#include "clock.hpp"
#include "registry.hpp"
#include "relief.hpp"
#include "warden.hpp"
#include "watchdog.hpp"

namespace warden {
namespace {

/// How long the connection of a cancelled statement is tried for before it is asked to release by itself.
constexpr std::int64_t kTryNs = 200'000'000;
/// When the row of a cancellation is closed, whatever is still to come.
constexpr std::int64_t kCloseNs = 5'000'000'000;
/// Less than this in a cache is what an open connection has anyway.
constexpr std::int64_t kCrumbBytes = 64 * 1024;

}  // namespace

void Watchdog::weigh(std::int64_t now_ns, Reading& reading) noexcept {
  // A running statement weighs what its connection was measured to hold; where it can't be measured while it runs, what
  // SQLite's memory grew by since the last look is shared out among those that ran. A sort in memory shows in no
  // connection's figures, so growth that the measured ones do not explain is theirs too.
  std::int64_t growth = std::max<std::int64_t>(0, reading.sqlite_bytes - last_sqlite_bytes_);
  int sharing = 0;
  for (ConnectionReading& one : connections_) {
    if (one.statement_seq == 0) continue;
    const auto c = warden_.registry.find(one.id);
    if (c == nullptr) continue;
    ++sharing;
    if (c->weight_seq.load(std::memory_order_relaxed) != one.statement_seq) {
      c->weight_bytes.store(one.cache_bytes, std::memory_order_relaxed);
      c->weight_seq.store(one.statement_seq, std::memory_order_relaxed);
    } else if (c->figures.sampled_ns.load(std::memory_order_relaxed) >= last_weighed_ns_) {
      const std::int64_t before = c->weight_bytes.load(std::memory_order_relaxed);
      if (one.cache_bytes > before) {
        growth -= one.cache_bytes - before;
        c->weight_bytes.store(one.cache_bytes, std::memory_order_relaxed);
      }
    }
  }
  for (ConnectionReading& one : connections_) {
    if (one.statement_seq == 0) continue;
    const auto c = warden_.registry.find(one.id);
    if (c == nullptr) continue;
    if (growth > 0) c->weight_bytes.fetch_add(growth / sharing, std::memory_order_relaxed);
    one.weight_bytes = c->weight_bytes.load(std::memory_order_relaxed);
  }
  last_sqlite_bytes_ = reading.sqlite_bytes;
  last_weighed_ns_ = now_ns;
}

void Watchdog::cancel_heaviest(const Settings& settings, const Reading& reading) noexcept {
  const auto victim = decide_cancel(settings, reading, memory_, connections_);
  if (!victim) return;
  const auto connection = warden_.registry.find(victim->connection_id);
  if (connection == nullptr) return;
  if (cancel(warden_, *connection, victim->statement_seq, victim->writes,
             {"above cancel_above", reading.sqlite_bytes, settings.cancel_above_bytes})) {
    warden_.deadlines().ensure_running();
    warden_.deadlines().wake(true);
  }
}

void Watchdog::warn_of_idle_transactions(const Settings& settings) noexcept {
  for (const ConnectionReading& one : connections_) {
    if (!transaction_is_idle(settings, one)) continue;
    const auto c = warden_.registry.find(one.id);
    if (c == nullptr) continue;
    const std::int64_t transaction = c->activity.transactions();
    if (c->warned_transaction.exchange(transaction, std::memory_order_relaxed) == transaction) continue;
    Event event;
    event.action = Action::warn;
    event.reason = "transaction idle";
    event.connection_id = c->id;
    event.label = c->label();
    put_sql(c->activity, settings.show_sql, event);
    event.took_us = one.idle_ms * 1000;
    event.dry_run = settings.dry_run;
    warden_.journal.record(event);
  }
}

void Watchdog::give_back_cancelled(const Settings& settings, std::int64_t now_ns) noexcept {
  cancelled_ = release_soon_ = false;
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    const std::int64_t ended_ns = c->cancellation.ended_ns.load(std::memory_order_relaxed);
    if (ended_ns == 0) continue;
    cancelled_ = true;
    // Where only its own thread may, it has done so at the statement's end.
    if (!c->touchable() || c->released_ns.load(std::memory_order_relaxed) >= ended_ns) continue;
    if (c->try_measure(Depth::cache)) {
      if (c->figures.cache_bytes - c->floor_bytes > kCrumbBytes)
        release(warden_, *c, {"cancelled", c->figures.cache_bytes}, settings.dry_run);
    } else if (now_ns - ended_ns < kTryNs) {
      release_soon_ = true;
    } else if (!c->is_asked(Connection::kRelease)) {
      c->ask_to_release("cancelled");
    }
  }
  if (cancelled_) warden_.note_freed();
}

void Watchdog::close_cancelled(const Settings& settings, const Reading& reading, std::int64_t now_ns) noexcept {
  if (!cancelled_) return;
  // A trim that is still to come belongs to it.
  const bool trim_to_come = reading.freed && settings.trim != TrimMode::never;
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    const std::int64_t ended_ns = c->cancellation.ended_ns.load(std::memory_order_relaxed);
    if (ended_ns == 0) continue;
    const bool released = !c->touchable() || c->released_ns.load(std::memory_order_relaxed) >= ended_ns ||
                          c->figures.sampled_ns.load(std::memory_order_relaxed) >= ended_ns;
    note_given_back(warden_, *c, (released && !trim_to_come) || now_ns - ended_ns > kCloseNs);
  }
}

}  // namespace warden
