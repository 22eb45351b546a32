// The door for programs that are linked with warden: what warden.h promises.
//
// The only file that calls SQLite by name, and no more of it than gets at the table of routines which SQLite hands to
// extensions: something registered with sqlite3_auto_extension() is given it at the next open, so a database in memory is opened.
// All else goes through that table, as in warden.so. So nothing here says which SQLite it is, or where.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>

#include "clock.hpp"
#include "connection.hpp"
#include "error.hpp"
#include "functions.hpp"
#include "others.hpp"
#include "relief.hpp"
#include "sql_text.hpp"
#include "version.hpp"
#include "warden.h"
#include "warden.hpp"

extern "C" int sqlite3_warden_auto_init(sqlite3* db, char** message, const sqlite3_api_routines* api);

namespace warden::ext {
namespace {

/// Of this thread: no memory is needed to say what is wrong.
thread_local std::array<char, 512> last_message{};

void say(const char* function, const char* text) noexcept {
  std::snprintf(last_message.data(), last_message.size(), "%s: %s", function, text);
}

/// The result code of `body`, which may throw; and what warden_errmsg() says of it.
template <class Body>
int answer(const char* function, Body&& body) noexcept {
  last_message[0] = '\0';
  const int rc = vtab::guard(std::forward<Body>(body), [&](const char* text) { say(function, text); });
  if (rc == SQLITE_NOMEM && last_message[0] == '\0') say(function, "out of memory");
  return rc;
}

/// A text cut between characters, with U+FFFD for what is no UTF-8, into a field of a struct of C.
void put(std::span<char> field, std::string_view text) noexcept {
  std::size_t used = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const std::string_view one = length > 0 ? text.substr(at, length) : kReplacement;
    if (used + one.size() >= field.size()) break;
    std::memcpy(field.data() + used, one.data(), one.size());
    used += one.size();
    at += std::max<std::size_t>(length, 1);
  }
  field[used] = '\0';
}

// ---- installing

std::atomic<bool> all_that_open{false};

/// What a connection that is opened just to ask is told.
struct Asked {
  bool called = false;
  bool anothers = false;  // another warden has it already
  const Api* api = nullptr;
};
thread_local Asked* asking = nullptr;

/// Stays registered: to take it away would have another thread's open miss what is registered after it.
int on_open(sqlite3* db, char** message, const sqlite3_api_routines* api) {
  if (asking != nullptr) {
    *asking = {true, others_watch(db), api};
    return SQLITE_OK;
  }
  return all_that_open.load(std::memory_order_acquire) ? sqlite3_warden_auto_init(db, message, api)
                                                       : SQLITE_OK;
}

constexpr const char* kAnothers = ": warden.so, or another file with warden in it, is in this process, too";

Asked ask_sqlite() {
  if (const int rc = sqlite3_auto_extension(reinterpret_cast<void (*)(void)>(&on_open)); rc != SQLITE_OK)
    throw vtab::error("SQLite does not register what is to be done with connections that open", rc);
  Asked asked;
  asking = &asked;
  sqlite3* db = nullptr;
  const int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  asking = nullptr;
  const std::string text = rc == SQLITE_OK ? "" : db == nullptr ? "out of memory" : sqlite3_errmsg(db);
  sqlite3_close(db);
  if (rc != SQLITE_OK) throw vtab::error("SQLite can't open a database in memory: " + text, rc);
  if (!asked.called)
    throw vtab::error("SQLite did not call what was registered with sqlite3_auto_extension()");
  if (asked.api == nullptr)
    throw vtab::error(
        "this SQLite was compiled with SQLITE_OMIT_LOAD_EXTENSION, so it has no table of routines");
  return asked;
}

void install_all() {
  const Asked asked = ask_sqlite();
  if (asked.anothers)
    throw vtab::error(std::string("connections that open are looked after by another warden") + kAnothers);
  Host::of(asked.api);  // it may be too old
  all_that_open.store(true, std::memory_order_release);
}

int install(sqlite3* db) {
  if (db == nullptr) throw vtab::error("db must not be NULL", SQLITE_MISUSE);
  Host& host = Host::of(ask_sqlite().api);
  if (!SqliteConnection::enrol(host, db, false))
    throw vtab::error(std::string("this connection is looked after by another warden") + kAnothers);
  Warden::instance().watchdog().ensure_running();
  return SQLITE_OK;
}

// ---- looking

std::int64_t or_unknown(std::optional<std::int64_t> figure) noexcept { return figure.value_or(-1); }

warden_process look_at_process(Warden& warden) {
  const auto [used, peak, soft_limit] = warden.engine_figures();
  const SystemReading system = warden.read_system();
  warden_process process{};
  process.sqlite_bytes = or_unknown(used);
  process.sqlite_peak_bytes = or_unknown(peak);
  process.soft_heap_limit_bytes = soft_limit.value_or(0);
  process.memory_budget_bytes = warden.current().memory_budget_bytes;
  process.memory_limit_bytes = warden.memory_limit_bytes() > 0 ? warden.memory_limit_bytes() : -1;
  process.rss_bytes = or_unknown(system.rss_bytes);
  process.rss_anonymous_bytes = or_unknown(system.rss_anonymous_bytes);
  process.allocator_free_bytes = held_back(warden, 0).bytes;
  for (auto c = warden.registry.after(0); c != nullptr; c = warden.registry.after(c->id)) {
    ++process.connections;
    if (c->activity.running()) ++process.active;
  }
  return process;
}

void put_sql(const Activity::View& view, std::string_view text, ShowSql show,
             std::span<char> field) noexcept {
  if (show == ShowSql::full) return put(field, utf8_without_torn_end(text));
  const std::size_t bytes = normalize_sql(text, field.first(field.size() - 1), view.sql_truncated);
  field[bytes] = '\0';
}

warden_connection look_at(SqliteConnection& c, ShowSql show) noexcept {
  c.try_measure(Depth::all);
  std::array<char, Activity::kSqlBytes> text;
  const bool shows = show != ShowSql::none;
  const Activity::View view = c.activity.look(shows ? &text : nullptr);
  const std::int64_t now_ns = monotonic_ns();
  const auto ms_since = [&](std::int64_t ns) { return std::max<std::int64_t>(0, now_ns - ns) / 1'000'000; };
  const auto figure = [&](const std::atomic<std::int64_t>& value) {
    return c.shares_cache() ? -1 : value.load(std::memory_order_relaxed);
  };
  warden_connection out{};
  out.connection_id = c.id;
  out.state = view.running ? WARDEN_ACTIVE : view.in_transaction ? WARDEN_IDLE_IN_TRANSACTION : WARDEN_IDLE;
  out.serialized = c.serialized() ? 1 : 0;
  out.thread_id = view.thread_id;
  out.statement_seq = view.statement_seq;
  if (view.started_ns != 0) {
    const std::int64_t until_ns = view.running ? now_ns : view.ended_ns;
    out.elapsed_ms = std::max<std::int64_t>(0, until_ns - view.started_ns) / 1'000'000;
  }
  out.deadline_ms = view.timeout_ns / 1'000'000;
  out.idle_ms = c.idle_ms(now_ns);
  out.cache_bytes = figure(c.figures.cache_bytes);
  out.schema_bytes = figure(c.figures.schema_bytes);
  out.statement_bytes = figure(c.figures.statement_bytes);
  const std::int64_t sampled_ns = c.figures.sampled_ns.load(std::memory_order_relaxed);
  out.sampled_ago_ms = sampled_ns == 0 ? -1 : ms_since(sampled_ns);
  out.released_bytes = c.released_bytes.load(std::memory_order_relaxed);
  out.cancels = c.cancels.load(std::memory_order_relaxed);
  put(out.label, c.label().view());
  put(out.file, c.file);
  if (shows && view.sql_bytes > 0) put_sql(view, {text.data(), view.sql_bytes}, show, out.sql);
  return out;
}

int next_connection(std::int64_t after, warden_connection& out) {
  Warden& warden = Warden::instance();
  if (after == std::numeric_limits<std::int64_t>::max()) return SQLITE_DONE;
  const auto next = warden.registry.after(std::max<std::int64_t>(after, 0));
  auto* connection = dynamic_cast<SqliteConnection*>(next.get());
  if (connection == nullptr) return SQLITE_DONE;
  out = look_at(*connection, warden.current().show_sql);
  return SQLITE_ROW;
}

int cancel(std::int64_t connection_id, std::int64_t statement_seq) {
  const auto connection = Warden::instance().registry.find(connection_id);
  if (connection == nullptr)
    throw vtab::error("no connection has the id " + std::to_string(connection_id), SQLITE_NOTFOUND);
  const auto seq = statement_seq == 0 ? std::nullopt : std::optional(statement_seq);
  return cancel_asked(*connection, seq) ? SQLITE_OK : SQLITE_DONE;
}

}  // namespace
}  // namespace warden::ext

