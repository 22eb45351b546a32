/* warden in a program in C: a pool of four connections, one of which loads it. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCAN "SELECT count(*), sum(length(hex(resources))) FROM job"
#define ENDLESS "SELECT count(*) FROM job a, job b, job c"
#define COUNT "SELECT count(*) FROM warden_connections"
#define OTHERS " FROM warden_connections WHERE connection_id <> warden_connection_id()"
#define OF_ENDLESS " FROM warden_connections WHERE state = 'active' AND sql = '" ENDLESS "'"

static int failed = 0;

static void point(const char *name, int good, const char *seen) {
  failed |= !good;
  printf("%s\t%s\t%s\n", name, good ? "passed" : "failed", seen);
  fflush(stdout);
}

static sqlite3 *connection(void) {
  sqlite3 *db = NULL;
  if (sqlite3_open(getenv("JOBS"), &db) != SQLITE_OK) {
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    exit(2);
  }
  return db;
}

/* The first number of the first row, -1 if there is none. */
static sqlite3_int64 number(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = NULL;
  sqlite3_int64 value = -1;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    value = sqlite3_column_int64(statement, 0);
  }
  sqlite3_finalize(statement);
  return value;
}

static int print_row(void *first, int columns, char **values, char **names) {
  (void)names;
  printf("%s", (const char *)first);
  for (int i = 0; i < columns; ++i) printf("\t%s", values[i]);
  return printf("\n") < 0;
}

static long resident(void) {
  long whole = 0, pages = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm == NULL || fscanf(statm, "%ld %ld", &whole, &pages) != 2) pages = -1;
  if (statm != NULL) fclose(statm);
  return pages * sysconf(_SC_PAGESIZE);
}

/* Waits until the query gives this number; what never comes true is no better after a minute. */
static int eventually(sqlite3 *db, const char *sql, sqlite3_int64 value, long most_resident) {
  const time_t end = time(NULL) + 60;
  while (time(NULL) < end) {
    if (number(db, sql) == value && resident() < most_resident) return 1;
    usleep(5000);
  }
  return 0;
}

static void *run_endless(void *db) {
  number(db, ENDLESS);
  return NULL;
}

int main(void) {
  sqlite3 *pool[4] = {connection()};
  char *message = NULL;
  const char *warden = getenv("WARDEN");
  /* [load] */
  sqlite3_enable_load_extension(pool[0], 1);
  const int rc = sqlite3_load_extension(pool[0], warden, NULL, &message);
  /* [end] */
  if (rc != SQLITE_OK) fprintf(stderr, "%s\n", message);
  printf("host\t%s\n", sqlite3_libversion());
  sqlite3_exec(pool[0], "SELECT sqlite_version(), json_extract(warden_debug(), '$.sqlite_image')", print_row, "sqlite",
               NULL);
  point("load", rc == SQLITE_OK, "");

  for (int i = 1; i < 4; ++i) pool[i] = connection();
  point("pool", number(pool[0], COUNT) == 4, "");

  number(pool[0],
         "SELECT warden_set('idle_keep', '1MB'), warden_set('idle_grace_ms', 100), warden_set('trim', 'always')");
  const long before = resident();
  sqlite3_int64 scanned = 0;
  for (int i = 1; i < 4; ++i) {
    sqlite3_exec(pool[i], "PRAGMA cache_size = -100000", NULL, NULL, NULL);
    scanned = number(pool[i], SCAN);
  }
  const int jobs = atoi(getenv("JOB_COUNT"));
  point("scan", scanned == jobs && number(pool[0], "SELECT job_count(NULL)") == jobs, "");

  const int back = eventually(pool[0], "SELECT sum(cache_bytes) < 2000000" OTHERS, 1, before + 40000000);
  const sqlite3_int64 released = number(pool[0], "SELECT sum(released_bytes)" OTHERS);
  char seen[32];
  snprintf(seen, sizeof(seen), "%lld MB", released / 1000000);
  point("memory", back && released > 100000000, seen);

  /* A deadline, for this connection's statements. */
  number(pool[1], "SELECT warden_timeout(100)");
  number(pool[1], ENDLESS);
  point("deadline", sqlite3_errcode(pool[1]) == SQLITE_INTERRUPT, sqlite3_errmsg(pool[1]));

  /* A statement of another thread: seen, and ended. */
  pthread_t thread;
  pthread_create(&thread, NULL, run_endless, pool[2]);
  point("watch", eventually(pool[0], "SELECT count(*)" OF_ENDLESS, 1, before * 1000), "");
  const int cancelled = number(pool[0], "SELECT warden_cancel(connection_id, statement_seq)" OF_ENDLESS) == 1;
  pthread_join(thread, NULL);
  point("cancel", cancelled && sqlite3_errcode(pool[2]) == SQLITE_INTERRUPT, sqlite3_errmsg(pool[2]));

  for (int i = 1; i < 4; ++i) sqlite3_close(pool[i]);
  const int alone = number(pool[0], COUNT) == 1;
  sqlite3_close(pool[0]);
  sqlite3 *again = connection();
  point("close", alone && number(again, COUNT) == 1, "");
  sqlite3_close(again);
  return failed;
}
