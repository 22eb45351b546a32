#include "room.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <limits>

namespace warden {

std::optional<Room> room_at(const char* path) noexcept {
  struct statvfs told {};
  // Some that have no size of their own say 0 of everything.
  if (::statvfs(path, &told) != 0 || told.f_blocks == 0 || told.f_frsize == 0) return std::nullopt;
  const std::uint64_t blocks = ::geteuid() == 0 ? told.f_bfree : told.f_bavail;
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max() / told.f_frsize;
  Room room;
  room.free_bytes = static_cast<std::int64_t>(blocks < most ? blocks * told.f_frsize : most * told.f_frsize);
  room.no_more_files = told.f_files != 0 && told.f_ffree == 0;
  room.read_only = (told.f_flag & ST_RDONLY) != 0;
  return room;
}

}  // namespace warden
