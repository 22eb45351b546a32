// A host for fuzzers of the extension: one connection with warden linked in, so that its branches count as those of the
// program, without its thread, and with six jobs.
#pragma once

#include <span>
#include <vector>

#include "fuzz.hpp"
#include "tests/jobs/job_host.hpp"

extern "C" int sqlite3_warden_init(sqlite3*, char**, const sqlite3_api_routines*);

namespace warden::fuzz {

/// What a statement gave. Two answers are alike where their rows, in any order, or their errors are.
struct Answer {
  int code = SQLITE_OK;
  std::string error;
  std::vector<std::string> rows;

  bool refused() const { return code != SQLITE_OK; }
  /// The only value of the only row.
  std::string value() const { return rows.empty() ? "" : rows.front(); }
  std::string all() const {
    std::string text = error.empty() ? "" : "error: " + error;
    for (const std::string& row : rows) text += (text.empty() ? "" : "; ") + row;
    return text;
  }
};

class LinkedHost {
 public:
  /// Made once in a process. `environment`: variables that are set before the load, name and value.
  /// `columns`: the jobs have some.
  explicit LinkedHost(bool columns, std::span<const std::pair<const char*, const char*>> environment = {}) {
    ::setenv("WARDEN_WATCHDOG", "off", 1);
    for (const auto& [name, value] : environment) ::setenv(name, value, 1);
    char* message = nullptr;
    const int rc = sqlite3_warden_init(db_.get(), &message, test::real_api());
    require(rc == SQLITE_OK_LOAD_PERMANENTLY || rc == SQLITE_OK, "warden loads",
            message == nullptr ? "" : message);
    db_.rows(test::kJobTables + test::kSixJobs);
    if (columns) db_.rows("CREATE VIRTUAL TABLE job_index USING job_columns");
  }
  sqlite3* get() const { return db_.get(); }
  const test::Db& db() const { return db_; }

  /// Runs one statement, with `parameters` as texts. An integer and a real of one value look alike.
  Answer ask(const std::string& sql, std::span<const std::string_view> parameters = {}) const {
    Answer answer;
    sqlite3_stmt* statement = nullptr;
    answer.code = sqlite3_prepare_v2(get(), sql.c_str(), static_cast<int>(sql.size()), &statement, nullptr);
    for (int i = 0; statement != nullptr && i < static_cast<int>(parameters.size()); ++i) {
      const std::string_view text = parameters[static_cast<std::size_t>(i)];
      sqlite3_bind_text64(statement, i + 1, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    while (statement != nullptr && (answer.code = sqlite3_step(statement)) == SQLITE_ROW)
      answer.rows.push_back(row_of(statement));
    if (answer.code == SQLITE_DONE) answer.code = SQLITE_OK;
    if (answer.refused()) {
      answer.error = sqlite3_errmsg(get());
      require(answer.error.size() > 5 && is_utf8(answer.error), "a refusal is a sentence", sql, answer.error);
    }
    sqlite3_finalize(statement);
    return answer;
  }
  Answer ask(const std::string& sql, std::string_view parameter) const {
    return ask(sql, std::span<const std::string_view>(&parameter, 1));
  }

 private:
  static std::string row_of(sqlite3_stmt* statement) {
    std::string row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      row += i > 0 ? "|" : "";
      const int type = sqlite3_column_type(statement, i);
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      const std::string_view shown =
          text == nullptr
              ? "NULL"
              : std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, i)));
      row += type == SQLITE_FLOAT && shown.ends_with(".0") ? shown.substr(0, shown.size() - 2) : shown;
    }
    return row;
  }

  test::Db db_;
};

}  // namespace warden::fuzz
