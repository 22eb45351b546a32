// The core in every order that its threads can take turns in: connections that enrol, run, are cancelled, measured and
// released, and close.
#include <atomic>
#include <boost/test/unit_test.hpp>

#include "../../watchdog/cancellation.hpp"
#include "../../watchdog/relief.hpp"
#include "../unit/fakes.hpp"
#include "figures.hpp"
#include "turns.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(interleavings)

#if WARDEN_CHECKS_LOCKS

namespace {

/// A connection that knows what its owner really does when somebody interrupts it.
class Witness final : public FakeConnection {
 public:
  using FakeConnection::FakeConnection;
  bool interrupt(std::int64_t seq, bool writers) noexcept override {
    return activity.interrupt(seq, writers, [&] {
      if (closed || runs != seq) ++wrong;
      ++interrupts_of[static_cast<std::size_t>(seq)];
    });
  }
  std::atomic<std::int64_t> runs{0};  // from before its beginning until its end has returned
  std::atomic<bool> closed{false};
  std::atomic<int> wrong{0};
  std::array<std::atomic<int>, 4> interrupts_of{};
  std::array<bool, 4> ended_interrupted{};
};

/// Threads of one round, each with what the extension does in its place.
struct Round {
  Machine machine;
  Guarded guarded{machine, {"WARDEN_WATCHDOG=0", "WARDEN_IDLE_GRACE_MS=0"}};
  Warden& warden = guarded.warden;
  std::shared_ptr<Witness> connection;
  std::atomic<std::int64_t> cancelled_seq{0};

  void begin_anew() {
    connection = std::make_shared<Witness>(warden.registry.next_id(), &guarded.engine, 10 * kMiB);
    connection->statements.use(warden.statements);
    cancelled_seq = 0;
  }

  /// Opens, runs two statements, closes.
  void live() {
    Witness& c = *connection;
    warden.registry.add(connection);
    for (std::int64_t seq = 1; seq <= 2; ++seq) {
      c.runs = seq;
      c.begin(1);
      const Activity::Ended run = c.activity.end(&c, monotonic_ns());
      if (run.interrupted) note_cancelled_end(warden, c, run.elapsed_ns, monotonic_ns());
      c.ended_interrupted[static_cast<std::size_t>(seq)] = run.interrupted;
      c.runs = 0;
    }
    c.activity.forget(monotonic_ns());
    c.statements.close();
    warden.registry.remove(c.id);
    c.closed = true;
  }
  /// Cancels whatever runs, once.
  void cancel_it() {
    const auto c = warden.registry.find(connection->id);
    if (c == nullptr) return;
    const std::int64_t seq = c->activity.running_seq();
    if (cancel(warden, *c, seq, true, {"asked"})) cancelled_seq = seq;
  }
  void give_back() {
    if (const auto c = warden.registry.after(0)) {
      release(warden, *c, {"asked"}, false);
      c->set_label("seen");
    }
  }
  void change_settings() {
    warden.settings.set("memory_budget", "100MB");
    warden.settings_changed();
  }

  /// True of every order.
  void check() {
    const Witness& c = *connection;
    BOOST_TEST(c.wrong == 0);
    for (const std::size_t seq : {1U, 2U}) {
      // Whoever was told that it has cancelled has; and nobody else's statement ends as one that was.
      BOOST_TEST(c.ended_interrupted[seq] == (c.interrupts_of[seq] > 0));
    }
    if (cancelled_seq != 0) BOOST_TEST(c.ended_interrupted[static_cast<std::size_t>(cancelled_seq.load())]);
    BOOST_TEST(warden.registry.size() == 0U);
    BOOST_TEST(!c.activity.running());
  }

  /// All orders with few stops, and some at random with many.
  void run(const std::vector<void (Round::*)()>& parts, int stops, std::int64_t most) {
    const auto bodies = [&] {
      begin_anew();
      std::vector<Turns::Body> made;
      for (const auto part : parts) made.emplace_back([this, part] { (this->*part)(); });
      return made;
    };
    const Turns::Explored explored = Turns::explore(stops, most, bodies, [&] { check(); });
    Turns::wander(most / 4, seed(), bodies, [&] { check(); });
    figures.interleavings += explored.runs + most / 4;
    BOOST_TEST((explored.all || explored.runs == most));
    BOOST_TEST(explored.runs >= 200);
  }
  void look_at_deadlines() { warden.deadlines().look(monotonic_ns()); }
  void tick() { warden.watchdog().tick(); }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_cancellation_hits_the_statement_that_is_meant_in_every_order, Round) {
  run({&Round::live, &Round::cancel_it}, 6, 800);
}

BOOST_FIXTURE_TEST_CASE(two_who_cancel_and_one_who_closes, Round) {
  run({&Round::live, &Round::cancel_it, &Round::cancel_it}, 2, 400);
}

BOOST_FIXTURE_TEST_CASE(deadlines_end_what_is_due_while_it_is_cancelled_by_name, Round) {
  run({&Round::live, &Round::look_at_deadlines, &Round::cancel_it}, 2, 400);
}

BOOST_FIXTURE_TEST_CASE(a_connection_is_released_and_its_settings_change_while_it_opens_and_closes, Round) {
  run({&Round::live, &Round::give_back, &Round::change_settings}, 2, 300);
}

BOOST_FIXTURE_TEST_CASE(a_look_of_the_watchdog_meets_connections_that_come_and_go, Round) {
  run({&Round::live, &Round::tick, &Round::cancel_it}, 2, 400);
}

#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
