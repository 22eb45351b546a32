// The thread itself: its beginning and end, its signals, its sleep, fork(), and that it leaves nothing behind.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "fakes.hpp"

using warden::Action;
using warden::Event;
using warden::monotonic_ns;
using warden::Watchdog;
using warden::test::eventually;
using warden::test::FakeConnection;
using warden::test::Guarded;
using warden::test::kMiB;
using warden::test::Machine;

namespace {

/// The value of "Key:" in /proc/self/task/<tid>/status.
std::string status_of(const std::string& task, std::string_view key) {
  std::ifstream in("/proc/self/task/" + task + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return line.substr(line.find_first_not_of(" \t", key.size()));
  }
  return {};
}

/// Threads of this process that are named "warden".
std::vector<std::string> warden_tasks() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string task = entry.path().filename();
    if (status_of(task, "Name:") == "warden") found.push_back(task);
  }
  return found;
}

/// Open descriptors, and which of them are eventfds.
std::vector<int> descriptors(std::string_view kind = "") {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone);
    if (target.find(kind) != std::string::npos) found.push_back(std::stoi(entry.path().filename()));
  }
  return found;
}

struct Fixture {
  Machine machine;
  Guarded guarded{machine};
  Watchdog& watchdog = guarded.warden.watchdog();

  bool looks_again(bool urgent = true) {
    const auto before = watchdog.looks();
    watchdog.wake(urgent);
    return eventually([&] { return watchdog.looks() > before; });
  }
  /// Starts the thread, with a sleep that no test waits for.
  void start_sleeping() {
    guarded.connect();
    guarded.set("sample_interval_ms", "60000");
    BOOST_REQUIRE(eventually([&] { return watchdog.looks() > 0; }));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(watchdog_thread, Fixture)

BOOST_AUTO_TEST_CASE(starts_with_a_connection_and_obeys_the_setting) {
  BOOST_TEST(!watchdog.running());
  BOOST_TEST(watchdog.status() == "not started yet");
  guarded.set("dry_run", "0");
  BOOST_TEST(!watchdog.running());  // nobody to watch
  guarded.connect();
  for (int round = 0; round < 3; ++round) {
    guarded.set("watchdog", "1");
    BOOST_TEST(watchdog.ensure_running());
    BOOST_TEST(watchdog.status() == "the thread \"warden\" runs");
    BOOST_TEST(eventually([] { return warden_tasks().size() == 1; }));
    BOOST_TEST(looks_again());
    BOOST_TEST(eventually([&] { return watchdog.cpu_ns() > 0; }));
    guarded.set("watchdog", "0");
    BOOST_TEST(eventually([] { return warden_tasks().empty(); }));
    BOOST_TEST(!watchdog.running());
    BOOST_TEST(!watchdog.ensure_running());
    BOOST_TEST(watchdog.status() == "switched off by the setting watchdog");
    BOOST_TEST(watchdog.cpu_ns() == 0);
  }
}

BOOST_AUTO_TEST_CASE(switching_off_and_on_quickly_leaves_it_running) {
  guarded.connect();
  for (int round = 0; round < 500; ++round) {
    guarded.set("watchdog", "0");
    const std::int64_t until_ns =
        monotonic_ns() + round * 100;  // from at once to 50 us: all stages of its end
    while (monotonic_ns() < until_ns) {
    }
    guarded.set("watchdog", "1");
    BOOST_REQUIRE(watchdog.running());
    BOOST_REQUIRE(looks_again());
  }
}

BOOST_AUTO_TEST_CASE(stop_for_good_joins_and_nothing_starts_again) {
  start_sleeping();
  watchdog.stop_for_good();
  BOOST_TEST(eventually([] { return warden_tasks().empty(); }));
  BOOST_TEST(!watchdog.running());
  BOOST_TEST(!watchdog.ensure_running());
  BOOST_TEST(watchdog.status() == "the process is exiting");
  watchdog.stop_for_good();
  watchdog.wake(true);
}

BOOST_AUTO_TEST_CASE(releases_without_being_called) {
  guarded.set("idle_grace_ms", "0");
  const auto c = guarded.connect(40 * kMiB);
  BOOST_TEST(watchdog.ensure_running());
  BOOST_TEST(eventually([&] { return c->released() == 1; }));
  BOOST_TEST(guarded.engine.soft == 256 * kMiB);
}

namespace {
std::atomic<int> handled_by{0};
}

BOOST_AUTO_TEST_CASE(blocks_every_signal) {
  start_sleeping();
  BOOST_TEST(eventually([] { return warden_tasks().size() == 1; }));
  const std::string mask = status_of(warden_tasks().at(0), "SigBlk:");
  std::uint64_t blocked = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), blocked, 16);
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == SIGKILL || signal == SIGSTOP || signal == 32 || signal == 33)
      continue;  // not to be blocked, or libc's
    BOOST_TEST(((blocked >> (signal - 1)) & 1U) == 1U, "signal " << signal << " is not blocked");
  }
  // This thread is now the only one that could be interrupted. While it can't be, nobody is.
  sigset_t one;
  sigset_t before;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &one, &before);
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = [](int) { handled_by = ::gettid(); };
  ::sigaction(SIGUSR1, &action, &old);
  ::kill(::getpid(), SIGUSR1);
  for (int i = 0; i < 5; ++i) BOOST_TEST(looks_again());
  BOOST_TEST(handled_by == 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  BOOST_TEST(eventually([] { return handled_by != 0; }));
  BOOST_TEST(handled_by == ::gettid());
  ::sigaction(SIGUSR1, &old, nullptr);
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  BOOST_TEST(::sigismember(&now, SIGTERM) == 0);  // starting the thread left this one's mask alone
}

