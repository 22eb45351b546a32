// warden_samples: the process over time, one row a second while the watchdog runs, and one whenever the level changes.
//
//   SELECT at_ms, level, sqlite_bytes, rss_bytes FROM warden_samples ORDER BY at_ms DESC LIMIT 60;
//
// level: calm, elevated (above release_above), over (above memory_budget), pressure (the system is short of memory).
// allocator_free_bytes: what malloc was found to hold back; 0 where nobody looked. pressure_ratio: share of the last
// 10 s in which some task of this cgroup (or of the system) waited for memory.
#include "tables.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct SampleRow : Sample {
  std::string_view level_text() const { return level_name(level); }
  std::optional<std::int64_t> sqlite() const { return known(sqlite_bytes); }
  std::optional<std::int64_t> rss() const { return known(rss_bytes); }
  std::optional<std::int64_t> allocator_free() const { return known(allocator_free_bytes); }
  std::optional<double> pressure() const {
    return pressure_ratio < 0 ? std::nullopt : std::optional(pressure_ratio);
  }
  sqlite3_int64 rowid() const { return sample_id; }
};

struct SamplesTable : OwnTable {
  using row = SampleRow;
  using columns = vtab::columns<
      vtab::col<"at_ms", &SampleRow::at_ms, vtab::push::range>, vtab::col<"level", &SampleRow::level_text>,
      vtab::col<"sqlite_bytes", &SampleRow::sqlite>, vtab::col<"rss_bytes", &SampleRow::rss>,
      vtab::col<"allocator_free_bytes", &SampleRow::allocator_free>,
      vtab::col<"connections", &SampleRow::connections>, vtab::col<"active", &SampleRow::active>,
      vtab::col<"pressure_ratio", &SampleRow::pressure>>;
  static constexpr const char* name = "warden_samples";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 3600;
  using OwnTable::OwnTable;

  vtab::vector<SampleRow> scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    vtab::vector<SampleRow> rows{vtab::Allocator<SampleRow>(q.api())};
    Warden::instance().journal.each_sample([&](const Sample& sample) {
      if (q.admits<"at_ms">(sample.at_ms)) rows.push_back({sample});
    });
    return rows;
  }
};

}  // namespace

int install_samples(SqliteConnection& connection) noexcept {
  return vtab::install_on<SamplesTable>(connection.db(), connection);
}

}  // namespace warden::ext
