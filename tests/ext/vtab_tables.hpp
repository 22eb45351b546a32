// Tables for the tests of vtab.hpp. Each tells what its last scan was asked, so a test can see what was pushed down.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite_under_test.hpp"
#include "vtab.hpp"

namespace warden::test {

/// What the last scan of a table was asked, as text: "pid=5 cpu>=1.5 ". How many scans there were.
inline std::string asked;
inline int scans = 0;

template <class T>
void note(std::string_view what, const std::optional<T>& hint) {
  if (!hint) return;
  asked += what;
  if constexpr (std::is_arithmetic_v<T>) {
    asked += std::to_string(*hint);
    while (asked.find('.') != std::string::npos && asked.back() == '0') asked.pop_back();
    if (asked.back() == '.') asked.pop_back();
  } else {
    asked += *hint;
  }
  asked += ' ';
}

struct Process {
  std::int64_t pid;
  std::string comm;
  std::optional<double> cpu;
  std::string state;
  bool kernel;

  sqlite3_int64 rowid() const { return pid * 10; }
};

inline const std::vector<Process>& processes() {
  static const std::vector<Process> all{
      {1, "init", 0.5, "S", false}, {2, "kthreadd", std::nullopt, "I", true}, {3, "bash", 1.5, "S", false},
      {4, "bash", 2.0, "R", false}, {5, "Bash", 97.25, "R", false},           {6, "cron ", 0.0, "S", false}};
  return all;
}

/// processes(): a column of each kind of push. An honest scan: it leaves out what the hints let it leave out.
struct Processes {
  using row = Process;
  static constexpr const char* name = "processes";
  static constexpr auto risk = vtab::risk::normal;
  using columns = vtab::columns<
      vtab::col<"pid", &Process::pid, vtab::push::key>, vtab::col<"comm", &Process::comm, vtab::push::eq>,
      vtab::col<"cpu", &Process::cpu, vtab::push::range>,
      vtab::col<"state", &Process::state, vtab::push::range>, vtab::col<"kernel", &Process::kernel>>;

  std::vector<Process> scan(const vtab::query<row, columns>& q) const {
    ++scans;
    asked.clear();
    note("pid=", q.equal<"pid">());
    note("comm=", q.equal<"comm">());
    note("cpu=", q.equal<"cpu">());
    note("cpu>", q.lower<"cpu">());
    note("cpu<", q.upper<"cpu">());
    note("state=", q.equal<"state">());
    note("state>", q.lower<"state">());
    note("state<", q.upper<"state">());
    std::vector<Process> rows;
    for (const Process& p : processes()) {
      if (q.admits<"pid">(p.pid) && q.admits<"comm">(p.comm) && q.admits<"cpu">(p.cpu) &&
          q.admits<"state">(p.state)) {
        rows.push_back(p);
      }
    }
    return rows;
  }
};

struct Number {
  std::int64_t value;
  std::int64_t square() const { return value * value; }
};

/// numbers(first, count, step): arguments; `first` is required. A table without rowids.
struct Numbers {
  using row = Number;
  static constexpr const char* name = "numbers";
  static constexpr auto risk = vtab::risk::innocuous;
  using columns =
      vtab::columns<vtab::col<"value", &Number::value>, vtab::col<"square", &Number::square>,
                    vtab::arg<"first", std::int64_t, vtab::need::required>, vtab::arg<"count", std::int32_t>,
                    vtab::arg<"step", double>, vtab::arg<"title", std::string_view>>;

  std::vector<Number> scan(const vtab::query<row, columns>& q) const {
    ++scans;
    asked.clear();
    note("first=", q.argument<"first">());
    note("count=", q.argument<"count">());
    note("step=", q.argument<"step">());
    note("title=", q.argument<"title">());
    std::vector<Number> rows;
    for (std::int32_t i = 0; i < q.argument<"count">().value_or(3); ++i) {
      rows.push_back(
          {*q.argument<"first">() + i * static_cast<std::int64_t>(q.argument<"step">().value_or(1))});
    }
    return rows;
  }
};

/// A connection with the tables above, and `a(x)` with 1, 3, 5 and NULL.
struct Tables {
  Database db;

  Tables() {
    scans = 0;
    asked.clear();
    vtab::install<Processes>(api(), db.handle());
    vtab::install<Numbers>(api(), db.handle());
    db.query("CREATE TABLE a(x); INSERT INTO a VALUES (1), (3), (5), (NULL)");
    scans = 0;
  }
  std::string query(std::string_view sql) { return db.query(sql); }
  /// What the scan of a statement was asked.
  std::string pushed(std::string_view sql) {
    asked = "no scan";
    const std::string rows = query(sql);
    return rows.starts_with("error") ? rows : asked;
  }
};

}  // namespace warden::test
