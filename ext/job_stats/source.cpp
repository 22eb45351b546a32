#include "source.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace warden::jobs {
namespace {

/// From this share of the table on, reading an index that has all columns is faster than fetching rows through another.
constexpr double kCoveringShare = 0.05;
/// And from this share on, reading the table from its beginning to its end is: tests/bench, job_plans.
constexpr double kScanShare = 0.2;
/// No name is longer. SQLite keeps an error's text, and in that the name, with the connection.
constexpr std::size_t kLongestName = 1000;
/// Rows looked at for an estimate.
constexpr std::uint64_t kSamples = 128;
/// So few of them tell nothing: SQLite's own plan stands.
constexpr std::size_t kFewSamples = 4;

/// Takes a name off the front: "in quotes", `so`, [or so], or up to a dot. False where there is none.
bool take_name(std::string_view& text, vtab::string& name) {
  if (text.empty()) return false;
  const char first = text.front();
  if (first != '"' && first != '`' && first != '[') {
    const auto dot = text.find('.');
    name.append(text.substr(0, dot));
    text.remove_prefix(std::min(dot, text.size()));
    return !name.empty();
  }
  const char quote = first == '[' ? ']' : first;
  text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == quote) {
      if (quote == ']' || text.empty() || text.front() != quote) return !name.empty();
      text.remove_prefix(1);
    }
    name += c;
  }
  return false;
}

}  // namespace

Source::Source(ext::SqliteConnection& self, std::string_view function, std::optional<std::string_view> name)
    : self_(self),
      function_(function),
      given_(name.value_or("job"), vtab::Allocator<char>(self.api())),
      schema_name_(empty()),
      table_name_(empty()),
      schema_(empty()),
      sql_(empty()) {
  std::string_view rest = given_;
  bool is_name = take_name(rest, table_name_) && rest.find('\0') == std::string_view::npos;
  if (is_name && rest.starts_with('.')) {
    rest.remove_prefix(1);
    schema_name_.swap(table_name_);
    is_name = take_name(rest, table_name_);
  }
  if (!is_name || !rest.empty() || given_.size() > kLongestName || given_.find('\0') != vtab::string::npos) {
    throw vtab::error(std::string(function) +
                      ": source must name a table or view, such as 'job' or 'main.job', not \"" +
                      std::string(std::string_view(given_).substr(0, 64)) + "\"");
  }
  if (!schema_name_.empty()) {
    append_identifier(schema_, schema_name_);
    schema_ += '.';
  }
  sql_ << schema_;
  append_identifier(sql_, table_name_);
}

vtab::string Source::compose(const Filter& filter, const Select& what, std::string_view way) const {
  vtab::string sql = empty();
  sql << "SELECT " << what.selected << " FROM " << sql_ << " AS job" << way << filter.joins();
  std::string_view before = " WHERE ";
  for (const std::string_view conditions : {filter.column_conditions(), what.conditions}) {
    if (conditions.empty()) continue;
    sql << before << conditions;
    before = " AND ";
  }
  return sql << what.tail;
}

Statement Source::select(const Filter& filter, const Select& what) const {
  self_.own_install_internal();
  for (const std::string_view column : what.columns) {
    if (column.size() > kLongestName) throw_without(column);
  }
  Statement made;
  const int rc = Statement::attempt(self_, compose(filter, what, ""), &made);
  if (rc != SQLITE_OK) explain(rc, filter, what.columns);
  return made;
}

Statement Source::scan(const Filter& filter, const Select& what) const {
  Statement plain = select(filter, what);
  // Without conditions there is nothing to fetch rows for: SQLite reads the table, or an index that has all columns.
  if (filter.column_conditions().empty()) return plain;
  if (fetches_through_index(compose(filter, what, "")) && has_rowids()) {
    const vtab::string chosen = way(filter, what.columns);
    // Where SQLite can't go that way, the plain one stays.
    if (!chosen.empty()) Statement::if_there(self_, compose(filter, what, chosen), plain);
  }
  return plain;
}

