// Packing against a model that sets bit after bit.
#include <algorithm>

#include "columns.hpp"
#include "packing.hpp"

namespace warden::test {
namespace {

using Values = std::array<std::uint32_t, columns::kBlock>;

constexpr std::byte kUntouched{0xA5};

/// The bytes as FORMAT.md has them.
Blob by_hand(const Values& values, unsigned width) {
  Blob bytes(columns::packed_bytes(width), std::byte{0});
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (unsigned b = 0; b < width; ++b) {
      if ((values[i] >> b & 1) == 0) continue;
      const std::size_t bit = i / 32 * width + b;                            // in the lane
      const std::size_t byte = (bit / 32 * 32 + i % 32) * 4 + bit % 32 / 8;  // of the block
      bytes[byte] |= std::byte{1} << bit % 8;
    }
  }
  return bytes;
}

/// Packs with bytes on both sides that must not change, and at an odd address.
Blob packed(const Values& values, unsigned width) {
  const std::size_t size = columns::packed_bytes(width);
  Blob room(1 + size + 16, kUntouched);
  columns::pack(values.data(), width, room.data() + 1);
  BOOST_TEST((room.front() == kUntouched));
  BOOST_TEST(std::all_of(room.end() - 16, room.end(), [](std::byte b) { return b == kUntouched; }));
  return {room.begin() + 1, room.end() - 16};
}

void check_round_trip(const Values& values, unsigned width) {
  const Blob bytes = packed(values, width);
  BOOST_TEST((bytes == by_hand(values, width)), "width " << width);
  Blob moved(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), moved.begin() + 1);
  std::vector<std::uint32_t> read(columns::kBlock + 4, 0xA5A5A5A5);
  columns::unpack(moved.data() + 1, width, read.data());
  BOOST_TEST(std::equal(values.begin(), values.end(), read.begin()), "width " << width);
  BOOST_TEST(read[columns::kBlock] == 0xA5A5A5A5);
  constexpr std::uint32_t base = 0xFFFF'FF00;  // modulo 2^32
  columns::unpack(moved.data() + 1, width, read.data(), base);
  for (std::size_t i = 0; i < values.size(); ++i) BOOST_TEST_REQUIRE(read[i] == base + values[i]);
  for (std::size_t i = 0; i < values.size() && width != 0; ++i)
    BOOST_TEST_REQUIRE(columns::unpack_one(moved.data() + 1, width, i) == values[i]);
}

std::uint32_t most(unsigned width) { return width == 0 ? 0 : 0xFFFF'FFFFU >> (32 - width); }

}  // namespace

BOOST_AUTO_TEST_SUITE(packing)

BOOST_AUTO_TEST_CASE(what_is_packed_lies_as_the_format_says_and_is_unpacked_at_every_width) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (unsigned width = 0; width <= columns::kMostWidth; ++width) {
      Values values;
      values.fill(most(width));
      check_round_trip(values, width);
      values.fill(0);
      check_round_trip(values, width);
      for (auto& value : values)
        value = static_cast<std::uint32_t>(dice.below(std::uint64_t{most(width)} + 1));
      check_round_trip(values, width);
      values.fill(0);
      values[dice.below(columns::kBlock)] = most(width);  // whose neighbours must stay 0
      check_round_trip(values, width);
    }
  }
}

BOOST_AUTO_TEST_CASE(whatever_the_bytes_are_values_are_below_2_to_the_width) {
  for (unsigned width = 0; width <= columns::kMostWidth; ++width) {
    const Blob bytes(columns::packed_bytes(width), std::byte{0xFF});
    Values values;
    columns::unpack(bytes.data(), width, values.data());
    for (const std::uint32_t value : values) BOOST_TEST_REQUIRE(value == most(width));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
