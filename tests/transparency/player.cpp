#include "player.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace warden::test {
namespace {

/// Rows of one statement: so many are written down, the rest is put into a digest, and then it is enough.
constexpr std::int64_t kRowsInFull = 12;
constexpr std::int64_t kMostRows = 4000;

std::string text_of_bytes(char type, const void* bytes, std::size_t size) {
  if (size <= 60) {
    const auto* at = static_cast<const char*>(bytes);
    if (type == 't') return "'" + std::string(at, size) + "'";
    std::string out = "x";
    for (std::size_t i = 0; i < size; ++i) {
      out += "0123456789abcdef"[static_cast<unsigned char>(at[i]) >> 4];
      out += "0123456789abcdef"[at[i] & 15];
    }
    return out;
  }
  Digest digest;
  digest.add(bytes, size);
  return std::string(1, type) + std::to_string(size) + ":" + digest.text();
}

std::string text_of_row(sqlite3_stmt* statement) {
  std::string row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    if (i > 0) row += '|';
    row += text_of(sqlite3_column_value(statement, i));
  }
  return row;
}

std::string text(const char* given) { return given == nullptr ? "-" : given; }

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// EXPLAIN shows addresses of virtual tables.
bool shows_addresses(const std::string& row) { return row.find("vtab:") != std::string::npos; }

struct ExecRows {
  Transcript& transcript;
  std::int64_t ends_after;
  std::int64_t rows = 0;
};

int on_exec_row(void* given, int n, char** values, char** names) {
  auto& rows = *static_cast<ExecRows*>(given);
  std::string row = "  row:";
  for (int i = 0; i < n; ++i) {
    row += ' ' + text(names[i]) + '=';
    row += values[i] == nullptr ? "NULL"
                                : text_of_bytes('t', values[i], std::char_traits<char>::length(values[i]));
  }
  if (++rows.rows <= kRowsInFull) rows.transcript.line(shows_addresses(row) ? "  row with an address" : row);
  return rows.ends_after != 0 && rows.rows >= rows.ends_after ? 1 : 0;
}

}  // namespace

