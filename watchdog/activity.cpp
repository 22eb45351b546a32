#include "activity.hpp"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <cstring>

namespace warden {
namespace {

constexpr std::uint32_t kTruncated = std::uint32_t{1} << 31;
/// Torn reads in a row after which a reader gives up: a writer needs about 50 ns for a text, a reader 100 ns.
constexpr int kAttempts = 16;

}  // namespace

bool Activity::holds(const char* sql) const noexcept {
  // Only the connection's own thread writes the words, and it is the one that reads them here.
  return sql != nullptr && sql_bytes_.load(std::memory_order_relaxed) < kSqlBytes &&
         ::strncmp(sql, reinterpret_cast<const char*>(words_.data()), kSqlBytes) == 0;
}

void Activity::publish(const Frame& frame, bool same_text) noexcept {
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  published_ = frame.statement;
  if (!same_text && !holds(frame.sql)) {
    const std::size_t size = frame.sql == nullptr ? 0 : ::strnlen(frame.sql, kSqlBytes);
    for (std::size_t at = 0; at < size; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, frame.sql + at, size - at < 8 ? size - at : 8);
      words_[at / 8].store(word, std::memory_order_release);
    }
    // The terminator, for holds(): inside the last word, or in one of its own.
    if (size % 8 == 0 && size < kSqlBytes) words_[size / 8].store(0, std::memory_order_release);
    const bool truncated = size == kSqlBytes && frame.sql[size] != '\0';
    sql_bytes_.store(static_cast<std::uint32_t>(size) | (truncated ? kTruncated : 0),
                     std::memory_order_release);
  }
  seq_.store(frame.seq, std::memory_order_release);
  started_ns_.store(frame.started_ns, std::memory_order_release);
  timeout_ns_.store(frame.timeout_ns, std::memory_order_release);
  version_.store(version + 2, std::memory_order_release);
  deadline_ns_.store(frame.timeout_ns == 0 ? 0 : frame.started_ns + frame.timeout_ns, std::memory_order_relaxed);
}

void Activity::begin(const void* statement, const char* sql, std::int64_t now_ns,
                     const Traits& traits) noexcept {
  if (const std::int64_t since_ns = suspended_ns_.load(std::memory_order_relaxed); since_ns != 0) forget(since_ns);
  const std::uint64_t writes = traits.writes ? kWrites : 0;
  if (depth_ > 0 && writes != 0) state_.fetch_or(writes, std::memory_order_relaxed);
  if (depth_ == kFrames) {
    ++uncounted_;
    return;
  }
  Frame& frame = frames_[static_cast<std::size_t>(depth_++)];
  frame = {statement, sql, ++last_seq_, now_ns, traits.timeout_ns, traits.mark};
  if (depth_ > 1) {
    if (statement == published_) published_ = nullptr;  // another one, perhaps, at the same address
    return;
  }
  // The kernel's thread id costs a system call; the C library's comes from a register and tells when it
  // changed.
  if (const auto self = static_cast<unsigned long>(::pthread_self()); self != thread_) {
    thread_ = self;
    thread_id_.store(::gettid(), std::memory_order_relaxed);
  }
  publish(frame, traits.mark.slot >= 0 && statement == published_);
  // Nothing ran, so nobody can hold a claim: no exchange is needed.
  state_.store(static_cast<std::uint64_t>(frame.seq) << kSeqShift | kRunning | writes, std::memory_order_release);
}

Activity::Ended Activity::end(const void* statement, std::int64_t now_ns) noexcept {
  suspended_ns_.store(0, std::memory_order_relaxed);
  for (int i = depth_ - 1; i >= 0; --i) {
    const Frame frame = frames_[static_cast<std::size_t>(i)];
    if (frame.statement != statement) continue;
    for (int k = i + 1; k < depth_; ++k)
      frames_[static_cast<std::size_t>(k - 1)] = frames_[static_cast<std::size_t>(k)];
    --depth_;
    if (depth() == 0) {
      note_end(now_ns);
    } else if (i == 0 && depth_ > 0) {
      const std::uint64_t writes = state_.load(std::memory_order_relaxed) & kWrites;
      publish(frames_[0], false);
      leave_for(static_cast<std::uint64_t>(frames_[0].seq) << kSeqShift | kRunning | writes);
    } else if (depth_ == 0) {
      // What still runs has no frame: it gets a number, so that nobody takes it for the one that ended, and no deadline.
      seq_.store(++last_seq_, std::memory_order_relaxed);
      deadline_ns_.store(0, std::memory_order_relaxed);
      leave_for(static_cast<std::uint64_t>(last_seq_) << kSeqShift | kRunning | kWrites);
    }
    return {now_ns - frame.started_ns, frame.seq, interrupted_seq() == frame.seq, frame.sql, frame.mark};
  }
  if (uncounted_ > 0) {
    --uncounted_;
    if (depth() == 0) note_end(now_ns);
  }
  return {};
}

