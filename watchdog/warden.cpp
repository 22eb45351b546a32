#include "warden.hpp"

#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "allocator.hpp"
#include "clock.hpp"
#include "others.hpp"
#include "relief.hpp"
#include "utf8.hpp"

namespace warden {
namespace {

std::atomic<Warden*> the_warden{nullptr};

/// Between two rows about a full disk, while that lasts.
constexpr std::int64_t kWarnAgainNs = 60'000'000'000;

}  // namespace

Warden& Warden::instance() {
  if (Warden* made = the_warden.load(std::memory_order_acquire)) return *made;
  static constinit Mutex lock(LockRank::instance);
  const std::lock_guard held(lock);
  if (Warden* made = the_warden.load(std::memory_order_acquire)) return *made;
  // Who starts a setuid program chooses its environment, and must not choose how it works.
  auto fresh = std::make_unique<Warden>(Files(), ::getauxval(AT_SECURE) != 0 ? nullptr : environ);
  allocator_name();  // looked up now: a tick must not allocate
  the_warden.store(fresh.release(), std::memory_order_release);
  ::pthread_atfork([] { instance().before_fork(); }, [] { instance().after_fork(false); },
                   [] { instance().after_fork(true); });
  std::atexit([] { instance().stop_for_good(); });
  be_known([](const void* handle) noexcept { return instance().registry.find_handle(handle) != nullptr; });
  return instance();
}

Warden::Warden(Files files, const char* const* environment)
    : sampler_(std::move(files)), watchdog_(*this), deadlines_(*this) {
  settings.read_environment(environment);
  read_system();
  take_settings();
}

Settings Warden::take_settings() {
  const std::lock_guard held(taking_lock_);  // whoever comes last takes the newest
  const Settings now = current();
  journal.resize(static_cast<std::size_t>(now.event_rows), static_cast<std::size_t>(now.history_rows));
  statements.resize(static_cast<std::size_t>(now.statement_stats_max));
  hot.statement_timeout_ns.store(now.statement_timeout_ms * 1'000'000, std::memory_order_relaxed);
  hot.timeout_writes.store(now.statement_timeout_writes, std::memory_order_relaxed);
  hot.asks_writes.store(now.cancel_above_bytes > 0, std::memory_order_relaxed);
  hot.statement_stats.store(now.statement_stats, std::memory_order_relaxed);
  return now;
}

void Warden::stop_for_good() noexcept {
  deadlines_.stop_for_good();
  watchdog_.stop_for_good();
}

Settings Warden::current() noexcept {
  const std::lock_guard held(resolved_lock_);
  const std::uint64_t generation = settings.generation();
  const std::int64_t limit = memory_limit_bytes();
  if (generation != resolved_generation_ || limit != resolved_limit_) {
    resolved_ = settings.resolve(limit);
    resolved_generation_ = generation;
    resolved_limit_ = limit;
  }
  return resolved_;
}

void Warden::settings_changed() {
  const Settings now = take_settings();
  apply_limits(now);
  if (now.watchdog && registry.size() > 0) {
    watchdog_.ensure_running();
    if (now.statement_timeout_ms > 0) deadlines_.ensure_running();
  }
  watchdog_.wake(true);
  deadlines_.wake(true);
}

SystemReading Warden::read_system() noexcept {
  const std::lock_guard held(system_lock_);
  const SystemReading reading = sampler_.read();
  // A process out of descriptors reads nothing, or not the file that limits it: that is no reason to change its budget.
  const std::int64_t found = reading.memory_limit_bytes;
  const std::int64_t known = memory_limit_bytes();
  if (found > 0 && (reading.error == 0 || known == 0 || found < known))
    memory_limit_.store(found, std::memory_order_relaxed);
  return reading;
}

int Warden::cgroup_version() noexcept {
  const std::lock_guard held(system_lock_);
  return sampler_.cgroup().version();
}

std::string Warden::cgroup_directory() {
  const std::lock_guard held(system_lock_);
  std::string shown;
  append_utf8(shown, sampler_.cgroup().directory());
  return shown;
}

std::string Warden::pressure_path() {
  const std::lock_guard held(system_lock_);
  return sampler_.cgroup().pressure_path();
}

bool Warden::relocate() noexcept {
  const std::lock_guard held(system_lock_);
  return sampler_.relocate();
}

bool Warden::add_engine(Engine* engine) noexcept {
  const std::size_t count = engines_count_.load(std::memory_order_relaxed);
  if (count == kMostEngines) return false;
  engines_[count] = engine;
  engines_count_.store(count + 1, std::memory_order_release);
  return true;
}

std::int64_t Warden::sqlite_bytes() noexcept {
  std::int64_t total = 0;
  each_engine([&](Engine& engine) { total += engine.memory_used().value_or(0); });
  if (registry.unaccounted() == 0) return total;
  for (auto c = registry.after(0); c != nullptr; c = registry.after(c->id)) {
    if (c->accounted()) continue;
    for (const auto* part :
         {&c->figures.cache_bytes, &c->figures.schema_bytes, &c->figures.statement_bytes}) {
      total += std::max<std::int64_t>(0, part->load(std::memory_order_relaxed));
    }
  }
  return total;
}

Warden::EngineFigures Warden::engine_figures() noexcept {
  EngineFigures sum;
  each_engine([&](Engine& engine) {
    if (const auto bytes = engine.memory_used()) sum.used = sum.used.value_or(0) + *bytes;
    if (const auto bytes = engine.memory_peak()) sum.peak = sum.peak.value_or(0) + *bytes;
    if (engine.connections == 0) return;
    if (const auto bytes = engine.soft_limit(); bytes && *bytes > 0)
      sum.soft_limit = sum.soft_limit.value_or(0) + *bytes;
  });
  return sum;
}

bool Warden::accounted() noexcept {
  bool any = false;
  each_engine(
      [&](Engine& engine) { any = any || (engine.connections > 0 && engine.memory_used().has_value()); });
  return any;
}

void Warden::apply_limits(const Settings& now, std::string_view reason) noexcept {
  int in_use = 0;
  each_engine([&](Engine& engine) { in_use += engine.connections > 0; });
  each_engine([&](Engine& engine) {
    if (engine.connections == 0) return;
    const std::int64_t soft = now.soft_limit_bytes / std::max(1, in_use);
    const std::int64_t hard = now.hard_limit_bytes / std::max(1, in_use);
    if (now.dry_run || !engine.apply_limits(soft, hard)) return;
    Event event;
    event.action = Action::limit;
    event.reason = reason;
    event.threshold_bytes = engine.soft_limit().value_or(kUnknown);
    event.measured_bytes = engine.memory_used().value_or(kUnknown);
    journal.record(event);
  });
}

void Warden::warn_of_full(const Connection& connection, std::string_view sql) noexcept {
  const std::int64_t now_ns = monotonic_ns();
  std::int64_t before_ns = warned_of_full_ns_.load(std::memory_order_relaxed);
  if (before_ns != 0 && now_ns - before_ns < kWarnAgainNs) return;
  if (!warned_of_full_ns_.compare_exchange_strong(before_ns, now_ns)) return;
  Event event;
  event.action = Action::warn;
  event.reason = "database or disk is full";
  event.connection_id = connection.id;
  event.label = connection.label();
  event.sql = sql;
  journal.record(event);
}

void Warden::before_fork() noexcept {
  engines_lock_.lock();
  deadlines_.lock_control_for_fork();
  watchdog_.lock_for_fork();
  deadlines_.look_lock().lock();
  cancel_lock_.lock();
  taking_lock_.lock();
  registry.lock_for_fork();
  statements.fork_lock().lock();
  system_lock_.lock();
  resolved_lock_.lock();
  settings.fork_lock().lock();
  journal.fork_lock().lock();
  allocator_fork_lock().lock();
  engines_at_fork_ = engines_count_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < engines_at_fork_; ++i) engines_[i]->fork_lock().lock_another();
  watchdog_.lock_sleep_for_fork();
  deadlines_.lock_sleep_for_fork();
}

void Warden::after_fork(bool in_child) noexcept {
  deadlines_.unlock_sleep_after_fork(in_child);
  watchdog_.unlock_sleep_after_fork(in_child);
  for (std::size_t i = 0; i < engines_at_fork_; ++i) engines_[i]->fork_lock().unlock();
  allocator_fork_lock().unlock();
  journal.fork_lock().unlock();
  settings.fork_lock().unlock();
  resolved_lock_.unlock();
  system_lock_.unlock();
  statements.fork_lock().unlock();
  registry.unlock_after_fork();
  taking_lock_.unlock();
  cancel_lock_.unlock();
  deadlines_.look_lock().unlock();
  watchdog_.unlock_after_fork(in_child);
  deadlines_.unlock_control_after_fork();
  engines_lock_.unlock();
}

}  // namespace warden
