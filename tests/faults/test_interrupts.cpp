// Every operation interrupted at the n-th instruction of SQLite's machine, n = 1, 2, 3, ...: by a progress handler that says so
// once, and by sqlite3_interrupt() from within one. SQLITE_INTERRUPT or the right result; nothing is left behind.
#include <boost/test/unit_test.hpp>
#include <optional>

#include "allocations.hpp"
#include "figures.hpp"
#include "runs.hpp"

namespace warden::test {
namespace {

/// How many places of an operation are tried by default, for each way to interrupt.
constexpr std::int64_t kPlaces = kSanitized ? 15 : 30;
/// And in a thorough run, of the operations that take many thousands of instructions.
constexpr std::int64_t kPlacesThorough = 1000;

enum class Way { handler, call };

/// Counts the instructions of a connection, and interrupts it at one.
class InterruptAt {
 public:
  InterruptAt(sqlite3* db, Way way, std::int64_t place) : db_(db), way_(way), place_(place) {
    sqlite3_progress_handler(db, 1, &InterruptAt::one_more, this);
  }
  ~InterruptAt() { sqlite3_progress_handler(db_, 0, nullptr, nullptr); }
  InterruptAt(const InterruptAt&) = delete;
  InterruptAt& operator=(const InterruptAt&) = delete;
  std::int64_t instructions() const { return instructions_; }

 private:
  static int one_more(void* self) {
    auto& here = *static_cast<InterruptAt*>(self);
    if (++here.instructions_ != here.place_) return 0;
    if (here.way_ == Way::handler) return 1;
    sqlite3_interrupt(here.db_);
    return 0;
  }
  sqlite3* db_;
  Way way_;
  std::int64_t place_;
  std::int64_t instructions_ = 0;
};

/// SQLite asks the handler once more when a statement has ended with an error, whose text then stays; and whatever ends an
/// ATTACH, it says the same of it.
bool is_interrupt(const Outcome& got, const Outcome& in_peace) {
  // ALTER TABLE tells of whatever happens while it looks into the schema as of an error in it.
  if (got.code == SQLITE_ERROR && got.message.starts_with("error in ") &&
      got.message.ends_with(": interrupted"))
    return true;
  return got.code == SQLITE_INTERRUPT &&
         (got.message.ends_with("interrupted") || got.message == in_peace.message ||
          got.message.starts_with("unable to open database: "));
}

class InterruptTrials {
 public:
  InterruptTrials() {
    db_.load().rows(kTables);
    beside_.load();
    id_ = db_.one("SELECT warden_connection_id()");
    contents_ = db_.rows(kContents);
  }
  const Db& db() const { return db_; }

  void try_one(const Operation& operation) {
    ++figures().operations;
    // SQLite asks the handler once more, too, when a statement has already committed, and then calls it interrupted.
    Operation one = operation;
    one.either = true;
    Trial trial(one, db_.get());
    for (const Way way : {Way::handler, Way::call}) {
      const std::int64_t all = count(trial, way);
      for (const std::int64_t place : places(all, kPlaces, kPlacesThorough)) interrupt_at(trial, way, place);
    }
    trial.repeat();
    if (db_.rows(kContents) != contents_) throw std::runtime_error(operation.sql + " has changed tables");
  }

 private:
  /// The connection of the next run.
  sqlite3* connection(Trial& trial, std::optional<Db>& fresh) {
    if (trial.operation().fresh) fresh.emplace().rows(kTables);
    sqlite3* db = fresh ? fresh->get() : db_.get();
    trial.use(db);
    return db;
  }

  std::int64_t count(Trial& trial, Way way) {
    std::optional<Db> fresh;
    sqlite3* db = connection(trial, fresh);
    trial.prepare();
    std::int64_t all = 0;
    {
      const InterruptAt none(db, way, 0);
      run(db, trial.next_sql());
      all = none.instructions();
    }
    trial.use(db_.get());
    return all;
  }

  void interrupt_at(Trial& trial, Way way, std::int64_t place) {
    const std::string what = std::string(way == Way::handler ? "the handler's word" : "an interrupt") +
                             " at instruction " + std::to_string(place);
    std::optional<Db> fresh;
    sqlite3* db = connection(trial, fresh);
    const std::string id = fresh ? fresh->one("SELECT warden_connection_id()") : id_;
    trial.prepare();
    Outcome got;
    {
      const InterruptAt here(db, way, place);
      got = run(db, trial.next_sql());
    }
    ++(fresh ? figures().interrupts_fresh : figures().interrupts);
    trial.judge(
        got, true, [&](const Outcome& o) { return is_interrupt(o, trial.expected()); }, what);
    check_bookkeeping(id, what);
    trial.repeat();
    trial.use(db_.get());
  }

  void check_bookkeeping(const std::string& id, const std::string& what) {
    // Seen from beside, where it is measured first: nothing runs there, and no cancellation was warden's.
    const std::string seen = beside_.one(
        "SELECT state, cancels, cache_bytes > 0 FROM warden_connections WHERE connection_id = " + id);
    if (seen != "idle|0|1") throw std::runtime_error("after " + what + " the connection is " + seen);
    if (beside_.one("SELECT count(*) FROM warden_statements WHERE calls < 1 OR errors > calls OR cancels > 0 "
                    "OR total_ms < 0 OR min_ms > max_ms OR vm_steps < 0 OR full_scan_steps < 0") != "0")
      throw std::runtime_error("after " + what + " the statistics are wrong");
  }

  Db db_;
  Db beside_;
  std::string id_;
  std::vector<std::string> contents_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(interrupts)

BOOST_AUTO_TEST_CASE(every_operation_interrupted_at_every_instruction) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();  // none does; but what is held is counted
    InterruptTrials trials;
    for (const Operation& operation : all_operations(trials.db())) {
      // What is kept for the next time is kept once.
      bool grows = true;
      for (int i = 0; grows && i < 2; ++i) {
        const std::int64_t before = sqlite_blocks();
        trials.try_one(operation);
        grows = sqlite_blocks() > before + 200;
      }
      if (grows) throw std::runtime_error(operation.sql + ": a leak");
    }
    if (trials.db().one("PRAGMA integrity_check") != "ok") return 1;
    if (figures().interrupts_fresh == 0) return 3;
    return no_leak_is_found() ? 0 : 2;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
