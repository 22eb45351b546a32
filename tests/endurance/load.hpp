// Random load: what hosts do with connections, and what they do to warden, in any order.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/ext/host.hpp"

namespace warden::test {

/// What the test does wrong on purpose, to see that it would be found.
enum class Plant { nothing, memory, descriptor, deadline };

/// What happened. Any thread.
struct Tally {
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> statements{0};
  std::atomic<std::int64_t> busy{0};  // SQLITE_BUSY and SQLITE_LOCKED, which hosts that write meet
  std::atomic<std::int64_t> cancelled{0};
  std::atomic<std::int64_t> forks{0};
  std::atomic<std::int64_t> deadlines{0};
  std::atomic<std::int64_t> early{0};   // ended before its deadline
  std::atomic<std::int64_t> missed{0};  // not ended by its deadline and the tolerance: the test ended it
  std::atomic<std::int64_t> wrong{0};   // another error than the statement was to have, or none
  /// Statements by how late they ended: at most 1, 2, 4, ... ms.
  std::array<std::atomic<std::int64_t>, 16> late{};

  void note_late(std::int64_t late_ns);
  /// The bound, in ms, below which this share of all ended.
  std::int64_t late_ms(double share) const;
  void note_wrong(const std::string& what);
  std::string first_wrong();

 private:
  std::mutex lock_;
  std::string first_wrong_;
};

/// A statement that never ends by itself, and when it must have been ended. The main thread looks at all of them, so that a
/// missed deadline is counted and not waited for for ever.
class Endless {
 public:
  void begin(sqlite3* db, std::int64_t due_ns);
  /// True if it had to be ended by look().
  bool end();
  /// Ends it if it is due.
  void look(std::int64_t now_ns);

 private:
  std::mutex lock_;
  sqlite3* db_ = nullptr;
  std::int64_t due_ns_ = 0;
  bool overdue_ = false;
};

/// The databases that the load works on.
struct Databases {
  explicit Databases(const TempDir& dir);
  std::string rollback, wal, jobs;
};

/// One thread of the load.
class Hand {
 public:
  Hand(const Databases& databases, Tally& tally, Plant plant, std::int64_t tolerance_ms, unsigned seed)
      : databases_(databases), tally_(tally), plant_(plant), tolerance_ms_(tolerance_ms), random_(seed) {}

  /// Opens a connection of some kind, uses it, closes it; stops early when `stop` is set.
  void one_life(const std::atomic<bool>& stop);

  Endless endless;

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  Db open();
  void one_turn(Db& db);
  /// Runs it, and any of these codes is fine.
  void run(const Db& db, const std::string& sql, std::initializer_list<int> also = {});
  void miss_a_deadline_or_meet_it(Db& db);
  void wait_to_be_cancelled(Db& db);
  void change_a_setting(const Db& db);
  void leak_memory();
  void leak_descriptor();

  const Databases& databases_;
  Tally& tally_;
  const Plant plant_;
  const std::int64_t tolerance_ms_;
  std::mt19937 random_;
};

/// Settings as they are while nothing runs and the process is measured, so that measurements compare.
void calm_settings(const Db& db);

std::int64_t now_ns();

}  // namespace warden::test
