// The two ways in which the runs are drawn. Both are pure: runs in, text out.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "series.hpp"

namespace demo {

struct Picture {
  std::string title;
  std::string subtitle;
  std::int64_t budget_bytes = 0;  // 0: no line for it
  std::vector<Run> runs;
};

// Panels of block characters below each other, 80 columns wide, with ANSI colours or without. panels.cpp
std::string draw_panels(const Picture& picture, bool colours);

// A self-contained SVG: no scripts, no outside fonts, for light and dark pages. svg.cpp
std::string draw_svg(const Picture& picture);

}  // namespace demo
