// Rows written and changed, transactions around them, and the two kinds of virtual tables that are written to.
#include "generator.hpp"

namespace warden::test {

std::string Generator::returning(const Table& table) {
  return one_in(4) ? " RETURNING " + one_of({"*", "a", "count(*) OVER ()", "typeof(b)"}) +
                         (one_in(2) ? ", " + expression(table, 1) : "")
                   : "";
}

void Generator::insert() {
  const Table table = some_table();
  const std::string verb = one_of({"INSERT", "INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE",
                                   "INSERT OR FAIL", "INSERT OR ABORT", "INSERT OR ROLLBACK"});
  std::string kind = verb == "REPLACE" || verb == "INSERT OR REPLACE" ? "replace" : "insert";
  std::string sql = verb + " INTO " + one_of({"", "", "", "main."}) + table.name;
  if (one_in(10)) return add_sql("insert default values", sql + " DEFAULT VALUES");
  sql += "(" + columns_of(table) + ") ";
  if (one_in(4)) {
    const Table from = some_table();
    sql += "SELECT ";
    for (std::size_t i = 0; i < table.columns.size(); ++i) sql += (i > 0 ? ", " : "") + expression(from, 1);
    sql += " FROM " + from.name + " LIMIT " + number(8);
    kind = "insert from select";
  } else if (one_in(3)) {
    sql += "VALUES (";
    for (std::size_t i = 0; i < table.columns.size(); ++i) sql += i > 0 ? ", ?" : "?";
    Step& step = add(Do::run, "insert with bound values", sql + ")" + returning(table));
    for (std::size_t i = 0; i < table.columns.size(); ++i) step.bound.push_back(value());
    if (one_in(15)) step.bound.push_back(value());  // one too many
    return;
  } else {
    sql += "VALUES ";
    const std::size_t rows = 1 + below(5);
    for (std::size_t row = 0; row < rows; ++row) {
      sql += row > 0 ? ", (" : "(";
      for (std::size_t i = 0; i < table.columns.size(); ++i) sql += (i > 0 ? ", " : "") + literal();
      sql += ")";
    }
  }
  if (one_in(5) && verb == "INSERT") {
    if (kind == "insert from select") sql.insert(sql.rfind(" LIMIT"), " WHERE 1");
    sql += " ON CONFLICT" + one_of({"", "(a)", "(a)", "(b)"}) +
           one_of({" DO NOTHING", " DO UPDATE SET b = excluded.a", " DO UPDATE SET b = 1 WHERE a > 3"});
    kind = "upsert";
  }
  const std::string gives = returning(table);
  if (!gives.empty()) kind += " returning";
  add_sql(kind, sql + gives);
}

void Generator::update_or_delete() {
  const Table table = some_table();
  const Table other = some_table();
  switch (below(7)) {
    case 0:
      return add_sql("delete", "DELETE FROM " + table.name + " WHERE " + condition(table) + returning(table));
    case 1:
      return add_sql("delete", "DELETE FROM " + table.name + " WHERE " + column_of(table) + " IN (SELECT " +
                                   column_of(other) + " FROM " + other.name + " LIMIT 3)");
    case 2:
      return add_sql("update from", "UPDATE " + table.name + " SET " + table.columns.back() + " = o." +
                                        column_of(other) + " FROM (SELECT * FROM " + other.name +
                                        " LIMIT 20) AS o WHERE o." + column_of(other) + " = " + table.name +
                                        "." + column_of(table));
    case 3:
      if (one_in(3)) return add_sql("truncate", "DELETE FROM " + table.name);
      return add_sql("update limited", "UPDATE " + table.name + " SET " + column_of(table) + " = " +
                                           literal() + " ORDER BY " + column_of(table) + " LIMIT 2");
    case 4:
      return add_sql("update of a row value", "UPDATE " + table.name + " SET (" + table.columns.front() +
                                                  ", " + table.columns.back() + ") = (SELECT " + literal() +
                                                  ", " + literal() + ") WHERE " + condition(table));
    default: {
      const std::string gives = returning(table);
      return add_sql(gives.empty() ? "update" : "update returning",
                     "UPDATE " + one_of({"", "", "OR IGNORE ", "OR REPLACE ", "OR FAIL ", "OR ROLLBACK "}) +
                         table.name + " SET " + column_of(table) + " = " + expression(table, 1) + " WHERE " +
                         condition(table) + gives);
    }
  }
}

void Generator::transaction() {
  switch (below(10)) {
    case 0:
    case 1:
      return add_sql("begin", "BEGIN" + one_of({"", " DEFERRED", " IMMEDIATE", " EXCLUSIVE"}));
    case 2:
    case 3:
      return add_sql("commit", one_of({"COMMIT", "END"}));
    case 4:
      return add_sql("rollback", "ROLLBACK");
    case 5:
    case 6:
      savepoints_.push_back(new_name("s"));
      return add_sql("savepoint", "SAVEPOINT " + savepoints_.back());
    case 7: {
      const std::string name = savepoints_.empty() ? "s0" : savepoints_[below(savepoints_.size())];
      return add_sql("rollback to", "ROLLBACK TO " + name);
    }
    case 8: {
      const std::string name = savepoints_.empty() ? "s0" : savepoints_[below(savepoints_.size())];
      return add_sql("release", "RELEASE " + name);
    }
    default:
      // A whole one, so that most scripts have one that ends well.
      add(Do::exec, "begin", "BEGIN IMMEDIATE");
      insert();
      update_or_delete();
      add(Do::exec, "commit", "COMMIT");
  }
}

void Generator::full_text() {
  if (full_texts_.empty()) return create_virtual();
  const std::string name = full_texts_[below(full_texts_.size())];
  const std::string words =
      one_of({"warm house", "cold houses run", "the runner ran", "a b c d e f", "\xc3\xa4pfel"});
  switch (below(8)) {
    case 0:
    case 1:
      return add_sql("fts5 insert", "INSERT INTO " + name + "(x, y) VALUES ('" + words + "', '" +
                                        one_of({"one two", "two three", "house"}) + "'), ('" + words +
                                        "', NULL)");
    case 2:
      return add_sql("fts5 match", "SELECT rowid, x, highlight(" + name + ", 0, '[', ']'), snippet(" + name +
                                       ", -1, '<', '>', '..', 4), bm25(" + name + ") FROM " + name +
                                       " WHERE " + name + " MATCH '" +
                                       one_of({"house*", "warm OR cold", "x : ran", "NEAR(a d, 3)",
                                               "\"two three\"", "AND", "ru* NOT cold"}) +
                                       "' ORDER BY rank");
    case 3:
      return add_sql("fts5 delete", "DELETE FROM " + name + " WHERE rowid = " + number(6));
    case 4:
      return add_sql("fts5 update", "UPDATE " + name + " SET x = '" + words + "' WHERE rowid < " + number(6));
    case 5:
      return add_sql(
          "fts5 command",
          "INSERT INTO " + name + "(" + name + one_of({"", ", rank"}) + ") VALUES ('" +
              one_of({"optimize", "rebuild", "integrity-check", "merge", "automerge", "delete-all"}) + "'" +
              one_of({"", ", 4"}) + ")");
    case 6:
      return add_sql("fts5 shadow tables", one_in(3)
                                               ? "UPDATE " + name + "_data SET block = x'00' WHERE id = 10"
                                               : "SELECT id, length(block) FROM " + name + "_data");
    default:
      return add_sql("fts5 scan", "SELECT rowid, * FROM " + name + " ORDER BY rowid DESC LIMIT 5");
  }
}

void Generator::r_tree() {
  if (r_trees_.empty()) return create_virtual();
  const std::string name = r_trees_[below(r_trees_.size())];
  switch (below(6)) {
    case 0:
      return add_sql("rtree insert", "INSERT INTO " + name + "(id, x0, x1) VALUES (" + number(20) + ", " +
                                         number(9) + ", " + std::to_string(5 + below(9)) + ")");
    case 1:
      return add_sql(
          "rtree insert",
          "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) INSERT OR REPLACE INTO " +
              name + "(id, x0, x1) SELECT i, i % 7, i % 7 + i FROM n");
    case 2:
      return add_sql("rtree query", "SELECT id, x0, x1 FROM " + name + " WHERE x0 > " + number(6) +
                                        " AND x1 < " + number(40) + " ORDER BY id");
    case 3:
      return add_sql("rtree delete", "DELETE FROM " + name + " WHERE id % 3 = " + number(3));
    case 4:
      return add_sql("rtree update", "UPDATE " + name + " SET x1 = x1 + 1 WHERE id = " + number(20));
    default:
      return add_sql("rtree check", "SELECT rtreecheck('" + name + "')");
  }
}

void Generator::bulk() {
  // More than a page or two: caches have something to give back.
  const Table table = some_table();
  if (one_in(4))
    return add_sql("delete of much",
                   "DELETE FROM " + table.name + " WHERE length(" + column_of(table) + ") > 300");
  std::string sql = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                    std::to_string(50 + below(300)) + ") INSERT OR IGNORE INTO " + table.name + "(" +
                    columns_of(table) + ") SELECT ";
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    sql += (i > 0 ? ", " : "") +
           one_of({"i * 17 % 1000", "i", "printf('%0500d', i)", "zeroblob(400 + i)", "hex(i) || 'x'"});
  add_sql("insert of much", sql + " FROM n");
}

}  // namespace warden::test
