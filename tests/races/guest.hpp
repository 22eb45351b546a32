// One thread of a storm, its connections, and the turns that it takes on them.
#pragma once

#include <random>

#include "storm.hpp"

namespace warden::test {

/// A connection with what its host leaves open on it between two turns.
struct Guest {
  sqlite3* db = nullptr;
  Home home = Home::memory;
  bool attached = false;
  bool hooks_taken = false;         // by the host: nothing tells warden of an ATTACH any more
  std::vector<sqlite3_stmt*> open;  // half-stepped
  sqlite3_blob* blob = nullptr;
};

/// See above. Its members belong to the thread.
class Thread {
 public:
  Thread(Storm& storm, std::size_t owner);
  ~Thread();
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  /// Does one thing at random on one of its connections.
  void turn();

 private:
  // A host's own business (guest.cpp).
  void open(Guest& guest);
  void close(Guest& guest);
  void read(Guest& guest);
  void write(Guest& guest);
  void step_half(Guest& guest);
  void use_blob(Guest& guest);
  void back_up(Guest& guest);
  void vacuum(Guest& guest);
  void attach(Guest& guest);
  void use_temp_tables(Guest& guest);
  void search_text(Guest& guest);
  void change_schema(Guest& guest);
  // What it asks of warden, and does to it (guest_warden.cpp).
  void scan_for_long(Guest& guest);
  void read_tables(Guest& guest);
  void ask_for_jobs(Guest& guest);
  void change_settings(Guest& guest);
  void release(Guest& guest);
  void cancel(Guest& guest);
  void label(Guest& guest);
  void load_again(Guest& guest);
  void take_the_hooks(Guest& guest);
  void use_a_shared_one();

  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool one_in(unsigned n) { return pick(n) == 0; }
  /// Runs the statements of `sql` to their ends; the code of the first that fails. One that neither `allowed` nor a busy
  /// machine explains is wrong. `sum`, if given, gets the sum of the first column of all rows.
  int run(sqlite3* db, const std::string& sql, std::initializer_list<int> allowed = {},
          std::int64_t* sum = nullptr);
  int run(Guest& guest, const std::string& sql, std::initializer_list<int> allowed = {},
          std::int64_t* sum = nullptr) {
    return run(guest.db, sql, allowed, sum);
  }
  bool is_explained(int code, std::initializer_list<int> allowed) const;
  void judge(int code, sqlite3* db, const std::string& what, std::initializer_list<int> allowed);
  void let_go(Guest& guest);

  Storm& storm_;
  const std::size_t owner_;
  std::mt19937 random_;
  std::array<Guest, kConnectionsEach> guests_;
  std::int64_t named_ = 0;
};

}  // namespace warden::test
