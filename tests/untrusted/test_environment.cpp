// An environment from a stranger: odd settings, odd things to watch, and programs with more rights than who starts them. Each in
// a process of its own, begun anew, since the environment is read when warden is first loaded.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>

#include "stranger.hpp"

namespace warden::test {
namespace {

/// What a process prints that loads warden in this environment and runs the SQL; "" where it does not end well in a minute.
/// `setuid`: as if another user had started it.
std::string in_environment(const std::vector<std::string>& variables, const std::string& sql,
                           bool setuid = false) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<std::string> all(variables);
  all.push_back("PROBE_SQL=" + sql);
  all.push_back("ASAN_OPTIONS=detect_leaks=0");
  if (const char* path = std::getenv("LD_LIBRARY_PATH"))
    all.push_back(std::string("LD_LIBRARY_PATH=") + path);
  std::vector<char*> environment;
  for (std::string& variable : all) environment.push_back(variable.data());
  environment.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    // Another real user than the effective one: what executing a setuid program comes to.
    if (setuid && ::setresuid(65534, 0, 0) != 0) ::_exit(98);
    ::execle("/proc/self/exe", "probe", "--run_test=untrusted_environment/probe", "--color_output=no",
             nullptr, environment.data());
    ::_exit(97);
  }
  ::close(ends[1]);
  std::string printed;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof(buffer))) > 0;)
    printed.append(buffer, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ++figures().environments;
  std::string rows;
  for (std::size_t at = printed.find("\n> "); at != std::string::npos; at = printed.find("\n> ", at + 1))
    rows += printed.substr(at + 3, printed.find('\n', at + 1) - at - 2);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return "ended with " + std::to_string(status) + ": " + printed;
  return rows;
}

const std::string kAsked =
    "SELECT value, source FROM warden_settings WHERE name IN ('memory_budget', 'show_sql', "
    "'statement_timeout_ms') ORDER BY name";

}  // namespace

BOOST_AUTO_TEST_SUITE(untrusted_environment)

/// Not a test: what the new process runs.
BOOST_AUTO_TEST_CASE(probe, *boost::unit_test::disabled()) {
  const Db db = std::move(Db().load());
  // The thread has looked at what it was told to watch.
  BOOST_TEST(
      eventually([&] { return db.number("SELECT json_extract(warden_debug(), '$.watchdog_looks')") > 0; }));
  for (const std::string& row : db.rows(std::getenv("PROBE_SQL"))) std::printf("\n> %s\n", row.c_str());
  std::fflush(nullptr);
}

BOOST_AUTO_TEST_CASE(settings_come_from_the_environment) {
  BOOST_TEST(in_environment({"WARDEN_MEMORY_BUDGET=77MiB", "WARDEN_SHOW_SQL=full"}, kAsked) ==
             "77MiB|environment\nfull|environment\n0|default\n");
}

