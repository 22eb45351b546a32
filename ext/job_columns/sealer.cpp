#include "sealer.hpp"

namespace warden::columns {
namespace {

Statement prepared(Store& store, vtab::string sql) { return Statement(store.self(), sql); }

}  // namespace

void begin_progress(Progress& progress, Store& store, std::string_view table, std::string_view first,
                    std::string_view last) {
  Statement ends = prepared(store, store.empty() << "SELECT (SELECT min(" << first << ") FROM " << table
                                                 << "), (SELECT max(" << last << ") FROM " << table << ")");
  if (ends.step() && ends.type(0) == SQLITE_INTEGER) progress.begin(ends.integer(0), ends.integer(1));
}

Sealer::Sealer(Store& store) : store_(store), options_(store.options()), progress_(store.self()) {
  Statement last = prepared(store, store.empty() << "SELECT max(id) FROM " << store.table("segment"));
  last.step();
  next_segment_ = last.integer(0) + 1;
}

void Sealer::rebuild() {
  store_.make_triggers(options_.source);
  store_.run(store_.empty() << "DELETE FROM " << store_.table("value"));
  store_.run(store_.empty() << "DELETE FROM " << store_.table("segment"));
  store_.run(store_.empty() << "DELETE FROM " << store_.table("column"));
  store_.set_config("fields", std::to_string(store_.fields_of(options_.source)));
  options_ = store_.options();
  next_segment_ = 1;
  begin_progress(progress_, store_, store_.in_schema(options_.source), "rowid", "rowid");
  seal({});
}

Range Sealer::domain_of(std::int64_t id) {
  Range domain;
  std::int64_t first = 0;
  {
    Statement below =
        prepared(store_, store_.empty() << "SELECT first, jobs, last FROM " << store_.table("segment")
                                        << " WHERE first <= ?1 ORDER BY first DESC LIMIT 1");
    below.bind(1, id);
    if (below.step()) {
      domain.first = first = below.integer(0);
      // Behind one that is full, and the last: it stays as it is.
      if (below.integer(1) >= options_.segment_jobs && id > below.integer(2))
        domain.first = below.integer(2) + 1;
    } else {
      // Before all: with the first of them.
      Statement least =
          prepared(store_, store_.empty() << "SELECT min(first) FROM " << store_.table("segment"));
      least.step();
      if (least.type(0) == SQLITE_NULL) return domain;
      first = least.integer(0);
    }
  }
  Statement above = prepared(
      store_, store_.empty() << "SELECT min(first) FROM " << store_.table("segment") << " WHERE first > ?1");
  above.bind(1, first);
  above.step();
  if (above.type(0) != SQLITE_NULL) domain.last = above.integer(0) - 1;
  return domain;
}

std::optional<std::int64_t> Sealer::smallest_changed(std::int64_t from) {
  Statement least = prepared(
      store_, store_.empty() << "SELECT min(id) FROM " << store_.table("delta") << " WHERE id >= ?1");
  least.bind(1, from);
  least.step();
  if (least.type(0) == SQLITE_NULL) return std::nullopt;
  return least.integer(0);
}

std::int64_t Sealer::metrics() {
  Statement known = prepared(store_, store_.empty() << "SELECT max(code) FROM " << store_.table("value")
                                                    << " WHERE \"column\" = " << kNamesOfMetrics);
  known.step();
  return known.integer(0);
}

void Sealer::declare_new(std::int64_t metrics_before) {
  // Triggers that are made anew change the schema, and with it the virtual table is declared anew.
  if (metrics() != metrics_before) store_.make_triggers(options_.source);
}

bool Sealer::refresh(std::size_t most_segments) {
  // Else changes that nobody has noted would be taken for none.
  if (const std::string trouble = store_.trouble(options_); !trouble.empty())
    throw vtab::error("job_columns: \"" + std::string(store_.name()) + "\": " + trouble);
  const std::int64_t metrics_before = metrics();
  begin_progress(progress_, store_, store_.table("delta"), "id", "id");
  const bool is_all = take_in(most_segments);
  declare_new(metrics_before);
  return is_all;
}

bool Sealer::take_in(std::size_t most_segments) {
  std::int64_t from = INT64_MIN;
  for (std::size_t i = 0; i < most_segments; ++i) {
    const auto changed = smallest_changed(from);
    if (!changed) return true;
    const Range domain = domain_of(*changed);
    seal(domain);
    if (domain.last == INT64_MAX) return true;
    from = domain.last + 1;
  }
  return !smallest_changed(INT64_MIN);
}

void Sealer::optimize() {
  refresh(SIZE_MAX);
  begin_progress(progress_, store_, store_.table("segment"), "first", "last");
  // Runs of segments that have room for each other.
  std::int64_t from = INT64_MIN;
  for (;;) {
    Statement next = prepared(store_, store_.empty() << "SELECT first, jobs FROM " << store_.table("segment")
                                                     << " WHERE first >= ?1 ORDER BY first");
    next.bind(1, from);
    Range run;
    std::int64_t jobs = 0;
    int segments = 0;
    bool more = false;
    while ((more = next.step())) {
      if (segments > 0 && jobs + next.integer(1) > options_.segment_jobs) break;
      if (segments++ == 0) run.first = next.integer(0);
      jobs += next.integer(1);
    }
    if (segments == 0) return;
    if (more) run.last = next.integer(0) - 1;
    next = Statement();
    if (segments > 1) seal(run);
    if (!more) return;
    from = run.last + 1;
  }
}

void Sealer::seal(Range range) {
  const auto in_range = [&](std::string_view what, std::string_view column) {
    Statement forget = prepared(store_, store_.empty() << "DELETE FROM " << store_.table(what) << " WHERE "
                                                       << column << " BETWEEN ?1 AND ?2");
    forget.bind(1, range.first);
    forget.bind(2, range.last);
    forget.run();
  };
  Statement columns = prepared(store_, store_.empty() << "DELETE FROM " << store_.table("column")
                                                      << " WHERE id >= ?1 * 4096 AND id < (?1 + 1) * 4096");
  {
    Statement old = prepared(store_, store_.empty() << "SELECT id FROM " << store_.table("segment")
                                                    << " WHERE first BETWEEN ?1 AND ?2");
    old.bind(1, range.first);
    old.bind(2, range.last);
    while (old.step()) {
      columns.bind(1, old.integer(0));
      columns.run();
    }
  }
  in_range("segment", "first");
  in_range("delta", "id");
  in_range("odd", "id");

  store_.self().own_install_internal();
  SegmentWriter writer(store_, options_);
  Statement rows = prepared(store_, store_.empty() << "SELECT " << writer.selected() << " FROM "
                                                   << store_.in_schema(options_.source)
                                                   << " AS job NOT INDEXED WHERE job.rowid BETWEEN ?1 AND ?2 "
                                                      "ORDER BY job.rowid");
  rows.bind(1, range.first);
  rows.bind(2, range.last);
  Statement odd = prepared(store_, store_.empty() << "INSERT INTO " << store_.table("odd") << " VALUES (?1)");
  while (rows.step()) {
    const std::int64_t id = rows.integer(0);
    progress_.at(id);
    if (!writer.read(id, rows)) {
      odd.bind(1, id);
      odd.run();
      continue;
    }
    writer.add();
    if (writer.jobs() == static_cast<std::size_t>(options_.segment_jobs)) store_segment(writer);
  }
  if (writer.jobs() > 0) store_segment(writer);
  writer.store_new();
}

void Sealer::store_segment(SegmentWriter& writer) {
  const std::int64_t id = next_segment_++;
  const std::int64_t first = writer.first();
  const std::int64_t last = writer.last();
  const auto jobs = static_cast<std::int64_t>(writer.jobs());
  vtab::vector<std::byte> zones{vtab::Allocator<std::byte>(store_.self().api())};
  const auto columns = writer.finish(zones);
  Statement segment = prepared(
      store_, store_.empty() << "INSERT INTO " << store_.table("segment") << " VALUES (?1, ?2, ?3, ?4, ?5)");
  segment.bind(1, id);
  segment.bind(2, first);
  segment.bind(3, last);
  segment.bind(4, jobs);
  segment.bind_blob(5, zones);
  segment.run();
  Statement data =
      prepared(store_, store_.empty() << "INSERT INTO " << store_.table("column") << " VALUES (?1, ?2)");
  for (const WrittenColumn& column : columns) {
    data.bind(1, id * kColumnsOfSegment + column.number);
    data.bind_blob(2, column.data);
    data.run();
  }
  writer.store_new();
}

}  // namespace warden::columns