bool Source::has_rowids() const {
  // A column may be called rowid and be none: then it is no key, or no INTEGER.
  const char* type = nullptr;
  int is_key = 0;
  const int rc = self_.api()->table_column_metadata(
      self_.db(), schema_name_.empty() ? nullptr : schema_name_.c_str(), table_name_.c_str(), "rowid", &type,
      nullptr, nullptr, &is_key, nullptr);
  return rc == SQLITE_OK && is_key != 0 && type != nullptr && self_.api()->stricmp(type, "INTEGER") == 0;
}

bool Source::fetches_through_index(std::string_view sql) const {
  vtab::string text = empty();
  Statement plan(self_, text << "EXPLAIN QUERY PLAN " << sql);
  while (plan.step()) {
    const std::string_view detail = plan.text(3);
    if (detail.find(" USING INDEX ") != std::string_view::npos &&
        detail.find("jobtag") == std::string_view::npos) {
      return true;
    }
  }
  return false;
}

vtab::string Source::way(const Filter& filter, std::span<const std::string_view> columns) const {
  vtab::string words = empty();
  if (!filter.joins().empty()) return words;
  const double share = share_of_rows(filter);
  if (share < kCoveringShare) return words;
  vtab::string index = empty();
  try {
    index = covering_index(filter, columns);
  } catch (const vtab::error& e) {
    // A host that forbids PRAGMA, also inside pragma_index_list: then no index is known to have all columns.
    if ((e.code() & 0xff) != SQLITE_AUTH) throw;
  }
  if (!index.empty()) {
    words << " INDEXED BY ";
    append_identifier(words, index);
  } else if (share >= kScanShare) {
    words << " NOT INDEXED";
  }
  return words;
}

double Source::share_of_rows(const Filter& filter) const {
  vtab::string sql = empty();
  sql << "SELECT (SELECT min(rowid) FROM " << sql_ << "), (SELECT max(rowid) FROM " << sql_ << ")";
  Statement ends;
  if (!Statement::if_there(self_, sql, ends)) return 0;  // a table without rowids
  if (!ends.step() || ends.type(0) != SQLITE_INTEGER || ends.type(1) != SQLITE_INTEGER) return 0;
  // Unsigned: rowids may be as far apart as integers can be.
  const std::uint64_t span =
      static_cast<std::uint64_t>(ends.integer(1)) - static_cast<std::uint64_t>(ends.integer(0));
  // One statement for all samples, so that a list of tagged jobs among the conditions is made once. Every fourth place comes
  // first: a filter that none of those meet is one for an index, and needs no more looking.
  const std::string samples = std::to_string(kSamples);
  const std::string quarter = std::to_string(kSamples / 4);
  sql.clear();
  sql << "WITH RECURSIVE warden_number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM warden_number WHERE i + 1 "
         "< "
      << samples << "), warden_sample(place) AS (SELECT i % " << quarter << " * 4 + i / " << quarter
      << " FROM warden_number)";
  std::string_view before = " SELECT (SELECT (";
  for (const std::string_view wanted : {filter.column_conditions(), std::string_view("job.rowid")}) {
    sql << before << wanted << ") FROM " << sql_
        << " AS job NOT INDEXED WHERE job.rowid >= ?1 + place * ?2 + place * ?3 / " << samples
        << " ORDER BY job.rowid LIMIT 1)";
    before = ", (SELECT (";
  }
  sql << " FROM warden_sample";
  Statement rows;
  if (!Statement::if_there(self_, sql, rows)) return 0;  // beyond a limit of the host, say
  rows.bind(1, ends.integer(0));
  rows.bind(2, static_cast<std::int64_t>(span / kSamples));
  rows.bind(3, static_cast<std::int64_t>(span % kSamples));
  // Each row counts once: where rowids lie far apart (one job imported with a huge one), many places have the same.
  std::array<std::int64_t, kSamples> seen{};
  std::size_t count = 0;
  std::int64_t met = 0;
  for (std::uint64_t i = 0; rows.step(); ++i) {
    if (i == kSamples / 4 && met == 0) return 0;
    const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
    if (rows.type(1) == SQLITE_NULL || std::find(seen.begin(), end, rows.integer(1)) != end) continue;
    seen[count++] = rows.integer(1);
    if (rows.integer(0) != 0) ++met;
  }
  return count < kFewSamples ? 0 : static_cast<double>(met) / static_cast<double>(count);
}

