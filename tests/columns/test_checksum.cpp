// The checksum: what the format says, said again as plainly as it can be, and the damage that it must find.
#include <algorithm>
#include <set>

#include "checksum.hpp"
#include "columns.hpp"

namespace warden::test {
namespace {

Blob random_bytes(Dice& dice, std::size_t size) {
  Blob bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(dice.below(256));
  return bytes;
}

/// FORMAT.md, word for word.
std::uint64_t by_hand(const Blob& bytes) {
  constexpr std::uint64_t k = 0x9E3779B97F4A7C15;
  const auto step = [](std::uint64_t h, std::uint64_t w) {
    const std::uint64_t product = (h ^ w) * k;
    return product ^ product >> 32;
  };
  std::uint64_t h[8];
  for (std::uint64_t i = 0; i < 8; ++i) h[i] = (i + 1) * k;
  for (std::size_t j = 0; j < bytes.size() / 8; ++j) {
    std::uint64_t word = 0;
    for (std::size_t b = 8; b-- > 0;) word = word << 8 | static_cast<std::uint64_t>(bytes[8 * j + b]);
    h[j % 8] = step(h[j % 8], word);
  }
  std::uint64_t x = bytes.size();
  for (const std::uint64_t chain : h) x = step(x, chain);
  return x;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(checksum)

BOOST_AUTO_TEST_CASE(is_what_the_format_says_at_every_size_and_address) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (std::size_t size = 0; size <= 512; size += 8) {
      const Blob bytes = random_bytes(dice, size);
      BOOST_TEST(columns::checksum(bytes) == by_hand(bytes), size);
      for (std::size_t away = 1; away < 8; ++away) {
        Blob moved(size + away);
        std::copy(bytes.begin(), bytes.end(), moved.begin() + static_cast<std::ptrdiff_t>(away));
        BOOST_TEST(columns::checksum(columns::Bytes(moved).subspan(away)) == by_hand(bytes));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(is_the_same_for_ever) {
  BOOST_TEST(columns::checksum({}) == 0xfb26c96523120cc5);
  Blob bytes(200);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  BOOST_TEST(columns::checksum(bytes) == 0x88b9cd3afc99b9c2);
}

BOOST_AUTO_TEST_CASE(one_and_two_flipped_bits_change_it) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    Blob bytes = random_bytes(dice, 200);
    std::set<std::uint64_t> seen{columns::checksum(bytes)};
    const auto flip = [&](std::size_t bit) { bytes[bit / 8] ^= std::byte{1} << bit % 8; };
    for (std::size_t a = 0; a < 8 * bytes.size(); ++a) {
      flip(a);
      BOOST_TEST_REQUIRE(seen.insert(columns::checksum(bytes)).second);
      flip(a);
    }
    const std::uint64_t right = columns::checksum(bytes);
    for (std::size_t a = 0; a < 8 * bytes.size(); ++a) {
      flip(a);
      for (std::size_t b = 0; b < a; ++b) {
        flip(b);
        if (columns::checksum(bytes) == right) BOOST_ERROR("bits " << a << " and " << b);
        flip(b);
      }
      flip(a);
    }
  }
}

BOOST_AUTO_TEST_CASE(words_that_change_places_and_zeros_that_are_added_change_it) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    const Blob bytes = random_bytes(dice, 256);
    for (std::size_t a = 0; a < 32; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        Blob changed = bytes;
        std::swap_ranges(changed.begin() + static_cast<std::ptrdiff_t>(8 * a),
                         changed.begin() + static_cast<std::ptrdiff_t>(8 * a + 8),
                         changed.begin() + static_cast<std::ptrdiff_t>(8 * b));
        BOOST_TEST(columns::checksum(changed) != columns::checksum(bytes));
      }
    }
    std::set<std::uint64_t> seen;
    for (std::size_t size = 0; size < 4096; size += 8)
      BOOST_TEST(seen.insert(columns::checksum(Blob(size, std::byte{0}))).second);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
