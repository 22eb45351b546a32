// Loops over the 1024 rows of a block, made for the widest vectors that the processor at hand has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "packing.hpp"

// A function of which there is one for each kind of processor; which one is decided when the library is loaded. The sanitizers'
// runtimes are not ready by then, and only glibc's loader on x86 is known to decide.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) && !defined(__clang__) && \
    defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WARDEN_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define WARDEN_WIDE
#endif

namespace warden::columns {

/// Which rows of a block are meant: 1 or 0 for each. Beyond the rows of the block all are 0.
using Mask = std::array<std::uint8_t, kBlock>;
using Numbers = std::array<std::int32_t, kBlock>;
using Offsets = std::array<std::uint32_t, kBlock>;

/// Calls f(row) for each row that is meant, for masks of few.
template <class F>
void each_met(const Mask& mask, F&& f) {
  const std::uint8_t* const begin = mask.data();
  const std::uint8_t* const end = begin + kBlock;
  const auto next = [&](const std::uint8_t* from) {
    return static_cast<const std::uint8_t*>(std::memchr(from, 1, static_cast<std::size_t>(end - from)));
  };
  for (const std::uint8_t* at = next(begin); at != nullptr; at = next(at + 1))
    f(static_cast<std::size_t>(at - begin));
}
/// Leaves those in the mask that are in the other one, too.
void keep(const Mask& others, Mask& mask) noexcept;
/// How many rows are meant.
std::size_t count(const Mask& mask) noexcept;
/// Makes those 0 that are not meant.
void clear_others(const Mask& mask, Numbers& numbers) noexcept;
void clear_others(const Mask& mask, Offsets& offsets) noexcept;
/// Gives those that are not meant another number.
void choose_else(const Mask& mask, std::int32_t number, Numbers& numbers) noexcept;
/// The sum of all. Of numbers of 31 bits it fits.
std::int64_t sum(const Numbers& numbers) noexcept;
/// The sum of all products. Numbers of regular jobs are below 2^24 and 2^28; whatever a stranger makes them, nothing but the
/// sum is wrong.
std::int64_t sum_products(const Numbers& a, const Numbers& b) noexcept;
/// How many are below a limit.
std::size_t count_below(const Numbers& numbers, std::int32_t limit) noexcept;
/// How many are not below `least`.
std::size_t count_from(const Offsets& offsets, std::uint32_t least) noexcept;
/// The same for each of several; offsets are below 2^31.
constexpr std::size_t kLeastAtOnce = 4;
using Leasts = std::array<std::int32_t, kLeastAtOnce>;
using CountsFrom = std::array<std::uint32_t, kLeastAtOnce>;
CountsFrom count_from_each(const Offsets& offsets, const Leasts& leasts) noexcept;
/// The largest.
std::uint32_t largest(const Offsets& offsets) noexcept;
/// Leaves those in the mask whose offset is from `least` to `most`, where least <= most.
void keep_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most, Mask& mask) noexcept;
/// Whether an offset of those that are meant is from `least` to `most`, where least <= most.
bool any_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most, const Mask& mask) noexcept;
/// found[i] = numbers[i] is `number`, 1 or 0; whether there is any. All 1024 rows count.
bool find_equal(const Numbers& numbers, std::int32_t number, Mask& found) noexcept;
/// out[i] = values[codes[i]]; `codes` are below 2^width, and there are at least 32 values and 2^width.
void look_up(const Offsets& codes, unsigned width, const std::int32_t* values, std::int32_t* out) noexcept;
/// places[i] = numbers[i] / divisor, rounded down, at most `most`; for numbers from 0 to 2^28 - 1 and divisors from 1 to 2^20.
void divide(const Numbers& numbers, std::int32_t divisor, std::int32_t most, Numbers& places) noexcept;

}  // namespace warden::columns
