// What holds for every SQL text: statements and bytes from a generator with a fixed seed. Single cases:
// test_sql_text.cpp.
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog/sql_text.hpp"

namespace {

using warden::fingerprint_sql;
using warden::normalize_sql;

/// The shape of a statement: words, operators and punctuation as they are, and two markers that are written
/// differently each time. Names use the letters a to m only, and literals only z, digits, quotes and
/// punctuation, so that a literal that survives is seen.
enum class Part { keyword, name, op, literal, parameter, constant_list };
struct Piece {
  Part part;
  std::string text;
};
using Shape = std::vector<Piece>;

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  template <std::size_t N>
  std::string_view one_of(const std::array<std::string_view, N>& choices) {
    return choices[below(N)];
  }

  std::string name() {
    std::string text = "id_";
    for (std::size_t i = below(6) + 1; i > 0; --i) text += static_cast<char>('a' + below(13));
    return text;
  }

  std::string_view op() {
    constexpr std::array<std::string_view, 16> kOps = {"+",  "-", "*",  "/",  "%", "||", "|",  "&",
                                                       "<<", "<", "<=", "<>", "=", "==", "->", "->>"};
    return one_of(kOps);
  }

  Shape statement() {
    Shape shape = {{Part::keyword, "select"}};
    for (std::size_t columns = below(3) + 1; columns > 0; --columns) {
      expression(shape, 3);
      if (columns > 1) shape.push_back({Part::op, ","});
    }
    shape.insert(shape.end(), {{Part::keyword, "from"}, {Part::name, name()}, {Part::keyword, "where"}});
    expression(shape, 3);
    if (below(2) == 0) {
      shape.push_back({Part::keyword, "limit"});
      shape.push_back({Part::literal, ""});
    }
    return shape;
  }

  std::string literal() {
    std::string digits;
    for (std::size_t i = below(8) + 1; i > 0; --i) digits += static_cast<char>('0' + below(10));
    const std::array<std::string, 7> literals = {digits,
                                                 digits + "." + digits + "e-" + digits,
                                                 "." + digits,
                                                 "0x" + digits,
                                                 "x'" + digits + digits + "'",
                                                 "\"z " + digits + "\"",
                                                 "'z''" + digits + "\n--z /* \" [\x7F'"};
    return literals[below(literals.size())];
  }

  std::string parameter() {
    constexpr std::array<std::string_view, 6> kParameters = {"?", "?9", ":z", "@z9", "$z", "$z::z(9)"};
    return std::string(one_of(kParameters));
  }

  std::string constant_list() {
    std::string text = "(" + literal();
    for (std::size_t i = below(6); i > 0; --i) {
      const std::string element = below(2) == 0 ? literal() : parameter();
      text += std::string(gap(false)) + "," + gap(false) + element;
    }
    return text + gap(false) + ")";
  }

  /// White space and comments; at least one of them if `needed`.
  std::string gap(bool needed) {
    constexpr std::array<std::string_view, 7> kGaps = {" ",    "\n\t",  "/* z */", "--z 9 'z'\n",
                                                       "\r\f", "/*'*/", "  "};
    std::string text = needed ? std::string(one_of(kGaps)) : "";
    while (below(3) == 0) text += one_of(kGaps);
    return text;
  }

  std::string any_case(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z' && below(2) == 0) c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  /// SQL text of this shape, with other literals, parameters, list lengths, case and white space each time.
  std::string write(const Shape& shape) {
    std::string sql = gap(false);
    for (const Piece& piece : shape) {
      if (piece.part == Part::keyword || piece.part == Part::name) sql += any_case(piece.text);
      if (piece.part == Part::op) sql += piece.text;
      if (piece.part == Part::literal) sql += literal();
      if (piece.part == Part::parameter) sql += parameter();
      if (piece.part == Part::constant_list) sql += constant_list();
      if (piece.text == "-") sql += ' ';  // "-" and "-- z" would be a comment
      sql += gap(true);
    }
    return sql + (below(2) == 0 ? ";" : "");
  }

 private:
  void expression(Shape& shape, int depth) {
    switch (depth == 0 ? below(3) : below(7)) {
      case 0:
        shape.push_back({Part::name, name()});
        break;
      case 1:
        shape.push_back({Part::literal, ""});
        break;
      case 2:
        shape.push_back({Part::parameter, ""});
        break;
      case 3:
        shape.insert(shape.end(), {{Part::name, name()}, {Part::op, "("}});
        expression(shape, depth - 1);
        shape.push_back({Part::op, ")"});
        break;
      case 4:
        shape.insert(shape.end(), {{Part::name, name()}, {Part::keyword, "in"}, {Part::constant_list, ""}});
        break;
      case 5:
        shape.push_back({Part::op, "-"});
        expression(shape, depth - 1);
        break;
      default:
        expression(shape, depth - 1);
        shape.push_back({Part::op, std::string(op())});
        expression(shape, depth - 1);
    }
  }

  std::mt19937 random_;
};

constexpr int kStatements = 3000;

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
    };
    const std::size_t more = byte(i) < 0x80       ? 0
                             : byte(i) >> 5 == 6  ? 1
                             : byte(i) >> 4 == 14 ? 2
                             : byte(i) >> 3 == 30 ? 3
                                                  : 9;
    if (more == 9) return false;
    unsigned code = more == 0 ? byte(i) : byte(i) & (0x3FU >> more);
    for (std::size_t j = 1; j <= more; ++j) {
      if (byte(i + j) >> 6 != 2) return false;
      code = code << 6 | (byte(i + j) & 0x3FU);
    }
    constexpr std::array<unsigned, 4> kLeast = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    i += more + 1;
  }
  return true;
}

