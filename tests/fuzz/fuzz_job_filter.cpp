// Job filters: what a filter counts, what it lists and what it says as SQL are the same jobs, or the same refusal.
//
// The first line of the input becomes one job's footprint, so that the scanner of footprints is judged against SQLite's own
// JSON functions; the rest is the filter.
#include "fuzz.hpp"
#include "tests/jobs/job_host.hpp"

extern "C" int sqlite3_warden_init(sqlite3*, char**, const sqlite3_api_routines*);

namespace {

using namespace warden;
using fuzz::require;

/// A connection with six jobs and warden linked in, without its thread.
test::Db& host() {
  static test::Db db = [] {
    ::setenv("WARDEN_WATCHDOG", "off", 1);
    test::Db made;
    char* message = nullptr;
    const int rc = sqlite3_warden_init(made.get(), &message, test::real_api());
    require(rc == SQLITE_OK_LOAD_PERMANENTLY || rc == SQLITE_OK, "warden loads",
            message == nullptr ? "" : message);
    made.rows(test::kJobTables + test::kSixJobs);
    return made;
  }();
  return db;
}

/// The first value of a statement with the filter as ?1, or its error.
struct Answer {
  bool refused = false;
  std::string text;
};
Answer ask(const char* sql, std::string_view parameter) {
  sqlite3_stmt* statement = nullptr;
  require(sqlite3_prepare_v2(host().get(), sql, -1, &statement, nullptr) == SQLITE_OK,
          "the statement can be prepared", sql, sqlite3_errmsg(host().get()));
  sqlite3_bind_text64(statement, 1, parameter.data(), parameter.size(), SQLITE_STATIC, SQLITE_UTF8);
  Answer answer;
  if (sqlite3_step(statement) == SQLITE_ROW) {
    if (const auto* text = sqlite3_column_text(statement, 0); text != nullptr)
      answer.text = reinterpret_cast<const char*>(text);
  } else {
    answer = {true, sqlite3_errmsg(host().get())};
    require(answer.text.size() > 5 && fuzz::is_utf8(answer.text), "a refusal is a sentence", parameter,
            answer.text);
  }
  sqlite3_finalize(statement);
  return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  ask("UPDATE job SET footprint = ?1 WHERE id = 2 RETURNING 1", input.line());
  const std::string filter(input.rest());
  const Answer count = ask("SELECT job_count(?1, 'job', 10000)", filter);
  const Answer list = ask("SELECT count(*) FROM jobs WHERE filter = ?1 AND now = 10000", filter);
  const Answer sql = ask("SELECT job_filter_sql(?1, 'job', 10000)", filter);
  require(count.refused == list.refused && count.refused == sql.refused, "all refuse a filter, or none",
          count.text, list.text + " / " + sql.text);
  if (count.refused) return 0;
  require(count.text == list.text, "as many jobs are counted as listed", count.text, list.text);
  const Answer plain =
      ask(("SELECT count(*) FROM job WHERE ?1 IS NOT NULL AND (" + sql.text + ")").c_str(), "");
  require(!plain.refused && plain.text == count.text, "the filter's SQL means the same jobs", count.text,
          plain.text + " by " + sql.text);
  return 0;
}
