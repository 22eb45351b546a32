// A machine of files, connections and a copy of SQLite that only remember what was done to them.
//
//   Machine machine;                                   // 8 GB, one cgroup limited to 1 GiB
//   Guarded guarded(machine, {"WARDEN_IDLE_KEEP=0"});  // a Warden of its own, its thread joined at the end
//   auto c = guarded.connect(64 * kMiB);               // idle, holds 64 MiB
//   guarded.warden.watchdog().tick();
//   c->released();                                     // how often try_release() succeeded
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "../../watchdog/clock.hpp"
#include "../../watchdog/warden.hpp"
#include "file_tree.hpp"

namespace warden::test {

inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;
inline constexpr std::int64_t kGiB = std::int64_t{1} << 30;

/// Waits for a condition, for as long as a loaded machine may need; false if it never came true.
template <class Condition>
bool eventually(Condition&& condition, int limit_s = 30) {
  const std::int64_t until_ns = monotonic_ns() + std::int64_t{limit_s} * 1'000'000'000;
  while (!condition()) {
    if (monotonic_ns() > until_ns) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// A copy of SQLite: what it uses is what the connections hold, and `other`.
class FakeEngine : public Engine {
 public:
  std::optional<std::int64_t> memory_used() noexcept override {
    if (!accounting) return std::nullopt;
    return used.load();
  }
  std::optional<std::int64_t> memory_peak() noexcept override { return memory_used(); }
  bool apply_limits(std::int64_t soft_bytes, std::int64_t hard_bytes) noexcept override {
    ++applied;
    const bool soft_changed = soft.exchange(soft_bytes) != soft_bytes;
    return hard.exchange(hard_bytes) != hard_bytes || soft_changed;
  }
  std::optional<std::int64_t> soft_limit() noexcept override { return soft.load(); }
  Mutex& fork_lock() noexcept override { return lock_; }

  std::atomic<bool> accounting{true};
  std::atomic<std::int64_t> used{0};
  std::atomic<std::int64_t> soft{0};
  std::atomic<std::int64_t> hard{0};
  std::atomic<int> applied{0};

 private:
  Mutex lock_{LockRank::engine};
};

/// A connection that holds so many bytes. Its own thread is whoever calls begin() and end().
class FakeConnection : public Connection {
 public:
  FakeConnection(std::int64_t connection_id, FakeEngine* engine = nullptr, std::int64_t bytes = 0,
                 const void* identity = nullptr)
      : Connection(connection_id, identity == nullptr ? this : identity, "fake.db"), engine_(engine) {
    fill(bytes);
  }

  bool accounted() const noexcept override { return engine_ != nullptr && engine_->accounting; }
  bool touchable() const noexcept override { return can_touch; }
  bool try_measure(Depth) noexcept override {
    if (!can_touch || busy) return false;
    if (forgets_when_measured) activity.forget(monotonic_ns());
    publish();
    return true;
  }
  std::optional<std::int64_t> try_release() noexcept override {
    ++tries_;
    if (!can_touch || busy) return std::nullopt;
    ++released_;
    const std::int64_t given = held_.exchange(0);
    if (engine_ != nullptr) engine_->used -= given;
    publish();
    return given;
  }

  void wait_for_others() noexcept override {}
  Inside look_inside() noexcept override {
    if (!can_touch) return Inside::unknown;
    if (busy) return Inside::somebody;
    if (forgets_when_measured) activity.forget(monotonic_ns());
    return Inside::nobody;
  }
  bool interrupt(std::int64_t seq, bool writers) noexcept override {
    return activity.interrupt(seq, writers, [this] { ++interrupts; });
  }

  /// Takes more memory, as a statement would.
  void fill(std::int64_t bytes) noexcept {
    held_ += bytes;
    if (engine_ != nullptr) engine_->used += bytes;
  }
  void publish() noexcept {
    figures.cache_bytes.store(held_.load());
    figures.sampled_ns.store(monotonic_ns());
  }
  void begin() noexcept { activity.begin(this, "SELECT 1", monotonic_ns()); }
  /// A statement with a deadline, as the extension begins one; it may write.
  void begin(std::int64_t timeout_ns, bool writes = false) noexcept {
    Activity::Traits traits;
    traits.timeout_ns = timeout_ns;
    traits.writes = writes;
    activity.begin(this, "SELECT 1", monotonic_ns(), traits);
  }
  void end() noexcept { activity.end(this, monotonic_ns()); }

  std::int64_t held() const noexcept { return held_; }
  int tries() const noexcept { return tries_; }
  int released() const noexcept { return released_; }

  std::atomic<bool> can_touch{true};
  std::atomic<bool> busy{false};                   // its mutex is never free
  std::atomic<bool> forgets_when_measured{false};  // finds that nothing runs
  std::atomic<int> interrupts{0};

 private:
  FakeEngine* engine_;
  std::atomic<std::int64_t> held_{0};
  std::atomic<int> tries_{0};
  std::atomic<int> released_{0};
};

/// Files of a machine with 8 GB and one v2 cgroup.
struct Machine {
  FileTree tree;

  explicit Machine(std::int64_t cgroup_limit_bytes = kGiB) {
    tree.write("/proc/self/statm", "50000 12000 3000 10 0 9000 0\n");
    tree.write("/proc/meminfo", "MemTotal:        8000000 kB\nMemAvailable:    3000000 kB\n");
    tree.write("/proc/self/cgroup", "0::/app\n");
    tree.write("/proc/self/mountinfo", "30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    tree.write("/sys/fs/cgroup/app/cgroup.procs", "");
    set_limit(cgroup_limit_bytes);
  }
  void set_limit(std::int64_t bytes) const {
    tree.write("/sys/fs/cgroup/app/memory.max", std::to_string(bytes) + "\n");
  }
  void set_pressure(const std::string& percent) const {
    tree.write("/proc/pressure/memory", "some avg10=" + percent + " avg60=0.00 avg300=0.00 total=5\n");
  }
};

/// A Warden below the machine's root, with one engine. Its thread has ended when the object goes.
struct Guarded {
  std::vector<const char*> environment;
  Warden warden;
  FakeEngine engine;

  explicit Guarded(const Machine& machine, std::vector<const char*> variables = {})
      : environment(terminated(std::move(variables))),
        warden(Files(machine.tree.root()), environment.data()) {
    warden.add_engine(&engine);
  }
  ~Guarded() { warden.stop_for_good(); }

  std::shared_ptr<FakeConnection> connect(std::int64_t bytes = 0) {
    auto made = std::make_shared<FakeConnection>(warden.registry.next_id(), &engine, bytes);
    warden.registry.add(made);
    ++engine.connections;
    return made;
  }
  void set(std::string_view name, std::string_view text) {
    warden.settings.set(name, text);
    warden.settings_changed();
  }
  std::vector<Event> events(Action action) const {
    std::vector<Event> found;
    warden.journal.each_event([&](const Event& event) {
      if (event.action == action) found.push_back(event);
    });
    return found;
  }
  std::vector<Sample> samples() const {
    std::vector<Sample> found;
    warden.journal.each_sample([&](const Sample& sample) { found.push_back(sample); });
    return found;
  }

 private:
  static std::vector<const char*> terminated(std::vector<const char*> variables) {
    variables.push_back(nullptr);
    return variables;
  }
};

}  // namespace warden::test
