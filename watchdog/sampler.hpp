// One reading of everything the system can tell about this process's memory. Every rule of a tick judges the
// same one.
//
//   Sampler sampler{Files()};
//   const SystemReading reading = sampler.read();        // statm, meminfo, cgroup files, pressure
//   const ProcessReading now = sampler.read_process();   // statm alone: before and after an action
//
// What a number is not. Resident pages come from counters that the kernel batches per thread or per CPU: the
// reading may be off by 64 pages for each thread (before Linux 6.2) or by 32 pages or more for each CPU
// (since), in either direction. So a difference of two readings of less than a megabyte means nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "cgroup.hpp"
#include "files.hpp"

namespace warden {

/// What /proc/self/statm tells, in bytes. All of it or nothing.
struct ProcessReading {
  std::optional<std::int64_t> rss_bytes;  ///< resident in all
  std::optional<std::int64_t>
      rss_anonymous_bytes;  ///< of that, heap, stacks and private copies: resident - shared
  std::optional<std::int64_t> rss_file_bytes;  ///< of that, mapped files and shared memory
};

/// One full reading. What could not be read is empty, never a guess.
struct SystemReading {
  std::optional<std::int64_t> rss_bytes;
  std::optional<std::int64_t> rss_anonymous_bytes;
  std::optional<std::int64_t> rss_file_bytes;
  std::optional<std::int64_t> physical_bytes;        ///< MemTotal
  std::optional<std::int64_t> available_bytes;       ///< MemAvailable: what could be had without swapping
  std::optional<std::int64_t> cgroup_limit_bytes;    ///< the smallest of this group's and of all above it
  std::optional<std::int64_t> cgroup_current_bytes;  ///< this group's use, page cache included
  std::optional<std::int64_t> ulimit_bytes;          ///< RLIMIT_AS or RLIMIT_DATA, the lower one
  std::optional<double> pressure_ratio;  ///< some avg10, 0 to 1: the cgroup's, or else the system's
  int error = 0;                         ///< errno of a file that is there and could not be read; 0: none
  std::int64_t memory_limit_bytes = 0;   ///< the smallest of physical, cgroup limit and ulimit; 0: unknown
};

/// Takes readings.
///
/// Thread-safety: the const functions may run in any number of threads; `relocate` must not run beside `read`
/// or `cgroup`, but may run beside `read_process`.
class Sampler {
 public:
  /// Looks for the cgroup (see relocate). Throws std::bad_alloc.
  explicit Sampler(Files files);

  /// Everything. Allocates nothing. Costs one open, read and close per file: two for statm and meminfo, one
  /// for pressure, one for the cgroup's use, and for each level of cgroups one (v1) or two (v2):
  /// 47 us with three levels of v1.
  SystemReading read() const noexcept;

  /// statm alone.
  ProcessReading read_process() const noexcept;

  /// Finds the cgroup anew; for once a minute or so, and after fork. Allocates. False for want of memory, or
  /// where /proc tells nothing: then the cgroup found before stays in use.
  bool relocate() noexcept;

  const Cgroup& cgroup() const noexcept { return cgroup_; }
  const Files& files() const noexcept { return files_; }

 private:
  std::optional<double> read_pressure(const char* path) const noexcept;

  Files files_;
  Cgroup cgroup_;
  std::int64_t page_bytes_;
};

}  // namespace warden
