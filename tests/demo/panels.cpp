// Resident memory over time in the terminal: one panel for each run, all to the same scale.
//
// A cell is divided into eighths by the block characters, so a panel of 5 rows has 40 steps. Every column
// shows the most that was seen in its share of the time, so that no peak is lost. Without colours nothing is
// lost either: the runs are told apart by their panels, work and idleness by the vertical line.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

#include "drawings.hpp"
#include "units.hpp"

namespace demo {
namespace {

constexpr int kRows = 5;
constexpr int kColumns = 61;
constexpr int kGutter = 8;  // for the labels of the left axis
constexpr int kEighths = 8;
constexpr int kTicks = 7;

constexpr std::array<std::string_view, 9> kBlocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

struct Colour {
  std::string_view work;
  std::string_view idle;
};
constexpr std::array<Colour, 4> kColours{{{"31", "1;91"}, {"33", "1;93"}, {"36", "1;96"}, {"35", "1;95"}}};
constexpr std::string_view kFaint = "2";
constexpr std::string_view kBold = "1";

class Panels {
 public:
  Panels(const Picture& picture, bool colours)
      : picture_(picture), colours_(colours), scale_(scale_for(picture.runs, picture.budget_bytes)) {}

  std::string draw();

 private:
  void panel(const Run& run, const Colour& colour);
  void row(const Run& run, const Colour& colour, int row_number);
  void baseline();
  void time_axis();
  void legend();

  int column_of(double t_s) const {
    return static_cast<int>(
        std::lround((t_s - scale_.first_s) / (scale_.last_s - scale_.first_s) * (kColumns - 1)));
  }
  int eighths_of(std::int64_t bytes) const {
    return static_cast<int>(std::lround(static_cast<double>(bytes) / scale_.top_bytes * kRows * kEighths));
  }
  int row_of(std::int64_t bytes) const { return std::min(kRows - 1, eighths_of(bytes) / kEighths); }
  int tallest(const Run& run, int column) const;
  std::string label_of_row(int row_number) const;

  void paint(std::string_view style, std::string_view text) {
    if (colours_) out_.append("\x1b[").append(style).append("m");
    out_.append(text);
    if (colours_) out_.append("\x1b[0m");
  }
  void right(const std::string& text, int width) {
    out_.append(static_cast<std::size_t>(std::max(0, width - static_cast<int>(text.size()))), ' ')
        .append(text);
  }

