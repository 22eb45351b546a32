// What job filters mean and what statistics are, once more: written from the definitions, in other SQL than the extension's
// and over other tables, so that a mistake would have to be made twice to go unseen.
//
// Everything that JSON says of a job stands in columns of a table of its own, made once by SQLite's JSON functions; the rest
// is comparisons, sums and GROUP BY.
#pragma once

#include "../ext/host.hpp"
#include "job_filter.hpp"

namespace warden::test {

/// The footprint keys that are columns of the flat table.
const std::vector<std::string>& flat_metrics();
/// temp.flat, a row for each job: its columns, `seconds` (how long it ran, or has been running at `now`), job_name,
/// meta_is_json, resources_are_json, footprint_is_json, bad_footprint, and flat_metrics(). temp.flat_host(id, hostname): a
/// row for each element of resources.
void make_flat(const Db& db, std::int64_t now);

/// 'text', quotes doubled.
std::string sql_text(const std::string& text);
/// A number, read as JSON is: in a literal SQLite may get its last bit wrong.
std::string number_sql(const std::string& digits);

/// What is asked besides the filter.
struct Mode {
  bool parity = false;
  std::int64_t now = 0;
  std::int64_t short_seconds = 300;
};

struct Meaning {
  std::string where;  // over flat AS job; true for each job that the filter means
  std::string from;   // "flat AS job"; with parity joined with the tags, as upstream's statistics are
  bool has_metrics = false;
};
/// Nothing where the filter must be refused.
std::optional<Meaning> meaning_of(const JobFilters& filters, const Mode& mode);

/// Rows as Db::rows gives them, in the order in which they must come.
using Lines = std::vector<std::string>;

/// job_stats(filter, group_by): all columns. `column` is that of the group, or empty.
Lines expected_stats(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& column);
/// job_histogram(filter, 'duration', bins): bin, from_value, to_value, jobs.
Lines expected_durations(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& bins);
/// job_histogram(filter, ...) of num_nodes, num_hwthreads or num_acc: bin, from_value, to_value, jobs. Nothing where it must
/// fail.
std::optional<Lines> expected_numbers(const Db& db, const Meaning& meaning, const Mode& mode,
                                      const std::string& column);
/// job_metric_histogram of one metric: bin, from_value, to_value, jobs, without_value. `peak` in digits, or none.
Lines expected_metric(const Db& db, const Meaning& meaning, const Mode& mode, const std::string& metric,
                      const std::optional<std::string>& peak, int bins);

}  // namespace warden::test
