// The promise: a busy connection whose working set fits into the budget keeps its speed beside an idle one that had
// filled all of it.
//
// Of its look-ups 100 make a transaction, as a request of a service does. One by one they would take and drop the file's
// lock each, whose system calls cost more than a page that is missing from the cache.
#include <array>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kRepetitions = 7;
constexpr std::int64_t kWorkingRows = 200'000;  // about 85 MB of pages
constexpr std::int64_t kLookUpCount = 800'000;
constexpr std::int64_t kInTransaction = 100;

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
  Statement begin(hot, "BEGIN");
  Statement commit(hot, "COMMIT");
  Order order;
  const auto look_ups = [&](std::int64_t count) {
    const auto began = Clock::now();
    for (std::int64_t i = 0; i < count; i += kInTransaction) {
      begin.run();
      for (std::int64_t k = 0; k < kInTransaction; ++k) look_up.bind(1, order.next()).run();
      commit.run();
    }
    return seconds_since(began) * 1000;
  };
  say("first_ms", look_ups(kWorkingRows));  // the cache fills, if it can
  say("ms", look_ups(kLookUpCount));
  say("resident", static_cast<double>(resident_bytes()));
}

struct Variant {
  const char* warden;
  const char* idle;
};
enum Which : std::size_t { kPlainLone, kPlainBeside, kLone, kBeside };
constexpr std::array<Variant, 4> kVariants{{{"0", "0"}, {"0", "1"}, {"1", "0"}, {"1", "1"}}};

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  std::vector<double> plain;
  std::vector<double> ours;
  std::vector<double> plain_first;
  std::vector<double> ours_first;
  std::vector<double> lone;
  std::vector<double> look_up_ns;
  for (std::size_t i = 0; i < kRepetitions; ++i) {
    std::array<Numbers, kVariants.size()> said;
    for (std::size_t k = 0; k < kVariants.size(); ++k) {
      // In turns, and each time another one first: what the machine does meanwhile falls on all.
      const std::size_t which = (i + k) % kVariants.size();
      said[which] =
          measure(kBesideIdle,
                  {{"file", file}, {"warden", kVariants[which].warden}, {"idle", kVariants[which].idle}});
    }
    plain.push_back(said[kPlainLone]["ms"] / said[kPlainBeside]["ms"]);
    ours.push_back(said[kLone]["ms"] / said[kBeside]["ms"]);
    plain_first.push_back(said[kPlainLone]["first_ms"] / said[kPlainBeside]["first_ms"]);
    ours_first.push_back(said[kLone]["first_ms"] / said[kBeside]["first_ms"]);
    lone.push_back(said[kPlainLone]["ms"] / said[kLone]["ms"]);
    look_up_ns.push_back(said[kPlainLone]["ms"] * 1e6 / static_cast<double>(kLookUpCount));
  }
  report.number("plain.throughput", median(plain), Unit::ratio, {},
                "before: the same soft_heap_limit; median of 7");
  report.number("plain.throughput.first_200000", median(plain_first), Unit::ratio, {},
                "before: while its cache fills");
  report.number("throughput", median(ours), Unit::ratio, Bar::at_least(0.95),
                "of its lone throughput; median of 7");
  report.number("throughput.first_200000", median(ours_first), Unit::ratio, {},
                "while its cache fills, right after the other's scan");
  report.number("lone_against_plain", median(lone), Unit::ratio, {},
                "lone throughput with warden by that without");
  report.number("plain.look_up", median(look_up_ns), Unit::nanoseconds);
}

}  // namespace

const Benchmark kBesideIdle{
    "beside_idle", "point look-ups beside an idle connection that had filled the budget", &run, &child};

}  // namespace warden::bench
