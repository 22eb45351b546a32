/* What warden.h promises, call by call. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <warden.h>

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*), 'mine' FROM n"

static int failures = 0;
static void must(int good, const char *what) {
  if (good) return;
  printf("not so: %s (%s)\n", what, warden_errmsg());
  ++failures;
}

static int fails(int rc, int expected, const char *text) {
  if (rc == expected && strcmp(warden_errmsg(), text) == 0) return 1;
  printf("%d, \"%s\" instead of %d, \"%s\"\n", rc, warden_errmsg(), expected, text);
  return 0;
}

static sqlite3 *opened(int flags) {
  sqlite3 *db = NULL;
  if (sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | flags, NULL) != SQLITE_OK) exit(2);
  return db;
}

static int text_is(sqlite3 *db, const char *sql, const char *expected) {
  sqlite3_stmt *statement = NULL;
  int same = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
             strcmp((const char *)sqlite3_column_text(statement, 0), expected) == 0;
  sqlite3_finalize(statement);
  return same;
}

/* The row of a connection; all zero if there is none. */
static warden_connection row_of(int64_t id) {
  warden_connection c;
  memset(&c, 0, sizeof(c));
  if (warden_next_connection(id - 1, &c) != SQLITE_ROW || c.connection_id != id) memset(&c, 0, sizeof(c));
  return c;
}

static void *run_endless(void *db) {
  sqlite3_exec(db, ENDLESS, NULL, NULL, NULL);
  return NULL;
}

static void *of_another_thread(void *unused) {
  (void)unused;
  return (void *)(size_t)(warden_errmsg()[0] == '\0');
}

/* From within the very statement, on its own thread. */
static void cancel_itself(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count, (void)values;
  sqlite3_result_int(context, warden_cancel(warden_connection_id(sqlite3_context_db_handle(context)), 0));
}

static void errors(void) {
  must(fails(warden_set("memory_budgt", "1GB"), SQLITE_ERROR,
             "warden_set: unknown setting \"memory_budgt\" (did you mean \"memory_budget\"?)"), "a name");
  must(warden_set("memory_budget", "plenty") == SQLITE_ERROR && strstr(warden_errmsg(), "\"plenty\"") != NULL, "a value");
  must(fails(warden_set(NULL, "1"), SQLITE_MISUSE, "warden_set: name must not be NULL"), "no name");
  must(fails(warden_look(NULL), SQLITE_MISUSE, "warden_look: process must not be NULL"), "nowhere to look");
  must(fails(warden_next_connection(0, NULL), SQLITE_MISUSE, "warden_next_connection: connection must not be NULL"), "nowhere");
  must(fails(warden_install(NULL), SQLITE_MISUSE, "warden_install: db must not be NULL"), "nothing to install on");
  must(fails(warden_cancel(4711, 0), SQLITE_NOTFOUND, "warden_cancel: no connection has the id 4711"), "no connection");
  pthread_t thread;
  void *clean = NULL;
  pthread_create(&thread, NULL, of_another_thread, NULL);
  pthread_join(thread, &clean);
  must(clean != NULL, "a message is of its thread");
  must(warden_set("dry_run", "0") == SQLITE_OK && warden_errmsg()[0] == '\0', "no message where nothing is wrong");
  warden_connection c;
  must(warden_next_connection(INT64_MAX, &c) == SQLITE_DONE, "after the last of all");
}

static void settings(sqlite3 *db) {
  must(text_is(db, "SELECT value || ' ' || source FROM warden_settings WHERE name = 'memory_budget'", "300MB host"), "set before");
  must(warden_set("memory_budget", NULL) == SQLITE_OK, "restored");
  must(text_is(db, "SELECT value || ' ' || source FROM warden_settings WHERE name = 'memory_budget'", "25% default"), "the default");
  must(warden_set("cache_size", "3MiB") == SQLITE_OK, "cache_size");
  sqlite3_exec(db, "CREATE TABLE t(x); SELECT count(*) FROM t", NULL, NULL, NULL);
  must(text_is(db, "PRAGMA cache_size", "-3072"), "reaches an open connection at its next statement's end");
  must(warden_set("cache_size", NULL) == SQLITE_OK, "keep");
  must(warden_set("hard_heap_limit", "65536") == SQLITE_ERROR && strstr(warden_errmsg(), "at least") != NULL, "too little to work");
  warden_process now;
  must(warden_set("soft_heap_limit", "200000000") == SQLITE_OK && warden_look(&now) == SQLITE_OK, "look");
  must(now.soft_heap_limit_bytes == 200000000 && sqlite3_soft_heap_limit64(-1) == 200000000, "at once");
  must(warden_set("soft_heap_limit", NULL) == SQLITE_OK, "auto");
}

