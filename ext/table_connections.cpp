// warden_connections: every open connection of the process, what it runs and what it holds.
//
//   SELECT connection_id, state, elapsed_ms, cache_bytes, sql FROM warden_connections ORDER BY cache_bytes DESC;
//
// Reading it never waits: what can't be measured now (a busy connection, or one that only its own thread may touch) is
// the last that was known, sampled_ago_ms old. state: idle, active, 'idle in transaction'. sql is the running or the
// last statement, as show_sql says; deadline_ms is what it may take from its beginning (elapsed_ms beyond it: it was
// cancelled, and has not noticed yet), NULL without a deadline. The figures of a connection with a shared cache are not measured. hooks: none,
// trace, trace+progress, or lost where the host has set its own trace callback after warden. A process can hold several copies
// of SQLite, each with its own connections: sqlite_copy and sqlite_version say whose this one is. progress is how far a command
// of a job_columns table is, from 0 to 1, and NULL where none runs.
#include <array>

#include "clock.hpp"
#include "sql_text.hpp"
#include "tables.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct ConnectionRow {
  std::int64_t connection_id;
  FixedText<62> label;
  std::string file;
  std::int64_t opened_at_ms;
  std::optional<std::int64_t> thread_id;
  std::string_view state;
  std::optional<vtab::string> sql;
  std::optional<std::int64_t> statement_seq, started_at_ms, elapsed_ms, deadline_ms;
  bool in_transaction;
  std::int64_t idle_ms;
  std::optional<std::int64_t> cache_bytes, schema_bytes, statement_bytes, cache_hits, cache_misses,
      cache_spills, sampled_ago_ms;
  bool serialized;
  const char* hooks;
  std::int64_t released_bytes, releases, cancels;
  int sqlite_copy;
  const char* sqlite_version;
  std::optional<double> progress;

  std::optional<std::string_view> label_text() const {
    return label.empty() ? std::nullopt : std::optional(label.view());
  }
  sqlite3_int64 rowid() const { return connection_id; }
};

struct ConnectionsTable : OwnTable {
  using row = ConnectionRow;
  template <vtab::fixed_string Name, auto Getter>
  using col = vtab::col<Name, Getter>;
  using columns = vtab::columns<
      vtab::col<"connection_id", &row::connection_id, vtab::push::key>, col<"label", &row::label_text>,
      col<"file", &row::file>, col<"opened_at_ms", &row::opened_at_ms>, col<"thread_id", &row::thread_id>,
      col<"state", &row::state>, col<"sql", &row::sql>, col<"statement_seq", &row::statement_seq>,
      col<"started_at_ms", &row::started_at_ms>, col<"elapsed_ms", &row::elapsed_ms>,
      col<"deadline_ms", &row::deadline_ms>, col<"in_transaction", &row::in_transaction>,
      col<"idle_ms", &row::idle_ms>, col<"cache_bytes", &row::cache_bytes>,
      col<"schema_bytes", &row::schema_bytes>, col<"statement_bytes", &row::statement_bytes>,
      col<"cache_hits", &row::cache_hits>, col<"cache_misses", &row::cache_misses>,
      col<"cache_spills", &row::cache_spills>, col<"sampled_ago_ms", &row::sampled_ago_ms>,
      col<"serialized", &row::serialized>, col<"hooks", &row::hooks>,
      col<"released_bytes", &row::released_bytes>, col<"releases", &row::releases>,
      col<"cancels", &row::cancels>, col<"sqlite_copy", &row::sqlite_copy>,
      col<"sqlite_version", &row::sqlite_version>, col<"progress", &row::progress>>;
  static constexpr const char* name = "warden_connections";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 20;
  using OwnTable::OwnTable;
  using query = vtab::query<row, columns>;

  vtab::vector<ConnectionRow> scan(const query& q) const {
    self.own_call();
    vtab::vector<ConnectionRow> rows{vtab::Allocator<ConnectionRow>(q.api())};
    Warden& warden = Warden::instance();
    const ShowSql show = warden.current().show_sql;
    for (auto c = warden.registry.after(0); c != nullptr; c = warden.registry.after(c->id)) {
      if (!q.admits<"connection_id">(c->id)) continue;
      if (auto* connection = dynamic_cast<SqliteConnection*>(c.get()))
        rows.push_back(look_at(*connection, q, show));
    }
    return rows;
  }

