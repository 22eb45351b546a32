// Deadlines and cancellation with connections that only remember: which statement is hit, when, and what is recorded.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "../../watchdog/cancellation.hpp"
#include "../../watchdog/relief.hpp"
#include "fakes.hpp"

using warden::Action;
using warden::cancel;
using warden::Event;
using warden::kUnknown;
using warden::monotonic_ns;
using warden::test::eventually;
using warden::test::FakeConnection;
using warden::test::Guarded;
using warden::test::kMiB;
using warden::test::Machine;

namespace {

constexpr std::int64_t kMs = 1'000'000;

struct Fixture {
  Machine machine;
  Guarded guarded{machine,
                  {"WARDEN_WATCHDOG=0", "WARDEN_IDLE_GRACE_MS=86400000", "WARDEN_IDLE_RELEASE_MS=0"}};
  warden::Warden& warden = guarded.warden;

  bool ask(FakeConnection& c, std::int64_t seq) { return cancel(warden, c, seq, true, {"asked"}); }
  std::vector<Event> cancels() const { return guarded.events(Action::cancel); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cancellation, Fixture)

BOOST_AUTO_TEST_CASE(a_running_statement_is_interrupted_and_recorded) {
  const auto c = guarded.connect(3 * kMiB);
  c->set_label("report");
  c->begin();
  BOOST_TEST(ask(*c, c->activity.running_seq()));
  BOOST_TEST(c->interrupts == 1);
  BOOST_TEST(c->cancels == 1);
  BOOST_REQUIRE(cancels().size() == 1U);
  const Event event = cancels().front();
  BOOST_TEST(event.reason.view() == "asked");
  BOOST_TEST(event.connection_id == c->id);
  BOOST_TEST(event.label.view() == "report");
  BOOST_TEST(event.sql.view() == "SELECT ?");
  BOOST_TEST(event.sqlite_before_bytes == 3 * kMiB);
  BOOST_TEST(event.took_us == kUnknown);
  BOOST_TEST(event.sqlite_after_bytes == kUnknown);
  BOOST_TEST(!event.dry_run);
}

BOOST_AUTO_TEST_CASE(neither_an_ended_nor_a_later_statement_is_hit) {
  const auto c = guarded.connect();
  BOOST_TEST(!ask(*c, 0));
  c->begin();
  const std::int64_t first = c->activity.running_seq();
  c->end();
  BOOST_TEST(!ask(*c, first));
  c->begin();
  BOOST_TEST(!ask(*c, first));
  BOOST_TEST(!ask(*c, first + 5));
  BOOST_TEST(c->interrupts == 0);
  BOOST_TEST(cancels().empty());
}

BOOST_AUTO_TEST_CASE(the_end_completes_the_row_and_the_watchdog_gives_back) {
  const auto c = guarded.connect(50 * kMiB);
  c->begin();
  ask(*c, c->activity.running_seq());
  const auto ended = c->activity.end(c.get(), monotonic_ns());
  BOOST_TEST(ended.interrupted);
  warden::note_cancelled_end(warden, *c, 7 * kMs, monotonic_ns());
  BOOST_TEST(cancels().front().took_us == 7000);
  BOOST_TEST(cancels().front().sqlite_after_bytes == 50 * kMiB);
  warden.watchdog().tick();
  BOOST_TEST(c->released() == 1);
  BOOST_TEST(cancels().front().sqlite_after_bytes == 0);
  BOOST_TEST(cancels().size() == 1U);
  BOOST_TEST(guarded.events(Action::release).front().reason.view() == "cancelled");
}

BOOST_AUTO_TEST_CASE(a_connection_that_can_not_be_had_is_tried_again_and_then_asked) {
  const auto c = guarded.connect(50 * kMiB);
  c->publish();
  c->begin();
  ask(*c, c->activity.running_seq());
  c->end();
  warden::note_cancelled_end(warden, *c, kMs, monotonic_ns());
  c->busy = true;
  BOOST_TEST(warden.watchdog().tick() <= 5);  // soon again
  BOOST_TEST(c->released() == 0);
  BOOST_TEST(eventually([&] {
    warden.watchdog().tick();
    return c->is_asked(warden::Connection::kRelease);
  }));
  BOOST_TEST(c->ask_reason().view() == "cancelled");
}

BOOST_AUTO_TEST_CASE(the_row_waits_for_what_only_the_owner_gives_back) {
  guarded.set("trim", "never");
  const auto c = guarded.connect(50 * kMiB);
  c->can_touch = false;
  c->begin();
  ask(*c, c->activity.running_seq());
  c->end();
  warden::note_cancelled_end(warden, *c, kMs, monotonic_ns());
  warden.watchdog().tick();  // between the statement's end and the owner's release
  c->fill(-50 * kMiB);
  c->cancellation.own_part_done = true;
  warden.watchdog().tick();
  BOOST_TEST(cancels().front().sqlite_after_bytes == 0);
  BOOST_TEST(c->cancellation.ended_ns == 0);
}

BOOST_AUTO_TEST_CASE(what_was_cancelled_is_trimmed_after_a_quarter_of_the_interval) {
  guarded.set("trim", "always");
  guarded.set("trim_interval_ms", "800");
  BOOST_TEST(warden.watchdog().tick() > 200);
  BOOST_TEST(guarded.events(Action::trim).size() == 1U);
  const auto c = guarded.connect();
  c->begin();
  ask(*c, c->activity.running_seq());
  c->end();
  warden::note_cancelled_end(warden, *c, kMs, monotonic_ns());
  BOOST_TEST(warden.watchdog().tick() <= 200);  // when the trim is due
  BOOST_TEST(eventually([&] {
    warden.watchdog().tick();
    return guarded.events(Action::trim).size() == 2U;
  }));
  const auto trims = guarded.events(Action::trim);
  // Events are told in the time of the wall clock, which may be put right meanwhile.
  BOOST_TEST(trims[1].at_ms - trims[0].at_ms >= 100);
}

BOOST_AUTO_TEST_CASE(twice_is_one_row) {
  const auto c = guarded.connect();
  c->begin();
  BOOST_TEST(ask(*c, c->activity.running_seq()));
  BOOST_TEST(ask(*c, c->activity.running_seq()));
  BOOST_TEST(c->interrupts == 2);
  BOOST_TEST(c->cancels == 1);
  BOOST_TEST(cancels().size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_interrupt_is_repeated_for_a_while_where_somebody_is_inside) {
  const auto c = guarded.connect();
  c->busy = true;
  c->begin();
  ask(*c, c->activity.running_seq());
  const std::int64_t now_ns = monotonic_ns();
  warden.deadlines().look(now_ns);
  BOOST_TEST(c->interrupts == 1);  // not at once
  warden.deadlines().look(now_ns + 50 * kMs);
  BOOST_TEST(c->interrupts == 2);
  warden.deadlines().look(now_ns + 60 * kMs);
  BOOST_TEST(c->interrupts == 2);  // the pause has doubled
  warden.deadlines().look(now_ns + 200 * kMs);
  BOOST_TEST(c->interrupts == 3);
  c->busy = false;  // it waits for its host: the interrupt still stands
  warden.deadlines().look(now_ns + 500 * kMs);
  BOOST_TEST(c->interrupts == 3);
  c->busy = true;
  for (int i = 1; i < 50; ++i) warden.deadlines().look(now_ns + i * 1000 * kMs);
  BOOST_TEST(c->interrupts <= 6);  // then it is given up
  c->end();
  c->begin();
  const int before = c->interrupts;
  warden.deadlines().look(now_ns + 90'000 * kMs);
  BOOST_TEST(c->interrupts == before);
  BOOST_TEST(cancels().size() == 1U);
}

BOOST_AUTO_TEST_CASE(after_a_dry_run_what_is_beyond_its_deadline_is_ended) {
  guarded.set("dry_run", "1");
  const auto c = guarded.connect();
  c->begin(kMs);
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);
  guarded.set("dry_run", "0");
  warden.deadlines().look(monotonic_ns() + 20 * kMs);
  BOOST_TEST(c->interrupts == 1);
}

BOOST_AUTO_TEST_CASE(a_reader_is_not_interrupted_between_two_steps_of_a_transaction) {
  const auto c = guarded.connect();
  c->begin(kMs);
  c->activity.set_in_transaction(true);
  const std::int64_t now_ns = monotonic_ns() + 10 * kMs;
  BOOST_TEST(warden.deadlines().look(now_ns) < now_ns + 100 * kMs);  // again soon
  BOOST_TEST(c->interrupts == 0);
  c->busy = true;  // it is stepped
  warden.deadlines().look(now_ns);
  BOOST_TEST(c->interrupts == 1);
  c->end();
  c->can_touch = false;  // nobody can tell
  c->begin(kMs);
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 1);
  c->activity.set_in_transaction(false);
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 2);
}

BOOST_AUTO_TEST_CASE(with_dry_run_it_is_recorded_once_and_not_done) {
  guarded.set("dry_run", "1");
  const auto c = guarded.connect();
  c->begin(kMs);
  for (int i = 0; i < 3; ++i) warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);
  BOOST_TEST(c->cancels == 0);
  BOOST_REQUIRE(cancels().size() == 1U);
  BOOST_TEST(cancels().front().dry_run);
  BOOST_TEST(cancels().front().reason.view() == "deadline");
}

