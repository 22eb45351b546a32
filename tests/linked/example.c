/* warden in a program in C that is linked with it: connections are looked after from their opening, a setting is set, and a
** statement that runs in another thread is seen and ended by a supervisor that has no connection. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <warden.h>

#define ENDLESS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

static void *run_endless(void *db) {
  sqlite3_exec(db, ENDLESS, NULL, NULL, NULL);
  return NULL;
}

/* Waits for a statement without end, and ends it: its connection_id, or 0 with an error. */
static int64_t supervise(void) {
  for (;;) {
    warden_connection c = {.connection_id = 0};
    while (warden_next_connection(c.connection_id, &c) == SQLITE_ROW) {
      if (c.state != WARDEN_ACTIVE || c.elapsed_ms < 50) continue;
      printf("connection %lld, \"%s\", runs \"%.16s ...\"\n", (long long)c.connection_id, c.label, c.sql);
      if (warden_cancel(c.connection_id, c.statement_seq) == SQLITE_OK) return c.connection_id;
    }
    usleep(1000);
  }
}

int main(void) {
  /* [readme] */
  if (warden_install_all() != SQLITE_OK || warden_set("memory_budget", "256MB") != SQLITE_OK) {
    fprintf(stderr, "%s\n", warden_errmsg());
    return 1;
  }
  /* [end] */
  sqlite3 *db = NULL;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) return 2;
  sqlite3_exec(db, "SELECT warden_label('report')", NULL, NULL, NULL);

  pthread_t thread;
  pthread_create(&thread, NULL, run_endless, db);
  const int64_t cancelled = supervise();
  pthread_join(thread, NULL);
  printf("it ended: %s\n", sqlite3_errmsg(db));
  const int right = cancelled == warden_connection_id(db) && sqlite3_errcode(db) == SQLITE_INTERRUPT;

  warden_process now;
  if (warden_look(&now) != SQLITE_OK) return 3;
  printf("%d connection; SQLite uses %s of its budget\n", now.connections,
         now.sqlite_bytes > 0 && now.sqlite_bytes < now.memory_budget_bytes ? "a part" : "all");
  if (warden_set("memory_budget", "plenty") == SQLITE_OK) return 4;
  printf("%s\n", warden_errmsg());
  sqlite3_close(db);
  return right && now.memory_budget_bytes == 256000000 ? 0 : 5;
}
