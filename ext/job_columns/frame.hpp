// The frame of reference of a packed block: where its offsets begin, and how many bits they have.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>

#include "packing.hpp"

namespace warden::columns {

/// Arithmetic modulo 2^64: differences of two int64 and their sums with offsets, in the order of their values.
constexpr std::uint64_t difference(std::int64_t larger, std::int64_t smaller) noexcept {
  return static_cast<std::uint64_t>(larger) - static_cast<std::uint64_t>(smaller);
}
constexpr std::int64_t sum(std::int64_t base, std::uint64_t offset) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(base) + offset);
}

struct Frame {
  /// The smallest value; one less where there are NULLs, which are offset 0.
  std::int64_t base;
  unsigned width;
  /// The largest value that so many bits can say.
  std::int64_t limit() const noexcept { return sum(base, (std::uint64_t{1} << width) - 1); }
};

/// The frame of values from `min` to `max`; none where offsets don't fit 32 bits, or base or limit() an int64.
constexpr std::optional<Frame> frame_of(std::int64_t min, std::int64_t max, bool has_nulls) noexcept {
  if (has_nulls && min == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
  const std::int64_t base = has_nulls ? min - 1 : min;
  const std::uint64_t range = difference(max, base);
  const auto width = static_cast<unsigned>(std::bit_width(range));
  if (width > kMostWidth) return std::nullopt;
  const std::uint64_t room = difference(std::numeric_limits<std::int64_t>::max(), base);
  if ((std::uint64_t{1} << width) - 1 > room) return std::nullopt;
  return Frame{base, width};
}

}  // namespace warden::columns
