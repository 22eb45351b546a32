// Finding the memory cgroup and its limits in trees as hosts, containers and hybrid systems have them.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <string>

#include "../../watchdog/cgroup.hpp"
#include "../../watchdog/warden.hpp"
#include "file_tree.hpp"

using warden::Cgroup;
using warden::Files;
using warden::test::FileTree;

namespace {

std::optional<std::int64_t> limit_of(const Cgroup& cgroup, const Files& files) {
  int ignored = 0;
  return cgroup.limit_bytes(files, ignored);
}

constexpr std::int64_t kMegabyte = 1'000'000;
constexpr std::int64_t kNone = -1;

/// A tree and what Cgroup makes of it.
struct Fixture {
  FileTree tree;

  void self(const char* cgroup, const std::string& mountinfo) const {
    tree.write("/proc/self/cgroup", cgroup);
    tree.write("/proc/self/mountinfo",
               "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n" + mountinfo);
  }

  /// A v2 group with its files; a limit of "" leaves the file out.
  void group(const std::string& directory, const char* max, const char* high,
             const char* current = "") const {
    tree.write(directory + "/cgroup.procs", "");
    if (*max != '\0') tree.write(directory + "/memory.max", max);
    if (*high != '\0') tree.write(directory + "/memory.high", high);
    if (*current != '\0') tree.write(directory + "/memory.current", current);
  }

  Cgroup locate() const {
    Cgroup cgroup;
    cgroup.locate(Files(tree.root()));
    return cgroup;
  }
  std::int64_t limit() const { return limit_of(locate(), Files(tree.root())).value_or(kNone); }
  std::int64_t current() const { return locate().current_bytes(Files(tree.root())).value_or(kNone); }
};

const char* const kV2Mount = "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const char* const kV1Mount =
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
const char* const kUnifiedMount = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cgroup, Fixture)