BOOST_AUTO_TEST_CASE(a_deadline_is_kept_and_not_kept_early) {
  const auto c = guarded.connect();
  c->begin(100 * kMs);
  const std::int64_t began_ns = c->activity.started_ns();
  BOOST_TEST(warden.deadlines().look(began_ns + 10 * kMs) == began_ns + 100 * kMs);
  BOOST_TEST(c->interrupts == 0);
  warden.deadlines().look(began_ns + 100 * kMs);
  BOOST_TEST(c->interrupts == 1);
  BOOST_TEST(cancels().front().reason.view() == "deadline");
  BOOST_TEST(warden.deadlines().cancelled() == 1);
}

BOOST_AUTO_TEST_CASE(the_thread_looks_at_least_as_often_as_the_shortest_timeout) {
  const std::int64_t now_ns = monotonic_ns();
  const auto c = guarded.connect();
  BOOST_TEST(warden.deadlines().look(now_ns) > now_ns + 60'000 * kMs);  // none is in force
  guarded.set("statement_timeout_ms", "300");
  BOOST_TEST(warden.deadlines().look(now_ns) == now_ns + 300 * kMs);
  c->timeout_ms = 20;
  BOOST_TEST(warden.deadlines().look(now_ns) == now_ns + 20 * kMs);
  c->timeout_ms = 0;  // this one has none
  BOOST_TEST(warden.deadlines().timeout_ns(*c) == 0);
  BOOST_TEST(warden.deadlines().look(now_ns) == now_ns + 300 * kMs);  // the next that opens has
  warden.registry.remove(c->id);
  BOOST_TEST(warden.deadlines().look(now_ns) == now_ns + 300 * kMs);
}

BOOST_AUTO_TEST_CASE(a_writer_beside_the_reader_protects_both) {
  const auto c = guarded.connect();
  int writer = 0;
  c->begin(kMs);
  warden::Activity::Traits writes;
  writes.writes = true;
  c->activity.begin(&writer, "UPDATE t SET a = 1", monotonic_ns(), writes);
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);
  c->activity.end(&writer, monotonic_ns());
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);                  // its transaction may be open: as long as the reader runs
  BOOST_TEST(ask(*c, c->activity.running_seq()));  // who asks by name means it
  guarded.set("statement_timeout_writes", "1");
  c->end();
  c->begin(kMs, true);
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 2);
}

