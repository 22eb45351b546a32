// The promise: every table is read in less than 5 ms while 100 connections are busy, and waits for none of them.
//
// The 100 are inside a statement, in a thread each, and hold their connection's mutex; a function lets them wait there, so
// that they don't take the CPU from the reader. Reading a busy connection with sqlite3_db_status would never return.
#include <array>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr int kBusy = 100;
constexpr int kReads = 50;
constexpr std::array<const char*, 7> kNames{"warden_connections", "warden_memory",     "warden_events",
                                            "warden_samples",     "warden_statements", "warden_settings",
                                            "warden_checks"};

/// Where statements wait inside SQLite.
class Gate {
 public:
  void pass() {
    std::unique_lock held(lock_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(held, [&] { return open_; });
    --inside_;
  }
  void wait_for(int count) {
    std::unique_lock held(lock_);
    changed_.wait(held, [&] { return inside_ == count; });
  }
  int inside() {
    const std::lock_guard held(lock_);
    return inside_;
  }
  void open() {
    const std::lock_guard held(lock_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

void wait_at_gate(sqlite3_context* context, int, sqlite3_value**) {
  static_cast<Gate*>(::sqlite3_user_data(context))->pass();
  ::sqlite3_result_int(context, 1);
}

void child(const Parameters& given) {
  Database reader(given.text("file"));
  reader.load_warden();
  Gate gate;
  std::vector<Database> busy;
  for (int i = 0; i < kBusy; ++i) {
    busy.emplace_back(given.text("file"));
    ::sqlite3_create_function(busy.back().get(), "wait_at_gate", 0, SQLITE_UTF8, &gate, &wait_at_gate,
                              nullptr, nullptr);
  }
  std::vector<std::thread> threads;
  for (Database& connection : busy) {
    threads.emplace_back(
        [&] { connection.try_run("SELECT sum(key), wait_at_gate() FROM data WHERE id <= 100"); });
  }
  gate.wait_for(kBusy);
  // A ring of events that is full.
  const std::int64_t others = reader.number("SELECT count(*) FROM warden_connections WHERE state = 'active'");
  for (int i = 0; i < 1000; ++i) reader.run("SELECT warden_release()");
  for (const char* name : kNames) {
    Statement table(reader, std::string("SELECT * FROM ") + name);
    std::vector<double> times;
    std::int64_t rows = 0;
    for (int i = 0; i < kReads; ++i) {
      const auto began = Clock::now();
      rows = table.run();
      times.push_back(seconds_since(began) * 1000);
    }
    say(std::string(name) + ".median", median(times));
    say(std::string(name) + ".max", largest(times));
    say(std::string(name) + ".rows", static_cast<double>(rows));
  }
  say("active", static_cast<double>(others));
  say("inside", gate.inside());
  gate.open();
  for (std::thread& thread : threads) thread.join();
}

void run(Data& data, Report& report) {
  const Numbers said = measure(kTables, {{"file", data.big()}});
  for (const std::string name : kNames) {
    char note[96];
    std::snprintf(note, sizeof(note), "median of %d; largest %.2f ms; %.0f rows", kReads, said[name + ".max"],
                  said[name + ".rows"]);
    report.number(name, said[name + ".median"], Unit::milliseconds, Bar::at_most(5), note);
  }
  report.number("still_busy", said["inside"], Unit::count, Bar::at_least(kBusy),
                "connections that were inside a statement all the time");
}

}  // namespace

const Benchmark kTables{"tables", "reading warden's tables beside 100 busy connections", &run, &child};

}  // namespace warden::bench