BOOST_AUTO_TEST_CASE(a_program_with_more_rights_than_its_user_takes_nothing_from_the_environment) {
  if (::getuid() != 0) {
    BOOST_TEST_MESSAGE("not tried: only root can start a program as another user");
    return;
  }
  const std::vector<std::string> hostile{"WARDEN_MEMORY_BUDGET=77MiB", "WARDEN_SHOW_SQL=full",
                                         "WARDEN_STATEMENT_TIMEOUT_MS=1",
                                         "MEMORY_PRESSURE_WATCH=/nowhere/at/all"};
  BOOST_TEST(in_environment(hostile, kAsked, true) == "25%|default\nnormalized|default\n0|default\n");
  const std::string checks = "SELECT group_concat(detail) FROM warden_checks";
  // Who has no more rights is told: asked without the timeout of 1 ms, which the question might not keep.
  const std::vector<std::string> watched{hostile.back()};
  BOOST_TEST(in_environment(watched, checks).find("MEMORY_PRESSURE_WATCH refused") != std::string::npos);
  BOOST_TEST(in_environment(hostile, checks, true).find("MEMORY_PRESSURE_WATCH") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(odd_values_are_told_and_leave_the_defaults) {
  for (const std::string& value :
       {std::string(), std::string("\xff\xfe"), std::string("12'; --"), std::string(100'000, '9'),
        std::string(100'000, 'x'), std::string("-5"), std::string("1e99"), std::string("0x10"),
        std::string("99999999999999999999TB"), std::string("NaN%")}) {
    BOOST_TEST_CONTEXT(value.substr(0, 32)) {
      BOOST_TEST(in_environment({"WARDEN_MEMORY_BUDGET=" + value, "WARDEN_SHOW_SQL=" + value,
                                 "WARDEN_STATEMENT_TIMEOUT_MS=" + value},
                                kAsked) == "25%|default\nnormalized|default\n0|default\n");
      const std::string told = in_environment({"WARDEN_MEMORY_BUDGET=" + value},
                                              "SELECT detail FROM warden_checks WHERE \"check\" LIKE "
                                              "'%environment%' OR detail LIKE '%WARDEN_MEMORY_BUDGET%'");
      BOOST_TEST(told.find("WARDEN_MEMORY_BUDGET") != std::string::npos, told);
      BOOST_TEST(told.size() < 2'000);
    }
  }
  std::vector<std::string> very_many;
  for (int i = 0; i < 2'000; ++i)
    very_many.push_back("WARDEN_" + std::to_string(i) + std::string(20, 'x') + "=1");
  BOOST_TEST(in_environment(very_many, "SELECT 1") == "1\n");
  BOOST_TEST(in_environment({"WARDEN_", "WARDEN_=", "=WARDEN", "WARDEN_MEMORY_BUDGET",
                             "MEMORY_PRESSURE_WRITE=!!!", "MEMORY_PRESSURE_WATCH=/proc/pressure/memory"},
                            "SELECT 1") == "1\n");
}

BOOST_AUTO_TEST_CASE(nothing_that_can_be_watched_stops_the_host) {
  const TempDir dir;
  const auto path = [&](const std::string& name) { return dir.file(name); };
  BOOST_TEST(::mkfifo(path("fifo").c_str(), 0600) == 0);
  BOOST_TEST(::symlink(path("loop").c_str(), path("loop").c_str()) == 0);
  BOOST_TEST(::symlink(path("fifo").c_str(), path("to_fifo").c_str()) == 0);
  BOOST_TEST(::symlink("/dev/zero", path("to_zero").c_str()) == 0);
  std::ofstream(path("precious")) << "keep me";
  std::ofstream(path("huge")) << "x";
  BOOST_TEST(::truncate(path("huge").c_str(), off_t{1} << 40) == 0);
  const int full = ::open(path("fifo").c_str(), O_RDWR | O_NONBLOCK);  // a FIFO that takes nothing more
  const std::string chunk(65536, 'x');
  while (::write(full, chunk.data(), chunk.size()) > 0) {
  }
  for (const std::string& what : {path("fifo"),
                                  path("to_fifo"),
                                  path("loop"),
                                  path("to_zero"),
                                  path("precious"),
                                  path("huge"),
                                  path("nothing"),
                                  std::string("/"),
                                  std::string("/dev/full"),
                                  std::string("/dev/zero"),
                                  std::string("/dev/tty"),
                                  std::string("/dev/random"),
                                  std::string("/proc/self/mem"),
                                  std::string("/proc/kmsg"),
                                  std::string("/proc/self/environ"),
                                  std::string("relative"),
                                  std::string("\xff\xfe"),
                                  std::string(100'000, '/'),
                                  std::string("/") + std::string(5'000, 'x'),
                                  std::string()}) {
    for (const char* write : {"", "MEMORY_PRESSURE_WRITE=c29tZSAyMDAwMDAgMjAwMDAwMAA="}) {
      BOOST_TEST(in_environment({"MEMORY_PRESSURE_WATCH=" + what, write}, "SELECT 1") == "1\n",
                 what.substr(0, 40));
    }
  }
  ::close(full);
  std::string kept;
  std::getline(std::ifstream(path("precious")), kept);
  BOOST_TEST(kept == "keep me");
  struct stat about {};
  BOOST_TEST(::stat(path("huge").c_str(), &about) == 0);
  BOOST_TEST(about.st_size == off_t{1} << 40);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
