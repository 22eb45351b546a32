#include "activity.hpp"

#include <pthread.h>
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

void Activity::publish(const Frame& frame) noexcept {
  const auto version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  if (!holds(frame.sql)) {
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
  version_.store(version + 2, std::memory_order_release);
}

void Activity::begin(const void* statement, const char* sql, std::int64_t now_ns) noexcept {
  if (depth_ == kFrames) {
    ++uncounted_;
    return;
  }
  Frame& frame = frames_[static_cast<std::size_t>(depth_++)];
  frame = {statement, sql, ++last_seq_, now_ns};
  if (depth_ > 1) return;
  // The kernel's thread id costs a system call; the C library's comes from a register and tells when it
  // changed.
  if (const auto self = static_cast<unsigned long>(::pthread_self()); self != thread_) {
    thread_ = self;
    thread_id_.store(::gettid(), std::memory_order_relaxed);
  }
  publish(frame);
  running_.store(true, std::memory_order_release);
}

std::int64_t Activity::end(const void* statement, std::int64_t now_ns) noexcept {
  for (int i = depth_ - 1; i >= 0; --i) {
    if (frames_[static_cast<std::size_t>(i)].statement != statement) continue;
    const std::int64_t elapsed_ns = now_ns - frames_[static_cast<std::size_t>(i)].started_ns;
    for (int k = i + 1; k < depth_; ++k)
      frames_[static_cast<std::size_t>(k - 1)] = frames_[static_cast<std::size_t>(k)];
    --depth_;
    if (depth() == 0) {
      note_end(now_ns);
    } else if (i == 0 && depth_ > 0) {
      publish(frames_[0]);
    }
    return elapsed_ns;
  }
  if (uncounted_ > 0) {
    --uncounted_;
    if (depth() == 0) note_end(now_ns);
  }
  return -1;
}

void Activity::forget(std::int64_t now_ns) noexcept {
  depth_ = 0;
  uncounted_ = 0;
  note_end(now_ns);
}

void Activity::note_end(std::int64_t now_ns) noexcept {
  ended_ns_.store(now_ns, std::memory_order_relaxed);
  running_.store(false, std::memory_order_release);
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
    if (version_.load(std::memory_order_relaxed) != version) continue;
    view.sql_bytes = sql == nullptr ? 0 : size;
    view.sql_truncated = (bytes & kTruncated) != 0;
    break;
  }
  if (view.statement_seq == 0) view.statement_seq = statement_seq();
  if (view.started_ns == 0) view.started_ns = started_ns_.load(std::memory_order_relaxed);
  view.running = running();
  view.in_transaction = in_transaction_.load(std::memory_order_relaxed);
  view.ended_ns = ended_ns();
  view.thread_id = thread_id_.load(std::memory_order_relaxed);
  return view;
}

}  // namespace warden
