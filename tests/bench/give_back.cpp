// The promise: warden_release('idle') and warden_trim() give back what can be given back by hand, in about the same time.
#include <malloc.h>
#include <stdlib.h>

#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kConnectionCount = 4;
constexpr int kRepetitions = 5;

/// A cache of about 200 MB, and a sort of about 45 MB in memory that malloc may keep.
void fill(Database& connection) {
  connection.run(kUnlimitedCache);
  connection.run("PRAGMA temp_store=memory");
  connection.run("SELECT sum(key) FROM data WHERE id <= 500000");
  Statement(connection, "SELECT id, payload FROM data WHERE id <= 100000 ORDER BY key").run();
}

void child(const Parameters& given) {
  const bool with_warden = given.is("by", "warden");
  // Only what is asked for shall happen here.
  ::setenv("WARDEN_WATCHDOG", "0", 1);
  ::setenv("WARDEN_SOFT_HEAP_LIMIT", "0", 1);
  std::vector<Database> connections;
  connections.emplace_back(given.text("file"));
  if (with_warden) connections.front().load_warden();
  while (connections.size() < kConnectionCount) connections.emplace_back(given.text("file"));
  std::vector<std::thread> threads;
  for (Database& connection : connections) threads.emplace_back([&] { fill(connection); });
  for (std::thread& thread : threads) thread.join();

  const std::int64_t full = resident_bytes();
  const auto began = Clock::now();
  if (with_warden) {
    connections.front().run("SELECT warden_release('idle')");
    say("release_ms", seconds_since(began) * 1000);
    connections.front().run("SELECT warden_trim()");
  } else {
    for (const Database& connection : connections) ::sqlite3_db_release_memory(connection.get());
    say("release_ms", seconds_since(began) * 1000);
    ::malloc_trim(0);
  }
  say("ms", seconds_since(began) * 1000);
  say("bytes", static_cast<double>(full - resident_bytes()));
  say("full", static_cast<double>(full));
}

void run(Data& data, Report& report) {
  const std::string& file = data.big();
  std::vector<double> bytes;
  std::vector<double> times;
  std::vector<double> by_hand_bytes;
  std::vector<double> by_hand_ms;
  for (int i = 0; i < kRepetitions; ++i) {
    const char* const first = i % 2 == 0 ? "hand" : "warden";
    const char* const second = i % 2 == 0 ? "warden" : "hand";
    const Numbers one = measure(kGiveBack, {{"file", file}, {"by", first}});
    const Numbers other = measure(kGiveBack, {{"file", file}, {"by", second}});
    const Numbers& hand = i % 2 == 0 ? one : other;
    const Numbers& ours = i % 2 == 0 ? other : one;
    bytes.push_back(ours["bytes"] / hand["bytes"]);
    times.push_back(ours["ms"] / hand["ms"]);
    by_hand_bytes.push_back(hand["bytes"] / 1e6);
    by_hand_ms.push_back(hand["ms"]);
  }
  report.number("by_hand.bytes", median(by_hand_bytes), Unit::megabytes, {},
                "before: sqlite3_db_release_memory on each, malloc_trim(0)");
  report.number("by_hand.time", median(by_hand_ms), Unit::milliseconds);
  report.number("bytes", median(bytes), Unit::ratio, Bar::at_least(0.90),
                "of what comes back by hand; median of 5");
  report.number("time", median(times), Unit::ratio, Bar::at_most(1.2), "of the time by hand");
}

}  // namespace

const Benchmark kGiveBack{"give_back", "warden_release('idle') and warden_trim() against doing it by hand",
                          &run, &child};

}  // namespace warden::bench
