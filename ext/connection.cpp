#include "connection.hpp"

#include <algorithm>

#include "clock.hpp"
#include "error.hpp"
#include "function.hpp"
#include "relief.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

/// A statement that ran this long is worth a look at what it left behind: the look costs about 2 us.
constexpr std::int64_t kLongStatementNs = 20'000'000;
/// Less than this in a cache is what an open connection has anyway.
constexpr std::int64_t kCrumbBytes = 64 * 1024;
/// A connection that only its own thread may measure is measured at least this often while it is used.
constexpr std::int64_t kOwnMeasureNs = 1'000'000'000;
/// How long a cache released at the end of a statement is then left alone if the next statement follows at once; doubled
/// each time up to the second.
constexpr std::int64_t kFirstPauseNs = 1'000'000'000;
constexpr std::int64_t kLongestPauseNs = 60'000'000'000;

/// A function that nobody calls: its destructor tells of the connection's end. It has a name of its own, so that a host
/// which defines one of our functions anew does not end the watch.
std::optional<std::int64_t> warden_on_close() { return std::nullopt; }

}  // namespace

SqliteConnection::SqliteConnection(Host& host, sqlite3* db, std::string file_name)
    : Connection(Warden::instance().registry.next_id(), db, std::move(file_name)),
      host_(host),
      db_(db),
      mutex_(host.can().mutexes ? host.api()->db_mutex(db) : nullptr) {}

void SqliteConnection::enrol(Host& host, sqlite3* db, bool opening) {
  Warden& warden = Warden::instance();
  if (const auto known = warden.registry.find_handle(db)) {
    auto* connection = dynamic_cast<SqliteConnection*>(known.get());
    if (connection != nullptr && !connection->enrolled_) connection->install(opening);
    return;
  }
  const char* file_name = host.api()->db_filename(db, "main");
  const std::shared_ptr<SqliteConnection> made(
      new SqliteConnection(host, db, file_name == nullptr ? "" : file_name));
  made->self_ = made;
  made->unseen_beginning_ = !opening;
  warden.registry.add(made);
  host.connections.fetch_add(1);
  // From here on the connection's end is told by on_close, on failure too: SQLite calls it when this registration fails.
  const int rc = vtab::define<"warden_on_close", &warden_on_close>(
      {host.api(), host.slot(), db, made.get()}, SQLITE_DIRECTONLY, &SqliteConnection::on_close);
  if (rc != SQLITE_OK) throw vtab::error("warden: warden_on_close could not be registered", rc);
  made->install(opening);
}

void SqliteConnection::install(bool opening) {
  const auto functions = function_installers();
  const auto tables = table_installers();
  for (; registered_ < functions.size() + tables.size(); ++registered_) {
    const Installer next =
        registered_ < functions.size() ? functions[registered_] : tables[registered_ - functions.size()];
    if (const int rc = next(*this); rc != SQLITE_OK) {
      throw vtab::error("warden: functions and tables could not be registered", rc);
    }
  }
  enrolled_ = true;
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  find_shared_cache();
  take_hooks(Warden::instance().current().hooks, true);
  // Loaded into a connection that has not read its schema yet: a pragma would read it now, and could wait for a lock.
  const bool at_once =
      opening || (status(SQLITE_DBSTATUS_SCHEMA_USED) > 0 && api()->get_autocommit(db_) != 0);
  if (has_to_apply() && (!at_once || !own_apply(opening))) ask(kApply);
  Warden& warden = Warden::instance();
  warden.apply_limits(warden.current());
  warden.watchdog().ensure_running();
}

void SqliteConnection::on_close(void* self) noexcept {
  auto* connection = static_cast<SqliteConnection*>(self);
  const std::shared_ptr<SqliteConnection> last = std::move(connection->self_);
  {
    // Waits for a release by another thread to finish, at most; that thread holds the connection's mutex too, so where
    // there is one, nobody is here.
    const std::lock_guard held(connection->handle_lock_);
    connection->open_ = false;
  }
  Warden::instance().registry.remove(connection->id);
  connection->host_.forget_file(connection->file_object_, connection->id);
  connection->host_.connections.fetch_sub(1);
}

const char* SqliteConnection::hooks() const noexcept {
  if (lost_.load(std::memory_order_relaxed)) return "lost";
  switch (taken_.load(std::memory_order_relaxed)) {
    case Hooks::none:
      return "none";
    case Hooks::trace:
      return "trace";
    default:
      return "trace+progress";
  }
}

// ---- from any thread

namespace {

/// Holds a SQLite mutex that was got by trying.
class TriedMutex {
 public:
  TriedMutex(const Api* api, sqlite3_mutex* mutex) noexcept
      : api_(api), mutex_(mutex != nullptr && api->mutex_try(mutex) == SQLITE_OK ? mutex : nullptr) {}
  ~TriedMutex() {
    if (mutex_ != nullptr) api_->mutex_leave(mutex_);
  }
  TriedMutex(const TriedMutex&) = delete;
  TriedMutex& operator=(const TriedMutex&) = delete;
  explicit operator bool() const noexcept { return mutex_ != nullptr; }

