// /proc and the cgroup files: whatever stands in them, a reading is what they say or nothing, never a guess.
//
// A line "@/path" of the input begins a file below the root, and "@/path/" makes a directory; what follows up to the next one is
// its content. Paths are lower-case letters, digits, '/', '.', '_' and '-'.
#include <unistd.h>

#include <cstring>
#include <map>
#include <set>

#include "fuzz.hpp"
#include "tests/unit/file_tree.hpp"
#include "watchdog/pressure.hpp"
#include "watchdog/sampler.hpp"

namespace {

using namespace warden;
using fuzz::require;

constexpr std::int64_t kNone = -1;

bool is_path(std::string_view text) {
  return text.size() > 1 && text.size() < 100 && text.front() == '/' && text.find("..") == text.npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789/._-") == text.npos;
}

/// The files of one input, gone before the next.
class Tree {
 public:
  void fill(std::string_view input) {
    for (const auto& directory : {"/proc", "/sys", "/other"}) tree_.remove(directory);
    files.clear();
    while (!input.empty()) {
      const std::size_t next = std::min(input.find("\n@"), input.size());
      std::string_view part = input.substr(0, next);
      input.remove_prefix(std::min(next + 1, input.size()));
      if (!part.starts_with('@')) continue;
      const std::size_t end = std::min(part.find('\n'), part.size());
      std::string path(part.substr(1, end - 1));
      const bool known =
          path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/other/");
      if (known && is_path(path)) put(path, part.substr(std::min(end + 1, part.size())));
    }
  }
  void remove(const std::string& path) {
    std::error_code ignored;  // something above it may be a file
    std::filesystem::remove_all(tree_.real(path), ignored);
    files.erase(path);
  }
  const std::string& root() const { return tree_.root(); }

  std::map<std::string, std::string> files;  // what stands in them

