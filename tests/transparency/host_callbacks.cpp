#include "host_callbacks.hpp"

#include <algorithm>
#include <string_view>

#include "player.hpp"

namespace warden::test {
namespace {

HostCallbacks& self_of(void* self) { return *static_cast<HostCallbacks*>(self); }
HostCallbacks& self_of(sqlite3_context* context) { return self_of(sqlite3_user_data(context)); }
/// Statements that functions of one connection run.
constexpr std::int64_t kMostQueries = 300;

std::string text(const char* given) { return given == nullptr ? "-" : given; }

}  // namespace

void HostCallbacks::begin(sqlite3* db, Mode mode) {
  db_ = db;
  mode_ = mode;
  depth_ = 0;
  commits_ = calls_of_progress_ = queries_ = 0;
}

void HostCallbacks::called(const char* name, const std::string& with) {
  ++transcript_.figures.callbacks[name];
  transcript_.line("  called: " + std::string(name) + " " + with);
}

int HostCallbacks::set_hook(const Step& step) {
  const bool on = step.number != 0;
  const std::string_view name = step.text;
  if (name == "authorizer") {
    authorize_ = step.number;
    return sqlite3_set_authorizer(db_, on ? &authorizer : nullptr, this);
  }
  if (name == "commit") {
    commit_ = step.number;
    sqlite3_commit_hook(db_, on ? &on_commit : nullptr, this);
  } else if (name == "rollback") {
    sqlite3_rollback_hook(db_, on ? &on_rollback : nullptr, this);
  } else if (name == "update") {
    sqlite3_update_hook(db_, on ? &on_update : nullptr, this);
  } else if (name == "preupdate") {
    sqlite3_preupdate_hook(db_, on ? &on_preupdate : nullptr, this);
  } else if (name == "wal") {
    wal_ = step.number;
    sqlite3_wal_hook(db_, on ? &on_wal : nullptr, this);
  } else if (name == "progress") {
    progress_ = step.number;
    calls_of_progress_ = 0;
    sqlite3_progress_handler(db_, on ? 50 : 0, on ? &on_progress : nullptr, this);
  } else if (name == "trace") {
    return sqlite3_trace_v2(db_, static_cast<unsigned>(step.number), on ? &on_trace : nullptr, this);
  } else if (name == "busy") {
    busy_ = step.number;
    return sqlite3_busy_handler(db_, on ? &on_busy : nullptr, this);
  } else if (name == "collation needed") {
    return sqlite3_collation_needed(db_, this, on ? &on_collation_needed : nullptr);
  }
  return SQLITE_OK;
}

int HostCallbacks::authorizer(void* self, int what, const char* a, const char* b, const char* c,
                              const char* d) {
  self_of(self).called("authorizer",
                       std::to_string(what) + " " + text(a) + " " + text(b) + " " + text(c) + " " + text(d));
  const std::int64_t behave = self_of(self).authorize_;
  if (behave == 2 && what == SQLITE_READ && text(b) == "b") return SQLITE_DENY;
  if (behave == 2 && what == SQLITE_DROP_TABLE) return SQLITE_DENY;
  if (behave == 3 && what == SQLITE_READ && text(b) == "c") return SQLITE_IGNORE;
  if (behave == 4 && what == SQLITE_FUNCTION && text(b) == "upper") return 4711;  // no valid answer
  return SQLITE_OK;
}

int HostCallbacks::on_commit(void* self) {
  HostCallbacks& me = self_of(self);
  me.called("commit", "");
  return me.commit_ == 2 && ++me.commits_ % 3 == 0 ? 1 : 0;
}

void HostCallbacks::on_rollback(void* self) { self_of(self).called("rollback", ""); }

void HostCallbacks::on_update(void* self, int what, const char* schema, const char* table,
                              sqlite3_int64 rowid) {
  self_of(self).called(
      "update", std::to_string(what) + " " + text(schema) + "." + text(table) + " " + std::to_string(rowid));
}

void HostCallbacks::on_preupdate(void* self, sqlite3* db, int what, const char* schema, const char* table,
                                 sqlite3_int64 before, sqlite3_int64 after) {
  std::string with = std::to_string(what) + " " + text(schema) + "." + text(table) + " " +
                     std::to_string(before) + " " + std::to_string(after) + " depth " +
                     std::to_string(sqlite3_preupdate_depth(db));
  for (int i = 0; i < sqlite3_preupdate_count(db); ++i) {
    sqlite3_value* value = nullptr;
    if (what != SQLITE_INSERT && sqlite3_preupdate_old(db, i, &value) == SQLITE_OK)
      with += " old " + text_of(value);
    if (what != SQLITE_DELETE && sqlite3_preupdate_new(db, i, &value) == SQLITE_OK)
      with += " new " + text_of(value);
  }
  self_of(self).called("preupdate", with);
}

int HostCallbacks::on_wal(void* self, sqlite3* db, const char* schema, int frames) {
  HostCallbacks& me = self_of(self);
  me.called("wal", text(schema) + (spills_at_other_times(me.mode_) ? "" : " " + std::to_string(frames)) +
                       (db == me.db_ ? "" : " of another connection"));
  return me.wal_ == 2 ? SQLITE_IOERR : SQLITE_OK;
}

int HostCallbacks::on_progress(void* self) {
  HostCallbacks& me = self_of(self);
  me.called("progress", "");
  return me.progress_ > 1 && ++me.calls_of_progress_ % me.progress_ == 0 ? 1 : 0;
}

int HostCallbacks::on_trace(unsigned what, void* self, void* subject, void* detail) {
  HostCallbacks& me = self_of(self);
  switch (what) {
    case SQLITE_TRACE_STMT:
      me.called("trace of a statement", text(static_cast<const char*>(detail)));
      break;
    case SQLITE_TRACE_PROFILE:  // with a time, which differs
      me.called("trace of a statement's end", text(sqlite3_sql(static_cast<sqlite3_stmt*>(subject))));
      break;
    case SQLITE_TRACE_ROW:
      me.called("trace of a row", text(sqlite3_sql(static_cast<sqlite3_stmt*>(subject))));
      break;
    default:
      me.called("trace of the connection's end", subject == me.db_ ? "" : "of another connection");
  }
  return 0;
}

int HostCallbacks::on_busy(void* self, int times) {
  self_of(self).called("busy", std::to_string(times));
  return times < self_of(self).busy_ ? 1 : 0;
}

void HostCallbacks::on_collation_needed(void* self, sqlite3* db, int encoding, const char* name) {
  self_of(self).called("collation needed", text(name) + " " + std::to_string(encoding));
  if (std::string_view(name) == "h_late")
    sqlite3_create_collation(db, name, SQLITE_UTF8, self, &HostCallbacks::h_reverse);
}

// ---- functions

int HostCallbacks::define(const Step& step) {
  const bool off = step.number == 1;
  const int flags = SQLITE_UTF8 | (step.more == "deterministic" ? SQLITE_DETERMINISTIC : 0);
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  const auto scalar = [&](int arguments, Function function) {
    return sqlite3_create_function(db_, step.text.c_str(), arguments, flags, this, off ? nullptr : function,
                                   nullptr, nullptr);
  };
  if (step.text == "h_add") return scalar(2, &h_add);
  if (step.text == "h_fail") return scalar(1, &h_fail);
  if (step.text == "h_query") return scalar(1, &h_query);
  if (step.text == "h_interrupt") return scalar(1, &h_interrupt);
  if (step.text == "h_sum")
    return sqlite3_create_window_function(db_, "h_sum", 1, flags, this, off ? nullptr : &h_sum_step,
                                          off ? nullptr : &h_sum_value, off ? nullptr : &h_sum_value,
                                          off ? nullptr : &h_sum_inverse, nullptr);
  return sqlite3_create_collation(db_, step.text.c_str(), SQLITE_UTF8, this, off ? nullptr : &h_reverse);
}

void HostCallbacks::h_add(sqlite3_context* context, int, sqlite3_value** values) {
  ++self_of(context).transcript_.figures.callbacks["function"];
  sqlite3_result_int64(
      context, (sqlite3_value_int64(values[0]) & 0xffffffff) + (sqlite3_value_int64(values[1]) & 0xffffffff));
}

void HostCallbacks::h_fail(sqlite3_context* context, int, sqlite3_value** values) {
  const int code = sqlite3_value_int(values[0]);
  self_of(context).called("failing function", std::to_string(code));
  sqlite3_result_error(context, "the host's function fails", -1);
  if (code > 0 && code < SQLITE_ROW && code != SQLITE_NOMEM) sqlite3_result_error_code(context, code);
}

void HostCallbacks::h_query(sqlite3_context* context, int, sqlite3_value** values) {
  HostCallbacks& me = self_of(context);
  const auto* sql = reinterpret_cast<const char*>(sqlite3_value_text(values[0]));
  // A scan of a table that its own condition writes to would not end.
  if (sql == nullptr || me.depth_ > 1 || ++me.queries_ > kMostQueries) return;
  ++me.depth_;
  sqlite3_stmt* statement = nullptr;
  int rc = sqlite3_prepare_v2(sqlite3_context_db_handle(context), sql, -1, &statement, nullptr);
  if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW && sqlite3_column_count(statement) > 0)
    sqlite3_result_value(context, sqlite3_column_value(statement, 0));
  const int end = sqlite3_finalize(statement);
  me.called("function with a statement", std::to_string(rc) + " " + std::to_string(end));
  --me.depth_;
}

