#include "sampler.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <limits>
#include <string_view>
#include <utility>

#include "pressure.hpp"

namespace warden {
namespace {

/// MemTotal, MemFree and MemAvailable are the first three lines of /proc/meminfo (fs/proc/meminfo.c), about
/// 90 bytes; the rest of its 1.5 KB need not be copied.
constexpr std::size_t kMeminfoBytes = 512;

/// Seven numbers of at most 20 digits.
constexpr std::size_t kStatmBytes = 192;

/// Two lines of about 60 bytes.
constexpr std::size_t kPressureBytes = 256;

/// What `ulimit -v` and `ulimit -d` allow: batch systems set them, and malloc fails beyond. Two system calls of 0.1 us.
std::optional<std::int64_t> read_ulimit() noexcept {
  std::optional<std::int64_t> lower;
  for (const auto which : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (::getrlimit(which, &limit) != 0) continue;
    if (limit.rlim_cur > static_cast<rlim_t>(std::numeric_limits<std::int64_t>::max())) continue;  // none
    const auto bytes = static_cast<std::int64_t>(limit.rlim_cur);
    lower = std::min(lower.value_or(bytes), bytes);
  }
  return lower;
}

}  // namespace

Sampler::Sampler(Files files)
    : files_(std::move(files)), page_bytes_(std::max<std::int64_t>(::sysconf(_SC_PAGESIZE), 1)) {
  cgroup_.locate(files_);
}

bool Sampler::relocate() noexcept {
  try {
    return cgroup_.locate(files_);
  } catch (const std::exception&) {
    return false;
  }
}

ProcessReading Sampler::read_process() const noexcept {
  std::array<char, kStatmBytes> buffer;
  std::size_t length = 0;
  if (!files_.read("/proc/self/statm", buffer, length)) return {};
  errno = ENOENT;  // what can't be understood is not there
  std::string_view text(buffer.data(), length);
  take_word(text);  // the whole address space
  const auto resident = parse_integer(take_word(text));
  const auto shared = parse_integer(take_word(text));
  const std::int64_t most_pages = std::numeric_limits<std::int64_t>::max() / page_bytes_;
  if (!resident || !shared || *resident > most_pages) return {};
  // The two counters are read one after the other, so shared can be ahead.
  const std::int64_t file = std::min(*shared, *resident);
  return {*resident * page_bytes_, (*resident - file) * page_bytes_, file * page_bytes_};
}

SystemReading Sampler::read() const noexcept {
  SystemReading reading;
  const ProcessReading process = read_process();
  if (!process.rss_bytes) reading.error = unreadable_error();
  reading.rss_bytes = process.rss_bytes;
  reading.rss_anonymous_bytes = process.rss_anonymous_bytes;
  reading.rss_file_bytes = process.rss_file_bytes;

  std::array<char, kMeminfoBytes> buffer;
  std::size_t length = 0;
  if (files_.read("/proc/meminfo", buffer, length)) {
    const std::string_view text(buffer.data(), length);
    reading.physical_bytes = find_kilobytes(text, "MemTotal:");
    reading.available_bytes = find_kilobytes(text, "MemAvailable:");
  } else if (reading.error == 0) {
    reading.error = unreadable_error();
  }

  reading.cgroup_limit_bytes = cgroup_.limit_bytes(files_, reading.error);
  reading.cgroup_current_bytes = cgroup_.current_bytes(files_);
  if (!cgroup_.pressure_path().empty())
    reading.pressure_ratio = read_pressure(cgroup_.pressure_path().c_str());
  if (!reading.pressure_ratio) reading.pressure_ratio = read_pressure("/proc/pressure/memory");

  reading.ulimit_bytes = read_ulimit();
  for (const auto& limit : {reading.physical_bytes, reading.cgroup_limit_bytes, reading.ulimit_bytes}) {
    const std::int64_t bytes = limit.value_or(0);
    if (bytes > 0 && (reading.memory_limit_bytes == 0 || bytes < reading.memory_limit_bytes)) {
      reading.memory_limit_bytes = bytes;
    }
  }
  return reading;
}

std::optional<double> Sampler::read_pressure(const char* path) const noexcept {
  std::array<char, kPressureBytes> buffer;
  std::size_t length = 0;
  if (!files_.read(path, buffer, length)) return std::nullopt;
  const auto pressure = parse_pressure({buffer.data(), length});
  if (!pressure) return std::nullopt;
  return pressure->some_avg10_ratio;
}

}  // namespace warden
