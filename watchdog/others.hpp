// Other wardens in this process: warden.so beside a program that has warden within itself, or two files of warden.so.
//
// On one connection they would take each other's functions and hooks, and with them what tells the first one of the
// connection's end. So whoever comes first keeps the connection, and the other leaves it alone.
//
// They find each other by a note in their images (mark.cpp): no name has to be known to the dynamic linker, which knows none
// of a program's own functions, and nothing at all of a static program.
#pragma once

#include <atomic>
#include <cstdint>

namespace warden {

/// What a warden shows to others, which may be of another version: a member may be added at the end, with a higher version,
/// and none changes.
struct Mark {
  std::uint32_t version;
  /// Does it look after the connection with this handle? NULL until it looks after any; then its image stays loaded.
  std::atomic<bool (*)(const void* handle) noexcept> watches;
};

/// True where another warden of this process looks after the connection. Waits for the dynamic linker's lock and for the other's
/// registry, so with nothing in hand.
bool others_watch(const void* handle) noexcept;

/// Others can ask this warden from now on. Keeps its image loaded: a program may have it in a module that it unloads.
void be_known(bool (*watches)(const void* handle) noexcept) noexcept;

}  // namespace warden
