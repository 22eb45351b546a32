// Every allocation of SQLite fails once, and all after one fail: nothing leaks, nothing crashes, no wrong answer.
#include <boost/test/unit_test.hpp>
#include <cstdarg>
#include <cstring>
#include <functional>

#include "vtab_tables.hpp"

using warden::test::Answer;
using warden::test::api;
using warden::test::Database;
using warden::test::Fault;
using warden::test::memory_used;
namespace test = warden::test;
namespace vtab = warden::vtab;

namespace {

/// Rows in memory from SQLite, made of the hints.
struct Hoard {
  using row = test::Process;
  static constexpr const char* name = "hoard";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<vtab::col<"pid", &test::Process::pid, vtab::push::key>,
                                vtab::col<"comm", &test::Process::comm, vtab::push::range>,
                                vtab::arg<"title", std::string_view>>;
  using query = vtab::query<row, columns>;
  vtab::vector<test::Process> scan(const query& q) const {
    vtab::vector<test::Process> rows{vtab::Allocator<test::Process>(q.api())};
    for (const test::Process& p : test::processes()) rows.push_back(p);
    return rows;
  }
  void update(sqlite3_int64, const vtab::change<columns>& to) const { (void)to.get<"comm">().as_text(); }
};

int ended = 0;
struct Ending {
  using row = test::Number;
  static constexpr const char* name = "ending";
  static constexpr auto risk = vtab::risk::direct_only;
  using columns = vtab::columns<vtab::col<"value", &test::Number::value>>;
  std::vector<test::Number> scan(const vtab::query<row, columns>&) const { return {{1}}; }
  Ending() { ++ended; }
  Ending(const Ending&) = delete;
  ~Ending() { --ended; }
};

/// Calls `act(nth)` with a failing nth allocation for nth = 1, 2, ... until the act needs fewer. Returns how many.
int for_each_fault(Fault::Kind kind, const std::function<void()>& act,
                   const std::function<void(int)>& after) {
  for (int nth = 1; nth < 5000; ++nth) {
    bool happened = false;
    {
      const Fault fault(nth, kind);
      act();
      happened = fault.happened();
    }
    after(nth);
    if (!happened) return nth - 1;
  }
  BOOST_ERROR("the act never came to its end");
  return 0;
}

constexpr const char* kLongText = "'a text that is longer than what a string keeps within itself'";

}  // namespace

BOOST_AUTO_TEST_SUITE(vtab_memory)

BOOST_AUTO_TEST_CASE(an_install_for_which_memory_fails_leaves_nothing) {
  api();
  for (const Fault::Kind kind : {Fault::Kind::once, Fault::Kind::lasting}) {
    const long long before = memory_used();
    int failures = 0;
    int nth = 1;
    for (bool happened = true; happened; ++nth) {
      Database db;
      int rc = SQLITE_OK;
      {
        const Fault fault(nth, kind);
        rc = vtab::install<Ending>(api(), db.handle());
        happened = fault.happened();
      }
      if (rc != SQLITE_OK) {
        ++failures;
        BOOST_TEST(rc == SQLITE_NOMEM);
        BOOST_TEST(ended == 0);
        BOOST_TEST(db.query("SELECT * FROM ending") == "error 1: no such table: ending");
        BOOST_TEST(vtab::install<Ending>(api(), db.handle()) == SQLITE_OK);
      }
      BOOST_TEST(ended == 1);
      BOOST_TEST(db.query("SELECT * FROM ending") == "1");
    }
    BOOST_TEST(failures >= 2);
    BOOST_TEST(ended == 0);
    BOOST_TEST(memory_used() == before);
  }
}

BOOST_AUTO_TEST_CASE(a_query_for_which_memory_fails_is_an_error_or_right) {
  api();
  struct Case {
    std::string sql;
    std::string rows;
  };
  const std::string text = kLongText;
  const Case cases[] = {
      {"SELECT pid, comm FROM hoard WHERE pid = 3", "3|bash"},
      {"SELECT pid FROM hoard(" + text + ") WHERE comm < " + text + " AND title = " + text, "5"},
      {"SELECT count(*), max(title) FROM hoard(" + text + ")", "6|" + text.substr(1, text.size() - 2)},
      {"SELECT h.pid FROM hoard h JOIN hoard g ON g.pid = h.pid WHERE h.comm = 'init' OR h.pid = 5 ORDER BY "
       "1",
       "1, 5"},
      {"SELECT * FROM numbers", "error 1: numbers: argument \"first\" is required"},
      {"SELECT * FROM numbers('x')", "error 1: numbers: argument \"first\" must be an integer, not text"},
      {"UPDATE hoard SET comm = comm || " + text + " WHERE pid < 3", ""},
  };
  const long long before = memory_used();
  for (const Case& c : cases) {
    for (const Fault::Kind kind : {Fault::Kind::once, Fault::Kind::lasting}) {
      Database db;
      vtab::install<Hoard>(api(), db.handle());
      vtab::install<test::Numbers>(api(), db.handle());
      std::string answer;
      int failures = 0;
      const int faults = for_each_fault(
          kind,
          [&] {
            const Answer got = db.run(c.sql);
            answer =
                got.code == SQLITE_OK ? got.rows : "error " + std::to_string(got.code) + ": " + got.error;
          },
          [&](int nth) {
            if (answer != c.rows) {
              ++failures;
              const bool is_nomem = answer == "error 7: out of memory" || answer.starts_with("error 7:") ||
                                    (c.rows.starts_with("error 1") && answer == "error 1: SQL logic error");
              BOOST_TEST(is_nomem, c.sql << " with fault " << nth << " gave " << answer);
            }
            BOOST_TEST(db.query("SELECT count(*) FROM hoard") == "6");
          });
      BOOST_TEST(answer == c.rows);
      BOOST_TEST(faults > 10);
      BOOST_TEST(failures > 10);
    }
  }
  BOOST_TEST(memory_used() == before);
}

namespace {

/// sqlite3_mprintf, without memory for what a table says of its arguments.
char* mprintf_but_for_errors(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char* text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  if (text == nullptr || std::strstr(text, "argument \"first\"") == nullptr) return text;
  sqlite3_free(text);
  return nullptr;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_error_whose_text_finds_no_memory_is_that_there_is_none) {
  vtab::Api scarce = *api();
  scarce.mprintf = &mprintf_but_for_errors;
  Database db;
  BOOST_TEST(vtab::install<test::Numbers>(&scarce, db.handle()) == SQLITE_OK);
  BOOST_TEST(db.query("SELECT value FROM numbers(3, 4)") == "3, 4, 5, 6");
  BOOST_TEST(db.query("SELECT * FROM numbers") == "error 7: out of memory");
  BOOST_TEST(db.query("SELECT * FROM numbers('x')") == "error 7: out of memory");
}

BOOST_AUTO_TEST_CASE(memory_of_a_scan_is_counted_while_it_is_open) {
  Database db;
  vtab::install<Hoard>(api(), db.handle());
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db.handle(), "SELECT * FROM hoard", -1, &statement, nullptr);
  const long long before = memory_used();
  sqlite3_step(statement);
  BOOST_TEST(memory_used() - before >= static_cast<long long>(6 * sizeof(test::Process)));
  sqlite3_finalize(statement);
}

BOOST_AUTO_TEST_SUITE_END()
