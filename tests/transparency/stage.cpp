#include "stage.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "busy_warden.hpp"
#include "generator.hpp"
#include "player.hpp"

namespace warden::test {
namespace {

/// One script may take so long; then its process ends by SIGALRM, which is a failure.
constexpr unsigned kLongestScriptS = 60;

bool read_all(int file, void* to, std::size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::read(file, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int file, const void* from, std::size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = ::write(file, at, size);
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

bool write_text(int file, const std::string& text) {
  const std::uint64_t size = text.size();
  return write_all(file, &size, sizeof(size)) && write_all(file, text.data(), text.size());
}

struct Request {
  std::uint64_t seed;
  std::uint64_t kept;  // how many positions follow; 0 = the whole script
};
constexpr std::uint64_t kEnd =
    ~std::uint64_t{0};  // as `kept`: a pipe that closes says nothing, later children have it too

}  // namespace

Stage::Stage(Mode mode, Warden warden, std::string directory) : directory_(std::move(directory)) {
  int requests[2];
  int answers[2];
  if (::pipe2(requests, O_CLOEXEC) != 0 || ::pipe2(answers, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  std::fflush(nullptr);
  child_ = ::fork();
  if (child_ == 0) {
    ::close(requests[1]);
    ::close(answers[0]);
    child(mode, warden, requests[0], answers[1]);
  }
  ::close(requests[0]);
  ::close(answers[1]);
  requests_ = requests[1];
  answers_ = answers[0];
}

Stage::~Stage() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ::close(requests_);
  ::close(answers_);
}

void Stage::child(Mode mode, Warden warden, int requests, int answers) const {
  int status = 0;
  for (const int fatal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM})
    ::signal(fatal, SIG_DFL);  // not Boost's
  try {
    // Seeded alike, both processes give their temporary files the same names: each in a directory of its own.
    const std::string temporary = directory_ + "/temporary";
    std::filesystem::create_directories(temporary);
    ::setenv("SQLITE_TMPDIR", temporary.c_str(), 1);
    std::unique_ptr<BusyWarden> busy;
    if (warden == Warden::with) busy = std::make_unique<BusyWarden>(mode);
    if (warden == Warden::without && mode == Mode::limit) sqlite3_soft_heap_limit64(1);
    Transcript transcript;
    for (Request request; read_all(requests, &request, sizeof(request));) {
      if (request.kept == kEnd) break;
      std::vector<std::uint32_t> kept(request.kept);
      if (!read_all(requests, kept.data(), kept.size() * sizeof(kept[0]))) break;
      ::alarm(kLongestScriptS);
      const Script script = make_script(request.seed, mode);
      // Salts, nonces and the names of temporary files come from SQLite's own generator: the same one for each script.
      sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(request.seed % 1'000'000 + 1),
                           nullptr);
      transcript.hide(directory_of(request.seed));
      {
        Player player(script, directory_of(request.seed), transcript);
        if (kept.empty()) {
          for (std::size_t i = 0; i < script.steps.size(); ++i)
            player.play(static_cast<int>(i), script.steps[i]);
        } else {
          for (const std::uint32_t i : kept) player.play(static_cast<int>(i), script.steps.at(i));
        }
        player.end();
      }
      ::alarm(0);
      ++transcript.figures.scripts;
      if (!write_text(answers, transcript.take())) break;
    }
    const std::int64_t events = busy == nullptr ? 0 : busy->events();
    write_text(answers, std::to_string(events) + "\n" + transcript.figures.text());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "a process that plays scripts: %s\n", e.what());
    status = 99;
  }
  ::_exit(status);
}

void Stage::ask(std::uint64_t seed, const std::vector<std::uint32_t>& kept) {
  const Request request{seed, kept.size()};
  if (!write_all(requests_, &request, sizeof(request)) ||
      !write_all(requests_, kept.data(), kept.size() * sizeof(kept[0])))
    throw std::runtime_error("the process that plays scripts takes no more");
}

std::string Stage::answer() {
  std::uint64_t size = 0;
  std::string text;
  if (read_all(answers_, &size, sizeof(size))) {
    text.resize(size);
    if (read_all(answers_, text.data(), size)) return text;
  }
  int status = 0;
  ::waitpid(std::exchange(child_, -1), &status, 0);
  throw std::runtime_error("the process that plays scripts has ended with " +
                           (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                : "status " + std::to_string(WEXITSTATUS(status))));
}

Figures Stage::end(std::int64_t* events) {
  const Request request{0, kEnd};
  write_all(requests_, &request, sizeof(request));
  const std::string text = answer();
  int status = 0;
  ::waitpid(std::exchange(child_, -1), &status, 0);
  if (status != 0) throw std::runtime_error("a process that plays scripts has failed at its end");
  const std::size_t line = text.find('\n');
  if (events != nullptr) *events = std::stoll(text.substr(0, line));
  return Figures::of(text.substr(line + 1));
}

}  // namespace warden::test
