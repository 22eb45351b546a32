#include "connection.hpp"

#include <string.h>

#include <algorithm>

#include "clock.hpp"
#include "error.hpp"
#include "function.hpp"
#include "others.hpp"
#include "relief.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

/// A function that nobody calls: its destructor tells of the connection's end. It has a name of its own, so that a host
/// which defines one of our functions anew does not end the watch.
std::optional<std::int64_t> warden_on_close() { return std::nullopt; }

}  // namespace

SqliteConnection::SqliteConnection(Host& host, sqlite3* db, std::string file_name)
    : Connection(Warden::instance().registry.next_id(), db, std::move(file_name)),
      host_(host),
      warden_(Warden::instance()),
      db_(db),
      mutex_(host.can().mutexes ? host.api()->db_mutex(db) : nullptr) {
  statements.use(warden_.statements);
}

bool SqliteConnection::enrol(Host& host, sqlite3* db, bool opening) {
  Warden& warden = Warden::instance();
  if (const auto known = warden.registry.find_handle(db)) {
    auto* connection = dynamic_cast<SqliteConnection*>(known.get());
    if (connection != nullptr && !connection->enrolled_) connection->install(opening);
    return true;
  }
  if (others_watch(db)) return false;
  const char* file_name = host.api()->db_filename(db, "main");
  const std::shared_ptr<SqliteConnection> made(
      new SqliteConnection(host, db, file_name == nullptr ? "" : file_name));
  made->unseen_beginning_ = !opening;
  warden.registry.add(made);
  made->self_ = made;  // from here on its end is sure to come
  host.connections.fetch_add(1);
  // From here on the connection's end is told by on_close, on failure too: SQLite calls it when this registration fails.
  const int rc = vtab::define<"warden_on_close", &warden_on_close>(
      {host.api(), host.slot(), db, made.get()}, SQLITE_DIRECTONLY, &SqliteConnection::on_close);
  if (rc != SQLITE_OK) throw vtab::error("warden: warden_on_close could not be registered", rc);
  made->install(opening);
  return true;
}

void SqliteConnection::own_install_internal() {
  // Each once, even where memory ran out between them: SQLite refuses to replace a function while a statement runs.
  const auto functions = internal_installers();
  for (; internals_ < functions.size(); ++internals_) {
    if (const int rc = functions[internals_](*this); rc == SQLITE_NOMEM) {
      throw std::bad_alloc();
    } else if (rc != SQLITE_OK) {
      throw vtab::error("warden: functions of its own could not be registered", rc);
    }
  }
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
  // What an older SQLite has attached it does not say.
  if (!opening && host_.can().version_number < kTellsNames) blind_.store(true);
  find_shared_caches();
  if (opening) keep_from_spilling();
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
  lock_order::holds_none("the end of a connection");
  connection->activity.forget(monotonic_ns());  // waits for who interrupts it just now
  {
    // Waits for a release by another thread to finish, at most; that thread holds the connection's mutex too, so where
    // there is one, nobody is here.
    const std::lock_guard held(connection->handle_lock_);
    connection->open_ = false;
  }
  connection->statements.close();
  Warden::instance().registry.remove(connection->id);
  for (const void* object : connection->file_objects_) connection->host_.forget_file(object);
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
      : api_(api), mutex_(mutex != nullptr && api->mutex_try(mutex) == SQLITE_OK ? mutex : nullptr) {
    if (mutex_ != nullptr) held_.emplace(LockRank::sqlite);
  }
  ~TriedMutex() {
    if (mutex_ != nullptr) api_->mutex_leave(mutex_);
  }
  TriedMutex(const TriedMutex&) = delete;
  TriedMutex& operator=(const TriedMutex&) = delete;
  explicit operator bool() const noexcept { return mutex_ != nullptr; }

 private:
  const Api* api_;
  sqlite3_mutex* mutex_;
  std::optional<lock_order::Tried> held_;
};

}  // namespace

bool SqliteConnection::try_measure(Depth depth) noexcept {
  if (!touchable()) return false;
  const std::unique_lock use(handle_lock_, std::try_to_lock);
  if (!use.owns_lock() || !open_) return false;
  const TriedMutex inside(api(), mutex_);
  if (!inside || !may_be_entered()) return false;
  catch_up();
  own_measure(depth);
  return true;
}

Connection::Inside SqliteConnection::look_inside() noexcept {
  if (!touchable()) return Inside::unknown;
  // Who holds this lock may hold the mutex too: that says nothing about the host.
  const std::unique_lock use(handle_lock_, std::try_to_lock);
  if (!use.owns_lock() || !open_) return Inside::unknown;
  const TriedMutex inside(api(), mutex_);
  if (!inside) return Inside::somebody;
  catch_up();
  return Inside::nobody;
}

void SqliteConnection::catch_up() noexcept {
  if (activity.running() && !has_busy_statement()) {
    // Its end was not told: it came to nothing, or the host has put its own trace callback in our place while it ran.
    if (!activity.suspended()) note_lost();
    activity.forget(monotonic_ns());
  }
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  judge();
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
  if (!inside || !may_be_entered() || copies_pages()) return std::nullopt;
  return own_give_back();
}

bool SqliteConnection::copies_pages() noexcept {
  // sqlite3_serialize() reads one page after the other without the mutex, while this statement of its own is open. With the
  // mutex held it can't begin meanwhile.
  for (sqlite3_stmt* s = api()->next_stmt(db_, nullptr); s != nullptr; s = api()->next_stmt(db_, s)) {
    const char* sql = api()->stmt_busy(s) != 0 ? api()->sql(s) : nullptr;
    if (sql != nullptr && begins_with(sql, "PRAGMA") && ::strcasestr(sql, "page_count") != nullptr)
      return true;
  }
  return false;
}

bool SqliteConnection::interrupt(std::int64_t seq, bool writers) noexcept {
  // No lock: as long as a statement is running the handle can't be closed, and it can't end meanwhile.
  return activity.interrupt(seq, writers, [this] { api()->interruptx(db_); });
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
  // SQLite reads the following without a lock on the cache, which others who share it may be using.
  if (shares_cache()) {
    figures.sampled_ns.store(monotonic_ns(), std::memory_order_relaxed);
    return;
  }
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

}  // namespace warden::ext
