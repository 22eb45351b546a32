// What a host calls: sqlite3_warden_init, and the same code for every connection that the process opens later.
#include <cstdlib>

#include "connection.hpp"
#include "error.hpp"
#include "function.hpp"

// The C++ runtime's own prints the name of what nobody caught, and brings a demangler of 40 KB for it. Nothing is thrown
// through our callbacks, and what std::terminate does else stays the same.
namespace __gnu_cxx {
void __verbose_terminate_handler() { std::abort(); }
}  // namespace __gnu_cxx

namespace warden::ext {
namespace {

/// Every later connection of this copy of SQLite comes here while it opens. Whatever happens, the open must succeed as if
/// warden were not there: this returns SQLITE_OK, and leaves no error on the connection.
int enrol_later(sqlite3* db, char**, const Api* api) noexcept {
  const int rc = vtab::guard([&] { SqliteConnection::enrol(Host::of(api), db, true); }, [](const char*) {});
  if (rc != SQLITE_OK) {
    Event event;
    event.action = Action::warn;
    event.reason = "a new connection could not be watched";
    Warden::instance().journal.record(event);
  }
  api->exec(db, "", nullptr, nullptr,
            nullptr);  // sets the connection's error to SQLITE_OK: sqlite3_open looks at it
  return SQLITE_OK;
}

int load(sqlite3* db, char** message, const Api* api) noexcept {
  const int rc = vtab::guard(
      [&] {
        SqliteConnection::enrol(Host::of(api), db, false);
        const int registered = api->auto_extension(reinterpret_cast<void (*)(void)>(&enrol_later));
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
}
