#include "answerer.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "process.hpp"

namespace warden::bench {
namespace {

/// NULL is nothing between two bars.
std::string text_of_row(sqlite3_stmt* statement) {
  std::string text;
  for (int i = 0; i < ::sqlite3_column_count(statement); ++i) {
    if (i > 0) text += '|';
    const auto* value = reinterpret_cast<const char*>(::sqlite3_column_text(statement, i));
    if (value != nullptr) text += value;
  }
  return text;
}

/// With what goes before "ok", what follows it.
std::string answer_to(Database& database, const std::string& what, const std::string& sql) {
  if (what == "time") {
    const auto began = Clock::now();
    database.run(sql);
    return std::to_string(seconds_since(began) * 1000);
  }
  if (what != "rows") throw std::runtime_error("no question: " + what);
  Statement statement(database, sql);
  while (statement.step()) std::printf("row %s\n", text_of_row(statement.get()).c_str());
  return "";
}

}  // namespace

std::vector<std::string> Answerer::ask(const std::string& what, const std::string& sql, std::string& rest) {
  child_.write(what + " " + sql + "\n");
  std::vector<std::string> rows;
  while (const auto line = child_.line()) {
    if (line->starts_with("row ")) {
      rows.push_back(line->substr(4));
    } else if (line->starts_with("ok")) {
      rest = line->substr(2);
      return rows;
    } else {
      throw std::runtime_error(line->starts_with("error ") ? line->substr(6) : *line);
    }
  }
  child_.finish();
  throw std::runtime_error("the process that answers has ended at: " + sql);
}

double Answerer::ms(const std::string& sql) {
  std::string rest;
  ask("time", sql, rest);
  return std::stod(rest);
}

std::vector<std::string> Answerer::rows(const std::string& sql) {
  std::string rest;
  return ask("rows", sql, rest);
}

std::string Answerer::refusal_of(const std::string& sql) {
  try {
    ms(sql);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

void answer(Database& database) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto space = line.find(' ');
    try {
      const std::string rest = answer_to(database, line.substr(0, space),
                                         space == std::string::npos ? "" : line.substr(space + 1));
      std::printf("ok %s\n", rest.c_str());
    } catch (const std::exception& error) {
      std::string text(error.what());
      std::replace(text.begin(), text.end(), '\n', ' ');
      std::printf("error %s\n", text.c_str());
    }
    std::fflush(stdout);
  }
}

}  // namespace warden::bench
