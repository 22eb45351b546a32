#include "activity.hpp"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace warden {
namespace {

constexpr std::uint32_t kTruncated = std::uint32_t{1} << 31;
/// Torn reads in a row after which a reader gives up: a writer needs about 50 ns for a text, a reader 100 ns.
constexpr int kAttempts = 16;

}  // namespace

bool Activity::holds(const char* sql) const noexcept {
  // Only the connection's own thread writes the words, and it is the one that reads them here.
  const std::size_t size = sql_bytes_.load(std::memory_order_relaxed) & ~kTruncated;
  return sql != nullptr && size < kSqlBytes &&
         ::strncmp(sql, reinterpret_cast<const char*>(text_of(size)), size) == 0 && sql[size] == '\0';
}

void Activity::put_text(const char* sql) noexcept {
  std::size_t size = sql == nullptr ? 0 : ::strnlen(sql, kSqlBytes);
  if (size > kShortBytes && long_text_.load(std::memory_order_relaxed) == nullptr) {
    auto* made = new (std::nothrow) LongText{};
    if (made == nullptr) {
      size = kShortBytes;
    } else {
      long_text_.store(made, std::memory_order_release);
    }
  }
  Word* const words =
      size <= kShortBytes ? short_text_.data() : long_text_.load(std::memory_order_relaxed)->data();
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, sql + at, size - at < 8 ? size - at : 8);
    words[at / 8].store(word, std::memory_order_release);
  }
  const bool truncated = size >= kShortBytes && sql[size] != '\0';
  sql_bytes_.store(static_cast<std::uint32_t>(size) | (truncated ? kTruncated : 0),
                   std::memory_order_release);
}

void Activity::publish(const Frame& frame) noexcept {
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  published_ = frame.statement;
  if (!holds(frame.sql)) put_text(frame.sql);
  publish_times(frame);
  version_.store(version + 2, std::memory_order_release);
}

void Activity::publish_times(const Frame& frame) noexcept {
  seq_.store(frame.seq, std::memory_order_release);
  started_ns_.store(frame.started_ns, std::memory_order_release);
  if ((frame.timeout_ns | timeout_ns_.load(std::memory_order_relaxed)) == 0) return;
  timeout_ns_.store(frame.timeout_ns, std::memory_order_release);
  deadline_ns_.store(frame.timeout_ns == 0 ? 0 : frame.started_ns + frame.timeout_ns,
                     std::memory_order_relaxed);
}

void Activity::begin(const void* statement, const char* sql, std::int64_t now_ns,
                     const Traits& traits) noexcept {
  if (const std::int64_t since_ns = suspended_ns_.load(std::memory_order_relaxed); since_ns != 0)
    forget(since_ns);
  // One that runs can't begin: what seems to, at the same address, is over, and its end was not told.
  if (depth_ > 0) drop_ended(now_ns, [&](const void* other) { return other == statement; });
  const std::uint64_t writes = traits.writes ? kWrites : 0;
  if (depth() > 0 && writes != 0) state_.fetch_or(writes, std::memory_order_relaxed);
  if (depth_ == kNearFrames && far_ == nullptr)
    far_.reset(new (std::nothrow) std::array<Frame, kFrames - kNearFrames>{});
  if (depth_ == (far_ == nullptr ? kNearFrames : kFrames)) {
    ++uncounted_;
    return;
  }
  Frame& frame = this->frame(depth_++);
  frame.statement = statement;
  frame.sql = sql;
  frame.seq = ++last_seq_;
  frame.started_ns = now_ns;
  frame.timeout_ns = traits.timeout_ns;
  frame.mark = traits.mark;
  if (depth() > 1) {
    if (statement == published_) published_ = nullptr;  // another one, perhaps, at the same address
    return;
  }
  // The kernel's thread id costs a system call; the C library's comes from a register and tells when it
  // changed.
  if (const auto self = static_cast<unsigned long>(::pthread_self()); self != thread_) {
    thread_ = self;
    thread_id_.store(::gettid(), std::memory_order_relaxed);
  }
  if (traits.mark.slot >= 0 && statement == published_) {
    publish_times(frame);  // the same prepared statement again: its text is there
  } else {
    publish(frame);
  }
  lock_order::point();
  // Nothing ran, so nobody can hold a claim: no exchange is needed.
  state_.store(static_cast<std::uint64_t>(frame.seq) << kSeqShift | kRunning | writes,
               std::memory_order_release);
}

Activity::Ended Activity::end(const void* statement, std::int64_t now_ns) noexcept {
  if (suspended()) suspended_ns_.store(0, std::memory_order_relaxed);
  int i = depth_ - 1;
  while (i >= 0 && frame(i).statement != statement) --i;
  if (i < 0) {
    if (uncounted_ > 0) {
      --uncounted_;
      if (depth() == 0) note_end(now_ns);
    }
    return {};
  }
  const Frame& of = frame(i);
  Ended ended{now_ns - of.started_ns, of.seq, false, of.sql, of.mark};
  drop(i, now_ns);
  ended.interrupted = interrupted_seq() == ended.statement_seq;
  return ended;
}

void Activity::drop(int gap, std::int64_t now_ns) noexcept {
  --depth_;
  if (depth() == 0) {
    note_end(now_ns);
  } else {
    close_up(gap);
  }
}

void Activity::close_up(int gap) noexcept {
  for (int k = gap; k < depth_; ++k) frame(k) = frame(k + 1);
  if (gap > 0) return;
  if (depth_ > 0) {
    const std::uint64_t writes = state_.load(std::memory_order_relaxed) & kWrites;
    publish(near_[0]);
    leave_for(static_cast<std::uint64_t>(near_[0].seq) << kSeqShift | kRunning | writes);
    return;
  }
  // What still runs has no frame: it gets a number, so that nobody takes it for the one that ended, and no deadline.
  seq_.store(++last_seq_, std::memory_order_relaxed);
  timeout_ns_.store(0, std::memory_order_relaxed);
  deadline_ns_.store(0, std::memory_order_relaxed);
  leave_for(static_cast<std::uint64_t>(last_seq_) << kSeqShift | kRunning | kWrites);
}

void Activity::suspend(std::int64_t now_ns) noexcept {
  suspended_ns_.store(now_ns, std::memory_order_relaxed);
}

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
  lock_order::point();
  const std::uint64_t before = state_.exchange(next, std::memory_order_acq_rel);
  if ((before & kClaimed) == 0) return;
  // It is being interrupted at this moment. The interrupt must come before the next statement can begin.
  const auto seq = static_cast<std::int64_t>(before >> kSeqShift);
  while (unclaimed_seq_.load(std::memory_order_acquire) != seq) {
    if (!lock_order::must_wait()) ::sched_yield();
  }
}

bool Activity::claim(std::int64_t seq, bool writers) noexcept {
  lock_order::point();
  std::uint64_t state = state_.load(std::memory_order_acquire);
  do {
    if (static_cast<std::int64_t>(state >> kSeqShift) != seq || (state & kRunning) == 0) return false;
    if ((state & kClaimed) != 0 || (!writers && (state & kWrites) != 0)) return false;
  } while (!state_.compare_exchange_weak(state, state | kClaimed, std::memory_order_acq_rel));
  return true;
}

void Activity::unclaim(std::int64_t seq) noexcept {
  lock_order::point();
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
      const Word* words = text_of(size);
      for (std::size_t at = 0; at < size; at += 8) {
        const std::uint64_t word = words[at / 8].load(std::memory_order_acquire);
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
