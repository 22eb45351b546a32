// SQL text without its data, for any bytes: the first byte is the room for a cut text, the rest is the SQL.
#include "fuzz.hpp"
#include "watchdog/sql_text.hpp"

using namespace warden;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  const std::size_t room = input.byte();
  const std::string sql(input.rest());  // of its own size: a byte read beyond it is an error
  const std::string whole = normalize_sql(sql);
  require(fuzz::is_utf8(whole), "normalised text is UTF-8", sql, whole);
  require(normalize_sql(whole) == whole, "normalised text normalises to itself", whole, normalize_sql(whole));
  require(fingerprint_sql(whole) == fingerprint_sql(sql), "it has the fingerprint of what it was made of",
          sql, whole);
  require(whole.find('\'') == whole.npos || whole.find_first_of("`[") != whole.npos,
          "no string literal remains", sql, whole);
  require(whole.size() <= 4 * sql.size() + 4, "it is not much longer than the text", sql, whole);
  require(normalize_sql(" /* 'c' */\n" + sql) == whole, "a comment in front is nothing", sql,
          normalize_sql(" /* 'c' */\n" + sql));

  for (const bool beginning : {false, true}) {
    std::string out(room, '#');
    const std::size_t length = normalize_sql(sql, std::span<char>(out), beginning);
    const std::size_t most = fuzz::planted() && room < 8 && whole.size() > 20 ? 2 : room;
    require(length <= most, "it stays within its room", sql);
    const std::string_view text = std::string_view(out).substr(0, length);
    require(fuzz::is_utf8(text), "a cut is between characters", sql, text);
    if (beginning) {
      require(room < 3 || text.ends_with("..."), "a beginning is shown as one", sql, text);
      require(text.find('\'') == text.npos || text.find_first_of("`[") != text.npos, "no cut literal remains",
              sql, text);
    } else if (whole.size() <= room) {
      require(text == whole, "what fits is all of it", whole, text);
    } else {
      const std::size_t dots = std::min<std::size_t>(3, room);
      require(text.ends_with(std::string_view("...").substr(0, dots)), "what is cut ends in dots", whole,
              text);
      require(whole.starts_with(text.substr(0, length - dots)), "what is cut is a beginning", whole, text);
    }
  }
  return 0;
}
