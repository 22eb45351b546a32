// One open connection as the watchdog sees it: what it publishes, and the few things that may be done to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "activity.hpp"
#include "cancellation.hpp"
#include "lock_order.hpp"
#include "statements.hpp"
#include "text.hpp"

namespace warden {

/// Figures of a connection, published by whoever measured last. Bytes; -1 = not known.
struct Figures {
  std::atomic<std::int64_t> cache_bytes{-1};
  std::atomic<std::int64_t> schema_bytes{-1};
  std::atomic<std::int64_t> statement_bytes{-1};
  std::atomic<std::int64_t> cache_hits{-1};
  std::atomic<std::int64_t> cache_misses{-1};
  std::atomic<std::int64_t> cache_spills{-1};
  std::atomic<std::int64_t> sampled_ns{0};  // monotonic; 0 = never

  /// Makes all of them unknown. Who measures at that moment may still publish what it found.
  void forget() noexcept {
    for (auto* figure :
         {&cache_bytes, &schema_bytes, &statement_bytes, &cache_hits, &cache_misses, &cache_spills})
      figure->store(-1, std::memory_order_relaxed);
  }
};

/// What a running statement was estimated to hold, by the watchdog's looks.
struct Weight {
  std::atomic<std::int64_t> seq{0};     // which statement
  std::atomic<std::int64_t> bytes{0};   // its connection's cache included
  std::atomic<std::int64_t> faults{0};  // page faults of its thread at the last look
};

/// How much to measure: the cache (cheap), or the schema and the prepared statements as well (walks them).
enum class Depth : std::uint8_t { cache, all };

/// The watchdog's end of a connection. Whose thread may call what:
///  - everything but the try_x functions: any thread, any time, without waiting;
///  - try_measure, try_release, look_inside: any thread. They never wait for the connection. Where it is busy, closed, or of a kind
///    that only its own thread may touch (no mutex, or a cache shared with others), they do nothing and say so;
///  - interrupt: any thread, any kind of connection; see Activity for why it hits no other statement.
/// The object outlives the connection for as long as somebody holds it; it just no longer reaches it.
class Connection {
 public:
  Connection(std::int64_t connection_id, const void* handle_identity, std::string file_name);
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// True where its copy of SQLite accounts for its memory; else the figures below are all there is.
  virtual bool accounted() const noexcept = 0;
  /// True where another thread may use the handle when it gets the connection's mutex without waiting.
  virtual bool touchable() const noexcept = 0;
  /// Refreshes the figures. False where it could not.
  virtual bool try_measure(Depth depth) noexcept = 0;
  /// Gives unpinned clean pages back; bytes that the cache fell by, or empty where it could not be done now.
  virtual std::optional<std::int64_t> try_release() noexcept = 0;
  /// Returns when the other thread of warden's that is inside by one of these at this moment, if there is one, has left. For
  /// who was asked for something and won't blame the host for warden's own looks; not for the watchdog.
  virtual void wait_for_others() noexcept = 0;
  /// Is somebody inside the connection at this moment? Brings `activity` up to date where nobody is. Unknown where only its
  /// own thread may touch it, and while another thread of warden's does.
  enum class Inside : std::uint8_t { nobody, somebody, unknown };
  virtual Inside look_inside() noexcept = 0;
  /// Interrupts the statement `seq` if it is the one that runs, unless it writes and `writers` is false. False where it
  /// has ended.
  virtual bool interrupt(std::int64_t seq, bool writers) noexcept = 0;

  /// What the connection's own thread shall do at its next safe point: the end of a statement, the progress handler,
  /// or a call of a warden function.
  enum Ask : std::uint32_t { kRelease = 1, kApply = 2 };
  void ask_to_release(std::string_view reason) noexcept;
  void ask(Ask what) noexcept { asked_.fetch_or(what, std::memory_order_release); }
  bool is_asked(Ask what) const noexcept { return (asked_.load(std::memory_order_relaxed) & what) != 0; }
  void take_back(Ask what) noexcept {
    asked_.fetch_and(~static_cast<std::uint32_t>(what), std::memory_order_relaxed);
  }
  bool is_asked_anything() const noexcept { return asked_.load(std::memory_order_relaxed) != 0; }
  FixedText<62> ask_reason() const noexcept;

