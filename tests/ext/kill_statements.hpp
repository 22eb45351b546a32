// What test_kill.cpp runs: random statements, and what each makes of the rows that must be there.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <thread>

#include "host.hpp"

namespace warden::test {

using Clock = std::chrono::steady_clock;

inline constexpr std::int64_t kIds = 4000;
inline constexpr std::int64_t kValues = 1'000'003;

// ---- what must be in the database

/// The value of each id, or kAbsent.
using Rows = std::vector<std::int64_t>;
inline constexpr std::int64_t kAbsent = -1;

inline constexpr std::array kTables{"main.t", "main.u", "temp.s"};

struct State {
  std::array<Rows, kTables.size()> tables{Rows(kIds, kAbsent), Rows(kIds, kAbsent), Rows(kIds, kAbsent)};
  std::set<std::string> indexes;
  bool operator==(const State&) const = default;
};

/// Column x follows from v: it makes the rows large, and shows rows that are not whole.
inline std::string padded(const std::string& v) { return "printf('%0*d', 60 + " + v + " % 200, " + v + ")"; }

/// "" where the table has just these rows; otherwise what is wrong, which is also SQLite's error.
inline std::string difference(const Db& db, std::size_t table, const Rows& expected) {
  const std::string name = kTables[table];
  sqlite3_stmt* statement = nullptr;
  const std::string sql = "SELECT id, v, x IS " + padded("v") + " FROM " + name;
  Rows found(kIds, kAbsent);
  std::string wrong;
  if (sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const std::int64_t id = sqlite3_column_int64(statement, 0);
      if (id < 0 || id >= kIds || sqlite3_column_int(statement, 2) != 1) {
        wrong = name + " has a spoilt row " + std::to_string(id);
      } else {
        found[static_cast<std::size_t>(id)] = sqlite3_column_int64(statement, 1);
      }
    }
  }
  sqlite3_finalize(statement);
  if (const int rc = sqlite3_errcode(db.get()); rc != SQLITE_OK && rc != SQLITE_DONE)
    return sqlite3_errmsg(db.get());
  for (std::size_t id = 0; wrong.empty() && id < found.size(); ++id) {
    if (found[id] == expected[id]) continue;
    wrong = name + ": id " + std::to_string(id) + " has " + std::to_string(found[id]) + ", not " +
            std::to_string(expected[id]);
  }
  return wrong;
}

/// Sets the connection's own deadline. That, too, can be killed.
inline void set_timeout(const Db& db, const std::string& ms) {
  BOOST_REQUIRE(eventually([&] { return db.error("SELECT warden_timeout(" + ms + ")").empty(); }));
}

