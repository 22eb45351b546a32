// How much room a file system has left.
//
//   if (const auto room = room_at("/var/lib/jobs.db"); room && room->is_full()) complain();
#pragma once

#include <cstdint>
#include <optional>

namespace warden {

/// A value. Quotas, and what RLIMIT_FSIZE allows, are not in it.
struct Room {
  /// A write-ahead log before its first checkpoint: 1000 pages of 4 KiB. With less there is no working.
  static constexpr std::int64_t kFullBytes = 4 << 20;

  std::int64_t free_bytes = 0;  // for this process: root may use the reserve
  bool no_more_files = false;   // a journal could not be made
  bool read_only = false;       // as CD-ROMs are, and then nobody needs room

  bool is_full() const noexcept { return !read_only && (free_bytes < kFullBytes || no_more_files); }
};

/// Of the file system on which `path` is; nothing where that doesn't exist or doesn't tell. One system call, of 1 us, which
/// waits where the file itself would: on a network that is gone.
std::optional<Room> room_at(const char* path) noexcept;

}  // namespace warden
