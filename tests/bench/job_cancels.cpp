// The promise: a statistic that is interrupted by another thread returns within 50 ms, in 99 of 100 cases, whatever it is
// doing: reading jobs or sorting a million groups.
//
// The interrupts come at 100 moments, spread evenly over the time that the statement takes to its first row: by job_id
// the later ones meet it sorting.
#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"
#include "spread.hpp"

namespace warden::bench {
namespace {

constexpr double kWithin = 50;
constexpr int kMoments = 100;
/// A statement may be faster than it was; then the moment is tried again.
constexpr int kTries = 3;

struct Case {
  const char* name;
  const char* sql;
};
constexpr std::array<Case, 4> kCases{
    {{"all", "SELECT * FROM job_stats()"},
     {"by_job_id", "SELECT * FROM job_stats(NULL, 'job_id')"},
     {"metric", R"(SELECT * FROM job_metric_histogram(NULL, '["mem_bw_avg"]'))"},
     {"page", R"(SELECT * FROM job_page(NULL, '["mem_bw_avg","cpu_load_avg"]'))"}}};

double seconds_to_first_row(Statement& statement) {
  const auto began = Clock::now();
  statement.step();
  const double seconds = seconds_since(began);
  statement.reset();
  return seconds;
}

/// From the interrupt to the return of the statement, which includes that it frees what it has; negative where it had
/// come to its first row.
double interrupted_ms(Database& connection, Statement& statement, double after_seconds) {
  Clock::time_point asked;
  std::thread hand([&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(after_seconds));
    asked = Clock::now();
    ::sqlite3_interrupt(connection.get());
  });
  const int rc = ::sqlite3_step(statement.get());
  const auto returned = Clock::now();
  hand.join();
  statement.reset();
  if (rc == SQLITE_ROW) return -1;
  if (rc != SQLITE_INTERRUPT) throw std::runtime_error("a statement was not interrupted");
  return std::chrono::duration<double>(returned - asked).count() * 1000;
}

void child(const Parameters& given) {
  const Case& one = kCases[static_cast<std::size_t>(given.number("case"))];
  Database connection(given.text("file"));
  connection.load_warden();
  connection.run("PRAGMA cache_size=-2000000");
  Statement statement(connection, one.sql);
  seconds_to_first_row(statement);
  const double whole = std::min(seconds_to_first_row(statement), seconds_to_first_row(statement));
  std::vector<double> ms;
  const auto moments = static_cast<int>(given.number("moments"));
  for (int i = 0; i < moments; ++i) {
    const double moment = whole * i / moments;
    double took = -1;
    for (int t = 0; took < 0 && t < kTries; ++t) took = interrupted_ms(connection, statement, moment);
    if (took >= 0) ms.push_back(took);
  }
  say_spread(ms);
}

void run(Data& data, Report& report) {
  const std::string& file = data.jobs();
  for (std::size_t i = 0; i < kCases.size(); ++i) {
    const Numbers said = measure(
        kJobCancels, {{"file", file}, {"case", std::to_string(i)}, {"moments", std::to_string(kMoments)}});
    report_spread(report, kCases[i].name, said, Bar::at_most(kWithin));
  }
}

}  // namespace

const Benchmark kJobCancels{"job_cancels", "from an interrupt to the end of a statistic, 1 000 000 jobs",
                            &run, &child};

}  // namespace warden::bench
