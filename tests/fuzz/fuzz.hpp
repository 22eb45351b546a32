// What the fuzzers share: bytes as a source of choices, laws that end the process where they are broken, and a host with
// warden linked in, so that libFuzzer sees which of its branches an input takes.
//
// A fuzzer is a function from bytes to laws. What it was given is all that it knows: no clock, no thread, no random numbers.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace warden::fuzz {

/// Ends the process where a law does not hold, with what it was seen with; libFuzzer then keeps the input.
inline void require(bool holds, std::string_view law, std::string_view seen = "",
                    std::string_view other = "") {
  if (holds) return;
  const auto size = [](std::string_view text) {
    return static_cast<int>(std::min<std::size_t>(text.size(), 4000));
  };
  std::fprintf(stderr, "broken: %.*s\n  one:   %.*s\n  other: %.*s\n", size(law), law.data(), size(seen),
               seen.data(), size(other), other.data());
  std::abort();
}

/// True in the run that shows that a fuzzer can fail: it then sees a wrong result in one corner.
inline bool planted() {
  static const bool is_planted = std::getenv("FUZZ_PLANTED") != nullptr;
  return is_planted;
}

/// True where `text` is UTF-8 as RFC 3629 has it; written for the tests, and shares nothing with watchdog/utf8.hpp.
inline bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned first = byte(i);
    const std::size_t size = first < 0x80       ? 1
                             : first >> 5 == 6  ? 2
                             : first >> 4 == 14 ? 3
                             : first >> 3 == 30 ? 4
                                                : 0;
    if (size == 0) return false;
    unsigned code = size == 1 ? first : first & (0x7FU >> size);
    for (std::size_t j = 1; j < size; ++j) {
      if (byte(i + j) >> 6 != 2) return false;
      code = code << 6 | (byte(i + j) & 0x3FU);
    }
    constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    i += size;
  }
  return true;
}

/// The input, taken from its front. Once it is used up, every choice is the first.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const char first = rest_.front();
    rest_.remove_prefix(1);
    return static_cast<std::uint8_t>(first);
  }
  std::size_t below(std::size_t n) { return byte() % n; }
  template <class Container>
  const auto& one_of(const Container& all) {
    return all[below(std::size(all))];
  }
  std::uint64_t word() {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | byte();
    return value;
  }
  /// Up to the next newline, which is taken off, too.
  std::string_view line() { return until('\n'); }
  std::string_view until(char separator) {
    const std::size_t end = std::min(rest_.find(separator), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return taken;
  }
  /// At most `most` bytes.
  std::string_view text(std::size_t most) {
    const std::string_view taken = rest_.substr(0, std::min(most, rest_.size()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

}  // namespace warden::fuzz
