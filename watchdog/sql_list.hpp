// Lists of constants in SQL text, which sql_text.hpp writes short: what follows IN, what follows VALUES.
//
// A constant is a literal, a parameter, a number with a sign, or NULL.
//
// Thread-safety: pure functions of the lexer they are given.
#pragma once

#include <cstddef>

#include "sql_token.hpp"

namespace warden {

/// What of a list is shape.
struct ConstantList {
  bool found = false;
  bool rows = false;      ///< the elements are rows, (1, 2)
  bool closed = false;    ///< for IN: the list's ')' was there; false if the text ends before
  std::size_t width = 0;  ///< constants in each row
};

/// The list after IN, from its '(' on, if all of it is constants, or rows of as many constants each. Moves
/// `lexer` behind it if so, and leaves it alone if not. A list that the end of the text cuts is one, too.
///
/// This reads ahead, but no part of a text twice by way of two lists: it stops at the first token that is
/// neither a constant nor punctuation, thus before the next IN or VALUES.
ConstantList read_in_list(SqlLexer& lexer) noexcept;

/// The same for the rows after VALUES, if there are two or more.
ConstantList read_values_list(SqlLexer& lexer) noexcept;

/// Is this a token in double quotes that does not read like a plain name, [A-Za-z_][A-Za-z0-9_$]* of at most
/// 64 bytes? SQLite takes it for a string where it finds no such column.
bool may_be_string(const SqlToken& token) noexcept;

}  // namespace warden
