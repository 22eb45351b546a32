// All that a host sees while it plays a script, as text, and what that reached, as figures.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace warden::test {

/// FNV-1a: to put long values and long results into one line.
class Digest {
 public:
  void add(const void* bytes, std::size_t size) {
    const auto* at = static_cast<const unsigned char*>(bytes);
    for (std::size_t i = 0; i < size; ++i) hash_ = (hash_ ^ at[i]) * 1099511628211U;
  }
  void add(std::string_view text) { add(text.data(), text.size()); }
  std::string text() const {
    char out[20];
    std::snprintf(out, sizeof(out), "%016llx", static_cast<unsigned long long>(hash_));
    return out;
  }

 private:
  std::uint64_t hash_ = 14695981039346656037U;
};

/// What scripts reached, added up: a generator that stopped reaching it would prove nothing.
struct Figures {
  std::int64_t scripts = 0;
  std::int64_t statements = 0;                    // that were run to an end, good or bad
  std::map<std::string, std::int64_t> kinds;      // steps of this kind that succeeded
  std::map<std::string, std::int64_t> tried;      // and all
  std::map<int, std::int64_t> codes;              // extended result codes
  std::map<std::string, std::int64_t> callbacks;  // calls of the host's callbacks
  std::set<std::string> opcodes;                  // as EXPLAIN shows them

  void add(const Figures& other);
  std::string text() const;
  static Figures of(const std::string& text);
};

class Transcript {
 public:
  Figures figures;

  void line(std::string_view text) {
    text_ += text;
    text_ += '\n';
  }
  /// The path of the directory is another one in each process.
  void hide(std::string path) { hidden_ = std::move(path); }
  std::string take();

 private:
  std::string text_;
  std::string hidden_;
};

}  // namespace warden::test
