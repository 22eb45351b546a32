/* A module that has warden within itself. */
#include <sqlite3.h>
#include <stdio.h>
#include <warden.h>

int use_warden(void);
int use_warden(void) {
  sqlite3 *db = NULL;
  if (warden_install_all() != SQLITE_OK || warden_set("sample_interval_ms", "1") != SQLITE_OK) return 1;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK || warden_connection_id(db) == 0) return 2;
  return sqlite3_close(db);
}
