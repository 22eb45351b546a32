// The memory that a process may have, changed while it runs: on file trees in the place of /proc and the cgroup.
#include <boost/test/unit_test.hpp>

#include "tests/unit/fakes.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(a_limit_lowered_below_what_is_in_use_counts_at_once_and_an_unreadable_one_does_not) {
  const Machine machine(kGiB);
  Guarded guarded(machine, {"WARDEN_IDLE_GRACE_MS=0", "WARDEN_WATCHDOG=0"});
  const auto idle = guarded.connect(200 * kMiB);
  idle->begin();
  idle->end();
  guarded.warden.watchdog().tick();
  BOOST_TEST(guarded.warden.current().memory_budget_bytes == kGiB / 4);
  machine.set_limit(100 * kMiB);
  guarded.warden.watchdog().tick();
  BOOST_TEST(guarded.warden.current().memory_budget_bytes == 25 * kMiB);
  BOOST_TEST(guarded.engine.soft == 25 * kMiB);
  const auto limits = guarded.events(Action::limit);
  BOOST_REQUIRE(!limits.empty());
  BOOST_TEST(limits.back().reason.view() == "memory limit");
  BOOST_TEST(limits.back().threshold_bytes == 25 * kMiB);
  BOOST_TEST(idle->held() == 0);
  // There, and not to be read: the last that was known stands, and does not become the machine's.
  machine.tree.remove("/sys/fs/cgroup/app/memory.max");
  machine.tree.make_directory("/sys/fs/cgroup/app/memory.max");
  guarded.warden.watchdog().tick();
  BOOST_TEST(guarded.warden.current().memory_budget_bytes == 25 * kMiB);
  const auto warned = guarded.events(Action::warn);
  BOOST_REQUIRE(warned.size() == 1u);
  BOOST_TEST(warned[0].reason.view() == "files can't be read: Is a directory");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
