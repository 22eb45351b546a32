// The core where C++ has no memory: what is known before stands, nothing is left open, and later all is as if it had not
// been. (What the extension's own calls do then is in tests/faults; this is what the watchdog's thread does.)
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>

#include "fakes.hpp"

namespace {

thread_local bool none_is_left = false;
thread_local int still_had = 0;

void* take(std::size_t bytes) noexcept {
  if (none_is_left && --still_had < 0) return nullptr;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

/// While it lives, this thread has memory so many times more, and then none.
struct Scarcity {
  explicit Scarcity(int times = 0) {
    still_had = times;
    none_is_left = true;
  }
  ~Scarcity() { none_is_left = false; }
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;
};

}  // namespace

// Not inlined: GCC takes an inlined free() for the wrong end of a memory that is not seen to come from malloc().
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* const memory = take(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return take(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace warden::test {

BOOST_AUTO_TEST_SUITE(no_memory)

BOOST_AUTO_TEST_CASE(a_file_that_does_not_fit_is_closed) {
  const FileTree tree;
  const std::string large(50'000, 'x');
  tree.write("/large", large);
  const Files files(tree.root());
  const auto open_ones = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = open_ones();
  for (const int times : {0, 1}) {  // for the beginning, and for what follows
    bool thrown = false;
    {
      const Scarcity scarcity(times);
      try {
        files.read_all("/large", 100'000);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
    }
    BOOST_TEST(thrown);
    BOOST_TEST(open_ones() == before);
  }
  BOOST_TEST(files.read_all("/large", 100'000) == large);
}

BOOST_AUTO_TEST_CASE(of_a_long_statement_the_beginning_is_shown) {
  Activity activity;
  const std::string sql = "SELECT '" + std::string(600, 'x') + "'";
  std::array<char, Activity::kSqlBytes> text;
  {
    const Scarcity scarcity;
    activity.begin(&sql, sql.c_str(), 1);
  }
  const Activity::View cut = activity.look(&text);
  BOOST_TEST(cut.sql_truncated);
  BOOST_TEST((cut.sql_bytes > 100u && cut.sql_bytes < sql.size()));
  BOOST_TEST(std::string(text.data(), cut.sql_bytes) == sql.substr(0, cut.sql_bytes));
  activity.end(&sql, 2);
  activity.begin(&sql, sql.c_str(), 3);
  const Activity::View whole = activity.look(&text);
  BOOST_TEST(!whole.sql_truncated);
  BOOST_TEST(std::string(text.data(), whole.sql_bytes) == sql);
}

BOOST_AUTO_TEST_CASE(of_many_statements_in_one_another_the_inner_ones_are_only_counted) {
  Activity activity;
  std::array<char, 40> statements{};
  const Scarcity scarcity;
  for (const char& statement : statements) activity.begin(&statement, "SELECT 1", 1);
  BOOST_TEST(activity.depth() == 40);
  for (auto at = statements.rbegin(); at != statements.rend(); ++at) {
    BOOST_TEST(activity.running());
    activity.end(&*at, 2);
  }
  BOOST_TEST(!activity.running());
  BOOST_TEST(activity.depth() == 0);
}

BOOST_AUTO_TEST_CASE(the_cgroup_that_was_known_stays) {
  const Machine machine(kGiB);
  Sampler sampler{Files(machine.tree.root())};
  {
    const Scarcity scarcity;
    BOOST_TEST(!sampler.relocate());
    BOOST_TEST(sampler.read().cgroup_limit_bytes.value_or(0) == kGiB);
  }
  BOOST_TEST(sampler.relocate());
}

BOOST_AUTO_TEST_CASE(connections_that_there_is_room_for_are_looked_after) {
  const Machine machine(kGiB);
  Guarded guarded(machine, {"WARDEN_IDLE_GRACE_MS=0", "WARDEN_IDLE_KEEP=0", "WARDEN_WATCHDOG=0"});
  std::vector<std::shared_ptr<FakeConnection>> all{guarded.connect(10 * kMiB)};
  guarded.warden.watchdog().tick();
  for (int i = 0; i < 60; ++i) all.push_back(guarded.connect(10 * kMiB));
  const auto released = [&] {
    std::size_t count = 0;
    for (const auto& connection : all) count += connection->held() == 0 ? 1 : 0;
    return count;
  };
  {
    const Scarcity scarcity;
    guarded.warden.watchdog().tick();
  }
  BOOST_TEST((released() > 1 && released() < all.size()), released());
  guarded.warden.watchdog().tick();
  BOOST_TEST(released() == all.size());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
