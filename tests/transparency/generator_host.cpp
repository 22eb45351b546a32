// What a host does beside SQL: callbacks, functions, cursors left open, blobs, backups, a second connection in the way.
#include <sqlite3.h>

#include "generator.hpp"

namespace warden::test {

void Generator::host() {
  switch (below(5)) {
    case 0:
      return host_hook();
    case 1:
      return host_function();
    case 2:
      return host_object();
    default:
      return host_connection();
  }
}

void Generator::host_hook() {
  const std::string name = one_of({"authorizer", "commit", "rollback", "update", "preupdate", "wal",
                                   "progress", "trace", "busy", "collation needed"});
  // Settings are enforced with pragmas: the host's authorizer is asked about them, and its counters count them.
  if (script_.mode == Mode::settings && (name == "authorizer" || name == "progress")) return;
  Step& step = add(Do::hook, "hook " + name, name);
  if (one_in(4)) return;  // takes it back
  step.number = 1 + static_cast<std::int64_t>(below(4));
  if (name == "trace") step.number = static_cast<std::int64_t>(1 + below(15));
  if (name == "progress") step.number = one_in(2) ? 1 : static_cast<std::int64_t>(3 + below(30));
}

void Generator::host_function() {
  const std::string name = one_of({"h_add", "h_fail", "h_query", "h_interrupt", "h_sum", "h_reverse"});
  Step& step = add(Do::function, "function " + name, name);
  step.number = one_in(8) ? 1 : 0;
  if (name == "h_add" && one_in(2)) step.more = "deterministic";
}

void Generator::host_object() {
  const Table table = some_table();
  const int slot = static_cast<int>(below(kSlots));
  switch (below(7)) {
    case 0: {
      add(Do::exec, "a row with a blob",
          "CREATE TABLE IF NOT EXISTS blobs(id INTEGER PRIMARY KEY, x); INSERT OR IGNORE INTO blobs VALUES "
          "(1, zeroblob(3000)), (2, x'01020304'), (3, 7)");
      Step& open = add(Do::blob_open, "blob open", one_in(6) ? table.name : "blobs");
      open.more = "x";
      open.slot = slot;
      open.number = static_cast<std::int64_t>(1 + below(4));
      Step& use = add(Do::blob_use, "blob use");
      use.slot = slot;
      use.number = static_cast<std::int64_t>(one_in(4) ? 5000 : below(100));
      return;
    }
    case 1: {
      Step& step = add(one_in(2) ? Do::blob_use : Do::blob_reopen, "blob use");
      step.slot = slot;
      step.number = static_cast<std::int64_t>(below(3));
      return;
    }
    case 2:
      add(Do::blob_close, "blob close").slot = slot;
      return;
    case 3: {
      add(Do::backup_begin, "backup begin").slot = slot;
      Step& step = add(Do::backup_step, "backup step");
      step.slot = slot;
      step.number = static_cast<std::int64_t>(1 + below(4));
      return;
    }
    case 4: {
      Step& step = add(Do::backup_step, "backup step");
      step.slot = slot;
      step.number = one_in(2) ? -1 : 2;
      return;
    }
    case 5:
      add(Do::backup_end, "backup end").slot = slot;
      return;
    default: {
      Step& step = add(Do::column_metadata, "column metadata", table.name);
      step.more = column_of(table);
    }
  }
}

void Generator::host_connection() {
  switch (below(10)) {
    case 0: {
      // Enforcing settings reads the schema early: under limits that a schema can't be read with it would be read later, or never.
      if (script_.mode == Mode::settings) return;
      Step& step = add(Do::limit, "limit");
      constexpr std::pair<int, const char*> kLimits[] = {{SQLITE_LIMIT_LENGTH, "700"},
                                                         {SQLITE_LIMIT_COLUMN, "4"},
                                                         {SQLITE_LIMIT_EXPR_DEPTH, "3"},
                                                         {SQLITE_LIMIT_COMPOUND_SELECT, "1"},
                                                         {SQLITE_LIMIT_TRIGGER_DEPTH, "2"}};
      const auto& [which, low] = kLimits[below(std::size(kLimits))];
      step.number = which;
      step.more = one_in(2) ? "100000" : low;
      return;
    }
    case 1: {
      Step& step = add(Do::configure, "configure");
      constexpr int kSwitches[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
                                   SQLITE_DBCONFIG_DQS_DML,        SQLITE_DBCONFIG_DEFENSIVE,
                                   SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE};
      step.number = kSwitches[below(std::size(kSwitches))];
      step.more = one_in(3) ? "0" : "1";
      // The file's last state is compared after a checkpoint.
      if (step.number == SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE && spills_at_other_times(script_.mode))
        step.more = "0";
      return;
    }
    case 2:
      add(Do::extended_codes, "extended codes").number = one_in(2);
      return;
    case 3:
      add(Do::checkpoint, "checkpoint").number = static_cast<std::int64_t>(below(4));
      return;
    case 4:
      if (!alone_) add(Do::flush, "flush");
      return;
    case 5:
      add(Do::release, "release memory");
      return;
    case 6:
      add(Do::serialize, "serialize", one_of({"main", "temp", "aux"}));
      return;
    case 7: {
      // Closed, perhaps with statements open, and opened again.
      add(Do::close, "close").number = one_in(3);
      Step& step = add(Do::open, "open again", one_in(12) ? "<dir>/no/such/file" : "<dir>/main.db");
      step.number = SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX |
                    (one_in(6) ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      read_schema();
      return;
    }
    case 8:
      if (!alone_) add(Do::files, "files");
      return;
    default: {
      Step& step = add(Do::run, "legacy prepare", query());
      step.number = 1;
    }
  }
}

void Generator::cursor() {
  const int slot = static_cast<int>(below(kSlots));
  switch (below(8)) {
    case 0:
    case 1:
    case 2: {
      Step& prepared = add(Do::prepare, "prepare", query());
      prepared.slot = slot;
      prepared.number = static_cast<std::int64_t>(below(3));
      Step& stepped = add(Do::step, "step");
      stepped.slot = slot;
      stepped.number = static_cast<std::int64_t>(1 + below(3));
      return;
    }
    case 3: {
      const Table table = some_table();
      Step& prepared = add(
          Do::prepare, "prepare",
          one_in(2) ? "INSERT INTO " + table.name + "(" + table.columns.front() + ") VALUES (?) RETURNING *"
                    : "SELECT * FROM " + table.name + " WHERE " + column_of(table) + " >= ? ORDER BY 1");
      prepared.slot = slot;
      prepared.bound = {value()};
      for (int i = 0; i < 2; ++i) {
        Step& stepped = add(Do::step, "step");
        stepped.slot = slot;
        stepped.number = static_cast<std::int64_t>(1 + below(40));
        Step& bound = add(Do::bind, "bind");  // refused while it is half way
        bound.slot = slot;
        bound.bound = {value()};
        Step& reset = add(Do::reset, "reset");
        reset.slot = slot;
        reset.number = one_in(4);
      }
      return;
    }
    case 4:
    case 5: {
      Step& step = add(Do::step, "step");
      step.slot = slot;
      step.number = static_cast<std::int64_t>(1 + below(20));
      return;
    }
    case 6:
      add(Do::reset, "reset").slot = slot;
      return;
    default:
      add(Do::finalize, "finalize").slot = slot;
  }
}

void Generator::two_connections() {
  if (connections_ < 2) return cursor();
  // One reads, or has begun, and the other wants to write; then the first wants to as well.
  const int first = now_;
  const int second = (now_ + 1) % connections_;
  add(Do::exec, "begin", one_of({"BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"}));
  select();
  now_ = second;
  insert();
  pragma();
  now_ = first;
  insert();
  now_ = second;
  select();
  now_ = first;
  add(Do::exec, "commit", one_of({"COMMIT", "ROLLBACK"}));
}

}  // namespace warden::test
