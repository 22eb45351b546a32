// Out of memory in every operation: allocation 1, 2, 3, ... fails, alone, with all that follow, and with another one a little
// later; SQLite's, and those that warden makes itself. Each time the right result or SQLITE_NOMEM, no leak, a connection that
// works, a database as it was.
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <optional>

#include "allocations.hpp"
#include "figures.hpp"
#include "runs.hpp"
#include "tests/jobs/job_host.hpp"

namespace warden::test {
namespace {

/// How many places of an operation are tried by default, for each heap and kind of failure.
constexpr std::int64_t kPlaces = kSanitized ? 10 : 25;

enum class Kind { once, lasting, twice };

FailurePlan plan_of(Heap heap, Kind kind, std::int64_t place) {
  // The second failure comes 1, 2, 3, ... allocations later: cures of a failure are near it.
  return {heap, place, kind == Kind::lasting, kind == Kind::twice ? 1 + place % 7 : 0};
}

std::atomic<std::int64_t>& figure_of(Heap heap, Kind kind) {
  Figures& f = figures();
  if (heap == Heap::sqlite)
    return kind == Kind::once ? f.sqlite_once : kind == Kind::lasting ? f.sqlite_lasting : f.sqlite_twice;
  return kind == Kind::once ? f.warden_once : kind == Kind::lasting ? f.warden_lasting : f.warden_twice;
}

bool is_no_memory(const Outcome& got) {
  return (got.code & 0xff) == SQLITE_NOMEM && got.message == "out of memory";
}

/// SQLite copies the text of an error to its connection last of all, and goes without where there is no memory for that.
bool has_lost_its_text(const Outcome& got, const FailurePlan& plan, std::int64_t all) {
  constexpr std::int64_t kLast = 4;
  return plan.heap == Heap::sqlite && got.code == SQLITE_ERROR &&
         got.message == sqlite3_errstr(SQLITE_ERROR) && plan.first + plan.second > all - kLast;
}

/// What is held when a connection has nothing to do.
struct Held {
  std::int64_t sqlite;
  std::int64_t warden;
};
Held held_by(const Db& db) {
  sqlite3_db_release_memory(db.get());
  return {sqlite_blocks(), warden_blocks()};
}

class MemoryTrials {
 public:
  MemoryTrials() {
    db_.load();
    db_.rows(kTables);
    fill_statistics(db_.get());
    contents_ = db_.rows(kContents);
  }
  const Db& db() const { return db_; }

  void try_all(const std::vector<Operation>& operations) {
    for (const Operation& operation : operations) try_one(operation);
    if (db_.one("PRAGMA integrity_check") != "ok") throw std::runtime_error("the database is damaged");
  }

 private:
  void try_one(const Operation& operation) {
    ++figures().operations;
    Trial trial(operation, db_.get());
    for (const Heap heap : {Heap::sqlite, Heap::warden}) {
      for (const Kind kind : {Kind::once, Kind::lasting, Kind::twice}) {
        const std::int64_t all = count(trial, heap);
        for (const std::int64_t place : places(all, kPlaces)) fail_at(trial, heap, kind, place, all);
      }
    }
    trial.repeat();
    if (db_.rows(kContents) != contents_) throw std::runtime_error(operation.sql + " has changed tables");
  }

  /// The connection of the next run.
  sqlite3* connection(Trial& trial, std::optional<Db>& fresh) {
    if (trial.operation().fresh) fresh.emplace().rows(kTables);
    sqlite3* db = fresh ? fresh->get() : db_.get();
    trial.use(db);
    return db;
  }

  std::int64_t count(Trial& trial, Heap heap) {
    std::optional<Db> fresh;
    sqlite3* db = connection(trial, fresh);
    trial.prepare();
    plan_failure({heap});
    run(db, trial.next_sql());
    const std::int64_t all = allocations_counted();
    trial.use(db_.get());
    return all;
  }

  void fail_at(Trial& trial, Heap heap, Kind kind, std::int64_t place, std::int64_t all) {
    const std::string what = std::string(heap == Heap::sqlite ? "SQLite's" : "warden's") + " allocation " +
                             std::to_string(place) +
                             (kind == Kind::once      ? ""
                              : kind == Kind::lasting ? " and all later ones"
                                                      : " and another");
    // What is kept from one run to the next is kept once; a leak comes again each time. (Statements never seen before fill
    // slots, which are some.)
    const int most_growths = trial.operation().sql.find("$N") == std::string::npos ? 5 : 60;
    int growths = 0;
    for (bool grows = true; grows && growths < most_growths; growths += grows ? 1 : 0) {
      const Held before = held_by(db_);
      fail_once_at(trial, plan_of(heap, kind, place), all, what);
      const Held after = held_by(db_);
      grows = after.sqlite > before.sqlite || after.warden > before.warden;
    }
    if (growths == most_growths) throw std::runtime_error(trial.operation().sql + "\n" + what + " is a leak");
    ++figure_of(heap, kind);
  }

  void fail_once_at(Trial& trial, const FailurePlan& plan, std::int64_t all, const std::string& what) {
    std::optional<Db> fresh;
    sqlite3* db = connection(trial, fresh);
    trial.prepare();
    plan_failure(plan);
    const Outcome got = run(db, trial.next_sql());
    const bool happened = cancel_failure() > 0;
    trial.judge(
        got, happened, [&](const Outcome& o) { return is_no_memory(o) || has_lost_its_text(o, plan, all); },
        what);
    if (rows_of(db, "SELECT sum(a) FROM mine").front() != "3")
      throw std::runtime_error("unusable after " + what);
    trial.repeat();
    trial.use(db_.get());
  }

  Db db_;
  std::vector<std::string> contents_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(out_of_memory)

BOOST_AUTO_TEST_CASE(every_operation_of_the_warden_at_failing_allocations) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    MemoryTrials trials;
    trials.try_all(warden_operations(trials.db()));
    return no_leak_is_found() ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(every_job_statistic_at_failing_allocations) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    MemoryTrials trials;
    trials.try_all(job_operations());
    return no_leak_is_found() ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
