#include "series.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "units.hpp"

namespace demo {
namespace {

constexpr double kMsPerSecond = 1000;
constexpr double kIntervalS = 0.1;  // between two samples
constexpr int kGridlines = 7;

[[noreturn]] void complain(const std::string& file, int line, const std::string& text) {
  throw std::runtime_error(file + ":" + std::to_string(line) + ": " + text);
}

}  // namespace

double step_for(double span, int steps) {
  constexpr std::array<double, 4> kRound{1, 2, 5, 10};
  const double wanted = span / steps;
  const double power = std::pow(10, std::floor(std::log10(wanted)));
  for (const double round : kRound) {
    if (wanted <= round * power * (1 + 1e-9)) return round * power;
  }
  return 10 * power;
}

std::int64_t Run::peak_bytes() const {
  return std::max_element(points.begin(), points.end(),
                          [](const Point& a, const Point& b) { return a.bytes < b.bytes; })
      ->bytes;
}

std::int64_t Run::bytes_at(double t_s) const {
  const auto later = std::upper_bound(points.begin(), points.end(), t_s,
                                      [](double t, const Point& point) { return t < point.t_s; });
  return later == points.begin() ? points.front().bytes : std::prev(later)->bytes;
}

std::int64_t Run::result(const std::string& key, std::int64_t otherwise) const {
  const auto found = results.find(key);
  return found == results.end() ? otherwise : found->second;
}

Run read_series(const std::string& name, const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  Run run{name, {}, {}};
  std::optional<double> ended_s;
  std::string line;
  std::getline(in, line);
  if (line != "t_ms,rss_bytes,phase") complain(file, 1, "expected the header \"t_ms,rss_bytes,phase\"");
  for (int number = 2; std::getline(in, line); ++number) {
    const std::size_t first = line.find(',');
    const std::size_t second = first == std::string::npos ? first : line.find(',', first + 1);
    if (second == std::string::npos) complain(file, number, "expected three fields");
    const auto t_ms = parse_number<double>(std::string_view(line).substr(0, first));
    const auto bytes =
        parse_number<std::int64_t>(std::string_view(line).substr(first + 1, second - first - 1));
    if (!t_ms || !bytes) complain(file, number, "expected two numbers and a phase");
    run.points.push_back({*t_ms / kMsPerSecond, *bytes});
    if (!ended_s && line.substr(second + 1) == "after") ended_s = *t_ms / kMsPerSecond;
  }
  if (run.points.empty()) throw std::runtime_error(file + " holds no samples");
  const double origin_s = ended_s.value_or(run.points.back().t_s);
  for (Point& point : run.points) point.t_s -= origin_s;
  return run;
}

std::map<std::string, std::int64_t> read_results(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::map<std::string, std::int64_t> results;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) complain(file, number, "expected key=value");
    const auto value = parse_number<std::int64_t>(std::string_view(line).substr(equals + 1));
    if (value) results[line.substr(0, equals)] = *value;  // mode=plain is not a number
  }
  return results;
}

std::string describe(const std::string& name) {
  if (name == "plain") return "the service as it was";
  if (name == "pragmas") return "soft_heap_limit, shrink_memory";
  if (name == "warden") return "one load_extension, three settings";
  return "";
}

Scale scale_for(const std::vector<Run>& runs, std::int64_t budget_bytes) {
  Scale scale{0, 1, static_cast<double>(budget_bytes), 0};
  for (const Run& run : runs) {
    scale.first_s = std::min(scale.first_s, run.first_s());
    scale.last_s = std::max(scale.last_s, run.last_s());
    scale.top_bytes = std::max(scale.top_bytes, static_cast<double>(run.peak_bytes()));
  }
  scale.step_bytes = step_for(std::max(scale.top_bytes, 1.0), kGridlines);
  scale.top_bytes = std::ceil(scale.top_bytes / scale.step_bytes) * scale.step_bytes;
  // A run of 10 s is recorded for 9.98 s or so; its last tick belongs to the axis.
  if (std::ceil(scale.last_s) - scale.last_s < kIntervalS) scale.last_s = std::ceil(scale.last_s);
  return scale;
}

Verdict verdict(const Run& run) {
  return {run.result("peak_bytes", run.peak_bytes()), run.result("after_1s_bytes", run.bytes_at(1)),
          run.result("after_bytes", run.points.back().bytes),
          run.result("after_seconds", static_cast<std::int64_t>(std::llround(run.last_s())))};
}

}  // namespace demo
