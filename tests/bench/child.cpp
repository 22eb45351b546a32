#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench.hpp"

namespace warden::bench {

const std::string& Parameters::text(std::string_view key) const {
  const auto found = given_.find(key);
  if (found == given_.end()) throw std::runtime_error("the child needs " + std::string(key) + "=");
  return found->second;
}

long Parameters::number(std::string_view key) const { return std::stol(text(key)); }

double Numbers::operator[](std::string_view name) const {
  const auto found = said_.find(name);
  if (found == said_.end()) throw std::runtime_error("the measured process did not say " + std::string(name));
  return found->second;
}

void say(std::string_view name, double value) {
  std::printf("%.*s %.17g\n", static_cast<int>(name.size()), name.data(), value);
  std::fflush(stdout);
}

Child::Child(const std::vector<std::string>& command) : name_(command.front()) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  int to[2];
  int from[2];
  if (::pipe2(to, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  if (::pipe2(from, O_CLOEXEC) != 0) {
    ::close(to[0]);
    ::close(to[1]);
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  }
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(to[0], STDIN_FILENO);
    ::dup2(from[1], STDOUT_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  in_ = to[1];
  out_ = from[0];
  if (pid_ < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
}

Child::~Child() {
  wait();
  if (out_ >= 0) ::close(out_);
}

void Child::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(in_, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) throw std::runtime_error(name_ + " takes no more input: " + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(size));
  }
}

std::optional<std::string> Child::line(int wait_ms) {
  for (;;) {
    if (const auto end = read_.find('\n'); end != std::string::npos) {
      std::string first = read_.substr(0, end);
      read_.erase(0, end + 1);
      return first;
    }
    pollfd ready{out_, POLLIN, 0};
    const int count = ::poll(&ready, 1, wait_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) return std::nullopt;
    char chunk[4096];
    const ssize_t size = ::read(out_, chunk, sizeof(chunk));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) {
      ended_ = true;
      return std::nullopt;
    }
    read_.append(chunk, static_cast<std::size_t>(size));
  }
}

Numbers Child::numbers() {
  Numbers said;
  while (const auto next = line()) {
    const auto space = next->find(' ');
    if (space == std::string::npos) throw std::runtime_error(name_ + " said: " + *next);
    said.add(next->substr(0, space), std::stod(next->substr(space + 1)));
  }
  finish();
  return said;
}

void Child::finish() {
  const int status = wait();
  if (status == 0) return;
  throw std::runtime_error(name_ + (WIFSIGNALED(status)
                                        ? std::string(" was ended by ") + strsignal(WTERMSIG(status))
                                        : " failed with " + std::to_string(WEXITSTATUS(status))));
}

int Child::wait() noexcept {
  if (in_ >= 0) ::close(in_);
  in_ = -1;
  if (pid_ < 0) return 0;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

std::vector<std::string> child_command(std::string_view name, const Parameters& given,
                                       std::vector<std::string> before) {
  static const std::string self = [] {
    char path[4096];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof(path));
    if (size <= 0) throw std::runtime_error("/proc/self/exe can't be read");
    return std::string(path, static_cast<std::size_t>(size));
  }();
  before.push_back(self);
  before.push_back("--child");
  before.emplace_back(name);
  for (const auto& [key, value] : given.all()) before.push_back(key + "=" + value);
  return before;
}

Numbers measure(const Benchmark& benchmark, const Parameters& given) {
  return Child(child_command(benchmark.name, given)).numbers();
}

}  // namespace warden::bench
