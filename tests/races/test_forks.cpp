// Fork and exit of the host, while the watchdog is at work.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <thread>

#include "../ext/host.hpp"

namespace warden::test {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kForks = 30;
#else
constexpr int kForks = 100;
#endif

}  // namespace

BOOST_AUTO_TEST_SUITE(forks)

BOOST_AUTO_TEST_CASE(a_child_after_fork_has_its_own_thread) {
  Db db;
  db.load();
  BOOST_TEST(
      eventually([&] { return db.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "1"; }));
  const int status = in_child([] {
    Db fresh;  // enrolling starts the thread
    const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
    if (fresh.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") != "1") return 1;
    const std::int64_t before = fresh.number(looks);
    return eventually([&] { return fresh.number(looks) > before; }) ? 0 : 2;
  });
  BOOST_TEST(status == 0);
  const std::string looks = "SELECT json_extract(warden_debug(), '$.watchdog_looks')";
  const std::int64_t before = db.number(looks);
  BOOST_TEST(eventually([&] { return db.number(looks) > before; }));
}

BOOST_AUTO_TEST_CASE(forks_under_a_busy_watchdog_leave_children_that_work) {
  // The watchdog is inside SQLite and malloc nearly all the time, and must be in neither when the process forks. (Other
  // threads of the host must not be inside SQLite then: without warden, too, the child would inherit their locks.)
  const TempDir dir;
  make_table(dir.file("t.db"), 4);
  Db watcher;
  watcher.load().rows(
      "SELECT warden_set('sample_interval_ms', 1), warden_set('idle_grace_ms', 0), "
      "warden_set('idle_keep', 0), warden_set('trim', 'always'), warden_set('trim_interval_ms', 10)");
  std::vector<Db> connections;
  for (int i = 0; i < 20; ++i) connections.emplace_back(dir.file("t.db"));
  int failed = 0;
  for (int i = 0; i < kForks; ++i) {
    for (const Db& db : connections) db.rows("SELECT sum(length(x)) FROM t WHERE n < 100");
    failed += in_child([&] {
                const Db db(dir.file("t.db"));
                return db.one("SELECT count(*) > 0 FROM warden_connections") == "1" ? 0 : 1;
              }) != 0;
  }
  BOOST_TEST(failed == 0);
  watcher.rows("SELECT warden_reset()");
}

BOOST_AUTO_TEST_CASE(a_process_may_exit_while_statements_run) {
  const TempDir dir;
  make_table(dir.file("t.db"), 4);
  Db db;
  db.load();
  for (int i = 0; i < 5; ++i) {
    const int status = in_child([&]() -> int {
      static Db running(dir.file("t.db"));
      running.rows("SELECT warden_set('sample_interval_ms', 1)");
      std::thread([] { running.error("SELECT count(*) FROM t a, t b, t c"); }).detach();
      const Db look;
      eventually(
          [&] { return look.number("SELECT count(*) FROM warden_connections WHERE state = 'active'") > 1; });
      ::quick_exit(0);
    });
    BOOST_TEST(status == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
