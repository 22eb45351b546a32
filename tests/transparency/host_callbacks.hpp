// What a host may hand SQLite to call back: hooks, functions, collations. Each call is written down with its arguments, in
// the order in which they come.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>

#include "script.hpp"
#include "transcript.hpp"

namespace warden::test {

/// The callbacks of one connection. Its address is what SQLite hands back, so it stays where it is.
class HostCallbacks {
 public:
  explicit HostCallbacks(Transcript& transcript) : transcript_(transcript) {}
  HostCallbacks(const HostCallbacks&) = delete;
  HostCallbacks& operator=(const HostCallbacks&) = delete;

  /// For a connection that was just opened: nothing is set.
  void begin(sqlite3* db, Mode mode);
  /// Sets the hook that the step names, or with number = 0 takes it back.
  int set_hook(const Step& step);
  /// Defines the function or collation that the step names, or with number = 1 deletes it.
  int define(const Step& step);

 private:
  static int authorizer(void* self, int what, const char* a, const char* b, const char* c, const char* d);
  static int on_commit(void* self);
  static void on_rollback(void* self);
  static void on_update(void* self, int what, const char* schema, const char* table, sqlite3_int64 rowid);
  static void on_preupdate(void* self, sqlite3* db, int what, const char* schema, const char* table,
                           sqlite3_int64 before, sqlite3_int64 after);
  static int on_wal(void* self, sqlite3* db, const char* schema, int frames);
  static int on_progress(void* self);
  static int on_trace(unsigned what, void* self, void* subject, void* detail);
  static int on_busy(void* self, int times);
  static void on_collation_needed(void* self, sqlite3* db, int encoding, const char* name);

  static void h_add(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_fail(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_query(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_interrupt(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_sum_step(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_sum_inverse(sqlite3_context* context, int n, sqlite3_value** values);
  static void h_sum_value(sqlite3_context* context);
  static int h_reverse(void* self, int na, const void* a, int nb, const void* b);

  void called(const char* name, const std::string& with);

  Transcript& transcript_;
  sqlite3* db_ = nullptr;
  Mode mode_ = Mode::trace;
  int depth_ = 0;  // of statements that h_query runs
  std::int64_t authorize_ = 0, commit_ = 0, progress_ = 0, busy_ = 0, wal_ = 0;  // how they behave
  std::int64_t commits_ = 0, calls_of_progress_ = 0, queries_ = 0;
};

}  // namespace warden::test
