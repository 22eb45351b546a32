// A recorded run, read back from the files that incident wrote, and the scale that all runs are drawn to.
//
// Time is told in seconds since the last statement ended: work is left of 0, the idle pool right of it. Runs
// that took different times for their work can be compared that way.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace demo {

struct Point {
  double t_s;
  std::int64_t bytes;
};

struct Run {
  std::string name;
  std::vector<Point> points;                    // in the order of time, at least one
  std::map<std::string, std::int64_t> results;  // the numbers of the result file; empty if there was none

  double first_s() const { return points.front().t_s; }
  double last_s() const { return points.back().t_s; }
  std::int64_t peak_bytes() const;
  std::int64_t bytes_at(double t_s) const;  // the last point that is not later; the first if all are

  // A number of the result file, or `otherwise`.
  std::int64_t result(const std::string& key, std::int64_t otherwise) const;
};

// Both throw std::runtime_error, with file and line, if a file does not hold what it should.
Run read_series(const std::string& name, const std::string& file);
std::map<std::string, std::int64_t> read_results(const std::string& file);

// What a known mode means, in a few words; empty for another name.
std::string describe(const std::string& name);

struct Scale {
  double first_s;
  double last_s;
  double top_bytes;   // a round number
  double step_bytes;  // between gridlines, a round number too
};

// The common scale of all runs.
Scale scale_for(const std::vector<Run>& runs, std::int64_t budget_bytes);

// A round step that divides `span` into about `steps`.
double step_for(double span, int steps);

// The three numbers by which a run is judged.
struct Verdict {
  std::int64_t peak_bytes;
  std::int64_t soon_after_bytes;  // 1 s after
  std::int64_t after_bytes;       // at the end
  std::int64_t after_seconds;
};
Verdict verdict(const Run& run);

}  // namespace demo
