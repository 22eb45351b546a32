#include "wide.hpp"

#include <algorithm>

namespace warden::columns {

WARDEN_WIDE void keep(const Mask& others, Mask& mask) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) mask[i] = static_cast<std::uint8_t>(mask[i] & others[i]);
}

WARDEN_WIDE std::size_t count(const Mask& mask) noexcept {
  std::uint32_t met = 0;
  for (std::size_t i = 0; i < kBlock; ++i) met += mask[i];
  return met;
}

WARDEN_WIDE std::int64_t sum(const Numbers& numbers, const Mask& mask) noexcept {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < kBlock; ++i) total += numbers[i] & -static_cast<std::int32_t>(mask[i]);
  return total;
}

WARDEN_WIDE std::int64_t sum_products(const Numbers& a, const Numbers& b, const Mask& mask) noexcept {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    total += static_cast<std::uint64_t>(static_cast<std::uint32_t>(a[i])) *
             static_cast<std::uint32_t>(b[i] & -static_cast<std::int32_t>(mask[i]));
  }
  return static_cast<std::int64_t>(total);
}

WARDEN_WIDE std::size_t count_below(const Numbers& numbers, std::int32_t limit, const Mask& mask) noexcept {
  std::uint32_t met = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    met += static_cast<std::uint32_t>(numbers[i] < limit) & static_cast<std::uint32_t>(mask[i]);
  return met;
}

WARDEN_WIDE std::size_t count_from(const Offsets& offsets, std::uint32_t least, const Mask& mask) noexcept {
  std::uint32_t met = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    met += static_cast<std::uint32_t>(offsets[i] >= least) & static_cast<std::uint32_t>(mask[i]);
  return met;
}

WARDEN_WIDE std::uint32_t largest(const Offsets& offsets, const Mask& mask) noexcept {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    found = std::max(found, offsets[i] & -static_cast<std::uint32_t>(mask[i]));
  return found;
}

WARDEN_WIDE void keep_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most,
                              Mask& mask) noexcept {
  const std::uint32_t span = most - least;
  for (std::size_t i = 0; i < kBlock; ++i)
    mask[i] = static_cast<std::uint8_t>(mask[i] & static_cast<std::uint8_t>(offsets[i] - least <= span));
}

WARDEN_WIDE bool any_between(const Offsets& offsets, std::uint32_t least, std::uint32_t most,
                             const Mask& mask) noexcept {
  const std::uint32_t span = most - least;
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < kBlock; ++i)
    any |= static_cast<std::uint32_t>(offsets[i] - least <= span) & static_cast<std::uint32_t>(mask[i]);
  return any != 0;
}

WARDEN_WIDE bool find_equal(const Numbers& numbers, std::int32_t number, Mask& found) noexcept {
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto is_it = static_cast<std::uint32_t>(numbers[i] == number);
    found[i] = static_cast<std::uint8_t>(is_it);
    any |= is_it;
  }
  return any != 0;
}

// By the reciprocal: (n + 1/2) / d is at least 1/(2 d) away from a whole number, so more than 2^-21, and its error as a double is
// less than 2^-22 for a quotient below 2^28.
WARDEN_WIDE void divide(const Numbers& numbers, std::int32_t divisor, std::int32_t most,
                        Numbers& places) noexcept {
  const double reciprocal = 1.0 / divisor;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto place = static_cast<std::int32_t>((numbers[i] + 0.5) * reciprocal);
    places[i] = std::min(place, most);
  }
}

}  // namespace warden::columns
