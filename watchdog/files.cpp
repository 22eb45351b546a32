#include "files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

namespace warden {
namespace {

/// cgroup v1 prints LONG_MAX rounded down to a page when there is no limit, which depends on the page size;
/// from 2^62 on no value can be meant as a limit.
constexpr std::int64_t kNoLimitBytes = std::int64_t{1} << 62;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
bool is_space(char c) noexcept { return is_blank(c) || c == '\n' || c == '\r' || c == '\0'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

int open_for_reading(const char* path) noexcept {
  int fd = -1;
  do {
    // O_NONBLOCK: a FIFO in the place of a file must not stop the thread; files take no notice of it.
    fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

ssize_t read_some(int fd, char* data, std::size_t size) noexcept {
  ssize_t got = -1;
  do {
    got = ::read(fd, data, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

Files::Files(std::string root) : root_(std::move(root)) {}

bool Files::full_path(std::string_view path, std::span<char> out) const noexcept {
  if (out.size() <= root_.size() || out.size() - root_.size() <= path.size()) return false;
  std::copy(root_.begin(), root_.end(), out.begin());
  std::copy(path.begin(), path.end(), out.begin() + static_cast<std::ptrdiff_t>(root_.size()));
  out[root_.size() + path.size()] = '\0';
  return true;
}

bool Files::read(const char* path, std::span<char> buffer, std::size_t& length) const noexcept {
  length = 0;
  std::array<char, kPathCapacity> full;
  errno = ENAMETOOLONG;
  if (!full_path(path, full)) return false;
  const int fd = open_for_reading(full.data());
  if (fd < 0) return false;
  bool good = true;
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = read_some(fd, buffer.data() + filled, buffer.size() - filled);
    if (got <= 0) {
      good = got == 0;
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  // Not repeated on EINTR: Linux has released the descriptor by then, and another thread may have been given
  // it.
  ::close(fd);
  if (good) length = filled;
  return good;
}

std::string Files::read_all(const char* path, std::size_t limit_bytes) const {
  std::array<char, kPathCapacity> full;
  if (!full_path(path, full)) return {};
  std::string text;
  text.reserve(
      std::min<std::size_t>(limit_bytes, 16384));  // before the open: from here on only append can throw
  const int fd = open_for_reading(full.data());
  if (fd < 0) return {};
  try {
    std::array<char, 4096> chunk;
    while (text.size() < limit_bytes) {
      const ssize_t got = read_some(fd, chunk.data(), std::min(chunk.size(), limit_bytes - text.size()));
      if (got < 0) text.clear();
      if (got <= 0) break;
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
  } catch (...) {
    ::close(fd);
    throw;
  }
  ::close(fd);
  return text;
}

bool Files::exists(const char* path) const noexcept {
  std::array<char, kPathCapacity> full;
  return full_path(path, full) && ::access(full.data(), F_OK) == 0;
}

int unreadable_error() noexcept { return errno == ENOENT || errno == ENOTDIR || errno == ENODEV ? 0 : errno; }

std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size() && is_blank(text[at])) ++at;
  const std::size_t first = at;
  std::int64_t value = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    const std::int64_t digit = text[at] - '0';
    if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (at == first || (at < text.size() && !is_space(text[at]))) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_limit(std::string_view text) noexcept {
  const auto value =
      parse_integer(text);  // "max" is no integer, and 2^64 - 1 of old kernels exceeds INT64_MAX
  if (!value || *value == 0 || *value >= kNoLimitBytes) return std::nullopt;
  return value;
}

std::optional<std::int64_t> find_kilobytes(std::string_view text, std::string_view key) noexcept {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    const auto kilobytes = parse_integer(line);
    if (!kilobytes || *kilobytes > std::numeric_limits<std::int64_t>::max() / 1024) return std::nullopt;
    return *kilobytes * 1024;
  }
  return std::nullopt;
}

std::string_view take_line(std::string_view& text) noexcept {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string_view take_word(std::string_view& text) noexcept {
  std::size_t begin = 0;
  while (begin < text.size() && is_blank(text[begin])) ++begin;
  std::size_t end = begin;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

}  // namespace warden
