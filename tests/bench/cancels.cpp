// The promise: a statement returns SQLITE_INTERRUPT at most 10 ms after another connection called warden_cancel(), 50 ms
// where all cores are busy, in 99 of 100 cases.
//
// The time is that of two threads of the host: from the beginning of the call that returned 1 to the return of the other's
// sqlite3_step. Before that the statement runs for 0 to 4 ms.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "database.hpp"
#include "process.hpp"
#include "spread.hpp"

namespace warden::bench {
namespace {

constexpr double kIdleBar = 10;
constexpr double kBusyBar = 50;
constexpr int kLongestHeadStartMs = 4;

/// A connection in a thread of its own, which runs the long statement each time that it is told to.
class Owner {
 public:
  explicit Owner(int flags) : connection_(":memory:", SQLITE_OPEN_READWRITE | flags) {
    thread_ = std::thread([this] { run(); });
  }
  ~Owner() {
    tell(Order::end);
    thread_.join();
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  /// Before the first order.
  Database& connection() noexcept { return connection_; }
  void begin() { tell(Order::run); }
  bool has_returned() {
    const std::lock_guard held(lock_);
    return order_ == Order::none;
  }
  /// Waits for it.
  Clock::time_point returned() {
    std::unique_lock held(lock_);
    changed_.wait(held, [&] { return order_ == Order::none; });
    if (code_ != SQLITE_INTERRUPT) throw std::runtime_error("a statement was not cut off");
    return returned_;
  }

 private:
  enum class Order { none, run, end };

  void tell(Order order) {
    const std::lock_guard held(lock_);
    order_ = order;
    changed_.notify_all();
  }
  void run() {
    Statement statement(connection_, kLongCount);
    for (std::unique_lock held(lock_);;) {
      changed_.wait(held, [&] { return order_ != Order::none; });
      if (order_ == Order::end) return;
      held.unlock();
      const int code = ::sqlite3_step(statement.get());
      const auto now = Clock::now();
      statement.reset();
      held.lock();
      code_ = code;
      returned_ = now;
      if (order_ == Order::run) order_ = Order::none;
      changed_.notify_all();
    }
  }

  Database connection_;
  std::mutex lock_;
  std::condition_variable changed_;
  Order order_ = Order::none;
  int code_ = SQLITE_OK;
  Clock::time_point returned_;
  std::thread thread_;
};

/// Calls until it returned 1; when that call began.
Clock::time_point cancelled(Statement& cancel, Owner& owner) {
  for (;;) {
    const auto began = Clock::now();
    if (!cancel.step()) throw std::runtime_error("warden_cancel() returned no row");
    const bool done = ::sqlite3_column_int(cancel.get(), 0) == 1;
    cancel.reset();
    if (done) return began;
    if (owner.has_returned())
      throw std::runtime_error("a statement ended, and warden_cancel() did not return 1");
    std::this_thread::sleep_for(std::chrono::microseconds(100));  // it has not begun
  }
}

void child(const Parameters& given) {
  Database other(":memory:");
  other.load_warden();
  Owner owner(given.number("serialized") != 0 ? 0 : SQLITE_OPEN_NOMUTEX);
  const std::int64_t id = owner.connection().number("SELECT warden_connection_id()");
  Statement cancel(other, "SELECT warden_cancel(" + std::to_string(id) + ")");
  std::optional<BusyCores> busy;
  if (given.number("busy") != 0) busy.emplace();
  std::vector<double> took;
  for (int i = 0; i < given.number("times"); ++i) {
    owner.begin();
    sleep_ms(i % (kLongestHeadStartMs + 1));
    const auto began = cancelled(cancel, owner);
    const auto returned = owner.returned();
    if (returned < began) throw std::runtime_error("a statement ended before it was cancelled");
    took.push_back(std::chrono::duration<double, std::milli>(returned - began).count());
  }
  say_spread(took);
}

void run(Data&, Report& report) {
  const auto once = [](const char* times, const char* busy, const char* serialized) {
    return measure(kCancels, {{"times", times}, {"busy", busy}, {"serialized", serialized}});
  };
  report_spread(report, "took", once("1000", "0", "1"), Bar::at_most(kIdleBar));
  report_spread(report, "took.busy", once("300", "1", "1"), Bar::at_most(kBusyBar));
  report_spread(report, "took.unserialized", once("300", "0", "0"), {});
}

}  // namespace

const Benchmark kCancels{"cancels", "from warden_cancel() to the other's SQLITE_INTERRUPT", &run, &child};

}  // namespace warden::bench
