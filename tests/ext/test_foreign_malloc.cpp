// Hosts that bring a malloc of their own: the sqlite3 CLI with one preloaded.
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <string>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which are such a malloc themselves

namespace warden::test {
namespace {

/// What the CLI prints, on both of its outputs, with warden and this malloc.
std::string printed(const std::string& library, const std::string& sql) {
  const std::string command =
      "LD_PRELOAD='" + library + "' sqlite3 -batch -cmd '.load " WARDEN_SO "' :memory: \"" + sql + "\" 2>&1";
  FILE* pipe = ::popen(command.c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  BOOST_TEST(::pclose(pipe) == 0);
  return text;
}

const std::string kCheck =
    "SELECT status || ': ' || detail, advice FROM warden_checks WHERE [check] = 'trim'; ";

}  // namespace

BOOST_AUTO_TEST_SUITE(foreign_malloc)

BOOST_AUTO_TEST_CASE(each_is_recognised_and_asked_in_its_own_words) {
  struct Foreign {
    const char* library;
    const char* name;
    const char* asked;
  };
  for (const Foreign& one :
       {Foreign{WARDEN_LIKE_JEMALLOC, "jemalloc", "mallctl arena.4096.purge\n"},
        Foreign{WARDEN_LIKE_MIMALLOC, "mimalloc", "mi_collect by force\n"},
        Foreign{WARDEN_LIKE_TCMALLOC, "tcmalloc", "MallocExtension_ReleaseFreeMemory\n"}}) {
    const std::string says = std::string("the allocator is ") + one.name;
    // Nothing tells when it holds much back: so it is asked by the host, or always.
    const std::string asked = printed(one.library, kCheck + "SELECT 'then', warden_trim() IS NOT NULL");
    BOOST_TEST(asked.find("limited: " + says +
                          ", which doesn't tell what it holds back: trim = 'always' "
                          "trims it|warden_set('trim', 'always')\n") != std::string::npos);
    BOOST_TEST(asked.find("then|1\n") != std::string::npos);
    BOOST_TEST(asked.find(one.asked) != std::string::npos);
    BOOST_TEST(asked.find("malloc_trim") == std::string::npos);
    const std::string always = printed(one.library, "SELECT warden_set('trim', 'always'); " + kCheck);
    BOOST_TEST(always.find("ok: " + says + ", and trimmed at each interval|\n") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(one_without_such_a_function_is_left_alone) {
  const std::string text = printed(WARDEN_LIKE_NONE, "SELECT warden_set('trim', 'always'); " + kCheck +
                                                         "SELECT 'then', warden_trim() IS NOT NULL");
  BOOST_TEST(text.find("limited: the allocator is other, which warden can't trim|\n") != std::string::npos);
  BOOST_TEST(text.find("then|1\n") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test

#endif
