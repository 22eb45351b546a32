// See sql_text.hpp. One path makes the text (Normalizer), whatever becomes of its bytes: SpanSink and
// StringSink keep them, HashSink hashes them.
#include "sql_text.hpp"

#include <algorithm>
#include <utility>

#include "sql_list.hpp"
#include "sql_token.hpp"
#include "utf8.hpp"

namespace warden {
namespace {

constexpr std::string_view kEllipsis = "...";

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Turns tokens into text. A Sink has `void put(char)` and `bool full() const`; it is never put to after it
/// is full.
template <typename Sink>
class Normalizer {
 public:
  explicit Normalizer(Sink& sink) noexcept : sink_(sink) {}

  void run(std::string_view sql, bool truncated) {
    SqlLexer lexer(sql);
    for (SqlToken token = lexer.next(); token.kind != SqlKind::end && !sink_.full(); token = lexer.next()) {
      if (token.kind == SqlKind::semicolon) {
        semicolon_pending_ = previous_.kind != SqlKind::end;
        continue;
      }
      if (semicolon_pending_) print({SqlKind::semicolon, ";"});
      semicolon_pending_ = false;
      const bool named = previous_.kind == SqlKind::dot;  // t.key: a name, whatever the word
      const bool begins = previous_.kind == SqlKind::end || previous_.kind == SqlKind::semicolon;
      if (begins) in_pragma_ = token.kind == SqlKind::keyword && token.text == "PRAGMA";
      print(token);
      if (in_pragma_ && is_key(token)) {
        hide_value(lexer);
      } else if (token.kind == SqlKind::keyword && !named) {
        collapse(token, lexer);
      }
    }
    if (truncated && previous_.kind != SqlKind::ellipsis) print({SqlKind::ellipsis, kEllipsis});
  }

 private:
  /// Is this the name of a pragma that sets an encryption key (key, rekey, hexkey, textrekey, ... of the SQLite forks
  /// that encrypt)?
  static bool is_key(const SqlToken& token) noexcept {
    constexpr std::string_view kEnd = "key";
    if (token.text.size() < kEnd.size() || (token.kind != SqlKind::keyword && token.kind != SqlKind::word))
      return false;
    const std::string_view end = token.text.substr(token.text.size() - kEnd.size());
    return std::equal(end.begin(), end.end(), kEnd.begin(), [](char a, char b) { return lower(a) == b; });
  }

  /// Prints "= ?" for the rest of a statement, whatever it is: an unquoted key reads like a name.
  void hide_value(SqlLexer& lexer) {
    bool any = false;
    SqlToken token = lexer.next();
    for (; token.kind != SqlKind::end && token.kind != SqlKind::semicolon; token = lexer.next()) any = true;
    if (any) {
      print({SqlKind::op, "="});
      print({SqlKind::parameter, "?"});
    }
    semicolon_pending_ = token.kind == SqlKind::semicolon;
    in_pragma_ = false;
  }

  /// Prints a list of constants after IN or VALUES, if there is one, and leaves `lexer` behind it.
  void collapse(SqlToken keyword, SqlLexer& lexer) {
    const bool in = keyword.text == "IN";
    if (!in && keyword.text != "VALUES") return;
    const ConstantList list = in ? read_in_list(lexer) : read_values_list(lexer);
    if (!list.found) return;
    if (in) print({SqlKind::left, "("});
    if (list.rows) print({SqlKind::left, "("});
    for (std::size_t i = 0; i < (list.rows ? list.width : 1) && !sink_.full(); ++i) {
      if (i > 0) print({SqlKind::comma, ","});
      print({SqlKind::parameter, "?"});
    }
    if (list.rows) print({SqlKind::right, ")"});
    print({SqlKind::comma, ","});
    print({SqlKind::ellipsis, kEllipsis});
    if (list.closed) print({SqlKind::right, ")"});
  }

  /// Is a '-', '+' or '~' here a sign, not an operation on what came before?
  bool sign_position() const noexcept {
    switch (previous_.kind) {
      case SqlKind::end:
      case SqlKind::op:
      case SqlKind::left:
      case SqlKind::comma:
      case SqlKind::semicolon:
        return true;
      case SqlKind::keyword:
        return previous_.text != "END" && previous_.text != "NULL" && previous_.text != "TRUE" &&
               previous_.text != "FALSE" && !previous_.text.starts_with("CURRENT_");
      default:
        return false;
    }
  }

