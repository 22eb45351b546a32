// Everything at once, on 64 connections and some that all threads share; what is left is what the model says.
#include <boost/test/unit_test.hpp>

#include "storm.hpp"

namespace warden::test {
namespace {

/// One round: the complaints, in a line each.
std::string round(const Weather& weather) {
  Storm storm(weather);
  storm.blow();
  storm.judge();
  std::string text;
  for (const std::string& what : storm.wrong()) text += "\n  " + what;
  return text;
}

/// Rounds for so many seconds: the watchdog as it is by default, and at its most aggressive.
std::string rounds(int seconds, bool by_library) {
  std::string text;
  const unsigned first = seed();
  const int each = seconds < 4 ? 1 : 2;
  for (int i = 0; i < std::max(2, seconds / each) && text.empty(); ++i) {
    text = round({.seconds = each,
                  .seed = first + static_cast<unsigned>(i),
                  .aggressive = i % 2 == 0,
                  .by_library = by_library});
    if (!text.empty()) text = "TEST_SEED=" + std::to_string(first + static_cast<unsigned>(i)) + text;
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storm)

BOOST_AUTO_TEST_CASE(sixty_four_connections_of_a_library_that_serializes_none_by_itself) {
  // First, and in a child: the library is configured before it is used.
  const int status = in_child([] {
    sqlite3_shutdown();
    if (sqlite3_config(SQLITE_CONFIG_MULTITHREAD) != SQLITE_OK) return 1;
    ::alarm(static_cast<unsigned>(seconds_or(2) + 120));
    const std::string text = rounds(seconds_or(2), true);
    if (!text.empty()) std::fprintf(stderr, "%s\n", text.c_str());
    return text.empty() ? 0 : 2;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(sixty_four_connections_serialized_and_not_lose_nothing_and_leave_nothing) {
  const std::string text = rounds(seconds_or(3), false);
  BOOST_TEST_CONTEXT(text) { BOOST_TEST(text.empty()); }
  BOOST_TEST(figures.interrupted > 0);
  BOOST_TEST(figures.settings > 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
