// What a host calls: sqlite3_warden_init to load, and sqlite3_warden_auto_init for every connection that the process opens
// later.
#include "connection.hpp"
#include "error.hpp"
#include "function.hpp"

extern "C" {
int sqlite3_warden_auto_init(sqlite3* db, char** message, const sqlite3_api_routines* api);
}

namespace warden::ext {
namespace {

void note_unwatched() {
  Event event;
  event.action = Action::warn;
  event.reason = "a new connection could not be watched";
  Warden::instance().journal.record(event);
}

/// A connection that opens. Whatever happens, the open must succeed as if warden were not there.
void enrol_opening(sqlite3* db, const Api* api) noexcept {
  if (api == nullptr) return;  // SQLITE_OMIT_LOAD_EXTENSION: there is no table of routines
  const auto ignored = [](const char*) {};
  if (vtab::guard([&] { SqliteConnection::enrol(Host::of(api), db, true); }, ignored) != SQLITE_OK) {
    vtab::guard([] { note_unwatched(); }, ignored);  // there may be no warden, for want of memory
  }
  api->exec(db, "", nullptr, nullptr,
            nullptr);  // sets the connection's error to SQLITE_OK: sqlite3_open looks at it
}

int load(sqlite3* db, char** message, const Api* api) noexcept {
  if (api == nullptr) return SQLITE_ERROR;  // as above; nobody is there to make a message either
  const int rc = vtab::guard(
      [&] {
        SqliteConnection::enrol(Host::of(api), db, false);
        const int registered =
            api->auto_extension(reinterpret_cast<void (*)(void)>(&sqlite3_warden_auto_init));
        if (registered != SQLITE_OK)
          throw vtab::error("warden: can't register for later connections", registered);
        Warden::instance().watchdog().ensure_running();
      },
      [&](const char* text) {
        if (message != nullptr) *message = api->mprintf("%s", text);
      });
  // Permanently: our thread and the other connections need the code when this connection is gone.
  return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
}

}  // namespace
}  // namespace warden::ext

extern "C" {

/// Loads warden into `db` and into every connection that this copy of SQLite opens later. Idempotent. On failure
/// `message` says why, and the host is as if warden were not there.
__attribute__((visibility("default"))) int sqlite3_warden_init(sqlite3* db, char** message,
                                                               const sqlite3_api_routines* api) {
  return warden::ext::load(db, message, api);
}

/// The same, for hosts that derive the name of the entry otherwise.
__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3* db, char** message,
                                                                  const sqlite3_api_routines* api) {
  return warden::ext::load(db, message, api);
}

/// To be registered with sqlite3_auto_extension(), by who has no connection to load warden into: every connection that opens
/// from then on is looked after. It returns SQLITE_OK, whatever happens: any other code would be an error of the open.
__attribute__((visibility("default"))) int sqlite3_warden_auto_init(sqlite3* db, char**,
                                                                    const sqlite3_api_routines* api) {
  warden::ext::enrol_opening(db, api);
  return SQLITE_OK;
}
}
