// warden_statements: what statements cost, one row per shape: the text without its data.
//
//   SELECT sql, calls, total_ms, mean_ms, full_scan_steps FROM warden_statements ORDER BY total_ms DESC LIMIT 10;
//   SELECT warden_statements_reset();                      -- begins anew
//
// Columns: fingerprint, of the normalised text, 16 hexadecimal digits, the same in every process; sql, at most 1024 bytes
// of that text (NULL where show_sql is none); calls, runs that ended; errors, those known to have failed: cancelled, out
// of memory, or found by a look at the connection afterwards (SQLite does not tell, so it is the least); cancels, those
// that warden cancelled; total_ms, min_ms, mean_ms, max_ms, stddev_ms, of all runs, from the first instruction to the
// last, the host's time between rows included; vm_steps, full_scan_steps, sorts, auto_indexes, reprepares, as SQLite
// counts them (sqlite3_stmt_status), sums; peak_memory_bytes, the most that a run of 20 ms or more was seen to hold, its
// connection's cache included, NULL where none was; first_at_ms, last_at_ms, when the first and the last run ended.
//
// Statements that a trigger or a function runs belong to the one that called them. EXPLAIN is not counted, nor is a run
// that could not begin (SQLITE_BUSY).
#include <algorithm>
#include <cstdio>

#include "clock.hpp"
#include "statement_rows.hpp"
#include "tables.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

constexpr double kNsPerMs = 1e6;

struct Row : StatementRow {
  std::int64_t wall_minus_monotonic_ms = 0;
  bool shows_sql = true;

  FixedText<16> hex;
  std::string_view fingerprint() const { return hex.view(); }
  std::optional<std::string_view> sql() const {
    return shows_sql ? std::optional<std::string_view>(shape->sql) : std::nullopt;
  }
  std::int64_t calls() const { return totals.calls; }
  std::int64_t errors() const { return totals.errors; }
  std::int64_t cancels() const { return totals.cancels; }
  double total_ms() const { return static_cast<double>(totals.total_ns) / kNsPerMs; }
  double min_ms() const { return static_cast<double>(totals.min_ns) / kNsPerMs; }
  double mean_ms() const { return totals.mean_ns() / kNsPerMs; }
  double max_ms() const { return static_cast<double>(totals.max_ns) / kNsPerMs; }
  double stddev_ms() const { return totals.stddev_ns() / kNsPerMs; }
  std::int64_t vm_steps() const { return totals.vm_steps; }
  std::int64_t full_scan_steps() const { return totals.full_scan_steps; }
  std::int64_t sorts() const { return totals.sorts; }
  std::int64_t auto_indexes() const { return totals.auto_indexes; }
  std::int64_t reprepares() const { return totals.reprepares; }
  std::optional<std::int64_t> peak_memory_bytes() const { return known(totals.peak_bytes); }
  std::int64_t first_at_ms() const { return wall_minus_monotonic_ms + totals.first_ns / 1'000'000; }
  std::int64_t last_at_ms() const { return wall_minus_monotonic_ms + totals.last_ns / 1'000'000; }
};

struct StatementsTable : OwnTable {
  using row = Row;
  using columns =
      vtab::columns<vtab::col<"fingerprint", &Row::fingerprint>, vtab::col<"sql", &Row::sql>,
                    vtab::col<"calls", &Row::calls>, vtab::col<"errors", &Row::errors>,
                    vtab::col<"cancels", &Row::cancels>, vtab::col<"total_ms", &Row::total_ms>,
                    vtab::col<"min_ms", &Row::min_ms>, vtab::col<"mean_ms", &Row::mean_ms>,
                    vtab::col<"max_ms", &Row::max_ms>, vtab::col<"stddev_ms", &Row::stddev_ms>,
                    vtab::col<"vm_steps", &Row::vm_steps>,
                    vtab::col<"full_scan_steps", &Row::full_scan_steps>, vtab::col<"sorts", &Row::sorts>,
                    vtab::col<"auto_indexes", &Row::auto_indexes>, vtab::col<"reprepares", &Row::reprepares>,
                    vtab::col<"peak_memory_bytes", &Row::peak_memory_bytes>,
                    vtab::col<"first_at_ms", &Row::first_at_ms>, vtab::col<"last_at_ms", &Row::last_at_ms>>;
  static constexpr const char* name = "warden_statements";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 1000;
  using OwnTable::OwnTable;

  vtab::vector<Row> scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    const auto found = statement_rows(q.api());
    vtab::vector<Row> rows{vtab::Allocator<Row>(q.api())};
    rows.reserve(found.size());
    const bool shows_sql = Warden::instance().current().show_sql != ShowSql::none;
    const std::int64_t offset_ms = wall_ms() - monotonic_ns() / 1'000'000;
    for (const StatementRow& one : found) {
      Row& r = rows.emplace_back(Row{one, offset_ms, shows_sql, {}});
      char hex[17];
      std::snprintf(hex, sizeof(hex), "%016llx", static_cast<unsigned long long>(one.shape->fingerprint));
      r.hex = std::string_view(hex, 16);
    }
    return rows;
  }
};

}  // namespace

vtab::vector<StatementRow> statement_rows(const vtab::Api* api) {
  Warden& warden = Warden::instance();
  vtab::vector<StatementRow> rows{vtab::Allocator<StatementRow>(api)};
  // Memory is taken before the locks: SQLite's allocator may have to release pages for it.
  for (std::size_t wanted = warden.statements.size() + 64; wanted > 0;) {
    rows.clear();
    rows.reserve(wanted);
    wanted = 0;
    vtab::vector<const Shape*> seen{vtab::Allocator<const Shape*>(api)};
    seen.reserve(rows.capacity());
    warden.each_statement(seen, [&](const std::shared_ptr<Shape>& shape, const StatementTotals& totals) {
      if (rows.size() < rows.capacity()) {
        rows.push_back({shape, totals});
      } else {
        wanted = rows.capacity() * 2;
      }
    });
  }
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.shape->fingerprint < b.shape->fingerprint; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (kept > 0 && rows[kept - 1].shape->fingerprint == rows[i].shape->fingerprint) {
      rows[kept - 1].totals.add(rows[i].totals);
    } else {
      std::swap(rows[kept++], rows[i]);
    }
  }
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
  std::erase_if(rows, [](const StatementRow& row) { return row.totals.calls == 0; });
  // What slots hold comes on top of what is stored: the least used of all are not shown.
  if (const std::size_t most = warden.statements.most(); rows.size() > most) {
    std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(most), rows.end(),
                     [](const auto& a, const auto& b) { return a.totals.calls > b.totals.calls; });
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(most), rows.end());
  }
  return rows;
}

int install_statements(SqliteConnection& connection) noexcept {
  return vtab::install_on<StatementsTable>(connection.db(), connection);
}

}  // namespace warden::ext
