#include "json_text.hpp"

#include <bitset>
#include <cstring>

#include "text_cursor.hpp"

namespace warden::jobs {
namespace {

/// The first version whose json_valid() tells that it has no memory.
constexpr int kTellsNoMemory = 3'042'000;
/// SQLite's own bound, of the strictest version.
constexpr std::size_t kDeepest = 1000;

struct Cursor : TextCursor {
  bool take_digits() noexcept {
    const char* first = at;
    while (at != end && *at >= '0' && *at <= '9') ++at;
    return at != first;
  }
  bool take_number() noexcept {
    take('-');
    if (!take('0') && !take_digits()) return false;
    if (take('.') && !take_digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return take_digits();
  }
  bool take_hex() noexcept {
    for (int i = 0; i < 4; ++i, ++at) {
      if (at == end || std::strchr("0123456789abcdefABCDEF", *at) == nullptr || *at == '\0') return false;
    }
    return true;
  }
  bool take_string() noexcept {
    if (!take('"')) return false;
    while (at != end && *at != '"') {
      const char c = *at++;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') continue;
      if (at == end) return false;
      const char escaped = *at++;
      if (escaped == 'u' ? !take_hex() : escaped == '\0' || std::strchr("\"\\/bfnrt", escaped) == nullptr)
        return false;
    }
    return take('"');
  }
  /// A name in an object, and the colon behind it.
  bool take_name() noexcept {
    skip_space();
    if (!take_string()) return false;
    skip_space();
    return take(':');
  }
  bool take_scalar() noexcept {
    if (at == end) return false;
    if (*at == '"') return take_string();
    return take("true") || take("false") || take("null") || take_number();
  }
};

}  // namespace

bool is_surely_json(std::string_view text) noexcept {
  Cursor c{{text.data(), text.data() + text.size()}};
  std::bitset<kDeepest> is_object;  // of what is open
  std::size_t depth = 0;
  for (;;) {
    c.skip_space();
    const bool object = c.take('{');
    if (object || c.take('[')) {
      if (depth == kDeepest) return false;
      is_object[depth++] = object;
      c.skip_space();
      if (!c.take(object ? '}' : ']')) {
        if (object && !c.take_name()) return false;
        continue;
      }
      --depth;
    } else if (!c.take_scalar()) {
      return false;
    }
    for (;;) {  // after a value
      c.skip_space();
      if (depth == 0) return c.at == c.end;
      const bool within_object = is_object[depth - 1];
      if (c.take(',')) {
        if (within_object && !c.take_name()) return false;
        break;
      }
      if (!c.take(within_object ? '}' : ']')) return false;
      --depth;
    }
  }
}

bool no_json(const vtab::Api* api, std::string_view text) {
  if (api->libversion_number() < kTellsNoMemory && is_surely_json(text)) throw std::bad_alloc();
  return false;
}

void append_is_json(vtab::string& sql, std::string_view column) {
  // Not by OR: of that SQLite computes both sides where its value is asked for.
  sql.append("CASE WHEN json_valid(job.").append(column).append(") THEN 1 ELSE warden_job_no_json(job.");
  sql.append(column).append(") END");
}

}  // namespace warden::jobs
