// How much room a file system has left.
#include <boost/test/unit_test.hpp>

#include "../../watchdog/room.hpp"

using warden::Room;
using warden::room_at;

BOOST_AUTO_TEST_SUITE(room)

BOOST_AUTO_TEST_CASE(
    is_full_with_less_than_a_log_needs_or_without_another_file_and_never_where_nobody_writes) {
  BOOST_TEST((!Room{Room::kFullBytes, false, false}.is_full()));
  BOOST_TEST((Room{Room::kFullBytes - 1, false, false}.is_full()));
  BOOST_TEST((Room{std::int64_t{1} << 40, true, false}.is_full()));
  BOOST_TEST((!Room{0, true, true}.is_full()));
}

BOOST_AUTO_TEST_CASE(is_unknown_where_nothing_is_or_nothing_has_a_size) {
  BOOST_TEST(!room_at("").has_value());
  BOOST_TEST(!room_at("/no such directory").has_value());
  BOOST_TEST(!room_at("/proc").has_value());
  BOOST_REQUIRE(room_at("/").has_value());
  BOOST_TEST(room_at("/")->free_bytes >= 0);
}

BOOST_AUTO_TEST_SUITE_END()
