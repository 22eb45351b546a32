// What a host does with its connections: everything but warden.
#include "guest.hpp"

#include <algorithm>
#include <cstdio>

namespace warden::test {

Thread::Thread(Storm& storm, std::size_t owner)
    : storm_(storm), owner_(owner), random_(static_cast<unsigned>(storm.weather().seed * 1000 + owner)) {
  for (Guest& guest : guests_) open(guest);
}

Thread::~Thread() {
  for (Guest& guest : guests_) close(guest);
}

void Thread::turn() {
  Guest& guest = guests_[pick(kConnectionsEach)];
  switch (pick(36)) {
    case 0:
    case 1:
      close(guest);
      return open(guest);
    case 2:
    case 3:
    case 4:
      return read(guest);
    case 5:
    case 6:
    case 7:
    case 8:
      return write(guest);
    case 9:
    case 10:
    case 11:
      return step_half(guest);
    case 12:
    case 13:
      return use_blob(guest);
    case 14:
      return back_up(guest);
    case 15:
      return vacuum(guest);
    case 16:
    case 17:
      return attach(guest);
    case 18:
      return use_temp_tables(guest);
    case 19:
      return search_text(guest);
    case 20:
      return change_schema(guest);
    case 21:
      return scan_for_long(guest);
    case 22:
    case 23:
      return read_tables(guest);
    case 24:
      return ask_for_jobs(guest);
    case 25:
    case 26:
      return change_settings(guest);
    case 27:
    case 28:
      return release(guest);
    case 29:
    case 30:
      return cancel(guest);
    case 31:
      return label(guest);
    case 32:
      return load_again(guest);
    case 33:
      return take_the_hooks(guest);
    default:
      return use_a_shared_one();
  }
}

bool Thread::is_explained(int code, std::initializer_list<int> allowed) const {
  const int kind = code & 0xff;
  return kind == SQLITE_OK || kind == SQLITE_ROW || kind == SQLITE_DONE || kind == SQLITE_BUSY ||
         kind == SQLITE_LOCKED || kind == SQLITE_INTERRUPT || kind == SQLITE_SCHEMA ||
         std::find(allowed.begin(), allowed.end(), kind) != allowed.end();
}

void Thread::judge(int code, sqlite3* db, const std::string& what, std::initializer_list<int> allowed) {
  const int kind = code & 0xff;
  figures.refused += kind == SQLITE_BUSY || kind == SQLITE_LOCKED;
  figures.interrupted += kind == SQLITE_INTERRUPT;
  if (is_explained(code, allowed)) return;
  const std::string text = sqlite3_errmsg(db);
  // sqlite3_declare_vtab() makes SQLITE_ERROR of an interrupt, for FTS5's tables and everybody's.
  if (kind != SQLITE_ERROR || !text.starts_with("vtable constructor failed"))
    storm_.note_wrong(what + ": code " + std::to_string(code) + ", " + text);
}

int Thread::run(sqlite3* db, const std::string& sql, std::initializer_list<int> allowed, std::int64_t* sum) {
  const char* rest = sql.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(db, rest, -1, &statement, &rest);
    while (code == SQLITE_OK && statement != nullptr && (code = sqlite3_step(statement)) == SQLITE_ROW) {
      if (sum != nullptr) *sum += sqlite3_column_int64(statement, 0);
      code = SQLITE_OK;
    }
    judge(code, db, sql, allowed);
    const int ended = sqlite3_finalize(statement);
    ++figures.statements;
    if (code == SQLITE_OK || code == SQLITE_DONE) code = ended;
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

void Thread::open(Guest& guest) {
  guest = {};
  guest.home = static_cast<Home>(pick(4));
  const int threading = storm_.weather().by_library && one_in(2) ? 0
                        : one_in(2)                              ? SQLITE_OPEN_NOMUTEX
                                                                 : SQLITE_OPEN_FULLMUTEX;
  const std::string name = storm_.name_of(guest.home);
  const int code =
      sqlite3_open_v2(name.c_str(), &guest.db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | threading, nullptr);
  ++figures.connections;
  if (code != SQLITE_OK) throw SqlError(code, "can't open " + name);
  sqlite3_busy_timeout(guest.db, 5);
  // Somebody may have taken warden's place among the automatic extensions away: then this loads it.
  sqlite3_stmt* known = nullptr;
  if (sqlite3_prepare_v2(guest.db, "SELECT warden_connection_id()", -1, &known, nullptr) == SQLITE_ERROR)
    load_again(guest);
  sqlite3_finalize(known);
  // Others may cancel this too; then once more.
  while (guest.home == Home::memory &&
         run(guest,
             "CREATE TABLE IF NOT EXISTS owned(id INTEGER PRIMARY KEY, owner INTEGER, x TEXT);"
             "CREATE TABLE IF NOT EXISTS pages(id INTEGER PRIMARY KEY, x BLOB);"
             "REPLACE INTO pages VALUES (1, zeroblob(20000))") != SQLITE_OK) {
  }
}

void Thread::let_go(Guest& guest) {
  for (sqlite3_stmt* statement : guest.open) sqlite3_finalize(statement);
  guest.open.clear();
  sqlite3_blob_close(guest.blob);
  guest.blob = nullptr;
}

void Thread::close(Guest& guest) {
  if (guest.db == nullptr) return;
  if (one_in(2) && !guest.open.empty()) {
    sqlite3_blob_close(guest.blob);
    sqlite3_close_v2(guest.db);
    storm_.leave(std::move(guest.open));
  } else {
    let_go(guest);
    if (const int code = sqlite3_close(guest.db); code != SQLITE_OK) {
      storm_.note_wrong("a connection could not be closed: code " + std::to_string(code));
      sqlite3_close_v2(guest.db);
    }
  }
  guest = {};
}

void Thread::read(Guest& guest) {
  run(guest, "SELECT count(*), sum(length(x)) FROM owned WHERE id % 3 = 1; SELECT sum(length(x)) FROM pages",
      {SQLITE_ABORT});
}

void Thread::write(Guest& guest) {
  if (run(guest, "BEGIN IMMEDIATE") != SQLITE_OK) return;
  const std::string mine = std::to_string(owner_);
  const bool counted = guest.home != Home::memory;
  const std::int64_t before = counted ? storm_.committed(owner_, guest.home).load() : 0;
  std::int64_t after = before;
  bool done = true;
  if (one_in(8)) {
    done = run(guest, "DELETE FROM owned WHERE owner = " + mine) == SQLITE_OK;
    after = 0;
  }
  const unsigned rows = 1 + pick(8);
  const std::string insert =
      "INSERT INTO owned(owner, x) SELECT " + mine +
      ", hex(zeroblob(200)) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c "
      "WHERE i < " +
      std::to_string(rows) + ") SELECT i FROM c)";
  done = done && run(guest, insert) == SQLITE_OK;
  after += rows;
  if (done && one_in(3))
    done = run(guest, "SAVEPOINT s; " + insert + "; ROLLBACK TO s; RELEASE s") == SQLITE_OK;
  done = done && !one_in(8) && run(guest, "COMMIT") == SQLITE_OK;
  // What was interrupted may have been rolled back already. While an interrupted statement is open, SQLite interrupts all
  // others too: so what is left half-stepped goes first.
  while (sqlite3_get_autocommit(guest.db) == 0 && run(guest, "ROLLBACK", {SQLITE_ERROR}) != SQLITE_OK)
    let_go(guest);
  if (!counted) return;
  if (!done) {
    // All of it or nothing: which of the two is known only by looking, where COMMIT was interrupted.
    const std::int64_t found = storm_.found(owner_, guest.home);
    if (found != before && found != after) {
      storm_.note_wrong("a transaction that was not committed left " + std::to_string(found) +
                        " rows, neither " + std::to_string(before) + " nor " + std::to_string(after));
    }
    after = found;
  }
  storm_.committed(owner_, guest.home) = after;
}

void Thread::step_half(Guest& guest) {
  if (!guest.open.empty() && (guest.open.size() >= 3 || one_in(2))) {
    // On with one that was left, or away with it.
    const std::size_t which = pick(static_cast<unsigned>(guest.open.size()));
    const int code = sqlite3_step(guest.open[which]);
    judge(code, guest.db, "a statement that was left half-stepped", {SQLITE_ABORT});
    if (code == SQLITE_ROW && one_in(2)) return;
    sqlite3_finalize(guest.open[which]);
    guest.open.erase(guest.open.begin() + static_cast<std::ptrdiff_t>(which));
    return;
  }
  sqlite3_stmt* statement = nullptr;
  const char* const sql = one_in(3) ? "SELECT * FROM warden_connections"
                                    : "SELECT id, x FROM pages UNION ALL SELECT id, x FROM owned";
  int code = sqlite3_prepare_v2(guest.db, sql, -1, &statement, nullptr);
  for (unsigned i = 1 + pick(3); i > 0 && (code == SQLITE_OK || code == SQLITE_ROW); --i)
    code = sqlite3_step(statement);
  judge(code, guest.db, sql, {SQLITE_ABORT});
  ++figures.statements;
  if (code == SQLITE_ROW) {
    guest.open.push_back(statement);
  } else {
    sqlite3_finalize(statement);
  }
}

void Thread::use_blob(Guest& guest) {
  std::array<char, 512> bytes{};
  if (guest.blob != nullptr) {
    const int code =
        one_in(2) ? sqlite3_blob_read(guest.blob, bytes.data(), bytes.size(), static_cast<int>(pick(19'000)))
                  : sqlite3_blob_reopen(guest.blob, 1);
    judge(code, guest.db, "a blob that was held open", {SQLITE_ABORT});
    if (code == SQLITE_OK && one_in(2)) return;
    sqlite3_blob_close(guest.blob);
    guest.blob = nullptr;
    return;
  }
  const bool writes = one_in(3);
  int code = sqlite3_blob_open(guest.db, "main", "pages", "x", 1, writes ? 1 : 0, &guest.blob);
  judge(code, guest.db, "sqlite3_blob_open",
        {SQLITE_ABORT, SQLITE_ERROR});  // a lock on the table is an error here
  if (code != SQLITE_OK || !writes) return;
  code = sqlite3_blob_write(guest.blob, bytes.data(), bytes.size(), static_cast<int>(pick(19'000)));
  judge(code, guest.db, "sqlite3_blob_write", {SQLITE_ABORT});
  judge(sqlite3_blob_close(guest.blob), guest.db, "sqlite3_blob_close", {SQLITE_ABORT});
  guest.blob = nullptr;
}

void Thread::back_up(Guest& guest) {
  const Db copy(":memory:", one_in(2) ? SQLITE_OPEN_NOMUTEX : SQLITE_OPEN_FULLMUTEX);
  ++figures.connections;
  sqlite3_backup* const backup = sqlite3_backup_init(copy.get(), "main", guest.db, "main");
  if (backup == nullptr) return judge(sqlite3_errcode(copy.get()), copy.get(), "sqlite3_backup_init", {});
  int code = SQLITE_OK;
  for (int i = 0; i < 40 && (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED); ++i)
    code = sqlite3_backup_step(backup, 1 + static_cast<int>(pick(20)));
  if (!is_explained(code, {})) storm_.note_wrong("sqlite3_backup_step: code " + std::to_string(code));
  sqlite3_backup_finish(backup);
  if (code == SQLITE_DONE) run(copy.get(), "SELECT count(*) FROM owned");
}

void Thread::vacuum(Guest& guest) {
  // An error where statements are open, and the own ones are.
  if (one_in(2)) {
    run(guest, "VACUUM", {SQLITE_ERROR});
  } else {
    const std::string into = storm_.file("into-" + std::to_string(owner_) + "-" + std::to_string(++named_));
    run(guest, "VACUUM INTO '" + into + "'", {SQLITE_ERROR});
    std::remove(into.c_str());
  }
}

void Thread::attach(Guest& guest) {
  if (guest.attached) {
    guest.attached = run(guest, "DETACH other", {SQLITE_ERROR}) != SQLITE_OK;  // it may be in use
    return;
  }
  const Home other = static_cast<Home>(pick(4));
  if (other == Home::shared && guest.hooks_taken) return;
  if (run(guest, "ATTACH '" + storm_.name_of(other) + "' AS other", {SQLITE_ERROR}) != SQLITE_OK) return;
  guest.attached = true;
  if (other != Home::memory) run(guest, "SELECT count(*) FROM other.owned, main.pages");
}

void Thread::use_temp_tables(Guest& guest) {
  run(guest,
      "CREATE TEMP TABLE IF NOT EXISTS mine(a, b); INSERT INTO temp.mine SELECT id, x FROM pages;"
      "SELECT count(*) FROM mine ORDER BY b; DELETE FROM temp.mine");
  if (one_in(2)) run(guest, "DROP TABLE IF EXISTS temp.mine");
}

void Thread::search_text(Guest& guest) {
  // FTS5 calls a schema that could not be read just then, for a lock or an interrupt, a damaged table (it reads by
  // sqlite3_blob_open(), which says SQLITE_ERROR). So it is asked again.
  int code = run(guest,
                 "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING fts5(x);"
                 "INSERT INTO words VALUES ('the order of locks'), ('no lock at all');"
                 "SELECT count(*) FROM words WHERE words MATCH 'lock*'; DELETE FROM words",
                 {SQLITE_ABORT, SQLITE_CORRUPT});
  for (int i = 0; i < 1000 && code == SQLITE_CORRUPT; ++i) {
    const timespec moment{0, 1'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    code = run(guest, "INSERT INTO words(words) VALUES ('integrity-check')", {SQLITE_ABORT, SQLITE_CORRUPT});
  }
  if (code == SQLITE_CORRUPT) storm_.note_wrong("an FTS5 table is damaged");
}

void Thread::change_schema(Guest& guest) {
  // The statements of all connections to this file are prepared anew.
  const std::string table = "t" + std::to_string(owner_);
  run(guest, "CREATE TABLE IF NOT EXISTS " + table + "(a); DROP TABLE " + table, {SQLITE_ERROR});
  if (one_in(4)) run(guest, "PRAGMA wal_checkpoint(PASSIVE)");
  if (one_in(4)) run(guest, "PRAGMA cache_size = " + std::to_string(10 + pick(500)));
}

}  // namespace warden::test