void Activity::suspend(std::int64_t now_ns) noexcept { suspended_ns_.store(now_ns, std::memory_order_relaxed); }

void Activity::forget(std::int64_t now_ns) noexcept {
  depth_ = 0;
  uncounted_ = 0;
  suspended_ns_.store(0, std::memory_order_relaxed);
  note_end(now_ns);
}

void Activity::note_end(std::int64_t now_ns) noexcept {
  ended_ns_.store(now_ns, std::memory_order_relaxed);
  leave_for(static_cast<std::uint64_t>(seq_.load(std::memory_order_relaxed)) << kSeqShift);
}

void Activity::set_in_transaction(bool open) noexcept {
  if (open == in_transaction_.load(std::memory_order_relaxed)) return;
  if (open) transactions_.fetch_add(1, std::memory_order_relaxed);
  in_transaction_.store(open, std::memory_order_relaxed);
}

void Activity::leave_for(std::uint64_t next) noexcept {
  const std::uint64_t before = state_.exchange(next, std::memory_order_acq_rel);
  if ((before & kClaimed) == 0) return;
  // It is being interrupted at this moment. The interrupt must come before the next statement can begin.
  const auto seq = static_cast<std::int64_t>(before >> kSeqShift);
  while (unclaimed_seq_.load(std::memory_order_acquire) != seq) ::sched_yield();
}

bool Activity::claim(std::int64_t seq, bool writers) noexcept {
  std::uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (static_cast<std::int64_t>(state >> kSeqShift) != seq || (state & kRunning) == 0) return false;
    if ((state & kClaimed) != 0 || (!writers && (state & kWrites) != 0)) return false;
  } while (!state_.compare_exchange_weak(state, state | kClaimed, std::memory_order_acq_rel));
  return true;
}

void Activity::unclaim(std::int64_t seq) noexcept {
  std::uint64_t state = state_.load(std::memory_order_acquire);
  while (static_cast<std::int64_t>(state >> kSeqShift) == seq && (state & kClaimed) != 0) {
    if (state_.compare_exchange_weak(state, state & ~kClaimed, std::memory_order_acq_rel)) return;
  }
  unclaimed_seq_.store(seq, std::memory_order_release);  // it has ended meanwhile, and waits for this
}

Activity::View Activity::look(std::array<char, kSqlBytes>* sql) const noexcept {
  View view{};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto version = version_.load(std::memory_order_acquire);
    if ((version & 1U) != 0) continue;
    const std::uint32_t bytes = sql_bytes_.load(std::memory_order_acquire);
    const std::size_t size = bytes & ~kTruncated;
    if (sql != nullptr) {
      for (std::size_t at = 0; at < size; at += 8) {
        const std::uint64_t word = words_[at / 8].load(std::memory_order_acquire);
        std::memcpy(sql->data() + at, &word, 8);
      }
    }
    view.statement_seq = seq_.load(std::memory_order_acquire);
    view.started_ns = started_ns_.load(std::memory_order_acquire);
    view.timeout_ns = timeout_ns_.load(std::memory_order_acquire);
    if (version_.load(std::memory_order_relaxed) != version) continue;
    view.sql_bytes = sql == nullptr ? 0 : size;
    view.sql_truncated = (bytes & kTruncated) != 0;
    break;
  }
  if (view.statement_seq == 0) view.statement_seq = statement_seq();
  if (view.started_ns == 0) view.started_ns = started_ns_.load(std::memory_order_relaxed);
  view.running = running();
  view.writes = view.running && writes();
  view.in_transaction = in_transaction_.load(std::memory_order_relaxed);
  view.ended_ns = ended_ns();
  view.thread_id = thread_id_.load(std::memory_order_relaxed);
  return view;
}

}  // namespace warden
