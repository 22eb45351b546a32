// warden at its most aggressive: loaded into this process, acting as often as it can, and shaken by another thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "script.hpp"
#include "tests/ext/host.hpp"

namespace warden::test {

/// While it lives every connection of the process is watched. Its thread has a connection of its own, releases all the
/// others again and again, reads all tables and changes settings.
class BusyWarden {
 public:
  explicit BusyWarden(Mode mode);
  ~BusyWarden();
  BusyWarden(const BusyWarden&) = delete;
  BusyWarden& operator=(const BusyWarden&) = delete;

  /// Events so far, that is, releases and trims for the most part; a failure of its thread as an exception.
  std::int64_t events() const;

 private:
  void shake(Mode mode);

  Db keeper_;
  std::atomic<bool> ends_{false};
  std::string failure_;
  std::thread thread_;
};

}  // namespace warden::test
