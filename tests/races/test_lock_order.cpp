// The order of locks is checked, not only written.
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "../../watchdog/lock_order.hpp"
#include "../ext/host.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(lock_order_checks)

#if WARDEN_CHECKS_LOCKS

namespace {

/// What a child that does this says before it aborts; how it ended where it does not.
template <class F>
std::string abort_of(F&& body) {
  const TempDir dir;
  const std::string said = dir.file("said");
  const int status = in_child([&] {
    if (std::freopen(said.c_str(), "w", stderr) == nullptr) return 3;
    std::signal(SIGABRT, SIG_DFL);
    body();
    return 0;
  });
  std::ifstream in(said);
  std::stringstream text;
  text << in.rdbuf();
  return status == -SIGABRT ? text.str() : "ended with " + std::to_string(status) + ": " + text.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(locks_are_taken_in_the_order_of_their_ranks) {
  Mutex outer(LockRank::cancel);
  Mutex inner(LockRank::journal);
  const std::lock_guard first(outer);
  const std::lock_guard second(inner);
  BOOST_TEST(lock_order::holds(LockRank::journal));
  std::thread([&] { BOOST_TEST(!lock_order::holds(LockRank::journal)); }).join();  // each thread has its own
}

BOOST_AUTO_TEST_CASE(a_wrong_order_ends_the_program_with_both_names) {
  Mutex outer(LockRank::cancel);
  Mutex inner(LockRank::journal);
  BOOST_TEST(
      abort_of([&] {
        const std::lock_guard first(inner);
        const std::lock_guard second(outer);
      }) ==
      "warden: order of locks: waits for \"cancel\" while \"journal\" is held (watchdog/lock_order.hpp)\n");
  // Two of one rank: nobody says which comes first.
  Mutex other(LockRank::journal);
  BOOST_TEST(abort_of([&] {
               const std::lock_guard first(inner);
               const std::lock_guard second(other);
             }).find("waits for \"journal\" while \"journal\"") != std::string::npos);
  BOOST_TEST(abort_of([&] {
               const std::lock_guard first(inner);
               other.lock_another();
               other.unlock();
             }) == "ended with 0: ");
}

BOOST_AUTO_TEST_CASE(what_is_tried_waits_for_nobody_and_counts_while_it_is_held) {
  Mutex outer(LockRank::cancel);
  Mutex inner(LockRank::journal);
  {
    const std::lock_guard first(inner);
    const std::unique_lock second(outer, std::try_to_lock);
    BOOST_TEST(second.owns_lock());
  }
  BOOST_TEST(!lock_order::holds(LockRank::cancel));
  BOOST_TEST(abort_of([&] {
               const std::unique_lock first(inner, std::try_to_lock);
               const std::lock_guard second(outer);
             }).find("waits for \"cancel\" while \"journal\"") != std::string::npos);
  // SQLite's mutex of a connection is only ever tried: told by Tried.
  Mutex handle(LockRank::handle);
  BOOST_TEST(abort_of([&] {
               const lock_order::Tried connection(LockRank::sqlite);
               const std::lock_guard second(handle);
             }).find("waits for \"handle\" while \"sqlite\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_lock_is_held_where_the_host_calls_in_nor_in_a_sleep) {
  Mutex lock(LockRank::registry);
  BOOST_TEST(abort_of([&] {
               const std::lock_guard held(lock);
               lock_order::holds_none("a trace callback");
             }).find("in \"a trace callback\" while \"registry\"") != std::string::npos);
  Mutex sleep(LockRank::sleep);
  std::condition_variable condition;
  {
    const std::lock_guard held(sleep);
    sleep.wait_for(condition, std::chrono::milliseconds(1));
    BOOST_TEST(lock_order::holds(LockRank::sleep));
  }
  BOOST_TEST(abort_of([&] {
               const std::lock_guard outer(lock);
               const std::lock_guard held(sleep);
               sleep.wait_for(condition, std::chrono::milliseconds(1));
             }).find("in \"a sleep\" while \"registry\"") != std::string::npos);
}

#else

BOOST_AUTO_TEST_CASE(a_release_pays_nothing_for_it) {
  static_assert(sizeof(Mutex) == sizeof(std::mutex));
  Mutex inner(LockRank::journal);
  Mutex outer(LockRank::cancel);
  const std::lock_guard first(inner);
  const std::lock_guard second(outer);
  BOOST_TEST(!lock_order::must_wait());
}

#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
