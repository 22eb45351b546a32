#include "pressure.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "utf8.hpp"

namespace warden {
namespace {

/// 200 ms of stalls in 2 s. Unprivileged processes may only use windows that are a multiple of 2 s
/// (Linux 6.4, commit d82caa27); 10 % is what systemd asks for by default (100 ms in 1 s). The array's
/// terminating NUL is written too: the kernel overwrites the last byte with one.
constexpr char kTrigger[] = "some 200000 2000000";

/// The most that $MEMORY_PRESSURE_WRITE may decode to. A PSI trigger has at most 31 bytes (the kernel's
/// buffer).
constexpr std::size_t kWriteCapacity = 512;

/// A FIFO or socket that has more than this to say at once is no signal: twice a pipe's default capacity
/// (pipe(7)).
constexpr std::size_t kFloodBytes = std::size_t{128} << 10;

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags) noexcept {
  int fd = -1;
  do {
    fd = ::open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

/// One write, all or nothing: a trigger in two parts would be two triggers. errno tells why not. To a socket it is a
/// send, so that a peer that is gone sends no SIGPIPE to a process that is not ours.
bool write_once(int fd, std::span<const char> data, bool socket = false) noexcept {
  if (data.empty()) return true;
  ssize_t written = -1;
  do {
    written =
        socket ? ::send(fd, data.data(), data.size(), MSG_NOSIGNAL) : ::write(fd, data.data(), data.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) return false;
  errno = EIO;
  return static_cast<std::size_t>(written) == data.size();
}

/// A percentage as PSI prints it ("12.34"), as a ratio from 0 to 1.
std::optional<double> parse_percentage(std::string_view text) noexcept {
  double value = 0;
  double unit = 1;
  bool fraction = false;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '.' && !fraction && digits > 0) {
      fraction = true;
    } else if (c >= '0' && c <= '9' && digits < 12) {
      if (fraction) unit /= 10;
      value = fraction ? value + (c - '0') * unit : value * 10 + (c - '0');
      ++digits;
    } else {
      return std::nullopt;
    }
  }
  if (digits == 0) return std::nullopt;
  return std::min(value / 100, 1.0);
}

std::optional<double> avg10_of(std::string_view line) noexcept {
  constexpr std::string_view kKey = "avg10=";
  std::string_view word = take_word(line);
  if (!word.starts_with(kKey)) return std::nullopt;
  word.remove_prefix(kKey.size());
  return parse_percentage(word);
}

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

/// The way to an object that an O_PATH descriptor stands for, without following its path again.
struct DescriptorPath {
  explicit DescriptorPath(int fd) noexcept {
    std::snprintf(text.data(), text.size(), "/proc/self/fd/%d", fd);
  }
  std::array<char, 32> text;
};

/// Connects to the socket that `path_fd` stands for; by way of /proc, since sun_path holds only 108 bytes.
int connect_stream(int path_fd) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const DescriptorPath way(path_fd);
  static_assert(sizeof(address.sun_path) >= sizeof(way.text));
  std::copy(way.text.begin(), way.text.end(), address.sun_path);
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return -1;
  // Not repeated on EINTR or EAGAIN: a non-blocking connect to an AF_UNIX socket is done or has failed (full
  // queue).
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return fd.release();
}

}  // namespace

std::optional<Pressure> parse_pressure(std::string_view text) noexcept {
  Pressure pressure;
  bool some = false;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    const std::string_view kind = take_word(line);
    if (kind != "some" && kind != "full") continue;
    const auto ratio = avg10_of(line);
    if (!ratio) return std::nullopt;
    if (kind == "some") {
      pressure.some_avg10_ratio = *ratio;
      some = true;
    } else {
      pressure.full_avg10_ratio = *ratio;
    }
  }
  if (!some) return std::nullopt;
  return pressure;
}

