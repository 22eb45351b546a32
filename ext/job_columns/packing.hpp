// Blocks of 1024 numbers without sign, each in as many bits as the largest of them needs.
//
// They are packed vertically. Value i is in lane i % 32, row i / 32; a lane holds the bits of its 32 values one after
// another, lowest first, in `width` words of 32 bits, and word k of lane l is word k * 32 + l of the block. So what is done
// to the values of a row is the same for all lanes (one shift, one mask), and the compiler makes vectors of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "column.hpp"

namespace warden::columns {

/// Bits of a value, at most.
constexpr unsigned kMostWidth = 32;

/// Bytes of a packed block.
constexpr std::size_t packed_bytes(unsigned width) noexcept { return kBlock / 8 * width; }

/// Packs `values[kBlock]`, each below 2^width, into `words[packed_bytes(width)]`, of any alignment. width is at most 32.
void pack(const std::uint32_t* values, unsigned width, std::byte* words) noexcept;

/// The reverse. Each of `values[kBlock]`, less `base` modulo 2^32, is below 2^width, whatever the words are.
void unpack(const std::byte* words, unsigned width, std::uint32_t* values, std::uint32_t base = 0) noexcept;

/// Value i of a block alone. width is 1 to 32.
std::uint32_t unpack_one(const std::byte* words, unsigned width, std::size_t i) noexcept;

}  // namespace warden::columns
