#include "connection.hpp"

#include <string.h>

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
/// Virtual machine instructions between two calls of the progress handler: 3 % on operation-bound statements, nothing
/// on scans (measured); more often costs more and gains nothing.
constexpr int kProgressInstructions = 1000;
/// A pragma that fails this often (a locked or unreadable database) is given up.
constexpr int kApplyAttempts = 8;

/// True for a PRAGMA that may set what the settings cache_size and temp_store set. A hint: more than those may pass.
bool touches_applied_pragma(const char* sql) noexcept {
  while (*sql == ' ' || *sql == '\t' || *sql == '\n' || *sql == '\r') ++sql;
  return ::strncasecmp(sql, "PRAGMA", 6) == 0 && ::strpbrk(sql, "=(") != nullptr &&
         (::strcasestr(sql, "cache_size") != nullptr || ::strcasestr(sql, "temp_store") != nullptr);
}

std::int64_t warden_connection_id(SqliteConnection& self) {
  self.own_call();
  return self.id;
}

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
  const int rc = vtab::define<"warden_connection_id", &warden_connection_id>(
      {host.api(), host.slot(), db, made.get()}, SQLITE_INNOCUOUS, &SqliteConnection::on_close);
  if (rc != SQLITE_OK) throw vtab::error("warden: warden_connection_id could not be registered", rc);
  made->install(opening);
}

void SqliteConnection::install(bool opening) {
  const auto functions = function_installers();
  const auto tables = table_installers();
  for (; installed_ < functions.size() + tables.size(); ++installed_) {
    const Installer next =
        installed_ < functions.size() ? functions[installed_] : tables[installed_ - functions.size()];
    if (const int rc = next(*this); rc != SQLITE_OK) {
      throw vtab::error("warden: functions and tables could not be registered", rc);
    }
  }
  enrolled_ = true;
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  find_shared_cache();
  if (!own_apply(opening)) ask(kApply);
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
  int now = 0;
  int peak = 0;
  return api()->db_status(db_, what, &now, &peak, 0) == SQLITE_OK ? now : -1;
}

