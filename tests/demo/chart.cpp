// chart: draws what incident has recorded, in the terminal and as an SVG, and the table of the numbers.
//
//   chart [--svg OUT.svg] [--title TEXT] [--budget 256MB] NAME=SERIES.csv ... [--results NAME=RESULT.txt ...]
//
// The title and the budget come from the results where they are not given. Without results the numbers are
// taken from the series, and the times of the scans are missing. Colours are used if standard output is a
// terminal and the environment variable NO_COLOR is not set. Exit status: 0 done, 1 failed, 2 wrong
// arguments.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "drawings.hpp"
#include "series.hpp"
#include "units.hpp"

namespace demo {
namespace {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using NamedFile = std::pair<std::string, std::string>;

struct Options {
  std::string svg;
  std::string title;
  std::int64_t budget_bytes = 0;
  std::vector<NamedFile> series;
  std::vector<NamedFile> results;
};

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  bool results = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (++i == arguments.size()) throw UsageError(argument + " needs a value");
      return arguments[i];
    };
    if (argument == "--svg") {
      options.svg = value();
    } else if (argument == "--title") {
      options.title = value();
    } else if (argument == "--budget") {
      const auto bytes = parse_size(value());
      if (!bytes || *bytes < 0) throw UsageError("--budget must be a size such as 256MB");
      options.budget_bytes = *bytes;
    } else if (argument == "--results") {
      results = true;
    } else {
      const std::size_t equals = argument.find('=');
      if (argument.starts_with("-") || equals == 0 || equals == std::string::npos) {
        throw UsageError("unknown argument \"" + argument + "\" (expected NAME=FILE)");
      }
      (results ? options.results : options.series)
          .emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
    }
  }
  if (options.series.empty()) throw UsageError("no series given (NAME=FILE.csv)");
  return options;
}

// What the runs had in common, from the first that tells.
std::string subtitle(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    const std::int64_t connections = run.result("connections", 0);
    if (connections == 0) continue;
    return std::to_string(connections) + (connections == 1 ? " connection" : " connections") + ", " +
           format_size(run.result("db_bytes", 0)) + " of jobs, every query cut off after " +
           format_number(static_cast<double>(run.result("timeout_ms", 0)) / 1000, 0) + " s";
  }
  return "";
}

Picture read_picture(const Options& options) {
  Picture picture;
  picture.title = options.title.empty() ? "Resident memory of a service on SQLite" : options.title;
  picture.budget_bytes = options.budget_bytes;
  for (const auto& [name, file] : options.series) picture.runs.push_back(read_series(name, file));
  for (const auto& [name, file] : options.results) {
    const std::string& wanted = name;
    const auto run = std::find_if(picture.runs.begin(), picture.runs.end(),
                                  [&wanted](const Run& candidate) { return candidate.name == wanted; });
    if (run == picture.runs.end())
      throw UsageError("--results " + name + ": there is no series of that name");
    run->results = read_results(file);
    if (picture.budget_bytes == 0) picture.budget_bytes = run->result("budget_bytes", 0);
  }
  picture.subtitle = subtitle(picture.runs);
  return picture;
}

// "1.2 s", or what the timeout left of it.
std::string time_per_scan(const Run& run) {
  const std::int64_t median_ms = run.result("scan_median_ms", -1);
  if (median_ms < 0) return "-";
  const std::int64_t interrupted = run.result("scans_interrupted", 0);
  const std::int64_t all = interrupted + run.result("scans_finished", 0);
  std::string text = format_seconds(static_cast<double>(median_ms));
  if (median_ms >= run.result("timeout_ms", 0)) text = "> " + text;
  if (interrupted > 0) text += ", " + std::to_string(interrupted) + " of " + std::to_string(all) + " cut off";
  return text;
}

void print_table(const std::vector<Run>& runs) {
  const std::int64_t after_seconds = verdict(runs.front()).after_seconds;
  const std::string after = std::to_string(after_seconds) + " s after";
  std::printf("  %-8s %8s %10s %11s %10s   %s\n", "", "peak", "1 s after", after.c_str(), "returned",
              "scan, median");
  for (const Run& run : runs) {
    const Verdict numbers = verdict(run);
    std::printf("  %-8s %8s %10s %11s %10s   %s\n", run.name.c_str(), format_size(numbers.peak_bytes).c_str(),
                format_size(numbers.soon_after_bytes).c_str(), format_size(numbers.after_bytes).c_str(),
                format_size(numbers.peak_bytes - numbers.after_bytes).c_str(), time_per_scan(run).c_str());
  }
  for (const Run& run : runs) {
    if (run.result("connections", 0) == runs.front().result("connections", 0)) continue;
    std::printf("  (%s ran with %lld connections: not comparable)\n", run.name.c_str(),
                static_cast<long long>(run.result("connections", 0)));
  }
}

int run_chart(const Options& options) {
  const Picture picture = read_picture(options);
  if (!options.svg.empty()) {
    std::ofstream out(options.svg);
    out << draw_svg(picture);
    out.close();
    if (!out) throw std::runtime_error("cannot write " + options.svg);
  }
  const char* no_color = std::getenv("NO_COLOR");
  const bool colours = ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0');
  std::printf("\n%s\n", draw_panels(picture, colours).c_str());
  print_table(picture.runs);
  return 0;
}

}  // namespace
}  // namespace demo

int main(int argument_count, char** arguments) {
  try {
    return demo::run_chart(demo::parse_options({arguments + 1, arguments + argument_count}));
  } catch (const demo::UsageError& error) {
    std::fprintf(stderr, "chart: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chart: %s\n", error.what());
    return 1;
  }
}
