// The functions of warden that have a file of their own, for the list of all in functions.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "connection.hpp"
#include "value.hpp"

namespace warden::ext {

/// warden_timeout(): what each statement of this connection may take, milliseconds; 0 = no deadline. warden_timeout(ms): sets
/// it from the next statement on, NULL restores the setting's. Returns what is in force.
std::int64_t warden_timeout(SqliteConnection& self, std::optional<vtab::value> ms);

/// warden_cancel(connection_id[, statement_seq]): 1 if a running statement of that connection was cancelled, 0 if none (or
/// no longer that one) ran. Errors: an unknown connection, the own one, NULL.
std::int64_t warden_cancel(SqliteConnection& self, std::int64_t connection_id,
                           std::optional<vtab::value> statement_seq);

/// Ends the statement that another connection runs, if it is number `seq`, or whichever it is: true if one was interrupted.
bool cancel_asked(Connection& connection, std::optional<std::int64_t> seq) noexcept;

/// warden_statements_reset(): forgets all statement statistics; returns how many rows there were.
std::int64_t warden_statements_reset(SqliteConnection& self);

}  // namespace warden::ext
