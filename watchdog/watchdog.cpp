#include "watchdog.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "clock.hpp"
#include "registry.hpp"
#include "relief.hpp"
#include "warden.hpp"

namespace warden {
namespace {

/// An unhurried wake-up does not shorten the time between two looks below this.
constexpr std::int64_t kUnhurriedMs = 50;
/// How often the cgroup is looked for anew: a service manager may move the process.
constexpr std::int64_t kRelocateMs = 60'000;
/// Between two rows about files that can't be read, while that lasts.
constexpr std::int64_t kWarnAgainMs = 60'000;
constexpr std::int64_t kSampleMs = 1000;
/// How often what signals memory pressure is asked, however long the sleep: its own windows are 2 s.
constexpr std::int64_t kPressureCheckMs = 500;
/// How soon to look again for a connection that could not be had just when its statement was cancelled.
constexpr std::int64_t kSoonMs = 5;
/// What malloc may keep of what a cancelled statement took.
constexpr std::int64_t kTrimCancelledBytes = 1 << 20;
/// After a cancellation this part of trim_interval_ms is enough: several statements often reach their deadlines together,
/// one after the other, and what the last of them took is to be back within a second too.
constexpr std::int64_t kTrimCancelledDivisor = 4;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max() / 2;

}  // namespace

bool Watchdog::wanted() noexcept { return warden_.current().watchdog; }

void Watchdog::starting() noexcept {
  // Here, since only the thread that starts it may read the environment.
  const PressureRequest request = PressureRequest::from_environment();
  const std::lock_guard held(tick_lock_);
  watch_pressure(request);
}

void Watchdog::watch_pressure(PressureRequest request) noexcept {
  try {
    pressure_.open(warden_.files(), warden_.pressure_path(), request);
  } catch (const std::bad_alloc&) {
    // Then nothing wakes the thread early; the ratio is still read at every look.
  }
}

void Watchdog::ended() noexcept {
  const std::lock_guard held(tick_lock_);
  pressure_.close();
}

std::int64_t Watchdog::look_and_tell_next_ns() noexcept {
  const std::int64_t wait_ms = tick();
  return last_look_ns_.load(std::memory_order_relaxed) + wait_ms * 1'000'000;
}

void Watchdog::sleep_until(std::int64_t until_ns) noexcept {
  const std::int64_t looked_ns = last_look_ns_.load(std::memory_order_relaxed);
  while (!stopping()) {
    {
      std::unique_lock held(sleep_lock_);
      const std::int64_t now_ns = monotonic_ns();
      std::int64_t left_ns = until_ns - now_ns;
      if (woken_) left_ns = std::min(left_ns, looked_ns + kUnhurriedMs * 1'000'000 - now_ns);
      if (woken_urgently_ || left_ns <= 0) {
        woken_ = woken_urgently_ = false;
        return;
      }
      sleep_lock_.wait_for(wake_up_,
                           std::chrono::nanoseconds(std::min(left_ns, kPressureCheckMs * 1'000'000)));
    }
    if (pressure_signalled()) return;
  }
}

bool Watchdog::pressure_signalled() noexcept {
  const std::lock_guard held(tick_lock_);
  pollfd watched{pressure_.fd(), pressure_.events(), 0};
  if (watched.fd < 0 || ::poll(&watched, 1, 0) <= 0) return false;
  pressure_signal_ = pressure_.consume(watched.revents) || pressure_signal_;
  return pressure_signal_;
}

std::int64_t Watchdog::tick() noexcept {
  std::int64_t next_ms = 0;
  bool cancelled_one = false;
  {
    const std::lock_guard held(tick_lock_);
    next_ms = look();
    cancelled_one = std::exchange(cancelled_one_, false);
  }
  // A thread that could not be had is tried for again: a statement that runs may have a deadline.
  if (cancelled_one || warden_.deadlines().start_error() != 0) {
    // Not while the lock is held: starting a thread takes its control lock, which comes first.
    warden_.deadlines().ensure_running();
    warden_.deadlines().wake(true);
  }
  return next_ms;
}

std::int64_t Watchdog::look() noexcept {
  const std::int64_t now_ns = monotonic_ns();
  const std::int64_t now_ms = now_ns / 1'000'000;
  last_look_ns_.store(now_ns, std::memory_order_relaxed);
  if (!located_ || now_ms - last_relocated_ms_ >= kRelocateMs) {
    located_ = warden_.relocate();
    last_relocated_ms_ = now_ms;
  }
  const SystemReading system = warden_.read_system();
  const Settings settings = warden_.current();  // after the reading: a share is of the limit as it is now
  const std::int64_t limit_bytes = warden_.memory_limit_bytes();
  warden_.apply_limits(
      settings, limit_bytes == std::exchange(last_limit_bytes_, limit_bytes) ? "settings" : "memory limit");
  if (system.error != 0) {
    warn_of_files(system.error, now_ms);
  } else if (pressure_.wants_to_try_again()) {
    watch_pressure({});
  }

  Reading reading;
  reading.now_ms = now_ms;
  reading.pressure_ratio = system.pressure_ratio.value_or(0);
  reading.pressure_signal = pressure_signal_;
  pressure_signal_ = false;
  if (was_dry_run_ && !settings.dry_run) forget_dry_run();
  was_dry_run_ = settings.dry_run;
  give_back_cancelled(settings, now_ns);
  take_readings(now_ns, reading);

  const std::size_t decisions = decide(settings, reading, memory_, connections_, decisions_);
  act(settings, decisions);
  cancel_heaviest(settings, reading);
  warn_of_idle_transactions(settings);
  trim_if_due(settings, reading);
  close_cancelled(settings, reading, now_ns);
  sample(settings, reading, system);
  looks_.fetch_add(1, std::memory_order_relaxed);
  std::int64_t next_ms = next_look_ms(settings, reading, memory_, connections_);
  if (cancelled_)
    next_ms = std::min(next_ms, std::max(kSoonMs, settings.trim_interval_ms / kTrimCancelledDivisor));
  return release_soon_ ? std::min(next_ms, kSoonMs) : next_ms;
}

void Watchdog::take_readings(std::int64_t now_ns, Reading& reading) noexcept {
  connections_.clear();
  try {
    const std::size_t expected = warden_.registry.size();
    if (connections_.capacity() < expected) connections_.reserve(expected + expected / 2 + 16);
    if (decisions_.size() < connections_.capacity()) decisions_.resize(connections_.capacity());
  } catch (const std::bad_alloc&) {
    // Then those that there is room for are looked after.
  }
  // Once a second, too, where nothing seems to have run, for what SQLite did not tell; more rarely where there are many.
  const std::int64_t measure_again_ns =
      std::max<std::int64_t>(1000, static_cast<std::int64_t>(connections_.capacity()) * 10) * 1'000'000;
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    if (connections_.size() == connections_.capacity()) break;
    const bool running = c->activity.running();
    const std::int64_t sampled_ns = c->figures.sampled_ns.load(std::memory_order_relaxed);
    if (c->touchable() && (running || sampled_ns == 0 || sampled_ns <= c->activity.ended_ns() ||
                           now_ns - sampled_ns >= measure_again_ns)) {
      c->try_measure(Depth::cache);
    }
    const std::int64_t asked_ns = c->asked_ns.load(std::memory_order_relaxed);
    ConnectionReading one;
    one.id = c->id;
    one.cache_bytes = std::max<std::int64_t>(0, c->figures.cache_bytes.load(std::memory_order_relaxed));
    one.floor_bytes = c->floor_bytes.load(std::memory_order_relaxed);
    one.idle_ms = c->idle_ms(now_ns);
    one.asked_ago_ms = asked_ns == 0 ? kNever : (now_ns - asked_ns) / 1'000'000;
    one.running = c->activity.running();
    one.stale = sampled_ns == 0 || (one.running && sampled_ns < c->activity.look(nullptr).started_ns);
    one.touchable = c->touchable();
    one.released = c->released_since_it_ran() || (!one.touchable && c->is_asked(Connection::kRelease));
    one.statement_seq = c->activity.running_seq();
    one.writes = c->activity.writes() || c->activity.in_transaction();
    one.cancelled = one.statement_seq != 0 && c->activity.interrupted_seq() == one.statement_seq;
    one.cancelled_ago_ms = (now_ns - c->cancellation.asserted_ns) / 1'000'000;
    one.in_transaction = c->activity.in_transaction();
    reading.running += one.running;
    connections_.push_back(one);
  }
  reading.sqlite_bytes = warden_.sqlite_bytes();
  weigh(now_ns, reading);
}

