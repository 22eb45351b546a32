// warden_bench: the numbers that the project promises, measured on this machine.
//
//   warden_bench [--list] [--json FILE] [--strict] [--full] [--jobs N] [names...]
//
// Without names: all, in about half an hour. Ends with 0 also where a bar was missed, unless --strict is given. --full
// measures `columns` with 20 000 000 jobs too; --jobs N with so many in the place of 2 000 000, to try it out.
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "process.hpp"

extern char** environ;  // NOLINT

namespace warden::bench {
namespace {

constexpr std::array<const Benchmark*, 21> kAll{
    &kBudgetHolds,   &kCli,           &kBesideIdle, &kGiveBack, &kLookUps,   &kInstructions,    &kIdle,
    &kConnections,   &kTables,        &kDeadlines,  &kCancels,  &kStale,     &kCancelledMemory, &kShapes,
    &kJobStatistics, &kJobHistograms, &kJobFilters, &kJobPlans, &kJobMemory, &kJobCancels,      &kColumns};

const Benchmark* find(std::string_view name) {
  const auto found =
      std::find_if(kAll.begin(), kAll.end(), [&](const Benchmark* b) { return name == b->name; });
  return found == kAll.end() ? nullptr : *found;
}

/// Settings come from us alone.
void forget_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text(*entry);
    if (text.starts_with("WARDEN_") || text.starts_with("MEMORY_PRESSURE_"))
      names.push_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

int run_child(int count, char** arguments) {
  const Benchmark* benchmark = count > 0 ? find(arguments[0]) : nullptr;
  if (benchmark == nullptr) throw std::runtime_error("--child needs the name of a benchmark");
  Parameters::Map given;
  for (int i = 1; i < count; ++i) {
    const std::string word(arguments[i]);
    const auto equals = word.find('=');
    if (equals == std::string::npos) throw std::runtime_error(word + " is not key=value");
    given[word.substr(0, equals)] = word.substr(equals + 1);
  }
  benchmark->child(Parameters(std::move(given)));
  return 0;
}

/// The test data goes away on Ctrl-C too; children end with us.
void remove_on_signal(Data& data) {
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ends, signal);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::thread([ends, &data] {
    int signal = 0;
    ::sigwait(&ends, &signal);
    data.remove();
    ::_exit(128 + signal);
  }).detach();
}

void run(const Benchmark& benchmark, Data& data, Report& report) {
  const auto began = Clock::now();
  report.begin(benchmark.name, benchmark.what);
  try {
    benchmark.run(data, report);
  } catch (const Skip& why) {
    report.skipped(why.what());
  } catch (const std::exception& why) {
    report.failed(why.what());
  }
  report.end(seconds_since(began));
}

int run_all(const std::vector<std::string>& names, const Data::Scale& scale, const std::string& json,
            bool strict) {
  std::vector<const Benchmark*> chosen;
  for (const std::string& name : names) {
    chosen.push_back(find(name));
    if (chosen.back() == nullptr)
      throw std::runtime_error("no benchmark is called " + name + "; --list names them");
  }
  if (chosen.empty()) chosen.assign(kAll.begin(), kAll.end());
  ::signal(SIGPIPE, SIG_IGN);
  // Never destroyed under the signal's thread: both live until the program ends.
  static Data data;
  data.scale = scale;
  remove_on_signal(data);
  std::printf("SQLite %s, %u processors, %.0f MB available; MB are 1 000 000 bytes\n", ::sqlite3_libversion(),
              std::thread::hardware_concurrency(), static_cast<double>(available_bytes()) / 1e6);
  Report report;
  for (const Benchmark* benchmark : chosen) run(*benchmark, data, report);
  const int missed = report.summary();
  if (!json.empty()) report.write_json(json);
  return strict && missed > 0 ? 1 : 0;
}

int main_of(int count, char** arguments) {
  std::vector<std::string> names;
  std::string json;
  bool strict = false;
  Data::Scale scale;
  for (int i = 1; i < count; ++i) {
    const std::string word(arguments[i]);
    if (word == "--child") return run_child(count - i - 1, arguments + i + 1);
    if (word == "--list") {
      for (const Benchmark* benchmark : kAll) std::printf("%-16s %s\n", benchmark->name, benchmark->what);
      return 0;
    }
    if (word == "--strict") {
      strict = true;
    } else if (word == "--full") {
      scale.full = true;
    } else if (word == "--json" && i + 1 < count) {
      json = arguments[++i];
    } else if (word == "--jobs" && i + 1 < count) {
      scale.jobs = std::stol(arguments[++i]);
    } else if (word.starts_with("-")) {
      std::fprintf(stderr,
                   "usage: warden_bench [--list] [--json FILE] [--strict] [--full] [--jobs N] [names...]\n");
      return 2;
    } else {
      names.push_back(word);
    }
  }
  forget_environment();
  return run_all(names, scale, json, strict);
}

}  // namespace
}  // namespace warden::bench

int main(int count, char** arguments) {
  try {
    return warden::bench::main_of(count, arguments);
  } catch (const std::exception& why) {
    std::fprintf(stderr, "warden_bench: %s\n", why.what());
    return 2;
  }
}
