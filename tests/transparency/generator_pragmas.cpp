// What is said of whole databases: pragmas, VACUUM, ANALYZE, ATTACH. And mistakes: one for each error that SQLite has.
#include "generator.hpp"

namespace warden::test {

void Generator::pragma() {
  struct Pragma {
    const char* name;
    std::initializer_list<const char*> values;
    bool tells_of_caches = false;  // what it shows, or changes, hangs on when pages are written
  };
  static const Pragma kPragmas[] = {
      {"journal_mode", {"= wal", "= delete", "= truncate", "= memory", "= off", "= persist", ""}},
      {"auto_vacuum", {"= none", "= full", "= incremental", ""}},
      {"incremental_vacuum", {"", "(2)"}},
      {"foreign_keys", {"= on", "= off", ""}},
      {"recursive_triggers", {"= on", "= off"}},
      {"user_version", {"= 7", "= -1", ""}},
      {"application_id", {"= 99", ""}},
      {"cache_size", {"= 10", "= -100", "= 2000", ""}, true},
      {"cache_spill", {"= on", "= off", "= 20"}, true},
      {"temp_store", {"= memory", "= file", "= default", ""}, true},
      {"mmap_size", {"= 0", "= 1048576", ""}},
      {"secure_delete", {"= on"}},
      {"integrity_check", {"", "(3)"}},
      {"quick_check", {""}},
      {"foreign_key_check", {""}},
      {"page_count", {""}},
      {"freelist_count", {""}},
      {"max_page_count", {"= 40", "= 100000", ""}},
      {"data_version", {""}},
      {"schema_version", {"", "= 55"}},
      {"synchronous", {"= off", "= full", ""}},
      {"locking_mode", {"= exclusive", "= normal", ""}},
      {"wal_checkpoint", {"", "(truncate)", "(full)"}, true},
      {"wal_autocheckpoint", {"= 3", "= 1000", ""}, true},
      {"journal_size_limit", {"= 1024", "= -1"}},
      {"case_sensitive_like", {"= on", "= off"}},
      {"defer_foreign_keys", {"= on"}},
      {"ignore_check_constraints", {"= on", "= off"}},
      {"query_only", {"= on", "= off", "= off"}},
      {"read_uncommitted", {"= on", "= off"}},
      {"reverse_unordered_selects", {"= on", "= off"}},
      {"writable_schema", {"= on", "= off", "= reset"}},
      {"automatic_index", {"= off", "= on"}},
      {"cell_size_check", {"= on"}},
      {"legacy_alter_table", {"= on", "= off"}},
      {"busy_timeout", {"= 0"}},
      {"optimize", {""}},
      {"database_list", {""}},
      {"no_such_pragma", {"", "= 1"}},
  };
  const Pragma& pragma = kPragmas[below(std::size(kPragmas))];
  if (pragma.tells_of_caches && spills_at_other_times(script_.mode)) return;
  std::string value = *(pragma.values.begin() + below(pragma.values.size()));
  // Without a journal what was spilled before a rollback stays in the file: another content where spills come at other times.
  if (std::string_view(pragma.name) == "journal_mode" && value == "= off" &&
      (spills_at_other_times(script_.mode) || one_in(2)))
    value = "= delete";
  add_sql("pragma " + std::string(pragma.name),
          "PRAGMA " + one_of({"", "", "main."}) + pragma.name + " " + value);
}

void Generator::maintenance() {
  switch (below(6)) {
    case 0:
      return add_sql("vacuum", one_of({"VACUUM", "VACUUM main", "VACUUM"}));
    case 1:
      if (one_in(2))
        return add_sql("vacuum into",
                       "VACUUM INTO '" + std::string(one_in(3) ? "/no/such/place" : "file::memory:") + "'");
      [[fallthrough]];
    case 2:
      return add_sql("analyze", "ANALYZE" + (one_in(2) ? "" : " " + some_name()));
    case 3:
      return add_sql("reindex", "REINDEX" + (one_in(2)   ? ""
                                             : one_in(2) ? " " + some_name()
                                                         : std::string(" NOCASE")));
    default:
      return add_sql("pragma integrity_check", "PRAGMA integrity_check");
  }
}

void Generator::attach() {
  if (one_in(3)) return add_sql("detach", "DETACH aux");
  if (one_in(3)) {
    add_sql("attached table", "CREATE TABLE IF NOT EXISTS aux.t9(a PRIMARY KEY, b)");
    return add_sql("attached table", "INSERT INTO aux.t9 SELECT a, b FROM main." + some_name() + " LIMIT 5");
  }
  Step& step = add(Do::run, "attach", "ATTACH ? AS aux");
  step.bound = {one_in(2) ? std::string(":memory:") : std::string("")};
  if (!alone_ && one_in(10)) step.bound = {std::string("/no/such/directory/file")};
}

void Generator::mistake() {
  const Table table = some_table();
  const std::string a = table.columns.front();
  switch (below(16)) {
    case 0:
      return add_sql("wrong syntax", one_of({"SELEC 1", "SELECT 1 FROM", "INSERT INTO", "SELECT (1",
                                             "SELECT 'open", "CREATE TABLE (", "SELECT 1 2 3", "\xff\xfe"}));
    case 1:
      return add_sql(
          "no such thing",
          one_of({"SELECT * FROM nowhere", "SELECT nothing", "SELECT no_such_function(1)",
                  "DROP TABLE nowhere", "SELECT 1 COLLATE nobody", "INSERT INTO nowhere VALUES (1)",
                  "SELECT * FROM nowhere(1)", "ROLLBACK TO nowhere", "CREATE VIRTUAL TABLE n USING nobody"}));
    case 2:
      return add_sql("too many columns", "INSERT INTO " + table.name + " VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9)");
    case 3:
      return add_sql("too many terms", one_of({"SELECT 1 UNION SELECT 1, 2", "SELECT (1, 2)", "SELECT abs()",
                                               "SELECT 1 IN (1, (2, 3))", "VALUES (1), (2, 3)"}));
    case 4:
      return add_sql("integer overflow",
                     one_of({"SELECT abs(-9223372036854775808)",
                             "SELECT sum(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)"}));
    case 5:
      return add_sql("too big",
                     one_of({"SELECT length(zeroblob(2000000000))", "SELECT hex(zeroblob(1000000001))"}));
    case 6:
      return add_sql("datatype mismatch", "INSERT INTO " + table.name + "(rowid) VALUES ('no number')");
    case 7:
      return add_sql("ambiguous",
                     "SELECT " + a + " FROM " + table.name + " AS x, " + table.name + " AS y LIMIT 3");
    case 8:
      return add_sql("write to sqlite_schema",
                     one_of({"DELETE FROM sqlite_schema", "UPDATE sqlite_schema SET sql = 'x'",
                             "DROP TABLE sqlite_schema", "CREATE TABLE sqlite_x(a)"}));
    case 9:
      return add_sql("nested transaction", "BEGIN; BEGIN");
    case 10:
      return add_sql("recursion in a view", "CREATE VIEW IF NOT EXISTS v5 AS SELECT * FROM v5");
    case 11:
      return add_sql("misuse of an aggregate",
                     "SELECT " + a + " FROM " + table.name + " WHERE sum(" + a + ") > 1");
    case 12:
      return add_sql("wrong pattern", "SELECT 'a' LIKE 'b' ESCAPE 'long', json('{')");
    case 13: {
      // Too deep for the parser's stack, or for the limit of expressions.
      std::string deep;
      for (int i = 0; i < 1100; ++i) deep += "-";
      return add_sql("too deep", "SELECT " + deep + "1");
    }
    case 14:
      return add_sql("read only", one_of({"UPDATE json_each SET key = 1", "UPDATE v0 SET a = 1",
                                          "DELETE FROM v1", "INSERT INTO pragma_table_list VALUES (1)"}));
    default: {
      std::string many = "CREATE TABLE wide(c0";
      for (int i = 1; i < 2100; ++i) many += ", c" + std::to_string(i);
      return add_sql(
          "too many columns",
          one_in(6) ? many + ")" : "SELECT * FROM " + table.name + " WHERE " + a + " = ? AND ?3 = ?99999999");
    }
  }
}

void Generator::constraint() {
  // A table with every constraint, and a row that breaks one of them.
  constexpr const char* kTables =
      "CREATE TABLE IF NOT EXISTS c0(id INTEGER PRIMARY KEY, u UNIQUE, n NOT NULL DEFAULT 1, k CHECK (k < "
      "10), "
      "p REFERENCES c0(id)); CREATE TABLE IF NOT EXISTS c1(k TEXT PRIMARY KEY, i INTEGER) STRICT, WITHOUT "
      "ROWID; "
      "CREATE TABLE IF NOT EXISTS c2(id INTEGER PRIMARY KEY AUTOINCREMENT, x); "
      "CREATE TRIGGER IF NOT EXISTS gc BEFORE INSERT ON c2 WHEN new.x = 'no' BEGIN SELECT RAISE(ABORT, 'the "
      "trigger says no'); END; "
      "INSERT OR IGNORE INTO c0 VALUES (1, 'one', 1, 1, NULL); INSERT OR IGNORE INTO c1 VALUES ('key', 1)";
  add(Do::exec, "tables with constraints", kTables);
  switch (below(9)) {
    case 0:
      return add_sql("unique constraint", "INSERT INTO c0(u) VALUES ('one')");
    case 1:
      return add_sql("rowid constraint", "INSERT INTO c0(id) VALUES (1)");
    case 2:
      return add_sql("not null constraint", "INSERT INTO c0(n) VALUES (NULL)");
    case 3:
      return add_sql("check constraint", "UPDATE c0 SET k = 11");
    case 4:
      add_sql("pragma foreign_keys", "PRAGMA foreign_keys = on");
      return add_sql("foreign key constraint", "INSERT INTO c0(p) VALUES (4711)");
    case 5:
      return add_sql("primary key constraint", "INSERT INTO c1 VALUES ('other', 1), ('key', 2)");
    case 6:
      return add_sql("datatype constraint", "INSERT INTO c1 VALUES ('third', 'no number')");
    case 7:
      return add_sql("trigger constraint", "INSERT INTO c2(x) VALUES (1), ('no'), (3)");
    default:
      return add_sql("autoincrement exhausted",
                     "INSERT INTO c2(id) VALUES (9223372036854775807); INSERT INTO c2(x) VALUES (1)");
  }
}

}  // namespace warden::test
