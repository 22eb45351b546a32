// A storm: many connections of one process that do all that SQLite and warden offer, at once, and a model of what must be
// left when it is over.
//
//   Storm storm(Weather{.seconds = 3, .seed = 7, .aggressive = true});
//   storm.blow();
//   storm.wrong();   // what should not have happened, in words
//
// Each thread has four connections of its own and shares some serialized ones with all others. Each owns rows of its own
// in every file, and counts what it has committed. What other connections, deadlines and cancellations may do to a
// statement of one (SQLITE_BUSY, SQLITE_LOCKED, SQLITE_SCHEMA, SQLITE_INTERRUPT) is no failure; every other code is.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../ext/host.hpp"
#include "figures.hpp"

namespace warden::test {

/// How a round is.
struct Weather {
  int seconds = 1;
  unsigned seed = 1;
  bool aggressive = false;  // the watchdog looks every millisecond, and releases and trims whenever it can
  bool by_library = false;  // connections take the threading mode that the library is configured for
};

/// The databases of a storm. The first three are files, with rows that the model counts.
enum class Home : std::uint8_t { wal, rollback, shared, memory };
inline constexpr std::size_t kFiles = 3;
inline constexpr std::size_t kThreads = 16;
inline constexpr std::size_t kConnectionsEach = 4;

/// Statements that a host left behind when it closed their connection, to be ended by another thread.
using Orphans = std::vector<sqlite3_stmt*>;

class Storm {
 public:
  explicit Storm(const Weather& weather);
  ~Storm();
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  /// Blows for the weather's seconds; all connections but the watcher's are closed when it returns.
  void blow();
  /// Compares what is left with the model.
  void judge();
  /// What should not have happened.
  std::vector<std::string> wrong();

  // For the threads of the storm; thread-safe.
  const Weather& weather() const noexcept { return weather_; }
  std::string name_of(Home home) const;
  std::string file(const std::string& name) const { return dir_.file(name); }
  bool is_over() const noexcept { return over_.load(std::memory_order_relaxed); }
  void note_wrong(const std::string& what);
  void leave(Orphans orphans);
  /// Ends the statements of one connection that was closed with some left.
  void take_in_orphans();
  sqlite3* shared(std::size_t which) const { return shared_[which % shared_.size()].get(); }
  /// What thread `owner` has committed to a file: rows of its own.
  std::atomic<std::int64_t>& committed(std::size_t owner, Home home) {
    return committed_[owner][static_cast<std::size_t>(home)];
  }
  /// The same as the file has it, read by a connection of its own.
  std::int64_t found(std::size_t owner, Home home);

 private:
  void make_files();

  const Weather weather_;
  TempDir dir_;
  std::unique_ptr<Db> watcher_;
  std::int64_t memory_before_ = 0;
  std::vector<Db> shared_;
  std::array<std::array<std::atomic<std::int64_t>, kFiles>, kThreads> committed_{};
  std::atomic<bool> over_{false};
  std::mutex lock_;
  std::vector<Orphans> orphans_;
  std::vector<std::string> wrong_;
};

}  // namespace warden::test
