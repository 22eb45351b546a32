#include "process.hpp"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace warden::bench {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The sum of the lines that begin with `key`, which are in kB.
std::int64_t kilobytes_of(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  std::string line;
  std::int64_t sum = 0;
  while (std::getline(lines, line)) {
    if (line.starts_with(key)) sum += std::stoll(line.substr(key.size()));
  }
  return sum * 1024;
}

/// The directory of a thread of this process, or "".
std::string thread_directory(std::string_view name) {
  std::string found;
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return found;
  while (const dirent* entry = ::readdir(tasks)) {
    const std::string directory = std::string("/proc/self/task/") + entry->d_name;
    if (entry->d_name[0] != '.' && text_of(directory + "/comm") == std::string(name) + "\n") {
      found = directory;
      break;
    }
  }
  ::closedir(tasks);
  return found;
}

}  // namespace

void sleep_ms(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

std::int64_t resident_bytes(pid_t pid) {
  const std::string path = "/proc/" + (pid == 0 ? std::string("self") : std::to_string(pid)) + "/statm";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  long long pages = 0;
  if (std::fscanf(file, "%*d %lld", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * ::sysconf(_SC_PAGESIZE);
}

Share share_of_memory() {
  const std::string text = text_of("/proc/self/smaps_rollup");
  return {kilobytes_of(text, "Private_Dirty:"), kilobytes_of(text, "Private_Clean:"),
          kilobytes_of(text, "Pss:")};
}

std::int64_t available_bytes() { return kilobytes_of(text_of("/proc/meminfo"), "MemAvailable:"); }

double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double thread_cpu_seconds(std::string_view name) {
  const std::string directory = thread_directory(name);
  if (directory.empty()) return 0;
  const std::string exact = text_of(directory + "/schedstat");  // nanoseconds; not in every kernel
  if (!exact.empty()) return static_cast<double>(std::stoll(exact)) * 1e-9;
  const std::string stat = text_of(directory + "/stat");
  std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 2)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

BusyCores::BusyCores() {
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
    threads_.emplace_back([this] {
      while (!stop_.load(std::memory_order_relaxed)) {
      }
    });
  }
}

BusyCores::~BusyCores() {
  stop_.store(true);
  for (std::thread& thread : threads_) thread.join();
}

PeakRecorder::PeakRecorder() : peak_(resident_bytes()) {
  thread_ = std::thread([this] {
    while (!stop_.load()) {
      peak_.store(std::max(peak_.load(), resident_bytes()));
      sleep_ms(5);
    }
  });
}

std::int64_t PeakRecorder::stop() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
  return peak_.load();
}

}  // namespace warden::bench
