// Loops over the 1024 rows of a block, made for the widest vectors that the processor at hand has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "packing.hpp"

// A function of which there is one for each kind of processor; which one is decided when the library is loaded. The sanitizers'
// runtimes are not ready by then, and only glibc's loader on x86 is known to decide.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) && !defined(__clang__) && \
    defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WARDEN_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WARDEN_WIDE
#endif

namespace warden::columns {

/// Which rows of a block are meant: 1 or 0 for each. Beyond the rows of the block all are 0.
using Mask = std::array<std::uint8_t, kBlock>;
using Numbers = std::array<std::int32_t, kBlock>;
using Offsets = std::array<std::uint32_t, kBlock>;

/// How many rows are meant.
std::size_t count(const Mask& mask) noexcept;
/// The sum of the numbers that are meant. Of numbers of 31 bits it fits.
std::int64_t sum(const Numbers& numbers, const Mask& mask) noexcept;
/// The sum of products that are meant. Numbers of regular jobs are below 2^24 and 2^28; whatever a stranger makes them, nothing
/// but the sum is wrong.
std::int64_t sum_products(const Numbers& a, const Numbers& b, const Mask& mask) noexcept;
/// How many of those that are meant are below a limit.
std::size_t count_below(const Numbers& numbers, std::int32_t limit, const Mask& mask) noexcept;
/// How many offsets of those that are meant are not below `least`.
std::size_t count_from(const Offsets& offsets, std::uint32_t least, const Mask& mask) noexcept;
/// Leaves those in the mask whose offset is from `least` to `most`, where least <= most.
void keep_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most, Mask& mask) noexcept;
/// Whether an offset of those that are meant is from `least` to `most`, where least <= most.
bool any_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most, const Mask& mask) noexcept;
/// found[i] = numbers[i] is `number`, 1 or 0; whether there is any. All 1024 rows count.
bool find_equal(const Numbers& numbers, std::int32_t number, Mask& found) noexcept;
/// places[i] = numbers[i] / divisor, rounded down, at most `most`; for numbers from 0 to 2^28 - 1 and divisors from 1 to 2^20.
void divide(const Numbers& numbers, std::int32_t divisor, std::int32_t most, Numbers& places) noexcept;

}  // namespace warden::columns
