// What statements cost, by their shape: the rows of warden_statements.
//
// A shape is a normalised text (sql_text.hpp). Every connection keeps the figures of the shapes that it ran last in slots
// of its own, written by its own thread alone without a lock; StatementStore holds what the slots had to give up, and is
// where a reader adds it all up. So the end of a statement costs some stores, whatever other connections do.
//
// How a run finds its slot, cheapest way first:
//   1. the same prepared statement as before: same address, same text pointer, and SQLite's count of its runs is just
//      what it was after the last run seen: another statement at that address would begin at 0;
//   2. the same text, by a 64-bit hash of its bytes: prepared anew, or by another of the same text;
//   3. the same shape, by its fingerprint: the text is normalised, about 1 us for each 100 bytes.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lock_order.hpp"
#include "statement_counters.hpp"

namespace warden {

/// Sums over runs. Times in nanoseconds, monotonic; a value.
struct StatementTotals {
  std::int64_t calls = 0;
  std::int64_t errors = 0;
  std::int64_t cancels = 0;
  std::int64_t total_ns = 0;
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;
  double squares_ns2 = 0;  // sum of squared times
  std::int64_t vm_steps = 0;
  std::int64_t full_scan_steps = 0;
  std::int64_t sorts = 0;
  std::int64_t auto_indexes = 0;
  std::int64_t reprepares = 0;
  std::int64_t peak_bytes = -1;  // the most that a run was seen to hold; -1 = none was looked at
  std::int64_t first_ns = 0;     // end of the first and of the last run
  std::int64_t last_ns = 0;

  void add(const StatementTotals& other) noexcept;
  double mean_ns() const noexcept {
    return calls == 0 ? 0 : static_cast<double>(total_ns) / static_cast<double>(calls);
  }
  /// Standard deviation of all runs (of the population), as PostgreSQL's pg_stat_statements has it.
  double stddev_ns() const noexcept {
    if (calls == 0) return 0;
    const double variance = squares_ns2 / static_cast<double>(calls) - mean_ns() * mean_ns();
    return variance > 0 ? std::sqrt(variance) : 0;
  }
};

/// A statement's shape. Immutable but for `totals`, which belong to the store's lock.
struct Shape {
  /// Bytes of normalised text that are kept; the fingerprint is that of the whole.
  static constexpr std::size_t kSqlBytes = 1024;
  std::uint64_t fingerprint = 0;
  std::string sql;
  StatementTotals totals;  // without what slots hold
};

/// All shapes of the process, at most as many as the setting says; the least used make room: those with the fewest calls,
/// not counting what slots hold, since a slot brings its shape back with all it had. Thread-safe.
class StatementStore {
 public:
  /// The shape of a text, made if need be. Throws std::bad_alloc.
  std::shared_ptr<Shape> shape_of(std::string_view sql);
  /// What a slot gives up, unless all was reset since that epoch.
  void add(const std::shared_ptr<Shape>& shape, const StatementTotals& totals, std::uint32_t epoch) noexcept;
  /// Forgets all figures, those in slots too.
  void reset() noexcept;
  /// Keeps the most used.
  void resize(std::size_t most) noexcept;

  /// Slots of an older epoch hold nothing that counts.
  std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_relaxed); }
  std::size_t size() const noexcept;
  std::size_t most() const noexcept;
  /// Shapes that had to leave since the last reset.
  std::int64_t left() const noexcept;

  /// What a shape had when it left, as long as a slot keeps it; nothing for one that is here.
  StatementTotals totals_of_left(const std::shared_ptr<Shape>& shape) const noexcept;

  /// Calls `take(shape, totals)` for each, with the lock held: it must be quick. What it throws is passed on.
  template <class F>
  void each(F&& take) const {
    const std::lock_guard held(lock_);
    for (const auto& [fingerprint, shape] : shapes_) take(shape, shape->totals);
  }

  Mutex& fork_lock() noexcept { return lock_; }

 private:
  void make_room(std::size_t most) noexcept;

  mutable Mutex lock_{LockRank::statements};
  std::unordered_map<std::uint64_t, std::shared_ptr<Shape>> shapes_;
  std::size_t most_ = 1000;
  std::int64_t left_ = 0;
  std::atomic<std::uint32_t> epoch_{1};
};

