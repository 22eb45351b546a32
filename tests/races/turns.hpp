// Threads that take turns: one runs at a time, and which goes on where several could is told from outside. So every order
// of their steps can be had, and had again.
//
//   Turns::Explored all = Turns::explore(2, 1000, [&] { return std::vector<Turns::Body>{a, b}; }, check);
//
// Threads change only where they lock a Mutex, sleep on one, or pass a lock_order::point(): in builds with assertions. Threads
// that these start (Worker) take turns as well, until they end.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "../../watchdog/lock_order.hpp"

#if WARDEN_CHECKS_LOCKS

namespace warden::test {

class Turns final : public lock_order::Scheduler {
 public:
  using Body = std::function<void()>;
  /// What was chosen of how many.
  struct Choice {
    std::size_t chosen, of;
  };

  /// One run: `choices` first, and then the thread that runs goes on (or, with `random`, any). A thread that could go on
  /// is stopped at most so many times.
  Turns(std::vector<Choice> choices, int most_stops, std::mt19937* random)
      : given_(std::move(choices)), stops_left_(most_stops), random_(random) {}

  /// Runs all bodies to their ends; the choices that were made.
  std::vector<Choice> run(const std::vector<Body>& bodies) {
    state_.assign(bodies.size(), State::ready);
    begun_ = bodies.size();
    lock_order::scheduler.store(this);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      threads.emplace_back([this, i, &body = bodies[i]] {
        mine() = static_cast<int>(i);
        wait_for_turn(i);
        body();
        std::unique_lock held(lock_);
        moved();
        state_[i] = State::ended;
        choose(i);
        mine() = -1;
      });
    }
    {
      const std::lock_guard held(lock_);
      choose(kNobody);
    }
    for (std::thread& thread : threads) thread.join();
    lock_order::scheduler.store(nullptr);
    return std::move(made_);
  }

  void point() override {
    if (mine() < 0) return;
    const auto i = static_cast<std::size_t>(mine());
    {
      const std::lock_guard held(lock_);
      moved();
      has_moved_ = true;
      choose(i);
    }
    wait_for_turn(i);
  }

  void must_wait() override {
    if (mine() < 0) return std::this_thread::yield();
    const auto i = static_cast<std::size_t>(mine());
    {
      const std::lock_guard held(lock_);
      // What it did since its last point may be what another waits for. (Looking again in vain is nothing.)
      if (std::exchange(has_moved_, false)) moved();
      state_[i] = State::waits;
      choose(i);
    }
    wait_for_turn(i);
  }

  void made() override {
    if (mine() < 0) return;
    std::unique_lock held(lock_);
    ++begun_;
    changed_.wait(held, [&] { return state_.size() == begun_; });
  }
  void born() override {
    std::size_t i = 0;
    {
      const std::lock_guard held(lock_);
      i = state_.size();
      mine() = static_cast<int>(i);
      state_.push_back(State::ready);
    }
    changed_.notify_all();
    wait_for_turn(i);
  }
  void gone() override {
    const std::lock_guard held(lock_);
    const auto i = static_cast<std::size_t>(std::exchange(mine(), -1));
    moved();
    state_[i] = State::ended;
    ++unjoined_;
    // Who waits for this end has the next turn: so it does not depend on how fast the system is.
    if (std::find(state_.begin(), state_.end(), State::away) == state_.end()) choose(i);
  }
  void away() override {
    if (mine() < 0) return;
    const std::lock_guard held(lock_);
    if (unjoined_ > 0) return;  // it need not wait
    const auto i = static_cast<std::size_t>(mine());
    state_[i] = State::away;
    choose(i);
  }
  void back() override {
    if (mine() < 0) return;
    const std::lock_guard held(lock_);
    --unjoined_;
    state_[static_cast<std::size_t>(mine())] = State::ready;
    turn_ = mine();
  }

  /// How many orders were tried, and whether these are all with so few stops.
  struct Explored {
    std::int64_t runs = 0;
    bool all = false;
  };
  /// Tries all orders with at most one stop, then all with two, and so on up to `stops`: as many as `most`. Each run gets
  /// bodies of its own, and `check` looks at what is left.
  static Explored explore(int stops, std::int64_t most, const std::function<std::vector<Body>()>& bodies,
                          const std::function<void()>& check) {
    Explored explored;
    for (int bound = 1; bound <= stops; ++bound) {
      std::vector<Choice> next;
      do {
        if (explored.runs == most) return explored;
        next = Turns(std::move(next), bound, nullptr).run(bodies());
        check();
        ++explored.runs;
        while (!next.empty() && next.back().chosen + 1 == next.back().of) next.pop_back();
        if (!next.empty()) ++next.back().chosen;
      } while (!next.empty());
    }
    explored.all = true;
    return explored;
  }
  /// As many orders at random, with as many stops as there are points.
  static void wander(std::int64_t runs, unsigned seed, const std::function<std::vector<Body>()>& bodies,
                     const std::function<void()>& check) {
    std::mt19937 random(seed);
    for (; runs > 0; --runs) {
      Turns({}, 1'000'000, &random).run(bodies());
      check();
    }
  }

 private:
  /// No run needs so many.
  static constexpr std::size_t kMostChoices = 100'000;

  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  /// away: waits in the system for a thread's end.
  enum class State : std::uint8_t { ready, waits, away, ended };

  /// Has the calling thread passed a point since it last waited?
  static inline thread_local bool has_moved_ = false;

  static int& mine() {
    static thread_local int number = -1;
    return number;
  }

  void wait_for_turn(std::size_t i) {
    std::unique_lock held(lock_);
    changed_.wait(held, [&] { return turn_ == static_cast<int>(i); });
  }

  /// Something has happened: who waits may look again.
  void moved() {
    for (State& state : state_) {
      if (state == State::waits) state = State::ready;
    }
  }

  void choose(std::size_t now) {
    if (made_.size() > kMostChoices) {
      std::fprintf(stderr, "threads that wait for something that never comes\n");
      std::abort();
    }
    std::vector<std::size_t> options;
    const bool goes_on = now < state_.size() && state_[now] == State::ready;
    if (goes_on) options.push_back(now);
    for (std::size_t i = 0; i < state_.size() && !(goes_on && stops_left_ == 0); ++i) {
      if (i != now && state_[i] == State::ready) options.push_back(i);
    }
    if (options.empty()) {
      for (const State state : state_) {
        if (state == State::ended) continue;
        std::fprintf(stderr, "all threads wait for each other after %zu choices\n", made_.size());
        std::abort();
      }
      return;
    }
    // What depends on the time of day may go another way than in the run before: then there may be fewer to choose from.
    std::size_t which =
        made_.size() < given_.size() ? std::min(given_[made_.size()].chosen, options.size() - 1) : 0;
    if (random_ != nullptr && made_.size() >= given_.size()) which = (*random_)() % options.size();
    made_.push_back({which, options.size()});
    if (goes_on && which > 0) --stops_left_;
    turn_ = static_cast<int>(options[which]);
    changed_.notify_all();
  }

  const std::vector<Choice> given_;
  int stops_left_;
  std::mt19937* const random_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::vector<State> state_;
  std::size_t begun_ = 0;  // threads in all, those too that are just being made
  int unjoined_ = 0;       // threads of warden's that have ended and were not joined
  std::vector<Choice> made_;
  int turn_ = -1;
};

}  // namespace warden::test

#endif
