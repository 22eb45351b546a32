// Sizes and shares as users write them, and back.
//
//   parse_size("1.5GiB")                    -> 1610612736
//   parse_size("200MB")                     -> 200000000
//   parse_quantity("25%")                   -> a share, 0.25
//   resolve(parse_quantity("25%"), 4096)    -> 1024
//   format_size(1610612736)                 -> "1.5 GiB"
//   nearest_name("soft_heap_limt", names)   -> "soft_heap_limit"
//
// A size is a decimal number and, optionally, a unit. Case and the white space around and between them do not
// matter:
//
//   B, or nothing          1 byte
//   kB MB GB TB PB         powers of 1000 (IEC 80000-13 and SI)
//   KiB MiB GiB TiB PiB    powers of 1024 (IEC 80000-13)
//   K M G T P              powers of 1024, as in the configuration of most servers
//
// A fraction is allowed and computed exactly: no double takes part, so '0.1GiB' is 107374182 on every
// machine. The result is rounded to the nearest byte, halves upward. There are no signs, exponents,
// hexadecimal or thousands separators.
//
// Thread-safety: all functions here are pure and may be called from anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace warden {

/// A value that a user wrote and that cannot be accepted. what() says what was wrong and what would be right.
/// It is valid UTF-8, and short whatever the user wrote.
class BadValue : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// What a setting such as memory_budget holds: a size, or a share of something known only later.
struct Quantity {
  enum class Kind { bytes, share };
  Kind kind = Kind::bytes;
  std::int64_t bytes = 0;  ///< if kind is bytes; never negative
  double share = 0.0;      ///< if kind is share; 0 to 1
};

/// Bytes that every result of format_size fits into; the longest is "-1023.99 KiB", 12 bytes.
inline constexpr std::size_t kSizeTextBytes = 16;

/// `text` as a size in bytes, 0 to 2^63-1. Throws BadValue if it is none.
std::int64_t parse_size(std::string_view text);

/// `text` as a size, or as a share from '0%' to '100%' ('12.5%' and '25 %' too). Throws BadValue if it is
/// neither.
Quantity parse_quantity(std::string_view text);

/// The bytes that `quantity` means when the whole is `whole_bytes`: a size is what it is, whatever the whole;
/// a share is rounded to the nearest byte. A negative whole counts as 0.
std::int64_t resolve(Quantity quantity, std::int64_t whole_bytes) noexcept;

/// `bytes` for people: binary units, at most two decimals, no trailing zeros: "0 B", "1.5 GiB", "-2 MiB". A
/// value that would round to 1024 of a unit is shown as 1 of the next. The largest unit is PiB, so parse_size
/// can read each unit.
std::string format_size(std::int64_t bytes);

/// The same into `out`, without allocation; returns the bytes written, no terminating zero. A span shorter
/// than the text gets its beginning; kSizeTextBytes always suffice.
std::size_t format_size(std::int64_t bytes, std::span<char> out) noexcept;

/// The member of `names` that someone who wrote `wrong` may have meant, for "did you mean"; empty if none is
/// near. Near is a Damerau-Levenshtein distance (optimal string alignment) of at most a third of the length
/// of `wrong`, or 2 if that is more, but always less than that length. Upper and lower case are alike, and so
/// are '-', '_' and ' '. The first of equally near names wins. Names above 64 bytes neither get nor are
/// suggestions, which bounds the work.
std::string_view nearest_name(std::string_view wrong, std::span<const std::string_view> names) noexcept;

/// `text` in double quotes, fit for an error message whatever it is: at most 64 bytes of it (then "...", cut
/// between characters), control characters as '?', bytes that are not UTF-8 as U+FFFD.
std::string quote_for_message(std::string_view text);

}  // namespace warden