/// The shapes that one connection ran last. All but each() belong to the connection's own thread, or to one that keeps it
/// out; each() may be called by any, and only waits for a slot that is being made or given up.
class StatementSlots {
 public:
  /// Shapes of one connection that are counted without a lock; with more, the one not run for longest is given up.
  static constexpr std::size_t kSlots = 32;

  StatementSlots() = default;
  ~StatementSlots() { close(); }
  StatementSlots(const StatementSlots&) = delete;
  StatementSlots& operator=(const StatementSlots&) = delete;

  void use(StatementStore& store) noexcept { store_ = &store; }
  /// Gives everything to the store: the connection closes.
  void close() noexcept;
  /// Statements may have run unseen: none is known by its address any more.
  void forget_statements() noexcept {
    for (Key& key : keys_) key.statement = nullptr;
  }

  /// The slot of the prepared statement if its last run seen was its `runs`-th (as SQLite counts them); -1 if not.
  int find(const void* statement, const char* sql, std::int32_t runs) const noexcept {
    if (last_ >= 0 && keys_[static_cast<std::size_t>(last_)].is(statement, sql, runs)) return last_;
    return find_other(statement, sql, runs);
  }
  /// For a statement that begins, was not found, and has run before: a slot where its counters so far are remembered, so
  /// that end() counts this run's share alone. -1 where there is no memory.
  int adopt(const void* statement, const char* sql, std::int32_t runs,
            const StatementCounters& before) noexcept;

  /// vm_steps of the prepared statement of this slot, as last seen.
  std::int32_t steps(int slot) const noexcept { return keys_[static_cast<std::size_t>(slot)].after.vm_steps; }

  struct Run {
    std::int64_t elapsed_ns = 0;
    std::int64_t now_ns = 0;
    std::int32_t vm_steps = 0;  // SQLite's count, over all runs
    bool is_call = true;        // false: the rest of a run that was told in two parts
    bool cancelled = false;
    bool failed = false;
  };
  /// A statement that began with `mark` ended; `read()` gives its counters. Returns its slot for note(), or -1 where it
  /// could not be kept.
  template <class Read>
  int end(const void* statement, const char* sql, StatementMark mark, const Run& run, Read&& read) noexcept {
    int at = mark.slot;
    const bool known = at >= 0 && keys_[static_cast<std::size_t>(at)].is(statement, sql, mark.runs);
    if (!known || !counts(at)) {
      // Its first run, and then it had counted nothing before; or its slot was given up meanwhile, or all were reset.
      at = adopt(statement, sql, mark.runs,
                 known            ? keys_[static_cast<std::size_t>(at)].after
                 : mark.runs == 0 ? StatementCounters{}
                                  : read());
      if (at < 0) return last_ = -1;
    }
    Key& key = keys_[static_cast<std::size_t>(at)];
    last_ = at;
    const auto steps = static_cast<std::int32_t>(run.vm_steps - key.after.vm_steps);
    ++key.runs;
    if (steps != key.quiet_steps || (key.runs & kReadAllMask) == 0) {
      count_all(key, steps, run.elapsed_ns, read());
    } else {
      add_to(key.slot->vm_steps, std::int64_t{steps});
      key.after.vm_steps = run.vm_steps;
    }
    key.slot->count(run);
    return at;
  }
  /// The normalised text of a slot.
  std::string_view sql(int slot) const noexcept {
    return keys_[static_cast<std::size_t>(slot)].slot->shape->sql;
  }
  /// What is learned of the run that ended last in this slot. `bytes`: held at its height, -1 = not known.
  void note(int slot, bool error, std::int64_t bytes) noexcept;