 private:
  const Api* api_;
  sqlite3_mutex* mutex_;
};

}  // namespace

bool SqliteConnection::try_measure(Depth depth) noexcept {
  if (!touchable()) return false;
  const std::unique_lock use(handle_lock_, std::try_to_lock);
  if (!use.owns_lock() || !open_) return false;
  const TriedMutex inside(api(), mutex_);
  if (!inside) return false;
  if (activity.running() && !has_busy_statement()) {
    // Its end was not told: the host has put its own trace callback in our place while it ran.
    activity.forget(monotonic_ns());
    lost_.store(true, std::memory_order_relaxed);
  }
  own_measure(depth);
  return true;
}

bool SqliteConnection::has_busy_statement() noexcept {
  for (sqlite3_stmt* s = api()->next_stmt(db_, nullptr); s != nullptr; s = api()->next_stmt(db_, s)) {
    if (api()->stmt_busy(s) != 0) return true;
  }
  return false;
}

std::optional<std::int64_t> SqliteConnection::try_release() noexcept {
  if (!touchable()) return std::nullopt;
  const std::unique_lock use(handle_lock_, std::try_to_lock);
  if (!use.owns_lock() || !open_) return std::nullopt;
  const TriedMutex inside(api(), mutex_);
  if (!inside) return std::nullopt;
  return own_give_back();
}

// ---- inside the connection

std::int64_t SqliteConnection::status(int what) noexcept {
  // SQLite counts in 64 bits and answers in an int: read without its sign it is right up to 4 GiB.
  int now = 0;
  int peak = 0;
  if (api()->db_status(db_, what, &now, &peak, 0) != SQLITE_OK) return -1;
  return static_cast<std::int64_t>(static_cast<std::uint32_t>(now));
}

