// One SQLite connection under watch: its hooks, its states, and who may touch it from where.
//
// A connection is enrolled once, on the thread that opens it or loads warden into it, and ends when SQLite calls the
// destructor of a function registered on it. SQLite then holds the connection's mutex, if it has one.
//
// Three ways lead to the handle:
//  - the connection's own thread, that is, whoever is inside SQLite with it: hooks, functions, tables. It may use the
//    handle freely (members named own_x);
//  - any other thread, through try_measure(), try_release() and look_inside(): under handle_lock_, which it only tries, and
//    under the connection's mutex, which it only tries. (wait_for_others() waits for handle_lock_, with nothing in hand.) A
//    connection without a mutex (the sqlite3 CLI, SQLITE_OPEN_NOMUTEX) or with a shared cache (whose locks would be waited for) is never touched by another thread;
//  - any other thread, through interrupt(): sqlite3_interrupt() needs no mutex, only a handle that is not being closed. It
//    is called while a statement that runs is kept from ending (Activity::interrupt), and so is the connection.
//
// Order of locks: the connection's mutex is SQLite's own and may be held by whoever calls us; the destructor then takes
// handle_lock_. Nobody who holds handle_lock_ waits for the connection's mutex, so there is no cycle. Wherever SQLite calls
// us none of our locks is held (checked by lock_order::holds_none), so none is held when SQLite waits for its own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host.hpp"
#include "registry.hpp"
#include "value.hpp"

namespace warden::ext {

/// The first SQLite with sqlite3_db_name().
inline constexpr int kTellsNames = 3'039'000;

/// See above. Owned by the registry and by the connection itself until it closes.
class SqliteConnection final : public Connection {
 public:
  /// Puts `db` under watch: functions, tables, hooks. Nothing if it is already; false where another warden of this process
  /// (others.hpp) looks after it. Throws vtab::error, std::bad_alloc; then what was registered stays and works, and another
  /// call takes up the rest.
  static bool enrol(Host& host, sqlite3* db, bool opening);

  Host& host() const noexcept { return host_; }
  const Api* api() const noexcept { return host_.api(); }
  sqlite3* db() const noexcept { return db_; }  // the connection's own thread only
  bool serialized() const noexcept { return mutex_ != nullptr; }
  bool shares_cache() const noexcept { return shared_cache_.load(std::memory_order_relaxed); }
  /// "none", "trace", "trace+progress", or "lost": the host took the slot for itself.
  const char* hooks() const noexcept;

  bool accounted() const noexcept override { return host_.can().accounting && host_.can().mutexes; }
  bool touchable() const noexcept override { return serialized() && !shares_cache() && host_.can().mutexes; }
  bool try_measure(Depth depth) noexcept override;
  std::optional<std::int64_t> try_release() noexcept override;
  void wait_for_others() noexcept override { const std::lock_guard left(handle_lock_); }
  Inside look_inside() noexcept override;
  bool interrupt(std::int64_t seq, bool writers) noexcept override;

  // The connection's own thread only.
  void own_measure(Depth depth) noexcept;
  std::int64_t own_give_back() noexcept;
  /// To be called by every function and table of ours: notices a lost hook, does what was asked for.
  void own_call() noexcept;
  /// The same for functions that act, or show what others do: throws vtab::error where a schema calls one that SQLite lets
  /// through, in spite of SQLITE_DIRECTONLY.
  void own_act(const char* function);
  /// The time in Unix seconds, the same throughout a statement of the host (as long as its hooks tell of statements).
  std::int64_t own_now() noexcept;
  /// How far a command of ours is that takes long, from 0 to 1; nothing when it ends. Any thread reads it.
  void set_share_done(std::optional<double> share) noexcept {
    share_done_.store(share.value_or(-1), std::memory_order_relaxed);
  }
  std::optional<double> share_done() const noexcept {
    const double share = share_done_.load(std::memory_order_relaxed);
    return share < 0 ? std::nullopt : std::optional(share);
  }
  /// While a statement of ours runs, which may ask for tables of ours, and so on: the stack is not endless. The connection's
  /// own thread only.
  class Nested {
   public:
    explicit Nested(SqliteConnection& self) noexcept : self_(self) { ++self_.nested_; }
    ~Nested() { --self_.nested_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    bool is_too_deep() const noexcept { return self_.nested_ > kDeepest; }

   private:
    static constexpr int kDeepest = 16;
    SqliteConnection& self_;
  };
  /// Where SQLite would put its next temporary file; "" where it does not say. Throws std::bad_alloc.
  std::string own_temporary_directory();
  /// Registers functions of ours that only statements of ours call, the first time that one is about to. Throws
  /// vtab::error, std::bad_alloc.
  void own_install_internal();
  /// Ends a statement of ours, which is no statement of the host's: nobody is told. Nothing happens where the host did.
  void own_finalize(sqlite3_stmt* statement) noexcept;
  /// Brings cache_size, temp_store and hooks to what the settings say; true if nothing is left to do.
  bool own_apply(bool opening) noexcept;

 private:
  SqliteConnection(Host& host, sqlite3* db, std::string file_name);
  void install(bool opening);
  static int on_trace(unsigned what, void* self, void* statement, void* detail) noexcept;
  static int on_progress(void* self) noexcept;
  static void on_close(void* self) noexcept;

