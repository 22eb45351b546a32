// UTF-8 as far as watchdog/ needs it: is this a whole character, and was one torn at the end.
//
// Texts come from outside (SQL of other people's programs, values of settings) and may hold anything. What
// warden shows must be valid UTF-8 all the same, because SQLite hands TEXT on unchecked and many bindings
// refuse it.
//
// Thread-safety: pure functions, callable from anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace warden {

/// What stands for a byte that is not UTF-8: U+FFFD REPLACEMENT CHARACTER (Unicode 15, section 3.9).
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// True for the bytes 10xxxxxx, which never begin a character.
constexpr bool is_utf8_continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// How many bytes a character that begins with this byte has, 1 to 4; 0 if no character begins so.
constexpr std::size_t utf8_expected(char lead) noexcept {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80U) return 1;
  if (byte < 0xC2U) return 0;  // a continuation, or the overlong forms C0 and C1
  if (byte < 0xE0U) return 2;
  if (byte < 0xF0U) return 3;
  return byte < 0xF5U ? 4 : 0;  // F5 and up would lie beyond U+10FFFF
}

/// Length in bytes of the well-formed character at text[at], 1 to 4; 0 if there is none (RFC 3629: no
/// overlong form, no surrogate, nothing above U+10FFFF). `at` must be inside the text.
constexpr std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
  const std::size_t length = utf8_expected(text[at]);
  if (length < 2) return length;
  if (text.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_utf8_continuation(text[at + i])) return 0;
  }
  const auto lead = static_cast<unsigned char>(text[at]);
  const auto second = static_cast<unsigned char>(text[at + 1]);
  if (lead == 0xE0U && second < 0xA0U) return 0;  // overlong
  if (lead == 0xEDU && second > 0x9FU) return 0;  // surrogates D800 to DFFF
  if (lead == 0xF0U && second < 0x90U) return 0;  // overlong
  if (lead == 0xF4U && second > 0x8FU) return 0;  // above 10FFFF
  return length;
}

/// The largest length of at most `bytes` at which `text` may be cut without splitting a character, if it is
/// UTF-8.
constexpr std::size_t utf8_floor(std::string_view text, std::size_t bytes) noexcept {
  if (bytes >= text.size()) return text.size();
  while (bytes > 0 && is_utf8_continuation(text[bytes])) --bytes;
  return bytes;
}

/// `text` without the beginning of a character at its end, for texts that were cut at an arbitrary byte.
constexpr std::string_view utf8_without_torn_end(std::string_view text) noexcept {
  constexpr std::size_t kLongestTear = 3;  // a character has at most 4 bytes
  for (std::size_t back = 1; back <= std::min(kLongestTear, text.size()); ++back) {
    const char byte = text[text.size() - back];
    if (is_utf8_continuation(byte)) continue;
    return utf8_expected(byte) > back ? text.substr(0, text.size() - back) : text;
  }
  return text;
}

/// `text` with kReplacement for each byte that belongs to no character, appended to `out`.
template <class String>
void append_utf8(String& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    out.append(length > 0 ? text.substr(at, length) : kReplacement);
    at += std::max<std::size_t>(length, 1);
  }
}

}  // namespace warden
