// is_surely_json() against SQLite's own json_valid(): what it calls JSON is JSON, and of texts without a mistake it misses none.
#include <boost/test/unit_test.hpp>

#include "job_host.hpp"
#include "json_text.hpp"

namespace warden::test {
namespace {

/// json_valid() of the linked SQLite.
class Valid {
 public:
  Valid() { sqlite3_prepare_v2(db_.get(), "SELECT json_valid(?1)", -1, &statement_, nullptr); }
  ~Valid() { sqlite3_finalize(statement_); }
  bool operator()(const std::string& text) {
    sqlite3_bind_text(statement_, 1, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    const bool is = sqlite3_step(statement_) == SQLITE_ROW && sqlite3_column_int(statement_, 0) != 0;
    sqlite3_reset(statement_);
    return is;
  }

 private:
  Db db_;
  sqlite3_stmt* statement_ = nullptr;
};

std::string random_json(Dice& dice, int depth) {
  const auto space = [&] {
    return std::string(dice.once_in(4) ? dice.below(3) : 0, dice.once_in(2) ? ' ' : '\n');
  };
  const auto text = [&] {
    static const std::vector<std::string> kParts{"a",        "\\u00e9", "\\\"", "\\\\", "\\n",
                                                 "\xc3\xa9", "{",       "]",    "1"};
    std::string inner;
    for (std::uint64_t i = dice.below(4); i > 0; --i) inner += dice.one_of(kParts);
    return "\"" + inner + "\"";
  };
  switch (dice.below(depth > 0 ? 9 : 7)) {
    case 0:
      return "null";
    case 1:
      return dice.once_in(2) ? "true" : "false";
    case 2:
    case 3:
      return text();
    case 4:
      return std::to_string(dice.from_to(-1000, 1000));
    case 5:
      return "-0." + std::to_string(dice.below(1000));
    case 6:
      return std::to_string(dice.below(10)) + "e" + (dice.once_in(2) ? "+" : "-") +
             std::to_string(dice.below(9));
    default: {
      const bool object = dice.once_in(2);
      std::string all = object ? "{" : "[";
      for (std::uint64_t i = dice.below(4); i > 0; --i) {
        all += space() + (object ? text() + space() + ":" : "") + space() + random_json(dice, depth - 1) +
               space();
        if (i > 1) all += ",";
      }
      return all + space() + (object ? "}" : "]");
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_text)

BOOST_AUTO_TEST_CASE(what_is_surely_json_is_json_and_no_json_is_missed) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    Valid is_valid;
    int spoilt = 0;
    for (int i = 0; i < 20'000; ++i) {
      std::string text = random_json(dice, 5);
      BOOST_TEST_REQUIRE(is_valid(text), text);
      BOOST_TEST_REQUIRE(jobs::is_surely_json(text), text);
      // One byte less, more, or another.
      static const std::string kBytes = "{}[]:,\"\\0123.-+eEtfnu \n\t\x01x";
      const std::size_t at = dice.below(text.size());
      if (dice.once_in(3)) {
        text.erase(at, 1);
      } else if (dice.once_in(2)) {
        text.insert(at, 1, dice.one_of(kBytes));
      } else {
        text[at] = dice.one_of(kBytes);
      }
      const bool valid = is_valid(text);
      spoilt += valid ? 0 : 1;
      BOOST_TEST_REQUIRE(jobs::is_surely_json(text) == valid, text);
    }
    BOOST_TEST(spoilt > 5000);
  }
}

BOOST_AUTO_TEST_CASE(what_is_nested_as_deeply_as_no_footprint_is_left_open) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  BOOST_TEST(jobs::is_surely_json(nested(1000)));
  BOOST_TEST(!jobs::is_surely_json(nested(1001)));
  BOOST_TEST(!jobs::is_surely_json(""));
  BOOST_TEST(!jobs::is_surely_json(std::string_view("1\0", 2)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
