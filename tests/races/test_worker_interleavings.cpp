// The start and the end of a thread of warden's own, in every order that it and who starts, wakes and ends it can take turns
// in. Where somebody waits for what never comes, the program ends with a word about it (turns.hpp).
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <memory>

#include "../../watchdog/clock.hpp"
#include "../../watchdog/worker.hpp"
#include "figures.hpp"
#include "turns.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(worker_interleavings)

#if WARDEN_CHECKS_LOCKS

namespace {

/// Sleeps for ever, and knows whether it was ever there twice.
class Sleeper final : public Worker {
 public:
  Sleeper() noexcept : Worker("sleeper", LockRank::watchdog_thread) {}
  ~Sleeper() override { stop_for_good(); }

  std::atomic<bool> on{true};
  std::atomic<int> asked{0}, seen{0};  // seen: of what was asked for, at the last look
  std::atomic<int> looks{0}, starts{0}, ends{0}, inside{0}, wrong{0};

 private:
  bool wanted() noexcept override {
    lock_order::point();
    return on;
  }
  void starting() noexcept override {
    ++starts;
    if (++inside != 1) ++wrong;
  }
  std::int64_t look_and_tell_next_ns() noexcept override {
    if (inside != 1) ++wrong;
    seen = asked.load();
    ++looks;
    lock_order::point();
    return monotonic_ns() + 3'600'000'000'000;
  }
  void ended() noexcept override {
    lock_order::point();
    if (--inside != 0) ++wrong;
    ++ends;
  }
};

struct Lives {
  std::unique_ptr<Sleeper> worker;
  std::atomic<int> done{0};
  std::atomic<int> looked_after_end{0};

  // What the threads do.
  void start() { worker->ensure_running(); }
  void start_and_ask() {
    worker->ensure_running();
    ask(true);
  }
  void start_and_ask_unhurried() {
    worker->ensure_running();
    ask(false);
  }
  void end() {
    worker->stop_for_good();
    const int looks = worker->looks;
    if (worker->running() || worker->ensure_running()) ++looked_after_end;
    lock_order::point();
    if (worker->looks != looks) ++looked_after_end;
  }
  /// Off and at once on again: it runs, and looks.
  void off_and_on() {
    worker->ensure_running();
    worker->on = false;
    worker->wake(true);
    lock_order::point();
    worker->on = true;
    worker->ensure_running();
    ask(true);
  }

  void explore(const std::vector<void (Lives::*)()>& parts, int stops, std::int64_t most) {
    const auto bodies = [&] {
      worker = std::make_unique<Sleeper>();
      done = static_cast<int>(parts.size());
      std::vector<Turns::Body> made;
      for (const auto part : parts)
        made.emplace_back([this, part] {
          (this->*part)();
          if (--done == 0) worker->stop_for_good();
        });
      return made;
    };
    const auto check = [&] {
      BOOST_TEST(worker->wrong == 0);
      BOOST_TEST(worker->starts == worker->ends);
      BOOST_TEST(worker->inside == 0);
      BOOST_TEST(!worker->running());
      BOOST_TEST(looked_after_end == 0);
    };
    const Turns::Explored explored = Turns::explore(stops, most, bodies, check);
    Turns::wander(most / 4, seed(), bodies, check);
    figures.interleavings += explored.runs + most / 4;
    figures.of_workers += explored.runs + most / 4;
    BOOST_TEST((explored.all || explored.runs == most));
    BOOST_TEST(explored.runs >= 50);
  }

 private:
  /// No wake-up is lost: it looks after it was asked to.
  void ask(bool urgent) {
    const int mine = ++worker->asked;
    worker->wake(urgent);
    while (worker->seen < mine) {
      if (!lock_order::must_wait()) std::abort();
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(whoever_starts_it_there_is_one_and_after_its_end_for_good_none, Lives) {
  explore({&Lives::start, &Lives::start, &Lives::end}, 3, 600);
}

BOOST_FIXTURE_TEST_CASE(no_wake_up_is_lost, Lives) {
  explore({&Lives::start_and_ask, &Lives::start_and_ask_unhurried}, 3, 600);
}

BOOST_FIXTURE_TEST_CASE(switched_off_and_on_again_it_runs_at_whatever_stage_of_its_end, Lives) {
  explore({&Lives::off_and_on, &Lives::start}, 3, 1000);
}

#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
