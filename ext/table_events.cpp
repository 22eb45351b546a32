// warden_events: what was done (or, with dry_run, would have been), and what it brought.
//
//   SELECT at_ms, action, reason, connection_id, sqlite_before_bytes - sqlite_after_bytes AS given_back
//   FROM warden_events ORDER BY event_id DESC LIMIT 10;
//
// A row of a cancelled statement is made when it is interrupted. took_us is then the time from the statement's beginning to
// its end, NULL until it has ended, and the x_after figures are written again until what it took was given back.
// The reason is deadline, asked (warden_cancel) or above cancel_above. warn with the reason "transaction idle" tells of a
// transaction left open without a running statement, took_us for how long; with "database or disk is full" of a statement
// that failed so, once a minute while that lasts, where a look at the connection still found it.
//
// action: release, trim, cancel, limit, apply, warn. measured_bytes and threshold_bytes are the two numbers whose
// comparison led to it. rss_x is resident memory of the process, sqlite_x what SQLite uses in it, took_us the action
// itself. The setting `events` says how many rows are kept; event_id goes on counting.
#include "sql_text.hpp"
#include "tables.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct EventRow : Event {
  std::string_view action_text() const { return action_name(action); }
  std::string_view reason_text() const { return reason.view(); }
  std::optional<std::int64_t> connection() const { return nonzero(connection_id); }
  std::optional<std::string_view> label_text() const { return text(label.view()); }
  std::optional<vtab::string> shown_sql;
  std::optional<std::int64_t> took() const { return known(took_us); }
  std::optional<std::int64_t> measured() const { return known(measured_bytes); }
  std::optional<std::int64_t> threshold() const { return known(threshold_bytes); }
  std::optional<std::int64_t> sqlite_before() const { return known(sqlite_before_bytes); }
  std::optional<std::int64_t> sqlite_after() const { return known(sqlite_after_bytes); }
  std::optional<std::int64_t> rss_before() const { return known(rss_before_bytes); }
  std::optional<std::int64_t> rss_after() const { return known(rss_after_bytes); }
  sqlite3_int64 rowid() const { return event_id; }

 private:
  static std::optional<std::string_view> text(std::string_view t) {
    return t.empty() ? std::nullopt : std::optional(t);
  }
};

struct EventsTable : OwnTable {
  using row = EventRow;
  using columns = vtab::columns<
      vtab::col<"event_id", &EventRow::event_id, vtab::push::range>,
      vtab::col<"at_ms", &EventRow::at_ms, vtab::push::range>, vtab::col<"action", &EventRow::action_text>,
      vtab::col<"reason", &EventRow::reason_text>, vtab::col<"connection_id", &EventRow::connection>,
      vtab::col<"label", &EventRow::label_text>, vtab::col<"sql", &EventRow::shown_sql>,
      vtab::col<"measured_bytes", &EventRow::measured>, vtab::col<"threshold_bytes", &EventRow::threshold>,
      vtab::col<"sqlite_before_bytes", &EventRow::sqlite_before>,
      vtab::col<"sqlite_after_bytes", &EventRow::sqlite_after>,
      vtab::col<"rss_before_bytes", &EventRow::rss_before>,
      vtab::col<"rss_after_bytes", &EventRow::rss_after>, vtab::col<"took_us", &EventRow::took>,
      vtab::col<"dry_run", &EventRow::dry_run>>;
  static constexpr const char* name = "warden_events";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 1000;
  using OwnTable::OwnTable;

  vtab::vector<EventRow> scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    vtab::vector<EventRow> rows{vtab::Allocator<EventRow>(q.api())};
    Warden::instance().journal.each_event([&](const Event& event) {
      if (q.admits<"event_id">(event.event_id) && q.admits<"at_ms">(event.at_ms))
        rows.push_back({event, std::nullopt});
    });
    const ShowSql show = Warden::instance().current().show_sql;
    for (EventRow& r : rows) {
      if (show != ShowSql::none && !r.sql.empty()) r.shown_sql = shown(r.sql.view(), show, q.api());
    }
    return rows;
  }

 private:
  /// What was recorded in full is shown so only as long as the setting says so: normalised text stays as it is.
  static vtab::string shown(std::string_view text, ShowSql show, const vtab::Api* api) {
    const vtab::Allocator<char> from_sqlite(api);
    if (show == ShowSql::full) {
      vtab::string full(from_sqlite);
      append_utf8(full, text);
      return full;
    }
    FixedText<222> out;
    out.resize(normalize_sql(text, out.buffer(), false));
    return vtab::string(out.view(), from_sqlite);
  }
};

}  // namespace

int install_events(SqliteConnection& connection) noexcept {
  return vtab::install_on<EventsTable>(connection.db(), connection);
}

}  // namespace warden::ext