  void began(sqlite3_stmt* statement, const char* sql) noexcept;
  void ended(sqlite3_stmt* statement, std::int64_t told_ns) noexcept;
  void sweep(const sqlite3_stmt* ending, std::int64_t now_ns) noexcept;
  bool came_to_nothing(sqlite3_stmt* statement) noexcept;
  int count(sqlite3_stmt* statement, const Activity::Ended& run, std::int32_t vm_steps, std::int64_t now_ns,
            std::int64_t told_ns) noexcept;
  void judge() noexcept;
  void settle(std::int64_t now_ns, std::int64_t elapsed_ns, bool cancelled) noexcept;
  void progress() noexcept;
  StatementCounters counters(sqlite3_stmt* statement) const noexcept;
  std::int32_t counter(sqlite3_stmt* statement, int which) const noexcept {
    return api()->stmt_status(statement, which, 0);
  }
  bool end_release_is_due(const Settings& now, std::int64_t now_ns, std::int64_t elapsed_ns) noexcept;
  bool runs_again() noexcept;
  void heed(const char* sql) noexcept;
  void take_hooks(Hooks wanted, bool opening) noexcept;
  bool has_to_apply() noexcept;
  bool may_apply_after(sqlite3_stmt* statement) noexcept;
  void record_applied(bool done) noexcept;
  void find_shared_caches() noexcept;
  void keep_from_spilling() noexcept;
  void note_lost() noexcept;
  void note_shared() noexcept;
  bool may_be_entered() noexcept;
  bool has_busy_statement() noexcept;
  bool copies_pages() noexcept;
  void catch_up() noexcept;
  bool run_own(const char* sql) noexcept;
  bool has_temp_tables() noexcept;
  std::int64_t status(int what) noexcept;

  Host& host_;
  Warden& warden_;
  sqlite3* db_;
  sqlite3_mutex* mutex_;
  std::shared_ptr<SqliteConnection> self_;  // until it closes
  Mutex handle_lock_{LockRank::handle};     // other threads' use of db_ against its end
  bool open_ = true;                        // guarded by handle_lock_
  std::atomic<bool> shared_cache_{false};
  std::atomic<Hooks> taken_{Hooks::none};
  std::atomic<bool> lost_{false};
  std::atomic<bool> blind_{
      false};  // for some time nothing told of its statements: it may have attached anything
  std::atomic<std::int64_t> traffic_{
      -1};  // cache hits and misses when last measured, where no hook tells of statements

  std::atomic<double> share_done_{-1};  // -1 = no command runs

  // The connection's own thread only.
  std::size_t registered_ = 0;     // functions and tables so far
  bool enrolled_ = false;          // all is done
  std::size_t internals_ = 0;      // functions of own_install_internal() so far
  int nested_ = 0;                 // statements of ours that run
  bool internal_ = false;          // a statement of our own runs
  bool unseen_beginning_ = true;   // hooks were taken while a statement ran: its beginning was not seen
  Hooks installed_ = Hooks::none;  // the slots that were filled; taken_ says what is heeded of them
  std::int64_t ended_before_ns_ = 0;
  std::int64_t swept_ns_ = 0;
  std::int64_t held_at_end_ = -1;  // bytes of the cache when the last long statement ended
  bool stats_were_off_ = false;
  int unjudged_ =
      -1;  // the slot of the last statement, as long as it is not known how it ended; or who has the mutex
  std::int64_t end_pause_ns_ = 0;
  bool attaches_ = false;  // an ATTACH or a DETACH runs
  // SQLite's file objects of its databases, to be compared only.
  std::vector<const void*> file_objects_;
  bool applied_any_ = false;  // cache_size or temp_store is not "keep"
  std::optional<std::int64_t> applied_cache_kib_;
  TempStore applied_temp_store_ = TempStore::keep;
  bool recorded_done_ = true;  // as the last event told
  std::optional<std::int64_t> recorded_cache_kib_;
  TempStore recorded_temp_store_ = TempStore::keep;
  int apply_attempts_ = 0;
  std::int64_t now_seq_ = 0;  // the statement that own_now() was last asked in
  std::int64_t now_s_ = 0;
};

/// True where the statement begins with the word, in upper case, after white space. A hint: comments before it are not
/// looked through.
bool begins_with(const char* sql, const char* word) noexcept;

/// Sets (NULL: restores) a setting as warden_set and UPDATE warden_settings do, and has it applied everywhere. Throws
/// BadValue with a text that names the setting.
void set_setting(SqliteConnection& self, std::string_view name, vtab::value value);
/// The same with a text, for a caller who may have no connection (NULL).
void set_setting(SqliteConnection* self, std::string_view name, std::optional<std::string_view> text,
                 SettingSource source);

/// After any change of settings: the caller's connection, if it has one, takes them at once, the others at their next safe
/// point.
void announce_settings(SqliteConnection* self);

/// Registers one function or table of warden on the connection; a SQLite code.
using Installer = int (*)(SqliteConnection&) noexcept;
/// All functions, and all tables, in the order in which they are registered.
std::span<const Installer> function_installers() noexcept;
std::span<const Installer> table_installers() noexcept;
/// Functions that statements of ours call: on connections that have such statements.
std::span<const Installer> internal_installers() noexcept;

}  // namespace warden::ext
