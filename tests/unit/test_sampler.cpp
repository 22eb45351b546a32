// Readings from fixture trees, and the reading of files below a root.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "../../watchdog/sampler.hpp"
#include "file_tree.hpp"

using warden::Files;
using warden::ProcessReading;
using warden::Sampler;
using warden::SystemReading;
using warden::test::FileTree;

namespace {

std::int64_t page_bytes() { return ::sysconf(_SC_PAGESIZE); }

/// A small machine: 8 GB, one v2 group limited to 2 GiB.
struct Fixture {
  FileTree tree;

  Fixture() {
    tree.write("/proc/self/statm", "5000 1200 300 10 0 900 0\n");
    tree.write("/proc/meminfo",
               "MemTotal:        8000000 kB\nMemFree:         1000000 kB\nMemAvailable:    3000000 kB\n");
    tree.write("/proc/self/cgroup", "0::/app\n");
    tree.write("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    tree.write("/proc/pressure/memory", psi("7.50"));
    tree.write("/sys/fs/cgroup/app/cgroup.procs", "");
    tree.write("/sys/fs/cgroup/app/memory.max", "2147483648\n");
    tree.write("/sys/fs/cgroup/app/memory.high", "max\n");
    tree.write("/sys/fs/cgroup/app/memory.current", "1000000\n");
    tree.write("/sys/fs/cgroup/app/memory.pressure", psi("12.25"));
  }

  static std::string psi(const std::string& some) {
    return "some avg10=" + some +
           " avg60=0.00 avg300=0.00 total=5\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=1\n";
  }
  SystemReading read() const { return Sampler(Files(tree.root())).read(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sampler, Fixture)

BOOST_AUTO_TEST_CASE(every_number_is_read_in_bytes) {
  const SystemReading reading = read();
  BOOST_TEST(reading.rss_bytes.value() == 1200 * page_bytes());
  BOOST_TEST(reading.rss_file_bytes.value() == 300 * page_bytes());
  BOOST_TEST(reading.rss_anonymous_bytes.value() == 900 * page_bytes());
  BOOST_TEST(reading.physical_bytes.value() == 8000000LL * 1024);
  BOOST_TEST(reading.available_bytes.value() == 3000000LL * 1024);
  BOOST_TEST(reading.cgroup_limit_bytes.value() == 2147483648);
  BOOST_TEST(reading.cgroup_current_bytes.value() == 1000000);
  BOOST_TEST(reading.pressure_ratio.value() == 0.1225, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(memory_limit_is_the_smaller_of_machine_and_cgroup) {
  BOOST_TEST(read().memory_limit_bytes == 2147483648);
  tree.write("/sys/fs/cgroup/app/memory.max", "99000000000\n");
  BOOST_TEST(read().memory_limit_bytes == 8000000LL * 1024);
  tree.remove("/proc/meminfo");
  BOOST_TEST(read().memory_limit_bytes == 99000000000);
  tree.remove("/sys");
  BOOST_TEST(read().memory_limit_bytes == 0);
}

BOOST_AUTO_TEST_CASE(pressure_is_the_cgroups_and_otherwise_the_systems) {
  tree.remove("/sys/fs/cgroup/app/memory.pressure");
  BOOST_TEST(read().pressure_ratio.value() == 0.075, boost::test_tools::tolerance(1e-9));
  tree.write("/sys/fs/cgroup/app/memory.pressure", "garbage");
  BOOST_TEST(read().pressure_ratio.value() == 0.075, boost::test_tools::tolerance(1e-9));
  tree.remove("/proc/pressure/memory");
  BOOST_TEST(!read().pressure_ratio.has_value());
}

BOOST_AUTO_TEST_CASE(without_proc_everything_is_empty) {
  tree.remove("/proc");
  tree.remove("/sys");
  const SystemReading reading = read();
  BOOST_TEST(!reading.rss_bytes.has_value());
  BOOST_TEST(!reading.rss_anonymous_bytes.has_value());
  BOOST_TEST(!reading.rss_file_bytes.has_value());
  BOOST_TEST(!reading.physical_bytes.has_value());
  BOOST_TEST(!reading.available_bytes.has_value());
  BOOST_TEST(!reading.cgroup_limit_bytes.has_value());
  BOOST_TEST(!reading.cgroup_current_bytes.has_value());
  BOOST_TEST(!reading.pressure_ratio.has_value());
  BOOST_TEST(reading.memory_limit_bytes == 0);
}

BOOST_AUTO_TEST_CASE(garbage_in_statm_and_meminfo_is_empty_not_zero) {
  for (const char* text :
       {"", "\n", "5000\n", "5000 1200\n", "a b c\n", "1 9223372036854775807 1\n", "1 -2 3\n"}) {
    tree.write("/proc/self/statm", text);
    BOOST_TEST_CONTEXT("statm '" << text << "'") { BOOST_TEST(!read().rss_bytes.has_value()); }
  }
  for (const char* text : {"", "MemTotal:\n", "MemTotal: many kB\n", "XMemTotal: 5 kB\n",
                           "MemTotal: 9223372036854775807 kB\n"}) {
    tree.write("/proc/meminfo", text);
    BOOST_TEST_CONTEXT("meminfo '" << text << "'") { BOOST_TEST(!read().physical_bytes.has_value()); }
  }
}

BOOST_AUTO_TEST_CASE(shared_ahead_of_resident_does_not_go_below_zero) {
  tree.write("/proc/self/statm", "5000 100 130 10 0 900 0\n");
  BOOST_TEST(read().rss_anonymous_bytes.value() == 0);
  BOOST_TEST(read().rss_file_bytes.value() == 100 * page_bytes());
}

BOOST_AUTO_TEST_CASE(relocating_finds_a_moved_process) {
  Sampler sampler{Files(tree.root())};
  tree.write("/proc/self/cgroup", "0::/other\n");
  tree.write("/sys/fs/cgroup/other/memory.max", "5000000\n");
  BOOST_TEST(sampler.read().cgroup_limit_bytes.value() == 2147483648);
  BOOST_TEST(sampler.relocate());
  BOOST_TEST(sampler.read().cgroup_limit_bytes.value() == 5000000);
}

BOOST_AUTO_TEST_CASE(real_process_grows_by_what_it_touches) {
  const Sampler sampler{Files()};
  const ProcessReading before = sampler.read_process();
  constexpr std::size_t kTouched = std::size_t{64} << 20;
  char* const volatile block = static_cast<char*>(std::malloc(kTouched));
  std::memset(block, 1, kTouched);
  const ProcessReading after = sampler.read_process();
  const std::int64_t grown = after.rss_anonymous_bytes.value() - before.rss_anonymous_bytes.value();
  BOOST_TEST(grown > static_cast<std::int64_t>(kTouched) * 9 / 10);
  BOOST_TEST(after.rss_bytes.value() == after.rss_anonymous_bytes.value() + after.rss_file_bytes.value());
  BOOST_TEST(sampler.read().memory_limit_bytes > 0);
  std::free(block);
}

BOOST_AUTO_TEST_CASE(files_are_cut_at_the_buffer_and_missing_ones_are_told) {
  const Files files(tree.root());
  tree.write("/text", "0123456789");
  std::array<char, 4> small{};
  std::size_t length = 99;
  BOOST_TEST(files.read("/text", small, length));
  BOOST_TEST(std::string_view(small.data(), length) == "0123");
  BOOST_TEST(!files.read("/absent", small, length));
  BOOST_TEST(length == 0U);
  BOOST_TEST(!files.read("/proc", small, length));  // a directory opens, but does not read
  BOOST_TEST(!files.read(("/" + std::string(5000, 'x')).c_str(), small, length));
  tree.write("/empty", "");
  BOOST_TEST(files.read("/empty", small, length));
  BOOST_TEST(length == 0U);
  BOOST_TEST(files.read_all("/text") == "0123456789");
  BOOST_TEST(files.read_all("/text", 5) == "01234");
  BOOST_TEST(files.exists("/text"));
  BOOST_TEST(!files.exists("/absent"));
}

BOOST_AUTO_TEST_CASE(fifo_in_the_place_of_a_file_does_not_block) {
  tree.remove("/proc/self/statm");
  BOOST_REQUIRE(::mkfifo(tree.real("/proc/self/statm").c_str(), 0600) == 0);
  BOOST_TEST(!read().rss_bytes.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
