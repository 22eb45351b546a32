// job_page(filter, metrics): everything that a statistics page shows, from one pass over the jobs.
//
//   SELECT name, value FROM job_page('{"user":{"eq":"alice"}}') WHERE section = 'stats';
//   SELECT section, name, label, value FROM job_page(NULL, '[{"metric":"mem_bw_avg","peak":350}]') WHERE bin IS NOT NULL;
//
// section     name              rows
// stats       total_jobs, ...   the columns of job_stats
// duration    NULL              job_histogram(filter, 'duration', duration_bins)
// num_nodes, num_cores, num_accs                NULL, likewise
// metric      the metric        job_metric_histogram(filter, metrics, metric_bins)
// skipped     footprint, metric jobs whose footprint is not JSON; jobs that have no number for the metric
//
// The columns are those of the histograms; value is a number of jobs, or the number that name says.
#include "bins.hpp"
#include "call.hpp"
#include "job_tables.hpp"
#include "metric_list.hpp"
#include "vtab.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFunction = "job_page";

struct PageRow {
  std::string_view section;
  std::optional<vtab::string> name;
  std::optional<std::int64_t> bin;
  Edge from;
  Edge to;
  std::optional<vtab::string> label;
  std::int64_t value;
};

struct JobPage : ext::OwnTable {
  using row = PageRow;
  using columns =
      vtab::columns<vtab::col<"section", &PageRow::section>, vtab::col<"name", &PageRow::name>,
                    vtab::col<"bin", &PageRow::bin>, vtab::col<"from_value", &PageRow::from>,
                    vtab::col<"to_value", &PageRow::to>, vtab::col<"label", &PageRow::label>,
                    vtab::col<"value", &PageRow::value>, vtab::arg<"filter", std::string_view>,
                    vtab::arg<"metrics", std::string_view>, vtab::arg<"source", std::string_view>,
                    vtab::arg<"now", std::int64_t>, vtab::arg<"short_seconds", std::int64_t>,
                    vtab::arg<"parity", std::int64_t>, vtab::arg<"duration_bins", std::string_view>,
                    vtab::arg<"metric_bins", std::int64_t>, vtab::arg<"engine", std::string_view> >;
  static constexpr const char* name = "job_page";
  static constexpr auto risk = kRisk;
  static constexpr bool rewinds = true;
  static constexpr double scan_cost = kPassCost;
  using OwnTable::OwnTable;

  vtab::vector<PageRow> scan(const vtab::query<row, columns>& q) const {
    const Call call(self, kFunction, Arguments::of(q), true);
    const bool parity = call.options.parity;
    const auto& given = q.argument<"metrics">();
    const MetricList metrics(self, kFunction, given ? std::optional<std::string_view>(*given) : std::nullopt,
                             parity);
    const auto& word = q.argument<"duration_bins">();
    const auto division = duration_bins(word ? std::string_view(*word) : "1h", parity);
    if (!division) {
      throw vtab::error("job_page: duration_bins must be 1m, 10m, 1h, 6h, 12h or 24h, not \"" +
                        std::string(std::string_view(*word).substr(0, 64)) + "\"");
    }
    const std::int64_t bins = metric_bins(kFunction, "metric_bins", q.argument<"metric_bins">());
    Pass pass(self, kFunction, call.options);
    pass.want_totals(Wanted::everything());
    pass.want_durations(*division);
    for (const auto which : {Pass::nodes, Pass::cores, Pass::accs}) pass.want_numbers(which);
    pass.want_metrics(metrics.metrics(), bins);
    pass.run(call.source, call.filter);
    return rows_of(pass, metrics, parity);
  }

 private:
  vtab::vector<PageRow> rows_of(const Pass& pass, const MetricList& metrics, bool parity) const {
    const vtab::Allocator<char> memory(self.api());
    vtab::vector<PageRow> rows{vtab::Allocator<PageRow>(self.api())};
    const auto figure = [&](std::string_view section, std::string_view of, std::int64_t value) {
      rows.push_back({section, vtab::string(of, memory), std::nullopt, {}, {}, std::nullopt, value});
    };
    const Totals& t = pass.totals();
    figure("stats", "total_jobs", t.jobs);
    figure("stats", "total_users", t.users);
    figure("stats", "total_walltime_hours", hours(t.seconds, parity));
    figure("stats", "total_nodes", t.nodes);
    figure("stats", "total_node_hours", hours(t.node_seconds, parity));
    figure("stats", "total_cores", t.cores);
    figure("stats", "total_core_hours", hours(t.core_seconds, parity));
    figure("stats", "total_accs", t.accs);
    figure("stats", "total_acc_hours", hours(t.acc_seconds, parity));
    figure("stats", "running_jobs", t.running_jobs);
    figure("stats", "short_jobs", t.short_jobs);

    Bins bins{vtab::Allocator<Bin>(self.api())};
    InterruptCheck interrupted(self);
    const auto show = [&](std::string_view section, std::optional<std::string_view> of) {
      for (Bin& bin : bins) {
        interrupted.now_and_then();
        rows.push_back({section, of ? std::optional(vtab::string(*of, memory)) : std::nullopt, bin.bin,
                        bin.from, bin.to, std::move(bin.label), bin.jobs});
      }
      bins.clear();
    };
    append_bins(bins, pass.durations(), parity);
    show("duration", std::nullopt);
    for (const auto& [section, which] :
         {std::pair("num_nodes", Pass::nodes), std::pair("num_cores", Pass::cores),
          std::pair("num_accs", Pass::accs)}) {
      append_bins(bins, pass.numbers(which), kFunction, section, parity, interrupted);
      show(section, std::nullopt);
    }
    for (std::size_t i = 0; i < metrics.metrics().size(); ++i) {
      append_bins(bins, pass.metrics()[i], parity);
      show("metric", metrics.metrics()[i].key);
    }
    if (metrics.metrics().empty()) return rows;
    figure("skipped", "footprint", pass.bad_footprints());
    for (std::size_t i = 0; i < metrics.metrics().size(); ++i)
      figure("skipped", metrics.metrics()[i].key, pass.metrics()[i].without_value());
    return rows;
  }
};

}  // namespace

int install_job_page(ext::SqliteConnection& connection) noexcept {
  return vtab::install_on<JobPage>(connection.db(), connection);
}

}  // namespace warden::jobs
