// Parsing PSI files, and the watch that a poll() waits on, over hostile and honest environments.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "../../watchdog/pressure.hpp"
#include "file_tree.hpp"

using warden::decode_base64;
using warden::Files;
using warden::parse_pressure;
using warden::PressureRequest;
using warden::PressureWatch;
using warden::test::FileTree;

namespace {

const std::string kPsi =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
const std::string_view kOwnTrigger{"some 200000 2000000\0", 20};

/// A tree with a system-wide PSI file and a cgroup's, and a watch over it.
struct Fixture {
  FileTree tree;
  PressureWatch watch;

  Fixture() {
    tree.write("/proc/pressure/memory", kPsi);
    tree.write("/group/memory.pressure", kPsi);
  }

  void open(const char* path, const char* write = nullptr, const std::string& cgroup = "") {
    watch.open(Files(tree.root()), cgroup, PressureRequest{path, write});
  }
  std::string status() const { return watch.status(); }
  bool refused() const { return status().starts_with("$MEMORY_PRESSURE_WATCH refused"); }

  /// What poll() reports without waiting.
  short poll_now() const {
    pollfd entry{watch.fd(), watch.events(), 0};
    ::poll(&entry, 1, 0);
    return entry.revents;
  }
  int descriptor_flags() const { return ::fcntl(watch.fd(), F_GETFD); }
  int file_flags() const { return ::fcntl(watch.fd(), F_GETFL); }

