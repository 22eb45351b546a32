// What the storms did, counted for the line that the program ends with, and how long and from which seed they blow.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace warden::test {

/// Counted over all rounds, those in children too.
struct Figures {
  std::atomic<std::int64_t> rounds{0}, connections{0}, statements{0}, refused{0}, interrupted{0}, cancels{0},
      releases{0}, settings{0}, interleavings{0}, of_statements{0}, of_workers{0};
};
inline Figures& figures = []() -> Figures& {
  void* const shared =
      ::mmap(nullptr, sizeof(Figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) std::abort();
  return *new (shared) Figures;
}();

/// TEST_SECONDS, or what a part of the program takes by default.
inline int seconds_or(int usual) {
  const char* given = std::getenv("TEST_SECONDS");
  return given == nullptr ? usual : std::max(1, std::atoi(given));
}

/// TEST_SEED, or 1.
inline unsigned seed() {
  const char* given = std::getenv("TEST_SEED");
  return given == nullptr ? 1 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

}  // namespace warden::test
