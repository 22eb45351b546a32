#define BOOST_TEST_MODULE warden_untrusted
#include <boost/test/unit_test.hpp>
#include <iostream>

#include "stranger.hpp"

namespace warden::test {

/// Prints what was tried, for the README's figures.
struct PrintFigures {
  ~PrintFigures() {
    const Figures& f = figures();
    std::cout << "figures: " << f.schemas << " hostile schemas, " << f.values << " odd values in job tables, "
              << f.corrupt << " corrupt databases (" << f.corrupt_errors << " statements refused, "
              << f.corrupt_results << " answered), " << f.filters << " hostile filters, " << f.environments
              << " hostile environments\n";
  }
};
BOOST_TEST_GLOBAL_FIXTURE(PrintFigures);

}  // namespace warden::test