std::optional<std::size_t> decode_base64(std::string_view text, std::span<char> out) noexcept {
  unsigned bits = 0;
  std::size_t characters = 0;
  std::size_t padding = 0;
  std::size_t length = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    const int value = base64_value(c);
    if (value < 0 && c != '=') return std::nullopt;
    if (value >= 0 && padding > 0) return std::nullopt;
    if (value < 0 && ++padding > 2) return std::nullopt;
    bits = ((bits << 6) | static_cast<unsigned>(std::max(value, 0))) & 0xffffff;
    if (++characters % 4 != 0) continue;
    const std::array<unsigned, 3> bytes = {bits >> 16, (bits >> 8) & 0xff, bits & 0xff};
    for (std::size_t i = 0; i < 3 - padding; ++i) {
      if (length == out.size()) return std::nullopt;
      out[length++] = static_cast<char>(bytes[i]);
    }
  }
  if (characters % 4 != 0) return std::nullopt;
  return length;
}

PressureRequest PressureRequest::from_environment() noexcept {
  return {::secure_getenv("MEMORY_PRESSURE_WATCH"), ::secure_getenv("MEMORY_PRESSURE_WRITE")};
}

void PressureWatch::open(const Files& files, const std::string& cgroup_pressure_path,
                         PressureRequest request) noexcept {
  close();
  if (request.watch != nullptr) {
    const std::string_view path(request.watch);
    if (path.empty() || path == "/dev/null")
      return say({"not watched: switched off by $MEMORY_PRESSURE_WATCH"});
    if (open_request(files, request)) return;
  }
  // Why a request was refused stays in front of what is watched in its place.
  const auto refusal = status_;
  const std::string_view before = request.watch != nullptr ? refusal.data() : "";
  const std::string_view link = request.watch != nullptr ? "; " : "";
  const std::span<const char> trigger(kTrigger);
  if (!cgroup_pressure_path.empty() && open_psi(files, cgroup_pressure_path.c_str(), trigger) == nullptr) {
    return say({before, link, "watches the cgroup's memory.pressure"});
  }
  const char* why = open_psi(files, "/proc/pressure/memory", trigger);
  if (why == nullptr) return say({before, link, "watches /proc/pressure/memory"});
  starved_ = request.watch == nullptr && (errno == EMFILE || errno == ENFILE || errno == ENOMEM);
  say({before, link, "not watched: ", why});
}

void PressureWatch::remember() noexcept {
  struct stat about {};
  if (fd_ >= 0 && ::fstat(fd_, &about) == 0) {
    device_ = about.st_dev;
    inode_ = about.st_ino;
  }
}

