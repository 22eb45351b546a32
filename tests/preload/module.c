/* A module that uses SQLite: answer(open) answers the SQL in $Q on a connection that is opened by that function. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

int answer(const char *open);

int answer(const char *open) {
  static const unsigned short memory[] = {':', 'm', 'e', 'm', 'o', 'r', 'y', ':', 0};
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  int found = -1;
  int code = SQLITE_ERROR;
  if (strcmp(open, "open") == 0) code = sqlite3_open(":memory:", &db);
  if (strcmp(open, "open16") == 0) code = sqlite3_open16(memory, &db);
  if (strcmp(open, "open_v2") == 0) code = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE, NULL);
  if (code == SQLITE_OK && sqlite3_prepare_v2(db, getenv("Q"), -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    found = sqlite3_column_int(statement, 0);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return found;
}
