// The shadow tables of a job_columns table, and the triggers on its source.
//
// With CREATE VIRTUAL TABLE job_index USING job_columns(source=job) these come into being in the schema of job_index:
//
//   job_index_config   key, value          the options, and what the triggers were made for
//   job_index_segment  id, first, last, jobs, zones: a segment has the jobs from rowid `first` to `last`; first rises with id
//   job_index_column   id, data            the columns of the segments (FORMAT.md); id is segment * 4096 + column
//   job_index_value    column, code, value the texts of dictionaries; as column 4095 the names of metrics
//   job_index_odd      id                  jobs that no segment can have (layout.hpp)
//   job_index_delta    id                  jobs that have changed since
//
// Triggers note the rowid of each job that is written in job_index_delta, in the same transaction. They are plain SQL:
// a process without warden can write jobs too. That is why job_index_delta is no shadow table in SQLite's sense, and
// may be written in SQLITE_DBCONFIG_DEFENSIVE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "layout.hpp"
#include "sql_builder.hpp"
#include "statement.hpp"

namespace warden::columns {

using jobs::Statement;
using jobs::operator<<;

inline constexpr std::int64_t kColumnsOfSegment = 4096;
inline constexpr std::int64_t kNamesOfMetrics = kColumnsOfSegment - 1;
/// As it stands in job_index_config.
inline constexpr std::int64_t kVersion = 1;
/// What SQLite is told to be a shadow table, by the end of its name.
inline constexpr std::array<std::string_view, 5> kShadows{"config", "segment", "column", "value", "odd"};

struct Options {
  vtab::string source;
  vtab::string metrics;  // a JSON array of names; empty for all there are
  std::int64_t segment_jobs = 65'536;
  std::uint32_t fields = 0;  // bit n is set where the source has field n as it has to be

  bool has(Field field) const noexcept { return (fields >> static_cast<unsigned>(field) & 1) != 0; }
};

/// The tables of one job_columns table. Throws vtab::error, std::bad_alloc. The connection's own thread only.
class Store {
 public:
  Store(ext::SqliteConnection& self, std::string_view schema, std::string_view name);

  /// Makes the shadow tables and the triggers. Throws where the source can't be indexed, and says why.
  void create(const Options& options);
  /// Removes the shadow tables and the triggers.
  void drop();
  void rename(std::string_view name);
  /// Makes the triggers anew, and notes what they were made for.
  void make_triggers(std::string_view source);
  /// Which fields the source has as they have to be: a bit each.
  std::uint32_t fields_of(std::string_view source) const;
  /// The options as they are stored.
  Options options();
  /// What is stored under a key; empty where there is nothing.
  std::optional<vtab::string> config(std::string_view key);
  void set_config(std::string_view key, std::string_view value);

  /// Why the columns can't be trusted: the triggers are gone, or don't see what they have to. Empty where all is well.
  std::string trouble(const Options& options);

  ext::SqliteConnection& self() const noexcept { return self_; }
  std::string_view name() const noexcept { return name_; }
  /// "schema"."name_<suffix>"
  vtab::string table(std::string_view suffix) const;
  /// "schema"."table"
  vtab::string in_schema(std::string_view table) const;
  std::string_view schema() const noexcept { return schema_; }
  vtab::string empty() const { return vtab::string(vtab::Allocator<char>(self_.api())); }
  void run(std::string_view sql) const { Statement(self_, sql).run(); }

 private:
  vtab::string unqualified(std::string_view suffix) const;
  /// The columns of the source that matter, as text: their places, names and types.
  vtab::string kept_columns(std::string_view source);
  /// The unique indexes of the source, as text: the triggers must look for each.
  vtab::string uniqueness(std::string_view source, vtab::string* conditions, vtab::string* columns);

  ext::SqliteConnection& self_;
  vtab::string schema_;
  vtab::string name_;
};

}  // namespace warden::columns
