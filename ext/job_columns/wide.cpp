#include "wide.hpp"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WARDEN_SHUFFLES 1
#else
#define WARDEN_SHUFFLES 0
#endif

namespace warden::columns {

WARDEN_WIDE void keep(const Mask& others, Mask& mask) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) mask[i] = static_cast<std::uint8_t>(mask[i] & others[i]);
}

WARDEN_WIDE std::size_t count(const Mask& mask) noexcept {
  std::uint32_t met = 0;
  for (std::size_t i = 0; i < kBlock; ++i) met += mask[i];
  return met;
}

WARDEN_WIDE void clear_others(const Mask& mask, Numbers& numbers) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) numbers[i] &= -static_cast<std::int32_t>(mask[i]);
}

WARDEN_WIDE void clear_others(const Mask& mask, Offsets& offsets) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) offsets[i] &= -static_cast<std::uint32_t>(mask[i]);
}

WARDEN_WIDE void choose_else(const Mask& mask, std::int32_t number, Numbers& numbers) noexcept {
  for (std::size_t i = 0; i < kBlock; ++i) numbers[i] = mask[i] != 0 ? numbers[i] : number;
}

WARDEN_WIDE std::int64_t sum(const Numbers& numbers) noexcept {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < kBlock; ++i) total += numbers[i];
  return total;
}

WARDEN_WIDE std::int64_t sum_products(const Numbers& a, const Numbers& b) noexcept {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    total += static_cast<std::uint64_t>(static_cast<std::uint32_t>(a[i])) * static_cast<std::uint32_t>(b[i]);
  }
  return static_cast<std::int64_t>(total);
}

WARDEN_WIDE std::size_t count_below(const Numbers& numbers, std::int32_t limit) noexcept {
  std::uint32_t below = 0;
  for (std::size_t i = 0; i < kBlock; ++i) below += static_cast<std::uint32_t>(numbers[i] < limit);
  return below;
}

WARDEN_WIDE std::size_t count_from(const Offsets& offsets, std::uint32_t least) noexcept {
  std::uint32_t from = 0;
  for (std::size_t i = 0; i < kBlock; ++i) from += static_cast<std::uint32_t>(offsets[i] >= least);
  return from;
}

WARDEN_WIDE CountsFrom count_from_each(const Offsets& offsets, const Leasts& leasts) noexcept {
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto offset = static_cast<std::int32_t>(offsets[i]);
    a += static_cast<std::uint32_t>(offset >= leasts[0]);
    b += static_cast<std::uint32_t>(offset >= leasts[1]);
    c += static_cast<std::uint32_t>(offset >= leasts[2]);
    d += static_cast<std::uint32_t>(offset >= leasts[3]);
  }
  return {a, b, c, d};
}

WARDEN_WIDE std::uint32_t largest(const Offsets& offsets) noexcept {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < kBlock; ++i) found = std::max(found, offsets[i]);
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

#if WARDEN_SHUFFLES
namespace {

constexpr unsigned kWidthInRegisters = 5;

/// Of 32 values, in four registers.
__attribute__((target("avx2"))) void look_up_in_registers(const Offsets& codes, unsigned width,
                                                          const std::int32_t* values,
                                                          std::int32_t* out) noexcept {
  using Eight = std::int32_t __attribute__((vector_size(32)));
  Eight tables[4];
  std::memcpy(tables, values, sizeof(tables));
  for (std::size_t i = 0; i < kBlock; i += 8) {
    Eight code;
    std::memcpy(&code, codes.data() + i, sizeof(code));
    Eight found = __builtin_shuffle(tables[0], code);  // by the lowest three bits
    if (width > 3) found = (code & 8) != 0 ? __builtin_shuffle(tables[1], code) : found;
    if (width > 4) {
      const Eight above =
          (code & 8) != 0 ? __builtin_shuffle(tables[3], code) : __builtin_shuffle(tables[2], code);
      found = (code & 16) != 0 ? above : found;
    }
    std::memcpy(out + i, &found, sizeof(found));
  }
}

}  // namespace
#endif

void look_up(const Offsets& codes, unsigned width, const std::int32_t* values, std::int32_t* out) noexcept {
#if WARDEN_SHUFFLES
  if (width <= kWidthInRegisters && __builtin_cpu_supports("avx2")) {
    look_up_in_registers(codes, width, values, out);
    return;
  }
#endif
  for (std::size_t i = 0; i < kBlock; ++i) out[i] = values[codes[i]];
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
