// Questions: expressions over everything that SQLite computes the same each time, and every form of SELECT.
#include "generator.hpp"

namespace warden::test {

// Beyond the greatest rowid SQLite chooses by chance, and temporary files have changed what chance says.
std::string Generator::literal() {
  switch (below(9)) {
    case 0:
      return "NULL";
    case 1:
      return std::to_string(below(1000)) + one_of({".5", ".25", "e2", "e-3"});
    case 2:
    case 3:
      return one_of(
          {"'alpha'", "'beta'", "'gamma'", "'Alpha'", "'12'", "''", "'a''b'", "'{\"k\": [1, 2]}'", "'x  '"});
    case 4:
      return one_of({"x''", "x'00ff'", "x'616263'", alone_ ? "7" : "9223372036854775807",
                     "-9223372036854775808", "0.1", "-0.0"});
    default:
      return std::to_string(static_cast<int>(below(40)) - 4);
  }
}

std::string Generator::expression(const Table& table, int depth) {
  if (depth <= 0) return one_in(3) ? literal() : column_of(table);
  const auto part = [&] { return expression(table, depth - 1); };
  switch (below(17)) {
    case 0:
      return "(" + part() +
             one_of({" + ", " - ", " * ", " / ", " % ", " || ", " & ", " | ", " << ", " >> "}) + part() + ")";
    case 1:
    case 2:
    case 3:
      return "(" + part() +
             one_of({" = ", " < ", " > ", " >= ", " <> ", " IS ", " IS NOT ", " AND ", " OR "}) + part() +
             ")";
    case 4:
      return one_of({"abs", "length", "upper", "lower", "hex", "quote", "typeof", "trim", "round", "unicode",
                     "sqlite_compileoption_used"}) +
             "(" + part() + ")";
    case 5:
      return one_of(
                 {"coalesce", "nullif", "min", "max", "instr", "ifnull", "glob", "like", "h_add", "round"}) +
             "(" + part() + ", " + part() + ")";
    case 6:
      return one_of({"substr", "replace", "iif", "printf"}) + "(" + (one_in(3) ? "'%s-%d'" : part()) + ", " +
             part() + ", " + part() + ")";
    case 7:
      return "CASE " + one_of({"WHEN ", ""}) + part() + " WHEN " + part() + " THEN " + part() + " ELSE " +
             part() + " END";
    case 8:
      return "CAST(" + part() + " AS " + one_of({"INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC"}) + ")";
    case 9:
      return "(" + part() +
             one_of({" LIKE '%a%'", " GLOB '[ab]*'", " NOT LIKE 'al%'", " BETWEEN 2 AND 8", " ISNULL",
                     " NOTNULL", " IN (1, 2, 'beta')", " COLLATE NOCASE = 'ALPHA'", " REGEXP 'a'",
                     " MATCH 'a'"}) +
             ")";
    case 10: {
      const Table other = some_table();
      return one_of({"EXISTS (", "(", "1 IN ("}) + "SELECT " + column_of(other) + " FROM " + other.name +
             " WHERE " + column_of(other) + " = " + literal() + " LIMIT 2)";
    }
    case 11:
      return one_of({"sqrt", "floor", "ln", "exp", "degrees", "sign", "ceil"}) + "(" + part() + ")";
    case 12:
      return one_of({"json_type(", "json_valid(", "json_quote(", "json_array(1, "}) + part() + ")";
    case 13:
      if (one_in(4)) return "h_fail(" + one_of({"1", "4", "11", "18", "19", "0"}) + ")";
      if (one_in(6)) return "h_interrupt(" + part() + ")";
      return "h_query('" +
             one_of({"SELECT count(*) FROM sqlite_schema", "SELECT 1 WHERE 0", "SELECT zz",
                     "SELECT abs(a) FROM t0", "INSERT INTO t1(a) VALUES (99)", "UPDATE t2 SET b = 4",
                     "DELETE FROM t3 WHERE a = 2"}) +
             "')";
    case 14:
      return "(SELECT " + part() + ")";
    default:
      return column_of(table);
  }
}

std::string Generator::query() {
  const Table table = some_table();
  const Table other = some_table();
  const std::string limit = " LIMIT " + number(25);
  // Joins with what can't grow: a few rows of the other table.
  const std::string few = "(SELECT * FROM " + other.name + " LIMIT 9) AS o";
  switch (below(10)) {
    case 0:
      return "SELECT * FROM " + table.name + " WHERE " + condition(table) + limit;
    case 1:
      return "SELECT " + column_of(table) + ", count(*), " +
             one_of({"sum", "avg", "min", "max", "total", "group_concat", "h_sum"}) + "(" + column_of(table) +
             ") FROM " + table.name + " GROUP BY " + one_of({"1", "a", "typeof(b)"}) +
             one_of({"", " HAVING count(*) > 1"}) + " ORDER BY " + one_of({"1", "2 DESC", "3, 1"}) + limit;
    case 2:
      return "SELECT " + table.name + ".*, o.* FROM " + table.name +
             one_of({" JOIN ", " LEFT JOIN ", " CROSS JOIN ", " FULL JOIN "}) + few + " ON " + table.name +
             "." + table.columns.front() + " = o." + other.columns.front() + " ORDER BY 1, 2" + limit;
    case 3:
      return "SELECT " + column_of(table) + " FROM " + table.name +
             one_of({" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT "}) + "SELECT " + column_of(other) +
             " FROM " + other.name + " ORDER BY 1" + limit;
    case 4:
      return "SELECT DISTINCT " + column_of(table) + ", " + expression(table, 1) + " FROM " + table.name +
             " ORDER BY " + one_of({"1", "2", "1 DESC NULLS LAST", "1 COLLATE NOCASE", "1 COLLATE h_late"}) +
             limit;
    case 5:
      return "SELECT count(*), count(DISTINCT " + column_of(table) + "), sum(" + expression(table, 1) +
             ") FILTER (WHERE " + column_of(table) + " > 2) FROM " + table.name + " WHERE " +
             condition(table);
    case 6:
      return "SELECT * FROM " + table.name + " WHERE (" + column_of(table) + ", " + column_of(table) +
             ") > (" + literal() + ", " + literal() + ") ORDER BY " + column_of(table) + limit + " OFFSET " +
             number(3);
    case 7:
      return "VALUES (" + literal() + ", " + literal() + "), (" + literal() + ", " + literal() + ")";
    case 8:
      return "SELECT * FROM " + table.name + one_of({"", " INDEXED BY i1", " NOT INDEXED"}) +
             " NATURAL JOIN " + few + limit;
    default:
      return "SELECT " + expression(table, 2) + ", " + expression(table, 2) + " FROM " + table.name + limit;
  }
}

void Generator::select() {
  if (one_in(4)) {
    const Table table = some_table();
    Step& step = add(Do::run, "select with bound values",
                     "SELECT * FROM " + table.name + " WHERE " + column_of(table) + " = ?1 OR " +
                         column_of(table) + " > :two LIMIT 20");
    step.bound = {value(), value()};
    return;
  }
  add_sql("select", query());
}

void Generator::recursive() {
  const Table table = some_table();
  switch (below(3)) {
    case 0:
      return add_sql("recursive",
                     "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < " +
                         std::to_string(5 + below(800)) + ") SELECT count(*), sum(i), max(i) FROM n");
    case 1:
      return add_sql("recursive", "WITH RECURSIVE w(x, d) AS (SELECT a, 0 FROM " + table.name +
                                      " UNION SELECT x, d + 1 FROM w WHERE d < 4 ORDER BY 2 DESC LIMIT 40) "
                                      "SELECT d, count(*) FROM w GROUP BY d");
    default:
      return add_sql(
          "with",
          "WITH q AS " + one_of({"", "MATERIALIZED ", "NOT MATERIALIZED "}) + "(SELECT " + columns_of(table) +
              " FROM " + table.name +
              " LIMIT 20) SELECT x.a, y.a FROM q AS x JOIN q AS y ON x.a = y.a ORDER BY 1, 2 LIMIT 20");
  }
}

void Generator::window() {
  const Table table = some_table();
  const std::string over = " OVER (" + one_of({"", "PARTITION BY typeof(a) "}) + "ORDER BY " +
                           table.columns.front() + ", " + table.columns.back() + " " +
                           one_of({"", "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "GROUPS 1 PRECEDING",
                                   "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE TIES"}) +
                           ")";
  add_sql("window", "SELECT a, " +
                        one_of({"row_number()", "rank()", "dense_rank()", "ntile(3)", "lag(a, 2)", "lead(b)",
                                "first_value(a)", "nth_value(b, 2)", "sum(a)", "group_concat(b)", "h_sum(a)",
                                "percent_rank()", "cume_dist()", "count(*) FILTER (WHERE a > 1)"}) +
                        over + " FROM (SELECT * FROM " + table.name + " LIMIT 60) ORDER BY 1, 2 LIMIT 30");
}

void Generator::json() {
  const std::string text =
      one_of({"'{\"a\": [1, {\"b\": null}], \"c\": \"x\"}'", "'[1, 2.5, \"three\", true]'", "'{broken'",
              "json_object('k', 7)", "NULL", "'5'"});
  switch (below(5)) {
    case 0:
      return add_sql("json", "SELECT json_extract(" + text + ", '" +
                                 one_of({"$.a", "$[1]", "$.a[1].b", "bad path", "$"}) + "'), " + text +
                                 " ->> '$.c'");
    case 1:
      return add_sql("json_each", "SELECT key, value, type, atom, fullkey, path FROM json_each(" + text +
                                      one_of({"", ", '$.a'"}) + ")");
    case 2:
      return add_sql("json_tree", "SELECT * FROM json_tree(" + text + ") WHERE type <> 'object' ORDER BY id");
    case 3:
      return add_sql("json", "SELECT json_set(" + text + ", '$.n', " + literal() + "), json_remove(" + text +
                                 ", '$.a'), json_patch(" + text + ", '{\"z\": 1}')");
    default: {
      const Table table = some_table();
      return add_sql("json", "SELECT json_group_array(" + column_of(table) +
                                 "), json_group_object(typeof(a), b) FROM (SELECT * FROM " + table.name +
                                 " LIMIT 15)");
    }
  }
}

void Generator::table_valued() {
  const std::string name = some_name();
  add_sql("table-valued function",
          one_of({"SELECT name, type, ncol, wr, strict FROM pragma_table_list ORDER BY schema, name",
                  "SELECT * FROM pragma_collation_list ORDER BY name",
                  "SELECT name, path, pageno, pagetype, ncell FROM dbstat ORDER BY path LIMIT 9",
                  "SELECT sql, ncol, ro, busy FROM sqlite_stmt ORDER BY sql",
                  "SELECT m.name, x.name, x.type FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS x "
                  "ORDER BY 1, x.cid LIMIT 30",
                  "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema",
                  "SELECT * FROM sqlite_sequence"}));
  if (one_in(3)) add_sql("table-valued function", "SELECT * FROM pragma_index_list('" + name + "')");
}

void Generator::explain() {
  if (one_in(2)) return add_sql("explain query plan", "EXPLAIN QUERY PLAN " + query());
  const Table table = some_table();
  add_sql("explain",
          "EXPLAIN " +
              (one_in(2)   ? query()
               : one_in(2) ? "DELETE FROM " + table.name + " WHERE " + condition(table)
               : one_in(2) ? "UPDATE " + table.name + " SET " + table.columns.back() + " = 3 RETURNING *"
               : one_in(2)
                   ? "INSERT OR REPLACE INTO " + table.name + " DEFAULT VALUES"
                   : one_of({"CREATE TABLE x1(a, b UNIQUE)", "REINDEX", "DROP TABLE t1", "VACUUM", "BEGIN",
                             "SAVEPOINT s", "PRAGMA integrity_check", "PRAGMA journal_mode = wal",
                             "ALTER TABLE t1 ADD COLUMN w", "SELECT * FROM json_each('[1]') ORDER BY 1",
                             "SELECT sum(a) OVER (ORDER BY b) FROM t1",
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM "
                             "n LIMIT 5"})));
}

}  // namespace warden::test