static void figures(sqlite3 *db) {
  warden_process before, after;
  must(warden_look(&before) == SQLITE_OK, "look");
  sqlite3_exec(db, "SELECT warden_label('l\xC3\xB6' || printf('%.*c', 100, 'x')); BEGIN; CREATE TABLE b(x); INSERT INTO b VALUES "
                   "(zeroblob(8000000))", NULL, NULL, NULL);
  must(warden_look(&after) == SQLITE_OK && after.sqlite_bytes > before.sqlite_bytes + 7000000 &&
           after.sqlite_bytes == sqlite3_memory_used(), "what SQLite uses");
  must(after.sqlite_peak_bytes >= after.sqlite_bytes && after.rss_bytes > after.rss_anonymous_bytes &&
           after.rss_anonymous_bytes > 7000000 && after.memory_limit_bytes > after.memory_budget_bytes, "figures in their order");
  must(after.connections == 2 && after.active == 0, "connections");
  warden_connection c = row_of(warden_connection_id(db));
  must(c.state == WARDEN_IDLE_IN_TRANSACTION && c.serialized == 1 && c.cache_bytes > 7000000 && c.sampled_ago_ms >= 0, "its row");
  must(strncmp(c.label, "l\xC3\xB6xxx", 6) == 0 && strlen(c.label) < sizeof(c.label), "its label");
  must(strcmp(c.sql, "INSERT INTO b VALUES (zeroblob(?))") == 0 && c.file[0] == '\0' && c.thread_id == gettid(), "its statement");
  sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  c = row_of(warden_connection_id(db));
  must(c.state == WARDEN_IDLE && c.cache_bytes < 7000000 && c.schema_bytes >= 0, "idle");
  must(text_is(db, "SELECT json_extract(warden_debug(), '$.allocator')", "glibc"), "malloc is known, in a static program, too");
}

static void cancels(sqlite3 *db) {
  const int64_t id = warden_connection_id(db);
  const int64_t seq = row_of(id).statement_seq;
  must(warden_cancel(id, 0) == SQLITE_DONE && warden_cancel(id, seq) == SQLITE_DONE, "nothing runs");
  pthread_t thread;
  pthread_create(&thread, NULL, run_endless, db);
  warden_connection c = row_of(id);
  for (int i = 0; i < 60000 && c.state != WARDEN_ACTIVE; ++i, usleep(1000)) c = row_of(id);
  must(c.statement_seq == seq + 1 && strstr(c.sql, "SELECT count(*), ? FROM n") != NULL && c.idle_ms == 0, "what runs");
  must(warden_cancel(id, seq) == SQLITE_DONE, "never another statement");
  must(warden_cancel(id, seq + 1) == SQLITE_OK, "this one");
  pthread_join(thread, NULL);
  must(sqlite3_errcode(db) == SQLITE_INTERRUPT && row_of(id).cancels == 1, "ended");
  must(text_is(db, "SELECT reason FROM warden_events WHERE action = 'cancel'", "asked"), "told");
  sqlite3_create_function(db, "cancel_itself", 0, SQLITE_UTF8, NULL, cancel_itself, NULL, NULL);
  must(sqlite3_exec(db, ENDLESS " WHERE i <> 9 OR cancel_itself() = 0", NULL, NULL, NULL) == SQLITE_INTERRUPT, "from within");
  must(text_is(db, "SELECT 'goes on'", "goes on"), "the next goes on");
}

int main(void) {
  must(strlen(warden_version()) >= 5, "a version");
  must(warden_set("memory_budget", "300MB") == SQLITE_OK, "set before anything is installed");
  sqlite3 *early = opened(0);
  must(warden_install_all() == SQLITE_OK && warden_install_all() == SQLITE_OK, "installed, and again");
  must(warden_connection_id(early) == 0, "what was open stays as it was");
  sqlite3 *db = opened(SQLITE_OPEN_FULLMUTEX), *free_one = opened(SQLITE_OPEN_NOMUTEX);
  must(warden_connection_id(db) == 1 && warden_connection_id(free_one) == 2, "ids, and none for asking");
  must(row_of(2).serialized == 0 && row_of(1).serialized == 1, "kinds");
  errors();
  settings(db);
  figures(db);
  cancels(db);
  must(warden_install(early) == SQLITE_OK && warden_connection_id(early) == 3, "an open one");
  sqlite3_close(early);
  must(warden_connection_id(early) == 0, "gone");
  sqlite3_reset_auto_extension();
  early = opened(0);
  must(warden_connection_id(early) == 0, "forgotten");
  sqlite3_close(early);
  must(warden_install_all() == SQLITE_OK, "again");
  early = opened(0);
  must(warden_connection_id(early) != 0, "and remembered");
  sqlite3_close(early);
  sqlite3_close(db);
  sqlite3_close(free_one);
  return failures != 0;
}
