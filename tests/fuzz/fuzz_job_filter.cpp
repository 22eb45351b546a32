// Job filters: what a filter counts, by rows and by columns, what it lists and what it says as SQL are the same jobs, or the same
// refusal.
//
// The first line of the input becomes one job's footprint, so that the scanner of footprints is judged against SQLite's own
// JSON functions; the rest is the filter.
#include "linked_host.hpp"

using namespace warden;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::LinkedHost host(true);
  fuzz::Bytes input(data, size);
  host.ask("UPDATE job SET footprint = ?1 WHERE id = 2", input.line());
  const std::string_view filter = input.rest();
  const fuzz::Answer count = host.ask("SELECT job_count(?1, 'job', 10000, 0, 'rows')", filter);
  const fuzz::Answer changed = host.ask("SELECT job_count(?1, 'job', 10000)", filter);
  const fuzz::Answer refreshed = host.ask("INSERT INTO job_index(job_index) VALUES ('refresh')");
  const fuzz::Answer columns = host.ask("SELECT job_count(?1, 'job', 10000)", filter);
  const fuzz::Answer list = host.ask("SELECT count(*) FROM jobs WHERE filter = ?1 AND now = 10000", filter);
  const fuzz::Answer sql = host.ask("SELECT job_filter_sql(?1, 'job', 10000)", filter);
  require(count.refused() == list.refused() && count.refused() == sql.refused(),
          "all refuse a filter, or none", count.all(), list.all() + " / " + sql.all());
  require(!refreshed.refused(), "changed jobs become columns", refreshed.all());
  require(changed.all() == count.all() && columns.all() == count.all(), "columns say what rows say",
          count.all(), changed.all() + " / " + columns.all());
  if (count.refused()) return 0;
  require(count.rows == list.rows, "as many jobs are counted as listed", count.all(), list.all());
  fuzz::Answer plain = host.ask("SELECT count(*) FROM job WHERE " + sql.value());
  if (fuzz::planted() && sql.value().find(" OR ") != std::string::npos) plain.rows.clear();
  require(!plain.refused() && plain.rows == count.rows, "the filter's SQL means the same jobs", count.all(),
          plain.all() + " by " + sql.value());
  return 0;
}