BOOST_AUTO_TEST_CASE(a_suspended_statement_that_does_not_run_any_more_is_not_cancelled) {
  const auto c = guarded.connect();
  c->begin(kMs);
  c->activity.suspend(monotonic_ns());
  c->forgets_when_measured = true;  // as a connection does that finds nothing running
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);
  BOOST_TEST(!c->activity.running());
}

BOOST_AUTO_TEST_CASE(a_suspended_statement_that_goes_on_is_cancelled) {
  const auto c = guarded.connect();
  c->begin(kMs);
  c->activity.suspend(monotonic_ns());
  c->busy = true;  // somebody is inside
  warden.deadlines().look(monotonic_ns() + 10 * kMs);
  BOOST_TEST(c->interrupts == 0);  // preparing something else, perhaps
  warden.deadlines().look(monotonic_ns() + 20 * kMs);
  BOOST_TEST(c->interrupts == 1);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_statement_waits_for_who_interrupts_it) {
  // A thread runs short statements; others interrupt whatever runs. Each interrupt must fall between the beginning and
  // the end of the very statement that it was meant for.
  const auto c = guarded.connect();
  std::atomic<std::int64_t> inside{0};  // the statement between begin() and end()
  std::atomic<std::int64_t> hits{0};
  std::atomic<std::int64_t> wrong{0};
  std::atomic<bool> stop{false};
  const auto interrupter = [&] {
    while (!stop) {
      const std::int64_t seq = c->activity.running_seq();
      if (seq == 0) continue;
      const std::lock_guard one_at_a_time(warden.cancel_lock());
      c->activity.interrupt(seq, true, [&] {
        wrong += inside.load() != seq;
        ++hits;
        std::this_thread::yield();
        wrong += inside.load() != seq;
      });
    }
  };
  std::thread first(interrupter);
  std::thread second(interrupter);
  std::int64_t seen = 0;
  for (std::int64_t n = 1; n <= 20'000 || hits < 1000; ++n) {
    inside = n;
    c->begin();
    if (n % 8 == 0) std::this_thread::yield();
    seen += c->activity.end(c.get(), 0).interrupted;
    inside = 0;
  }
  stop = true;
  first.join();
  second.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(seen > 0);
  BOOST_TEST(seen <= hits);
}

