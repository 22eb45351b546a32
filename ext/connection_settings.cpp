// A connection's settings and neighbours: hooks, cache_size and temp_store, shared caches. All of it runs on the
// connection's own thread.
#include <string.h>

#include <algorithm>

#include "clock.hpp"
#include "connection.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

/// Virtual machine instructions between two calls of the progress handler: 3 % on operation-bound statements, nothing
/// on scans (measured); more often costs more and gains nothing.
constexpr int kProgressInstructions = 1000;
/// A pragma that fails this often is given up.
constexpr int kApplyAttempts = 8;

}  // namespace

bool begins_with(const char* sql, const char* word) noexcept {
  while (*sql == ' ' || *sql == '\t' || *sql == '\n' || *sql == '\r') ++sql;
  return ::strncasecmp(sql, word, ::strlen(word)) == 0;
}

void SqliteConnection::heed(const char* sql) noexcept {
  if (applied_any_ && begins_with(sql, "PRAGMA") && ::strpbrk(sql, "=(") != nullptr) {
    // The host sets what the settings have set, as many do right after opening: the settings have the last word.
    if (::strcasestr(sql, "cache_size") != nullptr) {
      applied_cache_kib_.reset();
      ask(kApply);
    }
    if (::strcasestr(sql, "temp_store") != nullptr) {
      applied_temp_store_ = TempStore::keep;
      ask(kApply);
    }
  }
  attaches_ = attaches_ || begins_with(sql, "ATTACH") || begins_with(sql, "DETACH");
  // A database attached with a shared cache brings locks that others hold through their statements. A name that is
  // bound can't be seen here, so it counts as one.
  if (begins_with(sql, "ATTACH") && (host_.shares_caches() || ::strcasestr(sql, "cache=shared") != nullptr ||
                                     ::strpbrk(sql, "?@$") != nullptr || ::strstr(sql, " :") != nullptr)) {
    note_shared();
    host_.note_shared_cache();
  }
}

std::string SqliteConnection::own_temporary_directory() {
  // Locks of a shared cache would be waited for.
  char* name = nullptr;
  if (shares_cache() || api()->file_control(db_, "main", SQLITE_FCNTL_TEMPFILENAME, &name) != SQLITE_OK ||
      name == nullptr) {
    return {};
  }
  const std::unique_ptr<char, void (*)(void*)> owned(name, api()->free);
  const std::string_view path = name;
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string(".") : std::string(path.substr(0, slash));
}

void SqliteConnection::take_hooks(Hooks wanted, bool opening) noexcept {
  // A slot is taken while the connection opens or warden is loaded, and never given back or taken again: by then it may
  // be the host's. Callbacks that are not wanted do nothing.
  if (!host_.can().trace) wanted = Hooks::none;
  if (opening) {
    installed_ = wanted;
    if (wanted != Hooks::none && api()->trace_v2(db_, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE,
                                                 &SqliteConnection::on_trace, this) != SQLITE_OK) {
      installed_ = Hooks::none;
    }
    if (installed_ == Hooks::trace_and_progress) {
      if (host_.can().progress) {
        api()->progress_handler(db_, kProgressInstructions, &SqliteConnection::on_progress, this);
      } else {
        installed_ = Hooks::trace;
      }
    }
  }
  const Hooks before = taken_.load(std::memory_order_relaxed);
  const Hooks now = std::min(wanted, installed_);
  if (now == Hooks::none) blind_.store(true, std::memory_order_relaxed);
  if (now == before) return;
  if (now == Hooks::none) activity.forget(monotonic_ns());
  if (before == Hooks::none && !opening) unseen_beginning_ = true;
  taken_.store(now, std::memory_order_relaxed);
}

bool SqliteConnection::may_apply_after(sqlite3_stmt* statement) noexcept {
  // SQL in the place of a statement's end must change nothing that the host could see. So not where the statement is
  // still open (its host ends it early), or wrote (its WAL hook is yet to run), not inside a transaction, and not before
  // the schema was read, since a pragma would then read it, and could wait for a lock. And not while the text of an older
  // error is still to be had beside the code of what succeeded since: SQL of ours would take it away.
  if (const int code = api()->errcode(db_); code != SQLITE_OK) {
    const bool is_error = code != SQLITE_ROW && code != SQLITE_DONE;
    if (is_error || ::strcmp(api()->errmsg(db_), api()->errstr(code)) != 0) return false;
  }
  return api()->stmt_busy(statement) == 0 && api()->stmt_readonly(statement) != 0 &&
         api()->get_autocommit(db_) != 0 && status(SQLITE_DBSTATUS_SCHEMA_USED) > 0;
}

bool SqliteConnection::has_to_apply() noexcept {
  const Settings now = Warden::instance().current();
  return now.cache_size_kib.has_value() || now.temp_store != TempStore::keep;
}

