#define BOOST_TEST_MODULE warden_ext
#include <boost/test/unit_test.hpp>
