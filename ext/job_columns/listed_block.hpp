// Listed blocks: few different values, in order, and for each row the number of its value in the list.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "bytes.hpp"
#include "column.hpp"
#include "directory.hpp"
#include "packing.hpp"
#include "wide.hpp"

namespace warden::columns {

/// Values that a list is made of, at most: most columns have more, and are found out before many rows are looked at.
constexpr std::size_t kMostMadeListed = 64;
/// Rows for each value of a list, at least: a list is for values that come again.
constexpr std::size_t kRowsForListed = 8;

/// The bits of a code: 0 is NULL where there are NULLs, and the first value where there are none.
constexpr unsigned listed_width(std::size_t values, bool has_nulls) noexcept {
  unsigned width = 1;
  while ((values - (has_nulls ? 0 : 1)) >> width != 0) ++width;
  return width;
}

/// A block whose values are few.
struct Listed {
  std::array<std::int64_t, kMostMadeListed> values;  // ascending
  std::size_t count = 0;
  std::array<std::uint32_t, kBlock> codes;
};

/// None where the values are too many, or less than two. `is_null` has 1 where a row is NULL.
inline std::optional<Listed> list_of(const std::int64_t* values, const std::uint8_t* is_null,
                                     std::size_t rows, bool has_nulls) noexcept {
  constexpr std::size_t kSlots = 4 * kMostMadeListed;
  constexpr std::uint8_t kFree = 0xff;
  const std::size_t most = std::min(kMostMadeListed, rows / kRowsForListed);
  Listed list;
  std::array<std::uint8_t, kSlots> places;  // where in the list, in the order in which they are met
  places.fill(kFree);
  std::array<std::uint8_t, kBlock> met;
  for (std::size_t i = 0; i < rows; ++i) {
    if (is_null[i] != 0) continue;
    const std::int64_t value = values[i];
    std::size_t slot = static_cast<std::uint64_t>(value) * 0x9E3779B97F4A7C15 >> 32 & (kSlots - 1);
    while (places[slot] != kFree && list.values[places[slot]] != value) slot = (slot + 1) & (kSlots - 1);
    if (places[slot] == kFree) {
      if (list.count == most) return std::nullopt;
      places[slot] = static_cast<std::uint8_t>(list.count);
      list.values[list.count++] = value;
    }
    met[i] = places[slot];
  }
  if (list.count < 2) return std::nullopt;
  const auto in_order_of_meeting = list.values;
  std::sort(list.values.begin(), list.values.begin() + static_cast<std::ptrdiff_t>(list.count));
  std::array<std::uint32_t, kMostMadeListed> codes;
  for (std::size_t i = 0; i < list.count; ++i) {
    const auto at =
        std::lower_bound(list.values.begin(), list.values.begin() + static_cast<std::ptrdiff_t>(list.count),
                         in_order_of_meeting[i]);
    codes[i] = static_cast<std::uint32_t>(at - list.values.begin()) + (has_nulls ? 1 : 0);
  }
  list.codes.fill(0);
  for (std::size_t i = 0; i < rows; ++i) {
    if (is_null[i] == 0) list.codes[i] = codes[met[i]];
  }
  return list;
}

inline void write_listed(const Listed& list, unsigned width, std::byte* bytes) noexcept {
  for (std::size_t i = 0; i < list.count; ++i) store(bytes + 8 * i, list.values[i]);
  pack(list.codes.data(), width, bytes + 8 * list.count);
}

/// Whether the list ascends from min to max.
inline bool is_ascending(const std::byte* bytes, std::size_t count, std::int64_t min,
                         std::int64_t max) noexcept {
  bool ascends = load<std::int64_t>(bytes) == min && load<std::int64_t>(bytes + 8 * (count - 1)) == max;
  for (std::size_t i = 1; i < count; ++i)
    ascends &= load<std::int64_t>(bytes + 8 * (i - 1)) < load<std::int64_t>(bytes + 8 * i);
  return ascends;
}

/// The largest code of a block.
inline std::uint32_t largest_code(const Entry& entry, const std::byte* bytes) noexcept {
  std::array<std::uint32_t, kBlock> codes;
  unpack(bytes + 8 * entry.values, entry.width, codes.data());
  return *std::max_element(codes.begin(), codes.end());
}

/// `Value` may be narrower than the list's: values are then taken modulo. `is_null` may be null. A code that is not in the list,
/// which only a forger writes, is the largest value.
template <class Value>
void read_listed(const Entry& entry, const std::byte* bytes, Value* __restrict out,
                 std::uint8_t* __restrict is_null) noexcept {
  const bool has_nulls = entry.nulls != 0;
  std::array<Value, std::size_t{1} << kMostListedWidth> values;
  values.fill(static_cast<Value>(static_cast<std::int64_t>(entry.max)));
  if (has_nulls) values[0] = 0;
  for (std::size_t i = 0; i < entry.values; ++i)
    values[i + (has_nulls ? 1 : 0)] = static_cast<Value>(load<std::int64_t>(bytes + 8 * i));
  std::array<std::uint32_t, kBlock> codes;
  unpack(bytes + 8 * entry.values, entry.width, codes.data());
  if constexpr (sizeof(Value) == sizeof(std::uint32_t)) {
    look_up(codes, entry.width, values.data(), out);
  } else {
    for (std::size_t i = 0; i < kBlock; ++i) out[i] = values[codes[i]];
  }
  if (is_null == nullptr) return;
  for (std::size_t i = 0; i < kBlock; ++i) is_null[i] = has_nulls && codes[i] == 0;
}

}  // namespace warden::columns
