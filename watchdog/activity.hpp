// What a connection is doing, published by its own thread and read by any other without waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace warden {

/// The statements running on one connection. begin(), end() and in_transaction() belong to the thread that is
/// inside the connection (SQLite allows one at a time); look() may be called by any thread at any time and
/// never waits.
///
/// Statements nest (a function that runs SQL) and interleave (two cursors, stepped in turn). The published
/// one is the oldest still running; when it ends, the next oldest takes its place.
class Activity {
 public:
  /// Bytes of a statement's text that are published, as PostgreSQL's track_activity_query_size has it by
  /// default.
  static constexpr std::size_t kSqlBytes = 1024;
  /// Statements of one connection that are told apart while they run at the same time; further ones are
  /// counted: the connection runs until they have ended too, but they have no number and no time.
  static constexpr int kFrames = 8;

  /// A statement began. `statement` identifies it until end(); `sql` must stay valid as long as it runs.
  void begin(const void* statement, const char* sql, std::int64_t now_ns) noexcept;

  /// A statement ended: how long it ran, or -1 for one whose beginning was not seen (EXPLAIN has none).
  std::int64_t end(const void* statement, std::int64_t now_ns) noexcept;

  /// Forgets all that runs: the ends of these statements will not be seen.
  void forget(std::int64_t now_ns) noexcept;

  void set_in_transaction(bool open) noexcept { in_transaction_.store(open, std::memory_order_relaxed); }

  /// A consistent enough picture for people: each field is true by itself, and `sql` belongs to
  /// `statement_seq`.
  struct View {
    bool running;
    bool in_transaction;
    std::int64_t statement_seq;  // counts statements of this connection; 0 = none yet
    std::int64_t started_ns;     // of the running or last statement, monotonic; 0 = none yet
    std::int64_t ended_ns;       // of the last statement; 0 = none yet
    int thread_id;               // Linux thread id of the last statement; 0 = none yet
    std::size_t sql_bytes;       // copied to the buffer; 0 if none
    bool sql_truncated;
  };
  /// Copies the text of the running or last statement into `sql`, if given.
  View look(std::array<char, kSqlBytes>* sql) const noexcept;

  bool running() const noexcept { return running_.load(std::memory_order_acquire); }
  std::int64_t ended_ns() const noexcept { return ended_ns_.load(std::memory_order_relaxed); }
  std::int64_t statement_seq() const noexcept { return seq_.load(std::memory_order_relaxed); }
  /// For the connection's own thread: how many statements run.
  int depth() const noexcept { return depth_ + uncounted_; }

 private:
  struct Frame {
    const void* statement;
    const char* sql;
    std::int64_t seq;
    std::int64_t started_ns;
  };
  void publish(const Frame& frame) noexcept;
  /// Is this very text published already? Most statements run again and again: comparing costs a third of copying.
  bool holds(const char* sql) const noexcept;
  void note_end(std::int64_t now_ns) noexcept;

  // The connection's own thread only.
  std::array<Frame, kFrames> frames_{};
  int depth_ = 0;      // frames in use
  int uncounted_ = 0;  // statements beyond kFrames
  std::int64_t last_seq_ = 0;
  unsigned long thread_ = 0;  // pthread_self() of the last statement

  // Published. The text is guarded by version_ (odd while it changes): a writer stores the odd number, then
  // words with release order, so a reader that sees a new word also sees that the version moved. No fences,
  // no waiting writer.
  std::atomic<bool> running_{false};
  std::atomic<bool> in_transaction_{false};
  std::atomic<int> thread_id_{0};
  std::atomic<std::int64_t> seq_{0};
  std::atomic<std::int64_t> started_ns_{0};
  std::atomic<std::int64_t> ended_ns_{0};
  std::atomic<std::uint32_t> version_{0};
  std::atomic<std::uint32_t> sql_bytes_{0};  // highest bit: truncated
  std::array<std::atomic<std::uint64_t>, kSqlBytes / 8> words_{};
};

}  // namespace warden