  /// The layout: is there a space before `token`? It depends on the tokens alone, and never lets two of them
  /// touch that would be read as one.
  bool separated(const SqlToken& token) const noexcept {
    if (previous_.kind == SqlKind::end || previous_.kind == SqlKind::left) return false;
    switch (token.kind) {
      case SqlKind::comma:
      case SqlKind::right:
      case SqlKind::semicolon:
        return false;
      case SqlKind::dot:
        return previous_.kind == SqlKind::dot;
      case SqlKind::ellipsis:
        return previous_.kind == SqlKind::comma || previous_.kind == SqlKind::dot;
      case SqlKind::left:
        if (previous_.kind == SqlKind::word || previous_.kind == SqlKind::quoted) return false;
        if (previous_.kind == SqlKind::keyword) {  // those that are used like functions
          return previous_.text != "CAST" && previous_.text != "RAISE" && previous_.text != "REPLACE" &&
                 previous_.text != "IF";
        }
        break;
      default:
        break;
    }
    if (previous_.kind == SqlKind::dot) return false;
    return !(sign_ && token.kind != SqlKind::op);
  }

  void print(SqlToken token) {
    if (token.kind == SqlKind::keyword && previous_.kind == SqlKind::dot) token.kind = SqlKind::word;
    if (may_be_string(token)) token.kind = SqlKind::literal;
    if (separated(token)) put(' ');
    sign_ = token.kind == SqlKind::op && (token.text == "-" || token.text == "+" || token.text == "~") &&
            sign_position();
    switch (token.kind) {
      case SqlKind::number:
      case SqlKind::literal:
      case SqlKind::parameter:
        put('?');
        break;
      case SqlKind::word:
      case SqlKind::quoted:
        put_name(token);
        break;
      default:
        for (const char c : token.text) put(c);
    }
    previous_ = token;
  }

  void put_name(const SqlToken& token) {
    const bool word = token.kind == SqlKind::word;
    for (std::size_t at = 0; at < token.text.size() && !sink_.full();) {
      const std::size_t length = utf8_length(token.text, at);
      if (length == 0) {
        for (const char c : kReplacement) put(c);
      }
      for (std::size_t i = 0; i < length; ++i) put(word ? lower(token.text[at + i]) : token.text[at + i]);
      at += std::max<std::size_t>(length, 1);
    }
  }

  void put(char c) {
    if (!sink_.full()) sink_.put(c);
  }

  Sink& sink_;
  SqlToken previous_;  // end: nothing printed yet
  bool sign_ = false;  // previous_ is a sign
  bool in_pragma_ = false;
  bool semicolon_pending_ = false;
};

class SpanSink {
 public:
  explicit SpanSink(std::span<char> out) noexcept : out_(out) {}
  void put(char c) noexcept {
    if (size_ < out_.size()) {
      out_[size_++] = c;
    } else {
      full_ = true;
    }
  }
  bool full() const noexcept { return full_; }

  /// Marks a cut, if there was one; returns the length.
  std::size_t finish() noexcept {
    if (!full_) return size_;
    const std::size_t dots = std::min(kEllipsis.size(), out_.size());
    const std::size_t kept = utf8_floor({out_.data(), size_}, size_ - dots);
    std::copy_n(kEllipsis.data(), dots, out_.data() + kept);
    return kept + dots;
  }

 private:
  std::span<char> out_;
  std::size_t size_ = 0;
  bool full_ = false;
};

class StringSink {
 public:
  void put(char c) { text_ += c; }
  static bool full() noexcept { return false; }
  std::string take() noexcept { return std::move(text_); }

 private:
  std::string text_;
};

class HashSink {
 public:
  void put(char c) noexcept { hash_ = (hash_ ^ static_cast<unsigned char>(c)) * kPrime; }
  static bool full() noexcept { return false; }
  std::uint64_t hash() const noexcept { return hash_; }

 private:
  // draft-eastlake-fnv: offset basis and prime for 64 bits.
  static constexpr std::uint64_t kPrime = 1099511628211ULL;
  std::uint64_t hash_ = 14695981039346656037ULL;
};

}  // namespace

std::size_t normalize_sql(std::string_view sql, std::span<char> out, bool truncated_input) noexcept {
  SpanSink sink(out);
  Normalizer<SpanSink>(sink).run(truncated_input ? utf8_without_torn_end(sql) : sql, truncated_input);
  return sink.finish();
}

std::string normalize_sql(std::string_view sql) {
  StringSink sink;
  Normalizer<StringSink>(sink).run(sql, false);
  return sink.take();
}

std::uint64_t fingerprint_sql(std::string_view sql) noexcept {
  HashSink sink;
  Normalizer<HashSink>(sink).run(sql, false);
  return sink.hash();
}

}  // namespace warden
