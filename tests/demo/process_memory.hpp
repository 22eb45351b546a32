// What the kernel says about memory: of this process, and of the machine it must not endanger.

#pragma once

#include <cstdint>
#include <filesystem>

namespace demo {

// Resident memory of this process, from /proc/self/statm. Allocates nothing, so that measuring does not
// disturb the heap that is measured. Safe from any thread.
std::int64_t resident_bytes();

// What this process could still take without pushing others out: MemAvailable, or the room below the tightest memory
// limit of its cgroups (version 1 or 2) if that is less. `root` is where proc and sys are found.
std::int64_t available_bytes(const std::filesystem::path& root = "/");

}  // namespace demo