bool SqliteConnection::run_own(const char* sql) noexcept {
  internal_ = true;
  const int rc = api()->exec(db_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) api()->exec(db_, "", nullptr, nullptr, nullptr);  // its error is not the host's
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
  take_hooks(now.hooks, false);
  applied_any_ = now.cache_size_kib.has_value() || now.temp_store != TempStore::keep;
  if (!applied_any_ || now.dry_run) return true;
  bool done = true;
  bool failed = false;
  char sql[64];
  if (now.cache_size_kib && applied_cache_kib_ != now.cache_size_kib) {
    api()->xsnprintf(sizeof(sql), sql, "PRAGMA cache_size=-%lld",
                     static_cast<long long>(*now.cache_size_kib));
    if (run_own(sql)) {
      applied_cache_kib_ = now.cache_size_kib;
    } else {
      done = !(failed = true);
    }
  }
  if (now.temp_store != TempStore::keep && applied_temp_store_ != now.temp_store) {
    api()->xsnprintf(sizeof(sql), sql, "PRAGMA temp_store=%d", static_cast<int>(now.temp_store) - 1);
    if (!opening && has_temp_tables()) {
      done = false;  // changing it drops them: later, when they are gone
    } else if (run_own(sql)) {
      applied_temp_store_ = now.temp_store;
      // It made SQLite forget the schemas; read them now, while that is known to need no waiting, not in the host's
      // next prepare.
      if (!opening) run_own("SELECT 1 FROM sqlite_master LIMIT 1");
    } else {
      done = !(failed = true);
    }
  }
  record_applied(done);
  if (failed && ++apply_attempts_ >= kApplyAttempts) done = true;
  if (done) apply_attempts_ = 0;
  return done;
}

void SqliteConnection::record_applied(bool done) noexcept {
  // Once for each outcome: a PRAGMA of the host that is overruled again and again is no news.
  if (done == recorded_done_ && applied_cache_kib_ == recorded_cache_kib_ &&
      applied_temp_store_ == recorded_temp_store_) {
    return;
  }
  recorded_done_ = done;
  recorded_cache_kib_ = applied_cache_kib_;
  recorded_temp_store_ = applied_temp_store_;
  Event event;
  event.action = Action::apply;
  event.connection_id = id;
  event.label = label();
  event.reason = done ? "settings" : "could not be applied yet";
  Warden::instance().journal.record(event);
}

void SqliteConnection::note_lost() noexcept {
  lost_.store(true, std::memory_order_relaxed);
  blind_.store(true, std::memory_order_relaxed);
}

void SqliteConnection::note_shared() noexcept {
  shared_cache_.store(true);
  figures.forget();  // nobody measures it any more
}

bool SqliteConnection::may_be_entered() noexcept {
  // For who has its mutex. It may have attached a shared cache just before; and where for some time no hook told of that, one
  // that has attached anything counts as one that has, if caches are shared in this process. (Older ones don't tell.)
  if (shares_cache()) return false;
  if (!blind_.load(std::memory_order_relaxed) || !host_.shares_caches()) return true;
  return host_.can().version_number >= kTellsNames && api()->db_name(db_, 2) == nullptr;
}

void SqliteConnection::find_shared_caches() noexcept {
  // Who asked for a shared cache will have one as soon as another does, perhaps where no hook tells of it.
  const char* path = api()->db_filename(db_, "main");
  const char* cache = path == nullptr ? nullptr : api()->uri_parameter(path, "cache");
  if (cache != nullptr && ::strcmp(cache, "shared") == 0) {
    host_.note_shared_cache();
    // Nor is it told there that another has attached it.
    if (host_.can().version_number < kTellsNames) note_shared();
  }
  // Two connections with one file object share a cache, be it the main database of one and attached to the other.
  std::vector<const void*> found;
  try {
    const bool tells = host_.can().version_number >= kTellsNames;
    for (int i = 0; const char* name = i == 0 ? "main" : tells ? api()->db_name(db_, i) : nullptr; ++i) {
      sqlite3_file* object = nullptr;
      if (i == 1 || api()->file_control(db_, name, SQLITE_FCNTL_FILE_POINTER, &object) != SQLITE_OK ||
          object == nullptr)
        continue;  // 1 is "temp", which nobody shares
      found.push_back(object);
      if (std::find(file_objects_.begin(), file_objects_.end(), object) != file_objects_.end()) continue;
      const std::int64_t other = host_.note_file(object, id);
      if (other < 0) found.pop_back();
      if (other == 0) continue;
      note_shared();
      if (const auto connection = Warden::instance().registry.find(other)) {
        if (auto* sharing = dynamic_cast<SqliteConnection*>(connection.get())) sharing->note_shared();
      }
    }
    for (const void* object : file_objects_) {
      if (std::find(found.begin(), found.end(), object) == found.end()) host_.forget_file(object);
    }
    file_objects_.swap(found);
  } catch (const std::bad_alloc&) {
    note_shared();  // as long as it is not known
  }
}

void SqliteConnection::keep_from_spilling() noexcept {
  // dqlite's VFS can't read back what a transaction has spilled into the log while that is empty (dqlite 1.11): the transaction
  // fails with SQLITE_IOERR_SHORT_READ, and so does its next attempt. The soft heap limit makes SQLite spill all the sooner,
  // and there it gains nothing: the log is in SQLite's memory too.
  sqlite3_vfs* vfs = nullptr;
  if (api()->file_control(db_, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) == SQLITE_OK && vfs != nullptr &&
      vfs->zName != nullptr && ::strncmp(vfs->zName, "dqlite", 6) == 0) {
    run_own("PRAGMA cache_spill=OFF");
  }
}

}  // namespace warden::ext
