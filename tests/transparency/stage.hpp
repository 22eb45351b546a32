// Two processes that play the same scripts, one with warden and one without, and what they saw, compared.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "script.hpp"
#include "transcript.hpp"

namespace warden::test {

/// A process that plays scripts. Requests may be sent ahead; answers come in their order.
class Stage {
 public:
  enum class Warden { without, with };
  Stage(Mode mode, Warden warden, std::string directory);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Has the script of this seed played, or of its steps those that are named.
  void ask(std::uint64_t seed, const std::vector<std::uint32_t>& kept = {});
  /// The transcript of the script asked for first. Throws where the process has ended.
  std::string answer();
  /// The directory in which the script of that seed leaves its files.
  std::string directory_of(std::uint64_t seed) const { return directory_ + "/" + std::to_string(seed); }
  /// Ends the process: what its scripts reached. `events` of warden, where it has one.
  Figures end(std::int64_t* events = nullptr);

 private:
  [[noreturn]] void child(Mode mode, Warden warden, int requests, int answers) const;
  std::string directory_;
  pid_t child_ = -1;
  int requests_ = -1;
  int answers_ = -1;
};

/// A directory in memory where there is one.
std::string scratch_directory();

/// Compares two transcripts and the files of two directories: what differs first, in words; "" if nothing does. Adds to
/// `bytes` the sizes of the files, and removes the directories.
std::string difference(const std::string& without, const std::string& with,
                       const std::string& directory_without, const std::string& directory_with, bool uses_wal,
                       std::int64_t& bytes);

/// Plays scripts in both processes until `goes_on` says no, and compares.
struct Comparison {
  Figures figures;
  std::int64_t comparisons = 0;
  std::int64_t bytes = 0;
  std::int64_t events = 0;
  std::string failure;  // the first difference, with the script that shows it made short
};
Comparison compare(Mode mode, std::uint64_t first_seed, std::int64_t scripts, std::int64_t seconds,
                   Stage::Warden other = Stage::Warden::with);

}  // namespace warden::test