void Watchdog::forget_dry_run() noexcept {
  // What was only recorded counts as done, so that it is recorded once; now it is to be done.
  for (auto c = warden_.registry.after(0); c != nullptr; c = warden_.registry.after(c->id)) {
    c->released_ns.store(0, std::memory_order_relaxed);
    c->asked_ns.store(0, std::memory_order_relaxed);
  }
  memory_.trim_pause_ms = 0;
}

void Watchdog::warn_of_files(int error, std::int64_t now_ms) noexcept {
  if (warned_of_files_ms_ != 0 && now_ms - warned_of_files_ms_ < kWarnAgainMs) return;
  warned_of_files_ms_ = now_ms;
  std::array<char, 62> reason;
  const char* why =
      ::strerrordesc_np(error);  // static text: strerror() may allocate, for the host's language
  std::snprintf(reason.data(), reason.size(), "files can't be read: %s", why == nullptr ? "unknown" : why);
  Event event;
  event.action = Action::warn;
  event.reason = reason.data();
  warden_.journal.record(event);
}

void Watchdog::act(const Settings& settings, std::size_t decisions) noexcept {
  for (std::size_t i = 0; i < decisions; ++i) {
    const Decision& d = decisions_[i];
    const auto connection = warden_.registry.find(d.connection_id);
    if (connection == nullptr) continue;
    release(warden_, *connection, {d.reason, d.measured_bytes, d.threshold_bytes}, settings.dry_run);
  }
}

