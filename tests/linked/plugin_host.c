/* A program that unloads a module with warden within itself: its threads, and what SQLite calls at each open, go on. */
#define _DEFAULT_SOURCE
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

/* The number of runs that the watchdog has had. */
static int looks(sqlite3 *db) {
  int count = -1;
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(db, "SELECT json_extract(warden_debug(), '$.watchdog_looks')", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    count = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return count;
}

int main(int argc, char **argv) {
  void *module = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (module == NULL) return puts(dlerror()), 1;
  int (*use)(void) = NULL;
  *(void **)&use = dlsym(module, "use_warden");
  if (use == NULL) return puts(dlerror()), 1;
  const int rc = use();
  if (rc != 0) return printf("use: %d\n", rc), 2;
  dlclose(module);
  sqlite3 *db = NULL;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) return 3;
  const int before = looks(db);
  for (int i = 0; i < 60000 && looks(db) < before + 20; ++i) usleep(1000);
  const int good = before >= 0 && looks(db) >= before + 20;
  sqlite3_close(db);
  return good ? 0 : 4;
}
