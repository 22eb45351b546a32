// Ending a statement before its time: one way for deadlines, for warden_cancel() and for the policy, with one row of
// warden_events that tells the whole of it.
//
// The row is made when the statement is interrupted. What it says of the time after, when the statement ended and how
// much memory came back, is written into it as it becomes known: at the statement's end by its own thread, and when the
// connection was released and malloc trimmed by the watchdog.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace warden {

class Activity;
class Connection;
class Warden;
enum class ShowSql : std::uint8_t;
struct Cause;
struct Event;

/// What is known of a connection's last cancellation. Atomic figures: written by who interrupts and by the connection's
/// own thread, read by the watchdog.
struct Cancellation {
  std::atomic<std::int64_t> event_id{0};        // its row; 0 = none
  std::atomic<std::int64_t> dry_run_seq{0};     // the statement that a dry run recorded last
  std::atomic<std::int64_t> seen_suspended{0};  // the suspended statement in which somebody was seen once
  std::atomic<std::int64_t> asserted_ns{0};     // when it was interrupted last
  std::atomic<std::int64_t> again_after_ns{0};  // how long after that it is interrupted again
  std::atomic<std::int64_t> ended_ns{
      0};                             // when the statement had ended; 0 = it has not, or the row is complete
  std::atomic<bool> released{false};  // its connection has given back since
  /// Its own thread has done what it does at the statement's end: all that is done where no other may.
  std::atomic<bool> own_part_done{false};
};

/// The running or last statement's text, as show_sql says.
void put_sql(const Activity& activity, ShowSql show, Event& event) noexcept;

/// Interrupts the statement `seq` of the connection, and records it; with dry_run only records it, once. False where it
/// does not run any more, or where it writes and `writers` is false. Any thread, except the connection's own inside that
/// statement. Waits for another cancellation at most.
bool cancel(Warden& warden, Connection& connection, std::int64_t seq, bool writers,
            const Cause& cause) noexcept;

/// Interrupts again what was cancelled and still runs, when its time has come: a statement that SQLite prepares anew just
/// then has forgotten it. Twice within the first tenth of a second, and only where somebody is seen inside the connection:
/// else it would hit what has nothing to do with it. Returns when to call again, or 0 where there is nothing to do. Any thread.
std::int64_t assert_again(Warden& warden, Connection& connection, std::int64_t now_ns) noexcept;

/// The connection's own thread cancels its statement by itself: records it. The caller then makes SQLite end it.
void note_own_cancel(Warden& warden, Connection& connection, const Cause& cause) noexcept;

/// A cancelled statement has ended: its own thread says so. The row gets the time it ran; the watchdog will do the rest.
void note_cancelled_end(Warden& warden, Connection& connection, std::int64_t elapsed_ns,
                        std::int64_t now_ns) noexcept;

/// Writes what is in use now into the row of the connection's last cancellation, and closes it if `complete`.
void note_given_back(Warden& warden, Connection& connection, bool complete) noexcept;

}  // namespace warden
