#include "policy.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace warden {
namespace {

/// Not worth a release: an open connection with an empty cache holds 5 to 9 kB (measured, SQLite 3.40 to 3.54).
constexpr std::int64_t kCrumbBytes = 64 * 1024;
/// Share of time waiting for memory that counts as pressure. oomd kills at 60 % for 30 s; dropping caches that nobody
/// uses is cheap, so it begins well before.
constexpr double kPressureRatio = 0.10;
/// How long it must last, so that one slow second of the machine empties no caches.
constexpr std::int64_t kPressureLastsMs = 2000;
/// Between two rounds of releases for pressure, and between two requests to a busy connection: time to see the effect.
constexpr std::int64_t kCoolDownMs = 5000;
/// Bytes a second that one scanning connection adds to its cache: 880 MB in 1.1 s (measured, warm file, one core).
constexpr std::int64_t kFillBytesPerSecond = 800'000'000;
/// A connection between two statements of a busy series is not idle: it is, above release_above, after this part of
/// idle_grace_ms (100 ms by default).
constexpr std::int64_t kHotDivisor = 10;
constexpr std::int64_t kShortestLookMs = 50;
constexpr std::int64_t kLongestLookMs = 1000;
/// A trim that returned less than this share of what it promised is followed by a pause, doubled each time.
constexpr std::int64_t kTrimWorthwhileDivisor = 10;
constexpr std::int64_t kLongestTrimPauseMs = 60'000;

/// What a release would bring.
std::int64_t gain_of(const ConnectionReading& c) noexcept {
  return std::max<std::int64_t>(0, c.cache_bytes - c.floor_bytes);
}

/// Writes decisions and keeps count of what they will bring.
class Round {
 public:
  Round(std::span<Decision> out, std::int64_t used) : out_(out), used_(used) {}
  bool full() const noexcept { return count_ == out_.size(); }
  std::size_t count() const noexcept { return count_; }
  std::int64_t used() const noexcept { return used_; }
  void release(ConnectionReading& c, std::string_view reason, std::int64_t measured,
               std::int64_t threshold) noexcept {
    if (full()) return;
    out_[count_++] = {c.id, reason, measured, threshold};
    used_ -= gain_of(c);
    c.cache_bytes -= gain_of(c);
    c.released = true;
  }

 private:
  std::span<Decision> out_;
  std::size_t count_ = 0;
  std::int64_t used_;
};

bool is_idle(const Settings& settings, const ConnectionReading& c) noexcept {
  return !c.running && c.idle_ms >= settings.idle_grace_ms;
}

bool worth_it(const ConnectionReading& c) noexcept { return !c.released && gain_of(c) > kCrumbBytes; }

/// True once pressure has lasted, or was signalled.
bool under_pressure(const Settings& settings, const Reading& reading, PolicyMemory& memory) noexcept {
  if (!settings.pressure || (reading.pressure_ratio < kPressureRatio && !reading.pressure_signal)) {
    memory.pressure_since_ms = -1;
    return false;
  }
  if (memory.pressure_since_ms < 0) memory.pressure_since_ms = reading.now_ms;
  return reading.pressure_signal || reading.now_ms - memory.pressure_since_ms >= kPressureLastsMs;
}

}  // namespace

