// Memory pressure as the kernel sees it (PSI, docs.kernel.org/accounting/psi.html): reading it, and being
// woken by it.
//
//   PressureWatch watch;
//   watch.open(files, cgroup.pressure_path(), PressureRequest::from_environment());
//   pollfd entry{watch.fd(), watch.events(), 0};           // poll() ignores an entry whose fd is -1
//   if (poll(&entry, 1, timeout_ms) > 0 && watch.consume(entry.revents)) ...   // release now
//
// What is watched, the first of these that can be had:
//
//   1. what a service manager asks for ($MEMORY_PRESSURE_WATCH, systemd.io/PRESSURE): a PSI file, a FIFO or
//      an AF_UNIX stream socket. "/dev/null" or "" means: do not watch at all. $MEMORY_PRESSURE_WRITE,
//      base64, is written to it once (to a FIFO too, as the protocol wants: if nobody else reads there, it
//      comes back as one early wake-up);
//   2. the memory.pressure of the own cgroup;
//   3. /proc/pressure/memory. Both 2 and 3 with a trigger of our own.
//
// The environment may be a stranger's. So nothing is opened before it is known to be one of the three kinds
// (opening a device can have effects), a regular file is only written if it reads like a PSI file, what is
// written has a bound, and whatever reports an error or floods us is closed: after that fd() is -1 and a poll
// loop sleeps on.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "files.hpp"

namespace warden {

/// Shares of the last 10 s, 0 to 1, in which some or all tasks stood still waiting for memory.
struct Pressure {
  double some_avg10_ratio = 0;
  double full_avg10_ratio = 0;
};

/// Parses a PSI file. Nothing without a proper "some avg10=" line; a missing "full" line counts as 0.
std::optional<Pressure> parse_pressure(std::string_view text) noexcept;

/// Decodes base64 (RFC 4648, padded, white space ignored) into `out` and returns the bytes written. Nothing
/// if the text is not base64 or does not fit.
std::optional<std::size_t> decode_base64(std::string_view text, std::span<char> out) noexcept;

/// The two environment variables of the protocol; nullptr where unset. The strings are the environment's own.
struct PressureRequest {
  const char* watch = nullptr;
  const char* write = nullptr;

  /// Reads the environment, on the caller's thread: not while another thread may change it. In a setuid
  /// program the variables count as unset (secure_getenv).
  static PressureRequest from_environment() noexcept;
};

/// Holds the descriptor that a poll() waits on. Never blocks, never throws, allocates nothing.
///
/// Thread-safety: none. `open` before the watching thread starts, everything else on that thread. After fork
/// the child calls close(): the trigger goes on being the parent's.
class PressureWatch {
 public:
  PressureWatch() noexcept = default;
  ~PressureWatch() { close(); }
  PressureWatch(const PressureWatch&) = delete;
  PressureWatch& operator=(const PressureWatch&) = delete;

  /// Closes what was watched and opens the first of the list above. `cgroup_pressure_path` may be empty. All
  /// paths are below the files' root.
  void open(const Files& files, const std::string& cgroup_pressure_path, PressureRequest request) noexcept;

  void close() noexcept;

  /// What to poll, or -1.
  int fd() const noexcept { return fd_; }

  /// What to poll it for: POLLPRI or POLLIN; 0 without a descriptor.
  short events() const noexcept { return events_; }

  /// True where nothing could be opened for want of descriptors or memory, and the environment asks for nothing: open() may
  /// do better later.
  bool wants_to_try_again() const noexcept { return starved_; }

  /// One sentence, in UTF-8: what is watched, or why nothing is. Valid until the next call of open, consume or close.
  const char* status() const noexcept { return status_.data(); }

  /// Takes what poll() returned. True: pressure was signalled. Empties a FIFO or socket; closes the
  /// descriptor if it reports an error, a hang-up or a flood.
  bool consume(short revents) noexcept;

 private:
  bool open_request(const Files& files, PressureRequest request) noexcept;
  /// nullptr, or why not.
  const char* open_psi(const Files& files, const char* path, std::span<const char> trigger) noexcept;
  bool drain() noexcept;
  /// A host may close every descriptor that it does not know; the number is then somebody else's.
  void remember() noexcept;
  bool still_ours() const noexcept;
  /// Sets the status, cut to what fits. No part may point into the status.
  void say(std::initializer_list<std::string_view> parts) noexcept;

  int fd_ = -1;
  bool starved_ = false;
  dev_t device_ = 0;  // of what fd_ was opened as
  ino_t inode_ = 0;
  short events_ = 0;
  std::array<char, 240> status_{"not watched: not opened"};
};

}  // namespace warden
