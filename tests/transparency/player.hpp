// A host that plays scripts: it calls SQLite as they say and writes down all that it is told.
//
// It knows nothing of warden. The same code runs in the process with warden and in the one without.
#pragma once

#include <sqlite3.h>

#include <array>
#include <string>

#include "host_callbacks.hpp"
#include "script.hpp"
#include "transcript.hpp"

namespace warden::test {

/// Plays one script in a directory of its own, and leaves the files there. One thread.
class Player {
 public:
  Player(const Script& script, std::string directory, Transcript& transcript);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  void play(int number, const Step& step);
  /// Ends what is still open. Where files are compared by content, they are then replaced by what VACUUM INTO makes of them.
  void end();

 private:
  struct Open {
    sqlite3* db = nullptr;
    HostCallbacks callbacks;
    explicit Open(Transcript& transcript) : callbacks(transcript) {}
  };

  bool play_statement(const Step& step, sqlite3* db);
  bool play_object(const Step& step, sqlite3* db);
  bool play_connection(const Step& step, Open& open);

  int open(const Step& step, Open& open);
  int run(sqlite3* db, const Step& step);
  int prepare(sqlite3* db, const Step& step, sqlite3_stmt** statement);
  int step_on(sqlite3_stmt* statement, std::int64_t times);
  void bind(sqlite3_stmt* statement, const std::vector<Bound>& values);
  void describe(sqlite3_stmt* statement);
  void counters(sqlite3_stmt* statement);
  void state(sqlite3* db);
  void files();
  void vacuum_files();

  void code(const char* what, sqlite3* db, int rc);
  sqlite3_stmt*& statement(const Step& step) { return statements_[static_cast<std::size_t>(step.slot)]; }
  sqlite3_blob*& blob(const Step& step) { return blobs_[static_cast<std::size_t>(step.slot)]; }
  sqlite3_backup*& backup(const Step& step) { return backups_[static_cast<std::size_t>(step.slot)]; }

  const Script& script_;
  const Mode mode_ = script_.mode;
  std::string directory_;
  Transcript& transcript_;
  int last_ = SQLITE_OK;  // extended code of the step that is played
  std::array<Open, kConnections> open_;
  std::array<sqlite3_stmt*, kSlots> statements_{};
  std::array<sqlite3_blob*, kSlots> blobs_{};
  std::array<sqlite3_backup*, kSlots> backups_{};
  std::array<sqlite3*, kSlots> backup_files_{};
};

/// A value with its type on one line; long ones as size and digest.
std::string text_of(sqlite3_value* value);

}  // namespace warden::test
