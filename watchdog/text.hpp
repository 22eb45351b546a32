// Bounded text in a plain struct: for records that must not allocate.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "utf8.hpp"

namespace warden {

/// At most N bytes of UTF-8, cut at a character's boundary. Trivially copyable; not thread-safe.
template <std::size_t N>
class FixedText {
 public:
  FixedText() = default;
  FixedText(std::string_view text) noexcept { *this = text; }
  FixedText& operator=(std::string_view text) noexcept {
    size_ = static_cast<unsigned short>(utf8_floor(text, N));
    std::memcpy(bytes_.data(), text.data() == nullptr ? "" : text.data(), size_);
    return *this;
  }
  std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  bool empty() const noexcept { return size_ == 0; }
  std::array<char, N>& buffer() noexcept { return bytes_; }
  void resize(std::size_t size) noexcept { size_ = static_cast<unsigned short>(size < N ? size : N); }

 private:
  static_assert(N < 65536);
  unsigned short size_ = 0;
  std::array<char, N> bytes_;
};

}  // namespace warden
