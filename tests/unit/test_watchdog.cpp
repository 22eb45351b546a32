// One look at a time, on the test's own thread: what a tick reads, decides, does and records.
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

#include "../../watchdog/allocator.hpp"
#include "../../watchdog/relief.hpp"
#include "fakes.hpp"

using warden::Action;
using warden::Connection;
using warden::Event;
using warden::kUnknown;
using warden::Level;
using warden::monotonic_ns;
using warden::test::eventually;
using warden::test::FakeConnection;
using warden::test::FakeEngine;
using warden::test::Guarded;
using warden::test::kGiB;
using warden::test::kMiB;
using warden::test::Machine;

namespace {

/// memory_budget 256 MiB, release_above 192, release_to 128, idle_keep 16; whoever runs nothing is idle at once.
struct Fixture {
  Machine machine;
  Guarded guarded{machine, {"WARDEN_WATCHDOG=0", "WARDEN_IDLE_GRACE_MS=0"}};
  warden::Warden& warden = guarded.warden;
  FakeEngine& engine = guarded.engine;

  std::int64_t tick() { return warden.watchdog().tick(); }
  std::size_t count(Action action) const { return guarded.events(action).size(); }
};

/// Blocks of 1100 bytes from malloc, and one behind them, so that the end of the heap does not go back by itself.
class Blocks {
 public:
  explicit Blocks(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) all_.push_back(std::make_unique<char[]>(1100));
    fence_ = std::make_unique<char[]>(1100);
  }
  void free() { all_.clear(); }
  void free_every_other() {
    for (std::size_t i = 0; i < all_.size(); i += 2) all_[i].reset();
  }

 private:
  std::vector<std::unique_ptr<char[]>> all_;
  std::unique_ptr<char[]> fence_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watchdog, Fixture)

BOOST_AUTO_TEST_CASE(tick_releases_what_the_policy_says_and_records_before_and_after) {
  const auto small = guarded.connect(10 * kMiB);
  const auto large = guarded.connect(40 * kMiB);
  large->set_label("reports");
  tick();
  BOOST_TEST(small->released() == 0);
  BOOST_TEST(large->released() == 1);
  BOOST_TEST(large->releases == 1);
  BOOST_TEST(large->released_bytes == 40 * kMiB);
  const auto events = guarded.events(Action::release);
  BOOST_REQUIRE(events.size() == 1U);
  const Event& event = events.front();
  BOOST_TEST(event.connection_id == large->id);
  BOOST_TEST(event.label.view() == "reports");
  BOOST_TEST(event.reason.view() == "idle");
  BOOST_TEST(event.measured_bytes == 50 * kMiB);
  BOOST_TEST(event.threshold_bytes == 16 * kMiB);
  BOOST_TEST(event.sqlite_before_bytes == 50 * kMiB);
  BOOST_TEST(event.sqlite_after_bytes == 10 * kMiB);
  BOOST_TEST(event.rss_before_bytes == 12000 * ::sysconf(_SC_PAGESIZE));
  BOOST_TEST(event.rss_after_bytes == event.rss_before_bytes);
  BOOST_TEST(event.took_us >= 0);
  BOOST_TEST(!event.dry_run);

  tick();  // nothing ran since: nothing more to be had
  BOOST_TEST(large->tries() == 1);
  large->begin();
  large->fill(40 * kMiB);
  large->end();
  tick();
  BOOST_TEST(large->released() == 2);
  BOOST_TEST(large->held() == 0);
}

BOOST_AUTO_TEST_CASE(tick_asks_where_a_release_is_refused_and_tries_again) {
  const auto c = guarded.connect(40 * kMiB);
  c->publish();
  c->busy = true;
  tick();
  BOOST_TEST(c->tries() == 1);
  BOOST_TEST(c->is_asked(Connection::kRelease));
  BOOST_TEST(c->ask_reason().view() == "idle");
  BOOST_TEST(count(Action::release) == 0U);
  tick();
  BOOST_TEST(c->tries() == 2);
  c->busy = false;
  tick();
  BOOST_TEST(c->released() == 1);
  BOOST_TEST(!c->is_asked(Connection::kRelease));
  BOOST_TEST(count(Action::release) == 1U);
}

