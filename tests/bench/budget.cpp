// The promise: a host with four busy connections and an unlimited cache stays within memory_budget, and has its memory
// back 2 s after the last statement, whether the statements ended or were interrupted.
#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kConnectionCount = 4;
constexpr int kScansEach = 4;
constexpr int kInterruptAfterMs = 3000;
constexpr int kSettleMs = 2000;
constexpr int kRepetitions = 2;
/// The bars: above the budget while statements run, and above the beginning 2 s later.
constexpr double kAbove = 64e6;
constexpr double kBack = 32e6;
/// What the plain variant may use: four caches of the whole table.
constexpr std::int64_t kPlainBytes = 4'000'000'000;

void child(const Parameters& given) {
  std::vector<Database> connections;
  connections.emplace_back(given.text("file"));
  if (given.number("warden") != 0) {
    connections.front().load_warden();
    connections.front().run("SELECT warden_set('memory_budget', '" + std::string(kBudget) + "')");
  }
  while (connections.size() < kConnectionCount) connections.emplace_back(given.text("file"));
  const bool interrupt = given.is("end", "interrupted");
  const std::int64_t before = resident_bytes();

  PeakRecorder recorder;
  std::atomic<int> working{kConnectionCount};
  std::atomic<int> scans{0};
  std::atomic<int> wrong{0};
  const auto began = Clock::now();
  std::vector<std::thread> threads;
  for (Database& connection : connections) {
    threads.emplace_back([&] {
      connection.try_run(kUnlimitedCache);
      if (interrupt) {
        if (connection.try_run(kLongScan) != SQLITE_INTERRUPT) wrong.fetch_add(1);
      } else {
        for (int i = 0; i < kScansEach; ++i) {
          if (connection.try_run(kScan) != SQLITE_OK) wrong.fetch_add(1);
          scans.fetch_add(1);
        }
      }
      working.fetch_sub(1);
    });
  }
  if (interrupt) {
    sleep_ms(kInterruptAfterMs);
    while (working.load() > 0) {
      for (const Database& connection : connections) ::sqlite3_interrupt(connection.get());
      sleep_ms(5);
    }
  }
  for (std::thread& thread : threads) thread.join();
  const double took = seconds_since(began);
  const std::int64_t at_end = resident_bytes();
  sleep_ms(kSettleMs);
  const std::int64_t after = resident_bytes();
  if (wrong.load() > 0) throw std::runtime_error("a statement did not end as it should");
  say("peak", static_cast<double>(recorder.stop() - before));
  say("at_end", static_cast<double>(at_end - before));
  say("after", static_cast<double>(after - before));
  say("scan_ms", interrupt ? 0 : took * 1000 / kScansEach);
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  for (const std::string end : {"ended", "interrupted"}) {
    if (available_bytes() < kPlainBytes) {
      report.skipped("plain SQLite would need 4 GB of free memory for this");
    } else {
      const Numbers plain = measure(kBudgetHolds, {{"file", file}, {"warden", "0"}, {"end", end}});
      report.number(end + ".plain.peak", plain["peak"] / 1e6, Unit::megabytes, {},
                    "before: above the beginning");
      report.number(end + ".plain.after_2s", plain["after"] / 1e6, Unit::megabytes, {}, "before");
      if (end == "ended")
        report.number(end + ".plain.scan", plain["scan_ms"], Unit::milliseconds, {}, "4 at once");
    }
    double peak = 0;
    double after = 0;
    std::vector<double> scans;
    for (int i = 0; i < kRepetitions; ++i) {
      const Numbers with = measure(kBudgetHolds, {{"file", file}, {"warden", "1"}, {"end", end}});
      peak = std::max(peak, with["peak"]);
      after = std::max(after, with["after"]);
      scans.push_back(with["scan_ms"]);
    }
    report.number(end + ".peak", peak / 1e6, Unit::megabytes,
                  Bar::at_most((static_cast<double>(kBudgetBytes) + kAbove) / 1e6),
                  "above the beginning; the worst");
    report.number(end + ".after_2s", after / 1e6, Unit::megabytes, Bar::at_most(kBack / 1e6), "the worst");
    if (end == "ended") report.number(end + ".scan", median(scans), Unit::milliseconds, {}, "4 at once");
  }
}

}  // namespace

const Benchmark kBudgetHolds{"budget", "4 busy connections, unlimited cache, a budget of 256 MB", &run,
                             &child};

}  // namespace warden::bench