std::size_t decide(const Settings& settings, const Reading& reading, PolicyMemory& memory,
                   std::span<ConnectionReading> connections, std::span<Decision> out) noexcept {
  Round round(out, reading.sqlite_bytes);

  // Idle for long: whatever it holds.
  if (settings.idle_release_ms > 0) {
    for (ConnectionReading& c : connections) {
      if (!c.running && c.idle_ms >= settings.idle_release_ms && worth_it(c)) {
        round.release(c, "idle", c.cache_bytes, 0);
      }
    }
  }

  // Idle ones together above idle_keep: the largest first.
  std::sort(connections.begin(), connections.end(),
            [](const auto& a, const auto& b) { return a.cache_bytes > b.cache_bytes; });
  std::int64_t kept = 0;
  for (const ConnectionReading& c : connections) {
    if (is_idle(settings, c) && worth_it(c)) kept += gain_of(c);
  }
  for (ConnectionReading& c : connections) {
    if (kept <= settings.idle_keep_bytes) break;
    if (!is_idle(settings, c) || !worth_it(c)) continue;
    const std::int64_t gain = gain_of(c);
    round.release(c, "idle", kept, settings.idle_keep_bytes);
    kept -= gain;
  }

  // The system is short: everything that is not running, at once, then again after a while if it lasts.
  const bool pressed = under_pressure(settings, reading, memory);
  const bool pressure_due =
      pressed && (memory.pressure_acted_ms < 0 || reading.now_ms - memory.pressure_acted_ms >= kCoolDownMs);
  if (pressure_due) {
    memory.pressure_acted_ms = reading.now_ms;
    for (ConnectionReading& c : connections) {
      if (!c.running && worth_it(c)) round.release(c, "pressure", reading.sqlite_bytes, 0);
    }
  }

  // Above release_above: idle ones until below release_to. A tenth of the grace is enough here, and the time idle weighs.
  if (reading.sqlite_bytes > settings.release_above_bytes) memory.relieving = true;
  if (round.used() <= settings.release_to_bytes) memory.relieving = false;
  if (memory.relieving) {
    // Where even all of it would not bring SQLite below release_to (an in-memory database, a sort), and the budget is
    // not used up, connections in use every now and then keep their caches: only the grace makes them idle.
    std::int64_t reachable = round.used();
    for (const ConnectionReading& c : connections) {
      if (!c.running && worth_it(c)) reachable -= gain_of(c);
    }
    const bool urgent = reachable <= settings.release_to_bytes || round.used() > settings.memory_budget_bytes;
    const std::int64_t idle_from_ms = urgent ? settings.idle_grace_ms / kHotDivisor : settings.idle_grace_ms;
    std::sort(connections.begin(), connections.end(), [](const auto& a, const auto& b) {
      return static_cast<double>(a.cache_bytes) * static_cast<double>(a.idle_ms) >
             static_cast<double>(b.cache_bytes) * static_cast<double>(b.idle_ms);
    });
    for (ConnectionReading& c : connections) {
      if (round.used() <= settings.release_to_bytes) break;
      if (c.running || c.idle_ms < idle_from_ms || !worth_it(c)) continue;
      round.release(c, "above release_above", reading.sqlite_bytes, settings.release_above_bytes);
    }
  }

  // About to cancel somebody's statement: everything that is idle first, largest first.
  if (settings.cancel_above_bytes > 0 && round.used() > settings.cancel_above_bytes) {
    std::sort(connections.begin(), connections.end(),
              [](const auto& a, const auto& b) { return a.cache_bytes > b.cache_bytes; });
    for (ConnectionReading& c : connections) {
      if (round.used() <= settings.cancel_above_bytes) break;
      if (c.running || c.idle_ms < settings.idle_grace_ms / kHotDivisor || !worth_it(c)) continue;
      round.release(c, "above cancel_above", reading.sqlite_bytes, settings.cancel_above_bytes);
    }
  }

  // Busy ones only when that was not enough. At the soft limit a running scan recycles its own pages, and a hot cache
  // within the budget does its work: so not before SQLite is beyond the budget by a sixteenth, or the system is short.
  const bool beyond = round.used() > settings.memory_budget_bytes + settings.memory_budget_bytes / 16;
  if (beyond || pressure_due) {
    std::sort(connections.begin(), connections.end(),
              [](const auto& a, const auto& b) { return a.cache_bytes > b.cache_bytes; });
    for (ConnectionReading& c : connections) {
      if (!pressure_due && round.used() <= settings.memory_budget_bytes) break;
      const bool busy = c.running || (!c.released && c.idle_ms < settings.idle_grace_ms / kHotDivisor);
      if (!busy || c.asked_ago_ms < kCoolDownMs || (gain_of(c) <= kCrumbBytes && !c.stale)) continue;
      round.release(c, beyond ? "above memory_budget" : "pressure", reading.sqlite_bytes,
                    settings.memory_budget_bytes);
    }
  }
  return round.count();
}

std::optional<Victim> decide_cancel(const Settings& settings, const Reading& reading, PolicyMemory& memory,
                                    std::span<const ConnectionReading> connections) noexcept {
  if (settings.cancel_above_bytes == 0 || reading.sqlite_bytes <= settings.cancel_above_bytes) {
    memory.above_cancel_since_ms = -1;
    return std::nullopt;
  }
  if (memory.above_cancel_since_ms < 0) memory.above_cancel_since_ms = reading.now_ms;
  const std::int64_t since_ms = std::max(memory.above_cancel_since_ms, memory.cancelled_ms);
  if (reading.now_ms - since_ms < settings.cancel_after_ms) return std::nullopt;
  const ConnectionReading* heaviest = nullptr;
  for (const ConnectionReading& c : connections) {
    if (c.statement_seq == 0) continue;
    if (c.cancelled) {
      // What it holds is about to come back; or never, if its host has forgotten it.
      if (c.cancelled_ago_ms < settings.cancel_after_ms) return std::nullopt;
      continue;
    }
    const auto rank = [](const ConnectionReading& r) { return std::pair(!r.writes, r.weight_bytes); };
    if (heaviest == nullptr || rank(c) > rank(*heaviest)) heaviest = &c;
  }
  // One that holds next to nothing is not what fills the memory: an in-memory database is, or an open transaction.
  if (heaviest == nullptr || heaviest->weight_bytes <= kCrumbBytes) return std::nullopt;
  memory.cancelled_ms = reading.now_ms;
  return Victim{heaviest->id, heaviest->statement_seq, heaviest->writes, heaviest->weight_bytes};
}

