// The dice of the random job tests: the same numbers everywhere, so that a seed in a failure's text is enough to see it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace warden::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// 0 to n - 1. Not a distribution of the library: those differ from one to the next.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class Container>
  const auto& pick(const Container& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace warden::test
