// Raw blocks: eight bytes for each row, the smallest of them in place of NULL, and where there are NULLs a bitmap of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.hpp"
#include "column.hpp"
#include "directory.hpp"
#include "frame.hpp"

namespace warden::columns {

/// `is_null` is looked at where `has_nulls`; `bytes` are 0 before.
template <class T>
void write_raw(const T* values, const std::uint8_t* is_null, std::size_t rows, bool has_nulls, T min,
               std::byte* bytes) noexcept {
  std::byte* const bitmap = bytes + rows * sizeof(T);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool null = has_nulls && is_null[i] != 0;
    store(bytes + i * sizeof(T), null ? min : values[i]);
    if (null) bitmap[i / 8] |= std::byte{1} << i % 8;
  }
}

inline bool bit_at(const std::byte* bitmap, std::size_t i) noexcept {
  return (bitmap[i / 8] >> i % 8 & std::byte{1}) != std::byte{0};
}

/// Whether every value is from min to max; a NaN is not. Without a jump for each.
inline bool all_within(const std::byte* bytes, std::size_t rows, std::int64_t min,
                       std::int64_t max) noexcept {
  // SSE2 compares no integers of 64 bits. But it subtracts: what has to be borrowed for range - d, with d = value - min
  // modulo 2^64, stands in the upper bit of this, and is 1 where d is the larger one.
  const std::uint64_t range = difference(max, min);
  std::uint64_t borrowed = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t d = difference(load<std::int64_t>(bytes + i * sizeof(std::int64_t)), min);
    borrowed |= (~range & d) | (~(range ^ d) & (range - d));
  }
  return borrowed >> 63 == 0;
}
inline bool all_within(const std::byte* bytes, std::size_t rows, double min, double max) noexcept {
  double outside = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto value = load<double>(bytes + i * sizeof(double));
    outside = value >= min && value <= max ? outside : 1;
  }
  return outside == 0;
}

/// `To` may be narrower than `From`: values are then taken modulo. `bitmap` and `is_null` may be null.
template <class From, class To>
void read_raw(const std::byte* bytes, const std::byte* bitmap, std::size_t rows, To* out,
              std::uint8_t* is_null) noexcept {
  for (std::size_t i = 0; i < rows; ++i) out[i] = static_cast<To>(load<From>(bytes + i * sizeof(From)));
  if (is_null != nullptr) std::memset(is_null, 0, rows);
  for (std::size_t i = 0; bitmap != nullptr && i < rows; ++i) {
    if (!bit_at(bitmap, i)) continue;
    out[i] = 0;
    if (is_null != nullptr) is_null[i] = 1;
  }
}

}  // namespace warden::columns
