#include "database.hpp"

#include <stdexcept>

namespace warden::bench {

Database::Database(const std::string& path, int flags) {
  if ((flags & SQLITE_OPEN_NOMUTEX) == 0) flags |= SQLITE_OPEN_FULLMUTEX;
  if (::sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) != SQLITE_OK) fail(path);
  ::sqlite3_busy_timeout(db_, 10'000);
}

void Database::fail(const std::string& what) const {
  const std::string text = what + ": " + (db_ == nullptr ? "out of memory" : ::sqlite3_errmsg(db_));
  throw std::runtime_error(text);
}

void Database::run(const std::string& sql) {
  if (::sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

int Database::try_run(const std::string& sql) {
  return ::sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
}

std::int64_t Database::number(const std::string& sql) {
  Statement statement(*this, sql);
  if (!statement.step()) throw std::runtime_error(sql + ": no row");
  return ::sqlite3_column_int64(statement.get(), 0);
}

void Database::load_warden() {
  ::sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  char* message = nullptr;
  if (::sqlite3_load_extension(db_, WARDEN_SO, "sqlite3_warden_init", &message) == SQLITE_OK) return;
  const std::string text = message == nullptr ? "warden can't be loaded" : message;
  ::sqlite3_free(message);
  throw std::runtime_error(text);
}

Statement::Statement(Database& database, std::string_view sql) {
  if (::sqlite3_prepare_v3(database.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr) != SQLITE_OK) {
    throw std::runtime_error(std::string(sql) + ": " + ::sqlite3_errmsg(database.get()));
  }
}

bool Statement::step() {
  const int rc = ::sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  throw std::runtime_error(std::string(::sqlite3_sql(statement_)) + ": " +
                           ::sqlite3_errmsg(::sqlite3_db_handle(statement_)));
}

std::int64_t Statement::run() {
  std::int64_t rows = 0;
  while (step()) ++rows;
  reset();
  return rows;
}

}  // namespace warden::bench