/// Bytes in which much of what a tokenizer treats specially occurs.
std::string random_bytes(Generator& generator) {
  constexpr std::array<std::string_view, 30> kPieces = {"'",        "\"",
                                                        "`",        "[",
                                                        "]",        "--",
                                                        "/*",       "*/",
                                                        "in(",      "values(1),",
                                                        "(",        ")",
                                                        ",",        ".",
                                                        "...",      ";",
                                                        "-",        ">",
                                                        "x'",       "$a",
                                                        "1e",       "0x",
                                                        "\n",       "::",
                                                        "?",        "\xEF\xBB\xBF",
                                                        "\xC3\xA9", "\xE2\x82",
                                                        "IN",       "null"};
  std::string text;
  for (std::size_t i = generator.below(30); i > 0; --i) {
    if (generator.below(3) == 0) {
      text += static_cast<char>(generator.below(256));
    } else {
      text += generator.one_of(kPieces);
    }
  }
  return text;
}

BOOST_AUTO_TEST_SUITE(sql_text)

BOOST_AUTO_TEST_CASE(gives_one_text_and_fingerprint_to_all_statements_of_a_shape) {
  Generator generator(1);
  for (int i = 0; i < kStatements; ++i) {
    const Shape shape = generator.statement();
    const std::string one = generator.write(shape);
    const std::string other = generator.write(shape);
    BOOST_TEST_CONTEXT(one << "\n" << other) {
      BOOST_TEST(normalize_sql(one) == normalize_sql(other));
      BOOST_TEST(fingerprint_sql(one) == fingerprint_sql(other));
    }
  }
}

BOOST_AUTO_TEST_CASE(gives_another_text_and_fingerprint_to_another_name_or_operator) {
  Generator generator(2);
  for (int i = 0; i < kStatements; ++i) {
    const Shape shape = generator.statement();
    Shape changed = shape;
    Piece& piece = changed[generator.below(changed.size())];
    if (piece.part == Part::name) {
      piece.text += 'a';
    } else if (piece.part == Part::op && piece.text != "(" && piece.text != ")" && piece.text != ",") {
      piece.text = piece.text == "<" ? ">" : "<";
    } else {
      piece = {Part::name, generator.name() + "_new"};
    }
    const std::string one = generator.write(shape);
    const std::string other = generator.write(changed);
    BOOST_TEST_CONTEXT(one << "\n" << other) {
      BOOST_TEST(normalize_sql(one) != normalize_sql(other));
      BOOST_TEST(fingerprint_sql(one) != fingerprint_sql(other));
    }
  }
}

BOOST_AUTO_TEST_CASE(lets_no_literal_survive) {
  Generator generator(3);
  for (int i = 0; i < kStatements; ++i) {
    const std::string sql = generator.write(generator.statement());
    const std::string cut = sql.substr(0, generator.below(sql.size() + 1));
    std::array<char, 4096> out{};
    const std::size_t length = normalize_sql(cut, out, true);
    const std::string whole = normalize_sql(sql);
    for (const std::string_view text : {std::string_view(whole), std::string_view(out.data(), length)}) {
      BOOST_TEST_CONTEXT(sql << "\n" << text) {
        BOOST_TEST(text.find_first_of("zZ0123456789'\"\n") == std::string_view::npos);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(normalises_normalised_text_to_itself) {
  Generator generator(4);
  for (int i = 0; i < 20 * kStatements; ++i) {
    const std::string sql = i % 20 == 0 ? generator.write(generator.statement()) : random_bytes(generator);
    const std::string text = normalize_sql(sql);
    BOOST_TEST_CONTEXT(sql) {
      BOOST_TEST(normalize_sql(text) == text);
      BOOST_TEST(fingerprint_sql(text) == fingerprint_sql(sql));
    }
  }
}

BOOST_AUTO_TEST_CASE(writes_valid_utf8_within_its_span_whatever_the_bytes) {
  Generator generator(5);
  for (int i = 0; i < 20 * kStatements; ++i) {
    const std::string sql = random_bytes(generator);
    const std::string whole = normalize_sql(sql);
    std::string out(generator.below(80) + 1, '#');
    const std::size_t room = out.size() - 1;  // one byte behind, to see whether it stays
    const std::size_t length = normalize_sql(sql, std::span<char>(out).first(room), false);
    BOOST_TEST_REQUIRE(length <= room);
    BOOST_TEST(out.back() == '#');
    const std::string_view text = std::string_view(out).substr(0, length);
    BOOST_TEST_CONTEXT(sql << "\n" << text) {
      BOOST_TEST(is_utf8(text));
      BOOST_TEST(is_utf8(whole));
      if (whole.size() <= room) {
        BOOST_TEST(text == whole);
      } else {
        const std::size_t dots = std::min<std::size_t>(3, room);
        BOOST_TEST(text.substr(length - dots) == std::string_view("...").substr(0, dots));
        BOOST_TEST(whole.starts_with(text.substr(0, length - dots)));
        BOOST_TEST(length + 3 >= room);  // as much as fits: at most one character less
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
