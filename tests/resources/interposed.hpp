// Functions of the C library in front of the real ones, for the whole process: threads that can't be had, clocks that jump.
// To be set in a child only.
#pragma once

#include <atomic>
#include <cstdint>

namespace warden::test {

/// While it is set, no thread can be started.
inline std::atomic<bool> no_threads{false};

/// Nanoseconds by which the clocks are ahead of the machine's.
inline std::atomic<std::int64_t> wall_clock_ahead_ns{0};
inline std::atomic<std::int64_t> monotonic_clock_ahead_ns{0};

}  // namespace warden::test
