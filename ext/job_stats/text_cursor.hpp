// A text that is read from its beginning: what the two readers of JSON have in common.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace warden::jobs {

/// Reads bytes that are not its own, never beyond `end`. A take_...() that is false may have moved on within what it tried.
struct TextCursor {
  const char* at;
  const char* end;

  bool done() const noexcept { return at == end; }
  /// What JSON calls white space.
  void skip_space() noexcept {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
  }
  bool take(char c) noexcept {
    if (at == end || *at != c) return false;
    ++at;
    return true;
  }
  bool take(std::string_view word) noexcept {
    if (static_cast<std::size_t>(end - at) < word.size() || std::memcmp(at, word.data(), word.size()) != 0)
      return false;
    at += word.size();
    return true;
  }
};

}  // namespace warden::jobs
