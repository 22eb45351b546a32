// What was measured and what was done, in two rings of bounded size: the rows of warden_samples and
// warden_events.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "lock_order.hpp"
#include "text.hpp"

namespace warden {

enum class Action : std::uint8_t { release, trim, cancel, limit, apply, warn };
std::string_view action_name(Action action) noexcept;

enum class Level : std::uint8_t { calm, elevated, over, pressure };
/// 'calm', 'elevated' (above release_above), 'over' (above memory_budget), 'pressure' (the system is short of
/// memory).
std::string_view level_name(Level level) noexcept;

/// A figure that could not be had.
inline constexpr std::int64_t kUnknown = -1;

/// One action, with what was measured before and after. Bytes; kUnknown where a figure could not be had.
struct Event {
  std::int64_t event_id = 0;  // 1, 2, 3, ... in the order of recording
  std::int64_t at_ms = 0;     // Unix time
  Action action = Action::warn;
  bool dry_run = false;
  std::int64_t connection_id = 0;  // 0 = none
  std::int64_t measured_bytes = kUnknown;
  std::int64_t threshold_bytes = kUnknown;
  std::int64_t sqlite_before_bytes = kUnknown;
  std::int64_t sqlite_after_bytes = kUnknown;
  std::int64_t rss_before_bytes = kUnknown;
  std::int64_t rss_after_bytes = kUnknown;
  std::int64_t took_us = 0;
  FixedText<62> reason;
  FixedText<62> label;
  FixedText<222> sql;
};

/// One look at the process.
struct Sample {
  std::int64_t sample_id = 0;  // 1, 2, 3, ... in the order of recording
  std::int64_t at_ms = 0;      // Unix time
  std::int64_t sqlite_bytes = kUnknown;
  std::int64_t rss_bytes = kUnknown;
  std::int64_t allocator_free_bytes = kUnknown;
  std::int32_t connections = 0;
  std::int32_t active = 0;
  double pressure_ratio = -1;  // negative = unknown
  Level level = Level::calm;
};

/// The last so many records. Not thread-safe by itself. Its memory is claimed at once and touched only as it
/// fills.
template <class T>
class Ring {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  struct Free {
    void operator()(T* rows) const noexcept { std::free(rows); }
  };
  using Room = std::unique_ptr<T, Free>;

  explicit Ring(std::size_t capacity) { resize(capacity); }

  /// What resize() needs; nothing where it has that capacity already. Throws std::bad_alloc.
  Room room_for(std::size_t capacity) const {
    if (capacity == capacity_) return nullptr;
    Room room(static_cast<T*>(std::malloc(capacity * sizeof(T))));
    if (room == nullptr) throw std::bad_alloc();
    return room;
  }
  /// Keeps the newest records. Throws std::bad_alloc with nothing changed.
  void resize(std::size_t capacity) { resize(capacity, room_for(capacity)); }
  void resize(std::size_t capacity, Room room) noexcept {
    if (room == nullptr) return;
    const std::size_t kept = size() < capacity ? size() : capacity;
    for (std::size_t i = 0; i < kept; ++i) room.get()[i] = at(size() - kept + i);
    rows_ = std::move(room);
    capacity_ = capacity;
    dropped_ = written_ - kept;
    first_ = dropped_;
  }
  void push(const T& row) noexcept { rows_.get()[(written_++ - first_) % capacity_] = row; }
  std::size_t size() const noexcept {
    const std::size_t held = written_ - dropped_;
    return held < capacity_ ? held : capacity_;
  }
  std::size_t capacity() const noexcept { return capacity_; }
  /// Records ever pushed.
  std::size_t written() const noexcept { return written_; }
  /// 0 = the oldest kept.
  const T& at(std::size_t i) const noexcept {
    return rows_.get()[(written_ - size() + i - first_) % capacity_];
  }
  T& at(std::size_t i) noexcept { return rows_.get()[(written_ - size() + i - first_) % capacity_]; }

 private:
  Room rows_;
  std::size_t capacity_ = 0;
  std::size_t written_ = 0;
  std::size_t dropped_ = 0;  // records lost to a smaller capacity
  std::size_t first_ = 0;    // record number at position 0
};

/// Both rings. Thread-safe; the lock is a leaf, held to copy rows. Recording allocates nothing.
class Journal {
 public:
  Journal() : events_(1000), samples_(3600) {}

  /// Stamps and keeps an event; returns its id. A sample gets its id only.
  std::int64_t record(Event event) noexcept;
  void record(Sample sample) noexcept;
  /// Calls `change(event)` for the event of that id if it is still kept, with the lock held.
  template <class F>
  void update(std::int64_t event_id, F&& change) noexcept {
    const std::lock_guard held(lock_);
    const auto newest = static_cast<std::int64_t>(events_.written());
    const auto oldest = newest - static_cast<std::int64_t>(events_.size()) + 1;
    if (event_id >= oldest && event_id <= newest)
      change(events_.at(static_cast<std::size_t>(event_id - oldest)));
  }
  /// Keeps the newest rows of both. Throws std::bad_alloc with nothing changed.
  void resize(std::size_t events, std::size_t samples);

  /// Calls `take(row)` for each kept event or sample, oldest first, with the lock held: it must be quick.
  /// What it throws is passed on.
  template <class F>
  void each_event(F&& take) const {
    const std::lock_guard held(lock_);
    for (std::size_t i = 0; i < events_.size(); ++i) take(events_.at(i));
  }
  template <class F>
  void each_sample(F&& take) const {
    const std::lock_guard held(lock_);
    for (std::size_t i = 0; i < samples_.size(); ++i) take(samples_.at(i));
  }
  std::size_t events_recorded() const noexcept;

  Mutex& fork_lock() noexcept { return lock_; }

 private:
  mutable Mutex lock_{LockRank::journal};
  Ring<Event> events_;
  Ring<Sample> samples_;
};

}  // namespace warden
