// Sizes, shares, size texts and suggestions: watchdog/units.hpp.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "watchdog/units.hpp"
#include "watchdog/utf8.hpp"

namespace {

using warden::BadValue;
using warden::Quantity;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

/// The message with which `parse` refuses `text`, or what it made of it.
template <typename Parse>
std::string refusal(Parse parse, std::string_view text) {
  try {
    parse(text);
  } catch (const BadValue& error) {
    return error.what();
  }
  return "(accepted)";
}

std::string size_refusal(std::string_view text) { return refusal(warden::parse_size, text); }
std::string quantity_refusal(std::string_view text) { return refusal(warden::parse_quantity, text); }

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(reads_every_unit_in_any_case_and_spacing) {
  struct Row {
    std::string_view text;
    std::int64_t bytes;
  };
  constexpr std::int64_t kKi = 1024;
  const std::vector<Row> rows = {
      {"0", 0},
      {"65536", 65536},
      {"7B", 7},
      {"7 b", 7},
      {"1kB", 1000},
      {"1KB", 1000},
      {"200MB", 200'000'000},
      {"2GB", 2'000'000'000},
      {"3TB", 3'000'000'000'000},
      {"4PB", 4'000'000'000'000'000},
      {"200000KiB", 200'000 * kKi},
      {"1MiB", kKi * kKi},
      {"1 GiB", kKi * kKi * kKi},
      {"1TiB", kKi * kKi * kKi * kKi},
      {"1PiB", kKi * kKi * kKi * kKi * kKi},
      {"1K", kKi},
      {"1m", kKi * kKi},
      {"1G", kKi * kKi * kKi},
      {"1t", kKi * kKi * kKi * kKi},
      {"1P", kKi * kKi * kKi * kKi * kKi},
      {" \t1.5  gIb\n", 1'610'612'736},
      {"0000000000000000000000000000001KiB", kKi},
      {"9223372036854775807", kMax},
      {"8191PiB", 8191 * kKi * kKi * kKi * kKi * kKi},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.text) { BOOST_TEST(warden::parse_size(row.text) == row.bytes); }
  }
}

BOOST_AUTO_TEST_CASE(computes_fractions_exactly_and_rounds_to_the_nearest_byte) {
  BOOST_TEST(warden::parse_size("0.1GiB") == 107'374'182);
  BOOST_TEST(warden::parse_size(".5KiB") == 512);
  BOOST_TEST(warden::parse_size("1.KiB") == 1024);
  BOOST_TEST(warden::parse_size("0.4") == 0);
  BOOST_TEST(warden::parse_size("0.5") == 1);
  BOOST_TEST(warden::parse_size("0.999999999999999999999PiB") == 1'125'899'906'842'624);
  // a double has 53 bits and would end in ...992
  BOOST_TEST(warden::parse_size("9007199.254740993GB") == 9'007'199'254'740'993);
  // half a byte, told apart from a little less only by the 51st digit: 2^-51 PiB
  const std::string half = "0.000000000000000444089209850062616169452667236328125";
  BOOST_TEST(warden::parse_size(half + "PiB") == 1);
  BOOST_TEST(warden::parse_size(half.substr(0, half.size() - 1) + "4PiB") == 0);
  BOOST_TEST(warden::parse_size("9223372036854775806.5") == kMax);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_a_size_and_what_would_be_right) {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  const std::vector<Row> rows = {
      {"", R"("" is not a size: it is empty (write for example 512MiB, 2GB or 65536))"},
      {"  ", R"("  " is not a size: it is empty (write for example 512MiB, 2GB or 65536))"},
      {"12XB", R"("12XB" is not a size: unknown unit "XB" (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB))"},
      {"1e3", R"("1e3" is not a size: unknown unit "e3" (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB))"},
      {"0x10", R"("0x10" is not a size: unknown unit "x10" (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB))"},
      {"1.2.3", R"("1.2.3" is not a size: unknown unit ".3" (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB))"},
      {"-5MB", R"("-5MB" is not a size: it is negative)"},
      {"- .5", R"("- .5" is not a size: it is negative)"},
      {"nan", R"("nan" is not a size: it does not begin with a number )"
              R"((write for example 512MiB, 2GB or 65536))"},
      {".", R"("." is not a size: it does not begin with a number (write for example 512MiB, 2GB or 65536))"},
      {"-", R"("-" is not a size: it does not begin with a number (write for example 512MiB, 2GB or 65536))"},
      {"99999999999GiB", R"("99999999999GiB" is not a size: it is larger than 9223372036854775807 bytes)"},
      {"9223372036854775808",
       R"("9223372036854775808" is not a size: it is larger than 9223372036854775807 bytes)"},
      {"9223372036854775807.5",
       R"("9223372036854775807.5" is not a size: it is larger than 9223372036854775807 bytes)"},
      {"8192PiB", R"("8192PiB" is not a size: it is larger than 9223372036854775807 bytes)"},
      {"99999999999999999999999999999999999999999",
       R"("99999999999999999999999999999999999999999" is not a size: it is larger than )"
       R"(9223372036854775807 bytes)"},
  };
  for (const Row& row : rows) BOOST_TEST(size_refusal(row.text) == row.message);
}

BOOST_AUTO_TEST_CASE(reads_a_quantity_as_a_size_or_as_a_share) {
  const Quantity size = warden::parse_quantity("2KiB");
  BOOST_TEST((size.kind == Quantity::Kind::bytes));
  BOOST_TEST(size.bytes == 2048);

  struct Row {
    std::string_view text;
    double share;
  };
  for (const Row& row : std::vector<Row>{{"25%", 0.25},
                                         {" 12.5 % ", 0.125},
                                         {"0%", 0.0},
                                         {"100%", 1.0},
                                         {"100.000%", 1.0},
                                         {"33.3%", 0.333},
                                         {".1%", 0.001},
                                         {"0000000000000000000000050%", 0.5},
                                         {"50.000000000000000000000000000001%", 0.5}}) {
    BOOST_TEST_CONTEXT(row.text) {
      const Quantity quantity = warden::parse_quantity(row.text);
      BOOST_TEST((quantity.kind == Quantity::Kind::share));
      BOOST_TEST(quantity.share == row.share);
    }
  }
}

BOOST_AUTO_TEST_CASE(refuses_shares_outside_the_whole_and_what_is_no_quantity) {
  constexpr std::string_view kRange = " is not a share: it must be between 0% and 100%";
  for (const std::string text : {"200%", "-5%", "- 5 %", "100.0000000000000000000000001%", "101%",
                                 "99999999999999999999999999999999%"}) {
    BOOST_TEST(quantity_refusal(text) == ("\"" + text + "\"").append(kRange));
  }
  constexpr std::string_view kForm =
      " is not a share: it is not a number and a % sign (write for example 25% or 12.5%)";
  for (const std::string text : {"%", "abc%", "1e1%", "25%%", "25 GiB%", "--5%"}) {
    BOOST_TEST(quantity_refusal(text) == ("\"" + text + "\"").append(kForm));
  }
  BOOST_TEST(quantity_refusal("12XB") == size_refusal("12XB"));
  BOOST_TEST(quantity_refusal("") == size_refusal(""));
}

BOOST_AUTO_TEST_CASE(resolves_a_share_of_the_whole_and_leaves_a_size_alone) {
  using warden::resolve;
  BOOST_TEST(resolve({Quantity::Kind::bytes, 4096, 0.0}, 100) == 4096);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 0.25}, 1000) == 250);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 0.333}, 1000) == 333);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 0.5}, 3) == 2);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 1.0}, kMax) == kMax);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 0.999999999999999999}, kMax) == kMax);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 2.0}, kMax) == kMax);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, 0.5}, -8) == 0);
  BOOST_TEST(resolve({Quantity::Kind::share, 0, std::numeric_limits<double>::quiet_NaN()}, 8) == 0);
}

