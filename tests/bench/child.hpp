// Fresh processes: what is measured has a heap and a SQLite of its own, with nothing of the last measurement in it.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace warden::bench {

/// Something that keeps a benchmark from being run here; not a failure of it.
class Skip : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// key=value arguments of a child.
class Parameters {
 public:
  using Map = std::map<std::string, std::string, std::less<>>;
  Parameters(std::initializer_list<Map::value_type> given) : given_(given) {}
  explicit Parameters(Map given) : given_(std::move(given)) {}
  /// Throws std::runtime_error for one that is missing.
  const std::string& text(std::string_view key) const;
  long number(std::string_view key) const;
  bool is(std::string_view key, std::string_view value) const { return text(key) == value; }
  const Map& all() const noexcept { return given_; }

 private:
  Map given_;
};

/// What a child said.
class Numbers {
 public:
  void add(const std::string& name, double value) { said_[name] = value; }
  /// Throws std::runtime_error for a number that was not said.
  double operator[](std::string_view name) const;

 private:
  std::map<std::string, double, std::less<>> said_;
};

/// In a child: says a number.
void say(std::string_view name, double value);

/// A process at the other end of two pipes; its errors go where ours go. It ends when this program ends.
class Child {
 public:
  /// Throws std::runtime_error where the program can't be started.
  explicit Child(const std::vector<std::string>& command);
  /// Closes its input and waits for its end.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void write(std::string_view text);
  /// The next line of its output, or nothing: at the end (`ended()` is then true), or after `wait_ms` (-1: no limit).
  std::optional<std::string> line(int wait_ms = -1);
  bool ended() const noexcept { return ended_; }
  /// Reads `name value` lines to the end. Throws std::runtime_error if the process failed.
  Numbers numbers();
  /// Closes its input, waits for its end, and throws std::runtime_error if it failed.
  void finish();

 private:
  int wait() noexcept;

  std::string name_;
  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  bool ended_ = false;
  std::string read_;
};

/// `--child name key=value ...` of this program, after `before` (valgrind and its options).
std::vector<std::string> child_command(std::string_view name, const Parameters& given,
                                       std::vector<std::string> before = {});

}  // namespace warden::bench
