// The only way from our code to SQLite: types, constants and the table of routines (`sqlite3_api_routines`).
//
// A process can hold several copies of SQLite and one shared object serves them all, so there is no global
// `sqlite3_api` here: it would be overwritten by the second copy's load, and the first would crash. SQLITE_CORE
// keeps sqlite3ext.h from renaming every sqlite3_x() to such a global; code calls `api->x()` with the table of the
// copy it works for. A forgotten sqlite3_x() does not link (`-z defs`).
#pragma once

#ifndef SQLITE_CORE
#define SQLITE_CORE 1
#endif
#include <sqlite3ext.h>

namespace warden::vtab {

/// Routines of one SQLite copy: immutable, the same address for every connection of that copy. Slots newer than the
/// host's version lie beyond the end of its table, and slots of what it was built without are NULL: look first.
using Api = sqlite3_api_routines;

}  // namespace warden::vtab
