// warden_settings: one row per setting; UPDATE changes one, checked like warden_set.
//
//   SELECT name, value, unit, source FROM warden_settings WHERE name LIKE 'memory%';
//   -> memory_budget|25%|bytes|default
//   UPDATE warden_settings SET value = '2GiB' WHERE name = 'memory_budget';
//   UPDATE warden_settings SET value = NULL WHERE name = 'memory_budget';      -- back to the default
//
// Columns: name; value as it was written (warden_get tells what it comes to); unit of plain numbers: bytes, ms, rows,
// NULL for words and booleans; default_value; min_value, max_value of plain numbers; source: default, environment, sql,
// host (the host had set a lower limit, which stands, or set it by warden.h); scope: process or connection; description.
#include "tables.hpp"
#include "units.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

struct SettingRow {
  std::size_t position;
  std::string value;
  std::string_view source;

  const SettingSpec& spec() const { return setting_specs()[position]; }
  std::string_view name() const { return spec().name; }
  std::optional<std::string_view> unit() const {
    return spec().unit.empty() ? std::nullopt : std::optional(spec().unit);
  }
  std::string_view default_value() const { return spec().default_value; }
  std::optional<std::int64_t> min_value() const { return bound(spec().least); }
  std::optional<std::int64_t> max_value() const { return bound(spec().most); }
  std::string_view scope() const { return spec().scope; }
  std::string_view description() const { return spec().description; }
  sqlite3_int64 rowid() const { return static_cast<sqlite3_int64>(position) + 1; }

 private:
  std::optional<std::int64_t> bound(std::int64_t number) const {
    return spec().kind == SettingSpec::Kind::word ? std::nullopt : std::optional(number);
  }
};

struct SettingsTable : OwnTable {
  using row = SettingRow;
  using columns = vtab::columns<
      vtab::col<"name", &SettingRow::name, vtab::push::key>, vtab::col<"value", &SettingRow::value>,
      vtab::col<"unit", &SettingRow::unit>, vtab::col<"default_value", &SettingRow::default_value>,
      vtab::col<"min_value", &SettingRow::min_value>, vtab::col<"max_value", &SettingRow::max_value>,
      vtab::col<"source", &SettingRow::source>, vtab::col<"scope", &SettingRow::scope>,
      vtab::col<"description", &SettingRow::description>>;
  static constexpr const char* name = "warden_settings";
  static constexpr auto risk = vtab::risk::direct_only;
  static constexpr double expected_rows = 24;
  // Another thread may set the same setting between the statement's reading of a row and its change.
  static constexpr bool tells_unchanged = true;
  using OwnTable::OwnTable;

  vtab::vector<SettingRow> scan(const vtab::query<row, columns>& q) const {
    self.own_call();
    vtab::vector<SettingRow> rows{vtab::Allocator<SettingRow>(q.api())};
    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
      if (q.admits<"name">(setting_specs()[i].name)) rows.push_back(row_at(i));
    }
    return rows;
  }

  void update(sqlite3_int64 rowid, const vtab::change<columns>& to) const {
    self.own_call();
    const SettingRow before = row_at(static_cast<std::size_t>(rowid - 1));
    same("name", to.get<"name">(), before.name());
    same("unit", to.get<"unit">(), before.unit());
    same("default_value", to.get<"default_value">(), before.default_value());
    same("min_value", to.get<"min_value">(), text(before.min_value()));
    same("max_value", to.get<"max_value">(), text(before.max_value()));
    same("source", to.get<"source">(), before.source);
    same("scope", to.get<"scope">(), before.scope());
    same("description", to.get<"description">(), before.description());
    if (to.get<"value">().is_unchanged()) return;
    try {
      set_setting(self, before.name(), to.get<"value">());
    } catch (const BadValue& e) {
      throw vtab::error(std::string("warden_settings: ") + e.what());
    }
  }

 private:
  SettingRow row_at(std::size_t position) const {
    SettingsStore::Entry entry = Warden::instance().settings.entry(position);
    const bool host =
        setting_specs()[position].name == "soft_heap_limit" && self.host().host_set_soft_limit();
    return {position, std::move(entry.text), host ? "host" : source_name(entry.source)};
  }
  static std::optional<std::string> text(std::optional<std::int64_t> number) {
    return number ? std::optional(std::to_string(*number)) : std::nullopt;
  }
  /// Everything but `value` must stay as it is.
  static void same(const char* column, const vtab::value& now, std::optional<std::string_view> before) {
    if (now.is_unchanged()) return;
    if (now.is_null() ? before.has_value() : !before || now.as_text() != *before) {
      throw vtab::error(std::string("warden_settings: only value can be changed, not ") + column);
    }
  }
};

}  // namespace

int install_settings(SqliteConnection& connection) noexcept {
  return vtab::install_on<SettingsTable>(connection.db(), connection);
}

}  // namespace warden::ext
