#include "worker.hpp"

#include <signal.h>
#include <time.h>

#include <chrono>
#include <memory>

#include "clock.hpp"

namespace warden {
namespace {

/// Enough for a look, and small beside the budget: what is touched of it is what counts. Sanitizers need more.
constexpr std::size_t kStackBytes = 512 * 1024;

}  // namespace

bool Worker::ensure_running() noexcept {
  if (running()) return true;
  const std::lock_guard held(control_lock_);
  if (ended_for_good_ || !wanted()) return running();
  // Who turns it on goes on: this, or a thread that was about to end (see run).
  bool on = false;
  if (!running_.compare_exchange_strong(on, true)) return true;
  lock_order::point();
  if (joinable_) join();  // it has ended by itself, or is about to return
  stop_.store(false);
  starting();
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  // The thread inherits the mask: no signal of the host's is ever delivered to it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  start_error_ = ::pthread_create(&thread_, &attributes, &thread_main, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  joinable_ = start_error_ == 0;
  if (joinable_) {
    lock_order::made_thread();
  } else {
    ended();
    running_.store(false);
  }
  return joinable_;
}

void* Worker::thread_main(void* self) {
  auto* worker = static_cast<Worker*>(self);
  const lock_order::ThreadHere here;
  ::pthread_setname_np(::pthread_self(), worker->name_);
  worker->run();
  return nullptr;
}

void Worker::run() noexcept {
  bool on = true;
  while (on) {
    while (!stopping()) {
      const std::int64_t next_ns = look_and_tell_next_ns();
      if (!wanted()) break;
      sleep_until(next_ns);
    }
    // Whoever made it unwanted and wanted again may still have seen us run: so it is looked at once more.
    lock_order::point();
    running_.store(false);
    lock_order::point();
    bool taken = false;
    on = !stop_.load() && wanted() && running_.compare_exchange_strong(taken, true);
  }
  ended();
}

void Worker::sleep_until(std::int64_t until_ns) noexcept {
  std::unique_lock held(sleep_lock_);
  for (std::int64_t left_ns; !stopping() && !woken_ && (left_ns = until_ns - monotonic_ns()) > 0;) {
    sleep_lock_.wait_for(wake_up_, std::chrono::nanoseconds(left_ns));
  }
  woken_ = woken_urgently_ = false;
}

void Worker::wake(bool urgent) noexcept {
  {
    const std::lock_guard held(sleep_lock_);
    if (woken_ && (woken_urgently_ || !urgent)) return;
    woken_ = true;
    woken_urgently_ = woken_urgently_ || urgent;
  }
  wake_up_.notify_one();
}

void Worker::stop_for_good() noexcept {
  const std::lock_guard held(control_lock_);
  ended_for_good_ = true;
  if (!joinable_) return;
  stop_.store(true, std::memory_order_release);
  wake(true);
  join();
}

void Worker::join() noexcept {
  const lock_order::Joining joining;
  ::pthread_join(thread_, nullptr);
  joinable_ = false;
}

int Worker::start_error() noexcept {
  const std::lock_guard held(control_lock_);
  return start_error_;
}

bool Worker::ended_for_good() noexcept {
  const std::lock_guard held(control_lock_);
  return ended_for_good_;
}

std::int64_t Worker::cpu_ns() noexcept {
  const std::lock_guard held(control_lock_);
  clockid_t clock{};
  timespec used{};
  if (!joinable_ || !running() || ::pthread_getcpuclockid(thread_, &clock) != 0 ||
      ::clock_gettime(clock, &used) != 0) {
    return 0;
  }
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

void Worker::unlock_sleep_after_fork(bool in_child) noexcept {
  if (in_child) {
    // The thread stayed behind with the parent, and so did what it slept on.
    joinable_ = false;
    running_.store(false, std::memory_order_release);
    std::construct_at(&wake_up_);  // the parent's thread counts as waiting on this copy
    woken_ = woken_urgently_ = false;
  }
  sleep_lock_.unlock();
}

}  // namespace warden
