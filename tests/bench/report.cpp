#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace warden::bench {
namespace {

constexpr int kNameColumns = 46;

const char* name_of(Unit unit) {
  switch (unit) {
    case Unit::megabytes:
      return "MB";
    case Unit::milliseconds:
      return "ms";
    case Unit::nanoseconds:
      return "ns";
    case Unit::percent:
      return "%";
    case Unit::kibibytes:
      return "KiB";
    default:
      return "";
  }
}

std::string text_of(double value, Unit unit) {
  const double size = std::fabs(value);
  const int digits = unit == Unit::ratio                  ? 2
                     : unit == Unit::count || size >= 100 ? 0
                     : size >= 10                         ? 1
                     : size >= 1                          ? 2
                                                          : 3;
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f%s%s", value == 0 ? 0 : digits, value,
                *name_of(unit) == '\0' ? "" : " ", name_of(unit));
  return text;
}

/// The bar as it was written down: without the digits that a measurement has.
std::string text_of(const Bar& bar, Unit unit) {
  if (bar.kind == Bar::Kind::none) return "";
  char text[64];
  std::snprintf(text, sizeof(text), "%s %g%s%s", bar.kind == Bar::Kind::at_most ? "<=" : ">=", bar.value,
                *name_of(unit) == '\0' ? "" : " ", name_of(unit));
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

void Report::begin(std::string_view benchmark, std::string_view what) {
  benchmark_ = benchmark;
  std::printf("\n%s: %.*s\n", benchmark_.c_str(), static_cast<int>(what.size()), what.data());
  std::fflush(stdout);
}

void Report::number(std::string name, double measured, Unit unit, Bar bar, std::string note) {
  name = benchmark_ + "." + name;
  std::printf("  %-*s %12s  %-12s %-7s%s\n", kNameColumns, name.c_str(), text_of(measured, unit).c_str(),
              text_of(bar, unit).c_str(),
              bar.kind == Bar::Kind::none ? ""
              : bar.met(measured)         ? "met"
                                          : "MISSED",
              note.c_str());
  std::fflush(stdout);
  rows_.push_back({std::move(name), measured, unit, bar, std::move(note)});
}

void Report::skipped(std::string_view why) {
  skipped_.push_back(benchmark_ + ": " + std::string(why));
  std::printf("  skipped: %.*s\n", static_cast<int>(why.size()), why.data());
}

void Report::failed(std::string_view why) {
  failed_.push_back(benchmark_ + ": " + std::string(why));
  std::printf("  FAILED: %.*s\n", static_cast<int>(why.size()), why.data());
}

void Report::end(double seconds) {
  seconds_ += seconds;
  std::printf("  (%.0f s)\n", seconds);
  std::fflush(stdout);
}

int Report::summary() const {
  int bars = 0;
  std::vector<const Row*> missed;
  for (const Row& row : rows_) {
    if (row.bar.kind == Bar::Kind::none) continue;
    ++bars;
    if (!row.bar.met(row.measured)) missed.push_back(&row);
  }
  std::printf("\n%d of %d bars met, in %.0f s\n", bars - static_cast<int>(missed.size()), bars, seconds_);
  for (const Row* row : missed) {
    std::printf("  MISSED %s: %s, promised %s\n", row->name.c_str(),
                text_of(row->measured, row->unit).c_str(), text_of(row->bar, row->unit).c_str());
  }
  for (const std::string& why : failed_) std::printf("  FAILED %s\n", why.c_str());
  for (const std::string& why : skipped_) std::printf("  skipped %s\n", why.c_str());
  return static_cast<int>(missed.size() + failed_.size());
}

void Report::write_json(const std::string& path) const {
  std::ofstream out(path);
  out << "[";
  const char* between = "\n";
  char number[64];
  const auto write_number = [&](double value) {
    std::snprintf(number, sizeof(number), "%.10g", value);
    out << (std::isfinite(value) ? number : "null");
  };
  for (const Row& row : rows_) {
    out << between << "{\"name\":" << quoted(row.name) << ",\"measured\":";
    write_number(row.measured);
    out << ",\"unit\":" << quoted(name_of(row.unit));
    if (row.bar.kind != Bar::Kind::none) {
      out << ",\"bar\":" << quoted(row.bar.kind == Bar::Kind::at_most ? "<=" : ">=") << ",\"bar_value\":";
      write_number(row.bar.value);
      out << ",\"met\":" << (row.bar.met(row.measured) ? "true" : "false");
    }
    if (!row.note.empty()) out << ",\"note\":" << quoted(row.note);
    out << "}";
    between = ",\n";
  }
  out << "\n]\n";
  out.close();
  if (!out) throw std::runtime_error(path + " can't be written");
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double percent) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(static_cast<double>(values.size()) * percent / 100));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

double largest(const std::vector<double>& values) {
  return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                        : *std::max_element(values.begin(), values.end());
}

}  // namespace warden::bench
