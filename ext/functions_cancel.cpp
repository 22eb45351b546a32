// Deadlines and cancellation: warden_timeout, warden_cancel, warden_statements_reset.
//
//   SELECT warden_timeout(30000);        -- each further statement of this connection may take 30 s
//   SELECT warden_timeout(NULL);         -- as the setting statement_timeout_ms says
//   SELECT warden_cancel(connection_id, statement_seq) FROM warden_connections WHERE elapsed_ms > 60000;
//
// warden_cancel(7) ends whatever connection 7 runs, warden_cancel(7, 42) only its statement 42: that fails with
// SQLITE_INTERRUPT in its owner.
//
// A statement is cancelled by sqlite3_interrupt, which SQLite heeds between two instructions: at once in a scan, a join or
// a sort, not inside one function call. It ends all statements that are open on that connection.
#include <string>

#include "cancellation.hpp"
#include "error.hpp"
#include "functions.hpp"
#include "relief.hpp"
#include "statement_rows.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

constexpr std::int64_t kLongestTimeoutMs = std::int64_t{365} * 86'400'000;  // as the setting's

std::int64_t in_force_ms(const SqliteConnection& self) {
  return Warden::instance().deadlines().timeout_ns(self) / 1'000'000;
}

std::int64_t cancel_statement(SqliteConnection& self, std::int64_t connection_id,
                              std::optional<std::int64_t> seq) {
  self.own_act("warden_cancel");
  Warden& warden = Warden::instance();
  const auto other = warden.registry.find(connection_id);
  if (other == nullptr) {
    throw vtab::error("warden_cancel: no connection has the id " + std::to_string(connection_id) +
                      " (SELECT connection_id FROM warden_connections lists them)");
  }
  if (other->id == self.id) {
    throw vtab::error("warden_cancel: connection " + std::to_string(connection_id) +
                      " is this one, and it runs this very statement; cancel it from another connection");
  }
  return cancel_asked(*other, seq) ? 1 : 0;
}

}  // namespace

bool cancel_asked(Connection& connection, std::optional<std::int64_t> seq) noexcept {
  Warden& warden = Warden::instance();
  const std::int64_t running = connection.activity.running_seq();
  if (seq && *seq != running) return false;
  if (!cancel(warden, connection, running, true, {"asked"})) return false;
  warden.deadlines().ensure_running();
  warden.deadlines().wake(true);
  return true;
}

std::int64_t warden_timeout(SqliteConnection& self, std::optional<vtab::value> given) {
  self.own_act("warden_timeout");
  if (!given) return in_force_ms(self);
  const vtab::value ms = *given;
  if (ms.is_null()) {
    self.timeout_ms.store(-1, std::memory_order_relaxed);
  } else if (ms.type() != SQLITE_INTEGER) {
    throw vtab::error(std::string("warden_timeout: ms must be an integer or NULL, not ") + ms.type_name());
  } else if (ms.as_int64() < 0 || ms.as_int64() > kLongestTimeoutMs) {
    throw vtab::error("warden_timeout: ms must be from 0 (no deadline) to " +
                      std::to_string(kLongestTimeoutMs) + ", not " + std::to_string(ms.as_int64()));
  } else {
    self.timeout_ms.store(ms.as_int64(), std::memory_order_relaxed);
  }
  const std::int64_t in_force = in_force_ms(self);
  if (in_force > 0) {
    Warden::instance().deadlines().ensure_running();
    Warden::instance().deadlines().wake(true);
  }
  return in_force;
}

std::int64_t warden_cancel(SqliteConnection& self, std::int64_t connection_id,
                           std::optional<vtab::value> seq) {
  if (!seq) return cancel_statement(self, connection_id, std::nullopt);
  // NULL is not "any": whoever has no number means no statement.
  if (seq->type() != SQLITE_INTEGER) {
    throw vtab::error(std::string("warden_cancel: statement_seq must be an integer, not ") +
                      seq->type_name());
  }
  return cancel_statement(self, connection_id, seq->as_int64());
}

std::int64_t warden_statements_reset(SqliteConnection& self) {
  self.own_act("warden_statements_reset");
  const auto rows = statement_rows(self.api());
  Warden::instance().statements.reset();
  return static_cast<std::int64_t>(rows.size());
}

}  // namespace warden::ext
