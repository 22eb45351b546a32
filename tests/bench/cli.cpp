// The promise: in the sqlite3 program, whose connection no other thread may touch, a scan's memory is back within 100 ms
// after its end.
#include <poll.h>

#include <algorithm>
#include <vector>

#include "bench.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kRepetitions = 5;
constexpr double kBack = 32e6;
constexpr double kWithinMs = 100;
constexpr int kGiveUpMs = 1000;
constexpr int kPollMs = 2;

struct Observed {
  double peak = 0;     // bytes above the beginning, while the scan ran
  double after = 0;    // the same, when watching ended
  double back_ms = 0;  // from the result's row to within kBack of the beginning; kGiveUpMs if never
};

void expect(Child& shell, std::string_view wanted) {
  while (const auto line = shell.line()) {
    if (*line == wanted) return;
  }
  throw std::runtime_error("the sqlite3 program ended too early: is it installed?");
}

Observed observe(const std::string& file, bool with_warden) {
  Child shell({"sqlite3", "-batch", "-init", "/dev/null", file});
  if (with_warden) {
    shell.write(".load " WARDEN_SO "\n");
    shell.write("SELECT warden_set('memory_budget', '" + std::string(kBudget) + "');\n");
  }
  shell.write("SELECT 'ready';\n");
  expect(shell, "ready");
  sleep_ms(50);
  const double before = static_cast<double>(resident_bytes(shell.pid()));
  const auto above = [&] { return static_cast<double>(resident_bytes(shell.pid())) - before; };

  Observed seen;
  shell.write(std::string(kUnlimitedCache) + ";\n" + kScan + ";\n");
  while (!shell.line(kPollMs)) {
    if (shell.ended()) throw std::runtime_error("the sqlite3 program ended within a scan");
    seen.peak = std::max(seen.peak, above());
  }
  const auto ended = Clock::now();
  for (;;) {
    seen.after = above();
    seen.back_ms = seconds_since(ended) * 1000;
    if (seen.after <= kBack) break;
    if (seen.back_ms > kGiveUpMs) {
      seen.back_ms = kGiveUpMs;
      break;
    }
    sleep_ms(kPollMs);
  }
  return seen;
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  const Observed plain = observe(file, false);
  report.number("plain.peak", plain.peak / 1e6, Unit::megabytes, {}, "before: above the beginning");
  report.number("plain.after_1s", plain.after / 1e6, Unit::megabytes, {}, "before");
  Observed worst;
  std::vector<double> times;
  for (int i = 0; i < kRepetitions; ++i) {
    const Observed one = observe(file, true);
    worst.peak = std::max(worst.peak, one.peak);
    worst.after = std::max(worst.after, one.after);
    times.push_back(one.back_ms);
  }
  report.number("peak", worst.peak / 1e6, Unit::megabytes, {}, "the worst of 5");
  report.number("after", worst.after / 1e6, Unit::megabytes, Bar::at_most(kBack / 1e6),
                "when watching ended; the worst");
  report.number("back", largest(times), Unit::milliseconds, Bar::at_most(kWithinMs),
                "to within 32 MB of the beginning; the worst");
  report.number("back.median", median(times), Unit::milliseconds);
}

void child(const Parameters&) { throw std::runtime_error("cli measures the sqlite3 program, not this one"); }

}  // namespace

const Benchmark kCli{"cli", "the sqlite3 program, unlimited cache, one scan, a budget of 256 MB", &run,
                     &child};

}  // namespace warden::bench
