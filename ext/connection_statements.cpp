// The statements of a connection: what its hooks tell, and what is done at a statement's end. All of it runs on the
// connection's own thread.
#include <string.h>

#include <algorithm>
#include <utility>

#include "cancellation.hpp"
#include "clock.hpp"
#include "connection.hpp"
#include "relief.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

/// A statement that ran this long is worth a look at what it left behind: the look costs about 2 us.
constexpr std::int64_t kLongStatementNs = 20'000'000;
/// Less than this in a cache is what an open connection has anyway.
constexpr std::int64_t kCrumbBytes = 64 * 1024;
/// A connection that only its own thread may measure is measured at least this often while it is used.
constexpr std::int64_t kOwnMeasureNs = 1'000'000'000;
/// How often the progress handler measures.
constexpr std::int64_t kProgressMeasureNs = 50'000'000;
/// How long a cache released at the end of a statement is then left alone if the next statement follows at once; doubled
/// each time up to the second.
constexpr std::int64_t kFirstPauseNs = 1'000'000'000;
constexpr std::int64_t kLongestPauseNs = 60'000'000'000;
/// Steps of a program that finds at its OP_Transaction that it can't begin: the schema has changed (SQLite prepares it
/// anew, and runs it without telling), or a lock is held. Every other reads or writes something first (tried with
/// SQLite 3.31 to 3.54).
constexpr std::int32_t kStepsToTransaction = 2;

/// How often it is looked whether what seems to run around a statement still does.
constexpr std::int64_t kSweepNs = 10'000'000;

