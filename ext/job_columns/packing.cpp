#include "packing.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "bytes.hpp"
#include "wide.hpp"

namespace warden::columns {
namespace {

constexpr unsigned kLanes = 32;
constexpr unsigned kRows = kBlock / kLanes;
constexpr unsigned kWordBits = 32;
constexpr std::size_t kWord = sizeof(std::uint32_t);
constexpr std::size_t kWordOfAllLanes = kLanes * kWord;

}  // namespace

void pack(const std::uint32_t* __restrict values, unsigned width, std::byte* __restrict words) noexcept {
  assert(width <= kMostWidth);
  for (unsigned row = 0; width != 0 && row < kRows; ++row) {
    const unsigned bit = row * width;
    const unsigned shift = bit % kWordBits;
    const std::uint32_t* __restrict value = values + row * kLanes;
    std::byte* __restrict word = words + bit / kWordBits * kWordOfAllLanes;
    // The first bits of a word are those that the row before had left, or this row's.
    if (shift == 0) {
      for (unsigned lane = 0; lane < kLanes; ++lane) store(word + lane * kWord, value[lane]);
      continue;
    }
    for (unsigned lane = 0; lane < kLanes; ++lane)
      store(word + lane * kWord, load<std::uint32_t>(word + lane * kWord) | value[lane] << shift);
    if (shift + width > kWordBits) {
      std::byte* __restrict next = word + kWordOfAllLanes;
      for (unsigned lane = 0; lane < kLanes; ++lane)
        store(next + lane * kWord, value[lane] >> (kWordBits - shift));
    }
  }
}

WARDEN_WIDE void unpack(const std::byte* __restrict words, unsigned width, std::uint32_t* __restrict values,
                        std::uint32_t base) noexcept {
  assert(width <= kMostWidth);
  if (width == 0) {
    std::fill_n(values, kBlock, base);
    return;
  }
  const std::uint32_t mask = 0xFFFF'FFFFU >> (kWordBits - width);
  for (unsigned row = 0; row < kRows; ++row) {
    const unsigned bit = row * width;
    const unsigned shift = bit % kWordBits;
    const std::byte* __restrict word = words + bit / kWordBits * kWordOfAllLanes;
    std::uint32_t* __restrict value = values + row * kLanes;
    if (shift + width <= kWordBits) {
      for (unsigned lane = 0; lane < kLanes; ++lane)
        value[lane] = base + (load<std::uint32_t>(word + lane * kWord) >> shift & mask);
    } else {
      const std::byte* __restrict next = word + kWordOfAllLanes;
      for (unsigned lane = 0; lane < kLanes; ++lane)
        value[lane] = base + ((load<std::uint32_t>(word + lane * kWord) >> shift |
                               load<std::uint32_t>(next + lane * kWord) << (kWordBits - shift)) &
                              mask);
    }
  }
}

std::uint32_t unpack_one(const std::byte* words, unsigned width, std::size_t i) noexcept {
  assert(width >= 1 && width <= kMostWidth && i < kBlock);
  const auto bit = static_cast<unsigned>(i / kLanes) * width;
  const unsigned shift = bit % kWordBits;
  const std::byte* const word = words + bit / kWordBits * kWordOfAllLanes + i % kLanes * kWord;
  std::uint64_t bits = load<std::uint32_t>(word);
  if (shift + width > kWordBits)
    bits |= static_cast<std::uint64_t>(load<std::uint32_t>(word + kWordOfAllLanes)) << kWordBits;
  return static_cast<std::uint32_t>(bits >> shift & (0xFFFF'FFFFU >> (kWordBits - width)));
}

}  // namespace warden::columns