 private:
  void measure(SqliteConnection& c, const query& q) const {
    const bool deep = q.reads<"schema_bytes">() || q.reads<"statement_bytes">() || q.reads<"cache_hits">() ||
                      q.reads<"cache_misses">() || q.reads<"cache_spills">();
    if (!deep && !q.reads<"cache_bytes">() && !q.reads<"sampled_ago_ms">()) return;
    if (&c != &self) {
      c.try_measure(deep ? Depth::all : Depth::cache);
    } else if (!c.shares_cache()) {
      c.own_measure(deep ? Depth::all : Depth::cache);
    }
  }

  ConnectionRow look_at(SqliteConnection& c, const query& q, ShowSql show) const {
    measure(c, q);
    std::array<char, Activity::kSqlBytes> text;
    const bool wants_sql = show != ShowSql::none && q.reads<"sql">();
    const Activity::View now = c.activity.look(wants_sql ? &text : nullptr);
    const std::int64_t now_ns = monotonic_ns();
    const auto ago_ms = [&](std::int64_t ns) { return (now_ns - ns) / 1'000'000; };
    ConnectionRow r{};
    r.connection_id = c.id;
    r.label = c.label();
    append_utf8(r.file, c.file);
    r.opened_at_ms = c.opened_at_ms;
    r.thread_id = nonzero(now.thread_id);
    r.state = now.running ? "active" : now.in_transaction ? "idle in transaction" : "idle";
    if (wants_sql && now.sql_bytes > 0)
      r.sql = shown({text.data(), now.sql_bytes}, now.sql_truncated, q.api(), show);
    r.statement_seq = nonzero(now.statement_seq);
    if (now.started_ns != 0) {
      r.started_at_ms = wall_ms() - ago_ms(now.started_ns);
      const std::int64_t until_ns = now.running ? now_ns : now.ended_ns;
      r.elapsed_ms = std::max<std::int64_t>(0, until_ns - now.started_ns) / 1'000'000;
    }
    if (now.timeout_ns != 0) r.deadline_ms = now.timeout_ns / 1'000'000;
    r.in_transaction = now.in_transaction;
    r.idle_ms = c.idle_ms(now_ns);
    const auto measured = [shared = c.shares_cache()](std::int64_t figure) {
      return shared ? std::nullopt : known(figure);
    };
    r.cache_bytes = measured(c.figures.cache_bytes);
    r.schema_bytes = measured(c.figures.schema_bytes);
    r.statement_bytes = measured(c.figures.statement_bytes);
    r.cache_hits = measured(c.figures.cache_hits);
    r.cache_misses = measured(c.figures.cache_misses);
    r.cache_spills = measured(c.figures.cache_spills);
    if (const std::int64_t at = c.figures.sampled_ns.load(); at != 0)
      r.sampled_ago_ms = std::max<std::int64_t>(0, ago_ms(at));
    r.serialized = c.serialized();
    r.hooks = c.hooks();
    r.released_bytes = c.released_bytes.load();
    r.releases = c.releases.load();
    r.cancels = c.cancels.load();
    r.sqlite_copy = c.host().slot() + 1;
    r.sqlite_version = c.api()->libversion();
    r.progress = c.share_done();
    return r;
  }

  static vtab::string shown(std::string_view text, bool truncated, const vtab::Api* api, ShowSql show) {
    const vtab::Allocator<char> from_sqlite(api);
    if (show == ShowSql::full) {
      vtab::string full(from_sqlite);
      append_utf8(full, truncated ? utf8_without_torn_end(text) : text);
      return full += truncated ? "..." : "";
    }
    std::array<char, 2 * Activity::kSqlBytes> out;
    return {out.data(), normalize_sql(text, out, truncated), from_sqlite};
  }
};

}  // namespace

int install_connections(SqliteConnection& connection) noexcept {
  return vtab::install_on<ConnectionsTable>(connection.db(), connection);
}

}  // namespace warden::ext