  const Picture& picture_;
  const bool colours_;
  const Scale scale_;
  std::string out_;
};

// The height of a column in eighths; -1 if nothing was recorded there.
int Panels::tallest(const Run& run, int column) const {
  std::int64_t most = -1;
  for (const Point& point : run.points) {
    if (column_of(point.t_s) == column) most = std::max(most, point.bytes);
  }
  // Fewer samples than columns: the last one still holds.
  const double column_s = scale_.first_s + (scale_.last_s - scale_.first_s) * column / (kColumns - 1);
  if (most < 0 && column_s >= run.first_s() && column_s <= run.last_s()) most = run.bytes_at(column_s);
  return most < 0 ? -1 : eighths_of(most);
}

std::string Panels::label_of_row(int row_number) const {
  if (row_number == kRows - 1) return format_size(static_cast<std::int64_t>(scale_.top_bytes));
  if (picture_.budget_bytes > 0 && row_number == row_of(picture_.budget_bytes)) {
    return format_size(picture_.budget_bytes);
  }
  return "";
}

void Panels::row(const Run& run, const Colour& colour, int row_number) {
  const bool budget_row = picture_.budget_bytes > 0 && row_number == row_of(picture_.budget_bytes);
  const int ended_column = column_of(0);
  const std::string label = label_of_row(row_number);
  right(label, kGutter - 1);
  paint(kFaint, label.empty() ? " │" : budget_row ? " ┼" : " ┤");
  // Cells of the same style are written together.
  std::string pending;
  std::string_view pending_style;
  const auto put = [&](std::string_view style, std::string_view text) {
    if (style != pending_style && !pending.empty()) {
      paint(pending_style, pending);
      pending.clear();
    }
    pending_style = style;
    pending.append(text);
  };
  for (int column = 0; column < kColumns; ++column) {
    const int filled = std::clamp(tallest(run, column) - row_number * kEighths, 0, kEighths);
    if (column == ended_column) {
      put(kBold, "│");
    } else if (filled > 0) {
      put(column < ended_column ? colour.work : colour.idle, kBlocks[static_cast<std::size_t>(filled)]);
    } else {
      put(kFaint, budget_row ? "╌" : " ");
    }
  }
  paint(pending_style, pending);
  const Verdict numbers = verdict(run);
  if (row_number == row_of(numbers.after_bytes)) {
    out_ += " ";
    paint(colour.idle, "◂ " + format_size(numbers.after_bytes));
  }
  while (out_.back() == ' ') out_.pop_back();
  out_ += "\n";
}

void Panels::panel(const Run& run, const Colour& colour) {
  const std::string summary = "peak " + format_size(verdict(run).peak_bytes);
  const std::string description = describe(run.name).empty() ? "" : "  " + describe(run.name);
  out_.append(kGutter + 1, ' ');
  paint(colour.idle, run.name);
  out_ += description;
  right(summary, kColumns - static_cast<int>(run.name.size() + description.size()));
  out_ += "\n";
  for (int row_number = kRows - 1; row_number >= 0; --row_number) row(run, colour, row_number);
}

void Panels::baseline() {
  std::string line;
  for (int column = 0; column < kColumns; ++column) line += column == column_of(0) ? "┴" : "─";
  right("0", kGutter - 1);
  paint(kFaint, " └" + line);
  out_ += "\n";
}

// Ticks, and below them their seconds.
void Panels::time_axis() {
  const double step_s = step_for(scale_.last_s - scale_.first_s, kTicks);
  std::vector<std::string> line(kColumns, "─");
  std::string numbers(kGutter + kColumns + 8, ' ');
  for (double t_s = std::ceil(scale_.first_s / step_s) * step_s; t_s <= scale_.last_s + 1e-9; t_s += step_s) {
    const int column = column_of(t_s);
    if (column < 0 || column >= kColumns) continue;
    line[static_cast<std::size_t>(column)] = std::fabs(t_s) < step_s / 2 ? "┴" : "┬";
    const std::string text =
        (t_s > step_s / 2 ? "+" : "") + format_number(std::fabs(t_s) < 1e-9 ? 0 : t_s, step_s < 1 ? 1 : 0);
    const int at = kGutter + 1 + column - static_cast<int>(text.size()) / 2;
    numbers.replace(static_cast<std::size_t>(at), text.size(), text);
  }
  right("0", kGutter - 1);
  std::string joined = " └";
  for (const std::string& cell : line) joined += cell;
  paint(kFaint, joined);
  numbers.erase(numbers.find_last_not_of(' ') + 1);
  out_ += "\n" + numbers + " s\n";
}

void Panels::legend() {
  out_.append(kGutter + 1, ' ');
  paint(kBold, "│");
  out_ += " the last statement has ended, connections stay open";
  if (picture_.budget_bytes > 0) {
    out_ += "   ";
    paint(kFaint, "╌╌");
    out_ += " budget";
  }
  out_ += "\n";
}

std::string Panels::draw() {
  out_.append(kGutter + 1, ' ');
  paint(kBold, picture_.title);
  out_ += "\n";
  if (!picture_.subtitle.empty()) out_.append(kGutter + 1, ' ').append(picture_.subtitle).append("\n");
  for (std::size_t i = 0; i < picture_.runs.size(); ++i) {
    out_ += "\n";
    panel(picture_.runs[i], kColours[i % kColours.size()]);
    if (i + 1 < picture_.runs.size()) baseline();
  }
  time_axis();
  legend();
  return out_;
}

}  // namespace

std::string draw_panels(const Picture& picture, bool colours) { return Panels(picture, colours).draw(); }

}  // namespace demo
