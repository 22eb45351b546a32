// What a look of the watchdog does about statements: weighs those that run, cancels the heaviest if it must, gives back
// what cancelled ones took, and tells of transactions that were left open.
#include <algorithm>
#include <array>
#include <cstdio>

#include "cancellation.hpp"
#include "clock.hpp"
#include "files.hpp"
#include "registry.hpp"
#include "relief.hpp"
#include "warden.hpp"
#include "watchdog.hpp"

namespace warden {
namespace {

/// A statement that ran for less is not weighed, and growth by less is shared out to nobody.
constexpr std::int64_t kWeighedNs = 20'000'000;
constexpr std::int64_t kWeighedBytes = 1 << 20;
/// How long the connection of a cancelled statement is tried for before it is asked to release by itself.
constexpr std::int64_t kTryNs = 200'000'000;
/// When the row of a cancellation is closed, whatever is still to come.
constexpr std::int64_t kCloseNs = 5'000'000'000;
/// Less than this in a cache is what an open connection has anyway.
constexpr std::int64_t kCrumbBytes = 64 * 1024;

/// Pages that a thread of this process touched for the first time, so far; 0 where it can't be read.
std::int64_t page_faults(const Files& files, int thread_id) noexcept {
  std::array<char, 64> path;
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", thread_id);
  std::array<char, 512> buffer;
  std::size_t length = 0;
  if (!files.read(path.data(), buffer, length)) return 0;
  std::string_view text(buffer.data(), length);
  text.remove_prefix(std::min(text.size(), text.rfind(')') + 1));  // the thread's name may hold anything
  for (int field = 0; field < 7; ++field) take_word(text);         // state to flags: proc(5)
  return parse_integer(take_word(text)).value_or(0);
}

}  // namespace

void Watchdog::weigh(std::int64_t now_ns, Reading& reading) noexcept {
  // A statement weighs what its connection was measured to hold. While it runs nobody else can measure that, and a sort in
  // memory shows in no connection's figures at all: so what SQLite's memory grew by is added to the statement that ran. Where
  // several did, the kernel knows whose thread it was that touched new pages. Little growth is left for a later look.
  std::int64_t growth = reading.sqlite_bytes - weighed_sqlite_bytes_;
  int running = 0;
  std::int64_t all_faults = 0;
  for (ConnectionReading& one : connections_) {
    one.faults = 0;
    const auto c = one.statement_seq == 0 ? nullptr : warden_.registry.find(one.id);
    if (c == nullptr || now_ns - c->activity.started_ns() < kWeighedNs) {
      one.weight_bytes = one.statement_seq == 0 ? 0 : one.cache_bytes;
      continue;
    }
    Weight& weight = c->weight;
    const bool first = weight.seq.exchange(one.statement_seq, std::memory_order_relaxed) != one.statement_seq;
    const std::int64_t before = first ? 0 : weight.bytes.load(std::memory_order_relaxed);
    if (one.cache_bytes > before) {
      if (!first) growth -= one.cache_bytes - before;  // explained
      weight.bytes.store(one.cache_bytes, std::memory_order_relaxed);
    } else if (first) {
      weight.bytes.store(one.cache_bytes, std::memory_order_relaxed);
    }
    if (first || growth > kWeighedBytes) {
      const std::int64_t faults = page_faults(warden_.files(), c->activity.look(nullptr).thread_id);
      one.faults =
          first ? 0 : std::max<std::int64_t>(0, faults - weight.faults.load(std::memory_order_relaxed));
      weight.faults.store(faults, std::memory_order_relaxed);
    }
    ++running;
    all_faults += one.faults;
    one.weight_bytes = weight.bytes.load(std::memory_order_relaxed);
  }
  const bool is_little = growth <= kWeighedBytes;
  weighed_sqlite_bytes_ = reading.sqlite_bytes - (is_little ? std::max<std::int64_t>(0, growth) : 0);
  if (is_little) return;
  for (ConnectionReading& one : connections_) {
    const bool alone = running == 1 && one.statement_seq != 0 && reading.running == 1;
    if (!alone && one.faults == 0) continue;
    const std::int64_t share =
        alone ? growth
              : static_cast<std::int64_t>(static_cast<double>(growth) * static_cast<double>(one.faults) /
                                          static_cast<double>(all_faults));
    one.weight_bytes += share;
    if (const auto c = warden_.registry.find(one.id))
      c->weight.bytes.store(one.weight_bytes, std::memory_order_relaxed);
  }
}

void Watchdog::cancel_heaviest(const Settings& settings, const Reading& reading) noexcept {
  const auto victim = decide_cancel(settings, reading, memory_, connections_);
  if (!victim) return;
  const auto connection = warden_.registry.find(victim->connection_id);
  if (connection == nullptr) return;
  if (cancel(warden_, *connection, victim->statement_seq, victim->writes,
             {"above cancel_above", reading.sqlite_bytes, settings.cancel_above_bytes})) {
    cancelled_one_ = true;
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
    Cancellation& cancelled = c->cancellation;
    const std::int64_t ended_ns = cancelled.ended_ns.load(std::memory_order_relaxed);
    if (ended_ns == 0) continue;
    cancelled_ = true;
    // Where only its own thread may, it does so at the statement's end, which may be going on just now.
    bool released = c->touchable() ? c->released_ns.load(std::memory_order_relaxed) >= ended_ns
                                   : cancelled.own_part_done.load(std::memory_order_acquire);
    if (!released && c->try_measure(Depth::cache)) {
      if (c->figures.cache_bytes - c->floor_bytes > kCrumbBytes)
        release(warden_, *c, {"cancelled", c->figures.cache_bytes}, settings.dry_run);
      released = true;
    }
    cancelled.released.store(released, std::memory_order_relaxed);
    if (released) continue;
    if (now_ns - ended_ns < kTryNs) {
      release_soon_ = true;
    } else if (!c->is_asked(Connection::kRelease)) {
      c->ask_to_release("cancelled");
    }
  }
  if (cancelled_) warden_.note_freed();
}

void Watchdog::close_cancelled(const Settings& settings, const Reading& reading,
                               std::int64_t now_ns) noexcept {
  if (!cancelled_) return;
  // A trim that is still to come belongs to it.
  const bool trim_to_come = reading.freed && settings.trim != TrimMode::never;
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    Cancellation& cancelled = c->cancellation;
    const std::int64_t ended_ns = cancelled.ended_ns.load(std::memory_order_relaxed);
    if (ended_ns == 0) continue;
    const bool all_is_done = cancelled.released.load(std::memory_order_relaxed) && !trim_to_come;
    note_given_back(warden_, *c, all_is_done || now_ns - ended_ns > kCloseNs);
  }
}

}  // namespace warden
