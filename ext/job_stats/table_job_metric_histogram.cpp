// job_metric_histogram(filter, metrics, bins): how many jobs reached which part of a metric's peak.
//
//   SELECT metric, label, jobs FROM job_metric_histogram(NULL, '[{"metric":"mem_bw_avg","peak":350},"cpu_load_avg"]', 7);
//
// metrics: JSON, an array of keys of the footprint, each as a string or as {"metric", "peak"}; all of them take one pass.
// bins: 1 to 1000, of equal width from 0 to the peak; default 10. from_value <= value < to_value, in the last bin also
// value = peak. Without a peak it is the smallest power of two above all values.
//
// After the bins comes a row with the jobs above the peak; before them one, bin 0, where values lie a bin or more below 0
// (less than that is counted in the first bin), or without a peak below 0 at all.
// Not in SELECT *: without_value, the jobs of the filter that have no number for the metric, and bad_footprints, those of
// them whose footprint is not JSON: the jobs of a metric and its without_value add up to all jobs of the filter.
//
// With parity = 1: as ClusterCockpit counts, without the rows beyond the bins, edges from whole numbers.
#include "bins.hpp"
#include "call.hpp"
#include "job_tables.hpp"
#include "metric_list.hpp"
#include "vtab.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFunction = "job_metric_histogram";

struct MetricRow : Bin {
  vtab::string metric;
  std::int64_t without_value;
  std::int64_t bad_footprints;
};

struct JobMetricHistogram : ext::OwnTable {
  using row = MetricRow;
  using columns =
      vtab::columns<vtab::col<"metric", &MetricRow::metric>, vtab::col<"bin", &MetricRow::bin>,
                    vtab::col<"from_value", &MetricRow::from>, vtab::col<"to_value", &MetricRow::to>,
                    vtab::col<"label", &MetricRow::label>, vtab::col<"jobs", &MetricRow::jobs>,
                    vtab::arg<"filter", std::string_view>,
                    vtab::arg<"metrics", std::string_view, vtab::need::required>,
                    vtab::arg<"bins", std::int64_t>, vtab::arg<"source", std::string_view>,
                    vtab::arg<"now", std::int64_t>, vtab::arg<"short_seconds", std::int64_t>,
                    vtab::arg<"parity", std::int64_t>, vtab::arg<"engine", std::string_view>,
                    vtab::no_more_args, vtab::unlisted_col<"without_value", &MetricRow::without_value>,
                    vtab::unlisted_col<"bad_footprints", &MetricRow::bad_footprints>>;
  static constexpr const char* name = "job_metric_histogram";
  static constexpr auto risk = kRisk;
  static constexpr bool rewinds = true;
  static constexpr double scan_cost = kPassCost;
  using OwnTable::OwnTable;

  vtab::vector<MetricRow> scan(const vtab::query<row, columns>& q) const {
    const Call call(self, kFunction, Arguments::of(q), true);
    const MetricList wanted(self, kFunction, std::string_view(*q.argument<"metrics">()), call.options.parity);
    const std::int64_t bins = metric_bins(kFunction, "bins", q.argument<"bins">());
    vtab::vector<MetricRow> rows{vtab::Allocator<MetricRow>(self.api())};
    if (wanted.metrics().empty()) return rows;
    Pass pass(self, kFunction, call.options);
    pass.want_metrics(wanted.metrics(), bins);
    pass.run(call.source, call.filter);
    for (std::size_t i = 0; i < wanted.metrics().size(); ++i) {
      const MetricHistogram& histogram = pass.metrics()[i];
      Bins bins_of_one{vtab::Allocator<Bin>(self.api())};
      append_bins(bins_of_one, histogram, call.options.parity);
      for (Bin& bin : bins_of_one) {
        rows.push_back({std::move(bin),
                        vtab::string(wanted.metrics()[i].key, vtab::Allocator<char>(self.api())),
                        histogram.without_value(), pass.bad_footprints()});
      }
    }
    return rows;
  }
};

}  // namespace

int install_job_metric_histogram(ext::SqliteConnection& connection) noexcept {
  return vtab::install_on<JobMetricHistogram>(connection.db(), connection);
}

}  // namespace warden::jobs
