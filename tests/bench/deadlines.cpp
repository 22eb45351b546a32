// The promise: a statement returns SQLITE_INTERRUPT at most 10 ms after its deadline, 50 ms where all cores are busy, in
// 99 of 100 cases; and none before it.
//
// The time is the host's: from just before sqlite3_step to its return, less what warden_timeout() allowed. Most deadlines
// are short, so that there are many; a few are long, for then the thread that ends statements has slept for long.
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"
#include "spread.hpp"

namespace warden::bench {
namespace {

constexpr double kIdleBar = 10;
constexpr double kBusyBar = 50;

struct Length {
  int ms;
  int count;
};
/// 100 statements in about 4 s.
constexpr std::array<Length, 7> kRound{{{5, 40}, {10, 30}, {20, 18}, {50, 8}, {100, 2}, {500, 1}, {2000, 1}}};

/// This too has a deadline, the one before, and may run into it where all cores are busy.
void set_timeout(Database& connection, int ms) {
  const std::string sql = "SELECT warden_timeout(" + std::to_string(ms) + ")";
  while (connection.try_run(sql) == SQLITE_INTERRUPT) {
  }
  if (::sqlite3_errcode(connection.get()) != SQLITE_OK) throw std::runtime_error(sql + " failed");
}

double late_ms(Statement& statement, int deadline_ms) {
  const auto began = Clock::now();
  const int code = ::sqlite3_step(statement.get());
  const double late = seconds_since(began) * 1000 - deadline_ms;
  statement.reset();
  if (code != SQLITE_INTERRUPT) throw std::runtime_error("a statement was not cut off");
  if (late < 0) throw std::runtime_error("a statement was cut off before its deadline");
  return late;
}

void child(const Parameters& given) {
  Database connection(":memory:");
  connection.load_warden();
  Statement statement(connection, kLongCount);
  std::optional<BusyCores> busy;
  if (given.number("busy") != 0) busy.emplace();
  std::vector<double> late;
  for (long round = 0; round < given.number("rounds"); ++round) {
    for (const Length& length : kRound) {
      set_timeout(connection, length.ms);
      for (int i = 0; i < length.count; ++i) late.push_back(late_ms(statement, length.ms));
    }
  }
  say_spread(late);
}

void run(Data&, Report& report) {
  report_spread(report, "late", measure(kDeadlines, {{"busy", "0"}, {"rounds", "10"}}),
                Bar::at_most(kIdleBar));
  report_spread(report, "late.busy", measure(kDeadlines, {{"busy", "1"}, {"rounds", "3"}}),
                Bar::at_most(kBusyBar));
}

}  // namespace

const Benchmark kDeadlines{"deadlines", "from a statement's deadline to its SQLITE_INTERRUPT", &run, &child};

}  // namespace warden::bench
