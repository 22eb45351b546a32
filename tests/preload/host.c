/* A program that is linked with SQLite, for run_preload.sh:
     ask         the answer to the SQL in $Q
     configure   sqlite3_config before anything else, and what it led to
     again       the answers after a reset of automatic extensions, and after a shutdown
     log         what the error log is told */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_log(void *unused, int code, const char *text) {
  (void)unused;
  (void)code;
  printf("log: %s\n", text);
}

/* The answer to $Q on a connection of its own; -1 where there is none. */
static int ask(void) {
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  int answer = -1;
  if (sqlite3_open(":memory:", &db) == SQLITE_OK && sqlite3_prepare_v2(db, getenv("Q"), -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    answer = sqlite3_column_int(statement, 0);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return answer;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "ask";
  if (strcmp(what, "configure") == 0) {
    const int code = sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3 *db = NULL;
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) return 1;
    printf("config %d, mutex %s\n", code, sqlite3_db_mutex(db) == NULL ? "no" : "yes");
    sqlite3_close(db);
  } else if (strcmp(what, "again") == 0) {
    const int first = ask();
    sqlite3_reset_auto_extension();
    const int second = ask();
    sqlite3_shutdown();
    printf("%d %d %d\n", first, second, ask());
  } else if (strcmp(what, "log") == 0) {
    sqlite3_config(SQLITE_CONFIG_LOG, on_log, NULL);
    ask();
  } else {
    printf("%d\n", ask());
  }
  return 0;
}
