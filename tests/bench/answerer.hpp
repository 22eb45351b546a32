// A process that answers SQL, one line each: SQLite with warden, or DuckDB. Both are asked in turns, and time themselves.
//
// What is written to it, and what it writes; SQL is a single line:
//
//   time SQL    ok 12.5          milliseconds of the clock that it took, all its rows included
//   rows SQL    row 1|fritz      each row
//               ok
//               error TEXT       in the place of ok
#pragma once

#include <string>
#include <vector>

#include "child.hpp"
#include "database.hpp"

namespace warden::bench {

class Answerer {
 public:
  explicit Answerer(const std::vector<std::string>& command) : child_(command) {}

  /// Throws std::runtime_error with the text of an error.
  double ms(const std::string& sql);
  std::vector<std::string> rows(const std::string& sql);
  /// The text of the error; empty for none.
  std::string refusal_of(const std::string& sql);

 private:
  /// Its rows, and in `rest` what followed "ok".
  std::vector<std::string> ask(const std::string& what, const std::string& sql, std::string& rest);
  Child child_;
};

/// The other side: answers what it reads from the standard input, to its end.
void answer(Database& database);

}  // namespace warden::bench
