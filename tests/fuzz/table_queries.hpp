// SQL over all tables of warden, made of bytes; each query in two texts: as it is asked, and with every table read to its end
// before SQLite alone applies WHERE, joins and order to the rows.
//
//   SELECT t0.id FROM jobs('{}') AS t0 WHERE t0.id < 3
//   SELECT t0.id FROM (SELECT id, ... FROM jobs('{}', ...) LIMIT -1 OFFSET 0) AS t0 WHERE t0.id < 3
//
// A LIMIT is what no constraint is pushed through. Arguments are in parentheses or in WHERE, in the second text always in
// parentheses.
#pragma once

#include <string>
#include <vector>

#include "all_tables.hpp"
#include "fuzz.hpp"

namespace warden::fuzz {

/// A query in its two texts.
struct Query {
  std::string asked;
  std::string plain;
  Query& operator+=(std::string_view both) {
    asked += both;
    plain += both;
    return *this;
  }
  Query& operator+=(const Query& other) {
    asked += other.asked;
    plain += other.plain;
    return *this;
  }
};

/// Makes one query of the bytes.
class Generator {
 public:
  explicit Generator(Bytes& bytes) : bytes_(bytes) {}

  Query select() {
    Query query, where;
    query += from(where);
    std::vector<std::string> shown;
    for (std::size_t n = bytes_.below(4) + 1; n > 0; --n) shown.push_back(shown_column());
    std::string order, distinct = bytes_.below(4) == 0 ? "DISTINCT " : "";
    for (std::size_t i = 0; i < shown.size(); ++i)
      order += (i > 0 ? ", " : "") + std::to_string(i + 1) + direction();
    Query text;
    text += "SELECT " + distinct;
    const bool grouped = bytes_.below(4) == 0;
    if (grouped) {
      const std::string column = any_column();
      text += shown.front() + ", count(*), min(" + column + "), max(" + column + "), count(DISTINCT " +
              column + ")";
      order = "1, 2, 3, 4, 5";
    } else {
      for (std::size_t i = 0; i < shown.size(); ++i) text += (i > 0 ? ", " : "") + shown[i];
    }
    text += query;
    text += where;
    if (grouped) text += " GROUP BY 1" + std::string(bytes_.below(3) == 0 ? " HAVING count(*) > 1" : "");
    // Only an order by all that is shown says which rows LIMIT leaves.
    if (bytes_.below(3) == 0) {
      text += " ORDER BY " + order;
      if (bytes_.below(2) == 0)
        text += " LIMIT " + std::to_string(bytes_.below(8)) + " OFFSET " + std::to_string(bytes_.below(4));
    }
    return text;
  }

  /// A condition on this table alone, which is called t0.
  Query condition_on(const TableInfo& table) {
    tables_ = {&table};
    return condition(3);
  }
  /// "SELECT count(*)" of each table that was read, with its arguments.
  const std::vector<std::string>& whole_tables() const { return whole_; }

 private:
  /// FROM; what stands in WHERE goes into `where`.
  Query from(Query& where) {
    Query text, arguments;
    text += " FROM ";
    text += table(arguments);
    const std::size_t join = bytes_.below(6);
    if (join > 2) {
      constexpr std::array<std::string_view, 3> kJoins{" JOIN ", " LEFT JOIN ", ", "};
      const std::string_view kind = kJoins[join - 3];
      text += kind;
      Query own;
      text += table(own);
      const bool has_on = kind != ", ";
      Query& target = has_on ? text : arguments;
      if (has_on) {
        target += " ON ";
        target += condition(1);
      }
      target += own;
    }
    where += " WHERE ";
    where += condition(3);
    where += arguments;
    return text;
  }

  /// A table with its arguments; those that do not stand in parentheses go into `conditions`, with AND in front.
  Query table(Query& conditions) {
    const TableInfo& table = bytes_.one_of(all_tables());
    const std::string alias = "t" + std::to_string(tables_.size());
    tables_.push_back(&table);
    std::size_t given = table.arguments.empty() ? 0 : bytes_.below(table.arguments.size() + 1);
    std::string in_call, all;
    for (const Argument& argument : table.arguments) {
      // Most of what can be given is wrong only once in a while.
      const std::size_t choice = bytes_.below(argument.values.size());
      const std::string& value =
          argument.values[bytes_.below(3) == 0 ? choice
                                               : std::min<std::size_t>(choice, 1) % argument.values.size()];
      all += (all.empty() ? "" : ", ") + (value.empty() ? "NULL" : value);
      if (value.empty()) given = 0;  // NULL for an argument is not the same as none: see vtab.hpp
      if (given > 0) {
        in_call += (in_call.empty() ? "" : ", ") + value;
        --given;
      } else if (!value.empty()) {
        conditions.asked += " AND " + alias + "." + argument.name + " = " + value;
      }
    }
    Query text;
    text.asked = table.name + (in_call.empty() ? "" : "(" + in_call + ")");
    std::string columns = "rowid AS rowid";
    for (const auto& list : {table.columns, table.moving}) {
      for (const std::string& column : list) columns += ", " + column;
    }
    for (const Argument& argument : table.arguments) columns += ", " + argument.name;
    const std::string call = table.name + (all.empty() ? "" : "(" + all + ")");
    text.plain = "(SELECT " + columns + " FROM " + call + " LIMIT -1 OFFSET 0)";
    whole_.push_back("SELECT count(*) FROM " + call);
    text += " AS " + alias;
    return text;
  }

