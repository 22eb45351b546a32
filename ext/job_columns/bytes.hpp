// Numbers in bytes: least significant first, at any address.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace warden::columns {

namespace detail {

template <std::size_t size>
using Unsigned =
    std::conditional_t<size == 1, std::uint8_t,
                       std::conditional_t<size == 2, std::uint16_t,
                                          std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

/// From the order of the file to that of the machine, and back.
template <class Bits>
Bits ordered(Bits bits) noexcept {
  if constexpr (std::endian::native == std::endian::little || sizeof(Bits) == 1) {
    return bits;
  } else {
    Bits reversed = 0;
    for (std::size_t i = 0; i < sizeof(Bits); ++i, bits = static_cast<Bits>(bits >> 8))
      reversed = static_cast<Bits>(reversed << 8 | (bits & 0xFF));
    return reversed;
  }
}

}  // namespace detail

template <class T>
T load(const std::byte* at) noexcept {
  detail::Unsigned<sizeof(T)> bits;
  std::memcpy(&bits, at, sizeof(bits));
  return std::bit_cast<T>(detail::ordered(bits));
}

template <class T>
void store(std::byte* at, T value) noexcept {
  const auto bits = detail::ordered(std::bit_cast<detail::Unsigned<sizeof(T)>>(value));
  std::memcpy(at, &bits, sizeof(bits));
}

}  // namespace warden::columns