BOOST_AUTO_TEST_CASE(own_group_of_v2_is_found_and_read) {
  self("0::/system.slice/app.service\n", kV2Mount);
  group("/sys/fs/cgroup", "", "");
  group("/sys/fs/cgroup/system.slice", "max\n", "max\n", "900000000\n");
  group("/sys/fs/cgroup/system.slice/app.service", "500000000\n", "max\n", "123000000\n");
  tree.write("/sys/fs/cgroup/system.slice/app.service/memory.pressure", "");
  const Cgroup found = locate();
  BOOST_TEST(found.version() == 2);
  BOOST_TEST(found.directory() == "/sys/fs/cgroup/system.slice/app.service");
  BOOST_TEST(found.pressure_path() == "/sys/fs/cgroup/system.slice/app.service/memory.pressure");
  BOOST_TEST(limit() == 500 * kMegabyte);
  BOOST_TEST(current() == 123 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(smallest_limit_of_all_ancestors_wins) {
  self("0::/a/b/c\n", kV2Mount);
  group("/sys/fs/cgroup", "", "");
  group("/sys/fs/cgroup/a", "300000000\n", "max\n");
  group("/sys/fs/cgroup/a/b", "max\n", "max\n");
  group("/sys/fs/cgroup/a/b/c", "800000000\n", "700000000\n");
  BOOST_TEST(limit() == 300 * kMegabyte);
  BOOST_TEST(locate().pressure_path() == "");  // none of the groups has the file
  tree.write("/sys/fs/cgroup/a/b/memory.max", "200000000\n");
  BOOST_TEST(limit() == 200 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(memory_high_counts_as_a_limit) {
  self("0::/a\n", kV2Mount);
  group("/sys/fs/cgroup/a", "800000000\n", "600000000\n");
  BOOST_TEST(limit() == 600 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(limit_is_read_anew_each_time_without_locating) {
  self("0::/a\n", kV2Mount);
  group("/sys/fs/cgroup/a", "800000000\n", "max\n");
  const Cgroup found = locate();
  const Files files(tree.root());
  tree.write("/sys/fs/cgroup/a/memory.max", "400000000\n");
  BOOST_TEST(limit_of(found, files).value_or(kNone) == 400 * kMegabyte);
  tree.remove("/sys/fs/cgroup/a");
  BOOST_TEST(!limit_of(found, files).has_value());
  BOOST_TEST(!found.current_bytes(files).has_value());
}

BOOST_AUTO_TEST_CASE(max_garbage_empty_and_zero_are_no_limit) {
  self("0::/a\n", kV2Mount);
  for (const char* text : {"max\n", "", "\n", "garbage\n", "12x\n", "1.5\n", "-5\n", "0\n",
                           "99999999999999999999\n", "18446744073709551621\n"}) {
    group("/sys/fs/cgroup/a", "700000000\n", "max\n");
    tree.write("/sys/fs/cgroup/a/memory.high", text);
    BOOST_TEST_CONTEXT("memory.high is '" << text << "'") { BOOST_TEST(limit() == 700 * kMegabyte); }
    tree.write("/sys/fs/cgroup/a/memory.max", text);
    BOOST_TEST_CONTEXT("both are '" << text << "'") { BOOST_TEST(limit() == kNone); }
  }
}

BOOST_AUTO_TEST_CASE(v1_group_and_its_ancestors_are_read) {
  self("9:name=systemd:/\n4:cpu,memory:/pool/job\n0::/\n", std::string(kV1Mount) + kUnifiedMount);
  for (const char* at : {"", "/pool", "/pool/job"}) {
    const std::string directory = "/sys/fs/cgroup/memory" + std::string(at);
    tree.write(directory + "/cgroup.procs", "");
    tree.write(directory + "/memory.limit_in_bytes", "9223372036854771712\n");
    tree.write(directory + "/memory.usage_in_bytes", "77000000\n");
  }
  BOOST_TEST(locate().version() == 1);
  BOOST_TEST(limit() == kNone);  // LONG_MAX rounded to a page: none
  BOOST_TEST(current() == 77 * kMegabyte);
  tree.write("/sys/fs/cgroup/memory/pool/memory.limit_in_bytes", "250000000\n");
  BOOST_TEST(limit() == 250 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(v1_limits_with_other_page_sizes_are_none) {
  self("4:memory:/\n", kV1Mount);
  for (const char* text : {"9223372036854710272\n", "9223372036854775807\n", "18446744073709551615\n"}) {
    tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", text);
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(limit() == kNone); }
  }
  tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4611686018427387903\n");  // 2^62 - 1
  BOOST_TEST(limit() == 4611686018427387903);
}

BOOST_AUTO_TEST_CASE(hybrid_takes_memory_from_v1_and_pressure_from_v2) {
  self("4:memory:/job\n0::/job\n", std::string(kV1Mount) + kUnifiedMount);
  tree.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "100000000\n");
  group("/sys/fs/cgroup/unified/job", "50000000\n", "");  // no kernel has this; it proves which tree is read
  tree.write("/sys/fs/cgroup/unified/job/memory.pressure", "");
  BOOST_TEST(limit() == 100 * kMegabyte);
  BOOST_TEST(locate().pressure_path() == "/sys/fs/cgroup/unified/job/memory.pressure");
}

BOOST_AUTO_TEST_CASE(v1_without_memory_controller_means_v2_has_it) {
  self("3:pids:/x\n1:name=systemd:/x\n0::/x\n", kUnifiedMount);
  group("/sys/fs/cgroup/unified/x", "60000000\n", "max\n");
  BOOST_TEST(locate().version() == 2);
  BOOST_TEST(limit() == 60 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(container_with_own_namespace_reads_the_mount_point) {
  self("0::/\n", kV2Mount);
  group("/sys/fs/cgroup", "70000000\n", "max\n", "5000000\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup");
  BOOST_TEST(limit() == 70 * kMegabyte);
  BOOST_TEST(current() == 5 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(container_with_the_hosts_namespace_strips_the_mounts_root) {
  self("4:memory:/docker/abc/inner\n",
       "50 40 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "80000000\n");
  tree.write("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "90000000\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup/memory/inner");
  BOOST_TEST(limit() == 80 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(mount_whose_root_is_above_the_namespace_is_read_at_its_point) {
  self("0::/\n", "30 22 0:26 /.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  group("/sys/fs/cgroup", "110000000\n", "max\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup");
  BOOST_TEST(limit() == 110 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(group_outside_of_the_namespace_never_leaves_the_mount) {
  self("0::/../neighbour\n", kV2Mount);
  group("/sys/fs/cgroup", "120000000\n", "max\n");
  group("/sys/fs/neighbour", "1000000\n", "max\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup");
  BOOST_TEST(limit() == 120 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(root_field_matches_whole_names_only) {
  self("0::/docker/abcdef\n", "30 22 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  group("/sys/fs/cgroup", "130000000\n", "max\n");
  group("/sys/fs/cgroupdef", "1000000\n", "max\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup");
  BOOST_TEST(limit() == 130 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(octal_escapes_of_mountinfo_are_decoded) {
  self("0::/a\\x2db\n", "30 22 0:26 /a\\134x2db /mnt/two\\040words\\134 rw - cgroup2 cgroup2 rw\n");
  group("/mnt/two words\\", "140000000\n", "max\n");
  BOOST_TEST(limit() == 140 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(what_is_no_octal_escape_stays_as_it_is) {
  // No kernel writes such a line; whatever stands there is taken as it is, and nothing is read beyond its end.
  self("0::/a\n", "30 22 0:26 /a /mnt/\\8\\08\\008\\:07\\0:7\\00:\\12 rw - cgroup2 cgroup2 rw\n");
  group("/mnt/\\8\\08\\008\\:07\\0:7\\00:\\12", "160000000\n", "max\n");
  BOOST_TEST(limit() == 160 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(colons_in_a_groups_name_belong_to_it) {
  self("0::/machine/qemu:7:vm\n", kV2Mount);
  group("/sys/fs/cgroup/machine/qemu:7:vm", "150000000\n", "max\n");
  BOOST_TEST(limit() == 150 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(of_several_mounts_the_one_with_the_group_and_the_most_ancestors_wins) {
  self("0::/pod/box\n",
       "30 22 0:26 /elsewhere /first rw - cgroup2 cgroup2 rw\n"
       "31 22 0:26 / /empty rw - cgroup2 cgroup2 rw\n"
       "32 22 0:26 /pod/box /narrow rw - cgroup2 cgroup2 rw\n"
       "33 22 0:26 / /host/cgroup rw - cgroup2 cgroup2 rw\n");
  group("/first", "1000000\n", "max\n");
  group("/narrow", "400000000\n", "max\n");
  group("/host/cgroup/pod", "160000000\n", "max\n");
  group("/host/cgroup/pod/box", "400000000\n", "max\n");
  BOOST_TEST(locate().directory() == "/host/cgroup/pod/box");
  BOOST_TEST(limit() == 160 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(later_mount_on_the_same_point_hides_the_earlier) {
  self("0::/pod\n",
       "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
       "31 22 0:26 /pod /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  group("/sys/fs/cgroup", "170000000\n", "max\n");
  BOOST_TEST(locate().directory() == "/sys/fs/cgroup");
  self("0::/pod\n", std::string(kV2Mount) + "31 22 0:99 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
  BOOST_TEST(locate().version() == 0);
}

BOOST_AUTO_TEST_CASE(use_is_that_of_the_nearest_group_with_a_memory_controller) {
  self("0::/a/b\n", kV2Mount);
  group("/sys/fs/cgroup/a", "max\n", "max\n", "31000000\n");
  group("/sys/fs/cgroup/a/b", "", "");
  BOOST_TEST(current() == 31 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_where_nothing_is) {
  BOOST_TEST(locate().version() == 0);  // no /proc at all
  BOOST_TEST(limit() == kNone);
  BOOST_TEST(current() == kNone);
  BOOST_TEST(locate().pressure_path() == "");
  self("0::/a\n", "");  // no cgroup is mounted
  BOOST_TEST(locate().version() == 0);
  self("", kV2Mount);
  BOOST_TEST(locate().version() == 0);
  self("garbage\n0\n0:\n0::\n0::relative\n:::/\n", "garbage\n1 2 3\n - \n1 2 3 4 5 - \n");
  BOOST_TEST(locate().version() == 0);
}

BOOST_AUTO_TEST_CASE(locating_again_forgets_the_old_group) {
  self("0::/a\n", kV2Mount);
  group("/sys/fs/cgroup/a", "180000000\n", "max\n");
  group("/sys/fs/cgroup/b", "190000000\n", "max\n");
  Cgroup found = locate();
  const Files files(tree.root());
  tree.write("/proc/self/cgroup", "0::/b\n");
  found.locate(files);
  BOOST_TEST(limit_of(found, files).value_or(kNone) == 190 * kMegabyte);
  self("garbage\n", "garbage\n");
  BOOST_TEST(found.locate(files));
  BOOST_TEST(found.version() == 0);
  BOOST_TEST(!limit_of(found, files).has_value());
}

BOOST_AUTO_TEST_CASE(while_proc_tells_nothing_the_group_found_before_stays) {
  self("0::/a\n", kV2Mount);
  group("/sys/fs/cgroup/a", "180000000\n", "max\n");
  Cgroup found = locate();
  const Files files(tree.root());
  tree.remove("/proc");  // as for a process without descriptors
  BOOST_TEST(!found.locate(files));
  BOOST_TEST(found.version() == 2);
  BOOST_TEST(limit_of(found, files).value_or(kNone) == 180 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(a_limit_that_is_there_and_cannot_be_read_is_told_from_none) {
  self("0::/a\n", kV2Mount);
  group("/sys/fs/cgroup/a", "180000000\n", "max\n");
  const Cgroup found = locate();
  const Files files(tree.root());
  int error = 0;
  BOOST_TEST(found.limit_bytes(files, error).value_or(kNone) == 180 * kMegabyte);
  BOOST_TEST(error == 0);
  tree.remove("/sys/fs/cgroup/a/memory.max");
  BOOST_TEST(!found.limit_bytes(files, error).has_value());
  BOOST_TEST(error == 0);  // not there: no limit
  tree.make_directory("/sys/fs/cgroup/a/memory.max");
  BOOST_TEST(!found.limit_bytes(files, error).has_value());
  BOOST_TEST(error == EISDIR);  // there, and who knows
}

BOOST_AUTO_TEST_CASE(a_directory_is_shown_as_utf8_and_read_as_it_is) {
  self("0::/a\xff\n", kV2Mount);
  group("/sys/fs/cgroup/a\xff", "500000000\n", "");
  BOOST_TEST(limit() == 500 * kMegabyte);
  warden::Warden process(Files(tree.root()), nullptr);
  BOOST_TEST(process.cgroup_directory() == "/sys/fs/cgroup/a\xEF\xBF\xBD");
}

BOOST_AUTO_TEST_SUITE_END()
