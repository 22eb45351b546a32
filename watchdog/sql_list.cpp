// See sql_list.hpp.
#include "sql_list.hpp"

#include <algorithm>
#include <string_view>

namespace warden {
namespace {

/// Longest word in double quotes that is shown: names in schemas are shorter, tokens and keys often longer.
constexpr std::size_t kShownQuotedBytes = 64;

/// Reads one list. `next` hands out tokens up to the end of the text or a ';', which is never inside a list.
class ListReader {
 public:
  explicit ListReader(const SqlLexer& lexer) noexcept : lexer_(lexer) {}

  const SqlLexer& position() const noexcept { return lexer_; }

  ConstantList in_list() noexcept {
    if (next().kind != SqlKind::left) return {};
    SqlToken token = next();
    list_.rows = token.kind == SqlKind::left;
    for (;; token = next()) {
      if (token.kind == SqlKind::end && elements_ > 0) break;
      if (!element(token)) return {};
      token = next();
      if (token.kind == SqlKind::right || token.kind == SqlKind::end) break;
      if (token.kind != SqlKind::comma) return {};
    }
    list_.closed = token.kind == SqlKind::right;
    list_.found = true;
    return list_;
  }

  ConstantList values_list() noexcept {
    list_.rows = true;
    for (;;) {
      const SqlToken token = next();
      if (token.kind == SqlKind::end && elements_ > 0) break;
      if (!element(token)) return {};
      const SqlLexer behind = lexer_;
      if (next().kind == SqlKind::comma) continue;
      lexer_ = behind;
      if (elements_ < 2) return {};
      break;
    }
    list_.found = true;
    return list_;
  }

 private:
  SqlToken next() noexcept {
    const SqlLexer before = lexer_;
    const SqlToken token = lexer_.next();
    if (token.kind != SqlKind::semicolon) return token;
    lexer_ = before;
    return {};
  }

  /// One element that begins with `token`.
  bool element(const SqlToken& token) noexcept {
    ++elements_;
    return list_.rows ? row(token) : constant(token);
  }

  /// A row. The last one may be cut by the end of the text if it is not the first.
  bool row(SqlToken token) noexcept {
    if (token.kind != SqlKind::left) return false;
    std::size_t width = 0;
    do {
      token = next();
      if (token.kind != SqlKind::end && !constant(token)) return false;
      ++width;
      token = next();
    } while (token.kind == SqlKind::comma);
    if (token.kind == SqlKind::end) return elements_ > 1 && width <= list_.width;
    if (list_.width == 0) list_.width = width;
    return token.kind == SqlKind::right && width == list_.width;
  }

  /// A constant; takes what follows a sign, too: a number, or the end of the text that cut it.
  bool constant(const SqlToken& token) noexcept {
    if (token.kind == SqlKind::op && (token.text == "-" || token.text == "+")) {
      const SqlKind kind = next().kind;
      return kind == SqlKind::number || kind == SqlKind::end;
    }
    return token.kind == SqlKind::number || token.kind == SqlKind::literal ||
           token.kind == SqlKind::parameter || may_be_string(token) ||
           (token.kind == SqlKind::keyword && token.text == "NULL");
  }

  SqlLexer lexer_;
  ConstantList list_;
  std::size_t elements_ = 0;
};

}  // namespace

ConstantList read_in_list(SqlLexer& lexer) noexcept {
  ListReader reader(lexer);
  const ConstantList list = reader.in_list();
  if (list.found) lexer = reader.position();
  return list;
}

ConstantList read_values_list(SqlLexer& lexer) noexcept {
  ListReader reader(lexer);
  const ConstantList list = reader.values_list();
  if (list.found) lexer = reader.position();
  return list;
}

bool may_be_string(const SqlToken& token) noexcept {
  if (token.kind != SqlKind::quoted || token.text.front() != '"') return false;
  const std::string_view name = token.text.substr(1, token.text.size() - 2);
  if (name.empty() || name.size() > kShownQuotedBytes) return true;
  if ((name.front() >= '0' && name.front() <= '9') || name.front() == '$') return true;
  return !std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80U && is_sql_identifier_byte(c);
  });
}

}  // namespace warden
