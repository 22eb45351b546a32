// Builds that count (preset coverage): a process that ends by _exit(), quick_exit() or abort() writes its counters too,
// as most children of tests do. Linked into each test program, and into warden.so, whose counters are its own.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdlib>

extern "C" void __gcov_dump();  // libgcov's: once in a process, later calls do nothing

#ifdef WARDEN_COUNTS_PROGRAM

namespace {

using Dump = void();

std::array<std::atomic<Dump*>, 16> others{};  // warden.so, and copies of it
std::atomic<std::size_t> count{0};

void dump_all() {
  __gcov_dump();
  for (const auto& other : others) {
    if (Dump* const dump = other.load()) dump();
  }
}

[[gnu::constructor]] void begin() { ::at_quick_exit(dump_all); }

}  // namespace

extern "C" {

[[gnu::visibility("default")]] void warden_counts_here(Dump* dump) {
  if (const std::size_t i = count++; i < others.size()) others[i] = dump;
}

void _exit(int status) {
  dump_all();
  for (;;) ::syscall(SYS_exit_group, status);
}

void abort() noexcept {
  dump_all();
  ::signal(SIGABRT, SIG_DFL);
  ::raise(SIGABRT);
  for (;;) ::syscall(SYS_exit_group, 134);
}

}  // extern "C"

#else

// The program's, where there is one that counts; the sqlite3 CLI does not.
extern "C" [[gnu::weak, gnu::visibility("default")]] void warden_counts_here(void (*)());

namespace {
[[gnu::constructor]] void begin() {
  if (warden_counts_here != nullptr) warden_counts_here(&__gcov_dump);
}
}  // namespace

#endif
