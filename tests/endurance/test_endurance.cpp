// Random load for as long as TEST_SECONDS says: memory stays flat, no descriptor is lost, no deadline missed. Before
// that what is to be found is planted, and found.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "run.hpp"

namespace warden::test {
namespace {

constexpr double kPlantedSeconds = 2;

double seconds_given() {
  const char* given = std::getenv("TEST_SECONDS");
  return given == nullptr ? 4 : std::max(1.0, std::atof(given));
}

unsigned seed_given() {
  const char* given = std::getenv("TEST_SEED");
  return given == nullptr ? 1 : static_cast<unsigned>(std::atoi(given));
}

/// Whether a run in which that is planted finds just a problem whose text holds `found`, among others perhaps.
bool finds(Plant plant, const std::string& found) {
  return in_child([&] {
           Outcome outcome;
           run({kPlantedSeconds, plant, 200, seed_given()}, outcome);
           for (const std::string& problem : outcome.problems) {
             if (problem.find(found) != std::string::npos) return 0;
           }
           for (const std::string& problem : outcome.problems)
             std::fprintf(stderr, "found instead: %s\n", problem.c_str());
           return 1;
         }) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(endurance)

BOOST_AUTO_TEST_CASE(a_planted_leak_of_memory_is_found) {
  if (kMemoryTells) {
    BOOST_TEST(finds(Plant::memory, "resident memory grew by"));
  } else {
    BOOST_TEST_MESSAGE("skipped: a sanitizer's allocator does not tell");
  }
}

BOOST_AUTO_TEST_CASE(a_planted_leak_of_descriptors_is_found) {
  BOOST_TEST(finds(Plant::descriptor, "descriptors: "));
}

BOOST_AUTO_TEST_CASE(planted_missed_deadlines_are_found) {
  BOOST_TEST(finds(Plant::deadline, "deadlines were missed"));
}

BOOST_AUTO_TEST_CASE(under_random_load_memory_is_flat_no_descriptor_is_lost_and_no_deadline_missed) {
  Outcome outcome;
  RunOptions options;
  options.seconds = seconds_given();
  options.seed = seed_given();
  run(options, outcome);
  print(outcome, options.seconds);
  for (const std::string& problem : outcome.problems) BOOST_ERROR(problem);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