BOOST_AUTO_TEST_CASE(a_connection_that_only_its_own_thread_may_touch_is_asked_once) {
  const auto c = guarded.connect(40 * kMiB);
  c->publish();
  c->can_touch = false;
  tick();
  BOOST_TEST(c->tries() == 0);
  BOOST_TEST(c->is_asked(Connection::kRelease));
  const std::int64_t asked_ns = c->asked_ns;
  BOOST_TEST(asked_ns > 0);
  for (int i = 0; i < 5; ++i) tick();
  BOOST_TEST(c->asked_ns == asked_ns);
  BOOST_TEST(count(Action::release) == 0U);
}

BOOST_AUTO_TEST_CASE(a_busy_connection_is_bothered_at_most_every_five_seconds) {
  const auto c = guarded.connect(300 * kMiB);  // beyond 256 and a sixteenth
  c->begin();
  tick();
  BOOST_TEST(c->released() == 1);  // got between two steps
  BOOST_TEST(guarded.events(Action::release).front().reason.view() == "above memory_budget");
  c->fill(300 * kMiB);
  tick();
  tick();
  BOOST_TEST(c->tries() == 1);

  c->publish();
  c->busy = true;
  for (int round = 2; round <= 3; ++round) {
    c->asked_ns = monotonic_ns() - 6'000'000'000;
    tick();
    BOOST_TEST(c->tries() == round);
    BOOST_TEST(c->is_asked(Connection::kRelease));  // and stays so: the second round finds it asked already
    tick();
    BOOST_TEST(c->tries() == round);
  }
}

BOOST_AUTO_TEST_CASE(dry_run_records_once_and_does_not_act) {
  guarded.set("dry_run", "1");
  const auto c = guarded.connect(40 * kMiB);
  for (int i = 0; i < 20; ++i) tick();
  BOOST_TEST(c->tries() == 0);
  BOOST_TEST(!c->is_asked_anything());
  BOOST_TEST(c->held() == 40 * kMiB);
  BOOST_TEST(c->releases == 0);
  BOOST_TEST(engine.applied == 0);
  const auto events = guarded.events(Action::release);
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events.front().dry_run);
  BOOST_TEST(events.front().sqlite_after_bytes == 40 * kMiB);
  c->begin();
  c->end();
  tick();
  BOOST_TEST(count(Action::release) == 2U);  // it ran: a new decision
}

BOOST_AUTO_TEST_CASE(what_a_dry_run_only_recorded_is_done_when_it_ends) {
  guarded.set("dry_run", "1");
  const auto c = guarded.connect(40 * kMiB);
  tick();
  guarded.set("dry_run", "0");
  tick();
  BOOST_TEST(c->released() == 1);
  BOOST_TEST(!guarded.events(Action::release).back().dry_run);
  BOOST_TEST(engine.soft == 256 * kMiB);
}

BOOST_AUTO_TEST_CASE(limits_are_put_in_force_and_recorded_when_they_change) {
  tick();
  BOOST_TEST(engine.applied == 0);  // no connection: this copy is none of our business
  guarded.connect();
  tick();
  BOOST_TEST(engine.soft == 256 * kMiB);
  BOOST_TEST(engine.hard == 0);
  tick();
  auto events = guarded.events(Action::limit);
  BOOST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].reason.view() == "settings");
  BOOST_TEST(events[0].threshold_bytes == 256 * kMiB);
  guarded.set("hard_heap_limit", "300MiB");
  BOOST_TEST(engine.hard == 300 * kMiB);
  BOOST_TEST(count(Action::limit) == 2U);
  guarded.set("soft_heap_limit", "0");
  BOOST_TEST(engine.soft == 0);
}

BOOST_AUTO_TEST_CASE(copies_of_sqlite_share_the_limit) {
  FakeEngine second;
  FakeEngine unused;
  BOOST_TEST(warden.add_engine(&second));
  BOOST_TEST(warden.add_engine(&unused));
  guarded.connect();
  tick();
  BOOST_TEST(engine.soft == 256 * kMiB);
  second.connections = 3;
  tick();
  BOOST_TEST(engine.soft == 128 * kMiB);
  BOOST_TEST(second.soft == 128 * kMiB);
  BOOST_TEST(unused.applied == 0);
  for (int i = 0; i < 5; ++i) BOOST_TEST(warden.add_engine(&unused));
  BOOST_TEST(!warden.add_engine(&unused));  // the ninth
}

BOOST_AUTO_TEST_CASE(budget_follows_the_cgroups_limit) {
  guarded.connect();
  tick();
  machine.set_limit(512 * kMiB);
  tick();
  BOOST_TEST(warden.memory_limit_bytes() == 512 * kMiB);
  BOOST_TEST(warden.current().memory_budget_bytes == 128 * kMiB);
  BOOST_TEST(engine.soft == 128 * kMiB);
  BOOST_TEST(count(Action::limit) == 2U);
  machine.set_limit(4 * kGiB);
  tick();
  BOOST_TEST(engine.soft == kGiB);
}