extern "C" {

using namespace warden;

int warden_install_all() {
  return ext::answer("warden_install_all", [] { ext::install_all(); });
}

int warden_install(sqlite3* db) {
  return ext::answer("warden_install", [&] { return ext::install(db); });
}

int warden_set(const char* name, const char* value) {
  return ext::answer("warden_set", [&] {
    if (name == nullptr) throw vtab::error("name must not be NULL", SQLITE_MISUSE);
    const auto text = value == nullptr ? std::nullopt : std::optional<std::string_view>(value);
    ext::set_setting(nullptr, name, text, SettingSource::host);
  });
}

int warden_look(warden_process* process) {
  return ext::answer("warden_look", [&] {
    if (process == nullptr) throw vtab::error("process must not be NULL", SQLITE_MISUSE);
    *process = ext::look_at_process(Warden::instance());
  });
}

int warden_next_connection(std::int64_t after, warden_connection* connection) {
  return ext::answer("warden_next_connection", [&] {
    if (connection == nullptr) throw vtab::error("connection must not be NULL", SQLITE_MISUSE);
    return ext::next_connection(after, *connection);
  });
}

std::int64_t warden_connection_id(sqlite3* db) {
  std::int64_t id = 0;
  vtab::guard(
      [&] {
        if (const auto known = Warden::instance().registry.find_handle(db)) id = known->id;
      },
      [](const char*) {});
  return id;
}

int warden_cancel(std::int64_t connection_id, std::int64_t statement_seq) {
  return ext::answer("warden_cancel", [&] { return ext::cancel(connection_id, statement_seq); });
}

const char* warden_errmsg() { return ext::last_message.data(); }

const char* warden_version() { return ext::kVersion; }
}
