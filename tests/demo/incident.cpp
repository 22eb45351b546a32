// incident: an ordinary multi-connection SQLite service whose memory does not come back, and its cure.
//
//   incident --db FILE --mode plain|pragmas|warden --series OUT.csv [--result OUT.txt] [--extension build/warden.so]
//            [--connections 4] [--rounds 2] [--timeout-ms 3000] [--budget 256MB] [--after-seconds 10]
//
//   plain    the service as it was
//   pragmas  and what people reach for: PRAGMA soft_heap_limit before, PRAGMA shrink_memory and optimize after
//   warden   as plain without its timer, and on the first connection one sqlite3_load_extension and three settings:
//            memory_budget, temp_store = file, so that sorts spill, and statement_timeout_ms, which does what the service's
//            own timer does in the other modes. Nothing else
//
// Each mode has to be a process of its own: what is measured is the memory of the process.
//
// The result is a file of key=value lines, see write_result. Exit status: 0 done, 1 failed, 2 wrong
// arguments, 3 not enough memory to try it here.

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "process_memory.hpp"
#include "recorder.hpp"
#include "service.hpp"
#include "units.hpp"
#include "warden_log.hpp"

namespace demo {
namespace {

// Measured with 640 000 jobs in 904 MB: a full cache takes 1.1 of the file's size, a finished sort another
// 0.9.
constexpr double kBytesPerConnectionPerFileByte = 2.0;

// What may be taken of the memory that is available; the file in the kernel's cache comes on top.
constexpr double kShareOfAvailable = 0.8;

// The service's own timer where warden keeps the deadlines: it then only serves to stop everything.
constexpr std::chrono::hours kNoTimeout{24};

constexpr std::chrono::milliseconds kBaseline{500};  // recorded before the first statement
constexpr std::int64_t kSoonAfterMs = 1000;

struct Options {
  std::string db;
  std::string mode;
  std::string extension = "build/warden.so";
  std::string series;
  std::string result;
  std::size_t connections = 4;
  int rounds = 2;
  std::int64_t timeout_ms = 3000;
  std::int64_t after_seconds = 10;
  std::string budget = "256MB";
  std::int64_t budget_bytes = 0;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Number>
Number number_between(std::string_view flag, const std::string& text, Number low, Number high) {
  const auto value = parse_number<Number>(text);
  if (!value || *value < low || *value > high) {
    throw UsageError(std::string(flag) + " must be a number from " + std::to_string(low) + " to " +
                     std::to_string(high) + ", not \"" + text + "\"");
  }
  return *value;
}

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  const std::map<std::string, std::function<void(const std::string&)>> flags{
      {"--db", [&](const std::string& v) { options.db = v; }},
      {"--mode", [&](const std::string& v) { options.mode = v; }},
      {"--extension", [&](const std::string& v) { options.extension = v; }},
      {"--series", [&](const std::string& v) { options.series = v; }},
      {"--result", [&](const std::string& v) { options.result = v; }},
      {"--budget", [&](const std::string& v) { options.budget = v; }},
      {"--connections",
       [&](const std::string& v) {
         options.connections = number_between<std::size_t>("--connections", v, 1, 64);
       }},
      {"--rounds", [&](const std::string& v) { options.rounds = number_between("--rounds", v, 1, 1000); }},
      {"--timeout-ms",
       [&](const std::string& v) {
         options.timeout_ms = number_between<std::int64_t>("--timeout-ms", v, 1, 3'600'000);
       }},
      {"--after-seconds", [&](const std::string& v) {
         options.after_seconds = number_between<std::int64_t>("--after-seconds", v, 1, 3600);
       }}};
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto flag = flags.find(arguments[i]);
    if (flag == flags.end()) throw UsageError("unknown argument \"" + arguments[i] + "\"");
    if (i + 1 == arguments.size()) throw UsageError(arguments[i] + " needs a value");
    flag->second(arguments[i + 1]);
  }
  if (options.db.empty()) throw UsageError("--db FILE is missing");
  if (options.series.empty()) throw UsageError("--series OUT.csv is missing");
  if (options.mode != "plain" && options.mode != "pragmas" && options.mode != "warden") {
    throw UsageError("--mode must be plain, pragmas or warden, not \"" + options.mode + "\"");
  }
  const auto budget = parse_size(options.budget);
  if (!budget || *budget <= 0) {
    throw UsageError("--budget must be a size such as 256MB, not \"" + options.budget + "\"");
  }
  options.budget_bytes = *budget;
  return options;
}

// Reads the file once, so that every mode finds it in the kernel's cache.
std::int64_t warm(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::vector<char> block(1 << 20);
  std::int64_t bytes = 0;
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0)
    bytes += in.gcount();
  return bytes;
}

