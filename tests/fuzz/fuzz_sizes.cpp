// Sizes, shares and suggestions: what is accepted means the same however it is written, and what is refused is refused with
// a short sentence.
#include <cctype>
#include <limits>

#include "fuzz.hpp"
#include "watchdog/settings.hpp"
#include "watchdog/units.hpp"

namespace {

using namespace warden;
using fuzz::require;

constexpr std::int64_t kRefused = -1;

std::int64_t size_of(std::string_view text) {
  try {
    const std::int64_t bytes = parse_size(text);
    require(bytes >= 0, "a size is not negative", text);
    return bytes;
  } catch (const BadValue& refused) {
    const std::string_view why = refused.what();
    require(!why.empty() && why.size() < 600 && fuzz::is_utf8(why), "a refusal is a short sentence", text,
            why);
    return kRefused;
  }
}

std::string in_case(std::string_view text, int (*change)(int)) {
  std::string changed(text);
  for (char& c : changed) {
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(change(c));
  }
  return changed;
}

/// The text of a number means that number, as exactly as two decimals of its unit can say.
void round_trip(std::int64_t bytes) {
  const std::string text = format_size(bytes);
  require(text.size() <= kSizeTextBytes, "a size's text fits its buffer", text);
  std::array<char, kSizeTextBytes> room{};
  require(std::string_view(room.data(), format_size(bytes, room)) == text, "both ways to write are one",
          text);
  if (bytes < 0) return;
  require(size_of(std::to_string(bytes)) == bytes, "plain digits are that many bytes", std::to_string(bytes));
  const std::int64_t again = size_of(text);
  if (again == kRefused) {  // 8192 PiB is one more than fits
    require(bytes > std::numeric_limits<std::int64_t>::max() - (std::int64_t{1} << 43),
            "a size's text is a size", text);
    return;
  }
  const std::int64_t away = again > bytes ? again - bytes : bytes - again;
  require(away <= bytes / 190 + 1, "a size's text is near the size", std::to_string(bytes), text);
  require(format_size(again) == text, "a size's text stays when it is read and written", text,
          format_size(again));
}

void shares(std::string_view text, std::int64_t bytes, std::int64_t whole) {
  try {
    const Quantity quantity = parse_quantity(text);
    const std::int64_t means = resolve(quantity, whole);
    if (quantity.kind == Quantity::Kind::bytes) {
      require(quantity.bytes == bytes && means == bytes, "a size is one as a quantity, too", text);
    } else {
      require(bytes == kRefused, "a share is no size", text);
      require(quantity.share >= 0 && quantity.share <= 1, "a share is from 0 to 1", text);
      require(means >= 0 && means <= std::max<std::int64_t>(whole, 0), "a share is within the whole", text);
    }
  } catch (const BadValue& refused) {
    require(bytes == kRefused, "what is a size is a quantity", text);
    require(fuzz::is_utf8(refused.what()), "a refusal is UTF-8", text);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes all(data, size);
  const std::string_view text = all.rest();
  const std::int64_t bytes = size_of(text) + (fuzz::planted() && text.ends_with("TB") ? 1 : 0);
  require(size_of(in_case(text, std::toupper)) == bytes, "case does not matter", text);
  require(size_of(in_case(text, std::tolower)) == bytes, "case does not matter", text);
  require(size_of(" \t" + std::string(text) + "\n ") == bytes, "white space around does not matter", text);
  if (bytes != kRefused) round_trip(bytes);

  std::array<std::string_view, 64> names;
  const std::size_t count = std::min(setting_specs().size(), names.size());
  for (std::size_t i = 0; i < count; ++i) names[i] = setting_specs()[i].name;
  const std::span<const std::string_view> known(names.data(), count);
  const std::string_view near = nearest_name(text, known);
  require(near.empty() || std::find(known.begin(), known.end(), near) != known.end(),
          "a suggestion is a name", text, near);
  const std::string quoted = quote_for_message(text);
  require(fuzz::is_utf8(quoted) && quoted.size() <= 2 + 3 * 64 + 3, "a quotation is short and UTF-8", text,
          quoted);

  const auto number = static_cast<std::int64_t>(all.word());
  round_trip(number);
  shares(text, bytes, number);
  return 0;
}
