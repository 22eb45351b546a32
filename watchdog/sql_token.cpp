// See sql_token.hpp. The comments name the rule of tokenize.c where it is not what one would expect.
#include "sql_token.hpp"

#include <array>

namespace warden {
namespace {

/// tool/mkkeywordhash.c of SQLite 3.49: 147 keywords that sqlite3_keyword_name() of a full build lists,
/// WITHIN (in builds with ordered-set aggregates), and TRUE and FALSE (lang_expr.html, "Boolean Expressions").
// clang-format off
constexpr std::array<std::string_view, 150> kKeywords = {
    "ABORT", "ACTION", "ADD", "AFTER", "ALL", "ALTER", "ALWAYS", "ANALYZE", "AND", "AS", "ASC", "ATTACH",
    "AUTOINCREMENT", "BEFORE", "BEGIN", "BETWEEN", "BY", "CASCADE", "CASE", "CAST", "CHECK", "COLLATE",
    "COLUMN", "COMMIT", "CONFLICT", "CONSTRAINT", "CREATE", "CROSS", "CURRENT", "CURRENT_DATE",
    "CURRENT_TIME", "CURRENT_TIMESTAMP", "DATABASE", "DEFAULT", "DEFERRABLE", "DEFERRED", "DELETE", "DESC",
    "DETACH", "DISTINCT", "DO", "DROP", "EACH", "ELSE", "END", "ESCAPE", "EXCEPT", "EXCLUDE", "EXCLUSIVE",
    "EXISTS", "EXPLAIN", "FAIL", "FALSE", "FILTER", "FIRST", "FOLLOWING", "FOR", "FOREIGN", "FROM", "FULL",
    "GENERATED", "GLOB", "GROUP", "GROUPS", "HAVING", "IF", "IGNORE", "IMMEDIATE", "IN", "INDEX", "INDEXED",
    "INITIALLY", "INNER", "INSERT", "INSTEAD", "INTERSECT", "INTO", "IS", "ISNULL", "JOIN", "KEY", "LAST",
    "LEFT", "LIKE", "LIMIT", "MATCH", "MATERIALIZED", "NATURAL", "NO", "NOT", "NOTHING", "NOTNULL", "NULL",
    "NULLS", "OF", "OFFSET", "ON", "OR", "ORDER", "OTHERS", "OUTER", "OVER", "PARTITION", "PLAN", "PRAGMA",
    "PRECEDING", "PRIMARY", "QUERY", "RAISE", "RANGE", "RECURSIVE", "REFERENCES", "REGEXP", "REINDEX",
    "RELEASE", "RENAME", "REPLACE", "RESTRICT", "RETURNING", "RIGHT", "ROLLBACK", "ROW", "ROWS",
    "SAVEPOINT", "SELECT", "SET", "TABLE", "TEMP", "TEMPORARY", "THEN", "TIES", "TO", "TRANSACTION",
    "TRIGGER", "TRUE", "UNBOUNDED", "UNION", "UNIQUE", "UPDATE", "USING", "VACUUM", "VALUES", "VIEW",
    "VIRTUAL", "WHEN", "WHERE", "WINDOW", "WITH", "WITHIN", "WITHOUT"};
// clang-format on

constexpr std::size_t kLongestKeyword = 17;  // CURRENT_TIMESTAMP
constexpr std::size_t kSlots = 1024;         // power of two; a load of 15% makes a second look rare
constexpr std::uint8_t kEmpty = 255;
static_assert(kKeywords.size() < kEmpty);

constexpr std::size_t slot_of(std::string_view upper) noexcept {
  std::uint32_t hash = 2166136261U;  // FNV-1a, 32 bits; any even spread would do
  for (const char c : upper) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return (hash ^ (hash >> 15)) & (kSlots - 1);
}

constexpr std::array<std::uint8_t, kSlots> make_slots() noexcept {
  std::array<std::uint8_t, kSlots> slots{};
  slots.fill(kEmpty);
  for (std::size_t i = 0; i < kKeywords.size(); ++i) {
    std::size_t slot = slot_of(kKeywords[i]);
    while (slots[slot] != kEmpty) slot = (slot + 1) & (kSlots - 1);
    slots[slot] = static_cast<std::uint8_t>(i);
  }
  return slots;
}

constexpr std::array<std::uint8_t, kSlots> kSlotTable = make_slots();

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr std::array<bool, 256> make_identifier_bytes() noexcept {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '$' || c >= 0x80;
  }
  return table;
}

constexpr std::array<bool, 256> kIdentifierBytes = make_identifier_bytes();

}  // namespace

bool is_sql_identifier_byte(char c) noexcept { return kIdentifierBytes[static_cast<unsigned char>(c)]; }

