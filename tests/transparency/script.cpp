#include "script.hpp"

#include <array>

namespace warden::test {
namespace {

std::string text_of(const Bound& value) {
  struct Text {
    std::string operator()(std::monostate) const { return "NULL"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return "'" + text + "'"; }
    std::string operator()(const Blob& blob) const {
      return "blob of " + std::to_string(blob.size()) + " bytes";
    }
  };
  return std::visit(Text(), value);
}

}  // namespace

const char* name_of(Mode mode) {
  return std::array{"trace", "progress", "limit", "settings"}[static_cast<std::size_t>(mode)];
}

void hide_change_counter(std::string& database) {
  if (database.size() < 100) return;
  for (const std::size_t at : {24U, 92U}) database.replace(at, 4, 4, '\0');
}

std::string text_of(const Step& step) {
  constexpr std::array kNames = {"open",         "close",
                                 "exec",         "run",
                                 "get_table",    "prepare",
                                 "step",         "reset",
                                 "bind",         "finalize",
                                 "blob_open",    "blob_use",
                                 "blob_reopen",  "blob_close",
                                 "backup_begin", "backup_step",
                                 "backup_end",   "hook",
                                 "function",     "limit",
                                 "configure",    "extended_codes",
                                 "checkpoint",   "flush",
                                 "release",      "column_metadata",
                                 "serialize",    "files"};
  std::string line = "connection " + std::to_string(step.connection) + ", " +
                     kNames[static_cast<std::size_t>(step.what)] + " (slot " + std::to_string(step.slot) +
                     ", number " + std::to_string(step.number) + "): " + step.text;
  if (!step.more.empty()) line += " | " + step.more;
  for (const Bound& value : step.bound) line += "\n    bound: " + text_of(value);
  return line;
}

}  // namespace warden::test
