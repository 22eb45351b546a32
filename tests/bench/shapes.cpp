// The promise: statement statistics take no more memory than statement_stats_max allows, here 1000 rows in at most 2 MiB,
// however many shapes of statements a program has.
//
// Processes with and without statistics run the same texts, in turns. The memory is that written to by the process alone;
// the texts are there before. 10 000 shapes never fit, so each is new again in every block.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kTexts = 10'000;
constexpr int kRows = 1000;
constexpr int kBlocks = 10;
constexpr int kRepetitions = 5;
constexpr double kKibibytes = 2048;
/// Columns that make a text longer than the 1024 bytes that are kept of each.
constexpr int kMoreColumns = 32;

std::vector<std::string> texts(const std::string& kind) {
  std::string more;
  for (int i = 0; i < kMoreColumns; ++i) more += ", 1 AS another_column_of_the_same_row_" + std::to_string(i);
  std::vector<std::string> made;
  for (int i = 0; i < kTexts; ++i) {
    char text[64];
    std::snprintf(text, sizeof(text),
                  kind == "literals" ? "SELECT 1%06d AS value" : "SELECT 1 AS column_%06d", i);
    made.push_back(kind == "long" ? text + more : text);
  }
  return made;
}

void child(const Parameters& given) {
  Database connection(":memory:");
  connection.load_warden();
  connection.run("SELECT warden_set('statement_stats', " + given.text("stats") + ")");
  connection.run("SELECT warden_set('statement_stats_max', " + std::to_string(kRows) + ")");
  const std::vector<std::string> all = texts(given.text("texts"));
  connection.run(all.front());
  const std::int64_t before = share_of_memory().dirty_bytes;
  double shortest = std::numeric_limits<double>::infinity();
  for (int block = 0; block < kBlocks; ++block) {
    const auto began = Clock::now();
    for (const std::string& text : all) connection.run(text);
    shortest = std::min(shortest, seconds_since(began));
  }
  say("grown", static_cast<double>(share_of_memory().dirty_bytes - before));
  say("ns", shortest * 1e9 / kTexts);
  say("rows", static_cast<double>(connection.number("SELECT count(*) FROM warden_statements")));
}

void run(Data&, Report& report) {
  for (const std::string kind : {"short", "long", "literals"}) {
    std::vector<double> grown, off_grown, ratios, off_ns;
    double rows = 0;
    for (int i = 0; i < kRepetitions; ++i) {
      const Numbers off = measure(kShapes, {{"texts", kind}, {"stats", "0"}});
      const Numbers on = measure(kShapes, {{"texts", kind}, {"stats", "1"}});
      grown.push_back((on["grown"] - off["grown"]) / 1024);
      ratios.push_back(on["ns"] / off["ns"]);
      off_ns.push_back(off["ns"]);
      rows = std::max(rows, on["rows"]);
    }
    const bool many = kind != "literals";
    const std::string name = kind + (many ? "_shapes" : "");
    report.number(name + ".added", median(grown), Unit::kibibytes, many ? Bar::at_most(kKibibytes) : Bar{},
                  "private memory; median of 5");
    report.number(name + ".rows", rows, Unit::count, many ? Bar::at_most(kRows) : Bar{},
                  "of warden_statements");
    report.number(name + ".time", median(ratios), Unit::ratio, {}, "of the time without statistics");
    report.number(name + ".without", median(off_ns), Unit::nanoseconds, {},
                  "prepare, step, finalize, without statistics");
  }
}

}  // namespace

const Benchmark kShapes{"shapes", "10 000 shapes of statements, statistics for 1000", &run, &child};

}  // namespace warden::bench