std::string_view sql_keyword(std::string_view word) noexcept {
  if (word.size() < 2 || word.size() > kLongestKeyword) return {};
  std::array<char, kLongestKeyword> buffer{};
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    buffer[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  const std::string_view upper(buffer.data(), word.size());
  for (std::size_t slot = slot_of(upper); kSlotTable[slot] != kEmpty; slot = (slot + 1) & (kSlots - 1)) {
    if (kKeywords[kSlotTable[slot]] == upper) return kKeywords[kSlotTable[slot]];
  }
  return {};
}

SqlToken SqlLexer::take(SqlKind kind, std::size_t end) noexcept {
  const SqlToken token{kind, sql_.substr(position_, end - position_)};
  position_ = end;
  return token;
}

/// Moves past a comment if there is one here. '/*' as the last two bytes is none: SQLite reads '/' and '*'.
bool SqlLexer::skip_comment() noexcept {
  if (at(position_) == '-' && at(position_ + 1) == '-') {
    while (at(position_) != '\0' && at(position_) != '\n') ++position_;
    return true;
  }
  if (at(position_) != '/' || at(position_ + 1) != '*' || at(position_ + 2) == '\0') return false;
  position_ += 2;
  while (at(position_) != '\0') {
    if (at(position_) == '*' && at(position_ + 1) == '/') {
      position_ += 2;
      break;
    }
    ++position_;
  }
  return true;
}

/// A string, a blob or a quoted identifier. A doubled closing quote stands for itself, but not in x'..' and
/// [..].
SqlToken SqlLexer::take_quoted(char close) noexcept {
  const bool blob = at(position_) != close && close == '\'';
  const bool doubles = !blob && close != ']';
  for (std::size_t end = position_ + (blob ? 2 : 1); at(end) != '\0'; ++end) {
    if (at(end) != close) continue;
    if (!doubles || at(end + 1) != close) {
      return take(close == '\'' ? SqlKind::literal : SqlKind::quoted, end + 1);
    }
    ++end;
  }
  return take_unclosed();
}

/// The rest of the text: what was meant to be quoted may be anything in it.
SqlToken SqlLexer::take_unclosed() noexcept {
  while (at(position_) != '\0') ++position_;
  return {SqlKind::literal, {}};
}

/// A number runs on over identifier bytes, as in tokenize.c, where '12ab' is one illegal token.
SqlToken SqlLexer::take_number() noexcept {
  const auto digits = [this](std::size_t end) {
    while (is_digit(at(end)) || at(end) == '_') ++end;
    return end;
  };
  std::size_t end = position_;
  if (at(end) == '0' && (at(end + 1) == 'x' || at(end + 1) == 'X') && is_hex(at(end + 2))) {
    end += 3;
  } else {
    end = digits(end);
    if (at(end) == '.') end = digits(end + 1);
    if (at(end) == 'e' || at(end) == 'E') {
      const std::size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
      if (is_digit(at(end + 1 + sign))) end = digits(end + 1 + sign);
    }
  }
  while (is_sql_identifier_byte(at(end))) ++end;
  return take(SqlKind::number, end);
}

/// After ':', '@', '$' or '#': identifier bytes, '::' between them, and one Tcl index '(..)' without space at
/// the end.
SqlToken SqlLexer::take_parameter() noexcept {
  std::size_t end = position_ + 1;
  if (at(position_) == '?') {
    while (is_digit(at(end))) ++end;
    return take(SqlKind::parameter, end);
  }
  bool named = false;
  for (;; ++end) {
    if (is_sql_identifier_byte(at(end))) {
      named = true;
    } else if (at(end) == ':' && at(end + 1) == ':') {
      ++end;
    } else {
      break;
    }
  }
  if (named && at(end) == '(') {
    while (at(end) != '\0' && at(end) != ')' && !is_space(at(end))) ++end;
    if (at(end) == ')') ++end;
  }
  return take(named ? SqlKind::parameter : SqlKind::literal, end);
}

SqlToken SqlLexer::take_word() noexcept {
  std::size_t end = position_ + 1;
  while (is_sql_identifier_byte(at(end))) ++end;
  SqlToken token = take(SqlKind::word, end);
  const std::string_view keyword = sql_keyword(token.text);
  if (!keyword.empty()) token = {SqlKind::keyword, keyword};
  return token;
}

SqlToken SqlLexer::take_operator() noexcept {
  const char second = at(position_ + 1);
  std::size_t length = 1;
  switch (at(position_)) {
    case '-':  // ->, ->>
      if (second == '>') length = at(position_ + 2) == '>' ? 3 : 2;
      break;
    case '=':
      if (second == '=') length = 2;
      break;
    case '<':
      if (second == '=' || second == '>' || second == '<') length = 2;
      break;
    case '>':
      if (second == '=' || second == '>') length = 2;
      break;
    case '|':
      if (second == '|') length = 2;
      break;
    case '!':
      if (second != '=') return take(SqlKind::literal, position_ + 1);
      length = 2;
      break;
    case '+':
    case '*':
    case '/':
    case '%':
    case '&':
    case '~':
      break;
    default:
      return take(SqlKind::literal, position_ + 1);  // illegal byte
  }
  return take(SqlKind::op, position_ + length);
}

SqlToken SqlLexer::next() noexcept {
  for (;;) {
    if (is_space(at(position_))) {
      ++position_;
    } else if (at(position_) == '\xEF' && at(position_ + 1) == '\xBB' && at(position_ + 2) == '\xBF') {
      position_ += 3;
    } else if (!skip_comment()) {
      break;
    }
  }
  const char first = at(position_);
  switch (first) {
    case '\0':
      return {};
    case '\'':
    case '"':
    case '`':
      return take_quoted(first);
    case '[':
      return take_quoted(']');
    case '(':
      return take(SqlKind::left, position_ + 1);
    case ')':
      return take(SqlKind::right, position_ + 1);
    case ',':
      return take(SqlKind::comma, position_ + 1);
    case ';':
      return take(SqlKind::semicolon, position_ + 1);
    case '.':
      if (is_digit(at(position_ + 1))) return take_number();
      if (at(position_ + 1) == '.' && at(position_ + 2) == '.') return take(SqlKind::ellipsis, position_ + 3);
      return take(SqlKind::dot, position_ + 1);
    case '?':
    case ':':
    case '@':
    case '#':
    case '$':
      return take_parameter();
    case 'x':
    case 'X':
      if (at(position_ + 1) == '\'') return take_quoted('\'');
      return take_word();
    default:
      if (is_digit(first)) return take_number();
      if (is_sql_identifier_byte(first)) return take_word();
      return take_operator();
  }
}

}  // namespace warden
