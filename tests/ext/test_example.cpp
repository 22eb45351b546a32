// The extension of ext/README.md: it builds, loads and works, and the README shows the very file.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "sqlite_under_test.hpp"

using warden::test::Database;

namespace {

std::string file(const std::string& path) {
  std::ifstream in(std::string(WARDEN_SOURCE_DIR "/") + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Example {
  Database db;
  std::string loaded = load();

  std::string load() {
    ::setenv("EXAMPLE_COLOUR", "blue", 1);
    ::setenv("EXAMPLE_SHAPE", "round=ish", 1);
    sqlite3_enable_load_extension(db.handle(), 1);
    char* message = nullptr;
    sqlite3_load_extension(db.handle(), EXAMPLE_SO, "sqlite3_environment_init", &message);
    const std::string text = message == nullptr ? "" : message;
    sqlite3_free(message);
    return text;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(example, Example)

BOOST_AUTO_TEST_CASE(it_loads_and_answers) {
  BOOST_TEST(loaded == "");
  BOOST_TEST(db.query("SELECT * FROM environment('EXAMPLE_') ORDER BY name") ==
             "EXAMPLE_COLOUR|blue, EXAMPLE_SHAPE|round=ish");
  BOOST_TEST(db.query("SELECT value FROM environment WHERE name = 'EXAMPLE_COLOUR'") == "blue");
  BOOST_TEST(db.query("SELECT env('EXAMPLE_COLOUR'), env('EXAMPLE_NONE'), env('EXAMPLE_NONE', 'x')") ==
             "blue|NULL|x");
}

BOOST_AUTO_TEST_CASE(it_gives_the_errors_of_the_readme) {
  BOOST_TEST(db.query("SELECT * FROM environment(5)") ==
             "error 1: environment: argument \"prefix\" must be text, not integer");
  BOOST_TEST(db.query("SELECT env(5)") == "error 1: env: name must be text, not integer");
  BOOST_TEST(db.query("SELECT env('')") == "error 1: env: name must not be empty");
}

BOOST_AUTO_TEST_CASE(the_readme_shows_this_very_file) {
  const std::string source = file("tests/ext/example_extension.cpp");
  const std::size_t code = source.find("#include");
  BOOST_REQUIRE(code != std::string::npos);
  BOOST_TEST((file("ext/README.md").find(source.substr(code)) != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
