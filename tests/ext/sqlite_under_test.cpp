#include "sqlite_under_test.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

namespace warden::test {
namespace {

sqlite3_mem_methods g_real{};
int g_until_fault = 0;  // allocations up to and with the one that fails; 0: none will
bool g_lasting = false;
bool g_happened = false;

bool fails() {
  if (g_happened && g_lasting) return true;
  if (g_until_fault == 0 || --g_until_fault > 0) return false;
  g_happened = true;
  return true;
}
void* failing_malloc(int bytes) { return fails() ? nullptr : g_real.xMalloc(bytes); }
void* failing_realloc(void* memory, int bytes) { return fails() ? nullptr : g_real.xRealloc(memory, bytes); }

const vtab::Api* g_api = nullptr;
int remember_api(sqlite3*, char**, const vtab::Api* routines) {
  g_api = routines;
  return SQLITE_OK;
}

const vtab::Api* find_api() {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &g_real);
  sqlite3_mem_methods failing = g_real;
  failing.xMalloc = failing_malloc;
  failing.xRealloc = failing_realloc;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
    throw std::logic_error("SQLite was used before");
  const auto entry = reinterpret_cast<void (*)()>(&remember_api);
  sqlite3_auto_extension(entry);
  sqlite3* db = nullptr;
  sqlite3_open(":memory:", &db);
  sqlite3_close(db);
  sqlite3_cancel_auto_extension(entry);
  return g_api;
}

std::string text_of(sqlite3_stmt* statement, int column) {
  const int type = sqlite3_column_type(statement, column);
  if (type == SQLITE_NULL) return "NULL";
  const auto* bytes = static_cast<const unsigned char*>(sqlite3_column_blob(statement, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  if (bytes == nullptr) return type == SQLITE_BLOB ? "x''" : "";
  if (type != SQLITE_BLOB) return {reinterpret_cast<const char*>(bytes), size};
  std::string text = "x'";
  for (std::size_t i = 0; i < size; ++i) {
    text += "0123456789ABCDEF"[bytes[i] >> 4];
    text += "0123456789ABCDEF"[bytes[i] & 15];
  }
  return text + "'";
}

}  // namespace

const vtab::Api* api() {
  static const vtab::Api* const found = find_api();
  return found;
}

Database::Database(const std::string& file) {
  api();
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db_));
}

Database::~Database() { BOOST_TEST(sqlite3_close(db_) == SQLITE_OK, "a statement was left open"); }

Answer Database::run(std::string_view sql) {
  Answer answer;
  const char* at = sql.data();
  const char* const end = at + sql.size();
  while (answer.code == SQLITE_OK && at < end) {
    sqlite3_stmt* statement = nullptr;
    answer.code = sqlite3_prepare_v2(db_, at, static_cast<int>(end - at), &statement, &at);
    while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
      if (!answer.rows.empty()) answer.rows += ", ";
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        if (i > 0) answer.rows += '|';
        answer.rows += text_of(statement, i);
      }
    }
    if (statement != nullptr) {
      if (sqlite3_errcode(db_) != SQLITE_DONE) answer.code = sqlite3_errcode(db_);
      if (answer.code != SQLITE_OK) answer.error = sqlite3_errmsg(db_);
      sqlite3_finalize(statement);
    } else if (answer.code != SQLITE_OK) {
      answer.error = sqlite3_errmsg(db_);
    }
  }
  return answer;
}

std::string Database::query(std::string_view sql) {
  const Answer answer = run(sql);
  return answer.code == SQLITE_OK ? answer.rows
                                  : "error " + std::to_string(answer.code) + ": " + answer.error;
}

Fault::Fault(int nth, Kind kind) noexcept {
  g_until_fault = nth;
  g_lasting = kind == Kind::lasting;
  g_happened = false;
}

Fault::~Fault() {
  g_until_fault = 0;
  g_lasting = false;
  g_happened = false;
}

bool Fault::happened() const noexcept { return g_happened; }

long long memory_used() { return sqlite3_memory_used(); }

}  // namespace warden::test
