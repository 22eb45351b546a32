#define BOOST_TEST_MODULE warden_races
#include <boost/test/unit_test.hpp>
#include <cstdio>

#include "figures.hpp"

namespace warden::test {
namespace {

/// The line that the program ends with.
struct TellsFigures {
  ~TellsFigures() {
    const auto n = [](const std::atomic<std::int64_t>& figure) {
      return static_cast<long long>(figure.load());
    };
    std::printf(
        "figures: %lld rounds of storms, %lld connections opened, %lld statements (%lld found a lock, %lld "
        "were "
        "interrupted), %lld cancelled by name, %lld releases, %lld changes of settings, %lld interleavings "
        "(%lld of the statistics of statements, %lld of the start and end of "
        "threads)\n",
        n(figures.rounds), n(figures.connections), n(figures.statements), n(figures.refused),
        n(figures.interrupted), n(figures.cancels), n(figures.releases), n(figures.settings),
        n(figures.interleavings), n(figures.of_statements), n(figures.of_workers));
  }
};

BOOST_GLOBAL_FIXTURE(TellsFigures);

}  // namespace
}  // namespace warden::test
