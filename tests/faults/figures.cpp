#include "figures.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <new>
#include <random>
#include <stdexcept>

namespace warden::test {

Figures& figures() {
  static Figures* const shared = [] {
    void* memory =
        ::mmap(nullptr, sizeof(Figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    return ::new (memory) Figures{};
  }();
  return *shared;
}

std::uint64_t places_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{std::random_device()()};
  }();
  return seed;
}

}  // namespace warden::test
