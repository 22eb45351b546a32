// The promise: when nothing is wrong, warden adds at most 150 ns to a statement, the cheapest of which is a point
// look-up in the cache.
//
// The look-ups run inside a transaction: outside of one each takes and drops the file's lock, whose system calls cost many
// times what is measured here. Processes wait at pipes, one for each variant; in every round each does one short block, so
// that each variant has its share of the moments in which the machine does nothing else: its shortest block counts, since
// nothing makes a block faster than it is. Fresh processes follow, for their memory lies elsewhere.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kSets = 5;
constexpr int kRounds = 60;
constexpr std::int64_t kBlock = 40'000;
constexpr std::int64_t kRowsUsed = 1000;

struct Variant {
  const char* name;
  const char* reported;
  Bar bar;
  const char* note;
};
constexpr std::array<Variant, 5> kVariants{
    {{"plain", "plain", {}, "before: one prepared point look-up"},
     {"warden", "added", {Bar::Kind::at_most, 150}, "by warden; median of 5 sets of processes"},
     {"no_hooks", "added.hooks=none", {}, "with hooks='none': the rest of warden"},
     {"empty_hooks", "added.empty_hooks", {}, "without warden: a trace callback that does nothing"},
     {"thread", "added.thread", {}, "without warden: a second thread that sleeps"}}};

void child(const Parameters& given) {
  if (given.is("variant", "no_hooks")) ::setenv("WARDEN_HOOKS", "none", 1);
  Database connection(given.text("file"));
  if (given.is("variant", "warden") || given.is("variant", "no_hooks")) connection.load_warden();
  if (given.is("variant", "thread")) std::thread([] { sleep_ms(1'000'000); }).detach();
  if (given.is("variant", "empty_hooks")) {
    ::sqlite3_trace_v2(
        connection.get(), SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE,
        [](unsigned, void*, void*, void*) { return 0; }, nullptr);
  }
  connection.run("BEGIN");
  Statement look_up(connection, "SELECT key FROM data WHERE id = ?");
  const auto block = [&] {
    const auto began = Clock::now();
    for (std::int64_t i = 0; i < kBlock; ++i) look_up.bind(1, i % kRowsUsed + 1).run();
    return seconds_since(began) * 1e9 / static_cast<double>(kBlock);
  };
  block();
  std::string line;
  while (std::getline(std::cin, line)) say("ns", block());
}

double ask(Child& process) {
  process.write("go\n");
  const auto line = process.line();
  if (!line || !line->starts_with("ns ")) throw std::runtime_error("the measured process ended");
  return std::stod(line->substr(3));
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  std::array<std::vector<double>, kVariants.size()> ns;
  for (int set = 0; set < kSets; ++set) {
    std::vector<std::unique_ptr<Child>> processes;
    for (const Variant& variant : kVariants) {
      processes.push_back(
          std::make_unique<Child>(child_command(kLookUps.name, {{"file", file}, {"variant", variant.name}})));
    }
    std::array<double, kVariants.size()> shortest;
    shortest.fill(std::numeric_limits<double>::infinity());
    for (std::size_t round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < kVariants.size(); ++i) {
        const std::size_t which = (i + round) % kVariants.size();
        shortest[which] = std::min(shortest[which], ask(*processes[which]));
      }
    }
    ns[0].push_back(shortest[0]);
    for (std::size_t i = 1; i < kVariants.size(); ++i) ns[i].push_back(shortest[i] - shortest[0]);
  }
  for (std::size_t i = 0; i < kVariants.size(); ++i) {
    report.number(kVariants[i].reported, median(ns[i]), Unit::nanoseconds, kVariants[i].bar,
                  kVariants[i].note);
  }
  report.number("added.largest", largest(ns[1]), Unit::nanoseconds, {}, "by warden, of the sets");
}

}  // namespace

const Benchmark kLookUps{"look_ups", "time added to a prepared point look-up", &run, &child};

}  // namespace warden::bench