BOOST_AUTO_TEST_CASE(budget_stays_where_the_limit_can_not_be_read_any_more) {
  machine.set_limit(4 * kGiB);
  guarded.connect();
  tick();
  machine.tree.remove("/proc");  // as in a process that has run out of descriptors
  machine.tree.remove("/sys");
  tick();
  BOOST_TEST(engine.soft == kGiB);
  BOOST_TEST(count(Action::limit) == 1U);
}

BOOST_AUTO_TEST_CASE(copies_that_do_not_account_are_counted_by_their_connections_figures) {
  engine.accounting = false;
  const auto c = guarded.connect(10 * kMiB);
  BOOST_TEST(warden.sqlite_bytes() == 0);  // never measured
  BOOST_TEST(!warden.accounted());
  tick();
  c->figures.schema_bytes = 1000;
  BOOST_TEST(warden.sqlite_bytes() == 10 * kMiB + 1000);
  engine.accounting = true;
  BOOST_TEST(warden.sqlite_bytes() == 10 * kMiB);
  BOOST_TEST(warden.accounted());
}

BOOST_AUTO_TEST_CASE(a_tick_measures_what_has_run_and_nothing_else) {
  const auto c = guarded.connect(kMiB);
  tick();
  BOOST_TEST(c->figures.cache_bytes == kMiB);
  c->fill(kMiB);  // behind everybody's back
  tick();
  BOOST_TEST(c->figures.cache_bytes == kMiB);
  c->begin();
  tick();
  BOOST_TEST(c->figures.cache_bytes == 2 * kMiB);
}

