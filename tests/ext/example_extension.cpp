// A small extension that uses the helpers, as ext/README.md shows it. A test loads it, and another compares the two.
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "function.hpp"
#include "vtab.hpp"

namespace vtab = warden::vtab;

struct Variable {
  sqlite3_int64 position;
  std::string name, value;
  sqlite3_int64 rowid() const { return position; }
};

struct Environment {
  using row = Variable;
  static constexpr const char* name = "environment";
  static constexpr auto risk =
      vtab::risk::direct_only;  // secrets live there: not for views of a stranger's file
  using columns = vtab::columns<vtab::col<"name", &Variable::name, vtab::push::key>,
                                vtab::col<"value", &Variable::value>, vtab::arg<"prefix", std::string_view>>;

  std::vector<Variable> scan(const vtab::query<row, columns>& q) const {
    std::vector<Variable> rows;
    for (int i = 0; environ[i] != nullptr; ++i) {
      const std::string text = environ[i];
      Variable variable{i, text.substr(0, text.find('=')), text.substr(text.find('=') + 1)};
      if (q.argument<"prefix">() && !variable.name.starts_with(*q.argument<"prefix">())) continue;
      if (q.admits<"name">(variable.name)) rows.push_back(std::move(variable));
    }
    return rows;
  }
};

std::optional<std::string> env(std::string_view name, std::optional<std::string> otherwise) {
  if (name.empty()) throw vtab::error("env: name must not be empty");
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr ? std::optional<std::string>(value) : otherwise;
}

extern "C" __attribute__((visibility("default"))) int sqlite3_environment_init(
    sqlite3* db, char**, const sqlite3_api_routines* api) {
  static const bool once = (vtab::slot_api[0] = api, true);  // one copy of SQLite in the process: slot 0
  (void)once;
  if (const int rc = vtab::install<Environment>(api, db); rc != SQLITE_OK) return rc;
  return vtab::define<"env", &env, "name", "otherwise">({api, 0, db, nullptr}, SQLITE_DIRECTONLY);
}
