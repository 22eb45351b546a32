#include "integrity.hpp"

#include "sealer.hpp"
#include "segments.hpp"

namespace warden::columns {
namespace {

[[noreturn]] void damaged(const Store& store, const std::string& what) {
  throw vtab::error(
      "job_columns: \"" + std::string(store.name()) + "\": " + what + "; 'rebuild' makes it anew",
      SQLITE_CORRUPT_VTAB);
}

/// A job of a segment, as read back.
struct Columns {
  template <class Column, class Value>
  struct Block {
    std::optional<Column> column;
    std::array<Value, kBlock> values;
    std::array<std::uint8_t, kBlock> is_null;
    void read(std::size_t block) {
      if (column) column->values(block, values.data(), is_null.data());
    }
  };
  explicit Columns(const vtab::Api* api)
      : fields(kFields, Block<IntegerColumn, std::int64_t>{},
               vtab::Allocator<Block<IntegerColumn, std::int64_t>>(api)),
        metrics(vtab::Allocator<Block<RealColumn, double>>(api)) {}
  void read(std::size_t block) {
    for (auto& field : fields) field.read(block);
    for (auto& metric : metrics) metric.read(block);
  }
  vtab::vector<Block<IntegerColumn, std::int64_t>> fields;
  vtab::vector<Block<RealColumn, double>> metrics;
};

/// `place`: the row within the block that was read.
bool agrees(const Columns& columns, const SegmentWriter& job, std::size_t place) {
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto& column = columns.fields[i];
    if (!column.column) continue;
    const auto field = static_cast<Field>(i);
    const auto wanted = has_codes(field) ? std::optional(job.number(field).value_or(0)) : job.number(field);
    if (wanted.has_value() == (column.is_null[place] != 0) || (wanted && *wanted != column.values[place]))
      return false;
  }
  for (std::size_t i = 0; i < job.metrics(); ++i) {
    const auto wanted = job.metric(i);
    if (i >= columns.metrics.size() || !columns.metrics[i].column) {
      if (wanted) return false;
      continue;
    }
    const auto& column = columns.metrics[i];
    if (wanted.has_value() == (column.is_null[place] != 0) || (wanted && *wanted != column.values[place]))
      return false;
  }
  return true;
}

/// The jobs of segments and those of the source, side by side.
void compare_with_source(Store& store, const Options& options) {
  store.self().own_install_internal();
  SegmentWriter job(store, options);
  Statement rows(store.self(), store.empty() << "SELECT " << job.selected() << " FROM "
                                             << store.in_schema(options.source)
                                             << " AS job NOT INDEXED ORDER BY job.rowid");
  Statement elsewhere(store.self(), store.empty() << "SELECT 1 FROM " << store.table("delta")
                                                  << " WHERE id = ?1 UNION ALL SELECT 1 FROM "
                                                  << store.table("odd") << " WHERE id = ?1");
  const auto is_elsewhere = [&](std::int64_t id) {
    elsewhere.bind(1, id);
    const bool found = elsewhere.step();
    elsewhere.reset();
    return found;
  };
  // The next job that segments have to have.
  const auto next_job = [&] {
    while (rows.step()) {
      if (!is_elsewhere(rows.integer(0))) return true;
    }
    return false;
  };
  Progress progress(store.self());
  begin_progress(progress, store, store.in_schema(options.source), "rowid", "rowid");
  bool more = next_job();
  Segments segments(store);
  Columns columns(store.self().api());
  while (segments.next()) {
    columns.metrics.resize(job.metrics());
    for (std::size_t i = 0; i < kFields; ++i)
      if (options.has(static_cast<Field>(i)))
        columns.fields[i].column = segments.integers(static_cast<Field>(i));
    for (std::size_t i = 0; i < job.metrics(); ++i)
      columns.metrics[i].column = segments.reals(static_cast<std::int64_t>(kFirstMetric + i));
    for (std::size_t row = 0; row < segments.jobs(); ++row) {
      if (row % kBlock == 0) columns.read(row / kBlock);
      const std::int64_t id = columns.fields[0].values[row % kBlock];
      progress.at(id);
      if (more && rows.integer(0) < id)
        damaged(store, "job " + std::to_string(rows.integer(0)) + " is missing");
      if (!more || rows.integer(0) > id) {
        if (!is_elsewhere(id)) damaged(store, "job " + std::to_string(id) + " is not in the source");
        continue;
      }
      if (!job.read(id, rows) || !agrees(columns, job, row % kBlock))
        damaged(store, "job " + std::to_string(id) + " differs from the source");
      more = next_job();
    }
  }
  if (more) damaged(store, "job " + std::to_string(rows.integer(0)) + " is missing");
}

}  // namespace

void check_integrity(Store& store, const Options& options) {
  if (const std::string trouble = store.trouble(options); !trouble.empty()) damaged(store, trouble);
  // Each column for itself.
  {
    Segments segments(store);
    while (segments.next()) {
      for (std::size_t i = 0; i < kFields; ++i) {
        if (!options.has(static_cast<Field>(i))) continue;
        const IntegerColumn column = segments.integers(static_cast<Field>(i));
        checked(store, segments.id(), static_cast<std::int64_t>(i), [&] { return column.verify(), 0; });
      }
      for (std::int64_t i = kFirstMetric; i < static_cast<std::int64_t>(kFirstMetric + kMostMetrics); ++i) {
        if (const auto column = segments.reals(i))
          checked(store, segments.id(), i, [&] { return column->verify(), 0; });
      }
    }
  }
  compare_with_source(store, options);
}

}  // namespace warden::columns
