// The order of warden's locks, checked.
//
// Every lock has a rank. A thread that waits for one must hold none of its own rank or of a later one: so no two threads
// can wait for each other. In builds with assertions (Debug, and with it the sanitizers) each lock() checks that and ends
// the program with the names of both; in a release a Mutex is a std::mutex, and nothing is checked.
//
// What is only tried never waits, so it may be had in any order; but as long as it is held it counts. Other locks that
// warden gets by trying, SQLite's mutex of a connection, are told with Tried. Where a host's code may call in or be called,
// none of warden's locks may be held (holds_none).
//
// Tests may hand out turns: with a Scheduler in place threads run one at a time, change only where they lock or pass a
// point(), and every order that a test asks for can be had.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#ifndef WARDEN_CHECKS_LOCKS
#ifdef NDEBUG
#define WARDEN_CHECKS_LOCKS 0
#else
#define WARDEN_CHECKS_LOCKS 1
#endif
#endif

namespace warden::lock_order {

/// All locks, outermost first: nobody waits for one while holding it or a later one.
enum class Rank : std::uint8_t {
  instance,          // the first use of Warden
  engines,           // copies of SQLite are looked for and added
  deadlines_thread,  // starting and ending the thread of deadlines,
  watchdog_thread,   // and the watchdog's
  tick,              // a look of the watchdog
  deadlines_look,
  cancel,      // a statement is interrupted, and that is recorded
  handle,      // other threads' use of a connection against its end
  sqlite,      // SQLite's mutex of a connection, by trying alone
  taking,      // settings are taken up
  registry,    // the open connections
  slots,       // a connection's statistics of statements
  texts,       // a connection's label
  statements,  // statistics of statements that slots gave up
  system,      // a reading of the system
  resolved,    // settings as numbers
  settings,    // settings as texts
  journal,     // events and samples
  allocator,   // what malloc was asked last
  engine,      // one copy of SQLite: its limits
  sleep,       // waking a thread
  interrupting  // no lock: a statement is kept from ending (Activity::interrupt), and nothing may be waited for
};
inline constexpr std::size_t kRanks = static_cast<std::size_t>(Rank::interrupting) + 1;

inline const char* name_of(Rank rank) noexcept {
  static constexpr std::array<const char*, kRanks> kNames{
      "instance", "engines",        "deadlines_thread", "watchdog_thread",
      "tick",     "deadlines_look", "cancel",           "handle",
      "sqlite",   "taking",         "registry",         "slots",
      "texts",    "statements",     "system",           "resolved",
      "settings", "journal",        "allocator",        "engine",
      "sleep",    "interrupting"};
  return kNames[static_cast<std::size_t>(rank)];
}

#if WARDEN_CHECKS_LOCKS

/// Hands out turns to the threads of a test.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// The calling thread comes to a point where another may go on.
  virtual void point() = 0;
  /// It can't go on before another thread has: a lock is held, or what it waits for has not happened.
  virtual void must_wait() = 0;
  /// A thread of warden's own was made; it has begun, and takes turns from now on; it ends.
  virtual void made() = 0;
  virtual void born() = 0;
  virtual void gone() = 0;
  /// The calling thread waits in the system for the end of such a thread; and that is over.
  virtual void away() = 0;
  virtual void back() = 0;
};
inline std::atomic<Scheduler*> scheduler{nullptr};

/// How many locks of each rank this thread holds.
inline thread_local std::array<std::uint32_t, kRanks> held_here{};

[[noreturn]] inline void violated(const char* what, const char* wanted, Rank held) noexcept {
  std::fprintf(stderr, "warden: order of locks: %s \"%s\" while \"%s\" is held (watchdog/lock_order.hpp)\n",
               what, wanted, name_of(held));
  std::fflush(stderr);  // a host may have put it into a file
  std::abort();
}

inline void may_wait_for(Rank wanted, bool another) noexcept {
  for (std::size_t i = static_cast<std::size_t>(wanted) + (another ? 1 : 0); i < kRanks; ++i) {
    if (held_here[i] != 0) violated("waits for", name_of(wanted), static_cast<Rank>(i));
  }
}

inline void took(Rank rank) noexcept { ++held_here[static_cast<std::size_t>(rank)]; }
inline void gave(Rank rank) noexcept { --held_here[static_cast<std::size_t>(rank)]; }
inline bool holds(Rank rank) noexcept { return held_here[static_cast<std::size_t>(rank)] != 0; }

/// Nothing of warden's may be held here: `where` is entered from the host, or enters it and may wait for it.
inline void holds_none(const char* where) noexcept {
  for (std::size_t i = 0; i < kRanks; ++i) {
    if (held_here[i] != 0) violated("in", where, static_cast<Rank>(i));
  }
}

