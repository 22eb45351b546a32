// The promise: a busy connection whose working set fits into the budget keeps its speed beside an idle one that had
// filled all of it.
#include <array>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kRepetitions = 7;
constexpr std::int64_t kWorkingRows = 200'000;  // about 85 MB of pages
constexpr std::int64_t kLookUpCount = 600'000;

/// A full-period generator, so that the same rows come in the same order in every process.
class Order {
 public:
  std::int64_t next() noexcept {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::int64_t>((state_ >> 33) % kWorkingRows) + 1;
  }

 private:
  std::uint64_t state_ = 1;
};

void child(const Parameters& given) {
  Database hot(given.text("file"));
  if (given.number("warden") != 0) {
    hot.load_warden();
    hot.run("SELECT warden_set('memory_budget', '" + std::string(kBudget) + "')");
  } else {
    ::sqlite3_soft_heap_limit64(kBudgetBytes);
  }
  Database idle(given.text("file"));
  hot.run(kUnlimitedCache);
  idle.run(kUnlimitedCache);
  if (given.number("idle") != 0) idle.number(kScan);

  Statement look_up(hot, "SELECT key, payload FROM data WHERE id = ?");
  Order order;
  const auto look_ups = [&](std::int64_t count) {
    const auto began = Clock::now();
    for (std::int64_t i = 0; i < count; ++i) look_up.bind(1, order.next()).run();
    return seconds_since(began) * 1000;
  };
  say("first_ms", look_ups(kWorkingRows));  // the cache fills, if it can
  say("ms", look_ups(kLookUpCount));
  say("resident", static_cast<double>(resident_bytes()));
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  for (const std::string warden : {"0", "1"}) {
    std::vector<double> ratios;
    std::vector<double> firsts;
    std::vector<double> lone_rates;
    for (int i = 0; i < kRepetitions; ++i) {
      const Parameters alone{{"file", file}, {"warden", warden}, {"idle", "0"}};
      const Parameters beside{{"file", file}, {"warden", warden}, {"idle", "1"}};
      // In turns, and each time the other one first: what the machine does meanwhile falls on both.
      const Numbers one = measure(kBesideIdle, i % 2 == 0 ? alone : beside);
      const Numbers other = measure(kBesideIdle, i % 2 == 0 ? beside : alone);
      const Numbers& lone = i % 2 == 0 ? one : other;
      const Numbers& with_idle = i % 2 == 0 ? other : one;
      ratios.push_back(lone["ms"] / with_idle["ms"]);
      firsts.push_back(lone["first_ms"] / with_idle["first_ms"]);
      lone_rates.push_back(lone["ms"] * 1e6 / static_cast<double>(kLookUpCount));
    }
    const bool ours = warden == "1";
    const std::string name = ours ? "" : "plain.";
    report.number(name + "throughput", median(ratios), Unit::ratio, ours ? Bar::at_least(0.95) : Bar{},
                  ours ? "of its lone throughput; median of 7" : "before: the same soft_heap_limit");
    report.number(name + "throughput.first_200000", median(firsts), Unit::ratio, {},
                  "while its cache fills, right after the other's scan");
    report.number(name + "lone_look_up", median(lone_rates), Unit::nanoseconds);
  }
}

}  // namespace

const Benchmark kBesideIdle{"beside_idle", "point look-ups beside an idle connection that had filled the budget", &run,
                            &child};

}  // namespace warden::bench
