// What the tables of warden have in common. Each table has a file of its own: table_<name>.cpp.
#pragma once

#include <cstdint>
#include <optional>

#include "connection.hpp"
#include "journal.hpp"
#include "vtab.hpp"

namespace warden::ext {

/// kUnknown and other negative figures are NULL in SQL.
inline std::optional<std::int64_t> known(std::int64_t figure) noexcept {
  return figure < 0 ? std::nullopt : std::optional(figure);
}
inline std::optional<std::int64_t> known(const std::atomic<std::int64_t>& figure) noexcept {
  return known(figure.load(std::memory_order_relaxed));
}
/// 0 stands for "none" where ids and times are concerned.
inline std::optional<std::int64_t> nonzero(std::int64_t figure) noexcept {
  return figure == 0 ? std::nullopt : std::optional(figure);
}

/// A table that reads through the connection it is installed on.
struct OwnTable {
  explicit OwnTable(SqliteConnection& connection) : self(connection) {}
  SqliteConnection& self;
};

// Each installs its table on the connection; a SQLite code.
int install_settings(SqliteConnection& connection) noexcept;
int install_memory(SqliteConnection& connection) noexcept;
int install_connections(SqliteConnection& connection) noexcept;
int install_events(SqliteConnection& connection) noexcept;
int install_samples(SqliteConnection& connection) noexcept;
int install_statements(SqliteConnection& connection) noexcept;
int install_checks(SqliteConnection& connection) noexcept;

}  // namespace warden::ext