void SqliteConnection::own_measure(Depth depth) noexcept {
  const auto publish = [](std::atomic<std::int64_t>& figure, std::int64_t value) {
    figure.store(value, std::memory_order_relaxed);
  };
  publish(figures.cache_bytes, status(SQLITE_DBSTATUS_CACHE_USED));
  if (!tells_activity()) {
    const std::int64_t traffic = status(SQLITE_DBSTATUS_CACHE_HIT) + status(SQLITE_DBSTATUS_CACHE_MISS);
    if (traffic_.exchange(traffic, std::memory_order_relaxed) != traffic) publish(traffic_ns, monotonic_ns());
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
  return before - figures.cache_bytes.load(std::memory_order_relaxed);
}

int SqliteConnection::on_trace(unsigned what, void* self, void* statement, void* detail) noexcept {
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (what == SQLITE_TRACE_STMT) {
    connection.began(static_cast<sqlite3_stmt*>(statement), static_cast<const char*>(detail));
  } else {
    connection.ended(static_cast<sqlite3_stmt*>(statement));
  }
  return 0;
}

void SqliteConnection::began(sqlite3_stmt* statement, const char* sql) noexcept {
  // The start of a trigger, or of a statement run by a function, comes with another text: those belong to their
  // outermost statement.
  if (internal_ || sql != api()->sql(statement)) return;
  unseen_beginning_ = false;
  if (lost_.load(std::memory_order_relaxed)) lost_.store(false, std::memory_order_relaxed);
  if (applied_any_ && touches_applied_pragma(sql)) {
    // The host sets what the settings have set, as many do right after opening: the settings have the last word.
    applied_cache_kib_.reset();
    applied_temp_store_ = TempStore::keep;
    ask(kApply);
  }
  activity.begin(statement, sql, monotonic_ns());
}

void SqliteConnection::ended(sqlite3_stmt* statement) noexcept {
  if (internal_) return;
  const std::int64_t elapsed_ns = activity.end(statement, monotonic_ns());
  if (elapsed_ns < 0 || activity.depth() > 0) return;
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  if (is_asked_anything() || elapsed_ns >= kLongStatementNs) settle(statement, elapsed_ns);
}

void SqliteConnection::settle(sqlite3_stmt* statement, std::int64_t elapsed_ns) noexcept {
  Warden& warden = Warden::instance();
  const Settings now = warden.current();
  // A statement that its host ends early is still open here: no SQL may run in its place.
  if (is_asked(kApply) && api()->stmt_busy(statement) == 0 && api()->get_autocommit(db_) != 0) {
    if (own_apply(false)) take_back(kApply);
  }
  if (shares_cache()) return;
  own_measure(Depth::cache);
  const std::int64_t cache = figures.cache_bytes.load(std::memory_order_relaxed);
  Cause cause;
  FixedText<62> reason;
  if (is_asked(kRelease)) {
    reason = ask_reason();
    cause = {reason.view(), cache, kUnknown};
  } else if (!touchable() && elapsed_ns >= kLongStatementNs && cache > now.idle_keep_bytes) {
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
  warden.watchdog().wake(released);
}

int SqliteConnection::on_progress(void* self) noexcept {
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (connection.internal_ || !connection.is_asked(kRelease) || connection.shares_cache()) return 0;
  const FixedText<62> reason = connection.ask_reason();
  connection.take_back(kRelease);
  release_own(Warden::instance(), connection, {reason.view(), kUnknown, kUnknown},
              [&] { return connection.own_give_back(); });
  Warden::instance().watchdog().wake(true);
  return 0;
}

void SqliteConnection::own_call() noexcept {
  if (!internal_ && activity.depth() == 0 && taken_.load(std::memory_order_relaxed) != Hooks::none &&
      !unseen_beginning_) {
    // A statement runs, and its beginning was not told: the host has put its own trace callback in our place.
    lost_.store(true, std::memory_order_relaxed);
  }
  Warden::instance().watchdog().ensure_running();
}

// ---- settings of the connection

void SqliteConnection::take_hooks(Hooks wanted) noexcept {
  if (!host_.can().trace) wanted = Hooks::none;
  const Hooks before = taken_.load(std::memory_order_relaxed);
  if (wanted == before || lost_.load(std::memory_order_relaxed)) return;
  if (wanted == Hooks::none) {
    api()->trace_v2(db_, 0, nullptr, nullptr);
    activity.forget(monotonic_ns());
  } else if (before == Hooks::none) {
    if (api()->trace_v2(db_, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, &SqliteConnection::on_trace, this) !=
        SQLITE_OK) {
      return;
    }
  }
  const bool progress = wanted == Hooks::trace_and_progress && host_.can().progress;
  if (progress != (before == Hooks::trace_and_progress) && host_.can().progress) {
    api()->progress_handler(db_, progress ? kProgressInstructions : 0,
                            progress ? &SqliteConnection::on_progress : nullptr, this);
  }
  taken_.store(wanted == Hooks::trace_and_progress && !progress ? Hooks::trace : wanted,
               std::memory_order_relaxed);
}

bool SqliteConnection::run_pragma(const char* sql) noexcept {
  internal_ = true;
  const int rc = api()->exec(db_, sql, nullptr, nullptr, nullptr);
  internal_ = false;
  return rc == SQLITE_OK;
}

bool SqliteConnection::has_temp_tables() noexcept {
  sqlite3_stmt* found = nullptr;
  internal_ = true;
  bool any = true;
  if (api()->prepare_v2(db_, "SELECT 1 FROM sqlite_temp_master LIMIT 1", -1, &found, nullptr) == SQLITE_OK) {
    any = api()->step(found) != SQLITE_DONE;
  }
  api()->finalize(found);
  internal_ = false;
  return any;
}

bool SqliteConnection::own_apply(bool opening) noexcept {
  const Settings now = Warden::instance().current();
  const Hooks hooks_before = taken_.load(std::memory_order_relaxed);
  take_hooks(now.hooks);
  if (!opening && hooks_before == Hooks::none) unseen_beginning_ = true;
  bool done = true;
  bool ran = false;
  char sql[64];
  if (now.cache_size_kib && applied_cache_kib_ != now.cache_size_kib) {
    api()->xsnprintf(sizeof(sql), sql, "PRAGMA cache_size=-%lld",
                     static_cast<long long>(*now.cache_size_kib));
    ran = true;
    if (run_pragma(sql)) {
      applied_cache_kib_ = now.cache_size_kib;
    } else {
      done = false;
    }
  }
  if (now.temp_store != TempStore::keep && applied_temp_store_ != now.temp_store) {
    ran = true;
    // Changing it drops every temporary table: leave a connection alone that has one.
    api()->xsnprintf(sizeof(sql), sql, "PRAGMA temp_store=%d", static_cast<int>(now.temp_store) - 1);
    if ((opening || !has_temp_tables()) && run_pragma(sql)) {
      applied_temp_store_ = now.temp_store;
    } else {
      done = false;
    }
  }
  applied_any_ = now.cache_size_kib.has_value() || now.temp_store != TempStore::keep;
  if (ran &&
      (!done || applied_cache_kib_ != recorded_cache_kib_ || applied_temp_store_ != recorded_temp_store_)) {
    recorded_cache_kib_ = applied_cache_kib_;
    recorded_temp_store_ = applied_temp_store_;
    Event event;
    event.action = Action::apply;
    event.connection_id = id;
    event.label = label();
    event.reason = done ? "settings" : "could not be applied yet";
    Warden::instance().journal.record(event);
  }
  if (ran) {
    if (!done && ++apply_attempts_ >= kApplyAttempts) done = true;
    if (done) apply_attempts_ = 0;
  }
  return done;
}

void SqliteConnection::find_shared_cache() noexcept {
  // Two connections with one file object share a cache. Its locks are held through statements of either.
  sqlite3_file* object = nullptr;
  if (api()->file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &object) != SQLITE_OK || object == nullptr)
    return;
  file_object_ = object;
  Registry& registry = Warden::instance().registry;
  for (auto c = registry.after(0); c != nullptr; c = registry.after(c->id)) {
    auto* other = dynamic_cast<SqliteConnection*>(c.get());
    if (other == nullptr || other == this || &other->host_ != &host_ || other->file_object_ != object)
      continue;
    other->shared_cache_.store(true);
    shared_cache_.store(true);
  }
}

}  // namespace warden::ext