bool transaction_is_idle(const Settings& settings, const ConnectionReading& c) noexcept {
  return settings.transaction_idle_ms > 0 && c.in_transaction && !c.running &&
         c.idle_ms >= settings.transaction_idle_ms;
}

bool wants_trim(const Settings& settings, const Reading& reading, const PolicyMemory& memory) noexcept {
  if (settings.trim == TrimMode::never) return false;
  if (memory.trimmed_ms >= 0 &&
      reading.now_ms - memory.trimmed_ms < settings.trim_interval_ms + memory.trim_pause_ms) {
    return false;
  }
  if (settings.trim == TrimMode::always) return true;
  return reading.freed && reading.held_back_bytes > settings.trim_above_bytes;
}

void note_trim(PolicyMemory& memory, std::int64_t now_ms, std::int64_t promised_bytes,
               std::int64_t returned_bytes) noexcept {
  memory.trimmed_ms = now_ms;
  if (returned_bytes >= promised_bytes / kTrimWorthwhileDivisor) {
    memory.trim_pause_ms = 0;
  } else {
    memory.trim_pause_ms = std::clamp<std::int64_t>(memory.trim_pause_ms * 2, 1000, kLongestTrimPauseMs);
  }
}

Level level_of(const Settings& settings, const Reading& reading, const PolicyMemory& memory) noexcept {
  if (memory.pressure_since_ms >= 0) return Level::pressure;
  if (reading.sqlite_bytes > settings.memory_budget_bytes) return Level::over;
  if (reading.sqlite_bytes > settings.release_above_bytes) return Level::elevated;
  return Level::calm;
}

std::int64_t next_look_ms(const Settings& settings, const Reading& reading, const PolicyMemory& memory,
                          std::span<const ConnectionReading> connections) noexcept {
  if (settings.sample_interval_ms > 0) return settings.sample_interval_ms;
  std::int64_t wait = kLongestLookMs;
  if (reading.running > 0) {
    const std::int64_t headroom =
        std::max<std::int64_t>(0, settings.release_above_bytes - reading.sqlite_bytes);
    const std::int64_t rate_per_ms = kFillBytesPerSecond / 1000 * std::min(reading.running, 4);
    wait = std::min(wait, headroom / rate_per_ms);
  }
  if (memory.above_cancel_since_ms >= 0) {
    const std::int64_t since_ms = std::max(memory.above_cancel_since_ms, memory.cancelled_ms);
    wait = std::min(wait, since_ms + settings.cancel_after_ms - reading.now_ms);
  }
  std::int64_t kept = 0;
  for (const ConnectionReading& c : connections) {
    if (!c.running && worth_it(c)) kept += gain_of(c);
  }
  for (const ConnectionReading& c : connections) {
    if (c.in_transaction && !c.running && settings.transaction_idle_ms > c.idle_ms)
      wait = std::min(wait, settings.transaction_idle_ms - c.idle_ms);
    if (c.running || !worth_it(c)) continue;
    if (kept > settings.idle_keep_bytes && c.idle_ms < settings.idle_grace_ms) {
      wait = std::min(wait, settings.idle_grace_ms - c.idle_ms);
    }
    if (memory.relieving && c.idle_ms < settings.idle_grace_ms / kHotDivisor) {
      wait = std::min(wait, settings.idle_grace_ms / kHotDivisor - c.idle_ms);
    }
    if (settings.idle_release_ms > c.idle_ms) wait = std::min(wait, settings.idle_release_ms - c.idle_ms);
  }
  if (reading.freed && reading.held_back_bytes > settings.trim_above_bytes && memory.trimmed_ms >= 0 &&
      settings.trim != TrimMode::never) {
    wait =
        std::min(wait, memory.trimmed_ms + settings.trim_interval_ms + memory.trim_pause_ms - reading.now_ms);
  }
  return std::clamp(wait, kShortestLookMs, kLongestLookMs);
}

}  // namespace warden
