// warden in a program in C++ that is linked with it: a deadline for all statements, and figures of each connection. The names of
// the program are its own, also where warden has the same within itself.
#include <sqlite3.h>
#include <warden.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

// As in warden itself: neither takes the other's place.
namespace warden {
struct Warden {
  static Warden& instance() {
    static Warden own;
    return own;
  }
  int answer() const { return 42; }
};
bool others_watch(const void*) noexcept { return true; }
}  // namespace warden

namespace {

constexpr const char* kEndless =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

void check(int rc) {
  if (rc != SQLITE_OK) throw std::runtime_error(warden_errmsg());
}

struct Close {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Database = std::unique_ptr<sqlite3, Close>;

Database open() {
  sqlite3* db = nullptr;
  const int rc = sqlite3_open(":memory:", &db);
  Database opened(db);
  if (rc != SQLITE_OK) throw std::runtime_error(sqlite3_errmsg(db));
  return opened;
}

// [readme]
std::vector<warden_connection> connections() {
  std::vector<warden_connection> all;
  for (warden_connection c{}; warden_next_connection(c.connection_id, &c) == SQLITE_ROW;) all.push_back(c);
  return all;
}
// [end]

int run() {
  const Database early = open();  // before warden: looked after when it is told so
  check(warden_install_all());
  check(warden_install(early.get()));
  check(warden_set("statement_timeout_ms", "100"));
  const Database late = open();
  const Database idle = open();

  for (const auto& db : {early.get(), late.get()}) {
    const int rc = sqlite3_exec(db, kEndless, nullptr, nullptr, nullptr);
    std::cout << "after its deadline: " << sqlite3_errstr(rc) << '\n';
    if (rc != SQLITE_INTERRUPT) return 1;
  }
  const auto all = connections();
  for (const auto& c : all) {
    std::cout << c.statement_seq << " statements, " << c.cancels << " cancelled, "
              << (c.cache_bytes >= 0 ? "measured" : "not measured") << '\n';
  }
  if (all.size() != 3 || all[0].connection_id != warden_connection_id(early.get())) return 2;
  if (all[0].cancels != 1 || all[1].cancels != 1 || all[2].cancels != 0 || all[0].cache_bytes < 0) return 3;
  return warden::Warden::instance().answer() == 42 && warden::others_watch(nullptr) ? 0 : 4;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 9;
  }
}
