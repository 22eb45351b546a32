// Shows what warden did, in warden's own words.

#pragma once

struct sqlite3;

namespace demo {

// The last rows of warden_events as a small table. Any connection of the process will do: warden is in all of
// them. Throws std::runtime_error if the table cannot be read.
void print_warden_log(sqlite3* db);

}  // namespace demo