// How many connections this machine can bear with nothing to bound them. The same for every mode.
std::size_t bearable_connections(std::int64_t db_bytes, std::size_t wanted) {
  const double available = static_cast<double>(available_bytes()) * kShareOfAvailable;
  const double each = static_cast<double>(db_bytes) * kBytesPerConnectionPerFileByte;
  const double bearable = (available - static_cast<double>(db_bytes)) / each;
  if (bearable >= static_cast<double>(wanted)) return wanted;
  return bearable < 1 ? 0 : static_cast<std::size_t>(bearable);
}

// The whole of what a service has to do for warden.
void load_warden(sqlite3* db, const Options& options) {
  const std::string path = std::filesystem::absolute(options.extension).string();
  if (!std::filesystem::exists(path))
    throw std::runtime_error("no extension at " + path + " (build it first)");
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  char* error = nullptr;
  if (sqlite3_load_extension(db, path.c_str(), nullptr, &error) != SQLITE_OK) {
    const std::string reason = error != nullptr ? error : sqlite3_errmsg(db);
    sqlite3_free(error);
    throw std::runtime_error("cannot load " + path + ": " + reason);
  }
  execute(db, "SELECT warden_set('memory_budget', '" + options.budget +
                  "'), warden_set('temp_store', 'file'), warden_set('statement_timeout_ms', " +
                  std::to_string(options.timeout_ms) + ")");
}

std::vector<Connection> open_pool(const Options& options) {
  std::vector<Connection> pool;
  for (std::size_t i = 0; i < options.connections; ++i) {
    pool.push_back(open_connection(options.db));
    sqlite3* db = pool.back().get();
    if (i == 0 && options.mode == "warden") load_warden(db, options);
    if (i == 0 && options.mode == "pragmas") {
      execute(db, "PRAGMA soft_heap_limit=" + std::to_string(options.budget_bytes));
    }
    apply_incident_settings(db);
  }
  return pool;
}

struct Result {
  std::int64_t db_bytes = 0;
  std::int64_t before_bytes = 0;
  std::int64_t peak_bytes = 0;
  std::int64_t soon_after_bytes = 0;
  std::int64_t after_bytes = 0;
  std::int64_t work_ms = 0;
  std::vector<Statement> statements;
};

std::int64_t count(const Result& result, Work work, bool finished) {
  return std::count_if(result.statements.begin(), result.statements.end(), [&](const Statement& statement) {
    return statement.work == work && statement.finished == finished;
  });
}

double median_scan_ms(const Result& result) {
  std::vector<double> times;
  for (const Statement& statement : result.statements) {
    if (statement.work == Work::kScan) times.push_back(statement.took_ms);
  }
  if (times.empty()) return 0;
  std::sort(times.begin(), times.end());
  const std::size_t middle = times.size() / 2;
  return times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}

void write_result(std::FILE* out, const Options& options, const Result& result) {
  const auto line = [out](const char* key, std::int64_t value) {
    std::fprintf(out, "%s=%lld\n", key, static_cast<long long>(value));
  };
  std::fprintf(out, "mode=%s\n", options.mode.c_str());
  line("connections", static_cast<std::int64_t>(options.connections));
  line("rounds", options.rounds);
  line("timeout_ms", options.timeout_ms);
  line("budget_bytes", options.budget_bytes);
  line("db_bytes", result.db_bytes);
  line("before_bytes", result.before_bytes);
  line("peak_bytes", result.peak_bytes);
  line("after_1s_bytes", result.soon_after_bytes);
  line("after_seconds", options.after_seconds);
  line("after_bytes", result.after_bytes);
  line("returned_bytes", result.peak_bytes - result.after_bytes);
  line("scan_median_ms", static_cast<std::int64_t>(median_scan_ms(result) + 0.5));
  line("scans_finished", count(result, Work::kScan, true));
  line("scans_interrupted", count(result, Work::kScan, false));
  line("sorts_finished", count(result, Work::kSort, true));
  line("sorts_interrupted", count(result, Work::kSort, false));
  line("work_ms", result.work_ms);
}