  void set_label(std::string_view label) noexcept;
  FixedText<62> label() const noexcept;

  /// Counts a release of so many bytes.
  void note_release(std::int64_t bytes, std::int64_t now_ns) noexcept;
  /// True where nothing has run since the last release: what is still held can't be released again.
  bool released_since_it_ran() const noexcept;
  /// What the last release left: it can't be had by another.
  std::atomic<std::int64_t> floor_bytes{0};
  /// Milliseconds since a statement ended, or since the connection was opened or enrolled; 0 while one runs.
  std::int64_t idle_ms(std::int64_t now_ns) const noexcept;

  const std::int64_t id;
  const void* const handle;         // tells open connections apart; never dereferenced here
  const std::string file;           // "" for a temporary or in-memory database
  const std::int64_t opened_at_ms;  // Unix time of enrolment
  const std::int64_t opened_ns;     // the same, monotonic
  Activity activity;
  Figures figures;
  std::atomic<std::int64_t> released_bytes{0};
  std::atomic<std::int64_t> releases{0};
  std::atomic<std::int64_t> cancels{0};
  /// What warden_timeout() asked for on this connection, milliseconds: 0 = no deadline, -1 = the setting's.
  std::atomic<std::int64_t> timeout_ms{-1};
  Weight weight;
  /// The transaction (Activity::transactions) whose idleness became an event last.
  std::atomic<std::int64_t> warned_transaction{0};
  StatementSlots statements;
  Cancellation cancellation;
  std::atomic<std::int64_t> traffic_ns{
      0};  // when the cache was last seen to have been used; 0 = never looked
  std::atomic<std::int64_t> released_ns{0};  // of the last release; 0 = never
  std::atomic<std::int64_t> asked_ns{0};     // of the last request to release; 0 = never

 private:
  friend class Registry;  // for text_lock_ around fork()
  std::int64_t last_used_ns() const noexcept;

  std::atomic<std::uint32_t> asked_{0};
  mutable Mutex text_lock_{LockRank::texts};  // guards the two texts while they are copied
  FixedText<62> label_;
  FixedText<62> ask_reason_;
};

/// The open connections, in the order of their ids. Thread-safe; the lock is held to find or copy a pointer.
class Registry {
 public:
  /// An id that was never given before in this process.
  std::int64_t next_id() noexcept { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  /// Ids must come in rising order per caller; throws std::bad_alloc.
  void add(std::shared_ptr<Connection> connection);
  void remove(std::int64_t id) noexcept;
  std::shared_ptr<Connection> find(std::int64_t id) const noexcept;
  std::shared_ptr<Connection> find_handle(const void* handle) const noexcept;
  /// The connection with the smallest id above this one: walks all without copying a list, so it never allocates.
  std::shared_ptr<Connection> after(std::int64_t id) const noexcept;
  std::size_t size() const noexcept;

  /// How many of them belong to a copy of SQLite that does not account for its memory.
  int unaccounted() const noexcept { return unaccounted_.load(std::memory_order_relaxed); }

  // Around fork(): this lock, and those of the connections' texts.
  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;

 private:
  std::vector<std::shared_ptr<Connection>>::const_iterator at_or_after(std::int64_t id) const noexcept;

  mutable Mutex lock_{LockRank::registry};
  std::vector<std::shared_ptr<Connection>> connections_;  // sorted by id
  std::unordered_map<const void*, std::shared_ptr<Connection>> handles_;
  std::atomic<int> unaccounted_{0};
  std::atomic<std::int64_t> next_id_{1};
};

}  // namespace warden
