// The one place that reads files: /proc and the cgroup tree, below a root that a test can put elsewhere.
//
//   Files files;                                     // the machine's own files
//   Files fixture("/tmp/tree");                      // reads "/proc/stat" from /tmp/tree/proc/stat
//   std::array<char, 256> buffer;
//   std::size_t length = 0;
//   if (files.read("/proc/self/statm", buffer, length)) use(std::string_view(buffer.data(), length));
//
// Every reading opens the file anew: a descriptor kept open would pin a cgroup that is gone, and a child
// after fork would read its parent's /proc/self. An open, read and close of a /proc file costs 5 to 15 us.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace warden {

/// The longest path with its terminating NUL, in bytes (Linux PATH_MAX, 4096).
inline constexpr std::size_t kPathCapacity = PATH_MAX;

/// Reads files below a root.
///
/// Thread-safety: immutable after construction. Any number of threads may share one object.
class Files {
 public:
  /// `root` is put in front of every path; it ends without a slash. Empty: the machine's own files.
  explicit Files(std::string root = "");

  const std::string& root() const noexcept { return root_; }

  /// Reads the file from its start into `buffer` and sets `length` to the bytes read. Allocates nothing.
  /// A file longer than the buffer is cut: `length` is then the buffer's size, and the answer is still true.
  /// False, with `length` 0, if the path is too long or the file cannot be opened or read.
  bool read(const char* path, std::span<char> buffer, std::size_t& length) const noexcept;

  /// The whole file, for readings that are rare (mountinfo has no bound that fits a stack). Allocates.
  /// Empty if it cannot be read. More than `limit_bytes` are not read. Throws std::bad_alloc.
  std::string read_all(const char* path, std::size_t limit_bytes = kReadAllLimitBytes) const;

  /// Whether something is there. Allocates nothing.
  bool exists(const char* path) const noexcept;

  /// Writes root + path, NUL-terminated, to `out`. False if that does not fit. Allocates nothing.
  bool full_path(std::string_view path, std::span<char> out) const noexcept;

 private:
  /// 16 MiB: a mountinfo line is about 150 bytes, a mount namespace holds at most 100 000 mounts
  /// (sysctl fs.mount-max, its default).
  static constexpr std::size_t kReadAllLimitBytes = std::size_t{16} << 20;

  std::string root_;
};

/// After a read that failed: errno if the file may well be there, and could not be had for want of descriptors, memory or
/// permission; 0 if it is not there.
int unreadable_error() noexcept;

/// The unsigned decimal integer that `text` begins with, after spaces and tabs. Nothing if there is none, if
/// it runs into something that is not white space ("12x", "1.5"), or if it exceeds INT64_MAX.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// A cgroup limit in bytes: an integer as above. Nothing for "max", for what cgroup v1 prints when there is
/// none, and for 0, which nothing can run under: writing it is a request to reclaim.
std::optional<std::int64_t> parse_limit(std::string_view text) noexcept;

/// The value of a line `key value kB` of /proc/meminfo, in bytes. `key` includes its colon ("MemAvailable:")
/// and matches at the start of a line only. Nothing if there is no such line or its value is no number.
std::optional<std::int64_t> find_kilobytes(std::string_view text, std::string_view key) noexcept;

/// Takes the first line off `text` and returns it without its line end; for `while (!text.empty())`.
std::string_view take_line(std::string_view& text) noexcept;

/// Takes the first word off `text`, up to a space or tab or the end, with the white space before it.
std::string_view take_word(std::string_view& text) noexcept;

}  // namespace warden
