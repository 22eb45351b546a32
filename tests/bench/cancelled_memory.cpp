// The promise: what a statement took that was cut off at its deadline is back 1 s after it returned, at least 0.95 of it:
// the cache of a scan, and a sort in memory.
//
// The budget is so large that nothing but the cancellation gives memory back. The share is that of the resident memory
// above its value before the first round, so that what stays behind in one round counts in the next ones too.
#include <stdlib.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kCutAfterMs = 700;
constexpr int kSettleMs = 1000;
constexpr int kPauseMs = 2000;
constexpr double kShare = 0.95;

/// Twice the rows, so that no machine has sorted them before it is cut off.
constexpr const char* kSort = "SELECT id, payload FROM data, (VALUES(1), (2)) ORDER BY key";

/// Runs it until it is cut off: at its deadline, or by hand.
void cut_off(Database& connection, const char* sql, bool with_warden) {
  std::thread hand;
  if (!with_warden) {
    hand = std::thread([&] {
      sleep_ms(kCutAfterMs);
      ::sqlite3_interrupt(connection.get());
    });
  }
  const int code = connection.try_run(sql);
  if (hand.joinable()) hand.join();
  if (code != SQLITE_INTERRUPT) throw std::runtime_error("a statement was not cut off");
}

void child(const Parameters& given) {
  const bool with_warden = given.number("warden") != 0;
  const char* const sql = given.is("what", "scan") ? kLongScan : kSort;
  Database connection(given.text("file"));
  if (with_warden) {
    connection.load_warden();
    connection.run("SELECT warden_set('memory_budget', '8GB')");
    connection.run("SELECT warden_timeout(" + std::to_string(kCutAfterMs) + ")");
  }
  connection.run(given.is("what", "scan") ? kUnlimitedCache : "PRAGMA temp_store=memory");
  connection.run("SELECT key FROM data WHERE id = 1");
  const std::int64_t before = resident_bytes();
  for (long round = 0; round < given.number("rounds"); ++round) {
    if (round > 0) sleep_ms(kPauseMs);
    PeakRecorder recorder;
    cut_off(connection, sql, with_warden);
    sleep_ms(kSettleMs);
    const auto after = static_cast<double>(resident_bytes() - before);
    const auto peak = static_cast<double>(recorder.stop() - before);
    const std::string name = std::to_string(round);
    say("peak" + name, peak);
    say("share" + name, (peak - after) / peak);
  }
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  constexpr int kRounds = 3;
  for (const std::string what : {"scan", "sort"}) {
    const Numbers plain =
        measure(kCancelledMemory, {{"file", file}, {"what", what}, {"warden", "0"}, {"rounds", "1"}});
    const Numbers with =
        measure(kCancelledMemory,
                {{"file", file}, {"what", what}, {"warden", "1"}, {"rounds", std::to_string(kRounds)}});
    std::vector<double> peaks;
    double share = 1;
    for (int round = 0; round < kRounds; ++round) {
      const std::string name = std::to_string(round);
      peaks.push_back(with["peak" + name] / 1e6);
      share = std::min(share, with["share" + name]);
    }
    report.number(what + ".plain.peak", plain["peak0"] / 1e6, Unit::megabytes, {},
                  "before: above the beginning");
    report.number(what + ".plain.returned", plain["share0"], Unit::ratio, {}, "before: by sqlite3_interrupt");
    report.number(what + ".peak", median(peaks), Unit::megabytes);
    report.number(what + ".returned", share, Unit::ratio, Bar::at_least(kShare), "1 s after; the worst of 3");
  }
}

}  // namespace

const Benchmark kCancelledMemory{"cancelled_memory", "memory given back by a statement that was cut off",
                                 &run, &child};

}  // namespace warden::bench
