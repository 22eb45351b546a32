// See units.hpp. In order: reading a number, sizes and shares, sizes as text, near names, texts for messages.
#include "units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "utf8.hpp"

namespace warden {
namespace {

constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();

/// Longest text repeated in a message, in bytes: enough for every setting and unit, short enough for one
/// line.
constexpr std::size_t kMessageTextBytes = 64;

/// Longest name that nearest_name compares; the longest setting, statement_timeout_writes, has 24 bytes.
constexpr std::size_t kNearestNameBytes = 64;

constexpr std::string_view kSizeExamples = " (write for example 512MiB, 2GB or 65536)";
constexpr std::string_view kUnitExamples = " (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)";

struct Unit {
  std::string_view name;  // lower case
  std::uint64_t bytes;
};

constexpr std::uint64_t kKilo = 1000;
constexpr std::uint64_t kKibi = 1024;

constexpr std::uint64_t power(std::uint64_t base, int exponent) noexcept {
  return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

/// Multipliers: IEC 80000-13; the bare letters as most servers read them. None may exceed 2^59: see
/// fraction_of.
constexpr std::array<Unit, 17> kUnits = {{
    {"", 1},
    {"b", 1},
    {"kb", power(kKilo, 1)},
    {"mb", power(kKilo, 2)},
    {"gb", power(kKilo, 3)},
    {"tb", power(kKilo, 4)},
    {"pb", power(kKilo, 5)},
    {"kib", power(kKibi, 1)},
    {"mib", power(kKibi, 2)},
    {"gib", power(kKibi, 3)},
    {"tib", power(kKibi, 4)},
    {"pib", power(kKibi, 5)},
    {"k", power(kKibi, 1)},
    {"m", power(kKibi, 2)},
    {"g", power(kKibi, 3)},
    {"t", power(kKibi, 4)},
    {"p", power(kKibi, 5)},
}};

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

[[noreturn]] void refuse(std::string_view text, std::string_view what, std::string_view why) {
  throw BadValue(quote_for_message(text).append(" is not a ").append(what).append(": ").append(why));
}

/// A number as written and what follows it. Without a digit, there is no number.
struct Written {
  std::string_view whole;     // digits before the point
  std::string_view fraction;  // digits after it
  std::string_view rest;      // trimmed
  bool has_number() const noexcept { return !whole.empty() || !fraction.empty(); }
};

std::string_view take_digits(std::string_view& text) noexcept {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

Written split_number(std::string_view text) noexcept {
  Written written;
  written.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    written.fraction = take_digits(text);
  }
  written.rest = trim(text);
  return written;
}

/// The digits as a number; some number above `limit` if that is what they are.
std::uint64_t saturated(std::string_view digits, std::uint64_t limit) noexcept {
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (value > limit / 10) return limit + 1;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

/// 0.`digits` of `unit`, rounded to the nearest byte, exactly, however many digits there are: floor((n + x) /
/// 10) equals floor((n + floor(x)) / 10) for whole n, so going from the last digit to the first nothing is
/// lost by rounding down. Twice the unit is used so that the half is still there at the end. 9 * 2 * unit
/// must fit 64 bits.
std::uint64_t fraction_of(std::uint64_t unit, std::string_view digits) noexcept {
  std::uint64_t twice = 0;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    twice = (static_cast<std::uint64_t>(*digit - '0') * unit * 2 + twice) / 10;
  }
  return (twice + 1) / 2;
}

const Unit* find_unit(std::string_view name) noexcept {
  const auto same = [](char a, char b) { return lower(a) == b; };
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& candidate) {
    return std::equal(name.begin(), name.end(), candidate.name.begin(), candidate.name.end(), same);
  });
  return unit == kUnits.end() ? nullptr : unit;
}

}  // namespace

std::int64_t parse_size(std::string_view text) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) refuse(text, "size", std::string("it is empty").append(kSizeExamples));
  if (trimmed.front() == '-' && split_number(trim(trimmed.substr(1))).has_number()) {
    refuse(text, "size", "it is negative");
  }
  const Written written = split_number(trimmed);
  if (!written.has_number()) {
    refuse(text, "size", std::string("it does not begin with a number").append(kSizeExamples));
  }
  const Unit* const unit = find_unit(written.rest);
  if (unit == nullptr) {
    refuse(text, "size", "unknown unit " + quote_for_message(written.rest).append(kUnitExamples));
  }
  const auto limit = static_cast<std::uint64_t>(kMaxBytes);
  const std::uint64_t whole = saturated(written.whole, limit);
  const std::uint64_t fraction = fraction_of(unit->bytes, written.fraction);
  if (whole > (limit - fraction) / unit->bytes) {
    refuse(text, "size", "it is larger than " + std::to_string(kMaxBytes) + " bytes");
  }
  return static_cast<std::int64_t>(whole * unit->bytes + fraction);
}

