// The promises for a host that does nothing: the watchdog thread uses less than 0.1 % of a core with 10 connections, and
// warden takes less than 1 MiB with 100.
#include <memory>
#include <string>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kIdleSeconds = 10;
constexpr int kMemoryRepetitions = 7;

/// Connections that have each run one statement; the first has loaded warden.
std::vector<Database> used_connections(const Parameters& given) {
  std::vector<Database> connections;
  const auto count = static_cast<std::size_t>(given.number("connections"));
  while (connections.size() < count) {
    connections.emplace_back(given.text("file"));
    if (connections.size() == 1 && given.number("warden") != 0) connections.front().load_warden();
    connections.back().number("SELECT sum(key) FROM data WHERE id <= 10");
  }
  return connections;
}

void idle_child(const Parameters& given) {
  std::vector<Database> connections = used_connections(given);
  const auto looks = [&] {
    return connections.front().number("SELECT json_extract(warden_debug(), '$.watchdog_looks')");
  };
  sleep_ms(2000);  // past the first releases of idle caches
  const double cpu_before = thread_cpu_seconds("warden");
  const std::int64_t looks_before = looks();
  sleep_ms(kIdleSeconds * 1000);
  const double cpu = thread_cpu_seconds("warden") - cpu_before;
  const auto looked = static_cast<double>(looks() - looks_before);
  say("cpu", cpu / kIdleSeconds);
  say("looks", looked / kIdleSeconds);
  say("look_ns", cpu * 1e9 / looked);
}

void run_idle(Data& data, Report& report) {
  const Numbers said = measure(kIdle, {{"file", data.big()}, {"warden", "1"}, {"connections", "10"}});
  report.number("cpu", said["cpu"] * 100, Unit::percent, Bar::at_most(0.1), "of one core, over 10 s");
  report.number("looks_per_second", said["looks"], Unit::ratio);
  report.number("cpu_per_look", said["look_ns"] / 1e6, Unit::milliseconds);
}

void memory_child(const Parameters& given) {
  const std::vector<Database> connections = used_connections(given);
  sleep_ms(200);  // the thread has looked
  const Share share = share_of_memory();
  say("dirty", static_cast<double>(share.dirty_bytes));
  say("clean", static_cast<double>(share.clean_bytes));
  say("proportional", static_cast<double>(share.proportional_bytes));
  say("sqlite", static_cast<double>(::sqlite3_memory_used()));
}

void run_memory(Data& data, Report& report) {
  const auto once = [&](const char* warden, const char* count) {
    return measure(kConnections, {{"file", data.big()}, {"warden", warden}, {"connections", count}});
  };
  for (const std::string count : {"1", "100"}) {
    std::vector<double> own, dirty, proportional, sqlite, plain;
    for (int i = 0; i < kMemoryRepetitions; ++i) {
      const Numbers without = once("0", count.c_str());
      const Numbers with = once("1", count.c_str());
      plain.push_back((without["dirty"] + without["clean"]) / 1024);
      dirty.push_back((with["dirty"] - without["dirty"]) / 1024);
      own.push_back(dirty.back() + (with["clean"] - without["clean"]) / 1024);
      proportional.push_back((with["proportional"] - without["proportional"]) / 1024);
      sqlite.push_back((with["sqlite"] - without["sqlite"]) / 1024);
    }
    const std::string name = count + (count == "1" ? "_connection" : "_connections");
    report.number(name + ".plain", median(plain), Unit::kibibytes, {},
                  "before: private memory of the process");
    report.number(name + ".added", median(own), Unit::kibibytes, count == "100" ? Bar::at_most(1024) : Bar{},
                  "private memory; median of 7");
    report.number(name + ".added.dirty", median(dirty), Unit::kibibytes, {},
                  "of it; the rest is warden.so, mapped");
    report.number(name + ".added.proportional", median(proportional), Unit::kibibytes, {}, "PSS");
    report.number(name + ".added.sqlite", median(sqlite), Unit::kibibytes, {},
                  "of it, by sqlite3_memory_used");
  }
}

}  // namespace

const Benchmark kIdle{"idle", "CPU time of the watchdog thread beside 10 idle connections", &run_idle,
                      &idle_child};
const Benchmark kConnections{"connections", "memory added with 100 open connections", &run_memory,
                             &memory_child};

}  // namespace warden::bench
