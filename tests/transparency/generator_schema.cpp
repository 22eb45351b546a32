// Tables of every shape, indexes, views, triggers, virtual tables, and what changes and drops them.
#include "generator.hpp"

namespace warden::test {

std::string Generator::column_definition(const std::string& name, bool strict) {
  std::string sql = name + " ";
  sql += strict ? one_of({"INTEGER", "TEXT", "REAL", "BLOB", "ANY", "INT"})
                : one_of({"", "INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "VARCHAR(20)", "DECIMAL(5, 2)",
                          "BOOLEAN"});
  if (one_in(9)) sql += " NOT NULL" + one_of({"", " ON CONFLICT IGNORE", " ON CONFLICT REPLACE"});
  if (one_in(8)) sql += " DEFAULT " + one_of({"7", "'seven'", "(1 + 6)", "NULL", "x'07'", "(abs(-7))"});
  if (one_in(12))
    sql += " UNIQUE" + one_of({"", " ON CONFLICT REPLACE", " ON CONFLICT ABORT", " ON CONFLICT FAIL"});
  if (one_in(12)) sql += " CHECK (" + name + one_of({" <> 13", " IS NOT 'beta'", " IS NULL OR typeof("});
  if (sql.ends_with("typeof(")) sql += name + ") <> 'blob'";
  if (sql.find("CHECK (") != std::string::npos) sql += ")";
  if (one_in(10)) sql += " COLLATE " + one_of({"NOCASE", "RTRIM", "BINARY", "h_reverse", "h_late"});
  if (!tables_.empty() && one_in(10))
    sql += " REFERENCES " + some_name() +
           one_of({"", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE",
                   " DEFERRABLE INITIALLY DEFERRED"});
  return sql;
}

void Generator::create_table() {
  Table table;
  table.name = new_name("t");
  std::string kind = "create table";
  if (one_in(12)) {
    table = {table.name, {"a", "b"}, true, false};
    add_sql("create table as", "CREATE TABLE " + table.name + " AS " +
                                   "SELECT 1 AS a, 'two' AS b UNION ALL " + "SELECT " + literal() + ", " +
                                   literal());
    tables_.push_back(table);
    return;
  }
  const bool strict = one_in(6);
  const bool without_rowid = one_in(6);
  const bool temporary = one_in(8);
  std::string sql = "CREATE " + std::string(temporary ? "TEMP " : "") + "TABLE " +
                    one_of({"", "", "IF NOT EXISTS "}) + table.name + "(";
  const std::size_t columns = 2 + below(4);
  for (std::size_t i = 0; i < columns; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    table.columns.push_back(name);
    if (i > 0) sql += ", ";
    if (i == 0 && !without_rowid && one_in(2)) {
      sql += name + " INTEGER PRIMARY KEY" + one_of({"", "", " AUTOINCREMENT", " DESC"});
      if (sql.ends_with("AUTOINCREMENT")) kind = "create table autoincrement";
    } else if (i == 0 && (without_rowid || one_in(4))) {
      sql += name + (strict ? " TEXT" : one_of({" TEXT", " INT", ""})) + " PRIMARY KEY" +
             one_of({"", " ON CONFLICT IGNORE", " ON CONFLICT ROLLBACK"});
    } else {
      sql += column_definition(name, strict);
    }
  }
  if (one_in(5)) {
    sql += ", gg " + std::string(strict ? "TEXT" : "") + " AS (" + table.columns.back() + " || '!')" +
           one_of({" STORED", " VIRTUAL", ""});
    kind = "create table with a generated column";
  }
  if (one_in(6)) sql += ", UNIQUE (" + table.columns.back() + ", " + table.columns.front() + ")";
  if (one_in(6)) sql += ", CONSTRAINT k CHECK (" + table.columns.back() + " IS NOT 'gamma')";
  if (one_in(7) && !tables_.empty())
    sql += ", FOREIGN KEY (" + table.columns.back() + ") REFERENCES " + some_name() + "(a) ON DELETE " +
           one_of({"CASCADE", "RESTRICT", "SET DEFAULT", "NO ACTION"});
  sql += ")";
  if (without_rowid) sql += " WITHOUT ROWID";
  if (strict) sql += std::string(without_rowid ? "," : "") + " STRICT";
  if (strict) kind = "create table strict";
  if (without_rowid) kind = "create table without rowid";
  if (temporary) kind = "create temp table";
  table.has_rowid = !without_rowid;
  add_sql(kind, sql);
  tables_.push_back(table);
}

void Generator::create_index() {
  const Table table = some_table();
  std::string sql = "CREATE " + one_of({"", "", "UNIQUE "}) + "INDEX " + one_of({"", "IF NOT EXISTS "}) +
                    new_name("i") + " ON " + table.name + "(";
  switch (below(5)) {
    case 0:
      return add_sql("create index on an expression", sql + "lower(" + column_of(table) + "), length(b))");
    case 1:
      return add_sql("create partial index", sql + column_of(table) + ") WHERE " + column_of(table) + " > 5");
    case 2:
      return add_sql("create index", sql + column_of(table) + " COLLATE NOCASE DESC)");
    default:
      return add_sql("create index",
                     sql + column_of(table) + ", " + column_of(table) + one_of({"", " DESC"}) + ")");
  }
}

void Generator::create_view() {
  Table view{new_name("v"), {"a", "b"}, false, true};
  const Table table = some_table();
  add_sql("create view", "CREATE " + one_of({"", "", "TEMP "}) + "VIEW " + view.name +
                             one_of({"", "(a, b)"}) + " AS SELECT " + column_of(table) + " AS a, " +
                             expression(table, 1) + " AS b FROM " + table.name +
                             one_of({"", " WHERE a IS NOT NULL", " GROUP BY 1", " LIMIT 5"}));
  tables_.push_back(view);
}

void Generator::create_trigger() {
  const Table table = some_table();
  const Table other = some_table();
  const bool instead = table.is_view;
  std::string sql = "CREATE " + one_of({"", "", "TEMP "}) + "TRIGGER " + new_name("g") +
                    (instead ? " INSTEAD OF " : one_of({" BEFORE ", " AFTER "})) +
                    one_of({"INSERT", "UPDATE", "UPDATE OF a", "DELETE"}) + " ON " + table.name + " " +
                    one_of({"", "FOR EACH ROW "});
  if (one_in(4)) sql += "WHEN (SELECT count(*) FROM " + other.name + ") < 30 ";
  sql += "BEGIN ";
  std::string kind = instead ? "create trigger instead of" : "create trigger";
  switch (below(5)) {
    case 0:
      sql += "SELECT RAISE(" + one_of({"ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'", "IGNORE"}) +
             ") WHERE " + one_of({"1", "(SELECT count(*) FROM sqlite_schema) % 2"}) + ";";
      kind += ", raise";
      break;
    case 1:
      sql += "UPDATE " + other.name + " SET " + other.columns.back() + " = " + literal() + " WHERE " +
             other.columns.front() + " = " + number(10) + ";";
      break;
    case 2:
      sql += "DELETE FROM " + other.name + " WHERE " + other.columns.back() + " = " + literal() + ";";
      break;
    default:
      sql += "INSERT " + one_of({"", "OR IGNORE ", "OR REPLACE "}) + "INTO " + other.name + "(" +
             columns_of(other) + ") SELECT " + columns_of(other) + " FROM " + other.name + " LIMIT 1;";
  }
  add_sql(kind, sql + " END");
}

void Generator::create_virtual() {
  if (one_in(2)) {
    const std::string name = new_name("f");
    full_texts_.push_back(name);
    add_sql("create fts5", "CREATE VIRTUAL TABLE " + name + " USING fts5(x, y" +
                               one_of({"", ", prefix = '2 3'", ", tokenize = 'porter'", ", columnsize = 0",
                                       ", detail = column", ", content = ''", ", no_such_option = 1"}) +
                               ")");
  } else if (one_in(4)) {
    add_sql("create fts4", "CREATE VIRTUAL TABLE " + new_name("k") + " USING fts4(x, y)");
  } else {
    const std::string name = new_name("r");
    r_trees_.push_back(name);
    add_sql("create rtree",
            "CREATE VIRTUAL TABLE " + name + " USING " +
                one_of({"rtree(id, x0, x1)", "rtree(id, x0, x1, y0, y1)", "rtree_i32(id, x0, x1)",
                        "rtree(id, x0, x1, +note TEXT)", "rtree(id, x0)"}));
  }
}

void Generator::alter_or_drop() {
  const Table table = some_table();
  switch (below(9)) {
    case 0:
      return add_sql("alter table add", "ALTER TABLE " + table.name + " ADD COLUMN " +
                                            column_definition(one_of({"p", "q", "a"}), false));
    case 1:
      return add_sql("alter table rename column", "ALTER TABLE " + table.name + " RENAME COLUMN " +
                                                      column_of(table) + " TO " +
                                                      one_of({"a", "b", "renamed"}));
    case 2:
      return add_sql("alter table rename", "ALTER TABLE " + table.name + " RENAME TO " + new_name("t"));
    case 3:
      return add_sql("alter table drop column",
                     "ALTER TABLE " + table.name + " DROP COLUMN " + column_of(table));
    case 4:
      return add_sql("drop index", "DROP INDEX " + one_of({"", "IF EXISTS "}) + new_name("i"));
    case 5:
      return add_sql("drop trigger", "DROP TRIGGER " + one_of({"", "IF EXISTS "}) + new_name("g"));
    case 6:
      return add_sql("drop view", "DROP VIEW " + one_of({"", "IF EXISTS "}) + new_name("v"));
    case 7:
      if (!full_texts_.empty() && one_in(2)) return add_sql("drop fts5", "DROP TABLE " + full_texts_.back());
      if (!r_trees_.empty()) return add_sql("drop rtree", "DROP TABLE " + r_trees_.back());
      [[fallthrough]];
    default:
      return add_sql("drop table", "DROP TABLE " + one_of({"", "IF EXISTS "}) + table.name);
  }
}

}  // namespace warden::test
