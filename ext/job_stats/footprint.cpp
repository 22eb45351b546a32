#include "footprint.hpp"

#include <algorithm>

#include "text_cursor.hpp"

namespace warden::jobs {
namespace {

/// Powers of ten that are exact doubles. An integer below 2^53 divided by one is rounded once, so correctly (W. D.
/// Clinger, How to Read Floating Point Numbers Accurately, 1990).
constexpr std::array<double, 16> kPowersOfTen{1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                              1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
constexpr int kMostDigits = 15;  // 10^15 < 2^53

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

struct Reader : TextCursor {
  /// A string of printable ASCII without escapes, after its opening quote.
  bool take_plain_string(std::string_view& text) noexcept {
    const char* begin = at;
    while (at != end && *at != '"') {
      if (*at < 0x20 || *at == '\\' || *at == 0x7f) return false;  // a byte above 0x7f is negative
      ++at;
    }
    if (at == end) return false;
    text = {begin, static_cast<std::size_t>(at - begin)};
    ++at;
    return true;
  }
  /// -?(0|[1-9][0-9]*)(\.[0-9]+)? of at most kMostDigits digits, and nothing that would go on with it.
  bool take_number(FootprintValue& value) noexcept {
    const bool negative = take('-');
    const char* first = at;
    std::int64_t digits = 0;
    while (at != end && is_digit(*at)) {
      if (at - first >= kMostDigits) return false;
      digits = digits * 10 + (*at++ - '0');
    }
    const auto whole = at - first;
    if (whole == 0 || (whole > 1 && *first == '0')) return false;
    int decimals = 0;
    if (take('.')) {
      while (at != end && is_digit(*at)) {
        if (whole + decimals >= kMostDigits) return false;
        digits = digits * 10 + (*at++ - '0');
        ++decimals;
      }
      if (decimals == 0) return false;
    }
    const double magnitude = static_cast<double>(digits) / kPowersOfTen[static_cast<std::size_t>(decimals)];
    value.kind = FootprintValue::Kind::number;
    value.exact = !is_rounded(magnitude);  // zeros after the point don't matter: 35.000 is 35
    value.number = negative ? -magnitude : magnitude;
    return true;
  }
};

}  // namespace

FootprintScanner::FootprintScanner(std::span<const std::string_view> keys, const vtab::Api* api)
    : keys_(keys), stamps_(keys.size(), 0, vtab::Allocator<std::uint32_t>(api)) {
  for (Seen& seen : seen_) seen.size = 0, seen.position = kNone;
}

int FootprintScanner::position_of(std::string_view key) const noexcept {
  const auto found = std::find(keys_.begin(), keys_.end(), key);
  return found == keys_.end() ? kNone : static_cast<int>(found - keys_.begin());
}

int FootprintScanner::key_at(std::size_t place, std::string_view key) noexcept {
  if (place >= kPlaces || key.empty() || key.size() > seen_[0].bytes.size()) return position_of(key);
  Seen& seen = seen_[place];
  if (seen.size == key.size() && std::memcmp(seen.bytes.data(), key.data(), key.size()) == 0)
    return seen.position;
  seen.size = static_cast<std::uint8_t>(key.size());
  std::memcpy(seen.bytes.data(), key.data(), key.size());
  return seen.position = position_of(key);
}

bool FootprintScanner::scan(std::string_view json, std::span<FootprintValue> values) noexcept {
  for (FootprintValue& value : values) value.kind = FootprintValue::Kind::absent;
  if (++call_ == 0) {  // the stamps of four thousand million calls ago
    std::fill(stamps_.begin(), stamps_.end(), 0);
    call_ = 1;
  }
  other_key_ = {};
  Reader in{{json.data(), json.data() + json.size()}};
  in.skip_space();
  if (in.take("null")) {
    in.skip_space();
    return in.done();
  }
  if (!in.take('{')) return false;
  in.skip_space();
  if (in.take('}')) {
    in.skip_space();
    return in.done();
  }
  for (std::size_t place = 0;; ++place) {
    std::string_view key;
    if (!in.take('"') || !in.take_plain_string(key)) return false;
    in.skip_space();
    if (!in.take(':')) return false;
    in.skip_space();
    const int position = key_at(place, key);
    FootprintValue value;
    if (in.done()) return false;
    if (*in.at == '-' || is_digit(*in.at)) {
      if (!in.take_number(value)) return false;
      if (looks_at_all_ && position == kNone) other_key_ = key;
    } else if (in.take("null")) {
      // absent
    } else {
      // A string or true or false: of no interest where nobody asks for the key.
      std::string_view ignored;
      if (position != kNone || looks_at_all_) return false;
      if (!(in.take('"') ? in.take_plain_string(ignored) : in.take("true") || in.take("false"))) return false;
    }
    if (position != kNone && stamps_[static_cast<std::size_t>(position)] != call_) {
      stamps_[static_cast<std::size_t>(position)] = call_;
      values[static_cast<std::size_t>(position)] = value;
    }
    in.skip_space();
    if (in.take('}')) break;
    if (!in.take(',')) return false;
    in.skip_space();
  }
  in.skip_space();
  return in.done();
}

}  // namespace warden::jobs
