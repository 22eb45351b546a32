// Sums by group of jobs that have ended, a block at a time, where there are not too many groups: what a job adds is two vectors,
// which are added to those of its group, instead of nine numbers.
#pragma once

#include "memory.hpp"
#include "wide.hpp"

namespace warden::columns {

/// Sums of a group, or of all.
struct Sums {
  std::int64_t jobs = 0, running_jobs = 0, short_jobs = 0;
  std::int64_t seconds = 0, nodes = 0, node_seconds = 0, cores = 0, core_seconds = 0, accs = 0,
               acc_seconds = 0;
};

/// What a block has of each job, by row.
struct BlockOfJobs {
  const Numbers& seconds;
  const Numbers& nodes;
  const Numbers& cores;
  const Numbers& accs;
  std::int64_t most_seconds;  // no number of seconds is above
  std::int64_t most;          // no number of nodes, cores or accs is above
  std::int32_t short_limit;   // a job of fewer seconds is a short one
};

/// One thread.
class GroupSums {
 public:
  /// Whether the processor can, and groups are few enough.
  static bool can(std::size_t groups) noexcept;

  explicit GroupSums(const vtab::Api* api) noexcept : memory_(vtab::Allocator<std::byte>(api)) {}

  /// For groups 0 to groups - 1. Throws std::bad_alloc.
  void begin(std::size_t groups);
  explicit operator bool() const noexcept { return lines_ != nullptr; }
  /// False where these jobs' sums are too large for a line: then they are not to be added.
  bool can_add(const BlockOfJobs& jobs) const noexcept;
  /// Whether a flush must come first.
  bool is_full(const BlockOfJobs& jobs) const noexcept;
  /// Adds the jobs of a block that the mask says to their groups.
  void add(const Numbers& groups, const BlockOfJobs& jobs, const Mask& mask) noexcept;
  /// Hands over what came together since the last time: take(group, sums) for each group that has jobs.
  template <class Take>
  void flush(Take&& take) {
    for (std::size_t group = 0; group < groups_; ++group) {
      const Sums sums = taken(group);
      if (sums.jobs != 0) take(group, sums);
    }
    most_summed_ = 0;
    rows_ = 0;
  }

 private:
  /// What a line has; it is then empty.
  Sums taken(std::size_t group) noexcept;

  vtab::vector<std::byte> memory_;
  std::byte* lines_ = nullptr;  // a line of 64 bytes for each group, and one for jobs that are not meant
  std::size_t groups_ = 0;
  std::uint64_t most_summed_ = 0;  // what nodes, cores or accs of a line may have come to
  std::size_t rows_ = 0;           // added since the last flush
};

}  // namespace warden::columns
