// The warden of a process: its parts, put together once, and what is common to all of them.
//
// The order of locks is that of LockRank (lock_order.hpp), which builds with assertions check. Nothing of the host's is waited
// for while any of them is held.
//
// The end of a statement that is being interrupted waits for Warden::cancel, and for the one interrupting (Activity).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "deadlines.hpp"
#include "journal.hpp"
#include "lock_order.hpp"
#include "registry.hpp"
#include "sampler.hpp"
#include "settings.hpp"
#include "statements.hpp"
#include "watchdog.hpp"

namespace warden {

/// One copy of SQLite in this process, as the watchdog sees it. Thread-safe: all members may be called from any thread,
/// and answer "unknown" where this copy does not allow that. Never destroyed.
class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// sqlite3_memory_used and _highwater; empty where accounting is off, or this copy has no mutexes.
  virtual std::optional<std::int64_t> memory_used() noexcept = 0;
  virtual std::optional<std::int64_t> memory_peak() noexcept = 0;
  /// Puts heap limits in force, 0 = as the host had it. Never raises a lower limit that the host set. True if a limit
  /// changed by this.
  virtual bool apply_limits(std::int64_t soft_bytes, std::int64_t hard_bytes) noexcept = 0;
  /// The soft limit in force; 0 = none, empty = unknown.
  virtual std::optional<std::int64_t> soft_limit() noexcept = 0;
  /// A lock that must be free in a child after fork().
  virtual Mutex& fork_lock() noexcept = 0;

  std::atomic<int> connections{0};
};

/// Settings that every statement asks for, ready to be read.
struct HotSettings {
  std::atomic<std::int64_t> statement_timeout_ns{0};
  std::atomic<bool> timeout_writes{false};
  std::atomic<bool> asks_writes{false};  // somebody wants to know of each statement whether it writes
  std::atomic<bool> statement_stats{true};
};

/// Settings, open connections, journal, copies of SQLite and the threads. Thread-safe.
class Warden {
 public:
  static constexpr std::size_t kMostEngines = 8;

  /// The process's own, made at first use from the machine's files and the environment; never destroyed, so that
  /// whatever runs late in the life of the process can still use it. Throws std::bad_alloc while it can't be made.
  static Warden& instance();

  /// For tests: another root, another environment ("NAME=value" strings, NULL-terminated).
  Warden(Files files, const char* const* environment);

  SettingsStore settings;
  Registry registry;
  Journal journal;
  StatementStore statements;
  HotSettings hot;

  /// Settings as numbers, for the memory this process can have now.
  Settings current() noexcept;
  /// To be called after a change of settings: limits, sizes of rings, the thread. Throws std::bad_alloc.
  void settings_changed();

  /// Reads the system. Waits at most for another reading, some 50 us.
  SystemReading read_system() noexcept;
  ProcessReading read_process() const noexcept { return sampler_.read_process(); }
  /// The smallest of physical memory, cgroup limits and ulimit when it could last be read; 0 = never.
  std::int64_t memory_limit_bytes() const noexcept { return memory_limit_.load(std::memory_order_relaxed); }
  /// Where it all is read from.
  const Files& files() const noexcept { return sampler_.files(); }
  int cgroup_version() noexcept;
  /// To be shown: UTF-8, whatever bytes its name has. Throws std::bad_alloc.
  std::string cgroup_directory();
  /// The cgroup's memory.pressure, or "". Throws std::bad_alloc.
  std::string pressure_path();
  /// Finds the cgroup anew; false where that can't be told now.
  bool relocate() noexcept;

  /// To be held while copies of SQLite are looked for and added.
  Mutex& engines_lock() noexcept { return engines_lock_; }
  /// False for the ninth.
  bool add_engine(Engine* engine) noexcept;
  /// Calls f(Engine&) for each.
  template <class F>
  void each_engine(F&& f) {
    for (std::size_t i = 0; i < engines_count_.load(std::memory_order_acquire); ++i) f(*engines_[i]);
  }
  /// What SQLite uses in this process: as it accounts for it, and the measured caches where it does not.
  std::int64_t sqlite_bytes() noexcept;
  /// What all copies of SQLite say of their memory, added up; empty where none can tell. The limit is of those with open
  /// connections, and empty where none is in force.
  struct EngineFigures {
    std::optional<std::int64_t> used, peak, soft_limit;
  };
  EngineFigures engine_figures() noexcept;
  /// True where some copy with open connections accounts for its memory.
  bool accounted() noexcept;
  /// Puts the heap limits in force on every copy that has connections; the budget is shared out among them. The reason is
  /// static text, for the row that tells of it.
  void apply_limits(const Settings& now, std::string_view reason = "settings") noexcept;

  /// Memory was given back to malloc: the next look considers a trim.
  void note_freed() noexcept { freed_.store(true, std::memory_order_relaxed); }
  std::atomic<bool>& freed() noexcept { return freed_; }

  /// A statement failed for want of room: a row tells of it, once a minute while that lasts. The text is normalised.
  void warn_of_full(const Connection& connection, std::string_view sql) noexcept;

  /// All figures of statements, those in slots too: take(shape, totals), more than once for a shape. What moves from a slot
  /// to the store meanwhile may be missing, and no run is given twice. `seen`: a std::vector<const Shape*>, of which as much
  /// is used as it has capacity; with less than there are calls of `take` they have to be asked for again.
  template <class Seen, class Take>
  void each_statement(Seen& seen, Take&& take) {
    seen.clear();
    const auto see = [&](const Shape* shape) {
      if (seen.size() < seen.capacity()) seen.push_back(shape);
    };
    statements.each([&](const std::shared_ptr<Shape>& shape, const StatementTotals& totals) {
      take(shape, totals);
      see(shape.get());
    });
    for (auto c = registry.after(0); c != nullptr; c = registry.after(c->id)) {
      c->statements.each([&](const std::shared_ptr<Shape>& shape, const StatementTotals& totals) {
        take(shape, totals);
        // One that has left the store is only here; but it may have left just now, or have come back and left.
        const StatementTotals left = statements.totals_of_left(shape);
        if (left.calls > 0 && std::find(seen.begin(), seen.end(), shape.get()) == seen.end())
          take(shape, left);
        see(shape.get());
      });
    }
  }

  /// Held while a statement is interrupted and that is recorded.
  Mutex& cancel_lock() noexcept { return cancel_lock_; }

  Watchdog& watchdog() noexcept { return watchdog_; }
  Deadlines& deadlines() noexcept { return deadlines_; }

  /// Ends both threads: for exit.
  void stop_for_good() noexcept;

  // Around fork(): see Worker. The child keeps everything but the thread.
  void before_fork() noexcept;
  void after_fork(bool in_child) noexcept;

 private:
  Settings take_settings();

  Mutex system_lock_{LockRank::system};  // guards sampler_ against relocate()
  Sampler sampler_;
  std::atomic<std::int64_t> memory_limit_{0};

  Mutex resolved_lock_{LockRank::resolved};
  Settings resolved_;
  std::uint64_t resolved_generation_ = 0;
  std::int64_t resolved_limit_ = -1;

  Mutex engines_lock_{LockRank::engines};
  std::array<Engine*, kMostEngines> engines_{};
  std::atomic<std::size_t> engines_count_{0};
  std::size_t engines_at_fork_ = 0;
  std::atomic<bool> freed_{false};
  std::atomic<std::int64_t> warned_of_full_ns_{0};
  Mutex cancel_lock_{LockRank::cancel};
  Mutex taking_lock_{LockRank::taking};  // while settings are taken up
  Watchdog watchdog_;
  Deadlines deadlines_;
};

}  // namespace warden
