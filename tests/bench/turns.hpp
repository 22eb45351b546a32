// Statements that do the same in different ways, measured in turns: in one process, on one connection with warden.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench.hpp"

namespace warden::bench {

/// One or more statements, and what it took: the median of its turns.
struct Way {
  std::string name;
  std::string sql;
  double ms = 0;
};

struct Turns {
  std::string file;
  std::string setup = {};  // SQL to begin with
  int rounds = 3;
  /// Each turn on a connection of its own, with a small cache, after the kernel has forgotten what it has of the file.
  bool cold = false;
};

/// Runs all ways in turns, `rounds` times, with a cache for the whole table. The time is that of the processor if warm, so
/// that whatever else the machine does falls on nobody; cold it is that of the clock. Ways that SQLite can't plan (INDEXED BY) are left out.
std::vector<Way> in_turns(const Benchmark& benchmark, const Turns& turns, std::vector<Way> ways);
/// The child of every benchmark that uses in_turns().
void turns_child(const Parameters& given);

/// Throws std::runtime_error for one that is not there.
const Way& named(const std::vector<Way>& ways, std::string_view name);
/// The fastest of those that `counts` is true for.
template <class Counts>
const Way* fastest(const std::vector<Way>& ways, Counts counts) {
  const Way* best = nullptr;
  for (const Way& way : ways) {
    if (counts(way) && (best == nullptr || way.ms < best->ms)) best = &way;
  }
  return best;
}
/// "12.3 ms".
std::string text_of_ms(double ms);

}  // namespace warden::bench