vtab::string Source::covering_index(const Filter& filter, std::span<const std::string_view> columns) const {
  vtab::string schema = empty();
  if (schema_name_.empty()) {
    schema << "NULL";
  } else {
    append_quoted(schema, schema_name_);
  }
  vtab::string table = empty();
  append_quoted(table, table_name_);
  vtab::string sql = empty();
  sql << "SELECT name FROM pragma_index_list(" << table;
  if (!schema_name_.empty()) sql << ", " << schema;
  sql << ") WHERE partial = 0";
  vtab::string best = empty();
  Statement indexes;
  if (!Statement::if_there(self_, sql, indexes)) return best;
  sql.clear();
  sql << "SELECT name FROM pragma_index_xinfo(?1";
  if (!schema_name_.empty()) sql << ", " << schema;
  sql << ") WHERE key";
  Statement keys;
  if (!Statement::if_there(self_, sql, keys)) return best;
  int best_rank = 0;
  while (indexes.step()) {
    const std::string_view name = indexes.text(0);
    keys.bind(1, name);
    std::size_t found = 0;
    vtab::vector<vtab::string> has{vtab::Allocator<vtab::string>(self_.api())};
    while (keys.step()) {
      has.emplace_back(keys.text(0), vtab::Allocator<char>(self_.api()));
    }
    keys.reset();
    const auto covers = [&](std::string_view column) {
      return column == "id" ||
             std::any_of(has.begin(), has.end(), [&](const auto& key) { return key == column; });
    };
    for (const std::string_view column : columns) found += covers(column) ? 1 : 0;
    for (const std::string_view column : filter.columns()) found += covers(column) ? 1 : 0;
    if (found < columns.size() + filter.columns().size() || has.empty()) continue;
    const bool leads = std::any_of(filter.equal_columns().begin(), filter.equal_columns().end(),
                                   [&](std::string_view column) { return has.front() == column; });
    // One that the filter can enter first, then the narrowest.
    const int rank = (leads ? 1000 : 0) + 100 - static_cast<int>(has.size());
    if (rank > best_rank) {
      best_rank = rank;
      best = name;
    }
  }
  return best;
}

void Source::throw_without(std::string_view column) const {
  throw vtab::error(std::string(function_) + ": source \"" + std::string(given_) + "\" has no column \"" +
                    std::string(column.substr(0, 64)) + "\"");
}

void Source::explain(int rc, const Filter& filter, std::span<const std::string_view> columns) const {
  const std::string before = std::string(function_) + ": ";
  if ((rc & 0xff) != SQLITE_ERROR) throw_last_error(self_, rc, before);
  const std::string what = self_.api()->errmsg(self_.db());
  vtab::string sql = empty();
  sql << "SELECT 1 FROM " << sql_ << " AS job";
  if (const int failed = Statement::attempt(self_, sql); failed != SQLITE_OK) {
    throw_last_error(self_, failed, before + "source \"" + std::string(given_) + "\": ");
  }
  const auto check = [&](std::string_view column) {
    sql.clear();
    sql << "SELECT job.";
    append_identifier(sql, column);
    sql << " FROM " << sql_ << " AS job";
    if (const int failed = Statement::attempt(self_, sql); failed != SQLITE_OK) {
      if ((failed & 0xff) != SQLITE_ERROR) throw_last_error(self_, failed, before);
      const bool missing =
          column.find('\0') != std::string_view::npos ||
          std::string_view(self_.api()->errmsg(self_.db())).starts_with("no such column: job.");
      if (!missing) throw_last_error(self_, failed, before + "source \"" + std::string(given_) + "\": ");
      throw_without(column);
    }
  };
  for (const std::string_view column : columns) check(column);
  for (const std::string_view column : filter.columns()) check(column);
  if (filter.reads_tags()) {
    sql.clear();
    sql << "SELECT job_id, tag_id FROM " << schema_ << "jobtag";
    if (const int failed = Statement::attempt(self_, sql); failed != SQLITE_OK)
      throw_last_error(self_, failed, before + "tags are in the table jobtag: ");
  }
  throw vtab::error(before + what, rc);
}

}  // namespace warden::jobs