  /// The writing end of a FIFO in the tree; the FIFO is made.
  int make_fifo(const char* path) const {
    BOOST_REQUIRE(::mkfifo(tree.real(path).c_str(), 0600) == 0);
    return ::open(tree.real(path).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }

  int make_listener(const std::string& path) const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    BOOST_REQUIRE(path.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    BOOST_REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    BOOST_REQUIRE(::listen(fd, 4) == 0);
    return fd;
  }
};

std::string decoded(std::string_view text) {
  std::array<char, 64> out{};
  const auto length = decode_base64(text, out);
  return length ? std::string(out.data(), *length) : "refused";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pressure, Fixture)

BOOST_AUTO_TEST_CASE(psi_percentages_become_ratios) {
  const auto parsed = parse_pressure(
      "some avg10=12.34 avg60=5.00 avg300=1.00 total=99\nfull avg10=3.50 avg60=0.00 avg300=0.00 total=9\n");
  BOOST_REQUIRE(parsed.has_value());
  BOOST_TEST(parsed->some_avg10_ratio == 0.1234, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(parsed->full_avg10_ratio == 0.035, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(parse_pressure("some avg10=100.00 avg60=0\n")->some_avg10_ratio == 1.0);
  BOOST_TEST(parse_pressure("some avg10=250.00 avg60=0\n")->some_avg10_ratio == 1.0);
}

BOOST_AUTO_TEST_CASE(what_is_no_psi_file_is_refused) {
  for (const char* text :
       {"", "\n", "some", "some avg10=", "some avg10=x", "some avg10=1.2.3", "some avg10=-1.00",
        "some avg60=1.00", "some avg10=.5", "some avg10=1e3", "some avg10=nan",
        "full avg10=1.00 avg60=0.00\n", "some avg10=1.00 avg60=0\nfull avg10=bad\n",
        "some avg10=00000000000000000000000000001"}) {
    BOOST_TEST_CONTEXT("'" << text << "'") { BOOST_TEST(!parse_pressure(text).has_value()); }
  }
}

BOOST_AUTO_TEST_CASE(base64_is_decoded_strictly) {
  BOOST_TEST(decoded("") == "");
  BOOST_TEST(decoded("Zg==") == "f");
  BOOST_TEST(decoded("Zm8=") == "fo");
  BOOST_TEST(decoded("Zm9v") == "foo");
  BOOST_TEST(decoded("Zm9v\nYmFy") == "foobar");
  BOOST_TEST(decoded("AP8=") == std::string("\0\xff", 2));
  BOOST_TEST(decoded("+/+/") == "\xfb\xff\xbf");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zg==Zg==", "Zg=A", "Zm9v!", "Zm-_",
                          "\xff\xff\xff\xff"}) {
    BOOST_TEST_CONTEXT("'" << bad << "'") { BOOST_TEST(decoded(bad) == "refused"); }
  }
  BOOST_TEST(decoded(std::string(84, 'A')).size() == 63U);
  BOOST_TEST(decoded(std::string(88, 'A')) == "refused");  // 66 bytes do not fit 64
}

BOOST_AUTO_TEST_CASE(without_a_request_the_cgroup_is_watched_with_our_trigger) {
  open(nullptr, nullptr, "/group/memory.pressure");
  BOOST_TEST(watch.fd() >= 0);
  BOOST_TEST(watch.events() == POLLPRI);
  BOOST_TEST(status() == "watches the cgroup's memory.pressure");
  BOOST_TEST(tree.read("/group/memory.pressure").substr(0, 20) == kOwnTrigger);
  BOOST_TEST(tree.read("/proc/pressure/memory") == kPsi);
  BOOST_TEST((descriptor_flags() & FD_CLOEXEC) != 0);
  BOOST_TEST((file_flags() & O_NONBLOCK) != 0);
}

BOOST_AUTO_TEST_CASE(without_a_cgroup_the_system_is_watched) {
  for (const char* cgroup : {"", "/group/absent"}) {
    tree.write("/proc/pressure/memory", kPsi);
    open(nullptr, nullptr, cgroup);
    BOOST_TEST(watch.fd() >= 0);
    BOOST_TEST(status() == "watches /proc/pressure/memory");
    BOOST_TEST(tree.read("/proc/pressure/memory").substr(0, 20) == kOwnTrigger);
  }
}

BOOST_AUTO_TEST_CASE(without_psi_nothing_is_watched_and_the_status_says_why) {
  tree.remove("/proc");
  open(nullptr);
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(watch.events() == 0);
  BOOST_TEST(status() == "not watched: the kernel offers no pressure file (PSI)");
  BOOST_TEST(!watch.consume(POLLPRI));
}

BOOST_AUTO_TEST_CASE(read_only_pressure_file_is_reported) {
  const uid_t user = ::geteuid();
  const bool is_root = user == 0;
  ::chmod(tree.real("/proc/pressure/memory").c_str(), 0444);
  if (is_root) {  // permissions do not bind root
    ::chmod(tree.root().c_str(), 0755);
    BOOST_REQUIRE(::seteuid(65534) == 0);
  }
  open(nullptr);
  if (is_root) BOOST_REQUIRE(::seteuid(user) == 0);
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(status() == "not watched: Permission denied");
}

BOOST_AUTO_TEST_CASE(dev_null_or_nothing_switches_the_watch_off) {
  for (const char* off : {"/dev/null", ""}) {
    open(off, nullptr, "/group/memory.pressure");
    BOOST_TEST(watch.fd() == -1);
    BOOST_TEST(status() == "not watched: switched off by $MEMORY_PRESSURE_WATCH");
  }
  BOOST_TEST(tree.read("/group/memory.pressure") == kPsi);
}

BOOST_AUTO_TEST_CASE(requested_pressure_file_gets_the_requested_trigger) {
  open("/group/memory.pressure", "c29tZSAxMDAwMDAgMTAwMDAwMAA=");
  BOOST_TEST(watch.events() == POLLPRI);
  BOOST_TEST(status() == "watches $MEMORY_PRESSURE_WATCH: /group/memory.pressure");
  BOOST_TEST(tree.read("/group/memory.pressure").substr(0, 20) ==
             std::string_view("some 100000 1000000\0", 20));
}

BOOST_AUTO_TEST_CASE(a_path_is_shown_as_utf8_and_cut_between_characters) {
  tree.write("/g\xff\xc3", kPsi);
  open("/g\xff\xc3");
  BOOST_TEST(status() == "watches $MEMORY_PRESSURE_WATCH: /g??");
  std::string name = "/";  // an odd number of bytes before 120
  while (name.size() < 121) name += "\xc3\xa4";
  tree.write(name, kPsi);
  open(name.c_str());
  BOOST_TEST(status() == "watches $MEMORY_PRESSURE_WATCH: " + name.substr(0, 119));
}

BOOST_AUTO_TEST_CASE(fifo_signals_and_is_drained) {
  const int writer = make_fifo("/fifo");
  open("/fifo");
  BOOST_TEST(watch.events() == POLLIN);
  BOOST_TEST((descriptor_flags() & FD_CLOEXEC) != 0);
  BOOST_TEST((file_flags() & O_NONBLOCK) != 0);
  BOOST_TEST(poll_now() == 0);
  BOOST_TEST(::write(writer, "pressure", 8) == 8);
  BOOST_TEST(watch.consume(poll_now()));
  BOOST_TEST(poll_now() == 0);
  ::close(writer);
  BOOST_TEST(poll_now() == 0);  // no hang-up: the next writer is still heard
  BOOST_TEST(watch.fd() >= 0);
}

BOOST_AUTO_TEST_CASE(fifo_without_a_writer_does_not_block_the_open) {
  ::close(make_fifo("/fifo"));
  open("/fifo");
  BOOST_TEST(watch.fd() >= 0);
  BOOST_TEST(poll_now() == 0);
}

BOOST_AUTO_TEST_CASE(fifo_that_may_only_be_read_is_watched_as_long_as_it_is_written) {
  const uid_t user = ::geteuid();
  const int writer = make_fifo("/fifo");
  const int secret = make_fifo("/secret");
  ::chmod(tree.real("/fifo").c_str(), 0444);
  ::chmod(tree.real("/secret").c_str(), 0000);
  if (user == 0) {  // permissions do not bind root
    ::chmod(tree.root().c_str(), 0755);
    BOOST_REQUIRE(::seteuid(65534) == 0);
    ::prctl(PR_SET_DUMPABLE, 1);  // or its own descriptors are hidden below /proc
  }
  open("/secret");
  const std::string of_secret = status();
  open("/fifo", "Zm9v");
  if (user == 0) BOOST_REQUIRE(::seteuid(user) == 0);
  BOOST_TEST(of_secret.starts_with("$MEMORY_PRESSURE_WATCH refused: Permission denied"));
  BOOST_TEST(status().starts_with("watches $MEMORY_PRESSURE_WATCH: /fifo"), status());
  BOOST_TEST(poll_now() == 0);  // and nothing was written
  BOOST_TEST(::write(writer, "pressure", 8) == 8);
  BOOST_TEST(watch.consume(poll_now()));
  ::close(writer);
  BOOST_TEST(!watch.consume(poll_now()));
  BOOST_TEST(status() == "not watched: what was watched has ended");
  ::close(secret);
}

BOOST_AUTO_TEST_CASE(fifo_gets_what_is_to_be_written) {
  const int other_end = make_fifo("/fifo");
  open("/fifo", "Zm9vYmFy");
  std::array<char, 16> got{};
  BOOST_TEST(::read(other_end, got.data(), got.size()) == 6);
  BOOST_TEST(std::string(got.data()) == "foobar");
  ::close(other_end);
}

BOOST_AUTO_TEST_CASE(socket_is_connected_told_and_heard_until_it_ends) {
  const int listener = make_listener(tree.real("/socket"));
  open("/socket", "Zm9v");
  BOOST_TEST(watch.events() == POLLIN);
  BOOST_TEST((descriptor_flags() & FD_CLOEXEC) != 0);
  BOOST_TEST((file_flags() & O_NONBLOCK) != 0);
  const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  BOOST_REQUIRE(peer >= 0);
  std::array<char, 8> got{};
  BOOST_TEST(::read(peer, got.data(), got.size()) == 3);
  BOOST_TEST(poll_now() == 0);
  BOOST_TEST(::write(peer, "!", 1) == 1);
  BOOST_TEST(watch.consume(poll_now()));
  BOOST_TEST(watch.fd() >= 0);
  ::close(peer);
  BOOST_TEST(!watch.consume(poll_now()));
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(status() == "not watched: what was watched has ended");
  ::close(listener);
}

BOOST_AUTO_TEST_CASE(socket_with_a_path_longer_than_a_socket_address_is_reached) {
  const std::string directory = "/" + std::string(150, 'd');
  tree.make_directory(directory);
  const int listener = make_listener(tree.real("/s"));
  BOOST_REQUIRE(::rename(tree.real("/s").c_str(), tree.real(directory + "/s").c_str()) == 0);
  open((directory + "/s").c_str());
  BOOST_TEST(watch.events() == POLLIN);
  ::close(listener);
}

BOOST_AUTO_TEST_CASE(socket_without_a_listener_is_refused_and_the_system_is_watched) {
  ::close(make_listener(tree.real("/socket")));
  open("/socket");
  BOOST_TEST(status() == "$MEMORY_PRESSURE_WATCH refused: Connection refused; watches /proc/pressure/memory");
}

BOOST_AUTO_TEST_CASE(hostile_requests_are_refused_and_leave_the_own_watch) {
  tree.write("/secret", "do not touch");
  const std::string huge(100'000, 'A');
  struct Hostile {
    std::string watch;
    const char* write;
  };
  for (const auto& [path, write] :
       {Hostile{"relative/path", nullptr}, Hostile{"/group", nullptr}, Hostile{"/absent", nullptr},
        Hostile{"/" + huge, nullptr}, Hostile{"/secret", "Zm9v"}, Hostile{"/secret", nullptr},
        Hostile{"/group/memory.pressure", "not base64"}, Hostile{"/group/memory.pressure", huge.c_str()},
        Hostile{std::string(50, '/'), nullptr}, Hostile{"%s%n%n", "%s"}}) {
    tree.write("/proc/pressure/memory", kPsi);
    open(path.c_str(), write);
    BOOST_TEST_CONTEXT(path.substr(0, 40) << ": " << status()) {
      BOOST_TEST(refused());
      BOOST_TEST(status().ends_with("; watches /proc/pressure/memory"));
      BOOST_TEST(poll_now() == 0);
    }
  }
  BOOST_TEST(tree.read("/secret") == "do not touch");
  BOOST_TEST(tree.read("/group/memory.pressure") == kPsi);
}

BOOST_AUTO_TEST_CASE(relative_path_is_refused_even_if_it_leads_somewhere) {
  watch.open(Files(tree.real("/gro")), "", PressureRequest{"up/memory.pressure", nullptr});
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(status().starts_with("$MEMORY_PRESSURE_WATCH refused: not an absolute path; not watched: "));
}

BOOST_AUTO_TEST_CASE(requested_pressure_file_without_a_trigger_gets_ours) {
  open("/group/memory.pressure");
  BOOST_TEST(watch.events() == POLLPRI);
  BOOST_TEST(tree.read("/group/memory.pressure").substr(0, 20) == kOwnTrigger);
}

BOOST_AUTO_TEST_CASE(devices_and_other_kernel_files_are_refused) {
  for (const char* path :
       {"/dev/zero", "/dev/full", "/dev/tty", "/proc/self/mem", "/proc/self/comm", "/dev/fd", "/"}) {
    watch.open(Files(), "", PressureRequest{path, "Zm9v"});
    BOOST_TEST_CONTEXT(path << ": " << status()) { BOOST_TEST(refused()); }
  }
}

BOOST_AUTO_TEST_CASE(errors_close_the_descriptor_so_that_no_loop_spins) {
  for (const short revents : std::array<short, 3>{POLLERR, POLLHUP, POLLNVAL}) {
    open(nullptr);
    const int before = watch.fd();
    BOOST_TEST(!watch.consume(revents));
    BOOST_TEST(watch.fd() == -1);
    BOOST_TEST(watch.events() == 0);
    if (revents != POLLNVAL) BOOST_TEST(::fcntl(before, F_GETFD) == -1);
    if (revents == POLLNVAL)
      BOOST_TEST(::close(before) == 0);  // the watch believes what it was told: that it is closed already
    tree.write("/proc/pressure/memory", kPsi);
  }
}

BOOST_AUTO_TEST_CASE(priority_event_is_pressure_unless_the_cgroup_is_gone) {
  open(nullptr);
  BOOST_TEST(!watch.consume(0));
  BOOST_TEST(watch.consume(POLLPRI));
  BOOST_TEST(watch.fd() >= 0);
  BOOST_TEST(!watch.consume(static_cast<short>(POLLPRI | POLLERR)));
  BOOST_TEST(watch.fd() == -1);
}

BOOST_AUTO_TEST_CASE(a_number_that_the_host_gave_to_something_else_is_neither_read_nor_closed) {
  const int writer = make_fifo("/fifo");
  open("/fifo");
  const int number = watch.fd();
  int pipe_of_the_host[2];
  BOOST_REQUIRE(::pipe(pipe_of_the_host) == 0);
  BOOST_REQUIRE(::dup2(pipe_of_the_host[0], number) == number);  // as after close() and open() by the host
  BOOST_TEST(::write(pipe_of_the_host[1], "data", 4) == 4);
  BOOST_TEST(!watch.consume(POLLIN));
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(status() == "not watched: the host has closed what was watched");
  std::array<char, 8> read_back{};
  BOOST_TEST(::read(number, read_back.data(), read_back.size()) == 4);
  for (const int fd : {writer, number, pipe_of_the_host[0], pipe_of_the_host[1]}) ::close(fd);
}

BOOST_AUTO_TEST_CASE(flood_is_cut_off) {
  const int listener = make_listener(tree.real("/socket"));
  open("/socket");
  const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  BOOST_REQUIRE(peer >= 0);
  const std::string block(4096, 'x');
  std::size_t sent = 0;
  for (int i = 0; i < 1000; ++i)
    sent += ::send(peer, block.data(), block.size(), MSG_NOSIGNAL) > 0 ? block.size() : 0;
  BOOST_REQUIRE(sent > 130'000U);
  BOOST_TEST(watch.consume(poll_now()));
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(status() == "not watched: what was watched sent data without end");
  ::close(peer);
  ::close(listener);
}

BOOST_AUTO_TEST_CASE(closing_or_opening_again_leaves_no_descriptor_behind) {
  open(nullptr);
  const int first = watch.fd();
  open(nullptr, nullptr, "/group/memory.pressure");
  BOOST_TEST(watch.fd() == first);  // the lowest free number again: everything else was closed
  watch.close();
  BOOST_TEST(watch.fd() == -1);
  BOOST_TEST(::fcntl(first, F_GETFD) == -1);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  BOOST_TEST(next == first);
  ::close(next);
}

BOOST_AUTO_TEST_CASE(request_is_taken_from_the_environment) {
  ::setenv("MEMORY_PRESSURE_WATCH", "/some/path", 1);
  ::setenv("MEMORY_PRESSURE_WRITE", "Zm9v", 1);
  const PressureRequest request = PressureRequest::from_environment();
  BOOST_TEST(std::string(request.watch) == "/some/path");
  BOOST_TEST(std::string(request.write) == "Zm9v");
  ::unsetenv("MEMORY_PRESSURE_WATCH");
  ::unsetenv("MEMORY_PRESSURE_WRITE");
  BOOST_TEST(PressureRequest::from_environment().watch == nullptr);
}

BOOST_AUTO_TEST_CASE(kernels_own_pressure_file_can_be_watched) {
  if (::access("/proc/pressure/memory", R_OK | W_OK) != 0) {
    BOOST_TEST_MESSAGE("no writable /proc/pressure/memory here");
    return;
  }
  watch.open(Files(), "", PressureRequest{});
  if (watch.fd() < 0) {  // before Linux 6.4 this takes CAP_SYS_RESOURCE
    BOOST_TEST(status() == "not watched: Operation not permitted");
    return;
  }
  BOOST_TEST((poll_now() & (POLLERR | POLLNVAL | POLLHUP)) ==
             0);  // POLLERR would mean that the trigger is not set
}

BOOST_AUTO_TEST_SUITE_END()
