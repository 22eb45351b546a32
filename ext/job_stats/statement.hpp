// A statement of our own on the host's connection, while a statement of the host runs there: it sees the same snapshot,
// is interrupted with it, passes the host's authorizer, and changes nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "connection.hpp"
#include "error.hpp"
#include "memory.hpp"

namespace warden::jobs {

/// Throws what SQLite says went wrong: std::bad_alloc for SQLITE_NOMEM, else vtab::error with its text and code.
[[noreturn]] inline void throw_last_error(ext::SqliteConnection& self, int rc,
                                          const std::string& before = "") {
  if ((rc & 0xff) == SQLITE_NOMEM) throw std::bad_alloc();
  // The whole code: whether the host is told of it by the calls themselves is its own choice.
  const int extended = self.api()->extended_errcode(self.db());
  const std::string_view text = self.api()->errmsg(self.db());
  std::string cause;
  if (!self.host().can().json &&
      (text.starts_with("no such function: json_") || text.starts_with("no such table: json_")))
    cause = "job statistics need JSON, and this SQLite was built without JSON (SQLITE_ENABLE_JSON1): ";
  throw vtab::error(before + cause + std::string(text), (extended & 0xff) == (rc & 0xff) ? extended : rc);
}

/// Move-only; the connection's own thread only.
class Statement {
 public:
  Statement() = default;
  /// Prepares the first statement in `sql`. Throws as throw_last_error does.
  Statement(ext::SqliteConnection& self, std::string_view sql) : self_(&self) {
    if (const int rc = prepare(self, sql, &statement_); rc != SQLITE_OK) throw_last_error(self, rc);
  }
  Statement(Statement&& other) noexcept
      : self_(other.self_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(self_, other.self_);
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~Statement() {
    if (statement_ != nullptr) self_->own_finalize(statement_);
  }

  /// The code that preparing `sql` ends with. With `kept`, what was prepared is there.
  static int attempt(ext::SqliteConnection& self, std::string_view sql, Statement* kept = nullptr) {
    Statement made;
    made.self_ = &self;
    const int rc = prepare(self, sql, &made.statement_);
    if (rc == SQLITE_OK && kept != nullptr) *kept = std::move(made);
    return rc;
  }

  /// True where what `sql` names is there and may be read: it is then prepared into `kept`, which otherwise stays as it was.
  /// Throws what else goes wrong, as throw_last_error does.
  static bool if_there(ext::SqliteConnection& self, std::string_view sql, Statement& kept) {
    const int rc = attempt(self, sql, &kept);
    const int kind = rc & 0xff;
    if (kind != SQLITE_OK && kind != SQLITE_ERROR && kind != SQLITE_AUTH) throw_last_error(self, rc);
    return kind == SQLITE_OK;
  }

  explicit operator bool() const noexcept { return statement_ != nullptr; }
  /// True where there is a row. Throws as throw_last_error does; the statement must then be reset before it is bound anew.
  bool step() {
    const ext::SqliteConnection::Nested nested(*self_);
    if (nested.is_too_deep()) {
      throw vtab::error(
          "a source of jobs is made of itself: its view asks for job statistics of the same view");
    }
    const int rc = api()->step(statement_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    throw_last_error(*self_, rc);
  }
  void reset() noexcept { api()->reset(statement_); }

  // Parameters, from 1.
  void bind(int position, std::int64_t number) { check(api()->bind_int64(statement_, position, number)); }
  /// The text must live until the statement is reset or bound anew.
  void bind(int position, std::string_view text) {
    check(api()->bind_text64(statement_, position, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  /// The bytes must live until the statement is reset or bound anew.
  void bind_blob(int position, std::span<const std::byte> bytes) {
    check(api()->bind_blob64(statement_, position, bytes.data(), bytes.size(), SQLITE_STATIC));
  }
  void bind_pointer(int position, void* object, const char* type) {
    check(api()->bind_pointer(statement_, position, object, type, nullptr));
  }

  // Columns of the row at hand, from 0. Texts are valid until the next step.
  int type(int column) const noexcept { return api()->column_type(statement_, column); }
  std::int64_t integer(int column) const noexcept { return api()->column_int64(statement_, column); }
  double real(int column) const noexcept { return api()->column_double(statement_, column); }
  std::string_view text(int column) const {
    if (type(column) == SQLITE_NULL) return {};
    const auto* bytes = api()->column_text(statement_, column);
    if (bytes == nullptr) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(api()->column_bytes(statement_, column))};
  }
  /// Of a BLOB; valid until the next step.
  std::span<const std::byte> blob(int column) const {
    const void* bytes = api()->column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(api()->column_bytes(statement_, column));
    if (bytes == nullptr && size > 0) throw std::bad_alloc();
    return {static_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : size};
  }
  /// Runs to the end, and is then reset.
  void run() {
    try {
      while (step()) {
      }
    } catch (...) {
      reset();
      throw;
    }
    reset();
  }
  /// As CREATE TABLE has it; "" for an expression.
  std::string_view declared_type(int column) const noexcept {
    const char* type = api()->column_decltype(statement_, column);
    return type == nullptr ? "" : type;
  }
  sqlite3_value* raw_value(int column) const noexcept { return api()->column_value(statement_, column); }

 private:
  const vtab::Api* api() const noexcept { return self_->api(); }
  void check(int rc) const {
    if (rc != SQLITE_OK) throw_last_error(*self_, rc);
  }
  /// An interrupt while json_tree, pragma_table_info or another such table is made is SQLITE_ERROR to SQLite, with the text
  /// "interrupted", one about the table's constructor, or that there is no such table; here it is what it is.
  static int prepare(ext::SqliteConnection& self, std::string_view sql, sqlite3_stmt** out) {
    const int rc = prepare_as_is(self, sql, out);
    if (rc != SQLITE_ERROR) return rc;
    const std::string_view text = self.api()->errmsg(self.db());
    if (text == self.api()->errstr(SQLITE_INTERRUPT)) return SQLITE_INTERRUPT;
    if (!text.starts_with("vtable constructor failed") && !text.starts_with("no such table: json_") &&
        !text.starts_with("no such table: pragma_"))
      return rc;
    sqlite3_stmt* probe = nullptr;
    const int interrupted = prepare_as_is(self, "SELECT 1", &probe);
    if (interrupted != SQLITE_OK) return interrupted;
    self.own_finalize(probe);
    return prepare_as_is(self, sql, out);  // for its text
  }
  static int prepare_as_is(ext::SqliteConnection& self, std::string_view sql, sqlite3_stmt** out) {
    // The size fits: SQLite's memory has no room for a text of 2 GiB.
    return self.api()->prepare_v2(self.db(), sql.data(), static_cast<int>(sql.size()), out, nullptr);
  }

  ext::SqliteConnection* self_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace warden::jobs