void print_summary(const Options& options, const Result& result) {
  std::printf("  %-8s before %s, peak %s, 1 s after %s, %lld s after %s\n", options.mode.c_str(),
              format_size(result.before_bytes).c_str(), format_size(result.peak_bytes).c_str(),
              format_size(result.soon_after_bytes).c_str(), static_cast<long long>(options.after_seconds),
              format_size(result.after_bytes).c_str());
  for (const auto& [work, name] : {std::pair{Work::kScan, "scans"}, std::pair{Work::kSort, "sorts"}}) {
    std::printf("  %-8s %s: %lld finished, %lld cut off:", "", name,
                static_cast<long long>(count(result, work, true)),
                static_cast<long long>(count(result, work, false)));
    for (const Statement& statement : result.statements) {
      if (statement.work == work) std::printf(" %s", format_number(statement.took_ms / 1000, 1).c_str());
    }
    std::printf(" s\n");
  }
}

int run_incident(Options options) {
  Result result;
  result.db_bytes = warm(options.db);
  const std::size_t bearable = bearable_connections(result.db_bytes, options.connections);
  if (bearable < options.connections) {
    const std::string why =
        format_size(available_bytes()) + " of memory are available, and a connection may take " +
        format_size(
            static_cast<std::int64_t>(static_cast<double>(result.db_bytes) * kBytesPerConnectionPerFileByte));
    if (bearable == 0) {
      std::fprintf(stderr, "incident: not tried here: %s\n", why.c_str());
      return 3;
    }
    std::printf("  %s: %zu connections instead of %zu\n", why.c_str(), bearable, options.connections);
    options.connections = bearable;
  }

  const std::chrono::milliseconds timeout =
      options.mode == "warden" ? kNoTimeout : std::chrono::milliseconds(options.timeout_ms);
  Service service(open_pool(options), timeout);
  std::atomic<bool> began{false};
  std::atomic<bool> ended{false};
  std::atomic<bool> endangered{false};
  Recorder recorder(
      options.mode,
      [&]() -> Doing {
        const int scanning = service.scanning();
        const int sorting = service.sorting();
        const char* phase = ended ? "after" : !began ? "before" : scanning >= sorting ? "scan" : "sort";
        return {phase, scanning + sorting, service.connections()};
      },
      [&] {
        endangered = true;
        service.stop();
      });

  std::this_thread::sleep_for(kBaseline);
  began = true;
  const std::int64_t began_at_ms = recorder.now_ms();
  result.statements = service.run(options.rounds);
  const std::int64_t ended_at_ms = recorder.now_ms();
  ended = true;
  if (options.mode == "pragmas") {
    service.run_through_pool("PRAGMA shrink_memory");
    service.run_through_pool("PRAGMA optimize");
  }
  const std::int64_t last_at_ms = ended_at_ms + options.after_seconds * 1000;
  std::this_thread::sleep_for(std::chrono::milliseconds(last_at_ms - recorder.now_ms()));
  recorder.finish();

  result.work_ms = ended_at_ms - began_at_ms;
  result.before_bytes = recorder.bytes_at(began_at_ms);
  result.peak_bytes = recorder.peak_bytes();
  result.soon_after_bytes = recorder.bytes_at(ended_at_ms + kSoonAfterMs);
  result.after_bytes = recorder.bytes_at(last_at_ms);
  recorder.write_csv(options.series);
  print_summary(options, result);
  if (endangered)
    std::printf("  %-8s cut short: the machine was about to run out of memory\n", options.mode.c_str());
  if (!options.result.empty()) {
    std::FILE* out = std::fopen(options.result.c_str(), "w");
    if (out == nullptr) throw std::runtime_error("cannot write " + options.result);
    write_result(out, options, result);
    if (std::fclose(out) != 0) throw std::runtime_error("cannot write " + options.result);
  }
  if (options.mode == "warden") print_warden_log(open_connection(options.db).get());
  return 0;
}

}  // namespace
}  // namespace demo

int main(int argument_count, char** arguments) {
  try {
    return demo::run_incident(demo::parse_options({arguments + 1, arguments + argument_count}));
  } catch (const demo::UsageError& error) {
    std::fprintf(stderr, "incident: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "incident: %s\n", error.what());
    return 1;
  }
}
