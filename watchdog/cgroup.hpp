// Which memory cgroup this process is in, and what it and the groups above it allow.
//
//   Cgroup cgroup;
//   cgroup.locate(files);                    // reads /proc/self/cgroup and mountinfo; allocates
//   auto limit = cgroup.limit_bytes(files, error);  // allocation-free, for every tick
//
// How the group is found. /proc/self/cgroup names it relative to the hierarchy's root as this cgroup
// namespace sees it; /proc/self/mountinfo says where which part (its "root" field) of the hierarchy is
// mounted. The group's directory is the mount point and what remains of the name after the root field:
//
//   name           root       mount point         directory
//   /a/b           /          /sys/fs/cgroup      /sys/fs/cgroup/a/b              a host
//   /docker/x      /docker/x  /sys/fs/cgroup      /sys/fs/cgroup                  in the host's namespace
//   /              /          /sys/fs/cgroup      /sys/fs/cgroup                  in a namespace of its own
//   /              /..        /sys/fs/cgroup      unknown: the mount point        mounted from above
//
// Limits above what is mounted cannot be seen. A container's own limit is on the outermost group that it
// sees, so it is found; a limit that only exists further out (a Kubernetes pod's, a slice's) is not.
//
// The memory controller is on v1 exactly if /proc/self/cgroup has a line with "memory" in its list of
// controllers; a cgroup2 mount beside it (hybrid, /sys/fs/cgroup/unified) then has no memory files, but it
// does have memory.pressure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "files.hpp"

namespace warden {

/// The memory cgroup of this process.
///
/// Thread-safety: as a std::vector. The const functions may run in several threads, `locate` needs the object
/// alone.
class Cgroup {
 public:
  /// Finds the group anew, e.g. after a service manager has moved the process. Allocates; throws
  /// std::bad_alloc, and is then without effect. What cannot be found leaves an object that answers nothing. False where
  /// /proc tells nothing (not mounted, no descriptors): what was found before stays.
  bool locate(const Files& files);

  /// The smallest of memory.max and memory.high (v2) or memory.limit_in_bytes (v1) of this group and of every
  /// group above it up to the mount, in bytes. Nothing if there is no limit. One read per file, 4 to 12 us. `error` is set
  /// where a file is there and can't be read (unreadable_error): then there may be a lower limit.
  std::optional<std::int64_t> limit_bytes(const Files& files, int& error) const noexcept;

  /// memory.current or memory.usage_in_bytes, in bytes (page cache included), of the group that this process
  /// is charged to: its own, or the nearest above it that has a memory controller. Nothing in the root group
  /// of v2.
  std::optional<std::int64_t> current_bytes(const Files& files) const noexcept;

  /// The group's memory.pressure below the files' root, or "" if there is none (v1 only, or PSI is off).
  const std::string& pressure_path() const noexcept { return pressure_path_; }

  /// 1 or 2: the version that controls memory here; 0: none found.
  int version() const noexcept { return version_; }

  /// The directory of the group as far as it is visible, or "".
  const std::string& directory() const noexcept { return directory_; }

 private:
  int version_ = 0;
  std::string directory_;
  std::vector<std::string> limit_paths_;
  std::string current_path_;
  std::string pressure_path_;
};

}  // namespace warden