  /// Calls `take(shape, totals)` for each slot that counts.
  template <class F>
  void each(F&& take) const {
    const std::lock_guard held(lock_);
    for (const Key& key : keys_) {
      const Slot& slot = *key.slot;
      if (slot.shape != nullptr && slot.epoch == store_->epoch()) take(slot.shape, slot.read());
    }
  }

  Mutex& fork_lock() noexcept { return lock_; }

 private:
  /// All counters are read at least after so many runs, however quiet.
  static constexpr std::int32_t kReadAllMask = 63;

  /// For the only writer: an ordinary addition, that readers never see half of.
  template <class T>
  static void add_to(std::atomic<T>& sum, T what) noexcept {
    sum.store(sum.load(std::memory_order_relaxed) + what, std::memory_order_relaxed);
  }

  struct Slot {
    // Changed under lock_ only.
    std::shared_ptr<Shape> shape;
    std::uint32_t epoch = 0;
    // One writer.
    std::atomic<std::int64_t> calls{0}, errors{0}, cancels{0}, total_ns{0}, min_ns{0}, max_ns{0}, vm_steps{0},
        full_scan_steps{0}, sorts{0}, auto_indexes{0}, reprepares{0}, peak_bytes{-1}, first_ns{0}, last_ns{0};
    std::atomic<double> squares_ns2{0};

    void count(const Run& run) noexcept;
    StatementTotals read() const noexcept;
    void clear() noexcept;
  };
  /// How a run finds its slot: the own thread's alone.
  struct Key {
    const void* statement = nullptr;
    const char* sql = nullptr;
    std::int32_t runs = 0;  // after the last run seen
    /// Steps of a run that was seen to change no other counter: the next with as many is taken to have done the same, and
    /// the others, which only grow, are read again after another kind of run. -1 = none is known.
    std::int32_t quiet_steps = -1;
    StatementCounters after{};
    std::uint64_t text_hash = 0;
    std::unique_ptr<Slot> slot;

    bool is(const void* other, const char* text, std::int32_t count) const noexcept {
      return statement == other && runs == count && sql == text;
    }
  };
  bool counts(int at) const noexcept {
    return keys_[static_cast<std::size_t>(at)].slot->epoch == store_->epoch();
  }
  void count_all(Key& key, std::int32_t steps, std::int64_t elapsed_ns,
                 const StatementCounters& after) noexcept;
  int find_other(const void* statement, const char* sql, std::int32_t runs) const noexcept;
  int find_or_make(const char* sql);
  int free_slot();
  void give_up(Slot& slot) noexcept;

  StatementStore* store_ = nullptr;
  mutable Mutex lock_{LockRank::slots};  // taken by the own thread only where slots are made or given up
  std::vector<Key> keys_;
  int last_ = -1;
};

inline void StatementSlots::Slot::count(const Run& run) noexcept {
  add_to(total_ns, run.elapsed_ns);
  last_ns.store(run.now_ns, std::memory_order_relaxed);
  if (run.cancelled) add_to(cancels, std::int64_t{1});
  if (run.failed) add_to(errors, std::int64_t{1});
  if (!run.is_call) return;
  const std::int64_t before = calls.load(std::memory_order_relaxed);
  if (before == 0) first_ns.store(run.now_ns, std::memory_order_relaxed);
  if (before == 0 || run.elapsed_ns < min_ns.load(std::memory_order_relaxed))
    min_ns.store(run.elapsed_ns, std::memory_order_relaxed);
  if (run.elapsed_ns > max_ns.load(std::memory_order_relaxed))
    max_ns.store(run.elapsed_ns, std::memory_order_relaxed);
  const auto elapsed = static_cast<double>(run.elapsed_ns);
  add_to(squares_ns2, elapsed * elapsed);
  calls.store(before + 1, std::memory_order_relaxed);
}

}  // namespace warden