BOOST_AUTO_TEST_CASE(samples_tell_what_was_seen_and_come_with_every_change_of_level) {
  machine.set_pressure("0.50");
  const auto first = guarded.connect(2 * kMiB);
  const auto second = guarded.connect(3 * kMiB);
  first->begin();
  tick();
  auto samples = guarded.samples();
  BOOST_REQUIRE(samples.size() == 1U);
  BOOST_TEST(samples[0].sqlite_bytes == 5 * kMiB);
  BOOST_TEST(samples[0].rss_bytes == 12000 * ::sysconf(_SC_PAGESIZE));
  BOOST_TEST(samples[0].connections == 2);
  BOOST_TEST(samples[0].active == 1);
  BOOST_TEST(samples[0].pressure_ratio == 0.005, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(samples[0].allocator_free_bytes == kUnknown);
  BOOST_TEST((samples[0].level == Level::calm));
  first->fill(200 * kMiB);
  tick();
  samples = guarded.samples();
  BOOST_REQUIRE(samples.size() == 2U);
  BOOST_TEST((samples[1].level == Level::elevated));
  first->fill(60 * kMiB);
  tick();
  BOOST_TEST((guarded.samples().back().level == Level::over));
  machine.set_pressure("50.00");
  tick();
  BOOST_TEST((guarded.samples().back().level == Level::pressure));
  BOOST_TEST(guarded.samples().back().pressure_ratio == 0.5, boost::test_tools::tolerance(1e-9));
  guarded.set("sample_interval_ms", "20");  // then every look is one
  const std::size_t before = guarded.samples().size();
  BOOST_TEST(tick() == 20);
  tick();
  BOOST_TEST(guarded.samples().size() == before + 2);
}

BOOST_AUTO_TEST_CASE(trim_always_trims_at_most_once_in_its_interval) {
  guarded.set("trim", "always");
  guarded.set("trim_interval_ms", "86400000");
  for (int i = 0; i < 5; ++i) tick();
  BOOST_TEST(count(Action::trim) == 1U);
  BOOST_TEST(guarded.events(Action::trim).front().took_us >= 0);
}

BOOST_AUTO_TEST_CASE(trim_follows_a_release_and_a_deferred_one_invents_no_figures) {
  guarded.set("trim_above", "0");
  guarded.set("sample_interval_ms", "1000");  // every look leaves a sample
  machine.tree.write("/proc/self/statm", "900000 800000 3000 10 0 9000 0\n");
  std::vector<std::unique_ptr<char[]>> holes;
  for (int i = 0; i < 1000; ++i) holes.push_back(std::make_unique<char[]>(2000));
  for (std::size_t i = 0; i < holes.size(); i += 2) holes[i].reset();
  if (warden::held_back(warden, 0).bytes == 0) {
    BOOST_TEST_MESSAGE("this malloc does not tell what it holds");
    return;
  }
  tick();
  BOOST_TEST(count(Action::trim) == 0U);  // nothing was freed
  const auto c = guarded.connect(40 * kMiB);
  tick();
  BOOST_TEST(c->released() == 1);
  const auto trims = guarded.events(Action::trim);
  BOOST_REQUIRE(trims.size() == 1U);
  BOOST_TEST(trims[0].reason.view() == "after release");
  BOOST_TEST(trims[0].event_id > guarded.events(Action::release)[0].event_id);
  BOOST_TEST(!warden.freed());
  BOOST_TEST(guarded.samples().back().allocator_free_bytes >= 0);

  warden.note_freed();
  tick();  // too early: it waits for its interval, and does not ask malloc before
  BOOST_TEST(count(Action::trim) == 1U);
  BOOST_TEST(warden.freed());
  BOOST_TEST(guarded.samples().back().allocator_free_bytes == kUnknown);
}

BOOST_AUTO_TEST_CASE(what_is_freed_while_a_trim_goes_on_is_left_to_the_next) {
  // Its thread gives back what a cancelled statement took just while the watchdog trims for another.
  machine.tree.write("/proc/self/statm", "900000 800000 3000 10 0 9000 0\n");
  Blocks blocks(40'000);
  struct FreesBetween final : FakeEngine {
    explicit FreesBetween(Blocks& all) : blocks(all) { used = 44 * kMiB; }
    std::optional<std::int64_t> memory_used() noexcept override {
      if (++asked == 2) {  // the first is asked before malloc trims, the second after
        blocks.free();
        used -= 44 * kMiB;
      }
      return FakeEngine::memory_used();
    }
    Blocks& blocks;
    int asked = 0;
  } between(blocks);
  warden.add_engine(&between);
  warden::trim(warden, {"test"}, false);
  if (!warden::read_allocator().known) {
    BOOST_TEST_MESSAGE("this malloc does not tell what it holds");
    return;
  }
  BOOST_TEST(between.asked >= 2);
  warden::HeldBack held;
  BOOST_TEST(eventually([&] { return (held = warden::held_back(warden, 0)).fresh; }));
  BOOST_TEST(held.bytes > 30 * kMiB);
}

BOOST_AUTO_TEST_CASE(an_old_answer_of_malloc_is_no_reason_to_forget_what_was_freed) {
  // malloc was asked a moment ago, for a table perhaps, and may not be asked again yet.
  machine.tree.write("/proc/self/statm", "900000 800000 3000 10 0 9000 0\n");
  Blocks holes(40'000);  // so that an answer costs something
  Blocks blocks(40'000);
  holes.free_every_other();
  warden::trim(warden, {"test"}, false);
  if (!warden::read_allocator().known) {
    BOOST_TEST_MESSAGE("this malloc does not tell what it holds");
    return;
  }
  blocks.free();
  warden.note_freed();
  BOOST_TEST(eventually([&] {
    tick();
    return count(Action::trim) == 2U;
  }));
  BOOST_TEST(!warden.freed());
}

BOOST_AUTO_TEST_CASE(trim_never_does_not_trim) {
  guarded.set("trim", "never");
  guarded.connect(40 * kMiB);
  for (int i = 0; i < 3; ++i) tick();
  BOOST_TEST(count(Action::release) == 1U);
  BOOST_TEST(count(Action::trim) == 0U);
}

BOOST_AUTO_TEST_CASE(a_tick_says_when_to_look_again) {
  const auto c = guarded.connect(kMiB);
  c->begin();
  BOOST_TEST(tick() >= 100);
  c->fill(190 * kMiB);
  BOOST_TEST(tick() == 50);
  c->end();
  BOOST_TEST(warden.watchdog().looks() == 2U);
}

BOOST_AUTO_TEST_CASE(a_change_of_settings_reaches_the_journal_and_the_numbers) {
  guarded.set("events", "2");
  guarded.set("history", "1");
  for (int i = 0; i < 5; ++i) warden.journal.record(Event{});
  BOOST_TEST(guarded.events(Action::warn).size() == 2U);
  tick();
  warden.journal.record(warden::Sample{});
  BOOST_TEST(guarded.samples().size() == 1U);
  guarded.set("memory_budget", "50%");
  BOOST_TEST(warden.current().memory_budget_bytes == 512 * kMiB);
}

BOOST_AUTO_TEST_SUITE_END()
