// warden_checks, row by row: what is so, and what to do about it. What a host must be built or started without is in
// test_odd_hosts.cpp, what a process can run out of in tests/resources.
#include <boost/test/unit_test.hpp>

#include "host.hpp"

namespace warden::test {
namespace {

std::string check(const Db& db, const std::string& name) {
  return db.one(
      "SELECT status || ': ' || detail || coalesce(' -> ' || advice, '') FROM warden_checks WHERE [check] = "
      "'" +
      name + "'");
}
bool begins(const std::string& text, const std::string& with) { return text.starts_with(with); }
bool ends(const std::string& text, const std::string& with) { return text.ends_with(with); }

struct Checks {
  Checks() { db.load().rows("SELECT warden_reset()"); }
  ~Checks() { db.rows("SELECT warden_reset()"); }
  Db db;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(checks, Checks)

BOOST_AUTO_TEST_CASE(a_budget_that_the_process_can_not_have_is_a_problem) {
  BOOST_TEST(begins(check(db, "memory budget"), "ok: "));
  db.rows("SELECT warden_set('memory_budget', '4000000GiB')");
  BOOST_TEST(begins(check(db, "memory budget"), "problem: 3.81 PiB is more than the "),
             check(db, "memory budget"));
  BOOST_TEST(
      ends(check(db, "memory budget"), "that this process can have -> warden_set('memory_budget', '25%')"));
}

BOOST_AUTO_TEST_CASE(heap_limits_are_told_and_whose_they_are) {
  BOOST_TEST(check(db, "hard heap limit") == "off: none");
  db.rows("SELECT warden_set('memory_budget', '256MiB'), warden_set('hard_heap_limit', '1GiB')");
  BOOST_TEST(check(db, "soft heap limit") == "ok: 256 MiB");
  BOOST_TEST(check(db, "hard heap limit") == "ok: 1 GiB");
  db.rows("SELECT warden_set('soft_heap_limit', 0), warden_set('hard_heap_limit', 0)");
  BOOST_TEST(check(db, "soft heap limit") == "off: none");
  BOOST_TEST(check(db, "hard heap limit") == "off: none");
  const int status = in_child([] {
    sqlite3_soft_heap_limit64(64 << 20);
    Db host;
    host.load();
    return check(host, "soft heap limit") ==
                   "limited: the host had set 64 MiB, which is lower than ours and stands"
               ? 0
               : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(what_a_setting_switches_off_is_off) {
  db.rows("SELECT warden_set('trim', 'never'), warden_set('pressure', 0), warden_set('statement_stats', 0)");
  BOOST_TEST(begins(check(db, "trim"), "off: "));
  BOOST_TEST(begins(check(db, "pressure"), "off: "));
  BOOST_TEST(begins(check(db, "statement statistics"), "off: "));
  BOOST_TEST(check(db, "dry run") == "");
  db.rows("SELECT warden_set('dry_run', 1), warden_set('watchdog', 0)");
  BOOST_TEST(begins(check(db, "dry run"), "off: decisions are recorded"));
  BOOST_TEST(eventually([&] { return begins(check(db, "watchdog"), "off: "); }));
  BOOST_TEST(ends(check(db, "watchdog"), " -> warden_set('watchdog', 1)"));
  db.rows("SELECT warden_reset()");
  BOOST_TEST(eventually([&] { return begins(check(db, "watchdog"), "ok: "); }));
}

BOOST_AUTO_TEST_CASE(deadlines_are_kept_by_a_thread_or_by_the_progress_handler) {
  BOOST_TEST(begins(check(db, "deadlines"), "off: none on this connection"));
  const std::string mine = "30000 ms for each statement of this connection; ";
  db.rows("SELECT warden_timeout(30000)");
  BOOST_TEST(begins(check(db, "deadlines"), "ok: " + mine + "the thread \"warden-deadline\" runs"));
  // A connection that only its own thread may touch can't be looked into.
  const Db alone(":memory:", SQLITE_OPEN_NOMUTEX);
  alone.rows("SELECT warden_timeout(30000)");
  BOOST_TEST(begins(check(alone, "deadlines"), "limited: " + mine));
  BOOST_TEST(ends(check(alone, "deadlines"), " -> open it with SQLITE_OPEN_FULLMUTEX"));
  BOOST_TEST(begins(check(alone, "this connection"), "limited: it has no mutex"));
  BOOST_TEST(begins(check(alone, "connections"), "limited: "));
  db.rows("SELECT warden_set('hooks', 'trace+progress')");
  const Db progress;
  progress.rows("SELECT warden_timeout(30000)");
  db.rows("SELECT warden_set('watchdog', 0)");
  const std::string off = mine + "switched off by the setting watchdog";
  BOOST_TEST(eventually([&] { return begins(check(db, "deadlines"), "problem: " + off); }));
  BOOST_TEST(begins(check(progress, "deadlines"), "ok: " + off));
}

BOOST_AUTO_TEST_CASE(a_connection_whose_statements_can_not_be_seen_is_a_problem) {
  const Db traced;
  traced.rows("SELECT warden_timeout(30000)");
  sqlite3_trace_v2(traced.get(), 0, nullptr, nullptr);
  traced.rows("SELECT * FROM warden_checks");
  BOOST_TEST(begins(check(traced, "hooks"), "problem: the host has set its own trace callback"));
  BOOST_TEST(
      check(traced, "deadlines") ==
      "problem: 30000 ms for each statement of this connection; not kept, since its statements can't be seen "
      "(hooks: lost) -> load warden first, with the setting hooks at trace");
  BOOST_TEST(begins(check(traced, "statement statistics"), "problem: "));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
