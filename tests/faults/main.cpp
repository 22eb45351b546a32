#define BOOST_TEST_MODULE warden_faults
#include <boost/test/unit_test.hpp>
#include <cstdio>

#include "figures.hpp"

namespace warden::test {
namespace {

/// Prints what was tried, whether or not a test failed.
struct Report {
  Report() { figures(); }  // before the first child is made
  ~Report() {
    const Figures& f = figures();
    const auto n = [](const std::atomic<std::int64_t>& figure) { return static_cast<long long>(figure); };
    std::printf(
        "figures: %lld operations; SQLite's allocations failed: %lld once, %lld from then on, %lld twice; "
        "warden's: %lld, %lld, %lld; %lld with a deadline beside; %lld interrupts, %lld of new connections; "
        "I/O calls failed: %lld "
        "once, %lld from then on (%s, TEST_SEED=%llu)\n",
        n(f.operations), n(f.sqlite_once), n(f.sqlite_lasting), n(f.sqlite_twice), n(f.warden_once),
        n(f.warden_lasting), n(f.warden_twice), n(f.with_deadline), n(f.interrupts), n(f.interrupts_fresh),
        n(f.io_once), n(f.io_lasting), is_thorough() ? "every place" : "a sample of the places",
        static_cast<unsigned long long>(places_seed()));
  }
};

}  // namespace
}  // namespace warden::test

using warden::test::Report;
BOOST_TEST_GLOBAL_FIXTURE(Report);