void Watchdog::trim_if_due(const Settings& in_force, Reading& reading) noexcept {
  Settings settings = in_force;
  if (cancelled_) {
    // What a cancelled statement took is given back whatever earlier trims brought, and sooner.
    settings.trim_above_bytes = std::min(settings.trim_above_bytes, kTrimCancelledBytes);
    settings.trim_interval_ms /= kTrimCancelledDivisor;
    memory_.trim_pause_ms = 0;
  }
  held_back_bytes_ = kUnknown;
  reading.freed = warden_.freed().load(std::memory_order_relaxed);
  if (settings.trim == TrimMode::never || (!reading.freed && settings.trim != TrimMode::always)) return;
  if (memory_.trimmed_ms >= 0 &&
      reading.now_ms - memory_.trimmed_ms < settings.trim_interval_ms + memory_.trim_pause_ms) {
    // Not yet; ask malloc when it may be acted upon. Until then next_look_ms should count on a trim.
    reading.held_back_bytes = settings.trim_above_bytes + 1;
    return;
  }
  warden_.freed().store(false, std::memory_order_relaxed);
  const HeldBack held = held_back(warden_, settings.trim_above_bytes);
  reading.held_back_bytes = held_back_bytes_ = held.bytes;
  if (!wants_trim(settings, reading, memory_)) {
    // An answer from before something was freed does not tell that nothing is held back: it is asked for again.
    if (held.fresh) {
      reading.freed = false;
    } else {
      warden_.note_freed();
    }
    return;
  }
  const std::int64_t returned =
      trim(warden_, {"after release", reading.held_back_bytes, settings.trim_above_bytes}, settings.dry_run);
  note_trim(memory_, reading.now_ms, reading.held_back_bytes, returned);
  reading.held_back_bytes = std::max<std::int64_t>(0, reading.held_back_bytes - returned);
  held_back_bytes_ = reading.held_back_bytes;
  reading.freed = false;
}

void Watchdog::sample(const Settings& settings, const Reading& reading,
                      const SystemReading& system) noexcept {
  const Level level = level_of(settings, reading, memory_);
  if (level == last_level_ && reading.now_ms - last_sample_ms_ < kSampleMs - kUnhurriedMs &&
      settings.sample_interval_ms == 0) {
    return;
  }
  last_level_ = level;
  last_sample_ms_ = reading.now_ms;
  Sample row;
  row.at_ms = wall_ms();
  row.level = level;
  row.sqlite_bytes = reading.sqlite_bytes;
  row.rss_bytes = system.rss_bytes.value_or(kUnknown);
  row.allocator_free_bytes = held_back_bytes_;
  row.connections = static_cast<std::int32_t>(connections_.size());
  row.active = reading.running;
  row.pressure_ratio = system.pressure_ratio.value_or(-1);
  warden_.journal.record(row);
}

std::string Watchdog::status() {
  if (running()) return "the thread \"warden\" runs";
  if (!warden_.current().watchdog) return "switched off by the setting watchdog";
  if (const int error = start_error(); error != 0)
    return "the thread could not be started: " + std::string(std::strerror(error));
  return ended_for_good() ? "the process is exiting" : "not started yet";
}

std::string Watchdog::pressure_status() {
  const std::lock_guard held(tick_lock_);
  return pressure_.status();
}

void Watchdog::lock_for_fork() noexcept {
  lock_control_for_fork();
  tick_lock_.lock();
}

void Watchdog::unlock_after_fork(bool in_child) noexcept {
  if (in_child) pressure_.close();
  tick_lock_.unlock();
  unlock_control_after_fork();
}

}  // namespace warden
