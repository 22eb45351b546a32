// Records the resident memory of this process every 100 ms, as long as it lives, and shows it while it
// happens.
//
// The series is written as CSV: t_ms (since the recorder began), rss_bytes, phase. The phases, in their
// order:
//   before   connections open, nothing has run
//   scan     at least as many connections scan as sort
//   sort     more connections sort
//   after    the last statement has ended
//
// On a terminal the progress is one line that is rewritten in place; elsewhere it is a line every two
// seconds.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace demo {

struct Sample {
  std::int64_t t_ms;
  std::int64_t rss_bytes;
  std::string_view phase;
};

// What the service is doing, asked at every sample.
struct Doing {
  std::string_view phase;
  int busy;
  std::size_t connections;
};

// Thread-safe. `doing` and `endangered` are called on the recorder's thread.
class Recorder {
 public:
  // `endangered` is called once, if the machine is about to run out of memory.
  Recorder(std::string title, std::function<Doing()> doing, std::function<void()> endangered);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Milliseconds since the recorder began.
  std::int64_t now_ms() const;

  // Takes the last sample, ends the progress line; nothing is recorded afterwards.
  void finish();

  // To be called after finish().
  std::int64_t peak_bytes() const;
  std::int64_t bytes_at(std::int64_t t_ms) const;  // the last sample that is not later
  void write_csv(const std::string& file) const;

 private:
  void record(const std::stop_token& stop);
  void take_sample();
  void show(const Sample& sample, const Doing& doing);

  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::string title_;
  const std::function<Doing()> doing_;
  const std::function<void()> endangered_;
  const std::int64_t floor_bytes_;  // of available memory; below it, the machine is endangered
  const bool terminal_;
  std::int64_t shown_at_ms_ = -1'000'000;
  bool alarm_raised_ = false;
  std::vector<Sample> samples_;  // the thread's until finish()
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace demo
