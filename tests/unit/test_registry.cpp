// The list of open connections, and what one of them tells without being asked.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "fakes.hpp"

using warden::Connection;
using warden::monotonic_ns;
using warden::Registry;
using warden::test::FakeConnection;

namespace {

struct Fixture {
  Registry connections;

  std::shared_ptr<FakeConnection> add(std::int64_t id, const void* handle = nullptr) {
    auto made = std::make_shared<FakeConnection>(id, nullptr, 0, handle);
    connections.add(made);
    return made;
  }
  std::vector<std::int64_t> walk() const {
    std::vector<std::int64_t> ids;
    for (auto c = connections.after(0); c != nullptr; c = connections.after(c->id)) ids.push_back(c->id);
    return ids;
  }
};

using Ids = std::vector<std::int64_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(registry, Fixture)

BOOST_AUTO_TEST_CASE(ids_are_never_given_twice) {
  BOOST_TEST(connections.next_id() == 1);
  BOOST_TEST(connections.next_id() == 2);
  add(3);
  connections.remove(3);
  BOOST_TEST(connections.next_id() == 3);
}

BOOST_AUTO_TEST_CASE(connections_are_walked_in_the_order_of_their_ids) {
  BOOST_TEST(walk().empty());
  for (const int id : {5, 2, 9, 1, 7}) add(id);
  BOOST_TEST(walk() == (Ids{1, 2, 5, 7, 9}), boost::test_tools::per_element());
  BOOST_TEST(connections.size() == 5U);
  connections.remove(5);
  connections.remove(1);
  connections.remove(4);  // none
  BOOST_TEST(walk() == (Ids{2, 7, 9}), boost::test_tools::per_element());
  BOOST_TEST(connections.after(7)->id == 9);
  BOOST_TEST(connections.after(3)->id == 7);
  BOOST_TEST((connections.after(9) == nullptr));
}

BOOST_AUTO_TEST_CASE(a_connection_is_found_by_id_and_by_handle) {
  int one = 0;
  int two = 0;
  const auto first = add(1, &one);
  const auto second = add(2, &two);
  BOOST_TEST((connections.find(2) == second));
  BOOST_TEST((connections.find(3) == nullptr));
  BOOST_TEST((connections.find(0) == nullptr));
  BOOST_TEST((connections.find_handle(&one) == first));
  connections.remove(1);
  BOOST_TEST((connections.find(1) == nullptr));
  BOOST_TEST((connections.find_handle(&one) == nullptr));
  BOOST_TEST((connections.find_handle(&two) == second));
}

BOOST_AUTO_TEST_CASE(a_walk_survives_the_removal_of_the_connection_it_stands_on) {
  for (int id = 1; id <= 6; ++id) add(id);
  Ids seen;
  for (auto c = connections.after(0); c != nullptr; c = connections.after(c->id)) {
    seen.push_back(c->id);
    connections.remove(c->id);
    if (c->id == 2) connections.remove(3);
    if (c->id == 4) add(10);
  }
  BOOST_TEST(seen == (Ids{1, 2, 4, 5, 6, 10}), boost::test_tools::per_element());
  BOOST_TEST(connections.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_removed_connection_lives_as_long_as_it_is_held) {
  std::weak_ptr<FakeConnection> watched;
  {
    const auto held = add(1);
    watched = held;
    connections.remove(1);
    BOOST_TEST(!watched.expired());
  }
  BOOST_TEST(watched.expired());
}

BOOST_AUTO_TEST_CASE(the_last_owner_may_use_the_registry_while_it_dies) {
  // The destructor runs after the registry's lock was given back.
  struct Curious final : Connection {
    explicit Curious(Registry& registry) : Connection(1, this, ""), registry_(registry) {}
    ~Curious() override { registry_.size(); }
    bool accounted() const noexcept override { return true; }
    bool touchable() const noexcept override { return false; }
    bool try_measure(warden::Depth) noexcept override { return false; }
    std::optional<std::int64_t> try_release() noexcept override { return std::nullopt; }
    void wait_for_others() noexcept override {}
    Inside look_inside() noexcept override { return Inside::unknown; }
    bool interrupt(std::int64_t, bool) noexcept override { return false; }
    Registry& registry_;
  };
  connections.add(std::make_shared<Curious>(connections));
  connections.remove(1);
  BOOST_TEST(connections.size() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_asked_for_stays_until_it_is_taken_back) {
  const auto c = add(1);
  BOOST_TEST(!c->is_asked_anything());
  BOOST_TEST(c->asked_ns == 0);
  c->ask_to_release("pressure");
  c->ask(Connection::kApply);
  BOOST_TEST(c->is_asked(Connection::kRelease));
  BOOST_TEST(c->ask_reason().view() == "pressure");
  BOOST_TEST(c->asked_ns > 0);
  c->take_back(Connection::kRelease);
  BOOST_TEST(!c->is_asked(Connection::kRelease));
  BOOST_TEST(c->is_asked(Connection::kApply));
  BOOST_TEST(c->is_asked_anything());
}

BOOST_AUTO_TEST_CASE(labels_are_cut_between_characters) {
  const auto c = add(1);
  BOOST_TEST(c->label().empty());
  c->set_label("worker 7");
  BOOST_TEST(c->label().view() == "worker 7");
  std::string label(61, 'x');
  c->set_label(label.append("\xC3\xA9"));
  BOOST_TEST(c->label().view() == std::string(61, 'x'));
}

BOOST_AUTO_TEST_CASE(releases_are_counted_and_remembered_until_something_runs) {
  const auto c = add(1);
  BOOST_TEST(!c->released_since_it_ran());
  c->begin();
  c->end();
  c->note_release(1000, monotonic_ns());
  c->note_release(-5, monotonic_ns());
  BOOST_TEST(c->releases == 2);
  BOOST_TEST(c->released_bytes == 1000);
  BOOST_TEST(c->released_since_it_ran());
  c->begin();
  BOOST_TEST(!c->released_since_it_ran());
  while (monotonic_ns() <= c->released_ns) {
  }
  c->end();
  BOOST_TEST(!c->released_since_it_ran());
}

BOOST_AUTO_TEST_CASE(idle_time_counts_from_the_last_end_or_from_the_opening) {
  const auto c = add(1);
  BOOST_TEST(c->idle_ms(c->opened_ns + 5'000'000) == 5);
  BOOST_TEST(c->idle_ms(c->opened_ns - 5'000'000) == 0);
  const std::int64_t ended_ns = c->opened_ns + 1'000'000'000;
  c->activity.begin(c.get(), "SELECT 1", ended_ns - 1);
  BOOST_TEST(c->idle_ms(ended_ns + 9'000'000) == 0);
  c->activity.end(c.get(), ended_ns);
  BOOST_TEST(c->idle_ms(ended_ns + 2'999'999) == 2);
  BOOST_TEST(c->idle_ms(ended_ns - 1) == 0);
}

BOOST_AUTO_TEST_CASE(threads_open_close_and_walk_at_the_same_time) {
  constexpr int kEach = 3000;
  std::atomic<int> working{3};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 3; ++worker) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto mine = add(connections.next_id());
        wrong += connections.find(mine->id) != mine || connections.find_handle(mine.get()) != mine;
        mine->set_label("label");
        if (i % 10 != 0) connections.remove(mine->id);
        wrong += (connections.find(mine->id) != nullptr) != (i % 10 == 0);
      }
      --working;
    });
  }
  threads.emplace_back([&] {
    while (working > 0) {
      std::int64_t last = 0;
      for (auto c = connections.after(0); c != nullptr; c = connections.after(last)) {
        wrong += c->id <= last;
        last = c->id;
        wrong += !c->label().empty() && c->label().view() != "label";
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(connections.size() == 3U * kEach / 10);
}

BOOST_AUTO_TEST_SUITE_END()
