// Two stages, the same scripts: the first difference, with the shortest script found that still shows one.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "generator.hpp"
#include "stage.hpp"

namespace warden::test {
namespace {

/// So many scripts are asked for before the first answer is read: neither process waits for the other.
constexpr std::int64_t kAhead = 8;
/// A difference that hangs on time may not show each time.
constexpr int kTries = 3;
constexpr auto kShrinkTime = std::chrono::seconds(60);

std::map<std::string, std::string> files_of(const std::string& directory, bool uses_wal) {
  std::map<std::string, std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
    if (entry.path().string().ends_with("-shm")) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string& bytes = files[entry.path().filename().string()];
    bytes = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!uses_wal) continue;
    if (entry.path().string().find(".db-") == std::string::npos) {
      hide_change_counter(bytes);
    } else {
      bytes.assign(bytes.size(), '\0');  // journals that were kept hold pages of that header
    }
  }
  return files;
}

std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a);
  std::istringstream right(b);
  std::string step, one, other;
  const auto next = [](std::istringstream& in) {
    std::string line;
    return std::getline(in, line) ? line : "(end)";
  };
  do {
    one = next(left);
    other = next(right);
    if (one.starts_with("#")) step = one;
  } while (one == other && left);
  // With the lines that follow: there the connection says why.
  std::string text = "at step " + step;
  for (int i = 0; i < 3; ++i, one = next(left), other = next(right))
    text += "\n  without warden: " + one + "\n  with warden:    " + other;
  return text;
}

class Pair {
 public:
  Pair(Mode mode, const std::string& directory, Stage::Warden other)
      : mode_(mode),
        without(mode, Stage::Warden::without, directory + "/a"),
        with(mode, other, directory + "/b") {}

  void ask(std::uint64_t seed, const std::vector<std::uint32_t>& kept = {}) {
    without.ask(seed, kept);
    with.ask(seed, kept);
  }
  std::string difference(std::uint64_t seed, std::int64_t& bytes) {
    const std::string one = without.answer();
    const std::string other = with.answer();
    return test::difference(one, other, without.directory_of(seed), with.directory_of(seed),
                            make_script(seed, mode_).uses_wal, bytes);
  }

  Mode mode_;
  Stage without, with;
};

/// Drops steps as long as the rest still shows a difference.
std::string shrunk(Mode mode, std::uint64_t seed, const std::string& directory, Stage::Warden other,
                   const std::string& first) {
  const Script script = make_script(seed, mode);
  std::vector<std::uint32_t> kept(script.steps.size());
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = static_cast<std::uint32_t>(i);
  const auto until = std::chrono::steady_clock::now() + kShrinkTime;
  std::string last = first;
  try {
    Pair pair(mode, directory, other);
    std::int64_t bytes = 0;
    const auto differs = [&](const std::vector<std::uint32_t>& steps) {
      for (int i = 0; i < kTries; ++i) {
        pair.ask(seed, steps);
        if (std::string found = pair.difference(seed, bytes); !found.empty()) return last = found, true;
      }
      return false;
    };
    for (std::size_t piece = kept.size() / 2; piece > 0; piece /= 2) {
      for (std::size_t at = 0; at < kept.size() && kept.size() > piece;) {
        if (std::chrono::steady_clock::now() > until) break;
        std::vector<std::uint32_t> fewer = kept;
        const auto from = fewer.begin() + static_cast<std::ptrdiff_t>(at);
        fewer.erase(from, from + static_cast<std::ptrdiff_t>(std::min(piece, fewer.size() - at)));
        if (differs(fewer)) {
          kept = fewer;
        } else {
          at += piece;
        }
      }
    }
  } catch (const std::exception& e) {
    last += std::string("\n(while it was made shorter: ") + e.what() + ")";
  }
  std::string text = "TEST_SEED=" + std::to_string(seed) + ", mode " + name_of(mode) + ": " + last +
                     "\nthe script (" + std::to_string(kept.size()) + " of " +
                     std::to_string(script.steps.size()) + " steps):\n";
  for (const std::uint32_t i : kept)
    text += "  #" + std::to_string(i) + " " + text_of(script.steps[i]) + "\n";
  return text;
}

}  // namespace

std::string scratch_directory() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code none;
  const bool in_memory = std::filesystem::is_directory(memory, none) && ::access(memory.c_str(), W_OK) == 0;
  std::string pattern =
      ((in_memory ? memory : std::filesystem::temp_directory_path()) / "warden-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  return pattern;
}

std::string difference(const std::string& without, const std::string& with,
                       const std::string& directory_without, const std::string& directory_with, bool uses_wal,
                       std::int64_t& bytes) {
  std::string found;
  if (without != with) found = first_difference(without, with);
  const auto one = files_of(directory_without, uses_wal);
  const auto other = files_of(directory_with, uses_wal);
  for (const auto& [name, content] : one) {
    bytes += static_cast<std::int64_t>(content.size());
    if (!found.empty()) continue;
    const auto at = other.find(name);
    if (at == other.end()) {
      found = "the file " + name + " is only there without warden";
    } else if (at->second != content) {
      const auto [a, b] = std::mismatch(content.begin(), content.end(), at->second.begin(), at->second.end());
      found = "the file " + name + " differs at byte " + std::to_string(a - content.begin()) + ", sizes " +
              std::to_string(content.size()) + " and " + std::to_string(at->second.size());
    }
  }
  for (const auto& [name, content] : other) {
    if (found.empty() && !one.contains(name)) found = "the file " + name + " is only there with warden";
  }
  std::error_code none;
  std::filesystem::remove_all(directory_without, none);
  std::filesystem::remove_all(directory_with, none);
  return found;
}

Comparison compare(Mode mode, std::uint64_t first_seed, std::int64_t scripts, std::int64_t seconds,
                   Stage::Warden other) {
  Comparison result;
  const std::string directory = scratch_directory();
  const auto begun = std::chrono::steady_clock::now();
  const auto goes_on = [&](std::int64_t asked) {
    if (seconds <= 0) return asked < scripts;
    return std::chrono::steady_clock::now() - begun < std::chrono::seconds(seconds);
  };
  std::uint64_t seed = first_seed;
  try {
    Pair pair(mode, directory, other);
    std::int64_t asked = 0;
    for (std::int64_t answered = 0; result.failure.empty(); ++answered, ++seed) {
      for (; asked < answered + kAhead && goes_on(asked); ++asked)
        pair.ask(first_seed + static_cast<std::uint64_t>(asked));
      if (asked == answered) break;
      result.failure = pair.difference(seed, result.bytes);
      ++result.comparisons;
    }
    if (result.failure.empty()) {
      result.figures = pair.without.end();
      pair.with.end(&result.events);
    } else {
      --seed;
    }
  } catch (const std::exception& e) {
    result.failure = e.what();
  }
  std::error_code none;
  std::filesystem::remove_all(directory, none);  // of a process that has ended early
  if (!result.failure.empty()) result.failure = shrunk(mode, seed, directory, other, result.failure);
  std::filesystem::remove_all(directory, none);
  return result;
}

}  // namespace warden::test
