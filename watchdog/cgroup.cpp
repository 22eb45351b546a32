#include "cgroup.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace warden {
namespace {

/// Where one hierarchy, or a part of it, is mounted.
struct Mount {
  std::string root;   // the part of the hierarchy that is seen, "/" for all of it
  std::string point;  // where it is seen
};

/// What a hierarchy is called in /proc/self/cgroup and where it is mounted.
struct Hierarchy {
  bool present = false;
  std::string group;  // this process's group, relative to the namespace's root
  std::vector<Mount> mounts;
};

bool list_contains(std::string_view list, std::string_view name) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

/// mountinfo writes white space, backslash and '#' of a path as \ and three octal digits (proc(5)).
std::string unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      plain.push_back(static_cast<char>(code & 0xff));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

/// Lines `id:controllers:group`; the group may hold colons itself. v2 is id 0 with no controllers.
void read_groups(std::string_view text, Hierarchy& unified, Hierarchy& memory) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || second + 1 >= line.size() || line[second + 1] != '/') continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    Hierarchy* which = nullptr;
    if (controllers.empty() && line.substr(0, first) == "0") which = &unified;
    if (list_contains(controllers, "memory")) which = &memory;
    if (which == nullptr) continue;
    which->present = true;
    which->group = line.substr(second + 1);
  }
}

/// Lines `id parent device root point options [tags...] - type source superoptions`.
void read_mounts(std::string_view text, Hierarchy& unified, Hierarchy& memory) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::size_t separator = line.find(" - ");
    if (separator == std::string_view::npos) continue;
    std::string_view before = line.substr(0, separator);
    std::string_view after = line.substr(separator + 3);
    for (int skipped = 0; skipped < 3; ++skipped) take_word(before);
    Mount mount;
    mount.root = unescape(take_word(before));
    mount.point = unescape(take_word(before));
    if (mount.root.empty() || mount.point.empty()) continue;
    // A later mount on the same point hides the earlier one, whatever its type.
    for (Hierarchy* hierarchy : {&unified, &memory}) {
      std::erase_if(hierarchy->mounts, [&mount](const Mount& other) { return other.point == mount.point; });
    }
    const std::string_view type = take_word(after);
    take_word(after);
    const std::string_view super_options = take_word(after);
    if (type == "cgroup2")
      unified.mounts.push_back(std::move(mount));
    else if (type == "cgroup" && list_contains(super_options, "memory"))
      memory.mounts.push_back(std::move(mount));
  }
}

/// What remains of `group` below `root`, with its leading slash ("" for the root itself). Nothing if the
/// group is not below it, or if it leads out of the namespace ("/../x"), where names say nothing about
/// directories.
std::optional<std::string_view> below(std::string_view group, std::string_view root) noexcept {
  if (root == "/") root = "";
  if (!group.starts_with(root)) return std::nullopt;
  group.remove_prefix(root.size());
  if (group == "/") group = "";
  if (!group.empty() && group.front() != '/') return std::nullopt;
  if (group == "/.." || group.starts_with("/../")) return std::nullopt;
  return group;
}

/// The directories of the group and of all groups above it that are mounted, innermost first; empty if not
/// mounted. Of several mounts the one is taken in which the group is really found, then the one that shows
/// most of the tree.
std::vector<std::string> directories(const Files& files, const Hierarchy& hierarchy) {
  const Mount* best = nullptr;
  std::string_view best_rest;
  int best_rank = 0;
  for (const Mount& mount : hierarchy.mounts) {
    const auto rest = below(hierarchy.group, mount.root);
    const std::string directory = mount.point + std::string(rest.value_or(""));
    const int rank = !rest ? 1 : files.exists((directory + "/cgroup.procs").c_str()) ? 3 : 2;
    if (rank < best_rank || (rank == best_rank && mount.root.size() >= best->root.size())) continue;
    best = &mount;
    best_rank = rank;
    best_rest = rest.value_or("");
  }
  std::vector<std::string> found;
  if (best == nullptr) return found;
  const std::string point = best->point == "/" ? "" : best->point;
  for (std::string_view rest = best_rest; !rest.empty(); rest = rest.substr(0, rest.rfind('/'))) {
    found.push_back(point + std::string(rest));
  }
  found.push_back(point);
  return found;
}

/// The first of `name` in the directories that exists, or "".
std::string nearest(const Files& files, const std::vector<std::string>& directories, const char* name) {
  for (const std::string& directory : directories) {
    std::string path = directory + name;
    if (files.exists(path.c_str())) return path;
  }
  return {};
}

/// Reads the beginning of a file that holds one number. 64 bytes hold any 64-bit number.
std::string_view read_number(const Files& files, const std::string& path,
                             std::array<char, 64>& buffer) noexcept {
  std::size_t length = 0;
  if (path.empty() || !files.read(path.c_str(), buffer, length)) return {};
  return {buffer.data(), length};
}

}  // namespace

bool Cgroup::locate(const Files& files) {
  const std::string groups = files.read_all("/proc/self/cgroup");
  const std::string mounts = files.read_all("/proc/self/mountinfo");
  if (groups.empty() || mounts.empty()) return false;
  Hierarchy unified;
  Hierarchy memory;
  read_groups(groups, unified, memory);
  read_mounts(mounts, unified, memory);

  Cgroup found;
  std::vector<std::string> unified_directories;
  if (unified.present) unified_directories = directories(files, unified);
  std::vector<std::string> limiting = unified_directories;
  std::array<const char*, 2> limit_names = {"/memory.max", "/memory.high"};
  const char* current_name = "/memory.current";
  if (memory.present) {
    limiting = directories(files, memory);
    limit_names = {"/memory.limit_in_bytes", nullptr};
    current_name = "/memory.usage_in_bytes";
  }
  if (!limiting.empty()) {
    found.version_ = memory.present ? 1 : 2;
    found.directory_ = limiting.front();
    found.current_path_ = nearest(files, limiting, current_name);
    for (const std::string& directory : limiting) {
      for (const char* name : limit_names) {
        if (name == nullptr) continue;
        // A file that is not there now stays on the list: a controller can be enabled later.
        found.limit_paths_.push_back(directory + name);
      }
    }
  }
  if (!unified_directories.empty()) {
    std::string path = unified_directories.front() + "/memory.pressure";
    if (files.exists(path.c_str())) found.pressure_path_ = std::move(path);
  }
  *this = std::move(found);
  return true;
}

std::optional<std::int64_t> Cgroup::limit_bytes(const Files& files, int& error) const noexcept {
  std::optional<std::int64_t> smallest;
  std::array<char, 64> buffer;
  for (const std::string& path : limit_paths_) {
    const std::string_view text = read_number(files, path, buffer);
    if (text.data() == nullptr && error == 0) error = unreadable_error();
    const auto limit = parse_limit(text);
    if (limit && (!smallest || *limit < *smallest)) smallest = limit;
  }
  return smallest;
}

std::optional<std::int64_t> Cgroup::current_bytes(const Files& files) const noexcept {
  std::array<char, 64> buffer;
  return parse_integer(read_number(files, current_path_, buffer));
}

}  // namespace warden
