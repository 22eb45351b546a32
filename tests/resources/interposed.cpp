#include "interposed.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace warden::test {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// How long a thread sleeps in one piece while the monotonic clock is ahead: the kernel's own timers would know of a jump,
/// and these do not.
constexpr std::int64_t kSliceNs = 20'000'000;

std::int64_t in_ns(const timespec& t) { return t.tv_sec * kSecondNs + t.tv_nsec; }
timespec as_timespec(std::int64_t ns) { return {ns / kSecondNs, ns % kSecondNs}; }

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

std::int64_t ahead_ns(clockid_t clock) {
  if (clock == CLOCK_REALTIME) return wall_clock_ahead_ns;
  return clock == CLOCK_MONOTONIC ? monotonic_clock_ahead_ns.load() : 0;
}

}  // namespace
}  // namespace warden::test

using namespace warden::test;

extern "C" {

__attribute__((visibility("default"))) int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                                          void* (*start)(void*), void* argument) noexcept {
  if (no_threads) return EAGAIN;
  static auto* const real =
      next<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return real(thread, attributes, start, argument);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const auto rc = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  if (const std::int64_t ahead = ahead_ns(clock); rc == 0 && ahead != 0)
    *now = as_timespec(in_ns(*now) + ahead);
  return rc;
}

__attribute__((visibility("default"))) int pthread_cond_clockwait(pthread_cond_t* condition,
                                                                  pthread_mutex_t* mutex, clockid_t clock,
                                                                  const timespec* until) {
  static auto* const real =
      next<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>("pthread_cond_clockwait");
  const std::int64_t ahead = ahead_ns(clock);
  timespec now{};
  ::syscall(SYS_clock_gettime, clock, &now);
  timespec then = *until;
  if (ahead != 0) then = as_timespec(std::min(in_ns(*until) - ahead, in_ns(now) + kSliceNs));
  return real(condition, mutex, clock, &then);
}
}
