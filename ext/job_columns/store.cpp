#include "store.hpp"

#include <algorithm>

namespace warden::columns {
namespace {

using jobs::append_identifier;
using jobs::append_quoted;

constexpr std::array<std::string_view, 6> kTables{"config", "segment", "column", "value", "odd", "delta"};
constexpr std::array<std::string_view, 6> kTriggers{"inserting", "inserted", "updating",
                                                    "updated",   "moved",    "deleted"};

/// Whether a column of the source is one that columns are made of, or that jobs are known by.
bool is_kept(std::string_view column, bool is_key) {
  return is_key || std::any_of(kFieldSpecs.begin(), kFieldSpecs.end(),
                               [&](const FieldSpec& spec) { return spec.column == column; });
}

/// What a job that is written adds to the delta: its rowid, once. No INSERT OR IGNORE, since the writer's own OR clause would
/// take its place.
void append_note(vtab::string& sql, std::string_view delta, std::string_view rowid) {
  sql << "INSERT INTO " << delta << "(id) SELECT " << rowid << " WHERE NOT EXISTS (SELECT 1 FROM " << delta
      << " WHERE id = " << rowid << "); ";
}

}  // namespace

Store::Store(ext::SqliteConnection& self, std::string_view schema, std::string_view name)
    : self_(self),
      schema_(schema, vtab::Allocator<char>(self.api())),
      name_(name, vtab::Allocator<char>(self.api())) {}

vtab::string Store::unqualified(std::string_view suffix) const {
  vtab::string text = empty();
  vtab::string whole = empty();
  whole << name_ << "_" << suffix;
  append_identifier(text, whole);
  return text;
}

vtab::string Store::in_schema(std::string_view table) const {
  vtab::string text = empty();
  append_identifier(text, schema_);
  text << ".";
  append_identifier(text, table);
  return text;
}

vtab::string Store::table(std::string_view suffix) const {
  vtab::string text = empty();
  append_identifier(text, schema_);
  return text << "." << unqualified(suffix);
}

void Store::create(const Options& options) {
  // A table that isn't there, a view, a virtual table or one WITHOUT ROWID can't be followed from job to job.
  const vtab::Api* api = self_.api();
  const char* type = nullptr;
  int is_key = 0;
  const vtab::string source = in_schema(options.source);
  const std::string before = "job_columns: source \"" + std::string(options.source) + "\" ";
  {
    vtab::string sql = empty();
    sql << "SELECT type, sql LIKE 'create virtual%' FROM ";
    append_identifier(sql, schema_);
    sql << ".sqlite_master WHERE name = ?1 COLLATE NOCASE";
    if (schema_ == "temp") sql.replace(sql.find(".sqlite_master"), 14, ".sqlite_temp_master");
    Statement find(self_, sql);
    find.bind(1, options.source);
    if (!find.step())
      throw vtab::error(before + "is no table of the schema \"" + std::string(schema_) + "\"");
    if (find.text(0) != "table" || find.integer(1) != 0)
      throw vtab::error(before + "must be a table, since triggers note what changes in it");
  }
  const int rc = api->table_column_metadata(self_.db(), schema_.c_str(), options.source.c_str(), "rowid",
                                            &type, nullptr, nullptr, &is_key, nullptr);
  // A rowid that no column is an alias of may become another one by VACUUM.
  Statement keys(
      self_,
      empty()
          << "SELECT count(*), max(type = 'INTEGER' COLLATE NOCASE) FROM pragma_table_info(?1, ?2) WHERE pk");
  keys.bind(1, options.source);
  keys.bind(2, schema_);
  keys.step();
  if (rc != SQLITE_OK || is_key == 0 || type == nullptr || api->stricmp(type, "INTEGER") != 0 ||
      keys.integer(0) != 1 || keys.integer(1) != 1)
    throw vtab::error(before + "must have an INTEGER PRIMARY KEY, by which its jobs are known");

  run(empty() << "CREATE TABLE " << table("config") << "(key TEXT PRIMARY KEY, value) WITHOUT ROWID");
  run(empty()
      << "CREATE TABLE " << table("segment")
      << "(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, jobs INTEGER NOT NULL, "
         "zones BLOB NOT NULL)");
  run(empty() << "CREATE TABLE " << table("column") << "(id INTEGER PRIMARY KEY, data BLOB NOT NULL)");
  run(empty() << "CREATE TABLE " << table("value")
              << "(\"column\" INTEGER, code INTEGER, value TEXT NOT NULL, PRIMARY KEY (\"column\", code)) "
                 "WITHOUT ROWID");
  run(empty() << "CREATE TABLE " << table("odd") << "(id INTEGER PRIMARY KEY)");
  run(empty() << "CREATE TABLE " << table("delta") << "(id INTEGER PRIMARY KEY)");
  set_config("version", std::to_string(kVersion));
  set_config("source", options.source);
  set_config("metrics", options.metrics);
  set_config("segment_jobs", std::to_string(options.segment_jobs));
  set_config("fields", std::to_string(fields_of(options.source)));
  make_triggers(options.source);
}

std::uint32_t Store::fields_of(std::string_view source) const {
  const std::string table(source);
  std::uint32_t fields = std::uint32_t{1} << static_cast<unsigned>(Field::id);
  for (std::size_t i = 0; i < kFields; ++i) {
    const FieldSpec& spec = kFieldSpecs[i];
    if (static_cast<Field>(i) == Field::id) continue;
    const char* type = nullptr;
    const char* collation = nullptr;
    const int rc = self_.api()->table_column_metadata(self_.db(), schema_.c_str(), table.c_str(),
                                                      std::string(spec.column).c_str(), &type, &collation,
                                                      nullptr, nullptr, nullptr);
    if ((rc & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
    if (rc != SQLITE_OK) continue;
    if (spec.kind == FieldKind::texts) {
      // Texts are compared as the dictionary's are: by their bytes, and as texts.
      std::string upper(type == nullptr ? "" : type);
      std::transform(upper.begin(), upper.end(), upper.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
      const bool is_text =
          upper.find("INT") == std::string::npos &&
          (upper.find("CHAR") != std::string::npos || upper.find("CLOB") != std::string::npos ||
           upper.find("TEXT") != std::string::npos);
      if (!is_text || collation == nullptr || self_.api()->stricmp(collation, "BINARY") != 0) continue;
    }
    fields |= std::uint32_t{1} << i;
  }
  return fields;
}

void Store::drop() {
  for (const std::string_view trigger : kTriggers)
    run(empty() << "DROP TRIGGER IF EXISTS " << table(trigger));
  for (const std::string_view each : kTables) run(empty() << "DROP TABLE IF EXISTS " << table(each));
}

void Store::rename(std::string_view name) {
  const Options given = options();
  const bool is_sound = trouble(given).empty();
  for (const std::string_view trigger : kTriggers)
    run(empty() << "DROP TRIGGER IF EXISTS " << table(trigger));
  for (const std::string_view each : kTables) {
    vtab::string renamed = empty();
    renamed << name << "_" << each;
    vtab::string sql = empty();
    sql << "ALTER TABLE " << table(each) << " RENAME TO ";
    append_identifier(sql, renamed);
    run(sql);
  }
  name_ = name;
  // What was missed before must not be forgotten: without triggers it stays out of use until a 'rebuild'.
  if (is_sound) make_triggers(given.source);
}

vtab::string Store::uniqueness(std::string_view source, vtab::string* conditions, vtab::string* columns) {
  vtab::string text = empty();
  vtab::string from = empty();
  append_quoted(from, source);
  from << ", ";
  append_quoted(from, schema_);
  Statement indexes(
      self_, empty() << "SELECT name FROM pragma_index_list(" << from << ") WHERE \"unique\" ORDER BY name");
  vtab::string keys_sql = empty();
  keys_sql << "SELECT name, coll FROM pragma_index_xinfo(?1, ";
  append_quoted(keys_sql, schema_);
  keys_sql << ") WHERE key ORDER BY seqno";
  Statement keys(self_, keys_sql);
  while (indexes.step()) {
    keys.bind(1, indexes.text(0));
    vtab::string condition = empty();
    text << "(";
    while (keys.step()) {
      if (keys.type(0) == SQLITE_NULL) {
        throw vtab::error("job_columns: the unique index \"" + std::string(indexes.text(0)) + "\" of \"" +
                          std::string(source) +
                          "\" is on an expression: which jobs a REPLACE removes can't be seen there");
      }
      if (!condition.empty()) condition << " AND ";
      vtab::string name = empty();
      append_identifier(name, keys.text(0));
      condition << "old_job." << name << " = new." << name << " COLLATE ";
      append_identifier(condition, keys.text(1));
      text << name << " " << keys.text(1) << ",";
      if (columns != nullptr) *columns << ", " << name;
    }
    keys.reset();
    text << ")";
    if (conditions != nullptr && !condition.empty()) (*conditions << condition) += '\0';
  }
  return text;
}

vtab::string Store::kept_columns(std::string_view source) {
  vtab::string sql = empty();
  sql << "SELECT cid, name, pk, type FROM pragma_table_xinfo(";
  append_quoted(sql, source);
  sql << ", ";
  append_quoted(sql, schema_);
  sql << ") ORDER BY cid";
  Statement all(self_, sql);
  vtab::string text = empty();
  while (all.step()) {
    if (is_kept(all.text(1), all.integer(2) != 0))
      text << all.integer(0) << " " << all.text(1) << " " << all.text(3) << ",";
  }
  return text;
}

void Store::make_triggers(std::string_view source) {
  vtab::string conditions = empty();
  vtab::string unique_columns = empty();
  const vtab::string unique = uniqueness(source, &conditions, &unique_columns);
  const vtab::string delta = unqualified("delta");
  vtab::string on = empty();
  on << " ON ";
  append_identifier(on, source);

  // What REPLACE removes is told to no trigger: it is looked for before.
  vtab::string replaced = empty();
  for (std::string_view rest = conditions; !rest.empty();) {
    const std::string_view condition = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(condition.size() + 1);
    replaced << "INSERT INTO " << delta << "(id) SELECT old_job.rowid FROM ";
    append_identifier(replaced, source);
    replaced << " AS old_job WHERE " << condition << " AND NOT EXISTS (SELECT 1 FROM " << delta
             << " WHERE id = old_job.rowid); ";
  }

  // Only what is kept matters, and what a job is known by.
  vtab::string kept = empty();
  vtab::string sql = empty();
  sql << "SELECT name, pk FROM pragma_table_xinfo(";
  append_quoted(sql, source);
  sql << ", ";
  append_quoted(sql, schema_);
  sql << ")";
  Statement names(self_, sql);
  while (names.step()) {
    if (!is_kept(names.text(0), names.integer(1) != 0)) continue;
    kept << (kept.empty() ? "" : ", ");
    append_identifier(kept, names.text(0));
  }

  const auto make = [&](std::string_view trigger, std::string_view when, std::string_view body) {
    run(empty() << "DROP TRIGGER IF EXISTS " << table(trigger));
    if (!body.empty())
      run(empty() << "CREATE TRIGGER " << table(trigger) << when << " BEGIN " << body << "END");
  };
  vtab::string inserted = empty();
  append_note(inserted, delta, "new.rowid");
  vtab::string deleted = empty();
  append_note(deleted, delta, "old.rowid");
  vtab::string when_moved = empty();
  when_moved << " AFTER UPDATE OF " << kept << on << " WHEN new.rowid <> old.rowid";
  make("inserting", empty() << " BEFORE INSERT" << on, replaced);
  make("inserted", empty() << " AFTER INSERT" << on, inserted);
  make("updating",
       empty() << " BEFORE UPDATE OF "
               << (unique_columns.empty() ? std::string_view() : std::string_view(unique_columns).substr(2))
               << on,
       replaced);
  make("updated", empty() << " AFTER UPDATE OF " << kept << on, deleted);
  make("moved", when_moved, inserted);
  make("deleted", empty() << " AFTER DELETE" << on, deleted);
  set_config("unique", unique);
  set_config("kept", kept_columns(source));
}

std::optional<vtab::string> Store::config(std::string_view key) {
  Statement read(self_, empty() << "SELECT value FROM " << table("config") << " WHERE key = ?1");
  read.bind(1, key);
  if (!read.step()) return std::nullopt;
  return vtab::string(read.text(0), vtab::Allocator<char>(self_.api()));
}

void Store::set_config(std::string_view key, std::string_view value) {
  Statement write(self_, empty() << "REPLACE INTO " << table("config") << " VALUES (?1, ?2)");
  write.bind(1, key);
  write.bind(2, value);
  write.run();
}

Options Store::options() {
  const auto version = config("version");
  if (!version || std::string_view(*version) != std::to_string(kVersion)) {
    throw vtab::error("job_columns: \"" + std::string(name_) + "\" has format version " +
                      std::string(version ? std::string_view(*version) : "none") +
                      ", and this warden knows " + std::to_string(kVersion));
  }
  Options made{empty(), empty()};
  if (auto source = config("source")) made.source = *source;
  if (auto metrics = config("metrics")) made.metrics = *metrics;
  if (auto jobs = config("segment_jobs")) {
    made.segment_jobs = 0;
    for (const char c : *jobs)
      if (c >= '0' && c <= '9' && made.segment_jobs < 1'000'000)
        made.segment_jobs = made.segment_jobs * 10 + (c - '0');
  }
  if (auto fields = config("fields")) {
    for (const char c : *fields)
      if (c >= '0' && c <= '9') made.fields = made.fields * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (made.segment_jobs < 1024 || made.segment_jobs > 65'536)
    throw vtab::error("job_columns: \"" + std::string(name_) + "\" has segments of no possible size");
  return made;
}

std::string Store::trouble(const Options& options) {
  // The source may have been renamed: SQLite renames it in the triggers.
  vtab::string sql = empty();
  sql << "SELECT count(*) FROM ";
  append_identifier(sql, schema_);
  sql << (schema_ == "temp" ? ".sqlite_temp_master" : ".sqlite_master")
      << " WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE AND name IN (";
  for (const std::string_view trigger : {"inserted", "updated", "moved", "deleted"}) {
    vtab::string whole = empty();
    whole << name_ << "_" << trigger;
    if (trigger != "inserted") sql << ", ";
    append_quoted(sql, whole);
  }
  sql << ")";
  Statement count(self_, sql);
  count.bind(1, options.source);
  count.step();
  if (count.integer(0) != 4) return "its triggers are not on the source; 'rebuild' makes them anew";
  const auto known = config("unique");
  if (!known || *known != uniqueness(options.source, nullptr, nullptr))
    return "the source has other unique indexes than its triggers know; 'rebuild' makes them anew";
  const auto kept = config("kept");
  if (!kept || *kept != kept_columns(options.source))
    return "the source's columns have other names or places than they had; 'rebuild' makes it anew";
  return {};
}

}  // namespace warden::columns
