// Clocks that are set, and machines that slept. The wall clock is for people to read: rows bear the time that it showed, and
// are ordered by their numbers. Deadlines, ages and intervals are of CLOCK_MONOTONIC, which stands still while the machine is
// suspended: a statement has all of its time. Where that clock jumps all the same (a virtual machine that was paused), what is
// due by then is due, once.
#include <boost/test/unit_test.hpp>

#include "interposed.hpp"
#include "without.hpp"

namespace warden::test {
namespace {

constexpr std::int64_t kHourNs = 3'600'000'000'000;
std::int64_t real_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(clocks)

BOOST_AUTO_TEST_CASE(a_wall_clock_that_is_set_moves_no_deadline_and_rows_stay_in_order) {
  const int status = in_child([] {
    Db db;
    db.load().rows("SELECT warden_set('sample_interval_ms', 10), warden_timeout(100)");
    for (const std::int64_t ahead : {24 * kHourNs, -24 * kHourNs, std::int64_t{0}}) {
      wall_clock_ahead_ns = ahead;
      const std::int64_t began_ns = real_ns();
      if (db.error(kForEver) != "interrupted") return 1;
      if (real_ns() - began_ns < 100'000'000) return 2;  // before its time
    }
    // One row for each, numbered in order; the second bears a time two days before the first.
    const std::string cancels = "(SELECT event_id AS id, at_ms FROM warden_events WHERE action = 'cancel')";
    if (db.number("SELECT count(*) FROM " + cancels) != 3) return 3;
    if (db.one("SELECT (max(at_ms) - min(at_ms) + 1800000) / 3600000 FROM " + cancels) != "48") return 4;
    if (db.one("SELECT min(a.id < b.id) FROM (SELECT * FROM " + cancels +
               " ORDER BY id LIMIT 1) a, "
               "(SELECT * FROM " +
               cancels + " ORDER BY id LIMIT 2 OFFSET 1) b") != "1")
      return 5;
    const std::int64_t samples = db.number("SELECT count(*) FROM warden_samples");
    return eventually([&] { return db.number("SELECT count(*) FROM warden_samples") > samples; }) ? 0 : 6;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_monotonic_clock_that_jumps_by_hours_ends_what_is_due_once_and_floods_nothing) {
  const int status = in_child([] {
    monotonic_clock_ahead_ns = 1;  // from here on nobody sleeps past a jump
    Db db;
    db.load().rows("SELECT warden_reset()");
    const Db busy;
    busy.rows("SELECT warden_timeout(3600000)");
    std::string error;
    std::thread runs([&] { error = busy.error(kForEver); });
    if (!eventually(
            [&] { return db.number("SELECT count(*) FROM warden_connections WHERE deadline_ms > 0") == 1; }))
      return 1;
    const std::int64_t samples = db.number("SELECT count(*) FROM warden_samples");
    monotonic_clock_ahead_ns = 10 * kHourNs;
    runs.join();
    if (error != "interrupted") return 2;
    // No look is made up for: ten hours would be 36000 rows.
    if (db.number("SELECT count(*) FROM warden_samples") - samples > 100) return 3;
    if (db.number("SELECT count(*) FROM warden_events") > 20) return 4;
    if (db.number("SELECT count(*) FROM warden_events WHERE action = 'cancel'") != 1) return 5;
    // And from here on everything is as ever.
    busy.rows(
        "SELECT warden_timeout(3600000); SELECT count(*) FROM sqlite_schema; SELECT warden_timeout(50)");
    return busy.error(kForEver) == "interrupted" ? 0 : 6;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