/// A place between two steps that other threads may see.
inline void point() noexcept {
  if (Scheduler* const turns = scheduler.load(std::memory_order_acquire)) turns->point();
}
/// The same in a loop that waits for another thread; true where the test has seen to the waiting.
inline bool must_wait() noexcept {
  Scheduler* const turns = scheduler.load(std::memory_order_acquire);
  if (turns != nullptr) turns->must_wait();
  return turns != nullptr;
}

/// The life of a thread of warden's own, told to a test that hands out turns: whoever made it says so ...
inline void made_thread() noexcept {
  if (Scheduler* const turns = scheduler.load(std::memory_order_acquire)) turns->made();
}
/// ... it is there as long as this lives in it ...
class ThreadHere {
 public:
  ThreadHere() noexcept : turns_(scheduler.load(std::memory_order_acquire)) {
    if (turns_ != nullptr) turns_->born();
  }
  ~ThreadHere() {
    if (turns_ != nullptr) turns_->gone();
  }
  ThreadHere(const ThreadHere&) = delete;
  ThreadHere& operator=(const ThreadHere&) = delete;

 private:
  Scheduler* const turns_;
};
/// ... and who joins it does so within one of these.
class Joining {
 public:
  Joining() noexcept : turns_(scheduler.load(std::memory_order_acquire)) {
    if (turns_ != nullptr) turns_->away();
  }
  ~Joining() {
    if (turns_ != nullptr) turns_->back();
  }
  Joining(const Joining&) = delete;
  Joining& operator=(const Joining&) = delete;

 private:
  Scheduler* const turns_;
};

/// A std::mutex with a rank. Lockable, so std::lock_guard and std::unique_lock take it.
class Mutex {
 public:
  explicit constexpr Mutex(Rank rank) noexcept : rank_(rank) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { lock(false); }
  /// A further one of the same rank: for who keeps all others from doing the same, as fork() does.
  void lock_another() { lock(true); }
  bool try_lock() {
    point();
    if (!mutex_.try_lock()) return false;
    took(rank_);
    return true;
  }
  void unlock() {
    gave(rank_);
    mutex_.unlock();
  }
  /// Waits for the condition with this lock, which the caller holds and nothing later.
  void wait_for(std::condition_variable& condition, std::chrono::nanoseconds time) {
    gave(rank_);
    holds_none("a sleep");
    if (scheduler.load(std::memory_order_acquire) != nullptr) {
      // Sleeps until something has happened, which may not be what it waits for: as with any condition.
      mutex_.unlock();
      if (!must_wait()) std::abort();
      lock();
      return;
    }
    std::unique_lock<std::mutex> held(mutex_, std::adopt_lock);
    condition.wait_for(held, time);
    held.release();
    took(rank_);
  }

 private:
  void lock(bool another) {
    may_wait_for(rank_, another);
    if (scheduler.load(std::memory_order_acquire) == nullptr) {
      mutex_.lock();
    } else {
      point();
      while (!mutex_.try_lock()) {
        if (!must_wait()) std::abort();
      }
    }
    took(rank_);
  }

  std::mutex mutex_;
  const Rank rank_;
};

/// Something of this rank is held without waiting for it.
class Tried {
 public:
  explicit Tried(Rank rank) noexcept : rank_(rank) { took(rank_); }
  ~Tried() { gave(rank_); }
  Tried(const Tried&) = delete;
  Tried& operator=(const Tried&) = delete;

 private:
  const Rank rank_;
};

#else

inline void holds_none(const char*) noexcept {}
inline void point() noexcept {}
inline bool must_wait() noexcept { return false; }
inline void made_thread() noexcept {}
struct ThreadHere {
  ThreadHere() {}  // so that one which is not named otherwise counts as used
};
struct Joining {
  Joining() {}
};

class Mutex : public std::mutex {
 public:
  explicit constexpr Mutex(Rank) noexcept {}
  void lock_another() { lock(); }
  void wait_for(std::condition_variable& condition, std::chrono::nanoseconds time) {
    std::unique_lock<std::mutex> held(*this, std::adopt_lock);
    condition.wait_for(held, time);
    held.release();
  }
};

struct Tried {
  explicit Tried(Rank) noexcept {}
  ~Tried() {}  // so that one which is not named otherwise counts as used
};

#endif

}  // namespace warden::lock_order

namespace warden {

using Mutex = lock_order::Mutex;
using LockRank = lock_order::Rank;

}  // namespace warden
