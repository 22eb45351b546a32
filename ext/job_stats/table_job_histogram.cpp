// job_histogram(filter, dimension, bins): how many jobs there are of each duration, or number of nodes, cores, accelerators.
//
//   SELECT label, jobs FROM job_histogram(NULL, 'duration', '6h') WHERE jobs > 0;
//   SELECT from_value AS nodes, jobs FROM job_histogram('{"state":["running"]}', 'num_nodes');
//
// dimension: duration, num_nodes, num_cores, num_accs. bins, of durations only: 1m (60 of them), 10m (72), 1h (48, the
// default), 6h (12), 12h (14), 24h (24). Bin b of durations has from_value <= seconds < to_value; the last row is the
// jobs beyond all bins, and a first one, bin 0, appears where a job has yet to begin. The others have a row for each
// number that occurs, and one with bin NULL for jobs whose number is NULL.
//
// With parity = 1: as ClusterCockpit counts, without the rows beyond the bins; 24h and every unknown word are 24 bins of
// one hour, and a number that is NULL is an error.
//
// bad_footprints, not in SELECT *: jobs that metricStats could not judge because their footprint is not JSON.
#include "bins.hpp"
#include "call.hpp"
#include "job_tables.hpp"
#include "vtab.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFunction = "job_histogram";

struct HistogramRow : Bin {
  std::int64_t bad_footprints = 0;
};

struct JobHistogram : ext::OwnTable {
  using row = HistogramRow;
  using columns =
      vtab::columns<vtab::col<"bin", &HistogramRow::bin>, vtab::col<"from_value", &HistogramRow::from>,
                    vtab::col<"to_value", &HistogramRow::to>, vtab::col<"label", &HistogramRow::label>,
                    vtab::col<"jobs", &HistogramRow::jobs>, vtab::arg<"filter", std::string_view>,
                    vtab::arg<"dimension", std::string_view, vtab::need::required>,
                    vtab::arg<"bins", std::string_view>, vtab::arg<"source", std::string_view>,
                    vtab::arg<"now", std::int64_t>, vtab::arg<"short_seconds", std::int64_t>,
                    vtab::arg<"parity", std::int64_t>, vtab::arg<"engine", std::string_view>,
                    vtab::no_more_args, vtab::unlisted_col<"bad_footprints", &HistogramRow::bad_footprints>>;
  static constexpr const char* name = "job_histogram";
  static constexpr auto risk = kRisk;
  static constexpr bool rewinds = true;
  static constexpr double scan_cost = kPassCost;
  using OwnTable::OwnTable;

  vtab::vector<HistogramRow> scan(const vtab::query<row, columns>& q) const {
    const Call call(self, kFunction, Arguments::of(q), true);
    const bool parity = call.options.parity;
    const std::string_view dimension = *q.argument<"dimension">();
    InterruptCheck interrupted(self);
    Pass pass(self, kFunction, call.options);
    Bins bins{vtab::Allocator<Bin>(self.api())};
    if (dimension == "duration") {
      const std::string_view word = q.argument<"bins">() ? std::string_view(*q.argument<"bins">()) : "1h";
      const auto division = duration_bins(word, parity);
      if (!division) {
        throw vtab::error("job_histogram: bins must be 1m, 10m, 1h, 6h, 12h or 24h, not \"" +
                          std::string(word.substr(0, 64)) + "\"");
      }
      pass.want_durations(*division);
      pass.run(call.source, call.filter);
      append_bins(bins, pass.durations(), parity);
    } else {
      const auto which =
          dimension == "num_nodes"   ? Pass::nodes
          : dimension == "num_cores" ? Pass::cores
          : dimension == "num_accs"
              ? Pass::accs
              : throw vtab::error(
                    "job_histogram: dimension must be duration, num_nodes, num_cores or num_accs, "
                    "not \"" +
                    std::string(dimension.substr(0, 64)) + "\"");
      pass.want_numbers(which);
      pass.run(call.source, call.filter);
      append_bins(bins, pass.numbers(which), kFunction, dimension, parity, interrupted);
    }
    vtab::vector<HistogramRow> rows{vtab::Allocator<HistogramRow>(self.api())};
    rows.reserve(bins.size());
    for (Bin& bin : bins) {
      interrupted.now_and_then();
      rows.push_back({std::move(bin), pass.bad_footprints()});
    }
    return rows;
  }
};

}  // namespace

int install_job_histogram(ext::SqliteConnection& connection) noexcept {
  return vtab::install_on<JobHistogram>(connection.db(), connection);
}

}  // namespace warden::jobs