Quantity parse_quantity(std::string_view text) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty() || trimmed.back() != '%') return {Quantity::Kind::bytes, parse_size(text), 0.0};

  constexpr std::string_view kRange = "it must be between 0% and 100%";
  std::string_view number = trim(trimmed.substr(0, trimmed.size() - 1));
  const bool negative = !number.empty() && number.front() == '-';
  if (negative) number = trim(number.substr(1));
  const Written written = split_number(number);
  if (!written.has_number() || !written.rest.empty()) {
    refuse(text, "share", "it is not a number and a % sign (write for example 25% or 12.5%)");
  }
  const std::uint64_t whole = saturated(written.whole, 100);
  const bool fractional = written.fraction.find_first_not_of('0') != std::string_view::npos;
  if (negative || whole > 100 || (whole == 100 && fractional)) refuse(text, "share", kRange);

  // Scaled to whole numbers, because 10^19 is exact as a double and 100 * 10^17 fits 64 bits: one rounding
  // for all shares that people write, so that '12.5%' is exactly 0.125.
  constexpr std::size_t kDigits = 17;
  constexpr std::uint64_t kPercent = 100'000'000'000'000'000ULL;  // 10^17
  std::uint64_t scaled = whole * kPercent;
  std::uint64_t place = kPercent;
  for (const char digit : written.fraction.substr(0, kDigits)) {
    place /= 10;
    scaled += static_cast<std::uint64_t>(digit - '0') * place;
  }
  return {Quantity::Kind::share, 0, static_cast<double>(scaled) / 1e19};
}

std::int64_t resolve(Quantity quantity, std::int64_t whole_bytes) noexcept {
  if (quantity.kind == Quantity::Kind::bytes) return quantity.bytes;
  if (whole_bytes <= 0 || !(quantity.share > 0.0)) return 0;
  if (quantity.share >= 1.0) return whole_bytes;
  return std::min<std::int64_t>(whole_bytes, std::llround(static_cast<long double>(quantity.share) *
                                                          static_cast<long double>(whole_bytes)));
}

std::size_t format_size(std::int64_t bytes, std::span<char> out) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  const bool negative = bytes < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(bytes) : static_cast<std::uint64_t>(bytes);
  std::size_t unit = 0;
  while (unit + 1 < kNames.size() && (size >> (10 * (unit + 1))) != 0) ++unit;
  const std::size_t shift = 10 * unit;
  const std::uint64_t one = std::uint64_t{1} << shift;
  std::uint64_t whole = size >> shift;
  std::uint64_t hundredths = ((size & (one - 1)) * 100 + one / 2) >> shift;
  if (hundredths == 100) {
    hundredths = 0;
    ++whole;
  }
  if (whole == kKibi && unit + 1 < kNames.size()) {
    whole = 1;
    ++unit;
  }

  std::array<char, kSizeTextBytes> text{};
  std::size_t at = text.size();
  const auto prepend = [&](char c) { text[--at] = c; };
  std::for_each(kNames[unit].rbegin(), kNames[unit].rend(), prepend);
  if (hundredths != 0) {
    if (hundredths % 10 != 0) prepend(static_cast<char>('0' + hundredths % 10));
    prepend(static_cast<char>('0' + hundredths / 10));
    prepend('.');
  }
  do {
    prepend(static_cast<char>('0' + whole % 10));
    whole /= 10;
  } while (whole != 0);
  if (negative) prepend('-');
  const std::size_t length = std::min(text.size() - at, out.size());
  std::copy_n(text.data() + at, length, out.data());
  return length;
}

std::string format_size(std::int64_t bytes) {
  std::array<char, kSizeTextBytes> text{};
  return {text.data(), format_size(bytes, text)};
}

namespace {

constexpr char folded(char c) noexcept { return c == '-' || c == ' ' ? '_' : lower(c); }

/// Optimal string alignment distance of two names of at most kNearestNameBytes.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
  using Row = std::array<std::size_t, kNearestNameBytes + 1>;
  Row before{}, previous{}, current{};
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1])) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    before = previous;
    previous = current;
  }
  return previous[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view wrong, std::span<const std::string_view> names) noexcept {
  if (wrong.empty() || wrong.size() > kNearestNameBytes) return {};
  std::size_t limit = std::min(std::max<std::size_t>(2, wrong.size() / 3), wrong.size() - 1);
  std::string_view nearest;
  for (const std::string_view name : names) {
    if (name.size() > kNearestNameBytes) continue;
    const std::size_t longer = std::max(name.size(), wrong.size());
    if (longer - std::min(name.size(), wrong.size()) > limit) continue;
    const std::size_t steps = distance(wrong, name);
    if (steps > limit || (!nearest.empty() && steps == limit)) continue;
    nearest = name;
    limit = steps;
  }
  return nearest;
}

std::string quote_for_message(std::string_view text) {
  std::string quoted = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const auto first = static_cast<unsigned char>(text[at]);
    const bool c1 = length == 2 && first == 0xC2U && static_cast<unsigned char>(text[at + 1]) < 0xA0U;
    std::string_view shown = length == 0 ? kReplacement : text.substr(at, length);
    if (first < 0x20U || first == 0x7FU || c1) shown = "?";
    if (quoted.size() - 1 + shown.size() > kMessageTextBytes) {
      quoted += "...";
      break;
    }
    quoted += shown;
    at += std::max<std::size_t>(length, 1);
  }
  return quoted += '"';
}

}  // namespace warden
