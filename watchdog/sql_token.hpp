// SQL text as SQLite's tokenizer sees it (sqlite3 src/tokenize.c and tool/mkkeywordhash.c, as of 3.49),
// without SQLite.
//
//   SqlLexer lexer("SELECT x FROM t -- all");
//   lexer.next() -> {keyword, "SELECT"}, {word, "x"}, {keyword, "FROM"}, {word, "t"}, {end, ""}
//
// It differs from SQLite in what SQLite refuses anyway, and then on the safe side: whatever is not a legal
// token, and whatever is quoted and never closed, is one `literal`, whose text nobody shows. It also knows
// "...", which is not SQL, as a token of its own: it is what sql_text.hpp writes for the rest of a list.
//
// As in SQLite, white space, comments and byte order marks separate tokens and are none; a NUL byte ends the
// text; '1_000' is one number (3.46 and up). Every byte is looked at a bounded number of times; nothing is
// allocated.
//
// Thread-safety: a SqlLexer belongs to one thread and to the text that it was made for, which must outlive it
// and its tokens. Copying one is cheap, and is how to look ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace warden {

enum class SqlKind : std::uint8_t {
  end,
  word,       ///< unquoted identifier, as written
  keyword,    ///< upper case; also TRUE and FALSE, which SQLite treats as names that mean constants
  quoted,     ///< quoted identifier, closed, with its quotes: "a", `a`, [a]
  number,     ///< a numeric literal, without sign
  literal,    ///< string or blob literal, or something illegal
  parameter,  ///< ? ?1 :a @a $a $a::b(c) #1
  op,         ///< any operator, including * + - ~
  left,       ///< (
  right,      ///< )
  comma,
  dot,
  semicolon,
  ellipsis,  ///< "...", see above
};

struct SqlToken {
  SqlKind kind = SqlKind::end;
  std::string_view text;
};

class SqlLexer {
 public:
  explicit SqlLexer(std::string_view sql) noexcept : sql_(sql) {}

  /// The next token; `end` for ever once the text is used up.
  SqlToken next() noexcept;

 private:
  char at(std::size_t position) const noexcept { return position < sql_.size() ? sql_[position] : '\0'; }
  bool skip_comment() noexcept;
  SqlToken take(SqlKind kind, std::size_t end) noexcept;
  SqlToken take_quoted(char close) noexcept;
  SqlToken take_unclosed() noexcept;
  SqlToken take_number() noexcept;
  SqlToken take_parameter() noexcept;
  SqlToken take_word() noexcept;
  SqlToken take_operator() noexcept;

  std::string_view sql_;
  std::size_t position_ = 0;
};

/// The keyword that `word` is, in upper case and with static lifetime; empty if it is none. All keywords of
/// SQLite, the optional ones too, and TRUE and FALSE.
std::string_view sql_keyword(std::string_view word) noexcept;

/// May `c` be inside an unquoted identifier: letters, digits, '_', '$' and all bytes from 0x80?
bool is_sql_identifier_byte(char c) noexcept;

}  // namespace warden
