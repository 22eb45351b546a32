// The promise: on the mixed work of an ordinary service (workload.hpp) warden adds at most 1 % of instructions.
//
// Counted by valgrind's callgrind, which repeats to a few in a million where a clock does not. Each variant runs twice,
// with few rounds and with many: the difference is the work, without start and load. callgrind runs one thread at a time
// and counts them apart; the watchdog's own cannot be scaled from there (under valgrind the same work takes fifty times
// as long, and the thread looks that many times more often), so its share of CPU time is measured without valgrind.
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"
#include "workload.hpp"

namespace warden::bench {
namespace {

constexpr int kFew = 10;
constexpr int kNativeRounds = 20'000;

struct Kind {
  const char* name;
  Work work;
  int rounds;  // beyond kFew
};
constexpr std::array<Kind, 6> kKinds{{{"mixed", Work::mixed, 600},
                                      {"look_ups", Work::look_ups, 1000},
                                      {"ranges", Work::ranges, 300},
                                      {"writes", Work::writes, 100},
                                      {"joins", Work::joins, 500},
                                      {"aggregates", Work::aggregates, 10}}};

Work work_of(const std::string& name) {
  for (const Kind& kind : kKinds) {
    if (name == kind.name) return kind.work;
  }
  throw std::runtime_error("no work is called " + name);
}

void child(const Parameters& given) {
  if (given.is("variant", "no_thread")) ::setenv("WARDEN_WATCHDOG", "0", 1);
  if (given.is("variant", "no_hooks")) ::setenv("WARDEN_HOOKS", "none", 1);
  Database shop(given.text("file"));
  shop.run("PRAGMA journal_mode=WAL");
  shop.run("PRAGMA synchronous=NORMAL");
  shop.run("PRAGMA cache_size=-64000");
  if (!given.is("variant", "plain")) shop.load_warden();
  const double began = cpu_seconds();
  say("statements",
      static_cast<double>(work(shop, work_of(given.text("work")), static_cast<int>(given.number("rounds")))));
  say("cpu_ms", (cpu_seconds() - began) * 1000);
  say("watchdog_ms", thread_cpu_seconds("warden") * 1000);
}

struct Counted {
  double host = 0;      // instructions of the thread that does the work
  double watchdog = 0;  // of the other one
  double statements = 0;
};

/// The totals that callgrind wrote, one file for each thread: PREFIX-01 is the first.
double total_of(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("totals: ")) return std::stod(line.substr(8));
    if (line.starts_with("summary: ")) return std::stod(line.substr(9));
  }
  return 0;
}

Counted count(Data& data, const char* variant, const Kind& kind, int rounds) {
  const std::string copy = data.file("counted.db");
  const std::string out = data.file("callgrind.out");
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(copy + suffix);
  std::filesystem::copy_file(data.shop(), copy);
  Child process(child_command(
      kInstructions.name,
      {{"file", copy}, {"variant", variant}, {"work", kind.name}, {"rounds", std::to_string(rounds)}},
      {"valgrind", "-q", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + out}));
  const Numbers said = process.numbers();
  Counted counted;
  counted.statements = said["statements"];
  counted.host = total_of(out + "-01");
  counted.watchdog = total_of(out + "-02");
  for (const char* thread : {"", "-01", "-02"}) std::filesystem::remove(out + thread);
  if (counted.host == 0) throw std::runtime_error("callgrind wrote no totals");
  return counted;
}

Counted count_work(Data& data, const char* variant, const Kind& kind) {
  const Counted few = count(data, variant, kind, kFew);
  const Counted many = count(data, variant, kind, kFew + kind.rounds);
  return {many.host - few.host, many.watchdog - few.watchdog, many.statements - few.statements};
}

void native_share(Data& data, Report& report) {
  const std::string copy = data.file("worked.db");
  std::filesystem::copy_file(data.shop(), copy);
  const Numbers said = measure(
      kInstructions,
      {{"file", copy}, {"variant", "warden"}, {"work", "mixed"}, {"rounds", std::to_string(kNativeRounds)}});
  report.number("watchdog_thread", said["watchdog_ms"] / said["cpu_ms"] * 100, Unit::percent, {},
                "of the CPU time of the mixed work, without valgrind");
}

void run(Data& data, Report& report) {
  if (std::system("valgrind --version >/dev/null 2>&1") != 0)
    throw Skip("valgrind is not installed");  // NOLINT
  const Kind& mixed = kKinds.front();
  const Counted plain = count_work(data, "plain", mixed);
  const auto percent = [](const Counted& with, const Counted& without) {
    return (with.host / without.host - 1) * 100;
  };
  const auto each = [](const Counted& with, const Counted& without) {
    return (with.host - without.host) / without.statements;
  };
  report.number("mixed.plain_per_statement", plain.host / plain.statements, Unit::count, {},
                "before: instructions");
  const Counted warden = count_work(data, "warden", mixed);
  report.number("mixed.added", percent(warden, plain), Unit::percent, Bar::at_most(1),
                "on the host's thread");
  report.number("mixed.added_per_statement", each(warden, plain), Unit::count, {}, "instructions");
  report.number("mixed.added.watchdog=0", percent(count_work(data, "no_thread", mixed), plain),
                Unit::percent);
  report.number("mixed.added.hooks=none", percent(count_work(data, "no_hooks", mixed), plain), Unit::percent);
  native_share(data, report);
  for (std::size_t i = 1; i < kKinds.size(); ++i) {
    const Counted without = count_work(data, "plain", kKinds[i]);
    const Counted with = count_work(data, "warden", kKinds[i]);
    const std::string name = kKinds[i].name;
    char note[128];
    std::snprintf(note, sizeof(note), "%.0f to %.0f instructions a statement", each(with, without),
                  without.host / without.statements);
    report.number(name + ".added", percent(with, without), Unit::percent, {}, note);
  }
}

}  // namespace

const Benchmark kInstructions{"instructions", "instructions added to the mixed work of a service", &run,
                              &child};

}  // namespace warden::bench