/// The same for all that other connections can see, and whether the file is sound.
inline std::string difference(const std::string& file, const State& expected) {
  const Db fresh(file);
  sqlite3_busy_timeout(fresh.get(), 30'000);
  set_timeout(fresh, "0");
  for (std::size_t table : {0U, 1U}) {
    if (std::string wrong = difference(fresh, table, expected.tables[table]); !wrong.empty()) return wrong;
  }
  const auto indexes = fresh.rows("SELECT name FROM sqlite_master WHERE type = 'index'");
  if (std::set(indexes.begin(), indexes.end()) != expected.indexes) return "other indexes";
  const std::string sound = fresh.one("PRAGMA integrity_check");
  return sound == "ok" ? "" : sound;
}

// ---- random statements

struct Statement {
  enum Kind { ordinary, reads, ends_transaction };
  std::string sql;
  /// What it does to the state if it succeeds. False: it must fail, with SQLITE_CONSTRAINT.
  std::function<bool(State&)> effect = [](State&) { return true; };
  Kind kind = ordinary;
  std::optional<std::int64_t> answer{};  // of one that reads
  std::function<void()> then = [] {};    // what else its success means
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t below(std::int64_t n) {
    return std::uniform_int_distribution<std::int64_t>(0, n - 1)(engine_);
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  const T& of(const std::array<T, N>& choices) {
    return choices[static_cast<std::size_t>(below(N))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Waits a random time, up to that.
inline void pause(Random& random, std::int64_t most_us) {
  const std::int64_t us = random.below(most_us + 1);
  if (us > 200) {
    const timespec moment{0, us * 1000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    return;
  }
  for (const auto until = Clock::now() + std::chrono::microseconds(us); Clock::now() < until;)
    std::this_thread::yield();
}

enum class OnConflict { fails, ignores, replaces };

inline bool put(Rows& rows, std::int64_t id, std::int64_t value, OnConflict on_conflict) {
  std::int64_t& there = rows[static_cast<std::size_t>(id)];
  if (there != kAbsent && on_conflict == OnConflict::fails) return false;
  if (there == kAbsent || on_conflict == OnConflict::replaces) there = value;
  return true;
}

/// Makes statements of the kinds that can stand anywhere.
class Statements {
 public:
  Statements(Random& random, bool with_temp) : random_(random), tables_(with_temp ? 3 : 2) {}

  Statement any(const State& now) {
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        return insert();
      case 3:
      case 4:
      case 5:
        return copy();
      case 6:
      case 7:
      case 8:
        return update();
      case 9:
      case 10:
        return erase();
      case 11:
      case 12:
        return index();
      case 13:
        return random_.one_in(2) ? Statement{"REINDEX"} : sort(now);
      default:
        return join(now);
    }
  }

 private:
  struct Range {
    std::int64_t from, to;
    bool has(std::int64_t id) const { return id >= from && id <= to; }
    std::string sql() const { return std::to_string(from) + " AND " + std::to_string(to); }
  };
  struct Verb {
    const char* begin;
    const char* end;
    OnConflict on_conflict;
  };

  std::size_t table() { return static_cast<std::size_t>(random_.below(tables_)); }
  Range range() {
    const std::int64_t size = random_.one_in(2) ? 1 + random_.below(50) : 500 + random_.below(kIds - 500);
    const std::int64_t from = random_.below(kIds - size + 1);
    return {from, from + size - 1};
  }
  const Verb& verb() {
    static constexpr std::array<Verb, 6> kVerbs{
        {{"INSERT", "", OnConflict::fails},
         {"INSERT OR IGNORE", "", OnConflict::ignores},
         {"INSERT OR REPLACE", "", OnConflict::replaces},
         {"REPLACE", "", OnConflict::replaces},
         {"INSERT", " ON CONFLICT(id) DO NOTHING", OnConflict::ignores},
         {"INSERT", " ON CONFLICT(id) DO UPDATE SET v = excluded.v, x = excluded.x", OnConflict::replaces}}};
    return random_.of(kVerbs);
  }

  Statement insert() {
    const std::size_t into = table();
    const Range ids = range();
    const Verb how = verb();
    const std::int64_t k = random_.below(kValues);
    const std::string first = std::to_string(ids.from);
    const std::string last = std::to_string(ids.to);
    return {std::string(how.begin) + " INTO " + kTables[into] + "(id, v, x) SELECT n, w, " + padded("w") +
                " FROM (WITH RECURSIVE c(n) AS (VALUES(" + first +
                ") UNION ALL SELECT n + 1 FROM c WHERE n < " + last + ") SELECT n, (n * 7919 + " +
                std::to_string(k) + ") % " + std::to_string(kValues) + " AS w FROM c) WHERE true" + how.end,
            [=](State& state) {
              for (std::int64_t n = ids.from; n <= ids.to; ++n) {
                if (!put(state.tables[into], n, (n * 7919 + k) % kValues, how.on_conflict)) return false;
              }
              return true;
            }};
  }

  Statement copy() {
    const std::size_t from = table();
    const std::size_t into = table();
    const Range ids = range();
    const Verb how = verb();
    const std::int64_t shift = random_.below(kIds);
    const std::int64_t k = random_.below(1000);
    const std::string w = "((v + " + std::to_string(k) + ") % " + std::to_string(kValues) + ")";
    return {std::string(how.begin) + " INTO " + kTables[into] + "(id, v, x) SELECT (id + " +
                std::to_string(shift) + ") % " + std::to_string(kIds) + ", " + w + ", " + padded(w) +
                " FROM " + kTables[from] + " WHERE id BETWEEN " + ids.sql() + how.end,
            [=](State& state) {
              const Rows source = state.tables[from];
              for (std::int64_t id = ids.from; id <= ids.to; ++id) {
                const std::int64_t v = source[static_cast<std::size_t>(id)];
                if (v == kAbsent) continue;
                if (!put(state.tables[into], (id + shift) % kIds, (v + k) % kValues, how.on_conflict))
                  return false;
              }
              return true;
            }};
  }

  /// Changes the rows of a range, or each m-th by their values.
  Statement change(const std::string& sql, const std::function<std::int64_t(std::int64_t)>& next,
                   std::size_t in) {
    const bool by_value = random_.one_in(3);
    const Range ids = by_value ? Range{0, kIds - 1} : range();
    const std::int64_t m = by_value ? 2 + random_.below(6) : 1;
    return {sql + " WHERE " + (by_value ? "v % " + std::to_string(m) + " = 0" : "id BETWEEN " + ids.sql()),
            [=](State& state) {
              for (std::int64_t id = ids.from; id <= ids.to; ++id) {
                std::int64_t& v = state.tables[in][static_cast<std::size_t>(id)];
                if (v != kAbsent && v % m == 0) v = next(v);
              }
              return true;
            }};
  }

  Statement update() {
    const std::size_t in = table();
    const std::int64_t k = random_.below(kValues);
    const std::string w = "((v * 31 + " + std::to_string(k) + ") % " + std::to_string(kValues) + ")";
    return change(
        std::string("UPDATE ") + kTables[in] + " SET v = " + w + ", x = " + padded(w),
        [k](std::int64_t v) { return (v * 31 + k) % kValues; }, in);
  }

  Statement erase() {
    const std::size_t in = table();
    const std::string sql = std::string("DELETE FROM ") + kTables[in];
    if (random_.one_in(20)) {
      return {sql, [in](State& state) {
                state.tables[in].assign(kIds, kAbsent);
                return true;
              }};
    }
    return change(
        sql, [](std::int64_t) { return kAbsent; }, in);
  }

  Statement index() {
    static constexpr std::array<std::array<const char*, 3>, 4> kIndexes{
        {{"t_v", "t", "v"}, {"t_x", "t", "x DESC"}, {"u_v", "u", "v, x"}, {"u_x", "u", "substr(x, -9)"}}};
    const auto [name, on, columns] = random_.of(kIndexes);
    if (random_.one_in(3)) {
      return {std::string("DROP INDEX IF EXISTS ") + name, [=](State& state) {
                state.indexes.erase(name);
                return true;
              }};
    }
    return {std::string("CREATE INDEX IF NOT EXISTS ") + name + " ON " + on + "(" + columns + ")",
            [=](State& state) {
              state.indexes.insert(name);
              return true;
            }};
  }

  static std::int64_t count(const Rows& rows, const Range& ids) {
    return (ids.to - ids.from + 1) - std::count(rows.begin() + ids.from, rows.begin() + ids.to + 1, kAbsent);
  }

  Statement sort(const State& now) {
    const std::size_t from = table();
    return {.sql = std::string("SELECT count(*) FROM (SELECT x FROM ") + kTables[from] +
                   " ORDER BY substr(x, -5) LIMIT -1 OFFSET 0)",
            .kind = Statement::reads,
            .answer = count(now.tables[from], {0, kIds - 1})};
  }

  Statement join(const State& now) {
    const std::size_t a = table();
    const std::size_t b = table();
    const std::int64_t from = random_.below(kIds - 100);
    const Range ids{from, from + random_.below(100)};
    return {.sql = std::string("SELECT count(a.v + b.v) FROM ") + kTables[a] + " a CROSS JOIN " + kTables[b] +
                   " b WHERE a.id BETWEEN " + ids.sql(),
            .kind = Statement::reads,
            .answer = count(now.tables[a], ids) * count(now.tables[b], {0, kIds - 1})};
  }

  Random& random_;
  std::int64_t tables_;
};

}  // namespace warden::test
