#include "run.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <thread>

#include "trend.hpp"

namespace warden::test {
namespace {

constexpr unsigned kHands = 6;

/// The threads of the load: they work in rounds, and rest between them with no connection open.
class Hands {
 public:
  Hands(const Databases& databases, const RunOptions& options, Tally& tally) : tally_(tally) {
    for (unsigned i = 0; i < kHands; ++i) {
      hands_.push_back(std::make_unique<Hand>(databases, tally, options.plant, options.tolerance_ms,
                                              options.seed * kHands + i));
    }
    for (auto& hand : hands_) threads_.emplace_back([this, &hand] { work(*hand); });
  }
  ~Hands() {
    {
      const std::lock_guard held(lock_);
      over_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void begin_round() {
    const std::lock_guard held(lock_);
    stop_ = false;
    ++round_;
    resting_ = 0;
    changed_.notify_all();
  }
  void end_round() { stop_ = true; }
  bool at_rest() {
    const std::lock_guard held(lock_);
    return resting_ == kHands;
  }
  void look() {
    for (auto& hand : hands_) hand->endless.look(now_ns());
  }

 private:
  void work(Hand& hand) {
    for (int seen = 0;;) {
      {
        std::unique_lock held(lock_);
        changed_.wait(held, [&] { return over_ || round_ != seen; });
        if (over_) return;
        seen = round_;
      }
      while (!stop_) {
        try {
          hand.one_life(stop_);
        } catch (const SqlError& e) {
          tally_.note_wrong(std::string("open: ") + e.what());
        }
      }
      const std::lock_guard held(lock_);
      ++resting_;
    }
  }

  Tally& tally_;
  std::mutex lock_;
  std::condition_variable changed_;
  int round_ = 0;
  unsigned resting_ = 0;
  bool over_ = false;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Hand>> hands_;
  std::vector<std::thread> threads_;
};

/// Cancels those that wait for it, until all hands are at rest.
void watch_round(const Db& db, Hands& hands, double seconds, Tally& tally) {
  const std::int64_t until_ns = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  bool forked = false;
  while (!hands.at_rest()) {
    if (now_ns() > until_ns) hands.end_round();
    db.error(
        "SELECT warden_cancel(connection_id, statement_seq) FROM warden_connections WHERE state = 'active' "
        "AND "
        "label = 'cancel me' AND ifnull(sql LIKE 'WITH%', 1)");
    hands.look();
    if (!forked) {
      // In the middle of it all: such a child may not touch SQLite, whose locks its other threads held.
      tally.wrong += in_child([] { return 0; }) != 0;
      ++tally.forks;
      forked = true;
    }
    const timespec moment{0, 3'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
  }
}

/// Between two rounds, with one connection open: the threads are ended and begin anew, and a child uses warden.
void quiet(const Db& db, const Databases& databases, std::size_t round, Tally& tally) {
  if (round % 4 == 0) {
    db.rows("SELECT warden_set('watchdog', 0)");
    eventually([&] { return db.one("SELECT json_extract(warden_debug(), '$.watchdog_running')") == "0"; });
    db.rows("SELECT warden_set('watchdog', 1)");
  }
  if (round % 8 == 1) {
    ++tally.forks;
    const int status = in_child([&] {
      const Db fresh(databases.rollback);
      fresh.rows("SELECT warden_timeout(20)");
      if (fresh.error(
              "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT count(*) FROM c") !=
          "interrupted")
        return 1;
      return fresh.one("SELECT count(*) > 0 FROM warden_connections") == "1" ? 0 : 2;
    });
    if (status != 0) tally.note_wrong("a child after fork: " + std::to_string(status));
  }
  // Warden's second thread has begun whatever ran last: a deadline here, and it is there whenever threads are counted.
  db.rows("SELECT warden_timeout(60000); SELECT count(*) FROM sqlite_schema; SELECT warden_timeout(NULL)");
}

std::vector<Point> series_of(const std::vector<Usage>& usages, std::int64_t (*value)(const Usage&)) {
  std::vector<Point> series;
  for (const Usage& usage : usages) series.push_back({usage.at_s, static_cast<double>(value(usage))});
  return series;
}

struct Quantity {
  const char* name;
  std::int64_t (*value)(const Usage&);
};
constexpr Quantity kMemory[] = {
    {"resident memory", [](const Usage& u) { return u.resident_bytes; }},
    {"heap in use", [](const Usage& u) { return u.heap_bytes; }},
    {"SQLite's memory", [](const Usage& u) { return u.sqlite_bytes; }},
    {"heap beside SQLite's", [](const Usage& u) { return u.beside_bytes(); }},
};
constexpr Quantity kCounted[] = {
    {"descriptors", [](const Usage& u) { return u.descriptors; }},
    {"threads", [](const Usage& u) { return u.threads; }},
};

/// Measured less often than that, nothing can be said of a trend; and so often a run tries to.
constexpr std::size_t kLeastUsages = 4;
constexpr std::size_t kEnoughUsages = 10;

void judge(Outcome& outcome) {
  const std::vector<Usage>& usages = outcome.usages;
  std::vector<std::string>& problems = outcome.problems;
  if (usages.size() < kLeastUsages)
    problems.push_back("too short: measured " + std::to_string(usages.size()) + " times");
  if (usages.empty()) return;
  const double span_s = usages.back().at_s - usages.front().at_s;
  for (const Quantity& quantity : kMemory) {
    const Trend trend = trend_of(series_of(usages, quantity.value));
    if (kMemoryTells && trend.low * span_s > kMostGrowthBytes)
      problems.push_back(std::string(quantity.name) + " grew by " + std::to_string(trend.low * span_s / 1e6) +
                         " MB at least");
  }
  for (const Quantity& quantity : kCounted) {
    // A descriptor of the watch for memory pressure comes and goes with the thread: so the least is compared.
    const auto half = usages.begin() + static_cast<std::ptrdiff_t>(usages.size() / 2);
    const auto less = [&](const Usage& a, const Usage& b) { return quantity.value(a) < quantity.value(b); };
    const std::int64_t before = quantity.value(*std::min_element(usages.begin(), half, less));
    const std::int64_t after = quantity.value(*std::min_element(half, usages.end(), less));
    if (before != after)
      problems.push_back(std::string(quantity.name) + ": " + std::to_string(before) + ", later " +
                         std::to_string(after));
  }
  for (std::size_t i = 1; i < usages.size(); ++i) {
    if (usages[i].last_event < usages[i - 1].last_event) problems.push_back("event_id went back");
  }
  const Tally& tally = outcome.tally;
  if (tally.deadlines == 0) problems.push_back("no statement had a deadline");
  if (tally.early > 0)
    problems.push_back(std::to_string(tally.early) + " statements ended before their deadline");
  if (tally.missed > 0) problems.push_back(std::to_string(tally.missed) + " deadlines were missed");
  if (tally.wrong > 0)
    problems.push_back(std::to_string(tally.wrong) + " wrong: " + outcome.tally.first_wrong());
}

}  // namespace

void run(const RunOptions& options, Outcome& outcome) {
  const TempDir dir;
  const Databases databases(dir);
  Db db;
  db.load();
  const double round_s = std::clamp(options.seconds / 20, 0.1, 10.0);
  const auto began_ns = now_ns();
  const auto elapsed_s = [&] { return static_cast<double>(now_ns() - began_ns) / 1e9; };
  outcome.usages.reserve(static_cast<std::size_t>(options.seconds / round_s) + 1);
  {
    Hands hands(databases, options, outcome.tally);
    const auto goes_on = [&] {
      // A busy machine needs longer until there is enough to judge.
      return elapsed_s() < options.seconds ||
             (outcome.usages.size() < kEnoughUsages && elapsed_s() < options.seconds + 60);
    };
    for (std::size_t round = 0; goes_on(); ++round) {
      hands.begin_round();
      watch_round(db, hands, round_s, outcome.tally);
      calm_settings(db);
      quiet(db, databases, round, outcome.tally);
      const Usage usage = measure(db, elapsed_s(), outcome.problems);
      if (usage.at_s > options.seconds / 5) outcome.usages.push_back(usage);
    }
  }
  db.rows("SELECT warden_reset()");
  judge(outcome);
}

void print(const Outcome& outcome, double seconds) {
  const Tally& tally = outcome.tally;
  if (outcome.usages.size() < kLeastUsages) return;
  std::printf("%-22s %10s %10s %22s  (MB an hour, 95 %% interval)\n", "", "at first", "at last", "slope");
  for (const Quantity& quantity : kMemory) {
    const Trend trend = trend_of(series_of(outcome.usages, quantity.value));
    const auto mb = [&](const Usage& u) { return static_cast<double>(quantity.value(u)) / 1e6; };
    std::printf("%-22s %7.2f MB %7.2f MB %+8.2f (%+.2f to %+.2f)\n", quantity.name,
                mb(outcome.usages.front()), mb(outcome.usages.back()), trend.per_second * 3600 / 1e6,
                trend.low * 3600 / 1e6, trend.high * 3600 / 1e6);
  }
  const Usage& last = outcome.usages.back();
  for (const Quantity& quantity : kCounted)
    std::printf("%-22s %10lld %10lld\n", quantity.name,
                static_cast<long long>(quantity.value(outcome.usages.front())),
                static_cast<long long>(quantity.value(last)));
  std::printf(
      "rows at last: %lld of warden_events (%lld written), %lld of warden_samples, %lld of "
      "warden_statements\n",
      static_cast<long long>(last.events), static_cast<long long>(last.last_event),
      static_cast<long long>(last.samples), static_cast<long long>(last.shapes));
  const auto count = [](const std::atomic<std::int64_t>& n) { return static_cast<long long>(n); };
  std::printf(
      "figures: %.1f minutes, %lld connections, %lld statements (%lld busy), %lld cancelled, %lld forks, "
      "%lld deadlines: "
      "%lld early, %lld missed, half within %lld ms, 99 %% within %lld ms, %lld wrong\n",
      seconds / 60, count(tally.connections), count(tally.statements), count(tally.busy),
      count(tally.cancelled), count(tally.forks), count(tally.deadlines), count(tally.early),
      count(tally.missed), static_cast<long long>(tally.late_ms(0.5)),
      static_cast<long long>(tally.late_ms(0.99)), count(tally.wrong));
  std::fflush(stdout);
}

}  // namespace warden::test
