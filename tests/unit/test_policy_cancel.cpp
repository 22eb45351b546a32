// Which statement has to go when nothing else helps, and when.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "policy_fixture.hpp"

using warden::ConnectionReading;
using warden::Decision;
using warden::PolicyMemory;
using warden::Reading;
using warden::Settings;

using namespace warden::test;

namespace {

/// cancel_above 800 MiB of a budget of 1000, after 2000 ms.
struct Fixture {
  Settings settings = standard_settings();
  Reading reading;
  PolicyMemory memory;
  std::vector<ConnectionReading> connections;

  Fixture() {
    settings.cancel_above_bytes = 800 * kMiB;
    settings.cancel_after_ms = 2000;
  }
  static ConnectionReading runs(std::int64_t id, std::int64_t weight_mib, bool writes = false) {
    ConnectionReading c = busy(id, 0);
    c.statement_seq = id * 100;
    c.weight_bytes = weight_mib * kMiB;
    c.writes = writes;
    return c;
  }
  /// The connection whose statement is cancelled at this look; 0 = none.
  std::int64_t look(std::int64_t now_ms, std::int64_t used_mib) {
    reading.now_ms = now_ms;
    reading.sqlite_bytes = used_mib * kMiB;
    const auto victim = decide_cancel(settings, reading, memory, connections);
    if (!victim) return 0;
    BOOST_TEST(victim->statement_seq == victim->connection_id * 100);
    return victim->connection_id;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(policy_cancel, Fixture)

BOOST_AUTO_TEST_CASE(off_by_default) {
  BOOST_TEST(warden::SettingsStore().resolve(0).cancel_above_bytes == 0);
  settings.cancel_above_bytes = 0;
  connections = {runs(1, 5000)};
  for (std::int64_t t = 0; t < 60'000; t += 500) BOOST_TEST(look(t, 100'000) == 0);
}

BOOST_AUTO_TEST_CASE(holds_fire_until_it_has_lasted) {
  connections = {runs(1, 10), runs(2, 700), runs(3, 90)};
  BOOST_TEST(look(1000, 900) == 0);
  BOOST_TEST(look(2900, 900) == 0);
  BOOST_TEST(look(3000, 900) == 2);
}

BOOST_AUTO_TEST_CASE(a_short_dip_begins_anew) {
  connections = {runs(1, 700)};
  BOOST_TEST(look(1000, 900) == 0);
  BOOST_TEST(look(2500, 700) == 0);
  BOOST_TEST(look(3100, 900) == 0);
  BOOST_TEST(look(5000, 900) == 0);
  BOOST_TEST(look(5100, 900) == 1);
}

BOOST_AUTO_TEST_CASE(readers_before_writers) {
  connections = {runs(1, 700, true), runs(2, 50), runs(3, 60)};
  look(0, 900);
  BOOST_TEST(look(2000, 900) == 3);
  connections = {runs(1, 700, true), runs(4, 600, true)};
  BOOST_TEST(look(4000, 900) == 1);
}

BOOST_AUTO_TEST_CASE(the_others_have_a_grace) {
  connections = {runs(1, 700), runs(2, 50)};
  look(0, 900);
  BOOST_TEST(look(2000, 900) == 1);
  connections = {runs(2, 50)};
  BOOST_TEST(look(2500, 900) == 0);
  BOOST_TEST(look(3900, 900) == 0);
  BOOST_TEST(look(4000, 900) == 2);
}

BOOST_AUTO_TEST_CASE(nothing_while_a_cancelled_one_has_yet_to_end) {
  connections = {runs(1, 700), runs(2, 50)};
  connections[0].cancelled = true;
  look(0, 900);
  for (std::int64_t t = 2000; t < 20'000; t += 500) BOOST_TEST(look(t, 900) == 0);
  connections[0] = idle(1, 0, 100);
  BOOST_TEST(look(20'000, 900) == 2);
}

BOOST_AUTO_TEST_CASE(a_cancelled_one_that_its_host_has_forgotten_protects_nobody) {
  connections = {runs(1, 700), runs(2, 50)};
  connections[0].cancelled = true;
  connections[0].cancelled_ago_ms = 1999;
  look(0, 900);
  BOOST_TEST(look(2000, 900) == 0);
  connections[0].cancelled_ago_ms = 2000;
  BOOST_TEST(look(2001, 900) == 2);
}

BOOST_AUTO_TEST_CASE(who_holds_nothing_is_not_to_blame) {
  connections = {runs(1, 0), idle(2, 850, 10)};  // an in-memory database fills it
  look(0, 900);
  BOOST_TEST(look(5000, 900) == 0);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_released_first) {
  settings.release_above_bytes = 2000 * kMiB;  // so that this rule alone acts
  settings.idle_keep_bytes = 2000 * kMiB;
  connections = {idle(1, 300, 500), idle(2, 400, 500), runs(3, 200)};
  reading.sqlite_bytes = 900 * kMiB;
  std::vector<Decision> out(10);
  const std::size_t count = decide(settings, reading, memory, connections, out);
  BOOST_REQUIRE(count == 1U);
  BOOST_TEST(out[0].connection_id == 2);  // the larger, and that is enough
  BOOST_TEST(out[0].reason == "above cancel_above");
}

BOOST_AUTO_TEST_CASE(a_transaction_left_open_is_seen_when_its_time_is_over) {
  ConnectionReading c = idle(1, 0, 4999);
  c.in_transaction = true;
  BOOST_TEST(!transaction_is_idle(settings, c));  // off
  settings.transaction_idle_ms = 5000;
  BOOST_TEST(!transaction_is_idle(settings, c));
  reading.now_ms = 100'000;
  BOOST_TEST(next_look_ms(settings, reading, memory, std::vector{c}) ==
             50);  // 1 ms from now, and looks are 50 apart
  c.idle_ms = 5000;
  BOOST_TEST(transaction_is_idle(settings, c));
  c.running = true;
  BOOST_TEST(!transaction_is_idle(settings, c));
  c.running = false;
  c.in_transaction = false;
  BOOST_TEST(!transaction_is_idle(settings, c));
}

BOOST_AUTO_TEST_CASE(the_next_look_comes_when_a_cancellation_is_due) {
  connections = {runs(1, 700)};
  look(1000, 900);
  BOOST_TEST(next_look_ms(settings, reading, memory, connections) <= 1000);
  reading.now_ms = 2800;
  BOOST_TEST(next_look_ms(settings, reading, memory, connections) <= 200);
}

BOOST_AUTO_TEST_SUITE_END()
