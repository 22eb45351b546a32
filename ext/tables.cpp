#include "tables.hpp"

#include "error.hpp"

namespace warden::ext {

void install_tables(SqliteConnection& connection) {
  for (const auto install : {install_settings, install_memory, install_connections, install_events, install_samples,
                             install_checks}) {
    if (const int rc = install(connection); rc != SQLITE_OK) {
      throw vtab::error("warden: the tables could not be registered", rc);
    }
  }
}

}  // namespace warden::ext
