#include "runs.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "allocations.hpp"
#include "figures.hpp"

namespace warden::test {
namespace {

/// The text of a row, as Db::rows() has it; false where there was no memory for it.
bool take_row(sqlite3_stmt* statement, std::string& row) {
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* text = nullptr;
    bool is_null = false;
    {
      const Armed now;
      is_null = sqlite3_column_type(statement, i) == SQLITE_NULL;
      text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
    }
    if (text == nullptr && !is_null) return false;
    row.append(i > 0 ? "|" : "").append(is_null ? "NULL" : text);
  }
  return true;
}

}  // namespace

std::string to_string(const Outcome& outcome) {
  std::string text = std::to_string(outcome.code) + " \"" + outcome.message + "\", " +
                     std::to_string(outcome.rows.size()) + " rows";
  for (const std::string& row : outcome.rows) text += "\n  " + row;
  return text;
}

Outcome run(sqlite3* db, const std::string& sql) {
  Outcome out;
  const char* rest = sql.c_str();
  while (*rest != '\0' && out.code == SQLITE_OK) {
    sqlite3_stmt* statement = nullptr;
    {
      const Armed now;
      out.code = sqlite3_prepare_v2(db, rest, -1, &statement, &rest);
    }
    while (statement != nullptr) {
      {
        const Armed now;
        out.code = sqlite3_step(statement);
      }
      if (out.code != SQLITE_ROW) break;
      std::string row;
      if (!take_row(statement, row)) {
        out.code = SQLITE_NOMEM;
        break;
      }
      out.rows.push_back(row);
    }
    if (out.code == SQLITE_DONE) out.code = SQLITE_OK;
    if (out.code != SQLITE_OK) {
      out.message = sqlite3_errmsg(db);
      if (const int kept = sqlite3_extended_errcode(db); (kept & 0xff) == out.code) out.code = kept;
    }
    const Armed now;
    const int ended = sqlite3_finalize(statement);
    if (out.code == SQLITE_OK) out.code = ended;
  }
  return out;
}

std::vector<std::string> rows_of(sqlite3* db, const std::string& sql) {
  const Outcome got = run(db, sql);
  if (got.code != SQLITE_OK) throw SqlError(got.code, sql + ": " + got.message);
  return got.rows;
}

Trial::Trial(const Operation& operation, sqlite3* db) : operation_(operation), db_(db) {
  prepare();
  state_before_ = state();
  expected_ = run(db_, next_sql());
  state_after_ = state();
  repeat();
}

std::string Trial::next_sql() {
  static std::atomic<std::int64_t> number{1'000'000};
  const std::string digits = std::to_string(++number);
  std::string sql = operation_.sql;
  for (std::size_t at = sql.find("$N"); at != std::string::npos; at = sql.find("$N", at))
    sql.replace(at, 2, digits);
  return sql;
}

void Trial::prepare() {
  if (!operation_.before.empty()) rows_of(db_, operation_.before);
}

void Trial::repeat() {
  prepare();
  const Outcome again = run(db_, next_sql());
  if (!as_expected(again)) {
    throw std::runtime_error(operation_.sql + "\ngives in peace " + to_string(again) + "\nafter " +
                             to_string(expected_));
  }
}

std::string Trial::state() const {
  if (operation_.state.empty()) return "";
  std::string all;
  for (const std::string& row : rows_of(db_, operation_.state)) all += row + "\n";
  return all;
}

bool Trial::as_expected(const Outcome& got) const {
  switch (operation_.rows) {
    case Operation::Rows::same:
      return got == expected_;
    case Operation::Rows::as_many:
      return got.code == expected_.code && got.message == expected_.message &&
             got.rows.size() == expected_.rows.size();
    default:
      return got.code == expected_.code;
  }
}

void Trial::judge(const Outcome& got, bool anything_failed,
                  const std::function<bool(const Outcome&)>& is_clean, const std::string& what) {
  const auto refuse = [&](const std::string& why) {
    throw std::runtime_error(operation_.sql + "\n" + what + " " + why + ": " + to_string(got) +
                             "\ninstead of " + to_string(expected_));
  };
  if (sqlite3_get_autocommit(db_) == 0) rows_of(db_, "ROLLBACK");  // as hosts do after an error
  const bool is_right = as_expected(got);
  if (!is_right && !anything_failed) refuse("gives another result, and nothing failed");
  if (!is_right && !is_clean(got)) refuse("gives a wrong result");
  const std::string now = state();
  if (now == (is_right ? state_after_ : state_before_)) return;
  if (is_right || !operation_.either || now != state_after_) {
    refuse("leaves \"" + now + "\" where \"" + state_before_ + "\" was and \"" + state_after_ +
           "\" was to be");
  }
}

std::vector<std::int64_t> places(std::int64_t last, std::int64_t most, std::int64_t most_of_all) {
  std::vector<std::int64_t> all;
  if (is_thorough()) most = most_of_all;
  if (last <= most) {
    for (std::int64_t i = 1; i <= last; ++i) all.push_back(i);
    return all;
  }
  static std::mt19937_64 dice(places_seed());
  for (std::int64_t i = 0; i < most; ++i) {
    const std::int64_t from = i * last / most;
    const std::int64_t to = (i + 1) * last / most;
    all.push_back(from + 1 + static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(to - from)));
  }
  return all;
}

void fill_statistics(sqlite3* db) {
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    rows_of(db, "SELECT " + number + " AS \"shape " + number + "\"");
  }
}

int in_patient_child(const std::function<int()>& body) {
  return in_child([&] {
    ::alarm(is_thorough() ? 3600 : 600);
    ::setenv("WARDEN_WATCHDOG", "0", 1);  // what the thread does meanwhile would be counted, too
    ::setenv("WARDEN_STATEMENT_STATS_MAX", "10",
             1);  // soon full, so that what is held does not grow with each text
    return body();
  });
}

}  // namespace warden::test