void HostCallbacks::h_interrupt(sqlite3_context* context, int, sqlite3_value** values) {
  self_of(context).called("interrupting function", "");
  sqlite3_interrupt(sqlite3_context_db_handle(context));
  sqlite3_result_value(context, values[0]);
}

void HostCallbacks::h_sum_step(sqlite3_context* context, int, sqlite3_value** values) {
  auto* sum = static_cast<std::int64_t*>(sqlite3_aggregate_context(context, sizeof(std::int64_t)));
  if (sum != nullptr) *sum += sqlite3_value_int(values[0]);
}

void HostCallbacks::h_sum_inverse(sqlite3_context* context, int, sqlite3_value** values) {
  auto* sum = static_cast<std::int64_t*>(sqlite3_aggregate_context(context, sizeof(std::int64_t)));
  if (sum != nullptr) *sum -= sqlite3_value_int(values[0]);
}

void HostCallbacks::h_sum_value(sqlite3_context* context) {
  auto* sum = static_cast<std::int64_t*>(sqlite3_aggregate_context(context, 0));
  ++self_of(context).transcript_.figures.callbacks["aggregate function"];
  sqlite3_result_int64(context, sum == nullptr ? 0 : *sum);
}

int HostCallbacks::h_reverse(void* self, int na, const void* a, int nb, const void* b) {
  ++self_of(self).transcript_.figures.callbacks["collation"];
  const std::string_view left(static_cast<const char*>(a), static_cast<std::size_t>(na));
  const std::string_view right(static_cast<const char*>(b), static_cast<std::size_t>(nb));
  return right.compare(left);
}

}  // namespace warden::test
