// warden_checks: what works here, what only partly, what not, and what to do about it; one row per capability.
//
//   SELECT "check", status, detail, advice FROM warden_checks WHERE status <> 'ok';
//
// status: ok; limited (works in part); off (switched off by a setting); problem (something is wrong). It tells of the
// connection that asks, of its copy of SQLite, and of the process.
#include <cerrno>
#include <cstring>
#include <string>

#include "allocator.hpp"
#include "relief.hpp"
#include "room.hpp"
#include "tables.hpp"
#include "units.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct CheckRow {
  std::string_view check;
  std::string_view status;
  std::string detail;
  std::string advice;

  std::optional<std::string_view> advice_text() const {
    return advice.empty() ? std::nullopt : std::optional<std::string_view>(advice);
  }
};

struct ChecksTable : OwnTable {
  using row = CheckRow;
  using columns =
      vtab::columns<vtab::col<"check", &CheckRow::check>, vtab::col<"status", &CheckRow::status>,
                    vtab::col<"detail", &CheckRow::detail>, vtab::col<"advice", &CheckRow::advice_text>>;
  static constexpr const char* name = "warden_checks";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 19;
  using OwnTable::OwnTable;
  using rows_type = vtab::vector<CheckRow>;

  rows_type scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    rows_type rows{vtab::Allocator<CheckRow>(q.api())};
    const Settings now = Warden::instance().current();
    const SystemReading reading = Warden::instance().read_system();
    sqlite(rows);
    threads(rows, now);
    limits(rows, now, reading);
    system(rows, now, reading);
    disk(rows);
    connections(rows, now);
    statements(rows, now);
    job_statistics(rows);
    environment(rows);
    return rows;
  }

 private:
  void sqlite(rows_type& rows) const {
    const Capabilities& can = self.host().can();
    rows.push_back({"sqlite", "ok",
                    std::string(self.api()->libversion()) + ", copy " +
                        std::to_string(self.host().slot() + 1) + " of this process",
                    ""});
    if (can.accounting) {
      rows.push_back(
          {"memory accounting", "ok", "sqlite3_memory_used counts what this copy of SQLite allocates", ""});
    } else {
      rows.push_back(
          {"memory accounting", "limited",
           "this copy of SQLite runs with SQLITE_CONFIG_MEMSTATUS off: heap limits have no effect, and only "
           "what the connections report is known",
           "bound each connection: warden_set('cache_size', '64MiB') and warden_set('temp_store', 'file')"});
    }
    rows.push_back(
        {"memory management", can.memory_management ? "ok" : "limited",
         can.memory_management
             ? "SQLITE_ENABLE_MEMORY_MANAGEMENT: SQLite itself recycles pages across connections"
             : "without SQLITE_ENABLE_MEMORY_MANAGEMENT the soft limit takes nothing from idle connections; "
               "warden releases them instead",
         ""});
  }

  void job_statistics(rows_type& rows) const {
    if (self.host().can().json) {
      rows.push_back(
          {"job statistics", "ok", "this copy of SQLite has the JSON functions that they read with", ""});
    } else {
      rows.push_back(
          {"job statistics", "limited",
           "this copy of SQLite was built without JSON, which they read filters and footprints with",
           "use SQLite 3.38 or newer, or a build with SQLITE_ENABLE_JSON1"});
    }
  }

  void threads(rows_type& rows, const Settings& now) const {
    const Capabilities& can = self.host().can();
    if (!can.mutexes) {
      rows.push_back(
          {"threading", "limited",
           "this copy of SQLite has no mutexes (SQLITE_THREADSAFE=" + std::to_string(can.threadsafe) +
               "): the watchdog thread may not call it, all work is done on the connection's own thread",
           "use a build with SQLITE_THREADSAFE=1 or 2"});
    } else {
      rows.push_back({"threading", "ok",
                      "SQLITE_THREADSAFE=" + std::to_string(can.threadsafe) + " with real mutexes", ""});
    }
    if (self.shares_cache()) {
      rows.push_back(
          {"this connection", "limited",
           "it shares its cache with another: its figures are unknown, only warden_release() on it releases",
           "open it without cache=shared"});
    } else if (self.touchable()) {
      rows.push_back({"this connection", "ok", "serialized: it is released while it is idle", ""});
    } else {
      rows.push_back({"this connection", "limited",
                      "it has no mutex: it is released at the end of its own statements only",
                      "open it with SQLITE_OPEN_FULLMUTEX, or bound it: warden_set('cache_size', '64MiB')"});
    }
    Watchdog& thread = Warden::instance().watchdog();
    const bool runs = thread.running();
    rows.push_back({"watchdog",
                    runs           ? "ok"
                    : now.watchdog ? "problem"
                                   : "off",
                    thread.status(),
                    runs ? ""
                    : now.watchdog
                        ? "raise the limit of threads; connections still release at the end of long "
                          "statements"
                        : "warden_set('watchdog', 1)"});
    if (now.dry_run) {
      rows.push_back({"dry run", "off", "decisions are recorded in warden_events and not carried out",
                      "warden_set('dry_run', 0)"});
    }
  }

  void limits(rows_type& rows, const Settings& now, const SystemReading& reading) const {
    const std::int64_t had = Warden::instance().memory_limit_bytes();
    if (had > 0 && now.memory_budget_bytes > had) {
      rows.push_back({"memory budget", "problem",
                      format_size(now.memory_budget_bytes) + " is more than the " + format_size(had) +
                          " that this process can have",
                      "warden_set('memory_budget', '25%')"});
    } else if (had == 0) {
      rows.push_back({"memory budget", "limited",
                      format_size(now.memory_budget_bytes) +
                          "; what memory this process can have is unknown: a share counts as one of 1 GiB",
                      "mount /proc, or say a size: warden_set('memory_budget', '256MB')"});
    } else {
      rows.push_back({"memory budget", "ok",
                      format_size(now.memory_budget_bytes) + " of " + format_size(had) +
                          (reading.ulimit_bytes == had ? ", which is the limit of ulimit" : ""),
                      ""});
    }
    const auto soft = self.host().soft_limit();
    if (!soft) {
      rows.push_back({"soft heap limit", "limited", "it has no effect in this copy of SQLite", ""});
    } else if (self.host().host_set_soft_limit()) {
      rows.push_back({"soft heap limit", "limited",
                      "the host had set " + format_size(*soft) + ", which is lower than ours and stands",
                      ""});
    } else {
      rows.push_back(
          {"soft heap limit", *soft == 0 ? "off" : "ok", *soft == 0 ? "none" : format_size(*soft), ""});
    }
    const auto hard = self.host().hard_limit();
    rows.push_back({"hard heap limit",
                    !hard        ? "limited"
                    : *hard == 0 ? "off"
                                 : "ok",
                    !hard        ? "it has no effect in this copy of SQLite"
                    : *hard == 0 ? "none"
                                 : format_size(*hard),
                    ""});
  }

  void system(rows_type& rows, const Settings& now, const SystemReading& reading) const {
    Warden& warden = Warden::instance();
    if (reading.error != 0) {
      const bool no_descriptors = reading.error == EMFILE || reading.error == ENFILE;
      rows.push_back(
          {"process memory", "problem",
           "files below /proc or of the cgroup can't be read: " + std::string(std::strerror(reading.error)) +
               "; what was known before stands",
           no_descriptors ? "raise the limit of open files (ulimit -n), or see who leaves them open" : ""});
    } else {
      rows.push_back({"process memory", reading.rss_bytes ? "ok" : "limited",
                      reading.rss_bytes ? "/proc/self/statm is read"
                                        : "/proc/self/statm can't be read: resident memory is unknown",
                      reading.rss_bytes ? "" : "mount /proc"});
    }
    const std::string allocator = allocator_name();
    const bool other = allocator == "other";
    const bool known = read_allocator().known;
    const bool always = now.trim == TrimMode::always && !other;
    rows.push_back(
        {"trim",
         now.trim == TrimMode::never ? "off"
         : known || always           ? "ok"
                                     : "limited",
         "the allocator is " + allocator +
             (known    ? ""
              : other  ? ", which warden can't trim"
              : always ? ", and trimmed at each interval"
                       : ", which doesn't tell what it holds back: trim = 'always' trims it"),
         known || always || other || now.trim == TrimMode::never ? "" : "warden_set('trim', 'always')"});
    const int version = warden.cgroup_version();
    if (version == 0) {
      rows.push_back({"cgroup", "limited", "no memory cgroup was found: physical memory counts", ""});
    } else {
      rows.push_back({"cgroup", "ok",
                      "v" + std::to_string(version) + " at " + warden.cgroup_directory() +
                          (reading.cgroup_limit_bytes ? ", limit " + format_size(*reading.cgroup_limit_bytes)
                                                      : ", no limit"),
                      ""});
    }
    const std::string watched = warden.watchdog().pressure_status();
    const bool waking = !watched.starts_with("not watched");
    rows.push_back({"pressure",
                    !now.pressure            ? "off"
                    : waking                 ? "ok"
                    : reading.pressure_ratio ? "ok"
                                             : "limited",
                    watched + (reading.pressure_ratio ? "; the ratio is read at every look" : ""), ""});
  }

  /// Room for this connection's database and for what its statements spill. Nothing is asked of other connections' files.
  void disk(rows_type& rows) const {
    const char* file = self.api()->db_filename(self.db(), "main");
    if (file == nullptr || *file == '\0') {
      rows.push_back({"disk", "ok", "this connection's database has no file", ""});
      return;
    }
    const std::string spills = self.own_temporary_directory();
    const std::optional<Room> main = room_at(file);
    const std::optional<Room> temporary = room_at(spills.c_str());
    const std::string detail =
        told(main) + " for the database" +
        (temporary ? ", " + told(temporary) + " for temporary files in " + spills : "");
    if (is_full(main) || is_full(temporary)) {
      rows.push_back(
          {"disk", "problem", detail, "make room; statements that need more fail with SQLITE_FULL"});
    } else {
      rows.push_back({"disk", main ? "ok" : "limited", detail, ""});
    }
  }
  static bool is_full(const std::optional<Room>& room) { return room && room->is_full(); }
  static std::string told(const std::optional<Room>& room) {
    if (!room) return "it is not known how much room is left";
    return room->read_only ? "a file system that can only be read" : format_size(room->free_bytes) + " left";
  }

  void connections(rows_type& rows, const Settings& now) const {
    const std::string hooks = self.hooks();
    rows.push_back(
        {"hooks",
         hooks == "lost"                                              ? "problem"
         : hooks == "none"                                            ? "off"
         : now.hooks == Hooks::trace_and_progress && hooks == "trace" ? "limited"
                                                                      : "ok",
         hooks == "lost"
             ? "the host has set its own trace callback on this connection: its statements can't be seen"
         : hooks == "none" && !self.host().can().trace
             ? "this copy of SQLite was built without sqlite3_trace_v2"
         : now.hooks == Hooks::trace_and_progress && hooks == "trace"
             ? "trace; this copy of SQLite was built without a progress handler"
             : hooks,
         ""});
    int all = 0;
    int own_thread = 0;
    Registry& registry = Warden::instance().registry;
    for (auto c = registry.after(0); c != nullptr; c = registry.after(c->id)) {
      ++all;
      own_thread += !c->touchable();
    }
    rows.push_back(
        {"connections", own_thread == 0 ? "ok" : "limited",
         std::to_string(all) + " open; " + std::to_string(own_thread) +
             " of them only their own thread may touch (no mutex, or a shared cache)",
         own_thread == 0 ? "" : "SELECT connection_id, file FROM warden_connections WHERE NOT serialized"});
  }

  void statements(rows_type& rows, const Settings& now) const {
    Warden& warden = Warden::instance();
    Deadlines& deadlines = warden.deadlines();
    const std::int64_t timeout_ms = deadlines.timeout_ns(self) / 1'000'000;
    const std::string hooks = self.hooks();
    const bool seen = hooks != "none" && hooks != "lost";
    const bool kept = deadlines.running() || hooks == "trace+progress";
    const std::string in_force = std::to_string(timeout_ms) + " ms for each statement of this connection; ";
    if (timeout_ms == 0) {
      rows.push_back({"deadlines", "off", "none on this connection; " + deadlines.status(),
                      "warden_set('statement_timeout_ms', 30000)"});
    } else if (!seen) {
      rows.push_back({"deadlines", "problem",
                      in_force + "not kept, since its statements can't be seen (hooks: " + hooks + ")",
                      "load warden first, with the setting hooks at trace"});
    } else if (!kept) {
      rows.push_back({"deadlines", "problem", in_force + deadlines.status(),
                      "warden_set('hooks', 'trace+progress') before connections open needs no thread"});
    } else if (!self.touchable()) {
      rows.push_back({"deadlines", "limited",
                      in_force + deadlines.status() +
                          "; a run that SQLite prepares anew after a change of the schema has none here",
                      "open it with SQLITE_OPEN_FULLMUTEX"});
    } else {
      rows.push_back({"deadlines", "ok", in_force + deadlines.status(), ""});
    }
    rows.push_back({"statement statistics",
                    !now.statement_stats ? "off"
                    : seen               ? "ok"
                                         : "problem",
                    std::to_string(warden.statements.size()) + " shapes of at most " +
                        std::to_string(warden.statements.most()) + " kept, " +
                        std::to_string(warden.statements.left()) + " had to leave" +
                        (seen ? "" : "; the statements of this connection can't be seen"),
                    warden.statements.left() > 0 ? "warden_set('statement_stats_max', 5000)" : ""});
  }

  void environment(rows_type& rows) const {
    const auto refused = Warden::instance().settings.refused_environment();
    if (refused.empty()) rows.push_back({"environment", "ok", "every WARDEN_ variable was understood", ""});
    for (const std::string& sentence : refused) {
      rows.push_back({"environment", "problem", sentence, "mend or unset it; the default is in force"});
    }
  }
};

}  // namespace

int install_checks(SqliteConnection& connection) noexcept {
  return vtab::install_on<ChecksTable>(connection.db(), connection);
}

}  // namespace warden::ext