void SqliteConnection::own_measure(Depth depth) noexcept {
  const auto publish = [](std::atomic<std::int64_t>& figure, std::int64_t value) {
    figure.store(value, std::memory_order_relaxed);
  };
  const std::int64_t cache = status(SQLITE_DBSTATUS_CACHE_USED);
  publish(figures.cache_bytes, cache);
  if (cache < floor_bytes.load(std::memory_order_relaxed)) publish(floor_bytes, cache);
  // Use of the cache that no statement explains: no hook is in place, or SQLite did not tell it (a statement prepared
  // anew after a change of the schema, or stepped again after SQLITE_BUSY).
  const std::int64_t traffic = status(SQLITE_DBSTATUS_CACHE_HIT) + status(SQLITE_DBSTATUS_CACHE_MISS);
  const std::int64_t before_ns = figures.sampled_ns.load(std::memory_order_relaxed);
  if (traffic_.exchange(traffic, std::memory_order_relaxed) != traffic && !activity.running() &&
      activity.ended_ns() <= before_ns) {
    publish(traffic_ns, monotonic_ns());
  }
  if (depth == Depth::all) {
    publish(figures.schema_bytes, status(SQLITE_DBSTATUS_SCHEMA_USED));
    publish(figures.statement_bytes, status(SQLITE_DBSTATUS_STMT_USED));
    publish(figures.cache_hits, status(SQLITE_DBSTATUS_CACHE_HIT));
    publish(figures.cache_misses, status(SQLITE_DBSTATUS_CACHE_MISS));
    publish(figures.cache_spills, status(SQLITE_DBSTATUS_CACHE_SPILL));
  }
  figures.sampled_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

std::int64_t SqliteConnection::own_give_back() noexcept {
  const std::int64_t before = status(SQLITE_DBSTATUS_CACHE_USED);
  api()->db_release_memory(db_);
  own_measure(Depth::cache);
  const std::int64_t after = figures.cache_bytes.load(std::memory_order_relaxed);
  // What a statement or a transaction pins now may be had when it is over; what an idle connection keeps may not.
  const bool lasting = !activity.running() && api()->get_autocommit(db_) != 0;
  floor_bytes.store(lasting ? after : 0, std::memory_order_relaxed);
  return before - after;
}

int SqliteConnection::on_trace(unsigned what, void* self, void* statement, void* detail) noexcept {
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (connection.internal_ || connection.taken_.load(std::memory_order_relaxed) == Hooks::none) return 0;
  if (what == SQLITE_TRACE_STMT) {
    connection.began(static_cast<sqlite3_stmt*>(statement), static_cast<const char*>(detail));
  } else {
    connection.ended(static_cast<sqlite3_stmt*>(statement), *static_cast<const sqlite3_int64*>(detail));
  }
  return 0;
}

void SqliteConnection::began(sqlite3_stmt* statement, const char* sql) noexcept {
  // The start of a trigger, or of a statement run by a function, comes with another text: those belong to their
  // outermost statement.
  if (sql != api()->sql(statement)) return;
  unseen_beginning_ = false;
  if (lost_.load(std::memory_order_relaxed)) lost_.store(false, std::memory_order_relaxed);
  heed(sql);
  activity.begin(statement, sql, monotonic_ns());
}

void SqliteConnection::ended(sqlite3_stmt* statement, std::int64_t told_ns) noexcept {
  const std::int64_t now_ns = monotonic_ns();
  std::int64_t elapsed_ns = activity.end(statement, now_ns);
  if (activity.depth() > 0) return;
  if (elapsed_ns < 0)
    elapsed_ns = told_ns;  // its beginning was not told: SQLite's own clock, in milliseconds
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  const bool unmeasured =
      !touchable() && now_ns - figures.sampled_ns.load(std::memory_order_relaxed) > kOwnMeasureNs;
  if (is_asked_anything() || elapsed_ns >= kLongStatementNs || unmeasured)
    settle(statement, now_ns, elapsed_ns);
  ended_before_ns_ = now_ns;
}

void SqliteConnection::settle(sqlite3_stmt* statement, std::int64_t now_ns,
                              std::int64_t elapsed_ns) noexcept {
  Warden& warden = Warden::instance();
  const Settings now = warden.current();
  if (is_asked(kApply) && (!has_to_apply() || may_apply_after(statement)) && own_apply(false))
    take_back(kApply);
  if (shares_cache()) return;
  own_measure(Depth::cache);
  const std::int64_t cache = figures.cache_bytes.load(std::memory_order_relaxed);
  Cause cause;
  FixedText<62> reason;
  if (is_asked(kRelease)) {
    reason = ask_reason();
    cause = {reason.view(), cache, kUnknown};
  } else if (!touchable() && elapsed_ns >= kLongStatementNs && cache > now.idle_keep_bytes &&
             end_release_is_due(now, now_ns, elapsed_ns)) {
    // Nobody can release it later: what a long statement leaves beyond idle_keep goes back at its end.
    cause = {"end of statement", cache, now.idle_keep_bytes};
  }
  bool released = false;
  if (!cause.reason.empty()) {
    take_back(kRelease);
    if (now.dry_run) {
      release(warden, *this, cause, true);
    } else if (cache > kCrumbBytes) {
      release_own(warden, *this, cause, [this] { return own_give_back(); });
      released = true;
    }
  }
  if (elapsed_ns >= kLongStatementNs) warden.note_freed();
  warden.watchdog().ensure_running();
  if (released || elapsed_ns >= kLongStatementNs) warden.watchdog().wake(released);
}

bool SqliteConnection::end_release_is_due(const Settings& now, std::int64_t now_ns,
                                          std::int64_t elapsed_ns) noexcept {
  // A series of long statements needs its cache: within the limits it is released ever more rarely, not each time.
  const bool in_series =
      ended_before_ns_ != 0 && now_ns - elapsed_ns - ended_before_ns_ < now.idle_grace_ms * 1'000'000;
  if (!in_series) {
    end_pause_ns_ = kFirstPauseNs;
  } else if (Warden::instance().sqlite_bytes() <= now.release_above_bytes) {
    if (now_ns - released_ns.load(std::memory_order_relaxed) < end_pause_ns_) return false;
    end_pause_ns_ = std::clamp(end_pause_ns_ * 2, kFirstPauseNs, kLongestPauseNs);
  }
  return true;
}

int SqliteConnection::on_progress(void* self) noexcept {
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (connection.internal_ ||
      connection.taken_.load(std::memory_order_relaxed) != Hooks::trace_and_progress ||
      !connection.is_asked(kRelease) || connection.shares_cache()) {
    return 0;
  }
  const FixedText<62> reason = connection.ask_reason();
  connection.take_back(kRelease);
  release_own(Warden::instance(), connection, {reason.view(), kUnknown, kUnknown},
              [&] { return connection.own_give_back(); });
  Warden::instance().watchdog().wake(true);
  return 0;
}

void SqliteConnection::own_call() noexcept {
  if (!internal_ && activity.depth() == 0 && taken_.load(std::memory_order_relaxed) != Hooks::none &&
      !unseen_beginning_ && !runs_again()) {
    // A statement runs, and its beginning was not told: the host has put its own trace callback in our place.
    lost_.store(true, std::memory_order_relaxed);
  }
  Warden::instance().watchdog().ensure_running();
}

bool SqliteConnection::runs_again() noexcept {
  // SQLite tells the beginning of a statement once, even if it then prepares it anew and begins again.
  for (sqlite3_stmt* s = api()->next_stmt(db_, nullptr); s != nullptr; s = api()->next_stmt(db_, s)) {
    if (api()->stmt_busy(s) != 0 && api()->stmt_status(s, SQLITE_STMTSTATUS_REPREPARE, 0) > 0) return true;
  }
  return false;
}

}  // namespace warden::ext