BOOST_AUTO_TEST_CASE(wake_ends_the_sleep_at_once_or_after_a_while) {
  start_sleeping();
  for (int i = 0; i < 20; ++i) BOOST_TEST(looks_again(true));
  BOOST_TEST(looks_again(false));
  // Unhurried wakes do not bring looks closer together than 50 ms, however many there are.
  const auto before = watchdog.looks();
  const std::int64_t began_ns = monotonic_ns();
  BOOST_TEST(eventually([&] {
    watchdog.wake(false);
    return watchdog.looks() >= before + 6;
  }));
  BOOST_TEST(monotonic_ns() - began_ns >= 200'000'000);
}

BOOST_AUTO_TEST_CASE(looks_come_closer_together_when_there_is_little_headroom) {
  const auto c = guarded.connect(kMiB);
  BOOST_TEST(watchdog.ensure_running());
  BOOST_TEST(eventually([&] { return watchdog.looks() >= 1; }));
  const auto time_for = [&](std::uint64_t looks) {
    const auto before = watchdog.looks();
    const std::int64_t began_ns = monotonic_ns();
    BOOST_TEST(eventually([&] { return watchdog.looks() >= before + looks; }, 60));
    return (monotonic_ns() - began_ns) / 1'000'000;
  };
  BOOST_TEST(time_for(2) >= 900);  // idle: one a second
  c->fill(190 * kMiB);
  c->begin();
  time_for(1);
  const std::int64_t hurried_ms = time_for(20);
  BOOST_TEST(hurried_ms >= 500);
  BOOST_TEST(hurried_ms < 15'000);  // 1 s on a machine with time to spare; 20 s if it were one a second
  c->end();
}

BOOST_AUTO_TEST_CASE(a_pressure_signal_ends_the_sleep_and_empties_idle_caches) {
  const std::string fifo = machine.tree.real("/pressure.fifo");
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  ::setenv("MEMORY_PRESSURE_WATCH", "/pressure.fifo", 1);  // below the warden's root
  start_sleeping();
  ::unsetenv("MEMORY_PRESSURE_WATCH");
  BOOST_TEST(watchdog.pressure_status() == "watches $MEMORY_PRESSURE_WATCH: /pressure.fifo");
  const auto c = guarded.connect(2 * kMiB);
  BOOST_TEST(looks_again());
  BOOST_TEST(c->released() == 0);
  std::ofstream(fifo) << "x" << std::flush;
  BOOST_TEST(eventually([&] { return c->released() == 1; }));
  BOOST_TEST(guarded.events(Action::release).front().reason.view() == "pressure");
}

BOOST_AUTO_TEST_CASE(fifty_starts_and_stops_leave_no_descriptor_open) {
  const std::string fifo = machine.tree.real("/pressure.fifo");
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  ::setenv("MEMORY_PRESSURE_WATCH", "/pressure.fifo", 1);
  guarded.connect();
  std::size_t before = 0;
  for (int round = 0; round <= 50; ++round) {
    guarded.set("watchdog", "1");
    BOOST_REQUIRE(looks_again());
    BOOST_TEST(descriptors("pressure.fifo").size() == 1U);
    guarded.set("watchdog", "0");
    BOOST_REQUIRE(eventually([] { return warden_tasks().empty(); }));
    if (round == 0) before = descriptors().size();
  }
  ::unsetenv("MEMORY_PRESSURE_WATCH");
  BOOST_TEST(descriptors().size() == before);
  BOOST_TEST(descriptors("pressure.fifo").empty());
}

#ifndef __SANITIZE_THREAD__  // which can't follow a child that starts threads

/// Runs `steps` in a child; 0, or what it returned, or 100 + the signal that ended it.
int in_child(const std::function<int()>& steps) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(120);
    ::_exit(steps());
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return 99;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/// What a forked child must find, and the parent still have. 0, or the number of the first thing that was wrong.
int fork_steps(warden::Warden& warden, const std::function<pid_t()>& forked) {
  Watchdog& thread = warden.watchdog();
  const auto looks_again = [&] {
    const auto before = thread.looks();
    thread.wake(true);
    return eventually([&] { return thread.looks() > before; });
  };
  warden.registry.add(std::make_shared<FakeConnection>(warden.registry.next_id()));
  if (!thread.ensure_running() || !looks_again()) return 1;
  const pid_t child = forked();
  if (child == 0) {
    ::alarm(60);
    if (thread.running() || !warden_tasks().empty()) ::_exit(2);
    if (!descriptors("pressure").empty()) ::_exit(3);
    if (thread.cpu_ns() != 0 || thread.status() != "not started yet") ::_exit(4);
    if (!thread.ensure_running() || !looks_again()) ::_exit(5);
    if (!eventually([] { return warden_tasks().size() == 1; })) ::_exit(6);
    thread.stop_for_good();
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 7;
  if (WEXITSTATUS(status) != 0) return 10 + WEXITSTATUS(status);
  if (!thread.running() || warden_tasks().size() != 1) return 8;
  if (!looks_again()) return 9;
  // Forks in the midst of looks: the child must find every lock free.
  warden.settings.set("sample_interval_ms", "1");
  warden.settings_changed();
  for (int i = 0; i < 30; ++i) {
    const pid_t quick = forked();
    if (quick == 0) {
      ::alarm(20);
      warden.settings.set("events", "7");
      warden.settings_changed();
      warden.journal.record(Event{});
      warden.read_system();
      thread.tick();
      ::_exit(thread.pressure_status().empty() ? 1 : 0);
    }
    if (::waitpid(quick, &status, 0) != quick || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return 20;
  }
  thread.stop_for_good();
  return 0;
}

BOOST_AUTO_TEST_CASE(a_forked_child_has_no_thread_and_can_start_one_while_the_parents_goes_on) {
  BOOST_TEST(in_child([&] {
               return fork_steps(guarded.warden, [&] {
                 guarded.warden.before_fork();
                 const pid_t child = ::fork();
                 guarded.warden.after_fork(child == 0);
                 return child;
               });
             }) == 0);
}

BOOST_AUTO_TEST_CASE(the_processs_own_warden_sees_every_fork) {
  BOOST_TEST(in_child([] { return fork_steps(warden::Warden::instance(), [] { return ::fork(); }); }) == 0);
}

#endif

BOOST_AUTO_TEST_CASE(looks_settings_and_connections_go_on_at_the_same_time) {
  guarded.set("idle_grace_ms", "0");
  guarded.set("sample_interval_ms", "1");
  std::atomic<bool> stop{false};
  std::vector<std::thread> hosts;
  for (int i = 0; i < 2; ++i) {
    hosts.emplace_back([&] {
      while (!stop) {
        const auto c = guarded.connect();
        watchdog.ensure_running();
        for (int statement = 0; statement < 50; ++statement) {
          c->begin();
          c->fill(kMiB);
          c->end();
          watchdog.wake(statement % 10 == 0);
        }
        guarded.warden.registry.remove(c->id);
        c->try_release();
        --guarded.engine.connections;
      }
    });
  }
  const auto before = watchdog.looks();
  int round = 0;
  BOOST_TEST(eventually(
      [&] {
        guarded.set("watchdog", round % 5 == 0 ? "0" : "1");
        guarded.set("events", std::to_string(1 + round % 7));
        machine.set_limit((512 + round % 2 * 512) * kMiB);
        watchdog.tick();
        guarded.warden.relocate();
        (void)watchdog.status();
        (void)watchdog.pressure_status();
        (void)watchdog.cpu_ns();
        return ++round >= 300 && watchdog.looks() > before + 300;
      },
      120));
  stop = true;
  for (std::thread& host : hosts) host.join();
  watchdog.stop_for_good();
  BOOST_TEST(guarded.warden.registry.size() == 0U);
  BOOST_TEST(guarded.engine.used == 0);
}

BOOST_AUTO_TEST_SUITE_END()
