// Sizes and times as people write them: "256MB" to bytes, bytes to "1.5 GB".
//
//   parse_size("256MB")     -> 256000000       kB, MB, GB are thousands
//   parse_size("1GiB")      -> 1073741824      KiB, MiB, GiB and K, M, G are 1024s
//   format_size(3604000000) -> "3.6 GB"        one decimal below ten, none above
//   format_seconds(2840)    -> "2.8 s"
//
// Pure functions; safe from any thread.

#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace demo {

struct Unit {
  std::string_view name;
  double bytes;
};

inline constexpr std::array<Unit, 11> kUnits{{{"", 1},
                                              {"B", 1},
                                              {"kB", 1e3},
                                              {"MB", 1e6},
                                              {"GB", 1e9},
                                              {"KiB", 1024.0},
                                              {"MiB", 1048576.0},
                                              {"GiB", 1073741824.0},
                                              {"K", 1024.0},
                                              {"M", 1048576.0},
                                              {"G", 1073741824.0}}};

// A number that takes up the whole of `text`, or nothing.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped_at != end) return std::nullopt;
  return value;
}

inline std::optional<std::int64_t> parse_size(std::string_view text) {
  const std::size_t digits = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, digits);
  std::string_view unit_name = digits == std::string_view::npos ? std::string_view{} : text.substr(digits);
  while (!unit_name.empty() && unit_name.front() == ' ') unit_name.remove_prefix(1);
  const std::optional<double> value = parse_number<double>(number);
  if (!value) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.name == unit_name) return static_cast<std::int64_t>(std::llround(*value * unit.bytes));
  }
  return std::nullopt;
}

inline std::string format_number(double value, int decimals) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

inline std::string format_size(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.5 would be printed as "1000 MB"; it is "1.0 GB".
  while (std::fabs(value) >= 999.5 && unit + 1 < kNames.size()) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit > 0 && std::fabs(value) < 9.95 ? 1 : 0;
  return format_number(value, decimals) + " " + std::string(kNames[unit]);
}

inline std::string format_seconds(double milliseconds) {
  return format_number(milliseconds / 1000, milliseconds < 99950 ? 1 : 0) + " s";
}

}  // namespace demo
