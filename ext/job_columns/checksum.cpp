#include "checksum.hpp"

#include <array>

#include "bytes.hpp"

namespace warden::columns {
namespace {

constexpr std::size_t kChains = 8;
constexpr std::size_t kWord = sizeof(std::uint64_t);
/// 2^64 divided by the golden ratio, and odd: a product with it can be undone.
constexpr std::uint64_t kMultiplier = 0x9E37'79B9'7F4A'7C15;

/// Can be undone for either argument while the other stays: no change of one word is ever lost.
constexpr std::uint64_t step(std::uint64_t state, std::uint64_t word) noexcept {
  // A product carries upwards only: so its upper half goes into the lower one, too. A change of one bit is then one of two
  // bits or more, and no other single bit takes it back.
  const std::uint64_t product = (state ^ word) * kMultiplier;
  return product ^ product >> 32;
}

}  // namespace

std::uint64_t checksum(Bytes bytes) noexcept {
  std::array<std::uint64_t, kChains> chains;
  for (std::size_t i = 0; i < kChains; ++i) chains[i] = kMultiplier * (i + 1);
  const std::byte* at = bytes.data();
  std::size_t words = bytes.size() / kWord;
  for (; words >= kChains; words -= kChains, at += kChains * kWord) {
    for (std::size_t i = 0; i < kChains; ++i)
      chains[i] = step(chains[i], load<std::uint64_t>(at + i * kWord));
  }
  for (std::size_t i = 0; i < words; ++i) chains[i] = step(chains[i], load<std::uint64_t>(at + i * kWord));
  std::uint64_t all = bytes.size();
  for (const std::uint64_t chain : chains) all = step(all, chain);
  return all;
}

}  // namespace warden::columns