BOOST_AUTO_TEST_CASE(writes_sizes_in_binary_units_with_at_most_two_decimals) {
  struct Row {
    std::int64_t bytes;
    std::string_view text;
  };
  const std::vector<Row> rows = {
      {0, "0 B"},
      {512, "512 B"},
      {1023, "1023 B"},
      {1024, "1 KiB"},
      {1536, "1.5 KiB"},
      {1034, "1.01 KiB"},
      {1127, "1.1 KiB"},
      {1'048'575, "1 MiB"},  // 1023.999 KiB
      {1'048'570, "1023.99 KiB"},
      {2'097'147, "2 MiB"},
      {1'610'612'736, "1.5 GiB"},
      {std::int64_t{1} << 40, "1 TiB"},
      {(std::int64_t{1} << 50) - 1, "1 PiB"},
      {-1, "-1 B"},
      {-2'097'152, "-2 MiB"},
      {kMax, "8192 PiB"},
      {kMin, "-8192 PiB"},
  };
  for (const Row& row : rows) BOOST_TEST(warden::format_size(row.bytes) == row.text);
}

BOOST_AUTO_TEST_CASE(writes_sizes_into_a_span_without_leaving_it) {
  std::array<char, 6> buffer{};
  buffer.fill('#');
  const std::size_t length = warden::format_size(1'610'612'736, std::span<char>(buffer).first(3));
  BOOST_TEST(length == 3U);
  BOOST_TEST(std::string_view(buffer.data(), buffer.size()) == "1.5###");
  BOOST_TEST(warden::format_size(5, std::span<char>()) == 0U);
}

BOOST_AUTO_TEST_CASE(reads_back_what_it_writes_to_within_the_last_decimal) {
  std::mt19937_64 random(20240229);
  for (int i = 0; i < 20'000; ++i) {
    const auto bytes = static_cast<std::int64_t>(random() >> (2 + random() % 62));
    const std::string text = warden::format_size(bytes);
    const std::int64_t back = warden::parse_size(text);
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(std::abs(back - bytes) <= bytes / 200 + 1); }
    BOOST_TEST(warden::format_size(back) == text);
  }
}

BOOST_AUTO_TEST_CASE(suggests_the_name_that_was_probably_meant) {
  constexpr std::array<std::string_view, 6> kNames = {
      "soft_heap_limit", "hard_heap_limit", "memory_budget", "trim", "temp_store", "dry_run"};
  struct Row {
    std::string_view wrong;
    std::string_view name;
  };
  const std::vector<Row> rows = {
      {"soft_heap_limt", "soft_heap_limit"},
      {"SOFT-HEAP LIMIT", "soft_heap_limit"},
      {"hard_heap_limit", "hard_heap_limit"},
      {"ahrd_haep_limti", "hard_heap_limit"},  // three swaps
      {"tirm", "trim"},
      {"memory", ""},
      {"tr", ""},
      {"xyzzy", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.wrong) { BOOST_TEST(warden::nearest_name(row.wrong, kNames) == row.name); }
  }
}

BOOST_AUTO_TEST_CASE(suggests_the_nearest_name_and_the_first_of_equally_near_ones) {
  constexpr std::array<std::string_view, 4> kNames = {"dry.run", "dry_run", "aab", "aac"};
  BOOST_TEST(warden::nearest_name("dry-run", kNames) == "dry_run");
  BOOST_TEST(warden::nearest_name("DRY RUN", kNames) == "dry_run");
  BOOST_TEST(warden::nearest_name("aaa", kNames) == "aab");
}

BOOST_AUTO_TEST_CASE(suggests_nothing_for_a_word_of_which_nothing_would_remain) {
  constexpr std::array<std::string_view, 2> kNames = {"io", "max"};
  BOOST_TEST(warden::nearest_name("x", kNames) == "");
  BOOST_TEST(warden::nearest_name("ab", kNames) == "");
  BOOST_TEST(warden::nearest_name("mx", kNames) == "max");
}

BOOST_AUTO_TEST_CASE(suggests_nothing_for_names_too_long_to_compare) {
  const std::string at_limit(64, 'a');
  const std::string above(65, 'a');
  const std::array<std::string_view, 1> long_names = {above};
  BOOST_TEST(warden::nearest_name(at_limit, long_names) == "");
  const std::array<std::string_view, 2> names = {above, at_limit};
  BOOST_TEST(warden::nearest_name(at_limit, names) == at_limit);
  BOOST_TEST(warden::nearest_name(above, names) == "");
}

BOOST_AUTO_TEST_CASE(repeats_hostile_text_short_and_clean) {
  using warden::quote_for_message;
  BOOST_TEST(quote_for_message(std::string(64, 'a')) == "\"" + std::string(64, 'a') + "\"");
  BOOST_TEST(quote_for_message(std::string(65, 'a')) == "\"" + std::string(64, 'a') + "...\"");
  BOOST_TEST(quote_for_message(std::string(63, 'a') + "\xC3\xA9") == "\"" + std::string(63, 'a') + "...\"");
  BOOST_TEST(quote_for_message("a\nb\x1B[0m\x7F\xC2\x85" + std::string(1, '\0')) == "\"a?b?[0m???\"");
  BOOST_TEST(quote_for_message("\xC3\xA9\xFF\xED\xA0\x80") ==
             "\"\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  const std::string four_bad = "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"";
  BOOST_TEST(quote_for_message("\xF0\x80\x80\x80") == four_bad);  // overlong
  BOOST_TEST(quote_for_message("\xF4\x90\x80\x80") == four_bad);  // above U+10FFFF
  BOOST_TEST(quote_for_message("\xF0\x9F\x98\x80") == "\"\xF0\x9F\x98\x80\"");
  BOOST_TEST(size_refusal("1" + std::string(1'000'000, 'x')).size() < 300U);
}

BOOST_AUTO_TEST_CASE(knows_where_utf8_text_may_be_cut) {
  constexpr std::string_view kText = "a\xE2\x82\xAC";  // a and the euro sign
  BOOST_TEST(warden::utf8_floor(kText, 0) == 0U);
  BOOST_TEST(warden::utf8_floor(kText, 1) == 1U);
  BOOST_TEST(warden::utf8_floor(kText, 3) == 1U);
  BOOST_TEST(warden::utf8_floor(kText, 4) == 4U);
  BOOST_TEST(warden::utf8_floor(kText, 9) == 4U);
  BOOST_TEST(warden::utf8_without_torn_end(kText) == kText);
  BOOST_TEST(warden::utf8_without_torn_end(kText.substr(0, 3)) == "a");
  BOOST_TEST(warden::utf8_without_torn_end(kText.substr(0, 2)) == "a");
  BOOST_TEST(warden::utf8_without_torn_end("") == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
