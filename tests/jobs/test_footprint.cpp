// The scanner of footprints against SQLite's own JSON functions: whatever it claims to understand is valid there and means
// the same, it claims all that is ordinary, and it never reads a byte beyond the text.
#include <sys/mman.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>

#include "footprint.hpp"
#include "job_host.hpp"

namespace warden::test {
namespace {

using jobs::FootprintScanner;
using jobs::FootprintValue;
using Kind = FootprintValue::Kind;

const std::vector<std::string_view> kKeys{"cpu_load_avg", "mem_bw_avg", "a", "ab",
                                          "this_is_a_key_of_more_than_thirty_two_bytes_avg"};

/// A text whose last byte is the last one before memory that can't be read.
class AtTheEdge {
 public:
  AtTheEdge() {
    begin_ = static_cast<char*>(
        ::mmap(nullptr, kSize + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (begin_ == MAP_FAILED || ::mprotect(begin_ + kSize, kPage, PROT_NONE) != 0)
      throw std::runtime_error("no guarded memory");
  }
  ~AtTheEdge() { ::munmap(begin_, kSize + kPage); }
  AtTheEdge(const AtTheEdge&) = delete;
  AtTheEdge& operator=(const AtTheEdge&) = delete;
  std::string_view put(std::string_view text) {
    if (text.size() > kSize) throw std::logic_error("a text too long");
    return {static_cast<char*>(std::memcpy(begin_ + kSize - text.size(), text.data(), text.size())),
            text.size()};
  }

 private:
  static constexpr std::size_t kSize = 64 * 1024;
  static constexpr std::size_t kPage = 64 * 1024;
  char* begin_;
};

/// What SQLite says.
class Oracle {
 public:
  Oracle() {
    std::string sql = "SELECT json_valid(?1)";
    for (const std::string_view key : kKeys)
      sql += ", CASE WHEN json_valid(?1) THEN json_extract(?1, '$." + std::string(key) + "') END";
    if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(db_.get()));
  }
  ~Oracle() { sqlite3_finalize(statement_); }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  /// "" if the values are those that SQLite finds, or what is different.
  std::string difference(std::string_view json, std::span<const FootprintValue> values) {
    sqlite3_reset(statement_);
    sqlite3_bind_text64(statement_, 1, json.data(), json.size(), SQLITE_STATIC, SQLITE_UTF8);
    if (sqlite3_step(statement_) != SQLITE_ROW) return sqlite3_errmsg(db_.get());
    if (sqlite3_column_int(statement_, 0) != 1) return "it is not valid";
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      if (std::string what = difference(static_cast<int>(i) + 1, values[i]); !what.empty())
        return std::string(kKeys[i]) + what;
    }
    return "";
  }

 private:
  std::string difference(int column, const FootprintValue& value) {
    const int type = sqlite3_column_type(statement_, column);
    const Kind kind = type == SQLITE_NULL                              ? Kind::absent
                      : type == SQLITE_INTEGER || type == SQLITE_FLOAT ? Kind::number
                                                                       : Kind::text;
    if (kind != value.kind) return " is of kind " + std::to_string(static_cast<int>(kind));
    if (kind != Kind::number) return "";
    const double wanted = sqlite3_column_double(statement_, column);
    const bool same = wanted == value.number;
    const bool near = same || wanted == std::nextafter(value.number, wanted);
    return (value.exact ? same : near) ? "" : " is " + std::to_string(wanted);
  }
  Db db_;
  sqlite3_stmt* statement_ = nullptr;
};

struct Scanning {
  AtTheEdge edge;
  Oracle oracle;
  FootprintScanner scanner{kKeys, real_api()};
  std::vector<FootprintValue> values = std::vector<FootprintValue>(kKeys.size());

