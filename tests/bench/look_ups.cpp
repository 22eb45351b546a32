// The promise: when nothing is wrong, warden adds at most 150 ns to a statement, the cheapest of which is a point
// look-up in the cache.
//
// Three processes wait at pipes: without warden, with it, with hooks='none'. In every round each does one block, so that
// whatever else the machine does falls on all three. Fresh processes follow, for their memory lies elsewhere.
#include <stdlib.h>

#include <iostream>
#include <memory>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kSets = 5;
constexpr int kRounds = 15;
constexpr std::int64_t kBlock = 100'000;
constexpr std::int64_t kRowsUsed = 1000;

constexpr const char* kVariants[] = {"plain", "warden", "no_hooks"};

void child(const Parameters& given) {
  if (given.is("variant", "no_hooks")) ::setenv("WARDEN_HOOKS", "none", 1);
  Database connection(given.text("file"));
  if (!given.is("variant", "plain")) connection.load_warden();
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
  std::vector<double> plain;
  std::vector<double> added;
  std::vector<double> added_without_hooks;
  for (int set = 0; set < kSets; ++set) {
    std::vector<std::unique_ptr<Child>> processes;
    for (const char* variant : kVariants) {
      processes.push_back(
          std::make_unique<Child>(child_command(kLookUps.name, {{"file", file}, {"variant", variant}})));
    }
    // The median of a set first: a set is one layout of memory, and counts once.
    std::vector<double> of_set[3];
    for (int round = 0; round < kRounds; ++round) {
      double ns[3];
      for (int i = 0; i < 3; ++i) {
        const int which = (i + round) % 3;
        ns[which] = ask(*processes[static_cast<std::size_t>(which)]);
      }
      of_set[0].push_back(ns[0]);
      of_set[1].push_back(ns[1] - ns[0]);
      of_set[2].push_back(ns[2] - ns[0]);
    }
    plain.push_back(median(of_set[0]));
    added.push_back(median(of_set[1]));
    added_without_hooks.push_back(median(of_set[2]));
  }
  report.number("plain", median(plain), Unit::nanoseconds, {}, "before: one prepared point look-up");
  report.number("added", median(added), Unit::nanoseconds, Bar::at_most(150), "by warden; median of 5 sets of processes");
  report.number("added.largest", largest(added), Unit::nanoseconds, {}, "of the sets");
  report.number("added.hooks_none", median(added_without_hooks), Unit::nanoseconds, {}, "with hooks='none': the rest of warden");
}

}  // namespace

const Benchmark kLookUps{"look_ups", "time added to a prepared point look-up", &run, &child};

}  // namespace warden::bench
