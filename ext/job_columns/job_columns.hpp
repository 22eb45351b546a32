// The virtual table module job_columns: table_job_columns.cpp.
#pragma once

#include "connection.hpp"

namespace warden::columns {

/// Installs the module on the connection; a SQLite code.
int install_job_columns(ext::SqliteConnection& connection) noexcept;

}  // namespace warden::columns
