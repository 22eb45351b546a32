// The promises: a histogram of one metric is at least 3 times faster than its SQL, four of them take at most 1.3 times as
// long as one, and job_page with four metrics is at least 5 times faster than the nine statements that it stands for.
//
// On cc-backend's indexes, from which SQLite answers four of the nine without reading a job.
#include <string>
#include <vector>

#include "bench.hpp"
#include "job_sql.hpp"
#include "turns.hpp"

namespace warden::bench {
namespace {

constexpr double kOneMetric = 3;
constexpr double kFourMetrics = 1.3;
constexpr double kPage = 5;

std::string nine_statements() {
  std::string sql = job_sql::stats() + ";" + job_sql::duration_histogram();
  for (const char* column : {"num_nodes", "num_hwthreads", "num_acc"})
    sql += ";" + job_sql::number_histogram(column);
  for (const auto& [key, peak] : job_sql::kMetrics) sql += ";" + job_sql::metric_histogram(key, peak);
  return sql;
}

void run(Data& data, Report& report) {
  const auto& [key, peak] = job_sql::kMetrics[0];
  const std::string& file = data.indexed_jobs();
  const std::vector<Way> ways =
      in_turns(kJobHistograms, {.file = file},
               {{"sql", job_sql::metric_histogram(key, peak)},
                {"one", "SELECT * FROM job_metric_histogram(NULL, " + job_sql::metrics(1) + ")"},
                {"four", "SELECT * FROM job_metric_histogram(NULL, " + job_sql::metrics(4) + ")"}});
  // Twice: the nine take half a minute.
  const std::vector<Way> pages = in_turns(kJobHistograms, {.file = file, .rounds = 2},
                                          {{"sql", nine_statements()},
                                           {"page", "SELECT * FROM job_page(NULL, " + job_sql::metrics(4) +
                                                        ") WHERE now = " + std::string(job_sql::kNow)}});
  const double one = named(ways, "one").ms;
  const double four = named(ways, "four").ms;
  const double page = named(pages, "page").ms;
  const double sql_one = named(ways, "sql").ms;
  const double sql_page = named(pages, "sql").ms;
  report.number("one_metric", sql_one / one, Unit::ratio, Bar::at_least(kOneMetric),
                "times faster: " + text_of_ms(one) + "; SQL: " + text_of_ms(sql_one));
  report.number("four_metrics", four / one, Unit::ratio, Bar::at_most(kFourMetrics),
                "of the time of one: " + text_of_ms(four));
  report.number("page", sql_page / page, Unit::ratio, Bar::at_least(kPage),
                "times faster: " + text_of_ms(page) + "; nine statements: " + text_of_ms(sql_page));
}

}  // namespace

const Benchmark kJobHistograms{
    "job_histograms", "histograms of metrics and whole pages beside SQL, 1 000 000 jobs", &run, &turns_child};

}  // namespace warden::bench
