// warden_memory: where the memory of this process is, one row per area.
//
//   SELECT area, warden_size_text(bytes) AS size FROM warden_memory;
//
// sqlite is sqlite3_memory_used of all copies, and page_cache, schema, statements what can be told apart of it
// (of busy connections: what was last known); unaccounted is the rest: sorters, in-memory tables, virtual tables.
// allocator_free is what SQLite and others have freed and malloc keeps resident: a trim gives it back.
#include <algorithm>

#include "relief.hpp"
#include "tables.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct AreaRow {
  std::string_view area;
  std::optional<std::int64_t> bytes;
  std::optional<std::int64_t> peak_bytes;
  std::optional<std::int64_t> limit_bytes;
  std::string_view description;
};

struct MemoryTable : OwnTable {
  using row = AreaRow;
  using columns = vtab::columns<vtab::col<"area", &AreaRow::area>, vtab::col<"bytes", &AreaRow::bytes>,
                                vtab::col<"peak_bytes", &AreaRow::peak_bytes>,
                                vtab::col<"limit_bytes", &AreaRow::limit_bytes>,
                                vtab::col<"description", &AreaRow::description>>;
  static constexpr const char* name = "warden_memory";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 10;
  using OwnTable::OwnTable;

  vtab::vector<AreaRow> scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    Warden& warden = Warden::instance();
    const Settings now = warden.current();
    const SystemReading system = warden.read_system();
    const auto [used, peak, limit] = warden.engine_figures();

    std::int64_t cache = 0;
    std::int64_t schema = 0;
    std::int64_t statements = 0;
    for (auto c = warden.registry.after(0); c != nullptr; c = warden.registry.after(c->id)) {
      if (c->id != self.id) {
        c->try_measure(Depth::all);
      } else if (!self.shares_cache()) {
        self.own_measure(Depth::all);
      }
      cache += std::max<std::int64_t>(0, c->figures.cache_bytes);
      schema += std::max<std::int64_t>(0, c->figures.schema_bytes);
      statements += std::max<std::int64_t>(0, c->figures.statement_bytes);
    }
    std::optional<std::int64_t> rest;
    if (used) rest = std::max<std::int64_t>(0, *used - cache - schema - statements);

    vtab::vector<AreaRow> rows{vtab::Allocator<AreaRow>(q.api())};
    rows.reserve(10);
    rows.push_back({"sqlite", used, peak, limit ? limit : now.memory_budget_bytes,
                    "used by SQLite in this process; NULL where it does not account for it"});
    rows.push_back({"page_cache", cache, {}, {}, "pages of databases in the caches of the connections"});
    rows.push_back({"schema", schema, {}, {}, "parsed schemas of the connections"});
    rows.push_back({"statements", statements, {}, {}, "prepared statements of the connections"});
    rows.push_back(
        {"unaccounted", rest, {}, {}, "the rest of sqlite: sorters, in-memory and virtual tables"});
    rows.push_back({"allocator_free",
                    held_back(warden, 0).bytes,
                    {},
                    now.trim_above_bytes,
                    "freed, but kept resident by malloc; a trim gives it back"});
    rows.push_back({"rss_anonymous",
                    system.rss_anonymous_bytes,
                    {},
                    {},
                    "resident memory of this process: heap, stacks"});
    rows.push_back(
        {"rss_file", system.rss_file_bytes, {}, {}, "resident memory of this process: mapped files, shared"});
    rows.push_back({"cgroup",
                    system.cgroup_current_bytes,
                    {},
                    system.cgroup_limit_bytes,
                    "charged to this process's cgroup, file cache included; its smallest limit"});
    rows.push_back({"system_available",
                    system.available_bytes,
                    {},
                    system.physical_bytes,
                    "what the machine can still give without swapping; its RAM"});
    return rows;
  }
};

}  // namespace

int install_memory(SqliteConnection& connection) noexcept {
  return vtab::install_on<MemoryTable>(connection.db(), connection);
}

}  // namespace warden::ext