 private:
  void put(const std::string& path, std::string_view content) {
    try {
      if (path.ends_with('/')) {
        tree_.make_directory(path);
      } else {
        tree_.write(path, content);
        files[std::filesystem::path(path).lexically_normal()] = content;
      }
    } catch (const std::exception&) {  // a file where a directory is, or the other way round
    }
  }
  test::FileTree tree_;
};

/// Digits after spaces, and then white space or the end: what the kernel means by a number. Written anew.
std::int64_t number_in(const std::string& text) {
  std::size_t at = text.find_first_not_of(" \t");
  if (at == text.npos || text[at] < '0' || text[at] > '9') return kNone;
  __int128 number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    number = std::min<__int128>(number * 10 + (text[at] - '0'), __int128{1} << 64);
  const bool ends =
      at == text.size() || std::string_view("\0 \t\r\n", 5).find(text[at]) != std::string_view::npos;
  return ends && number <= INT64_MAX ? static_cast<std::int64_t>(number) : kNone;
}

/// What a cgroup file says is a limit; nothing where it is none.
std::int64_t limit_in(const std::string& text) {
  const std::int64_t number = number_in(text.substr(0, 64));
  return number > 0 && number < (std::int64_t{1} << 62) ? number : kNone;
}

std::string limits_of(const Tree& tree, std::string_view name, std::set<std::int64_t>& all) {
  std::string seen;
  for (const auto& [path, content] : tree.files) {
    if (std::filesystem::path(path).filename() != name || limit_in(content) == kNone) continue;
    all.insert(limit_in(content));
    seen += path + "=" + std::to_string(limit_in(content)) + " ";
  }
  return seen;
}

void judge_process(const Tree& tree, const SystemReading& reading) {
  const bool all = reading.rss_bytes.has_value();
  require(all == reading.rss_anonymous_bytes.has_value() && all == reading.rss_file_bytes.has_value(),
          "resident memory is known with its parts, or not at all");
  const auto statm = tree.files.find("/proc/self/statm");
  require(!all || statm != tree.files.end(), "without statm resident memory is unknown");
  if (!all) return;
  const std::int64_t page = ::sysconf(_SC_PAGESIZE);
  std::int64_t parts = *reading.rss_anonymous_bytes + *reading.rss_file_bytes;
  if (fuzz::planted() && *reading.rss_anonymous_bytes == 0) parts = -1;
  require(*reading.rss_bytes == parts && *reading.rss_file_bytes >= 0 && *reading.rss_anonymous_bytes >= 0,
          "resident memory is the sum of its parts", statm->second, std::to_string(*reading.rss_bytes));
  const auto second = std::min(statm->second.find_first_of(" \t", statm->second.find_first_not_of(" \t")),
                               statm->second.size());
  const std::string resident = statm->second.substr(second);
  const auto word = resident.substr(0, resident.find_first_of(" \t", resident.find_first_not_of(" \t")));
  require(number_in(word) == *reading.rss_bytes / page && *reading.rss_bytes % page == 0,
          "it is the second number of statm in pages", statm->second, std::to_string(*reading.rss_bytes));
}

void judge_limits(const Tree& tree, const Sampler& sampler, const SystemReading& reading) {
  const Cgroup& group = sampler.cgroup();
  require(group.version() >= 0 && group.version() <= 2, "cgroups are of version 1 or 2, or none");
  require(group.version() != 0 ||
              (!reading.cgroup_limit_bytes && !reading.cgroup_current_bytes && group.directory().empty()),
          "without a group there is no limit");
  std::set<std::int64_t> limits;
  std::string seen;
  for (const char* name : {"memory.max", "memory.high", "memory.limit_in_bytes"}) {
    if ((group.version() == 1) == (std::string_view(name) == "memory.limit_in_bytes"))
      seen += limits_of(tree, name, limits);
  }
  const std::int64_t limit = reading.cgroup_limit_bytes.value_or(kNone);
  require(limit == kNone || limits.contains(limit), "a limit is one that a file says", seen,
          std::to_string(limit));
  const auto own = std::filesystem::path(group.directory() + "/").lexically_normal().string();
  for (const char* name : {"memory.max", "memory.high", "memory.limit_in_bytes"}) {
    const auto file = tree.files.find(own + name);
    if (group.version() == 0 || file == tree.files.end() || limit_in(file->second) == kNone) continue;
    if ((group.version() == 1) != (std::string_view(name) == "memory.limit_in_bytes")) continue;
    require(limit != kNone && limit <= limit_in(file->second), "it is never above that of the own group",
            file->first + "=" + file->second, std::to_string(limit));
  }
  for (const auto& known : {reading.physical_bytes, reading.cgroup_limit_bytes}) {
    require(
        known.value_or(0) <= 0 || (reading.memory_limit_bytes > 0 && reading.memory_limit_bytes <= *known),
        "what this process can have is the smallest of all that is known");
  }
  require(reading.memory_limit_bytes == 0 || reading.memory_limit_bytes == reading.physical_bytes ||
              reading.memory_limit_bytes == reading.cgroup_limit_bytes,
          "what it can have is one of them");
}

void judge_meminfo(const Tree& tree, const SystemReading& reading) {
  const auto meminfo = tree.files.find("/proc/meminfo");
  for (const auto& [key, found] : {std::pair("MemTotal:", reading.physical_bytes),
                                   std::pair("MemAvailable:", reading.available_bytes)}) {
    const std::string text = meminfo == tree.files.end() ? "" : "\n" + meminfo->second.substr(0, 512);
    const std::size_t at = text.find("\n" + std::string(key));
    std::string line = at == text.npos ? "" : text.substr(at + 1 + std::strlen(key));
    line.resize(std::min(line.find('\n'), line.size()));
    const std::int64_t kilobytes = number_in(line);
    const std::int64_t wanted = kilobytes > INT64_MAX / 1024 ? kNone
                                : kilobytes == kNone         ? kNone
                                                             : kilobytes * 1024;
    require(found.value_or(kNone) == wanted, "meminfo is read as it stands", text, key);
  }
}

void judge_pressure(const Tree& tree, const Sampler& sampler, const SystemReading& reading) {
  if (!reading.pressure_ratio) return;
  require(*reading.pressure_ratio >= 0 && *reading.pressure_ratio <= 1, "pressure is a ratio",
          std::to_string(*reading.pressure_ratio));
  bool told = false;
  for (const auto& path : {sampler.cgroup().pressure_path(), std::string("/proc/pressure/memory")}) {
    const auto file = tree.files.find(std::filesystem::path(path).lexically_normal());
    told = told || (file != tree.files.end() && file->second.find("some avg10=") != std::string::npos) ||
           (file != tree.files.end() && parse_pressure(file->second).has_value());
  }
  require(told, "where it is known a file tells it");
}

std::string text_of(const SystemReading& r) {
  std::string text;
  for (const auto& number : {r.rss_bytes, r.rss_anonymous_bytes, r.rss_file_bytes, r.physical_bytes,
                             r.available_bytes, r.cgroup_limit_bytes, r.cgroup_current_bytes})
    text += number ? std::to_string(*number) + " " : "- ";
  return text + (r.pressure_ratio ? std::to_string(*r.pressure_ratio) : "-") + " " + std::to_string(r.error) +
         " " + std::to_string(r.memory_limit_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Tree tree;
  tree.fill(fuzz::Bytes(data, size).rest());
  Sampler sampler{Files(tree.root())};
  const SystemReading reading = sampler.read();
  judge_process(tree, reading);
  judge_limits(tree, sampler, reading);
  judge_meminfo(tree, reading);
  judge_pressure(tree, sampler, reading);
  require(text_of(sampler.read()) == text_of(reading), "two readings of the same files are one",
          text_of(reading), text_of(sampler.read()));

  // What was found stays where /proc tells nothing any more.
  const std::string directory = sampler.cgroup().directory();
  tree.remove("/proc/self/mountinfo");
  require(!sampler.relocate() && sampler.cgroup().directory() == directory, "what was found before stays",
          directory, sampler.cgroup().directory());
  return 0;
}
