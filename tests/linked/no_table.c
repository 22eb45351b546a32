/* An SQLite that hands no table of routines to what is registered (SQLITE_OMIT_LOAD_EXTENSION), one that calls nothing, and one
** that registers nothing, as far as warden sees of it. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <warden.h>

typedef int (*entry)(sqlite3 *, char **, const void *);
static entry registered = 0;
static int answer_of_registration = SQLITE_OK;
static int calls = 1;
static int answer_of_open = SQLITE_OK;

int sqlite3_auto_extension(void (*what)(void)) {
  registered = (entry)what;
  return answer_of_registration;
}
int sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs) {
  (void)name, (void)flags, (void)vfs;
  *db = NULL;
  if (answer_of_open != SQLITE_OK) return answer_of_open;
  return calls ? registered(NULL, NULL, NULL) : SQLITE_OK;
}
const char *sqlite3_errmsg(sqlite3 *db) { return db == NULL ? "none" : "?"; }
int sqlite3_close(sqlite3 *db) { return db == NULL ? SQLITE_OK : SQLITE_MISUSE; }

static int told(int rc, int expected, const char *text) {
  if (rc == expected && strstr(warden_errmsg(), text) != NULL) return 1;
  printf("%d, \"%s\" instead of %d, \"%s\"\n", rc, warden_errmsg(), expected, text);
  return 0;
}

int main(void) {
  int right = told(warden_install_all(), SQLITE_ERROR, "SQLITE_OMIT_LOAD_EXTENSION");
  calls = 0;
  right &= told(warden_install_all(), SQLITE_ERROR, "did not call");
  answer_of_open = SQLITE_CANTOPEN;
  right &= told(warden_install_all(), SQLITE_CANTOPEN, "can't open a database in memory");
  answer_of_registration = SQLITE_NOMEM;
  right &= told(warden_install((sqlite3 *)&calls), SQLITE_NOMEM, "warden_install: ");
  return right ? 0 : 1;
}