BOOST_AUTO_TEST_CASE(the_thread_keeps_deadlines_by_itself) {
  guarded.set("watchdog", "1");
  guarded.set("statement_timeout_ms", "20");
  const auto c = guarded.connect();
  BOOST_TEST(warden.deadlines().ensure_running());
  c->begin(warden.deadlines().timeout_ns(*c));
  const std::int64_t began_ns = c->activity.started_ns();
  BOOST_TEST(eventually([&] { return c->interrupts > 0; }));
  BOOST_TEST(monotonic_ns() - began_ns >= 20 * kMs);
  c->end();
  // A deadline that is set while the thread waits for a long one wakes it.
  guarded.set("statement_timeout_ms", "3600000");
  c->timeout_ms = 10;
  warden.deadlines().wake(true);
  c->begin(warden.deadlines().timeout_ns(*c));
  BOOST_TEST(eventually([&] { return cancels().size() == 2U; }));
}

BOOST_AUTO_TEST_CASE(an_idle_transaction_is_told_of_once) {
  guarded.set("transaction_idle_ms", "1");
  const auto c = guarded.connect();
  const auto warnings = [&] { return guarded.events(Action::warn); };
  c->begin();
  c->activity.set_in_transaction(true);
  warden.watchdog().tick();
  BOOST_TEST(warnings().empty());  // a statement runs
  c->end();
  BOOST_TEST(eventually([&] {
    warden.watchdog().tick();
    return !warnings().empty();
  }));
  BOOST_TEST(warnings().front().reason.view() == "transaction idle");
  BOOST_TEST(warnings().front().sql.view() == "SELECT ?");
  for (int i = 0; i < 5; ++i) warden.watchdog().tick();
  BOOST_TEST(warnings().size() == 1U);
  c->begin();
  c->activity.set_in_transaction(false);
  c->end();
  c->begin();
  c->activity.set_in_transaction(true);  // another one
  c->end();
  BOOST_TEST(eventually([&] {
    warden.watchdog().tick();
    return warnings().size() == 2U;
  }));
}

BOOST_AUTO_TEST_CASE(the_heaviest_statement_is_cancelled_when_nothing_else_helps) {
  guarded.set("memory_budget", "256MiB");
  guarded.set("cancel_above", "100MiB");
  guarded.set("cancel_after_ms", "100");
  const auto light = guarded.connect(1 * kMiB);
  const auto heavy = guarded.connect(1 * kMiB);
  const auto writer = guarded.connect(1 * kMiB);
  light->begin();
  warden.watchdog().tick();
  heavy->begin();
  warden.watchdog().tick();
  light->publish();
  heavy->fill(150 * kMiB);
  heavy->publish();
  writer->begin(0, true);
  writer->fill(500 * kMiB);
  writer->publish();
  BOOST_TEST(eventually([&] {
    warden.watchdog().tick();
    return heavy->interrupts == 1;
  }));
  BOOST_TEST(light->interrupts == 0);
  BOOST_TEST(writer->interrupts == 0);
  BOOST_REQUIRE(cancels().size() == 1U);
  BOOST_TEST(cancels().front().reason.view() == "above cancel_above");
  BOOST_TEST(cancels().front().threshold_bytes == 100 * kMiB);
  BOOST_TEST(cancels().front().measured_bytes > 100 * kMiB);
  warden.watchdog().tick();
  BOOST_TEST(light->interrupts + writer->interrupts == 0);  // the first has yet to end
}

BOOST_AUTO_TEST_CASE(a_statement_that_grows_slowly_is_as_heavy_in_the_end) {
  guarded.set("memory_budget", "1GiB");
  guarded.set("cancel_above", "40MiB");
  guarded.set("cancel_after_ms", "1");
  const auto heavy = guarded.connect(1 * kMiB);
  heavy->begin();
  heavy->busy = true;  // nobody else can measure what it holds
  BOOST_TEST(eventually([&] {
    heavy->fill(kMiB / 2);
    warden.watchdog().tick();
    return heavy->interrupts == 1;
  }));
  BOOST_REQUIRE(cancels().size() == 1U);
  BOOST_TEST(cancels().front().measured_bytes < 1024 * kMiB);
}

BOOST_AUTO_TEST_SUITE_END()
