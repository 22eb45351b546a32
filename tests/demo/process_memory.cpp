#include "process_memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace demo {
namespace {

// The first number of a file, e.g. of memory.max; nothing if there is none ("max") or no such file.
std::optional<std::int64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// The value behind `key` in a file of "key value" lines; 0 if it is missing.
std::int64_t value_of(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(key)) return std::strtoll(line.c_str() + key.size(), nullptr, 10);
  }
  return 0;
}

// A version of cgroups: where its files are, and what they are called.
struct CgroupFiles {
  const char* directory;
  const char* limit;
  const char* usage;
  const char* cache;  // the key in memory.stat
};
constexpr CgroupFiles kVersion1{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                "total_cache "};
constexpr CgroupFiles kVersion2{"sys/fs/cgroup", "memory.max", "memory.current", "file "};

// Room below the tightest limit of `group` and all above it. Cached file pages count as room: the kernel drops them
// first.
std::int64_t room_in(const std::filesystem::path& root, const CgroupFiles& files,
                     std::filesystem::path group) {
  std::int64_t room = std::numeric_limits<std::int64_t>::max();
  for (;; group = group.parent_path()) {
    const std::filesystem::path directory = root / files.directory / group.relative_path();
    const auto limit = number_in(directory / files.limit);
    const auto usage = number_in(directory / files.usage);
    if (limit && usage)
      room = std::min(room, *limit - *usage + value_of(directory / "memory.stat", files.cache));
    if (!group.has_relative_path()) return room;
  }
}

// A line of /proc/self/cgroup is "number:controllers:group"; version 2 has no controllers.
std::int64_t cgroup_room_bytes(const std::filesystem::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  std::int64_t room = std::numeric_limits<std::int64_t>::max();
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t group = line.find(":/");
    if (group == std::string::npos) continue;
    if (line.starts_with("0::")) room = std::min(room, room_in(root, kVersion2, line.substr(group + 1)));
    if (line.find(":memory:") < group + 1)
      room = std::min(room, room_in(root, kVersion1, line.substr(group + 1)));
  }
  return room;
}

}  // namespace

std::int64_t resident_bytes() {
  static const int statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const std::int64_t page_bytes = ::sysconf(_SC_PAGESIZE);
  std::array<char, 128> text{};
  if (::pread(statm, text.data(), text.size() - 1, 0) <= 0) return 0;
  long long total_pages = 0;
  long long resident_pages = 0;
  if (std::sscanf(text.data(), "%lld %lld", &total_pages, &resident_pages) != 2) return 0;
  return resident_pages * page_bytes;
}

std::int64_t available_bytes(const std::filesystem::path& root) {
  const std::int64_t machine = value_of(root / "proc/meminfo", "MemAvailable:") * 1024;
  return std::max<std::int64_t>(0, std::min(machine, cgroup_room_bytes(root)));
}

}  // namespace demo
