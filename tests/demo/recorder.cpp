#include "recorder.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "process_memory.hpp"
#include "units.hpp"

namespace demo {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr std::int64_t kLineEveryMs = 2000;         // when standard output is not a terminal
constexpr std::size_t kExpectedSamples = 10 * 600;  // ten minutes, so that recording does not reallocate

// Work is cut off when the machine has less than this share of the memory left that it had at the start.
constexpr std::int64_t kFloorDivisor = 10;

}  // namespace

Recorder::Recorder(std::string title, std::function<Doing()> doing, std::function<void()> endangered)
    : title_(std::move(title)),
      doing_(std::move(doing)),
      endangered_(std::move(endangered)),
      floor_bytes_(available_bytes() / kFloorDivisor),
      terminal_(::isatty(STDOUT_FILENO) == 1) {
  samples_.reserve(kExpectedSamples);
  thread_ = std::jthread([this](const std::stop_token& stop) { record(stop); });
}

std::int64_t Recorder::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began_)
      .count();
}

void Recorder::record(const std::stop_token& stop) {
  auto next = began_;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    take_sample();
    next += kInterval;
    wake_.wait_until(lock, stop, next, [] { return false; });
  }
}

void Recorder::take_sample() {
  const Doing doing = doing_();
  samples_.push_back({now_ms(), resident_bytes(), doing.phase});
  show(samples_.back(), doing);
  if (!alarm_raised_ && available_bytes() < floor_bytes_) {
    alarm_raised_ = true;
    endangered_();
  }
}

void Recorder::show(const Sample& sample, const Doing& doing) {
  if (!terminal_ && sample.t_ms - shown_at_ms_ < kLineEveryMs) return;
  shown_at_ms_ = sample.t_ms;
  const std::string elapsed = format_seconds(static_cast<double>(sample.t_ms));
  const std::string resident = format_size(sample.rss_bytes);
  std::printf("%s  %-8s %7s   resident %7s   %d of %zu connections busy   %-6s%s", terminal_ ? "\r" : "",
              title_.c_str(), elapsed.c_str(), resident.c_str(), doing.busy, doing.connections,
              std::string(doing.phase).c_str(), terminal_ ? "\x1b[K" : "\n");
  std::fflush(stdout);
}

void Recorder::finish() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  take_sample();
  if (terminal_) std::printf("\r\x1b[K");
}

std::int64_t Recorder::peak_bytes() const {
  std::int64_t peak = 0;
  for (const Sample& sample : samples_) peak = std::max(peak, sample.rss_bytes);
  return peak;
}

std::int64_t Recorder::bytes_at(std::int64_t t_ms) const {
  const auto later = std::upper_bound(samples_.begin(), samples_.end(), t_ms,
                                      [](std::int64_t t, const Sample& sample) { return t < sample.t_ms; });
  return later == samples_.begin() ? 0 : std::prev(later)->rss_bytes;
}

void Recorder::write_csv(const std::string& file) const {
  std::ofstream out(file);
  out << "t_ms,rss_bytes,phase\n";
  for (const Sample& sample : samples_) {
    out << sample.t_ms << ',' << sample.rss_bytes << ',' << sample.phase << '\n';
  }
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file);
}

}  // namespace demo
