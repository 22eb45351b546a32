// Putting SQL together: texts and numbers one after the other, values in quotes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "memory.hpp"

namespace warden::jobs {

inline vtab::string& operator<<(vtab::string& sql, std::string_view text) { return sql.append(text); }
inline vtab::string& operator<<(vtab::string& sql, std::int64_t number) {
  return sql.append(std::to_string(number));
}
// Of a text that is in the making.
inline vtab::string&& operator<<(vtab::string&& sql, std::string_view text) {
  return std::move(sql.append(text));
}
inline vtab::string&& operator<<(vtab::string&& sql, std::int64_t number) {
  return std::move(sql.append(std::to_string(number)));
}

/// Appends `text` between two `quote`s, each quote within it doubled. A NUL would end SQLite's reading: keep it out.
inline void append_between(vtab::string& sql, std::string_view text, char quote) {
  sql += quote;
  for (const char c : text) {
    if (c == quote) sql += quote;
    sql += c;
  }
  sql += quote;
}
/// 'text'
inline void append_quoted(vtab::string& sql, std::string_view text) { append_between(sql, text, '\''); }
/// "name"
inline void append_identifier(vtab::string& sql, std::string_view name) { append_between(sql, name, '"'); }

}  // namespace warden::jobs