  std::string any_column() {
    const std::size_t at = bytes_.below(tables_.size());
    const TableInfo& table = *tables_[at];
    const std::size_t which = bytes_.below(table.columns.size() + 1);
    return "t" + std::to_string(at) + "." + (which == 0 ? "rowid" : table.columns[which - 1]);
  }
  /// Arguments can be shown, too, and what moves can be read.
  std::string shown_column() {
    const std::size_t at = bytes_.below(tables_.size());
    const TableInfo& table = *tables_[at];
    const std::string alias = "t" + std::to_string(at) + ".";
    const std::size_t kind = bytes_.below(8);
    if (kind == 6 && !table.arguments.empty()) return alias + bytes_.one_of(table.arguments).name;
    if (kind == 7 && !table.moving.empty()) {
      const std::string column = alias + bytes_.one_of(table.moving);
      return "(" + column + " IS NULL OR typeof(" + column + ") <> '')";
    }
    return any_column();
  }
  std::string direction() {
    constexpr std::array<std::string_view, 4> kDirections{"", "", " DESC", " ASC"};
    return std::string(bytes_.one_of(kDirections));
  }

  std::string literal() {
    static const std::vector<std::string> kValues{"0",
                                                  "1",
                                                  "2",
                                                  "3",
                                                  "5",
                                                  "-1",
                                                  "101",
                                                  "3600",
                                                  "10000",
                                                  "9223372036854775807",
                                                  "NULL",
                                                  "0.5",
                                                  "2.0",
                                                  "1e300",
                                                  "'fritz'",
                                                  "'alice'",
                                                  "'duration'",
                                                  "'memory_budget'",
                                                  "'running'",
                                                  "'stats'",
                                                  "'25%'",
                                                  "'bytes'",
                                                  "'sqlite'",
                                                  "''",
                                                  "'2'",
                                                  "'02'",
                                                  "'ALICE '",
                                                  "x'66'",
                                                  "'[%'",
                                                  "'%a%'",
                                                  "'cpu_load_avg'",
                                                  "'0'"};
    if (bytes_.below(8) == 0) {
      std::string text = "'";
      for (const char c : bytes_.text(3)) {
        if (c != '\0' && c != '\'') text += c;
      }
      return text + "'";
    }
    return bytes_.one_of(kValues);
  }
  std::string value() {
    switch (bytes_.below(8)) {
      case 5:
        return any_column();
      case 6:
        return "+" + any_column();
      case 7:
        return "(" + any_column() + " + 1)";
      default:
        return literal();
    }
  }
  std::string operand() {
    constexpr std::array<std::string_view, 6> kCollations{
        "", "", "", "", " COLLATE NOCASE", " COLLATE RTRIM"};
    const std::string column = any_column();
    return column + std::string(bytes_.one_of(kCollations));
  }

  Query condition(int depth) {
    Query text;
    const std::size_t kind = bytes_.below(16);
    if (kind < 4 && depth > 0) {
      constexpr std::array<std::string_view, 4> kWords{" AND ", " OR ", " OR ", " AND NOT "};
      text += "(";
      text += condition(depth - 1);
      text += kWords[kind];
      text += condition(depth - 1);
      text += ")";
      return text;
    }
    switch (kind) {
      case 4:
        text += operand() + " BETWEEN " + value() + " AND " + value();
        return text;
      case 5:
        text += operand() + (bytes_.below(4) == 0 ? " NOT IN (" : " IN (") + value() + ", " + value() + ", " +
                value() + ")";
        return text;
      case 6:
        text += any_column() + (bytes_.below(2) == 0 ? " IS NULL" : " NOTNULL");
        return text;
      case 7: {
        constexpr std::array<std::string_view, 4> kWords{" LIKE ", " GLOB ", " NOT LIKE ", " MATCH "};
        text += any_column() + std::string(bytes_.one_of(kWords)) + literal();
        return text;
      }
      case 8:
      case 9:
        return depth > 0 ? within_subquery() : condition(0);
      case 10:
        text += "1";
        return text;
      default: {
        constexpr std::array<std::string_view, 9> kOperators{" = ",  " = ",  " < ",  " <= ",    " > ",
                                                             " >= ", " <> ", " IS ", " IS NOT "};
        text += operand() + std::string(bytes_.one_of(kOperators)) + value();
        return text;
      }
    }
  }

  /// column IN (SELECT ...), or EXISTS.
  Query within_subquery() {
    Query text, arguments;
    const bool is_in = bytes_.below(2) == 0;
    text += is_in ? any_column() + " IN (SELECT " : std::string("EXISTS (SELECT ");
    const std::size_t inner = tables_.size();
    Query source = table(arguments);
    const std::string column = "t" + std::to_string(inner) + "." + bytes_.one_of(tables_[inner]->columns);
    text += column + " FROM ";
    text += source;
    text += " WHERE ";
    text += condition(0);
    text += arguments;
    text += ")";
    tables_.resize(inner);  // nobody outside may name it
    return text;
  }

  Bytes& bytes_;
  std::vector<const TableInfo*> tables_;
  std::vector<std::string> whole_;
};

}  // namespace warden::fuzz
