// SQL text without its data, so that it can be shown and counted.
//
//   normalize_sql("select * from job -- mine\n where id=17 and name in ('a','b')")
//     -> SELECT * FROM job WHERE id = ? AND name IN (?, ...)
//   normalize_sql("INSERT INTO t(a,b) VALUES(1,-2),(3,:x);")
//     -> INSERT INTO t(a, b) VALUES (?, ?), ...
//   fingerprint_sql(sql)  is the same for every statement with the same normalised text
//
// What becomes what:
//
//   1  1.5e3  0xff  'it''s'  x'00'       ?
//   ?  ?7  :name  @name  $name::x(y)     ?
//   NULL  TRUE  FALSE  CURRENT_DATE      stay; a sign before a literal stays an operator: -5 is -?
//   keywords                             upper case (the same word as a name, too: a column `key` reads KEY),
//                                        unless a dot precedes them: t.key
//   unquoted identifiers                 lower case in ASCII, as SQLite compares them
//   [..]  `..`                           as they are: SQLite never takes these for data
//   ".."                                 as it is if it reads like a plain name, [A-Za-z_][A-Za-z0-9_$]* of
//   at
//                                        most 64 bytes, else ?: SQLite takes "..." for a string where no such
//                                        column exists, so it may be somebody's data
//   IN (1, 2, 3)                         IN (?, ...) from one element on, if all are constants
//   IN ((1, 2), (3, 4))                  IN ((?, ?), ...) likewise, if all rows have as many
//   VALUES (1, 2), (3, 4)                VALUES (?, ?), ... from two rows on; one row stays as it is
//   comments, white space, ; at the end  nothing; one layout for all, see `separated` in sql_text.cpp
//   PRAGMA key = anything                PRAGMA KEY = ?, and so for every pragma whose name ends in key
//   what is not SQL: $ \ ^ unclosed 'x   ?; bytes that are not UTF-8 in a name U+FFFD; a NUL byte ends the
//   text
//
// A constant in such a list is a literal, a parameter, a number with a sign, or NULL: whether a value is
// negative or missing is data there, not shape, and a bulk insert would have a new shape every time. With
// anything else in it, a list is written out in full.
//
// Limits, on purpose: without the schema nobody knows whether 'x' or "x y" is a string or an odd name (FROM
// 'job'), and then not showing wins. A plain word in double quotes is shown, even where it was meant as a
// string.
//
// Normalised text is valid UTF-8 and normalises to itself. All of this takes linear time, no recursion, and a
// few hundred bytes of stack; nothing but the std::string variant allocates.
//
// Thread-safety: pure functions, callable from anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace warden {

/// Writes `sql`, normalised, to `out`; returns the bytes written, without a terminating zero. What does not
/// fit is cut between characters and ends in "..."; reading stops there, too, except within a list of
/// constants. If `truncated_input`, `sql` is only the beginning of a statement, cut anywhere: then the result
/// ends in "..." in any case, and nothing of a literal that was cut is shown.
std::size_t normalize_sql(std::string_view sql, std::span<char> out, bool truncated_input) noexcept;

/// The whole of it, for tests and for SQL functions. Throws std::bad_alloc.
std::string normalize_sql(std::string_view sql);

/// FNV-1a, 64 bits, over the bytes of the complete normalised text, which is never put together. Equal in
/// every process and on every machine; it changes only when the rules above do.
std::uint64_t fingerprint_sql(std::string_view sql) noexcept;

}  // namespace warden