bool PressureWatch::still_ours() const noexcept {
  struct stat about {};
  return ::fstat(fd_, &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
}

void PressureWatch::close() noexcept {
  if (fd_ >= 0 && still_ours()) ::close(fd_);
  fd_ = -1;
  events_ = 0;
  starved_ = false;
  say({"not watched: closed"});
}

bool PressureWatch::open_request(const Files& files, PressureRequest request) noexcept {
  const auto refuse = [this](const char* why) {
    say({"$MEMORY_PRESSURE_WATCH refused: ", why});
    return false;
  };
  std::array<char, kWriteCapacity> decoded;
  std::span<const char> data;
  if (request.write != nullptr) {
    const auto length = decode_base64(request.write, decoded);
    if (!length) return refuse("$MEMORY_PRESSURE_WRITE is not base64 of at most 512 bytes");
    data = std::span<const char>(decoded.data(), *length);
  }
  std::array<char, kPathCapacity> full;
  if (request.watch[0] != '/') return refuse("not an absolute path");
  if (!files.full_path(request.watch, full)) return refuse("the path is too long");
  const Descriptor path(open_retrying(full.data(), O_PATH));  // touches nothing: not even a device or a FIFO
  if (path.get() < 0) return refuse(std::strerror(errno));
  struct stat about {};
  if (::fstat(path.get(), &about) != 0) return refuse(std::strerror(errno));

  if (S_ISREG(about.st_mode)) {
    if (data.empty())
      data = std::span<const char>(kTrigger);  // without a trigger poll() would only report errors
    const DescriptorPath way(path.get());
    if (const char* why = open_psi(Files(), way.text.data(), data)) return refuse(why);
  } else if (S_ISFIFO(about.st_mode)) {
    // For reading and writing if that is allowed: then the end of the last writer is no hang-up (fifo(7)).
    const DescriptorPath way(path.get());
    Descriptor fd(open_retrying(way.text.data(), O_RDWR));
    const bool writable = fd.get() >= 0;
    Descriptor fallback(writable ? -1 : open_retrying(way.text.data(), O_RDONLY));
    if (!writable && fallback.get() < 0) return refuse(std::strerror(errno));
    if (writable && !write_once(fd.get(), data)) return refuse(std::strerror(errno));
    fd_ = writable ? fd.release() : fallback.release();
    events_ = POLLIN;
    remember();
  } else if (S_ISSOCK(about.st_mode)) {
    Descriptor fd(connect_stream(path.get()));
    if (fd.get() < 0 || !write_once(fd.get(), data, true)) return refuse(std::strerror(errno));
    fd_ = fd.release();
    events_ = POLLIN;
    remember();
  } else {
    return refuse("neither a PSI file nor a FIFO nor a socket");
  }
  say({"watches $MEMORY_PRESSURE_WATCH: ", request.watch});
  return true;
}

const char* PressureWatch::open_psi(const Files& files, const char* path,
                                    std::span<const char> trigger) noexcept {
  std::array<char, 512> text;  // two lines of about 60 bytes
  std::size_t length = 0;
  if (!files.exists(path)) return "the kernel offers no pressure file (PSI)";
  if (!files.read(path, text, length)) {
    return errno == EMFILE || errno == ENFILE ? std::strerror(errno) : "the pressure file cannot be read";
  }
  errno = 0;
  if (!parse_pressure({text.data(), length})) return "not a pressure file";
  std::array<char, kPathCapacity> full;
  if (!files.full_path(path, full)) return "the path is too long";
  Descriptor fd(open_retrying(full.data(), O_RDWR));
  if (fd.get() < 0 || !write_once(fd.get(), trigger)) return std::strerror(errno);
  fd_ = fd.release();
  events_ = POLLPRI;
  remember();
  return nullptr;
}

bool PressureWatch::consume(short revents) noexcept {
  if (fd_ < 0 || revents == 0) return false;
  if (!still_ours()) {
    // The host has closed our number and somebody else may have it: forgotten, neither read nor closed.
    close();
    say({"not watched: the host has closed what was watched"});
    return false;
  }
  bool signalled = false;
  if (events_ == POLLIN && (revents & POLLIN) != 0) {
    signalled = drain();
  } else if (events_ == POLLPRI) {
    signalled = (revents & POLLPRI) != 0 && (revents & POLLERR) == 0;  // the two together: the cgroup is gone
  }
  if (fd_ >= 0 && (revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
    // POLLNVAL: somebody has closed our number. It may be anybody's by now, so it is forgotten, not closed.
    if ((revents & POLLNVAL) != 0) fd_ = -1;
    close();
    say({"not watched: what was watched has ended"});
  }
  return signalled;
}

bool PressureWatch::drain() noexcept {
  std::array<char, 4096> discarded;
  std::size_t total = 0;
  while (total <= kFloodBytes) {
    const ssize_t got = ::read(fd_, discarded.data(), discarded.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return total > 0;
    if (got <= 0) {
      close();
      say({"not watched: what was watched has ended"});
      return total > 0;
    }
    total += static_cast<std::size_t>(got);
  }
  close();
  say({"not watched: what was watched sent data without end"});
  return true;
}

void PressureWatch::say(std::initializer_list<std::string_view> parts) noexcept {
  constexpr std::size_t kLongestPart = 120;  // so that a long path cannot push out what follows it
  std::size_t length = 0;
  for (const std::string_view part : parts) {
    const std::size_t end = utf8_floor(part, std::min(kLongestPart, status_.size() - 1 - length));
    for (std::size_t at = 0; at < end;) {
      const std::size_t size = utf8_length(part, at);  // a path may have any bytes
      const std::string_view shown = size > 0 ? part.substr(at, size) : "?";
      length += shown.copy(status_.data() + length, shown.size());
      at += std::max<std::size_t>(size, 1);
    }
  }
  status_[length] = '\0';
}

}  // namespace warden
