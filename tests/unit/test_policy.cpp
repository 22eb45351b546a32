// The rules, one by one.
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <vector>

#include "policy_fixture.hpp"

using warden::ConnectionReading;
using warden::Decision;
using warden::Level;
using warden::PolicyMemory;
using warden::Reading;
using warden::Settings;
using warden::TrimMode;

using namespace warden::test;

namespace {

struct Fixture {
  Settings settings = standard_settings();
  Reading reading;
  PolicyMemory memory;
  std::vector<ConnectionReading> connections;

  std::vector<Decision> decisions(std::size_t room = 100) {
    std::vector<Decision> out(room);
    out.resize(decide(settings, reading, memory, connections, out));
    return out;
  }
  /// "7 idle, 3 pressure"
  std::string look(std::vector<ConnectionReading> now, std::size_t room = 100) {
    connections = std::move(now);
    std::string text;
    for (const Decision& d : decisions(room)) {
      text += (text.empty() ? "" : ", ") + std::to_string(d.connection_id) + " " + std::string(d.reason);
    }
    return text;
  }
  std::string look_at(std::int64_t now_ms, std::vector<ConnectionReading> now) {
    reading.now_ms = now_ms;
    return look(std::move(now));
  }
  void use(std::int64_t mib) { reading.sqlite_bytes = mib * kMiB; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(policy, Fixture)

BOOST_AUTO_TEST_CASE(leaves_everything_alone_below_all_thresholds) {
  use(700);
  BOOST_TEST(look({idle(1, 50, 59'999), idle(2, 50, 2000), busy(3, 600)}) == "");
  use(750);
  BOOST_TEST(look({idle(1, 500, 500), busy(2, 250)}) == "");
}

BOOST_AUTO_TEST_CASE(releases_what_has_been_idle_for_idle_release_ms_whatever_it_holds) {
  BOOST_TEST(look({idle(1, 1, 60'000), idle(2, 1, 59'999), busy(3, 1)}) == "1 idle");
  connections = {idle(1, 1, 60'000)};
  BOOST_TEST(decisions()[0].measured_bytes == kMiB);
  auto running = busy(1, 1);
  running.idle_ms = 60'000;
  BOOST_TEST(look({running}) == "");
  settings.idle_release_ms = 0;
  BOOST_TEST(look({idle(1, 1, kNever)}) == "");
}

BOOST_AUTO_TEST_CASE(releases_the_largest_idle_ones_until_the_rest_is_within_idle_keep) {
  BOOST_TEST(look({idle(1, 40, 1000), idle(2, 60, 1000)}) == "");
  BOOST_TEST(look({idle(1, 40, 1000), idle(2, 61, 1000)}) == "2 idle");
  BOOST_TEST(look({idle(1, 90, 1000), idle(2, 60, 5000), idle(3, 80, 2000), idle(4, 40, 1000)}) ==
             "1 idle, 3 idle");
  connections = {idle(1, 90, 1000), idle(2, 60, 5000)};
  const auto made = decisions();
  BOOST_TEST(made.size() == 1U);
  BOOST_TEST(made[0].measured_bytes == 150 * kMiB);
  BOOST_TEST(made[0].threshold_bytes == 100 * kMiB);
}

BOOST_AUTO_TEST_CASE(counts_as_idle_only_what_has_waited_for_idle_grace_ms) {
  BOOST_TEST(look({idle(1, 300, 999), idle(2, 90, 1000)}) == "");
  BOOST_TEST(look({idle(1, 300, 1000)}) == "1 idle");
  BOOST_TEST(look({busy(1, 300), idle(2, 90, 1000)}) == "");
  settings.idle_grace_ms = 0;
  BOOST_TEST(look({idle(1, 300, 0)}) == "1 idle");
}

BOOST_AUTO_TEST_CASE(does_not_repeat_what_was_released_or_asked_for_and_spares_crumbs) {
  auto released = idle(1, 300, kNever);
  released.released = true;
  use(2000);
  reading.pressure_signal = true;
  BOOST_TEST(look({released}) == "");
  auto crumbs = idle(2, 0, kNever);
  crumbs.cache_bytes = kCrumb;
  BOOST_TEST(look({crumbs}) == "");
  crumbs.cache_bytes = kCrumb + 1;
  BOOST_TEST(look({crumbs}) == "2 idle");
  auto untouchable = idle(3, 300, 1000);
  untouchable.touchable = false;
  BOOST_TEST(look({untouchable}) == "3 idle");  // it is asked; the caller says `released` from then on
  BOOST_TEST(connections[0].released);
}

BOOST_AUTO_TEST_CASE(above_release_above_releases_until_below_release_to) {
  settings.idle_keep_bytes = 5000 * kMiB;
  use(760);
  BOOST_TEST(look({idle(1, 100, 2000), idle(2, 100, 2000), idle(3, 100, 2000), idle(4, 100, 2000),
                   busy(5, 360)}) == "1 above release_above, 2 above release_above, 3 above release_above");
  BOOST_TEST(memory.relieving);  // not below release_to before the next reading
  use(460);
  BOOST_TEST(look({idle(4, 100, 2000), busy(5, 360)}) == "");
  BOOST_TEST(!memory.relieving);
  use(700);  // between the two: nothing before it is above again
  BOOST_TEST(look({idle(1, 300, 2000), idle(4, 100, 2000)}) == "");
}

BOOST_AUTO_TEST_CASE(goes_on_below_release_above_until_release_to_is_reached) {
  settings.idle_keep_bytes = 5000 * kMiB;
  use(800);
  BOOST_TEST(look({idle(1, 100, 2000), busy(2, 400), busy(3, 300)}) == "1 above release_above");
  BOOST_TEST(memory.relieving);
  use(700);
  BOOST_TEST(look({idle(2, 400, 150), busy(3, 300)}) == "2 above release_above");
  use(300);
  BOOST_TEST(look({idle(3, 300, 2000)}) == "");
  BOOST_TEST(!memory.relieving);
}

BOOST_AUTO_TEST_CASE(takes_by_bytes_times_time_idle_and_spares_hot_connections) {
  settings.idle_keep_bytes = 5000 * kMiB;
  use(760);
  // 300 MiB for 0.2 s weigh less than 100 MiB for 2 s.
  BOOST_TEST(look({idle(1, 300, 200), idle(2, 100, 2000), idle(3, 160, 900)}) ==
             "2 above release_above, 3 above release_above");
  BOOST_TEST(look({idle(1, 700, 99), idle(2, 60, 100)}) == "2 above release_above");
}

BOOST_AUTO_TEST_CASE(holds_fire_until_pressure_lasts) {
  reading.pressure_ratio = 0.10;
  BOOST_TEST(look_at(10'000, {idle(1, 50, 0)}) == "");
  BOOST_TEST(look_at(11'999, {idle(1, 50, 0)}) == "");
  BOOST_TEST(look_at(12'000, {idle(1, 50, 0), busy(2, 80)}) == "1 pressure, 2 pressure");
  reading.pressure_ratio = 0.0999;
  BOOST_TEST(look_at(20'000, {idle(1, 50, 0)}) == "");
  reading.pressure_ratio = 0.5;  // the time counts anew
  BOOST_TEST(look_at(21'000, {idle(1, 50, 0)}) == "");
  BOOST_TEST(look_at(22'999, {idle(1, 50, 0)}) == "");
  BOOST_TEST(look_at(23'000, {idle(1, 50, 0)}) == "1 pressure");
}

BOOST_AUTO_TEST_CASE(acts_on_a_pressure_signal_at_once_and_then_cools_down) {
  reading.pressure_signal = true;
  BOOST_TEST(look_at(1000, {idle(1, 50, 0), idle(2, 90, 0)}) == "2 pressure, 1 pressure");
  BOOST_TEST(look_at(5999, {idle(1, 50, 0)}) == "");
  BOOST_TEST(look_at(6000, {idle(1, 50, 0)}) == "1 pressure");
}

BOOST_AUTO_TEST_CASE(ignores_pressure_where_the_setting_is_off) {
  settings.pressure = false;
  reading.pressure_signal = true;
  reading.pressure_ratio = 1;
  BOOST_TEST(look_at(1000, {idle(1, 50, 0), busy(2, 50)}) == "");
  BOOST_TEST(look_at(9000, {idle(1, 50, 0), busy(2, 50)}) == "");
  BOOST_TEST((level_of(settings, reading, memory) == Level::calm));
}

BOOST_AUTO_TEST_CASE(asks_busy_ones_only_beyond_the_budget_and_a_sixteenth) {
  use(1062);
  BOOST_TEST(look({busy(1, 900), busy(2, 162)}) == "");
  use(1063);
  BOOST_TEST(look({busy(2, 163), busy(1, 900)}) == "1 above memory_budget");  // the largest is enough
  use(1063);
  BOOST_TEST(look({busy(1, 31), busy(2, 32), busy(3, 33)}) == "3 above memory_budget, 2 above memory_budget");
  use(1100);  // what idle ones give is counted first
  BOOST_TEST(look({busy(1, 1000), idle(2, 60, 200)}) == "2 above release_above");
  use(2000);
  auto stale = busy(1, 0);
  BOOST_TEST(look({stale}) == "");
  stale.stale = true;
  BOOST_TEST(look({stale}) == "1 above memory_budget");
}

BOOST_AUTO_TEST_CASE(asks_a_busy_one_at_most_every_five_seconds) {
  use(2000);
  BOOST_TEST(look({busy(1, 1000, 4999)}) == "");
  BOOST_TEST(look({busy(1, 1000, 5000)}) == "1 above memory_budget");
  reading.pressure_signal = true;
  use(100);
  BOOST_TEST(look({busy(1, 80, 4999), busy(2, 80, 5000)}) == "2 pressure");
}

BOOST_AUTO_TEST_CASE(decides_the_same_in_a_dry_run) {
  use(2000);
  reading.pressure_signal = true;
  const std::vector<ConnectionReading> all{idle(1, 90, 60'000), idle(2, 200, 2000), idle(3, 300, 200),
                                           busy(4, 900)};
  const std::string acted = look(all);
  BOOST_TEST(acted == "1 idle, 2 idle, 3 pressure, 4 above memory_budget");
  memory = {};
  settings.dry_run = true;
  BOOST_TEST(look(all) == acted);
}

BOOST_AUTO_TEST_CASE(stops_where_there_is_no_room_for_more_decisions) {
  use(5000);
  reading.pressure_signal = true;
  std::vector<ConnectionReading> all;
  for (int id = 1; id <= 20; ++id) all.push_back(id % 2 == 0 ? idle(id, 200, 70'000) : busy(id, 200));
  for (const std::size_t room : {0U, 1U, 5U, 10U, 12U}) {
    memory = {};
    connections = all;
    BOOST_TEST(decisions(room).size() == room);
  }
  BOOST_TEST(look({}) == "");
}

BOOST_AUTO_TEST_CASE(trims_only_what_is_worth_it_and_not_too_often) {
  reading.now_ms = 100'000;
  reading.freed = true;
  reading.held_back_bytes = 32 * kMiB;
  BOOST_TEST(!wants_trim(settings, reading, memory));
  ++reading.held_back_bytes;
  BOOST_TEST(wants_trim(settings, reading, memory));
  reading.freed = false;
  BOOST_TEST(!wants_trim(settings, reading, memory));
  settings.trim = TrimMode::always;
  reading.held_back_bytes = 0;
  BOOST_TEST(wants_trim(settings, reading, memory));
  memory.trimmed_ms = 99'001;
  BOOST_TEST(!wants_trim(settings, reading, memory));
  memory.trimmed_ms = 99'000;
  BOOST_TEST(wants_trim(settings, reading, memory));
  settings.trim = TrimMode::never;
  reading.freed = true;
  reading.held_back_bytes = 1000 * kMiB;
  BOOST_TEST(!wants_trim(settings, reading, memory));
}

BOOST_AUTO_TEST_CASE(pauses_longer_after_each_trim_that_returned_next_to_nothing) {
  for (const std::int64_t pause : {1000, 2000, 4000, 8000, 16'000, 32'000, 60'000, 60'000}) {
    note_trim(memory, 5000, 100 * kMiB, 10 * kMiB - 1);
    BOOST_TEST(memory.trim_pause_ms == pause);
  }
  BOOST_TEST(memory.trimmed_ms == 5000);
  reading.freed = true;
  reading.held_back_bytes = 100 * kMiB;
  reading.now_ms = 5000 + 60'999;
  BOOST_TEST(!wants_trim(settings, reading, memory));
  reading.now_ms = 5000 + 61'000;
  BOOST_TEST(wants_trim(settings, reading, memory));
  note_trim(memory, 70'000, 100 * kMiB, 10 * kMiB);
  BOOST_TEST(memory.trim_pause_ms == 0);
  BOOST_TEST(memory.trimmed_ms == 70'000);
}

BOOST_AUTO_TEST_CASE(level_is_the_worst_that_holds) {
  const auto level = [&] { return level_name(level_of(settings, reading, memory)); };
  use(750);
  BOOST_TEST(level() == "calm");
  reading.sqlite_bytes += 1;
  BOOST_TEST(level() == "elevated");
  use(1000);
  BOOST_TEST(level() == "elevated");
  reading.sqlite_bytes += 1;
  BOOST_TEST(level() == "over");
  reading.pressure_ratio = 0.2;
  look_at(1000, {});
  BOOST_TEST(level() == "pressure");
  reading.pressure_ratio = 0;
  look_at(2000, {});
  BOOST_TEST(level() == "over");
}

BOOST_AUTO_TEST_CASE(next_look_comes_sooner_the_less_headroom_the_running_ones_have) {
  const auto next = [&] { return next_look_ms(settings, reading, memory, connections); };
  BOOST_TEST(next() == 1000);
  use(740);
  BOOST_TEST(next() == 1000);  // nothing runs
  reading.running = 1;
  BOOST_TEST(next() == 50);
  use(550);  // 200 MiB at 800 MB/s
  BOOST_TEST(next() == 262);
  reading.running = 2;
  BOOST_TEST(next() == 131);
  reading.running = 100;  // four fill as fast as any number
  BOOST_TEST(next() == 65);
  use(2000);
  BOOST_TEST(next() == 50);
  reading.sqlite_bytes = -std::numeric_limits<std::int64_t>::max() / 4;
  BOOST_TEST(next() == 1000);
  settings.sample_interval_ms = 7;
  BOOST_TEST(next() == 7);
}

BOOST_AUTO_TEST_CASE(next_look_is_not_later_than_the_next_deadline) {
  const auto next = [&](std::vector<ConnectionReading> all) {
    return next_look_ms(settings, reading, memory, all);
  };
  BOOST_TEST(next({idle(1, 101, 700)}) == 300);
  BOOST_TEST(next({idle(1, 100, 700)}) == 1000);  // within idle_keep
  BOOST_TEST(next({idle(1, 60, 200), idle(2, 60, 900)}) == 100);
  BOOST_TEST(next({idle(1, 101, 990)}) == 50);
  BOOST_TEST(next({idle(1, 1, 59'600)}) == 400);
  BOOST_TEST(next({idle(1, 0, 59'600)}) == 1000);
  BOOST_TEST(next({busy(1, 500)}) == 1000);
  reading.now_ms = 10'000;
  reading.freed = true;
  reading.held_back_bytes = 33 * kMiB;
  memory.trimmed_ms = 9500;
  BOOST_TEST(next({}) == 500);
  memory.trim_pause_ms = 300;
  BOOST_TEST(next({}) == 800);
  settings.trim = TrimMode::never;
  BOOST_TEST(next({}) == 1000);
}

BOOST_AUTO_TEST_CASE(what_a_release_leaves_is_not_released_again) {
  // An in-memory database: the whole cache is pinned, and a release before this one has found that.
  ConnectionReading pinned = idle(1, 90, 90'000);
  pinned.floor_bytes = pinned.cache_bytes;
  BOOST_TEST(look({pinned}) == "");
  pinned.cache_bytes += 20 * kMiB;  // and since then something came on top
  BOOST_TEST(look({pinned}) == "1 idle");
}

BOOST_AUTO_TEST_CASE(a_connection_in_use_now_and_then_keeps_its_cache_where_releasing_it_would_not_suffice) {
  ConnectionReading pinned = idle(1, 700, 90'000);
  pinned.floor_bytes = pinned.cache_bytes;
  use(760);
  BOOST_TEST(look({pinned, idle(2, 60, 150)}) == "");  // above release_above, but not beyond the budget
  BOOST_TEST(look({pinned, idle(2, 60, 1000)}) == "2 above release_above");
  use(1020);  // beyond it
  BOOST_TEST(look({pinned, idle(2, 60, 150)}) == "2 above release_above");
}

BOOST_AUTO_TEST_SUITE_END()
