// The one place that asks for the time.
#pragma once

#include <time.h>

#include <cstdint>

namespace warden {

/// Nanoseconds of a clock that never jumps; it stands still while the machine is suspended.
inline std::int64_t monotonic_ns() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// CPU time of the calling thread, nanoseconds.
inline std::int64_t thread_cpu_ns() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Unix time in milliseconds: for people to read, never to measure with.
inline std::int64_t wall_ms() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return std::int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace warden
