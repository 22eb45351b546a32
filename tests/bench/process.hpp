// What the kernel says about a process and its threads.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <thread>
#include <vector>

namespace warden::bench {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}
void sleep_ms(int milliseconds);

/// Resident memory; `pid` 0 is this process. 0 for one that has ended.
std::int64_t resident_bytes(pid_t pid = 0);
/// Memory that is this process's alone: written to, and pages of files that nobody else has mapped, which the kernel can
/// take back at any time; and its proportional share of everything (smaps_rollup).
struct Share {
  std::int64_t dirty_bytes = 0;
  std::int64_t clean_bytes = 0;
  std::int64_t proportional_bytes = 0;
};
Share share_of_memory();
/// What the machine could still give.
std::int64_t available_bytes();
/// CPU time of all of this process; of its first thread with that name (0 if there is none).
double cpu_seconds();
double thread_cpu_seconds(std::string_view name);

/// Keeps every core busy, with a thread each that does nothing but spin.
class BusyCores {
 public:
  BusyCores();
  ~BusyCores();
  BusyCores(const BusyCores&) = delete;
  BusyCores& operator=(const BusyCores&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

/// Watches the resident memory of this process every 5 ms.
class PeakRecorder {
 public:
  PeakRecorder();
  /// Ends it; the largest that was seen.
  std::int64_t stop();
  ~PeakRecorder() { stop(); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::int64_t> peak_{0};
  std::thread thread_;
};

}  // namespace warden::bench
