// What a connection is doing: published by its own thread, read by any other without waiting, and the one way to
// interrupt just the statement that is meant.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "lock_order.hpp"
#include "statement_counters.hpp"

namespace warden {

/// The statements running on one connection. begin(), end(), suspend() and what is marked so belong to the thread that
/// is inside the connection (SQLite allows one at a time); the rest may be called by any thread at any time.
///
/// Statements nest (a function that runs SQL) and interleave (two cursors, stepped in turn). The published one is the
/// oldest still running; when it ends, the next oldest takes its place.
///
/// Interrupting. sqlite3_interrupt names a connection, not a statement: between the look that finds statement 17
/// running and the call, 17 may have ended and 18 begun. So who interrupts claims the statement first, in the same
/// word that says what runs: the claim fails once 17 has ended, and while it holds, the end of 17 waits for it, some
/// hundred nanoseconds. Only the end of a statement that is being interrupted ever waits. SQLite forgets an interrupt
/// when the next statement begins with none running, so 18 is safe.
class Activity {
 public:
  /// Bytes of a statement's text that are published, as PostgreSQL's track_activity_query_size has it by
  /// default.
  static constexpr std::size_t kSqlBytes = 1024;
  /// Statements of one connection that are told apart while they run at the same time; further ones are
  /// counted: the connection runs until they have ended too, but they have no number and no time.
  static constexpr int kFrames = 8;

  Activity() = default;
  ~Activity() { delete long_text_.load(std::memory_order_relaxed); }
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  /// What is known of a statement when it begins.
  struct Traits {
    std::int64_t timeout_ns = 0;  // what it may take; 0 = no deadline
    bool writes = false;
    StatementMark
        mark{};  // kept for the caller; with a slot it is just the statement that last ran at this address
  };
  /// A statement began. `statement` identifies it until end(); `sql` must stay valid as long as it runs.
  void begin(const void* statement, const char* sql, std::int64_t now_ns, const Traits& traits) noexcept;
  void begin(const void* statement, const char* sql, std::int64_t now_ns) noexcept {
    begin(statement, sql, now_ns, Traits{});
  }

  struct Ended {
    std::int64_t elapsed_ns = -1;  // -1: its beginning was not seen (EXPLAIN has none)
    std::int64_t statement_seq = 0;
    bool interrupted = false;  // by interrupt(), or by note_interrupted()
    const char* sql = nullptr;
    StatementMark mark{};
  };
  /// A statement ended.
  Ended end(const void* statement, std::int64_t now_ns) noexcept;

  /// Drops the statements that `has_ended` says are over although their end was not told. The own thread.
  template <class F>
  void drop_ended(std::int64_t now_ns, F&& has_ended) noexcept {
    for (int i = depth_ - 1; i >= 0; --i) {  // the oldest last: what takes its place has been asked about
      if (has_ended(frame(i).statement)) drop(i, now_ns);
    }
  }

  /// The attempt to run the one statement that runs came to nothing, and SQLite may go on with it without telling: it
  /// prepares anew what was made for an older schema, or is stepped again after SQLITE_BUSY. It counts as running until
  /// it ends, another begins, or somebody finds that nothing runs and calls forget().
  void suspend(std::int64_t now_ns) noexcept;
  bool suspended() const noexcept { return suspended_ns_.load(std::memory_order_relaxed) != 0; }
  /// For the own thread: is this the only one that runs?
  bool runs_only(const void* statement) const noexcept {
    return depth_ == 1 && uncounted_ == 0 && near_[0].statement == statement;
  }
  /// For the own thread: is this the oldest of several that run?
  bool is_followed(const void* statement) const noexcept {
    return depth_ > 1 && near_[0].statement == statement;
  }
  /// For the own thread: of the oldest that runs, or of the last.
  StatementMark oldest_mark() const noexcept { return near_[0].mark; }

  /// Forgets all that runs: the ends of these statements will not be seen. The own thread, or one that keeps it out.
  void forget(std::int64_t now_ns) noexcept;

  void set_in_transaction(bool open) noexcept;
  bool in_transaction() const noexcept { return in_transaction_.load(std::memory_order_relaxed); }

  /// A consistent enough picture for people: each field is true by itself, and `sql` belongs to
  /// `statement_seq`.
  struct View {
    bool running;
    bool in_transaction;
    bool writes;                 // it writes, or a statement that does runs beside it
    std::int64_t statement_seq;  // counts statements of this connection; 0 = none yet
    std::int64_t started_ns;     // of the running or last statement, monotonic; 0 = none yet
    std::int64_t ended_ns;       // of the last statement; 0 = none yet
    std::int64_t timeout_ns;     // what the running or last statement may take; 0 = no deadline
    int thread_id;               // Linux thread id of the last statement; 0 = none yet
    std::size_t sql_bytes;       // copied to the buffer; 0 if none
    bool sql_truncated;
  };
  /// Copies the text of the running or last statement into `sql`, if given. Never waits.
  View look(std::array<char, kSqlBytes>* sql) const noexcept;

