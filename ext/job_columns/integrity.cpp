#include "integrity.hpp"

#include "sealer.hpp"
#include "segments.hpp"

namespace warden::columns {
namespace {

[[noreturn]] void damaged(const Store& store, const std::string& what) {
  throw vtab::error("job_columns: \"" + std::string(store.name()) + "\": " + what + "; 'rebuild' makes it anew",
                    SQLITE_CORRUPT_VTAB);
}

/// A job of a segment, as read back.
struct Columns {
  std::array<std::optional<IntegerColumn>, kFields> fields;
  vtab::vector<std::optional<RealColumn>> metrics;
};

bool agrees(const Columns& columns, const SegmentWriter& job, std::size_t row) {
  std::array<std::int64_t, kBlock> numbers;
  std::array<double, kBlock> reals;
  std::array<std::uint8_t, kBlock> is_null;
  const std::size_t block = row / kBlock;
  const std::size_t place = row % kBlock;
  for (std::size_t i = 0; i < kFields; ++i) {
    if (!columns.fields[i]) continue;
    const auto field = static_cast<Field>(i);
    columns.fields[i]->values(block, numbers.data(), is_null.data());
    const auto wanted = has_codes(field) ? std::optional(job.number(field).value_or(0)) : job.number(field);
    if (wanted.has_value() == (is_null[place] != 0) || (wanted && *wanted != numbers[place])) return false;
  }
  for (std::size_t i = 0; i < job.metrics(); ++i) {
    const auto wanted = job.metric(i);
    if (i >= columns.metrics.size() || !columns.metrics[i]) {
      if (wanted) return false;
      continue;
    }
    columns.metrics[i]->values(block, reals.data(), is_null.data());
    if (wanted.has_value() == (is_null[place] != 0) || (wanted && *wanted != reals[place])) return false;
  }
  return true;
}

/// The jobs of segments and those of the source, side by side.
void compare_with_source(Store& store, const Options& options) {
  store.self().own_install_internal();
  SegmentWriter job(store, options);
  Statement rows(store.self(), store.empty() << "SELECT " << job.selected() << " FROM " << store.in_schema(options.source)
                                             << " AS job NOT INDEXED ORDER BY job.rowid");
  Statement elsewhere(store.self(), store.empty() << "SELECT 1 FROM " << store.table("delta")
                                                  << " WHERE id = ?1 UNION ALL SELECT 1 FROM " << store.table("odd")
                                                  << " WHERE id = ?1");
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
  bool more = next_job();
  Segments segments(store);
  std::array<std::int64_t, kBlock> ids;
  while (segments.next()) {
    Columns columns{{}, vtab::vector<std::optional<RealColumn>>(
                            vtab::Allocator<std::optional<RealColumn>>(store.self().api()))};
    for (std::size_t i = 0; i < kFields; ++i)
      if (options.has(static_cast<Field>(i))) columns.fields[i] = segments.integers(static_cast<Field>(i));
    for (std::size_t i = 0; i < job.metrics(); ++i)
      columns.metrics.push_back(segments.reals(static_cast<std::int64_t>(kFirstMetric + i)));
    for (std::size_t row = 0; row < segments.jobs(); ++row) {
      if (row % kBlock == 0) columns.fields[0]->values(row / kBlock, ids.data());
      const std::int64_t id = ids[row % kBlock];
      if (more && rows.integer(0) < id) damaged(store, "job " + std::to_string(rows.integer(0)) + " is missing");
      if (!more || rows.integer(0) > id) {
        if (!is_elsewhere(id)) damaged(store, "job " + std::to_string(id) + " is not in the source");
        continue;
      }
      if (!job.read(id, rows) || !agrees(columns, job, row))
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
