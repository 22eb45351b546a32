// Resident memory over time as an SVG: all runs in one coordinate system.
//
// It is a card with its own background, light or dark as the reader's system asks for (prefers-color-scheme
// works inside an <img> too), so it can be read on any page. Colours are styles of classes; every line is
// also named at its end, so that nobody has to tell colours apart.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include "drawings.hpp"
#include "units.hpp"

namespace demo {
namespace {

constexpr double kWidth = 960;
constexpr double kHeight = 510;
constexpr double kLeft = 78;
constexpr double kRight = 806;  // the names at the ends of the lines come behind it
constexpr double kTop = 140;
constexpr double kBottom = 450;
constexpr int kTicks = 14;
constexpr double kLabelGap = 38;  // between two names at the right

constexpr std::string_view kStyle = R"css(
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
    .card { fill: #ffffff; stroke: #d0d7de; }
    .idle { fill: #f3f5f8; }
    .grid { stroke: #e3e7ec; }
    .axis, .end { stroke: #818b98; }
    .ink { fill: #1f2328; }
    .soft { fill: #59636e; }
    .budget { stroke: #59636e; }
    .dot { stroke: #ffffff; }
    .run0 { fill: #c4232b; stroke: #c4232b; }
    .run1 { fill: #a86400; stroke: #a86400; }
    .run2 { fill: #0a66c8; stroke: #0a66c8; }
    .run3 { fill: #7a3fc0; stroke: #7a3fc0; }
    @media (prefers-color-scheme: dark) {
      .card { fill: #0d1117; stroke: #30363d; }
      .idle { fill: #161b22; }
      .grid { stroke: #262c36; }
      .axis, .end { stroke: #7d8590; }
      .ink { fill: #e6edf3; }
      .soft { fill: #9aa4af; }
      .budget { stroke: #9aa4af; }
      .dot { stroke: #0d1117; }
      .run0 { fill: #ff7b72; stroke: #ff7b72; }
      .run1 { fill: #e3a33b; stroke: #e3a33b; }
      .run2 { fill: #58a6ff; stroke: #58a6ff; }
      .run3 { fill: #bc8cff; stroke: #bc8cff; }
    }
    .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
    .area { stroke: none; fill-opacity: 0.08; }
    .name { stroke: none; }
  )css";

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string coordinate(double value) { return format_number(value, 1); }

class Svg {
 public:
  explicit Svg(const Picture& picture)
      : picture_(picture), scale_(scale_for(picture.runs, picture.budget_bytes)) {}

  std::string draw();

 private:
  void head();
  void legend();
  void grid();
  void budget();
  void area(const Run& run, std::size_t index);
  void line(const Run& run, std::size_t index);
  void names();

  double x(double t_s) const {
    return kLeft + (t_s - scale_.first_s) / (scale_.last_s - scale_.first_s) * (kRight - kLeft);
  }
  double y(double bytes) const { return kBottom - bytes / scale_.top_bytes * (kBottom - kTop); }

  void text(double at_x, double at_y, std::string_view classes, std::string_view attributes,
            std::string_view content) {
    out_ += "  <text x=\"" + coordinate(at_x) + "\" y=\"" + coordinate(at_y) + "\" class=\"";
    out_.append(classes)
        .append("\" ")
        .append(attributes)
        .append(">")
        .append(escape(content))
        .append("</text>\n");
  }
  void stroke(double x1, double y1, double x2, double y2, std::string_view classes,
              std::string_view attributes = "") {
    out_ += "  <line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" + coordinate(x2) +
            "\" y2=\"" + coordinate(y2) + "\" class=\"";
    out_.append(classes).append("\" ").append(attributes).append("/>\n");
  }
  std::string points(const Run& run) const {
    std::string list;
    for (const Point& point : run.points) {
      if (!list.empty()) list += ' ';
      list += coordinate(x(point.t_s)) + "," + coordinate(y(static_cast<double>(point.bytes)));
    }
    return list;
  }

  const Picture& picture_;
  const Scale scale_;
  std::string out_;
};

void Svg::head() {
  std::string description;
  for (const Run& run : picture_.runs) {
    const Verdict numbers = verdict(run);
    description += run.name + ": peak " + format_size(numbers.peak_bytes) + ", " +
                   std::to_string(numbers.after_seconds) + " s after the last statement " +
                   format_size(numbers.after_bytes) + ". ";
  }
  out_ += "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 " + format_number(kWidth, 0) +
          " " + format_number(kHeight, 0) + "\" font-size=\"13\">\n  <title>" + escape(picture_.title) +
          "</title>\n  <desc>" + escape(description) + "</desc>\n  <style>";
  out_.append(kStyle).append("</style>\n");
  out_ += "  <rect x=\"0.5\" y=\"0.5\" width=\"" + format_number(kWidth - 1, 0) + "\" height=\"" +
          format_number(kHeight - 1, 0) + "\" rx=\"10\" class=\"card\"/>\n";
  text(28, 38, "ink", "font-size=\"19\" font-weight=\"600\"", picture_.title);
  text(28, 60, "soft", "", picture_.subtitle);
}

void Svg::legend() {
  double at_x = 28;
  for (std::size_t i = 0; i < picture_.runs.size(); ++i) {
    const Run& run = picture_.runs[i];
    const std::string colour = "run" + std::to_string(i % 4);
    stroke(at_x, 87, at_x + 20, 87, colour, "stroke-width=\"3\" stroke-linecap=\"round\"");
    out_ += "  <text x=\"" + coordinate(at_x + 28) + "\" y=\"91.5\" class=\"soft\"><tspan class=\"ink\" " +
            "font-weight=\"600\">" + escape(run.name) + "</tspan>  " + escape(describe(run.name)) +
            "</text>\n";
    // No way to measure text here; a glyph of a wide font takes about 7.2 of the 13.
    at_x += 54 + 7.2 * static_cast<double>(run.name.size() + describe(run.name).size() + 1);
  }
}

void Svg::grid() {
  const double ended_x = x(0);
  out_ += "  <rect x=\"" + coordinate(ended_x) + "\" y=\"" + coordinate(kTop) + "\" width=\"" +
          coordinate(kRight - ended_x) + "\" height=\"" + coordinate(kBottom - kTop) +
          "\" class=\"idle\"/>\n";
  for (double bytes = 0; bytes <= scale_.top_bytes * (1 + 1e-9); bytes += scale_.step_bytes) {
    stroke(kLeft, y(bytes), kRight, y(bytes), bytes > 0 ? "grid" : "axis");
    text(kLeft - 10, y(bytes) + 4.5, "soft", "text-anchor=\"end\"",
         bytes > 0 ? format_size(std::llround(bytes)) : "0");
  }
  const double step_s = step_for(scale_.last_s - scale_.first_s, kTicks);
  const double first = std::ceil(scale_.first_s / step_s) * step_s;
  for (double t_s = first; t_s <= scale_.last_s + 1e-9; t_s += step_s) {
    const bool zero = std::fabs(t_s) < step_s / 2;
    stroke(x(t_s), kBottom, x(t_s), kBottom + 5, "axis");
    text(x(t_s), kBottom + 21, "soft", "text-anchor=\"middle\"",
         zero ? "0" : (t_s > 0 ? "+" : "\u2212") + format_number(std::fabs(t_s), step_s < 1 ? 1 : 0));
  }
  text((kLeft + kRight) / 2, kBottom + 43, "soft", "text-anchor=\"middle\"",
       "seconds since the last statement ended");
  stroke(ended_x, kTop - 20, ended_x, kBottom, "end", "stroke-width=\"1.5\"");
  text(ended_x - 8, kTop - 8, "soft", "text-anchor=\"end\"", "statements run");
  text(ended_x + 8, kTop - 8, "soft", "", "all have ended, connections stay open");
}

void Svg::budget() {
  if (picture_.budget_bytes <= 0) return;
  const double at_y = y(static_cast<double>(picture_.budget_bytes));
  stroke(kLeft, at_y, kRight, at_y, "budget",
         "stroke-width=\"1.5\" stroke-dasharray=\"2 5\" stroke-linecap=\"round\"");
  text(kRight - 8, at_y - 7, "soft", "text-anchor=\"end\"", "budget " + format_size(picture_.budget_bytes));
}

void Svg::area(const Run& run, std::size_t index) {
  out_ += "  <polygon class=\"area run" + std::to_string(index % 4) + "\" points=\"" +
          coordinate(x(run.first_s())) + "," + coordinate(kBottom) + " " + points(run) + " " +
          coordinate(x(run.last_s())) + "," + coordinate(kBottom) + "\"/>\n";
}

void Svg::line(const Run& run, std::size_t index) {
  const std::string colour = "run" + std::to_string(index % 4);
  out_ += "  <polyline class=\"line " + colour + "\" points=\"" + points(run) + "\"/>\n";
  out_ += "  <circle class=\"dot " + colour + "\" cx=\"" + coordinate(x(0)) + "\" cy=\"" +
          coordinate(y(static_cast<double>(run.bytes_at(0)))) + "\" r=\"4.5\" stroke-width=\"2\"/>\n";
}

// At the end of each line its name and what it ended with, moved apart where lines end close to each other.
void Svg::names() {
  std::vector<std::size_t> order(picture_.runs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto end_y = [this](std::size_t i) {
    return y(static_cast<double>(verdict(picture_.runs[i]).after_bytes));
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return end_y(a) > end_y(b); });
  double lowest = kBottom - 14;  // the next name may not be lower than this
  for (const std::size_t i : order) {
    const Run& run = picture_.runs[i];
    const double at_y = std::min(end_y(i), lowest);
    const std::string colour = "name run" + std::to_string(i % 4);
    text(kRight + 12, at_y - 2, colour, "font-size=\"15\" font-weight=\"600\"", run.name);
    text(kRight + 12, at_y + 15, "ink", "font-size=\"14\"", format_size(verdict(run).after_bytes));
    lowest = at_y - kLabelGap;
  }
}

std::string Svg::draw() {
  head();
  legend();
  grid();
  for (std::size_t i = 0; i < picture_.runs.size(); ++i) area(picture_.runs[i], i);
  budget();
  for (std::size_t i = 0; i < picture_.runs.size(); ++i) line(picture_.runs[i], i);
  names();
  out_ += "</svg>\n";
  return out_;
}

}  // namespace

std::string draw_svg(const Picture& picture) { return Svg(picture).draw(); }

}  // namespace demo
