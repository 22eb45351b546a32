// The table or view that holds the jobs, and by which way its rows are read.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "filter.hpp"

namespace warden::jobs {

/// Named as "job", "main.job", "\"odd name\"". One thread.
class Source {
 public:
  /// Throws vtab::error where that is no name. `function` names the caller in errors.
  Source(ext::SqliteConnection& self, std::string_view function, std::optional<std::string_view> name);

  /// "\"main\"." or nothing: before the names of tables beside it.
  std::string_view schema() const noexcept { return schema_; }
  /// As they were given; the schema may be empty.
  std::string_view schema_name() const noexcept { return schema_name_; }
  std::string_view table_name() const noexcept { return table_name_; }
  struct Select {
    std::string_view selected;
    std::span<const std::string_view> columns;  // of job that `selected` and `conditions` read
    std::string_view conditions;                // beside the filter's
    std::string_view tail;                      // ORDER BY and so on
  };
  /// A statement whose order does not matter: the way to read the rows is chosen with care. By itself SQLite takes an index
  /// for a filter that half of the table meets, and then fetches row after row through it.
  Statement scan(const Filter& filter, const Select& what) const;
  /// A statement as SQLite plans it.
  Statement select(const Filter& filter, const Select& what) const;

 private:
  bool has_rowids() const;
  vtab::string compose(const Filter& filter, const Select& what, std::string_view way) const;
  vtab::string way(const Filter& filter, std::span<const std::string_view> columns) const;
  bool fetches_through_index(std::string_view sql) const;
  double share_of_rows(const Filter& filter) const;
  vtab::string covering_index(const Filter& filter, std::span<const std::string_view> columns) const;
  [[noreturn]] void throw_without(std::string_view column) const;
  [[noreturn]] void explain(int rc, const Filter& filter, std::span<const std::string_view> columns) const;
  vtab::string empty() const { return vtab::string(vtab::Allocator<char>(self_.api())); }

  ext::SqliteConnection& self_;
  std::string_view function_;
  vtab::string given_;  // as the caller wrote it
  vtab::string schema_name_;
  vtab::string table_name_;
  vtab::string schema_;  // quoted, with a dot
  vtab::string sql_;     // quoted
};

}  // namespace warden::jobs