std::string text_of(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return "i" + std::to_string(sqlite3_value_int64(value));
    case SQLITE_FLOAT: {
      char out[40];
      std::snprintf(out, sizeof(out), "f%.17g", sqlite3_value_double(value));
      return out;
    }
    case SQLITE_TEXT: {
      const void* bytes = sqlite3_value_text(value);
      return text_of_bytes('t', bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
    case SQLITE_BLOB: {
      const void* bytes = sqlite3_value_blob(value);
      return text_of_bytes('b', bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
    }
    default:
      return "n";
  }
}

Player::Player(const Script& script, std::string directory, Transcript& transcript)
    : script_(script),
      directory_(std::move(directory)),
      transcript_(transcript),
      open_{Open(transcript), Open(transcript), Open(transcript)} {
  static_assert(kConnections == 3);
  std::filesystem::create_directories(directory_);
}

Player::~Player() { end(); }

void Player::play(int number, const Step& step) {
  transcript_.line("#" + std::to_string(number));
  Open& open = open_[static_cast<std::size_t>(step.connection)];
  last_ = SQLITE_OK;
  if (step.what == Do::open) {
    last_ = this->open(step, open);
  } else if (step.what == Do::files) {
    files();
  } else if (open.db == nullptr) {
    transcript_.line("  not open");
    return;
  } else if (!play_statement(step, open.db) && !play_object(step, open.db)) {
    play_connection(step, open);
  }
  ++transcript_.figures.tried[step.kind];
  if (last_ == SQLITE_OK) ++transcript_.figures.kinds[step.kind];
  if (open.db != nullptr) state(open.db);
}

void Player::code(const char* what, sqlite3* db, int rc) {
  if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
    // Where the call returns the primary code, the connection knows more.
    const int extended = db == nullptr ? rc : sqlite3_extended_errcode(db);
    last_ = (extended & 0xff) == (rc & 0xff) ? extended : rc;
    ++transcript_.figures.codes[last_];
  }
  transcript_.line("  " + std::string(what) + " " + std::to_string(rc));
}

void Player::state(sqlite3* db) {
  transcript_.line(
      "  state: " + std::to_string(sqlite3_errcode(db)) + " " + std::to_string(sqlite3_extended_errcode(db)) +
      " '" + sqlite3_errmsg(db) + "' at " + std::to_string(sqlite3_error_offset(db)) + ", changes " +
      std::to_string(sqlite3_changes64(db)) + " " + std::to_string(sqlite3_total_changes64(db)) + ", rowid " +
      std::to_string(sqlite3_last_insert_rowid(db)) + ", autocommit " +
      std::to_string(sqlite3_get_autocommit(db)) + ", transaction " +
      std::to_string(sqlite3_txn_state(db, nullptr)) + " " + std::to_string(sqlite3_txn_state(db, "main")));
}

int Player::open(const Step& step, Open& open) {
  if (open.db != nullptr) {
    transcript_.line("  open already");
    return SQLITE_OK;
  }
  std::string name = step.text;
  if (const std::size_t at = name.find("<dir>"); at != std::string::npos) name.replace(at, 5, directory_);
  const int rc = sqlite3_open_v2(name.c_str(), &open.db, static_cast<int>(step.number), nullptr);
  code("open", open.db, rc);
  open.callbacks.begin(open.db, mode_);
  if (rc != SQLITE_OK) {
    state(open.db);
    sqlite3_close(open.db);
    open.db = nullptr;
  } else {
    // What a file's unused bytes hold must not hang on what the cache held.
    sqlite3_db_config(open.db, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    sqlite3_busy_timeout(open.db, 0);
  }
  return rc;
}

// ---- statements

void Player::describe(sqlite3_stmt* statement) {
  std::string line = "  statement: columns";
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    line +=
        " " + text(sqlite3_column_name(statement, i)) + ":" + text(sqlite3_column_decltype(statement, i)) +
        ":" + text(sqlite3_column_database_name(statement, i)) + "." +
        text(sqlite3_column_table_name(statement, i)) + "." + text(sqlite3_column_origin_name(statement, i));
  }
  line += "; parameters " + std::to_string(sqlite3_bind_parameter_count(statement));
  for (int i = 1; i <= std::min(9, sqlite3_bind_parameter_count(statement)); ++i)
    line += " " + text(sqlite3_bind_parameter_name(statement, i));
  line += "; readonly " + std::to_string(sqlite3_stmt_readonly(statement)) + ", explains " +
          std::to_string(sqlite3_stmt_isexplain(statement)) + ", busy " +
          std::to_string(sqlite3_stmt_busy(statement));
  transcript_.line(line);
}

void Player::counters(sqlite3_stmt* statement) {
  // Enforcing temp_store has the schema read again, and statements prepared again.
  if (mode_ == Mode::settings || statement == nullptr) return;
  std::string line = "  counters:";
  for (const int which :
       {SQLITE_STMTSTATUS_FULLSCAN_STEP, SQLITE_STMTSTATUS_SORT, SQLITE_STMTSTATUS_AUTOINDEX,
        SQLITE_STMTSTATUS_VM_STEP, SQLITE_STMTSTATUS_REPREPARE, SQLITE_STMTSTATUS_RUN,
        SQLITE_STMTSTATUS_FILTER_MISS, SQLITE_STMTSTATUS_FILTER_HIT}) {
    line += " " + std::to_string(sqlite3_stmt_status(statement, which, 0));
  }
  transcript_.line(line);
}

void Player::bind(sqlite3_stmt* statement, const std::vector<Bound>& values) {
  struct Bind {
    sqlite3_stmt* statement;
    int at;
    int operator()(std::monostate) const { return sqlite3_bind_null(statement, at); }
    int operator()(std::int64_t number) const { return sqlite3_bind_int64(statement, at, number); }
    int operator()(double number) const { return sqlite3_bind_double(statement, at, number); }
    int operator()(const std::string& text) const {
      return sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    }
    int operator()(const Blob& blob) const {
      return sqlite3_bind_blob(statement, at, blob.data(), static_cast<int>(blob.size()), SQLITE_TRANSIENT);
    }
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int rc = std::visit(Bind{statement, static_cast<int>(i) + 1}, values[i]);
    if (rc != SQLITE_OK) code("bind", sqlite3_db_handle(statement), rc);
  }
}

int Player::prepare(sqlite3* db, const Step& step, sqlite3_stmt** statement) {
  const char* rest = nullptr;
  const int rc = step.number == 1
                     ? sqlite3_prepare(db, step.text.c_str(), -1, statement, &rest)
                     : sqlite3_prepare_v3(db, step.text.c_str(), -1,
                                          step.number == 2 ? SQLITE_PREPARE_PERSISTENT : 0, statement, &rest);
  code("prepare", db, rc);
  if (rc != SQLITE_OK) state(db);  // before anything else is called
  if (rest != nullptr && *rest != '\0') transcript_.line("  rest: " + std::string(rest));
  if (*statement != nullptr) {
    describe(*statement);
    bind(*statement, step.bound);
  }
  return rc;
}

int Player::step_on(sqlite3_stmt* statement, std::int64_t times) {
  Digest rest;
  int rc = SQLITE_ROW;
  std::int64_t rows = 0;
  const bool explains = sqlite3_stmt_isexplain(statement) == 1;
  while (rows < std::min(times, kMostRows) && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
    std::string row = text_of_row(statement);
    if (shows_addresses(row)) row = "with an address";
    if (explains && sqlite3_column_count(statement) > 1)
      transcript_.figures.opcodes.insert(
          text(reinterpret_cast<const char*>(sqlite3_column_text(statement, 1))));
    if (++rows <= kRowsInFull) {
      transcript_.line("  row: " + row);
    } else {
      rest.add(row);
    }
  }
  if (rows > kRowsInFull) transcript_.line("  rows: " + std::to_string(rows) + " " + rest.text());
  sqlite3* const db = sqlite3_db_handle(statement);
  code("step", db, rc);
  if (rc != SQLITE_ROW) ++transcript_.figures.statements;
  state(db);  // between a step and its reset SQLite shows what it shows at no other time
  counters(statement);
  return rc;
}

int Player::run(sqlite3* db, const Step& step) {
  sqlite3_stmt* statement = nullptr;
  if (const int rc = prepare(db, step, &statement); rc != SQLITE_OK)
    return ++transcript_.figures.statements, rc;
  if (statement != nullptr) step_on(statement, kMostRows);
  const int rc = sqlite3_finalize(statement);
  if (rc != last_) code("finalize", db, rc);
  return rc;
}

bool Player::play_statement(const Step& step, sqlite3* db) {
  sqlite3_stmt*& slot = statement(step);
  switch (step.what) {
    case Do::exec: {
      ExecRows rows{transcript_, step.number};
      char* message = nullptr;
      const int rc = sqlite3_exec(db, step.text.c_str(), &on_exec_row, &rows, &message);
      code("exec", db, rc);
      transcript_.line("  rows: " + std::to_string(rows.rows) + ", message: " + text(message));
      sqlite3_free(message);
      ++transcript_.figures.statements;
      return true;
    }
    case Do::get_table: {
      char** cells = nullptr;
      char* message = nullptr;
      int rows = 0;
      int columns = 0;
      code("get_table", db, sqlite3_get_table(db, step.text.c_str(), &cells, &rows, &columns, &message));
      Digest digest;
      for (int i = 0; cells != nullptr && i < (rows + 1) * columns; ++i) {
        std::string cell = text(cells[i]);
        if (const auto at = cell.find(directory_); at != std::string::npos) cell.erase(at, directory_.size());
        if (!shows_addresses(cell)) digest.add(cell);
      }
      transcript_.line("  table: " + std::to_string(rows) + " x " + std::to_string(columns) + " " +
                       digest.text() + ", message: " + text(message));
      sqlite3_free_table(cells);
      sqlite3_free(message);
      ++transcript_.figures.statements;
      return true;
    }
    case Do::run:
      run(db, step);
      return true;
    case Do::prepare:
      if (slot != nullptr) code("finalize", nullptr, sqlite3_finalize(std::exchange(slot, nullptr)));
      prepare(db, step, &slot);
      return true;
    case Do::step:
      if (slot != nullptr) step_on(slot, step.number);
      return true;
    case Do::reset:
      if (slot != nullptr) {
        sqlite3* const its = sqlite3_db_handle(slot);  // may have been closed with sqlite3_close_v2
        code("reset", its, sqlite3_reset(slot));
        if (step.number == 1) code("clear", its, sqlite3_clear_bindings(slot));
      }
      return true;
    case Do::bind:
      if (slot != nullptr) bind(slot, step.bound);
      return true;
    case Do::finalize:
      code("finalize", nullptr, sqlite3_finalize(std::exchange(slot, nullptr)));
      return true;
    default:
      return false;
  }
}

// ---- files

void Player::files() {
  // In the middle of writing it is the cache that says which pages are there already.
  for (const Open& each : open_) {
    if (each.db != nullptr && sqlite3_txn_state(each.db, nullptr) == SQLITE_TXN_WRITE) return;
  }
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  for (const auto& path : all) {
    const std::string name = path.filename().string();
    if (name.ends_with("-shm")) continue;  // no data: locks and an index, made anew when needed
    std::string bytes = bytes_of(path);
    Digest digest;
    if (script_.uses_wal && name.ends_with(".db")) hide_change_counter(bytes);
    if (!script_.uses_wal || name.ends_with(".db")) digest.add(bytes);
    transcript_.line("  file " + name + ": " + std::to_string(bytes.size()) + " " + digest.text());
  }
}

void Player::vacuum_files() {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".db")) continue;
    sqlite3* db = nullptr;
    sqlite3_open(path.c_str(), &db);
    sqlite3_exec(db, "PRAGMA secure_delete = 1", nullptr, nullptr, nullptr);
    const int rc = sqlite3_exec(db, ("VACUUM INTO '" + path + ".copy'").c_str(), nullptr, nullptr, nullptr);
    transcript_.line("vacuum " + std::to_string(rc) + " " + sqlite3_errmsg(db));
    sqlite3_close(db);
    if (rc == SQLITE_OK) std::filesystem::remove(path);
  }
  // Journals kept (journal_mode = persist) hold pages as they were.
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    if (entry.path().string().find(".db-") != std::string::npos) std::filesystem::remove(entry.path());
  }
}

void Player::end() {
  for (auto& each : backups_) {
    if (each != nullptr)
      code("at last: backup", nullptr, sqlite3_backup_finish(std::exchange(each, nullptr)));
  }
  for (auto& each : backup_files_) sqlite3_close(std::exchange(each, nullptr));
  for (auto& each : blobs_) {
    if (each != nullptr) code("at last: blob", nullptr, sqlite3_blob_close(std::exchange(each, nullptr)));
  }
  for (auto& each : statements_) {
    if (each != nullptr) code("at last: finalize", nullptr, sqlite3_finalize(std::exchange(each, nullptr)));
  }
  for (Open& each : open_) {
    if (each.db != nullptr) code("at last: close", nullptr, sqlite3_close(std::exchange(each.db, nullptr)));
  }
  if (script_.files_by_content) vacuum_files();
}

}  // namespace warden::test