  bool running() const noexcept { return (state_.load(std::memory_order_acquire) & kRunning) != 0; }
  /// The number of the published statement while it runs; 0 while nothing does.
  std::int64_t running_seq() const noexcept {
    const std::uint64_t state = state_.load(std::memory_order_acquire);
    return (state & kRunning) != 0 ? static_cast<std::int64_t>(state >> kSeqShift) : 0;
  }
  bool writes() const noexcept { return (state_.load(std::memory_order_relaxed) & kWrites) != 0; }
  /// When the published statement's time is over, monotonic; 0 = never. Of the statement that running_seq() gave before,
  /// or of a later one: interrupt() tells which.
  std::int64_t deadline_ns() const noexcept { return deadline_ns_.load(std::memory_order_relaxed); }
  std::int64_t started_ns() const noexcept { return started_ns_.load(std::memory_order_relaxed); }
  std::int64_t ended_ns() const noexcept { return ended_ns_.load(std::memory_order_relaxed); }
  std::int64_t statement_seq() const noexcept { return seq_.load(std::memory_order_relaxed); }
  /// Counts transactions that were open at the end of a statement.
  std::int64_t transactions() const noexcept { return transactions_.load(std::memory_order_relaxed); }
  /// For the connection's own thread: how many statements run.
  int depth() const noexcept { return depth_ + uncounted_; }

  /// Calls `f()`, which is to interrupt the connection, while statement `seq` is the published one and cannot end. False
  /// where it is not running any more, where it writes (or one beside it) and `writers` is false, or where another
  /// thread interrupts it just now. `f` must not wait.
  template <class F>
  bool interrupt(std::int64_t seq, bool writers, F&& f) noexcept {
    if (!claim(seq, writers)) return false;
    {
      const lock_order::Tried nothing_may_be_waited_for(LockRank::interrupting);
      lock_order::point();
      interrupted_seq_.store(seq, std::memory_order_relaxed);
      lock_order::point();
      f();
    }
    unclaim(seq);
    return true;
  }
  /// What runs inside the published statement writes: it counts as one that does.
  void note_writes() noexcept { state_.fetch_or(kWrites, std::memory_order_relaxed); }
  /// The number of the statement that was interrupted last; 0 = none was.
  std::int64_t interrupted_seq() const noexcept { return interrupted_seq_.load(std::memory_order_relaxed); }
  /// The own thread ends the published statement by itself: in the progress handler.
  void note_interrupted() noexcept { interrupted_seq_.store(near_[0].seq, std::memory_order_relaxed); }

 private:
  struct Frame {
    const void* statement;
    const char* sql;
    std::int64_t seq;
    std::int64_t started_ns;
    std::int64_t timeout_ns;
    StatementMark mark;
  };
  // state_: the number of the published statement, and these bits.
  static constexpr std::uint64_t kRunning = 1;
  static constexpr std::uint64_t kClaimed = 2;  // somebody is about to interrupt it: its end waits
  static constexpr std::uint64_t kWrites = 4;   // until nothing runs
  static constexpr unsigned kSeqShift = 3;

  /// Most texts are short, and there may be many connections.
  static constexpr std::size_t kShortBytes = 256;
  using Word = std::atomic<std::uint64_t>;
  using LongText = std::array<Word, kSqlBytes / 8>;

  /// Where a text of so many bytes stands.
  const Word* text_of(std::size_t bytes) const noexcept {
    return bytes <= kShortBytes ? short_text_.data() : long_text_.load(std::memory_order_acquire)->data();
  }
  void put_text(const char* sql) noexcept;
  void publish(const Frame& frame) noexcept;
  void publish_times(const Frame& frame) noexcept;
  /// Is this very text published already? Most statements run again and again: comparing costs a third of copying.
  bool holds(const char* sql) const noexcept;
  void note_end(std::int64_t now_ns) noexcept;
  void drop(int gap, std::int64_t now_ns) noexcept;
  void close_up(int gap) noexcept;
  void leave_for(std::uint64_t next) noexcept;
  bool claim(std::int64_t seq, bool writers) noexcept;
  void unclaim(std::int64_t seq) noexcept;

  // The connection's own thread only.
  Frame& frame(int i) noexcept {
    return i < kNearFrames ? near_[static_cast<std::size_t>(i)]
                           : (*far_)[static_cast<std::size_t>(i - kNearFrames)];
  }
  static constexpr int kNearFrames = 2;
  std::array<Frame, kNearFrames> near_{};
  std::unique_ptr<std::array<Frame, kFrames - kNearFrames>> far_;  // for connections that need more
  int depth_ = 0;                                                  // frames in use
  int uncounted_ = 0;                                              // statements beyond kFrames
  std::int64_t last_seq_ = 0;
  unsigned long thread_ = 0;         // pthread_self() of the last statement
  const void* published_ = nullptr;  // whose text is published

  // Published. The text is guarded by version_ (odd while it changes): a writer stores the odd number, then
  // words with release order, so a reader that sees a new word also sees that the version moved. No fences,
  // no waiting writer.
  std::atomic<std::uint64_t> state_{0};
  std::atomic<std::int64_t> deadline_ns_{0};
  std::atomic<std::int64_t> interrupted_seq_{0};
  std::atomic<std::int64_t> unclaimed_seq_{0};  // whose end may go on
  std::atomic<std::int64_t> suspended_ns_{0};   // when; 0 = it is not
  std::atomic<std::int64_t> transactions_{0};
  std::atomic<bool> in_transaction_{false};
  std::atomic<int> thread_id_{0};
  std::atomic<std::int64_t> seq_{0};
  std::atomic<std::int64_t> started_ns_{0};
  std::atomic<std::int64_t> timeout_ns_{0};
  std::atomic<std::int64_t> ended_ns_{0};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint32_t> sql_bytes_{0};  // highest bit: truncated
  std::array<std::atomic<std::uint64_t>, kShortBytes / 8> short_text_{};
  std::atomic<LongText*> long_text_{nullptr};  // made for the first text that needs it
};

}  // namespace warden
