// The rings: order, wrap-around, changes of size; and recording while others read.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "../../watchdog/clock.hpp"
#include "../../watchdog/journal.hpp"

using warden::Action;
using warden::Event;
using warden::Journal;
using warden::Level;
using warden::Ring;
using warden::Sample;

namespace {

std::vector<int> rows(const Ring<int>& ring) {
  std::vector<int> found;
  for (std::size_t i = 0; i < ring.size(); ++i) found.push_back(ring.at(i));
  return found;
}

std::vector<int> from_to(int first, int last) {
  std::vector<int> numbers;
  for (int i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

void fill(Ring<int>& ring, int first, int last) {
  for (int i = first; i <= last; ++i) ring.push(i);
}

std::vector<std::int64_t> ids(const Journal& journal) {
  std::vector<std::int64_t> found;
  journal.each_event([&](const Event& event) { found.push_back(event.event_id); });
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal)

BOOST_AUTO_TEST_CASE(ring_keeps_the_order_and_drops_the_oldest) {
  Ring<int> ring(4);
  BOOST_TEST(ring.size() == 0U);
  fill(ring, 1, 3);
  BOOST_TEST(rows(ring) == from_to(1, 3), boost::test_tools::per_element());
  fill(ring, 4, 4);
  BOOST_TEST(rows(ring) == from_to(1, 4), boost::test_tools::per_element());
  for (int last = 5; last < 40; ++last) {
    ring.push(last);
    BOOST_TEST(rows(ring) == from_to(last - 3, last), boost::test_tools::per_element());
  }
  BOOST_TEST(ring.written() == 39U);
}

BOOST_AUTO_TEST_CASE(resize_keeps_the_newest_whatever_came_before) {
  for (const int pushed : {0, 1, 3, 4, 5, 7, 8, 13}) {
    for (const std::size_t first : {1U, 2U, 3U, 4U, 7U, 9U}) {
      for (const std::size_t second : {1U, 2U, 3U, 5U, 8U, 20U}) {
        BOOST_TEST_CONTEXT(pushed << " rows, 4 to " << first << " to " << second) {
          Ring<int> ring(4);
          fill(ring, 1, pushed);
          std::size_t kept = std::min<std::size_t>(4, static_cast<std::size_t>(pushed));
          int last = pushed;
          for (const std::size_t capacity : {first, second}) {
            ring.resize(capacity);
            kept = std::min(kept, capacity);
            BOOST_TEST(ring.capacity() == capacity);
            BOOST_TEST(rows(ring) == from_to(last - static_cast<int>(kept) + 1, last),
                       boost::test_tools::per_element());
            for (int i = 0; i < 6; ++i) {
              ring.push(++last);
              kept = std::min(kept + 1, capacity);
              BOOST_TEST(rows(ring) == from_to(last - static_cast<int>(kept) + 1, last),
                         boost::test_tools::per_element());
            }
          }
          BOOST_TEST(ring.written() == static_cast<std::size_t>(last));
        }
      }
    }
  }
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // their malloc ends the program instead
BOOST_AUTO_TEST_CASE(resize_without_room_changes_nothing) {
  Ring<int> ring(2);
  fill(ring, 1, 2);
  BOOST_CHECK_THROW(ring.resize(std::numeric_limits<std::size_t>::max() / 8), std::bad_alloc);
  BOOST_TEST(rows(ring) == from_to(1, 2), boost::test_tools::per_element());
  BOOST_TEST(ring.capacity() == 2U);
}
#endif

BOOST_AUTO_TEST_CASE(events_are_stamped_and_numbered_from_one) {
  Journal log;
  const std::int64_t before_ms = warden::wall_ms();
  Event event;
  event.event_id = 77;
  event.reason = "idle";
  BOOST_TEST(log.record(event) == 1);
  BOOST_TEST(log.record(event) == 2);
  BOOST_TEST(ids(log) == (std::vector<std::int64_t>{1, 2}), boost::test_tools::per_element());
  log.each_event([&](const Event& row) {
    BOOST_TEST(row.at_ms >= before_ms);
    BOOST_TEST(row.at_ms <= warden::wall_ms());
    BOOST_TEST(row.reason.view() == "idle");
    BOOST_TEST(row.measured_bytes == warden::kUnknown);
  });
  BOOST_TEST(log.events_recorded() == 2U);
}

BOOST_AUTO_TEST_CASE(ids_go_on_counting_when_rows_are_dropped_or_the_size_changes) {
  Journal log;
  log.resize(3, 2);
  for (int i = 0; i < 5; ++i) log.record(Event{});
  BOOST_TEST(ids(log) == (std::vector<std::int64_t>{3, 4, 5}), boost::test_tools::per_element());
  log.resize(2, 2);
  BOOST_TEST(log.record(Event{}) == 6);
  BOOST_TEST(ids(log) == (std::vector<std::int64_t>{5, 6}), boost::test_tools::per_element());
  log.resize(10, 2);
  BOOST_TEST(log.record(Event{}) == 7);
  BOOST_TEST(ids(log) == (std::vector<std::int64_t>{5, 6, 7}), boost::test_tools::per_element());
  BOOST_TEST(log.events_recorded() == 7U);
}

BOOST_AUTO_TEST_CASE(samples_have_a_ring_of_their_own) {
  Journal log;
  log.resize(1, 2);
  for (int i = 1; i <= 3; ++i) {
    Sample sample;
    sample.sqlite_bytes = i;
    log.record(sample);
  }
  std::vector<std::int64_t> found;
  log.each_sample([&](const Sample& sample) { found.push_back(sample.sqlite_bytes); });
  BOOST_TEST(found == (std::vector<std::int64_t>{2, 3}), boost::test_tools::per_element());
  BOOST_TEST(ids(log).empty());
}

BOOST_AUTO_TEST_CASE(what_a_reader_throws_is_passed_on_and_leaves_the_journal_usable) {
  Journal log;
  log.record(Event{});
  BOOST_CHECK_THROW(log.each_event([](const Event&) { throw 1; }), int);
  BOOST_TEST(log.record(Event{}) == 2);
}

BOOST_AUTO_TEST_CASE(every_action_and_level_has_its_name) {
  BOOST_TEST(action_name(Action::release) == "release");
  BOOST_TEST(action_name(Action::trim) == "trim");
  BOOST_TEST(action_name(Action::cancel) == "cancel");
  BOOST_TEST(action_name(Action::limit) == "limit");
  BOOST_TEST(action_name(Action::apply) == "apply");
  BOOST_TEST(action_name(Action::warn) == "warn");
  BOOST_TEST(level_name(Level::calm) == "calm");
  BOOST_TEST(level_name(Level::elevated) == "elevated");
  BOOST_TEST(level_name(Level::over) == "over");
  BOOST_TEST(level_name(Level::pressure) == "pressure");
}

BOOST_AUTO_TEST_CASE(recording_reading_and_resizing_go_on_at_the_same_time) {
  constexpr int kEach = 20'000;
  Journal log;
  log.resize(64, 64);
  std::atomic<int> writing{2};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        Event event;
        event.measured_bytes = i;
        event.threshold_bytes = -i;
        event.sql = std::to_string(i);
        log.record(event);
        Sample sample;
        sample.sqlite_bytes = sample.rss_bytes = i;
        log.record(sample);
      }
      --writing;
    });
  }
  threads.emplace_back([&] {
    for (std::size_t size = 1; writing > 0; size = size % 100 + 1) log.resize(size, 101 - size);
    log.resize(10, 10);
  });
  threads.emplace_back([&] {
    while (writing > 0) {
      std::int64_t before = 0;
      log.each_event([&](const Event& event) {
        wrong += before != 0 && event.event_id != before + 1;  // without a gap, and never torn
        wrong += event.measured_bytes != -event.threshold_bytes;
        wrong += event.sql.view() != std::to_string(event.measured_bytes);
        before = event.event_id;
      });
      log.each_sample([&](const Sample& sample) { wrong += sample.sqlite_bytes != sample.rss_bytes; });
    }
  });
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(log.events_recorded() == 2U * kEach);
  BOOST_TEST(ids(log).back() == 2 * kEach);
  BOOST_TEST(ids(log).size() <= 10U);
}

BOOST_AUTO_TEST_SUITE_END()
