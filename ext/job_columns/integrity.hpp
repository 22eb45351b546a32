// Whether the columns say what the source says.
#pragma once

#include "store.hpp"

namespace warden::columns {

/// Reads all that is stored, and compares it with the source, job by job. Throws vtab::error with SQLITE_CORRUPT_VTAB that says
/// what is wrong.
void check_integrity(Store& store, const Options& options);

}  // namespace warden::columns