  bool scan(std::string_view json) { return scanner.scan(edge.put(json), values); }
  /// Scans, and checks what it claims.
  bool checked(std::string_view json) {
    const bool claimed = scan(json);
    if (!claimed) return false;
    const std::string different = oracle.difference(json, values);
    BOOST_TEST(different == "", "of " << json << ": " << different);
    return true;
  }
};

std::string random_number(Dice& dice) {
  std::string text = dice.once_in(4) ? "-" : "";
  const auto digits = [&](std::uint64_t most) {
    for (std::uint64_t n = dice.below(most) + 1; n > 0; --n) text += static_cast<char>('0' + dice.below(10));
  };
  if (dice.once_in(3)) {
    text += '0';
  } else {
    text += static_cast<char>('1' + dice.below(9));
    if (!dice.once_in(3)) digits(dice.once_in(10) ? 20 : 5);
  }
  if (!dice.once_in(3)) text += '.', digits(dice.once_in(10) ? 18 : 4);
  if (dice.once_in(20)) text += dice.once_in(2) ? "e3" : "E-2";
  return text;
}

/// As cc-backend writes them: no white space, at most 15 digits.
std::string ordinary(Dice& dice) {
  std::string text = "{";
  const auto fields = dice.below(8);
  for (std::uint64_t i = 0; i < fields; ++i) {
    text += i > 0 ? ",\"" : "\"";
    text +=
        dice.once_in(3) ? "flops_any_avg" + std::to_string(dice.below(40)) : std::string(dice.one_of(kKeys));
    text += "\":" + std::to_string(dice.from_to(-20, 5000));
    if (!dice.once_in(4)) text += '.' + std::to_string(dice.below(1000));
  }
  return text + "}";
}

/// Anything that looks like JSON.
std::string strange(Dice& dice) {
  static const std::vector<std::string> kSpaces{"", "", "", "", " ", "\t", "\n", "\r", "  ", "\f", "\v"};
  static const std::vector<std::string> kValues{
      "null", "true",         "false",    "\"\"",     "\"text\"", "\"\\u0041\"", "[1,2]", "{\"a\":5}",
      "nul",  "\"\xc3\xa4\"", "\"\x7f\"", "Infinity", "NaN",      "+5",          ".5",    "5.",
      "0x10", "1e400",        "-",        "--1",      "01",       "-01",         "'x'"};
  std::string text = dice.one_of(kSpaces) + "{";
  const auto fields = dice.below(6);
  for (std::uint64_t i = 0; i < fields; ++i) {
    if (i > 0) text += "," + dice.one_of(kSpaces);
    text += '"' + (dice.once_in(8) ? "\\u0061" : std::string(dice.one_of(kKeys))) + '"' +
            dice.one_of(kSpaces) + ":";
    text += dice.one_of(kSpaces) + (dice.once_in(3) ? dice.one_of(kValues) : random_number(dice)) +
            dice.one_of(kSpaces);
  }
  return text + "}" + dice.one_of(kSpaces);
}

void mutate(Dice& dice, std::string& text) {
  using namespace std::string_literals;
  static const std::string kBytes = "{}[]:,\"\\'0123456789.eE+-ntfulasrx \t\n\r\0\x7f\x80\xff/"s;
  for (auto n = dice.below(3) + 1; n > 0; --n) {
    const auto at = dice.below(text.size() + 1);
    switch (dice.below(5)) {
      case 0:
        text.insert(at, 1, dice.one_of(kBytes));
        break;
      case 1:
        if (at < text.size()) text[at] = dice.one_of(kBytes);
        break;
      case 2:
        if (at < text.size()) text.erase(at, dice.below(4) + 1);
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text.insert(at, text.substr(dice.below(text.size() + 1), dice.below(12)));
    }
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(footprint, Scanning)

BOOST_AUTO_TEST_CASE(ordinary_footprints_take_the_short_way) {
  for (
      const char* json :
      {"{}", "null",
       R"({"cpu_load_avg":62.753,"flops_any_avg":765.157,"mem_bw_avg":175.863,"mem_used_avg":30.707})",
       R"({"a":0})", R"({"a":-0})", R"({"a":-1.5,"ab":0.001})", R"({"a":123456789012345})",
       R"({"a":12345678901234.5})", R"({"a":null})", R"({"other":null,"a":1})", R"({"other":"text","a":1})",
       R"({"other":true,"more":false,"a":1})", R"({"a":1,"a":2})", R"({"a":null,"a":2})", R"({"":1,"a":2})",
       " { \"a\" : 1 , \"ab\" :\t2 }\r\n", "\n null ",
       R"({"this_is_a_key_of_more_than_thirty_two_bytes_avg":5,"this_is_a_key_of_thirty_two_byte":6,"a":7})"}) {
    BOOST_TEST(checked(json), json);
  }
}

BOOST_AUTO_TEST_CASE(the_values_are_those_that_are_written) {
  BOOST_REQUIRE(scan(R"({"ab":-2.5,"x":9,"cpu_load_avg":62.753,"a":"x"})") ==
                false);  // a text under a key that is asked for
  BOOST_REQUIRE(scan(R"({"ab":-2.5,"x":9,"cpu_load_avg":62.753,"a":7.000})"));
  BOOST_TEST(values[0].number == 62.753);
  BOOST_TEST(!values[0].exact);
  BOOST_TEST((values[1].kind == Kind::absent));
  BOOST_TEST(values[2].number == 7.0);
  BOOST_TEST(values[2].exact);
  BOOST_TEST(values[3].number == -2.5);
}

BOOST_AUTO_TEST_CASE(the_first_of_two_equal_keys_counts) {
  BOOST_REQUIRE(scan(R"({"a":1,"a":2})"));
  BOOST_TEST(values[2].number == 1);
  BOOST_REQUIRE(scan(R"({"a":null,"a":2})"));
  BOOST_TEST((values[2].kind == Kind::absent));
}

BOOST_AUTO_TEST_CASE(what_one_text_had_is_gone_in_the_next) {
  BOOST_REQUIRE(scan(R"({"a":1,"ab":2})"));
  BOOST_REQUIRE(scan(R"({"ab":3})"));
  BOOST_TEST((values[2].kind == Kind::absent));
  BOOST_TEST(values[3].number == 3);
  BOOST_REQUIRE(scan("null"));
  BOOST_TEST((values[3].kind == Kind::absent));
}

BOOST_AUTO_TEST_CASE(what_is_unusual_is_left_to_sqlite) {
  for (const char* json : {"",
                           " ",
                           "{",
                           "}",
                           "nul",
                           "nulll",
                           "null x",
                           "{}x",
                           "{},",
                           "[]",
                           "[1]",
                           "5",
                           "\"a\"",
                           "true",
                           R"({"a":1)",
                           R"({"a":1,})",
                           R"({,"a":1})",
                           R"({"a" 1})",
                           R"({a:1})",
                           R"({'a':1})",
                           R"({"a":})",
                           R"({"a")",
                           R"({"a)",
                           R"({"a":)",
                           R"({"a":-)",
                           R"({"a":-})",
                           R"({"a":01})",
                           R"({"a":-01})",
                           R"({"a":.5})",
                           R"({"a":5.})",
                           R"({"a":+5})",
                           R"({"a":1e5})",
                           R"({"a":1E5})",
                           R"({"a":1234567890123456})",
                           R"({"a":1.234567890123456})",
                           R"({"a":"text"})",
                           R"({"a":true})",
                           R"({"a":[1]})",
                           R"({"a":{"b":1}})",
                           R"({"x":[1],"a":1})",
                           R"({"\u0061":1})",
                           R"({"x":"\n"})",
                           "{\"x\":\"\xc3\xa4\"}",
                           "{\"x\":\"\x7f\"}",
                           "{\"x\":\"\x1f\"}",
                           "{\"a\":1}\f",
                           "{\"a\":1\v}"}) {
    BOOST_TEST(!scan(json), json);
  }
  const std::string with_nul("{\"a\":1}\0", 8);
  BOOST_TEST(!scan(with_nul));
}

BOOST_AUTO_TEST_CASE(more_keys_than_places_are_remembered) {
  std::string json = "{";
  for (int i = 0; i < 60; ++i) json += "\"k" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  BOOST_TEST(checked(json + "\"a\":1.25,\"cpu_load_avg\":3}"));
  BOOST_TEST(checked("{\"cpu_load_avg\":3,\"a\":1.25}"));
  BOOST_TEST(checked(json + "\"cpu_load_avg\":4,\"a\":1.5}"));
}

BOOST_AUTO_TEST_CASE(every_beginning_of_a_text_is_read_to_its_end_and_no_further) {
  const std::string whole =
      " { \"cpu_load_avg\" : 62.753 , \"x\" : \"y\" , \"n\" : null , \"t\" : true , \"f\" : false , \"a\" : "
      "-12 } ";
  for (std::size_t size = 0; size < whole.size() - 2; ++size) BOOST_TEST(!scan(whole.substr(0, size)));
  for (std::size_t size = 1; size < 4; ++size) BOOST_TEST(!scan(std::string("null").substr(0, size)));
  BOOST_TEST(checked(whole));
}

BOOST_AUTO_TEST_CASE(random_texts_mean_what_sqlite_says) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    int claimed = 0;
    int strange_claimed = 0;
    for (int i = 0; i < 50'000; ++i) {
      std::string text = ordinary(dice);
      BOOST_TEST_REQUIRE(checked(text), text);
      mutate(dice, text);
      claimed += checked(text) ? 1 : 0;
      text = strange(dice);
      strange_claimed += checked(text) ? 1 : 0;
      mutate(dice, text);
      checked(text);
      mutate(dice, text);
      checked(text);
    }
    // Else the above proves little.
    BOOST_TEST(claimed > 5'000);
    BOOST_TEST(strange_claimed > 5'000);
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_read_as_sqlite_reads_them) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (int i = 0; i < 50'000; ++i)
      checked("{\"a\":" + random_number(dice) + ",\"ab\":" + random_number(dice) + "}");
  }
}

BOOST_AUTO_TEST_CASE(without_keys_texts_are_judged_all_the_same) {
  FootprintScanner none({}, real_api());
  BOOST_TEST(none.scan(edge.put(R"({"a":"x","b":1})"), {}));
  BOOST_TEST(!none.scan(edge.put(R"({"a":[]})"), {}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
