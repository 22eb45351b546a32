/* A program that is linked with warden and has warden.so, too: twice <the way> [warden.so]
**
**   linked-first   it is installed, and warden.so loaded into a connection later (or preloaded, without the second argument)
**   loaded-first   warden.so comes first and keeps its connections
**   one            it is installed on one connection only, and warden.so loaded into another
**
** On every connection one of the two is at work, whole: a statement can be cancelled by whoever looks after it, and closing,
** opening and exit are as ever. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <warden.h>

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

static void must(int good, const char *what) {
  if (good) return;
  printf("not so: %s (%s)\n", what, warden_errmsg());
  exit(1);
}

static sqlite3 *opened(void) {
  sqlite3 *db = NULL;
  must(sqlite3_open(":memory:", &db) == SQLITE_OK, "open");
  return db;
}

static void load(sqlite3 *db, const char *file) {
  char *message = NULL;
  if (file == NULL) return;
  sqlite3_enable_load_extension(db, 1);
  if (sqlite3_load_extension(db, file, NULL, &message) == SQLITE_OK) return;
  printf("load: %s\n", message);
  exit(1);
}

static sqlite3_int64 number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = NULL;
  sqlite3_int64 value = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

static void *run_endless(void *db) {
  sqlite3_exec(db, ENDLESS, NULL, NULL, NULL);
  return NULL;
}

/* A statement of `db` is ended by who looks after it: by this program's functions, or by those of `watcher` in SQL. */
static void cancelled(sqlite3 *db, sqlite3 *watcher) {
  char sql[128];
  snprintf(sql, sizeof(sql), "SELECT warden_cancel(%lld)", (long long)number(db, "SELECT warden_connection_id()"));
  const int64_t id = warden_connection_id(db);
  pthread_t thread;
  pthread_create(&thread, NULL, run_endless, db);
  int ended = 0;
  for (int i = 0; i < 60000 && !ended; ++i) {
    ended = watcher == NULL ? warden_cancel(id, 0) == SQLITE_OK : number(watcher, sql) == 1;
    usleep(1000);
  }
  if (!ended) sqlite3_interrupt(db);
  pthread_join(thread, NULL);
  must(ended, watcher == NULL ? "cancelled by this program" : "cancelled in SQL");
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  const char *file = argc > 2 ? argv[2] : NULL;
  sqlite3 *a = NULL, *b = NULL;
  if (strcmp(way, "linked-first") == 0) {
    must(warden_install_all() == SQLITE_OK, "install");
    a = opened();
    load(a, file);
    load(a, file);
    b = opened();
    load(b, file);
    must(warden_connection_id(a) != 0 && warden_connection_id(b) != 0, "both are this program's");
    must(number(a, "SELECT warden_connection_id()") == warden_connection_id(a), "and its functions those in SQL");
    must(number(a, "SELECT count(*) FROM warden_connections") == 2, "two");
    cancelled(b, NULL);
    cancelled(a, b);
  } else if (strcmp(way, "loaded-first") == 0) {
    a = opened();
    load(a, file);
    must(warden_install_all() == SQLITE_ERROR && strstr(warden_errmsg(), "another warden") != NULL, "told about it");
    must(warden_install(a) == SQLITE_ERROR && strstr(warden_errmsg(), "another warden") != NULL, "and of the one");
    b = opened();
    must(warden_connection_id(a) == 0 && warden_connection_id(b) == 0, "none is this program's");
    must(number(b, "SELECT count(*) FROM warden_connections") == 2, "two in SQL");
    cancelled(a, b);
  } else {
    a = opened();
    must(warden_install(a) == SQLITE_OK && warden_install(a) == SQLITE_OK, "install on one");
    b = opened();
    must(warden_connection_id(b) == 0 && number(b, "SELECT warden_connection_id()") == -1, "not on others");
    load(b, file);
    sqlite3 *c = opened();
    must(number(c, "SELECT count(*) FROM warden_connections") == 2, "two are those of warden.so");
    must(number(a, "SELECT count(*) FROM warden_connections") == 1, "one is this program's");
    cancelled(a, NULL);
    cancelled(b, c);
    sqlite3_close(c);
  }
  /* Each at work until the end of what is its own. */
  must(number(a, "SELECT warden_set('hooks', 'trace+progress') = 'trace+progress'") == 1, "set");
  sqlite3_close(a);
  must(number(b, "SELECT count(*) FROM warden_connections WHERE connection_id = warden_connection_id()") == 1, "closed one");
  sqlite3_close(b);
  for (int i = 0; i < 200; ++i) sqlite3_close(opened());
  return 0;
}
