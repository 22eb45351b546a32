// How a promised number spreads over many times: its median, the 99th of 100, and the largest.
#pragma once

#include <string>
#include <vector>

#include "child.hpp"
#include "report.hpp"

namespace warden::bench {

/// In a child: says the spread of milliseconds. At the other side: reports what it said; the bar is that of p99.
void say_spread(const std::vector<double>& milliseconds);
void report_spread(Report& report, const std::string& name, const Numbers& said, Bar p99);

}  // namespace warden::bench