/// True for statements that read or write tables: among others the program of a PRAGMA can have as few steps.
bool works_on_tables(const char* sql) noexcept {
  for (const char* word : {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"}) {
    if (begins_with(sql, word)) return true;
  }
  return false;
}

/// True for statements that begin and end transactions: SQLite calls them read-only, and what they do is not.
bool ends_transactions(const char* sql) noexcept {
  for (const char* word : {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"}) {
    if (begins_with(sql, word)) return true;
  }
  return false;
}

}  // namespace

int SqliteConnection::on_trace(unsigned what, void* self, void* statement, void* detail) noexcept {
  lock_order::holds_none("a trace callback");
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (connection.internal_ || connection.taken_.load(std::memory_order_relaxed) == Hooks::none) return 0;
  if (what == SQLITE_TRACE_STMT) {
    connection.began(static_cast<sqlite3_stmt*>(statement), static_cast<const char*>(detail));
  } else {
    connection.ended(static_cast<sqlite3_stmt*>(statement), *static_cast<const sqlite3_int64*>(detail));
  }
  return 0;
}

StatementCounters SqliteConnection::counters(sqlite3_stmt* statement) const noexcept {
  return {counter(statement, SQLITE_STMTSTATUS_VM_STEP), counter(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP),
          counter(statement, SQLITE_STMTSTATUS_SORT), counter(statement, SQLITE_STMTSTATUS_AUTOINDEX),
          counter(statement, SQLITE_STMTSTATUS_REPREPARE)};
}

void SqliteConnection::began(sqlite3_stmt* statement, const char* sql) noexcept {
  const HotSettings& hot = warden_.hot;
  if (activity.depth() > 0 && activity.deadline_ns() != 0 && !activity.suspended())
    sweep(nullptr, monotonic_ns());
  Activity::Traits traits;
  const bool keeps_stats = hot.statement_stats.load(std::memory_order_relaxed);
  if (!keeps_stats) {
    stats_were_off_ = true;
  } else {
    if (stats_were_off_) statements.forget_statements();
    stats_were_off_ = false;
    traits.mark.runs = counter(statement, SQLITE_STMTSTATUS_RUN);
    traits.mark.slot = statements.find(statement, sql, traits.mark.runs);
  }
  if (traits.mark.slot < 0) {
    // The start of a trigger, or of a statement run by a function, comes with another text: those belong to their
    // outermost statement.
    if (sql != api()->sql(statement)) {
      if (activity.depth() > 0 && !activity.writes() && api()->stmt_readonly(statement) == 0)
        activity.note_writes();
      return;
    }
    if (traits.mark.runs > 0)
      traits.mark.slot = statements.adopt(statement, sql, traits.mark.runs, counters(statement));
  }
  unseen_beginning_ = false;
  unjudged_ = -1;
  if (lost_.load(std::memory_order_relaxed)) lost_.store(false, std::memory_order_relaxed);
  // PRAGMA, ATTACH, DETACH
  if (*sql <= ' ' || (*sql | 0x20) == 'p' || (*sql | 0x20) == 'a' ||
      ((*sql | 0x20) == 'd' && (sql[1] | 0x20) == 'e' && (sql[2] | 0x20) == 't'))
    heed(sql);
  traits.timeout_ns = warden_.deadlines().timeout_ns(*this);
  if (traits.timeout_ns > 0 || activity.depth() > 0 || hot.asks_writes.load(std::memory_order_relaxed)) {
    traits.writes = api()->stmt_readonly(statement) == 0 || ends_transactions(sql);
    if (traits.writes && !hot.timeout_writes.load(std::memory_order_relaxed)) traits.timeout_ns = 0;
    if (traits.timeout_ns > 0) warden_.deadlines().ensure_running();
  }
  if (traits.mark.slot >= 0) {
    traits.mark.steps = statements.steps(traits.mark.slot);
  } else if (traits.mark.runs != 0) {
    traits.mark.steps = counter(statement, SQLITE_STMTSTATUS_VM_STEP);
  }
  activity.begin(statement, sql, monotonic_ns(), traits);
}

void SqliteConnection::sweep(const sqlite3_stmt* ending, std::int64_t now_ns) noexcept {
  // SQLite does not tell the end of a statement that sqlite3_exec() gives up because its callback says so, and frees it. It
  // must not count as running, or its deadline would hit a later one.
  swept_ns_ = now_ns;
  if (api()->next_stmt(db_, nullptr) == nullptr) return;  // not shown while the connection is being closed
  activity.drop_ended(now_ns, [&](const void* statement) {
    if (statement == ending) return false;
    sqlite3_stmt* at = api()->next_stmt(db_, nullptr);
    while (at != nullptr && at != statement) at = api()->next_stmt(db_, at);
    return at == nullptr || api()->stmt_busy(at) == 0;
  });
}

bool SqliteConnection::came_to_nothing(sqlite3_stmt* statement) noexcept {
  // Only where somebody can find out later whether anything still runs.
  return activity.runs_only(statement) && touchable() &&
         (api()->stmt_busy(statement) != 0 || works_on_tables(api()->sql(statement)));
}

void SqliteConnection::ended(sqlite3_stmt* statement, std::int64_t told_ns) noexcept {
  const std::int64_t now_ns = monotonic_ns();
  const std::int32_t vm_steps = counter(statement, SQLITE_STMTSTATUS_VM_STEP);
  if (vm_steps - activity.oldest_mark().steps == kStepsToTransaction && came_to_nothing(statement) &&
      activity.interrupted_seq() != activity.running_seq()) {
    activity.suspend(now_ns);
    return;
  }
  if (activity.is_followed(statement) || (activity.depth() > 1 && now_ns - swept_ns_ > kSweepNs))
    sweep(statement, now_ns);
  // Not after the end of a transaction, whose WAL hook is yet to run; nor after a statement that was prepared anew, and run
  // without telling: SQLite then keeps the text of that error beside the code of success.
  const bool may_apply = !activity.in_transaction() && !activity.suspended();
  const Activity::Ended run = activity.end(statement, now_ns);
  const int slot = warden_.hot.statement_stats.load(std::memory_order_relaxed)
                       ? count(statement, run, vm_steps, now_ns, told_ns)
                       : -1;
  activity.set_in_transaction(api()->get_autocommit(db_) == 0);
  if (run.interrupted) note_cancelled_end(warden_, *this, run.elapsed_ns, now_ns);
  // At once, whatever else is open: until it is known who shares a cache, its other owners count as alone.
  if (attaches_) {
    attaches_ = false;
    find_shared_caches();
  }
  if (activity.depth() > 0) {
    if (run.interrupted) cancellation.own_part_done.store(true, std::memory_order_release);
    return;
  }
  // Where its beginning was not told: SQLite's own clock, in milliseconds.
  const std::int64_t elapsed_ns = run.elapsed_ns < 0 ? told_ns : run.elapsed_ns;
  const bool was_long = elapsed_ns >= kLongStatementNs;
  held_at_end_ = -1;
  if (was_long || is_asked_anything() || run.interrupted ||
      (!touchable() && now_ns - figures.sampled_ns.load(std::memory_order_relaxed) > kOwnMeasureNs)) {
    if (is_asked(kApply) &&
        (!has_to_apply() || (may_apply && run.elapsed_ns >= 0 && may_apply_after(statement))) &&
        own_apply(false)) {
      take_back(kApply);
    }
    settle(now_ns, elapsed_ns, run.interrupted);
  }
  if (run.interrupted) cancellation.own_part_done.store(true, std::memory_order_release);
  if (was_long) {
    const bool weighed = weight.seq.load(std::memory_order_relaxed) == run.statement_seq;
    statements.note(slot, false,
                    std::max(held_at_end_, weighed ? weight.bytes.load(std::memory_order_relaxed) : -1));
  }
  unjudged_ = run.interrupted ? -1 : slot;
  ended_before_ns_ = now_ns;
}

int SqliteConnection::count(sqlite3_stmt* statement, const Activity::Ended& run, std::int32_t vm_steps,
                            std::int64_t now_ns, std::int64_t told_ns) noexcept {
  StatementSlots::Run told;
  told.elapsed_ns = run.elapsed_ns;
  told.now_ns = now_ns;
  told.vm_steps = vm_steps;
  told.failed = told.cancelled = run.interrupted;
  const auto read = [&] { return counters(statement); };
  if (run.elapsed_ns >= 0) {
    StatementMark mark = run.mark;
    if (mark.runs < 0) mark.runs = counter(statement, SQLITE_STMTSTATUS_RUN) - 1;  // switched on meanwhile
    return statements.end(statement, run.sql, mark, told, read);
  }
  // Its beginning was not told: a statement inside another, EXPLAIN, the rest of one that was prepared anew, or one that
  // began before we were there.
  const std::int32_t runs = counter(statement, SQLITE_STMTSTATUS_RUN);
  const char* sql = api()->sql(statement);
  if (activity.depth() > 0 || runs == 0 || sql == nullptr) return -1;
  const StatementMark before{statements.find(statement, sql, runs - 1), runs - 1, 0};
  told.is_call = before.slot < 0;
  told.elapsed_ns = told_ns;
  return statements.end(statement, sql, before, told, read);
}

void SqliteConnection::judge() noexcept {
  // SQLite tells its trace callback that a statement has ended, not how; its code stands on the connection until the
  // host's next call. These can't come from anything but a statement that was run.
  if (unjudged_ < 0) return;
  const int code = api()->errcode(db_) & 0xff;
  if (code == SQLITE_CONSTRAINT || code == SQLITE_INTERRUPT || code == SQLITE_FULL || code == SQLITE_MISMATCH)
    statements.note(unjudged_, true, -1);
  if (code == SQLITE_FULL) warden_.warn_of_full(*this, statements.sql(unjudged_));
  unjudged_ = -1;
}

void SqliteConnection::settle(std::int64_t now_ns, std::int64_t elapsed_ns, bool cancelled) noexcept {
  Warden& warden = warden_;
  const Settings now = warden.current();
  if (shares_cache()) return;
  own_measure(Depth::cache);
  const std::int64_t cache = figures.cache_bytes.load(std::memory_order_relaxed);
  held_at_end_ = cache;
  Cause cause;
  FixedText<62> reason;
  if (is_asked(kRelease)) {
    reason = ask_reason();
    cause = {reason.view(), cache, kUnknown};
  } else if (cancelled && (!touchable() || !warden.watchdog().running())) {
    cause = {"cancelled", cache, kUnknown};  // nobody else will
  } else if (!touchable() && elapsed_ns >= kLongStatementNs && cache > now.idle_keep_bytes &&
             end_release_is_due(now, now_ns, elapsed_ns)) {
    // Nobody can release it later: what a long statement leaves beyond idle_keep goes back at its end.
    cause = {"end of statement", cache, now.idle_keep_bytes};
  }
  bool released = false;
  if (!cause.reason.empty()) {
    take_back(kRelease);
    if (now.dry_run) {
      release(warden, *this, cause, true);
    } else if (cache > kCrumbBytes) {
      release_own(warden, *this, cause, [this] { return own_give_back(); });
      released = true;
    }
  }
  if (elapsed_ns >= kLongStatementNs) warden.note_freed();
  warden.watchdog().ensure_running();
  if (released || cancelled || elapsed_ns >= kLongStatementNs) warden.watchdog().wake(released || cancelled);
}

bool SqliteConnection::end_release_is_due(const Settings& now, std::int64_t now_ns,
                                          std::int64_t elapsed_ns) noexcept {
  // A series of long statements needs its cache: within the limits it is released ever more rarely, not each time.
  const bool in_series =
      ended_before_ns_ != 0 && now_ns - elapsed_ns - ended_before_ns_ < now.idle_grace_ms * 1'000'000;
  if (!in_series) {
    end_pause_ns_ = kFirstPauseNs;
  } else if (Warden::instance().sqlite_bytes() <= now.release_above_bytes) {
    if (now_ns - released_ns.load(std::memory_order_relaxed) < end_pause_ns_) return false;
    end_pause_ns_ = std::clamp(end_pause_ns_ * 2, kFirstPauseNs, kLongestPauseNs);
  }
  return true;
}

int SqliteConnection::on_progress(void* self) noexcept {
  lock_order::holds_none("a progress handler");
  auto& connection = *static_cast<SqliteConnection*>(self);
  if (connection.internal_ || connection.taken_.load(std::memory_order_relaxed) != Hooks::trace_and_progress)
    return 0;
  connection.progress();
  return 0;
}

void SqliteConnection::progress() noexcept {
  const std::int64_t now_ns = monotonic_ns();
  if (!shares_cache()) {
    if (is_asked(kRelease)) {
      const FixedText<62> reason = ask_reason();
      take_back(kRelease);
      release_own(warden_, *this, {reason.view(), kUnknown, kUnknown}, [&] { return own_give_back(); });
      warden_.watchdog().wake(true);
    } else if (now_ns - figures.sampled_ns.load(std::memory_order_relaxed) > kProgressMeasureNs) {
      own_measure(Depth::cache);
    }
  }
  // With several statements open nobody can tell which of them is at work: then the deadline's thread sees to it.
  const std::int64_t deadline_ns = activity.deadline_ns();
  if (deadline_ns == 0 || now_ns < deadline_ns || activity.depth() != 1 ||
      (activity.writes() && !warden_.hot.timeout_writes.load(std::memory_order_relaxed)) ||
      warden_.current().dry_run || activity.interrupted_seq() == activity.running_seq()) {
    return;
  }
  note_own_cancel(warden_, *this, {"deadline"});
  // Not by what the handler returns: SQLite asks it once more when a statement has already committed, and would then call
  // it interrupted.
  api()->interruptx(db_);
}

void SqliteConnection::own_call() noexcept {
  lock_order::holds_none("a function or table of warden's");
  if (!internal_ && activity.depth() == 0 && taken_.load(std::memory_order_relaxed) != Hooks::none &&
      !unseen_beginning_ && !runs_again()) {
    // A statement runs, and its beginning was not told: the host has put its own trace callback in our place.
    note_lost();
  }
  Warden::instance().watchdog().ensure_running();
}

void SqliteConnection::own_act(const char* function) {
  own_call();
  // CHECK constraints may call DIRECTONLY functions that are not deterministic (SQLite 3.40, and not as documented). They are
  // evaluated by statements that write, and by PRAGMA integrity_check; who means the function names it.
  bool checks = false;
  for (sqlite3_stmt* s = api()->next_stmt(db_, nullptr); s != nullptr; s = api()->next_stmt(db_, s)) {
    if (api()->stmt_busy(s) == 0) continue;
    const char* sql = api()->sql(s);
    if (sql == nullptr || ::strcasestr(sql, function) != nullptr) return;
    checks = checks || api()->stmt_readonly(s) == 0 || ::strcasestr(sql, "pragma") != nullptr;
  }
  if (checks) throw vtab::error("unsafe use of " + std::string(function) + "()");
}

std::int64_t SqliteConnection::own_now() noexcept {
  const std::int64_t seq = activity.running_seq();
  if (seq == 0 || seq != now_seq_) {
    now_seq_ = seq;
    now_s_ = wall_ms() / 1000;
  }
  return now_s_;
}

void SqliteConnection::own_finalize(sqlite3_stmt* statement) noexcept {
  // A host may end all statements of its connection before it closes it, one after the other as sqlite3_next_stmt() gives them:
  // ours first, then that whose cursor holds it. Young ones are in front, so this ends soon. A list that is empty tells
  // nothing: the host's statement is in it, so SQLite refuses to show it (of a connection that is being closed).
  sqlite3_stmt* at = api()->next_stmt(db_, nullptr);
  if (at != nullptr) {
    while (at != nullptr && at != statement) at = api()->next_stmt(db_, at);
    if (at == nullptr) return;
  }
  // Its end may come after that of the host's statement that it was part of.
  const bool was_internal = std::exchange(internal_, true);
  api()->finalize(statement);
  internal_ = was_internal;
}

bool SqliteConnection::runs_again() noexcept {
  // SQLite tells the beginning of a statement once, even if it then prepares it anew and begins again.
  for (sqlite3_stmt* s = api()->next_stmt(db_, nullptr); s != nullptr; s = api()->next_stmt(db_, s)) {
    if (api()->stmt_busy(s) != 0 && api()->stmt_status(s, SQLITE_STMTSTATUS_REPREPARE, 0) > 0) return true;
  }
  return false;
}

}  // namespace warden::ext
