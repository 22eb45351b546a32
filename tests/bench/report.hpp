// One line per number: what was measured, what was promised, and whether it was kept.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace warden::bench {

enum class Unit { megabytes, milliseconds, nanoseconds, ratio, percent, count, kibibytes };

/// What the project promises of a number; none for what is shown beside it.
struct Bar {
  enum class Kind { none, at_most, at_least } kind = Kind::none;
  double value = 0;

  static Bar at_most(double value) { return {Kind::at_most, value}; }
  static Bar at_least(double value) { return {Kind::at_least, value}; }
  /// What is not a number never meets a bar.
  bool met(double measured) const noexcept {
    return kind == Kind::none || (kind == Kind::at_most ? measured <= value : measured >= value);
  }
};

class Report {
 public:
  /// Called before a benchmark's first number.
  void begin(std::string_view benchmark, std::string_view what);
  /// `note` explains what was measured, in a few words.
  void number(std::string name, double measured, Unit unit, Bar bar = {}, std::string note = {});
  /// The benchmark could not be run or failed; the latter counts as a bar that was missed.
  void skipped(std::string_view why);
  void failed(std::string_view why);
  void end(double seconds);

  /// Returns how many bars were missed.
  int summary() const;
  /// Throws std::runtime_error where the file can't be written.
  void write_json(const std::string& path) const;

 private:
  struct Row {
    std::string name;
    double measured;
    Unit unit;
    Bar bar;
    std::string note;
  };
  std::string benchmark_;
  std::vector<Row> rows_;
  std::vector<std::string> skipped_;
  std::vector<std::string> failed_;
  double seconds_ = 0;
};

double median(std::vector<double> values);
/// The smallest value that `percent` of all do not exceed.
double percentile(std::vector<double> values, double percent);
double largest(const std::vector<double>& values);

}  // namespace warden::bench
