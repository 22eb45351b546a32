#define BOOST_TEST_MODULE warden_unit
#include <boost/test/unit_test.hpp>
