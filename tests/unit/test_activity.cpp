// What a connection publishes about its statements: nesting, overflow, cut texts, and readers beside a writer.
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>
#include <vector>

#include "../../watchdog/activity.hpp"
#include "../../watchdog/clock.hpp"

using warden::Activity;
using warden::monotonic_ns;

namespace {

using Text = std::array<char, Activity::kSqlBytes>;

struct Fixture {
  Activity activity;
  std::array<int, 16> statements{};

  const void* statement(std::size_t i) const { return &statements[i]; }
  void begin(std::size_t i, const char* sql, std::int64_t now_ns) {
    activity.begin(statement(i), sql, now_ns);
  }
  std::int64_t end(std::size_t i, std::int64_t now_ns) {
    return activity.end(statement(i), now_ns).elapsed_ns;
  }
  std::string sql() const {
    Text text;
    return {text.data(), activity.look(&text).sql_bytes};
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(activity, Fixture)

BOOST_AUTO_TEST_CASE(nothing_is_known_before_the_first_statement) {
  const Activity::View view = activity.look(nullptr);
  BOOST_TEST(!view.running);
  BOOST_TEST(!view.in_transaction);
  BOOST_TEST(view.statement_seq == 0);
  BOOST_TEST(view.started_ns == 0);
  BOOST_TEST(view.ended_ns == 0);
  BOOST_TEST(view.thread_id == 0);
  BOOST_TEST(view.sql_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(a_statement_is_seen_while_it_runs_and_after) {
  begin(0, "SELECT 1", 1000);
  Activity::View view = activity.look(nullptr);
  BOOST_TEST(view.running);
  BOOST_TEST(view.statement_seq == 1);
  BOOST_TEST(view.started_ns == 1000);
  BOOST_TEST(view.ended_ns == 0);
  BOOST_TEST(view.thread_id == ::gettid());
  BOOST_TEST(view.sql_bytes == 0U);  // no buffer was given
  BOOST_TEST(sql() == "SELECT 1");
  BOOST_TEST(activity.depth() == 1);

  BOOST_TEST(end(0, 1500) == 500);
  view = activity.look(nullptr);
  BOOST_TEST(!view.running);
  BOOST_TEST(view.ended_ns == 1500);
  BOOST_TEST(view.statement_seq == 1);
  BOOST_TEST(sql() == "SELECT 1");
  BOOST_TEST(activity.depth() == 0);
}

BOOST_AUTO_TEST_CASE(nested_statements_show_the_outermost) {
  begin(0, "outer", 100);
  begin(1, "inner", 200);
  begin(2, "innermost", 300);
  BOOST_TEST(sql() == "outer");
  BOOST_TEST(activity.depth() == 3);
  BOOST_TEST(end(2, 350) == 50);
  BOOST_TEST(end(1, 400) == 200);
  BOOST_TEST(sql() == "outer");
  BOOST_TEST(activity.statement_seq() == 1);
  BOOST_TEST(activity.running());
  BOOST_TEST(activity.ended_ns() == 0);
  BOOST_TEST(end(0, 500) == 400);
  BOOST_TEST(!activity.running());
  begin(3, "next", 600);
  BOOST_TEST(activity.statement_seq() == 4);
}

BOOST_AUTO_TEST_CASE(interleaved_statements_hand_over_to_the_next_oldest) {
  begin(0, "first", 100);
  begin(1, "second", 200);
  begin(2, "third", 300);
  BOOST_TEST(end(0, 400) == 300);
  BOOST_TEST(sql() == "second");
  BOOST_TEST(activity.look(nullptr).statement_seq == 2);
  BOOST_TEST(activity.look(nullptr).started_ns == 200);
  begin(0, "first again", 450);
  BOOST_TEST(end(1, 500) == 300);
  BOOST_TEST(sql() == "third");
  BOOST_TEST(end(2, 600) == 300);
  BOOST_TEST(sql() == "first again");
  BOOST_TEST(activity.look(nullptr).statement_seq == 4);
  BOOST_TEST(activity.running());
  BOOST_TEST(end(0, 700) == 250);
  BOOST_TEST(!activity.running());
  BOOST_TEST(activity.ended_ns() == 700);
}

BOOST_AUTO_TEST_CASE(statements_beyond_the_frames_are_counted_and_keep_the_connection_running) {
  constexpr std::size_t kFrames = Activity::kFrames;
  for (std::size_t i = 0; i < kFrames + 3; ++i) begin(i, "SELECT 1", 100 + static_cast<std::int64_t>(i));
  BOOST_TEST(activity.depth() == Activity::kFrames + 3);
  BOOST_TEST(end(kFrames, 200) == -1);
  BOOST_TEST(activity.depth() == Activity::kFrames + 2);
  for (std::size_t i = 0; i < kFrames; ++i) BOOST_TEST(end(i, 300) >= 0);
  BOOST_TEST(activity.running());
  BOOST_TEST(activity.ended_ns() == 0);
  BOOST_TEST(end(kFrames + 1, 400) == -1);
  BOOST_TEST(activity.running());
  BOOST_TEST(end(kFrames + 2, 500) == -1);
  BOOST_TEST(!activity.running());
  BOOST_TEST(activity.ended_ns() == 500);
  BOOST_TEST(activity.depth() == 0);

  begin(0, "after", 600);  // nothing is left over
  BOOST_TEST(sql() == "after");
  BOOST_TEST(end(0, 601) == 1);
  BOOST_TEST(!activity.running());
}

BOOST_AUTO_TEST_CASE(a_frame_that_becomes_free_is_used_again) {
  for (std::size_t i = 0; i <= Activity::kFrames; ++i) begin(i, "SELECT 1", 100);
  BOOST_TEST(end(3, 200) == 100);
  begin(3, "SELECT 2", 300);
  BOOST_TEST(end(3, 350) == 50);
}

BOOST_AUTO_TEST_CASE(an_end_without_a_beginning_changes_nothing) {
  BOOST_TEST(end(0, 100) == -1);
  BOOST_TEST(activity.ended_ns() == 0);
  begin(0, "SELECT 1", 200);
  BOOST_TEST(end(1, 300) == -1);
  BOOST_TEST(activity.running());
  BOOST_TEST(end(0, 400) == 200);
  BOOST_TEST(end(0, 500) == -1);
  BOOST_TEST(activity.ended_ns() == 400);
}

BOOST_AUTO_TEST_CASE(forget_ends_everything) {
  for (std::size_t i = 0; i < Activity::kFrames + 2; ++i) begin(i, "SELECT 1", 100);
  activity.forget(200);
  BOOST_TEST(!activity.running());
  BOOST_TEST(activity.depth() == 0);
  BOOST_TEST(activity.ended_ns() == 200);
  BOOST_TEST(end(0, 300) == -1);
  begin(0, "SELECT 2", 400);
  BOOST_TEST(sql() == "SELECT 2");
  BOOST_TEST(end(0, 500) == 100);
  BOOST_TEST(!activity.running());
}

BOOST_AUTO_TEST_CASE(transactions_are_told_apart_from_statements) {
  activity.set_in_transaction(true);
  BOOST_TEST(activity.look(nullptr).in_transaction);
  BOOST_TEST(!activity.look(nullptr).running);
  activity.set_in_transaction(false);
  BOOST_TEST(!activity.look(nullptr).in_transaction);
}

BOOST_AUTO_TEST_CASE(texts_are_cut_at_1024_bytes_and_say_so) {
  BOOST_TEST(Activity::kSqlBytes == 1024U);
  for (const std::size_t length : {0U, 1U, 7U, 8U, 9U, 1023U, 1024U, 1025U, 5000U}) {
    BOOST_TEST_CONTEXT(length << " bytes") {
      std::string written;
      for (std::size_t i = 0; i < length; ++i) written += static_cast<char>('a' + i % 26);
      begin(0, written.c_str(), 100);
      Text text;
      const Activity::View view = activity.look(&text);
      BOOST_TEST(view.sql_bytes == std::min<std::size_t>(length, 1024));
      BOOST_TEST(view.sql_truncated == (length > 1024));
      BOOST_TEST(sql() == written.substr(0, 1024));
      end(0, 200);
    }
  }
  begin(0, nullptr, 300);
  BOOST_TEST(sql().empty());
}

BOOST_AUTO_TEST_CASE(thread_id_is_that_of_the_last_statements_thread) {
  begin(0, "SELECT 1", 100);
  end(0, 200);
  int other = 0;
  std::thread([&] {
    other = ::gettid();
    begin(0, "SELECT 1", 300);
    end(0, 400);
  }).join();
  BOOST_TEST(activity.look(nullptr).thread_id == other);
  begin(0, "SELECT 1", 500);
  BOOST_TEST(activity.look(nullptr).thread_id == ::gettid());
}

BOOST_AUTO_TEST_CASE(readers_never_see_a_text_that_belongs_to_another_statement) {
  // Statement n has the letter n % 26, n % 1024 + 1 times: letter and length identify it.
  std::vector<std::string> texts;
  for (std::size_t n = 0; n < 26 * 512; ++n)
    texts.emplace_back(n % 1024 + 1, static_cast<char>('a' + n % 26));
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> torn{0};
  std::atomic<std::int64_t> seen{0};
  std::atomic<std::int64_t> backwards{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      Text text;
      std::int64_t last = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        const Activity::View view = activity.look(&text);
        backwards += view.statement_seq < last;
        last = view.statement_seq;
        if (view.sql_bytes == 0) continue;  // none yet, or the writer was always faster
        const std::string& whole = texts[static_cast<std::size_t>(view.statement_seq - 1) % texts.size()];
        const bool same = std::string_view(text.data(), view.sql_bytes) == whole;
        torn += !same || view.started_ns != view.statement_seq;
        ++seen;
      }
    });
  }
  const std::int64_t until_ns = monotonic_ns() + 1'000'000'000;
  std::int64_t n = 0;
  // A second, and longer where the readers had no turn yet.
  while (monotonic_ns() < until_ns || (seen < 1000 && monotonic_ns() < until_ns + 30'000'000'000)) {
    for (int i = 0; i < 1000; ++i, ++n) {
      begin(0, texts[static_cast<std::size_t>(n) % texts.size()].c_str(), n + 1);
      end(0, n + 1);
    }
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  BOOST_TEST(torn == 0);
  BOOST_TEST(backwards == 0);
  BOOST_TEST(seen >= 1000);
  BOOST_TEST(activity.statement_seq() == n);
}

BOOST_AUTO_TEST_CASE(only_the_statement_that_is_meant_is_interrupted) {
  int calls = 0;
  const auto hit = [&](std::int64_t seq, bool writers = true) {
    return activity.interrupt(seq, writers, [&] { ++calls; });
  };
  BOOST_TEST(activity.running_seq() == 0);
  BOOST_TEST(!hit(0));
  BOOST_TEST(!hit(1));
  begin(0, "SELECT 1", 1000);
  BOOST_TEST(activity.running_seq() == 1);
  BOOST_TEST(!hit(2));
  BOOST_TEST(hit(1));
  BOOST_TEST(activity.interrupted_seq() == 1);
  BOOST_TEST(activity.end(statement(0), 2000).interrupted);
  BOOST_TEST(!hit(1));
  begin(0, "SELECT 1", 3000);
  BOOST_TEST(!hit(1));
  BOOST_TEST(!activity.end(statement(0), 4000).interrupted);
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_statement_that_writes_is_told_apart) {
  Activity::Traits traits;
  traits.writes = true;
  activity.begin(statement(0), "UPDATE t SET a = 1", 1000, traits);
  BOOST_TEST(activity.look(nullptr).writes);
  BOOST_TEST(!activity.interrupt(1, false, [] {}));
  BOOST_TEST(activity.interrupt(1, true, [] {}));
  end(0, 2000);
  BOOST_TEST(!activity.look(nullptr).writes);
  begin(1, "SELECT 1", 3000);
  BOOST_TEST(activity.interrupt(2, false, [] {}));
  activity.begin(statement(2), "UPDATE t SET a = 1", 4000, traits);  // beside the reader
  BOOST_TEST(!activity.interrupt(2, false, [] {}));
  end(2, 5000);
  BOOST_TEST(!activity.interrupt(2, false, [] {}));  // until nothing runs
  end(1, 6000);
  begin(1, "SELECT 1", 7000);
  BOOST_TEST(activity.interrupt(4, false, [] {}));
}

BOOST_AUTO_TEST_CASE(a_deadline_is_that_of_the_oldest_statement) {
  Activity::Traits traits;
  traits.timeout_ns = 500;
  activity.begin(statement(0), "SELECT 1", 1000, traits);
  BOOST_TEST(activity.deadline_ns() == 1500);
  BOOST_TEST(activity.look(nullptr).timeout_ns == 500);
  traits.timeout_ns = 50;
  activity.begin(statement(1), "SELECT 2", 1100, traits);
  BOOST_TEST(activity.deadline_ns() == 1500);
  end(0, 1200);
  BOOST_TEST(activity.deadline_ns() == 1150);
  end(1, 1300);
  begin(2, "SELECT 3", 1400);
  BOOST_TEST(activity.deadline_ns() == 0);
  BOOST_TEST(activity.look(nullptr).timeout_ns == 0);
}

BOOST_AUTO_TEST_CASE(what_runs_without_a_frame_has_a_number_and_no_deadline) {
  Activity::Traits traits;
  traits.timeout_ns = 500;
  for (std::size_t i = 0; i <= Activity::kFrames; ++i) activity.begin(statement(i), "SELECT 1", 1000, traits);
  for (std::size_t i = 0; i < Activity::kFrames; ++i) end(i, 2000);
  BOOST_TEST(activity.running());
  BOOST_TEST(activity.deadline_ns() == 0);
  BOOST_TEST(!activity.interrupt(1, true, [] {}));
  BOOST_TEST(activity.running_seq() > Activity::kFrames);
  BOOST_TEST(activity.interrupt(activity.running_seq(), true, [] {}));
  BOOST_TEST(!activity.interrupt(activity.running_seq(), false, [] {}));  // it may write
}

BOOST_AUTO_TEST_CASE(a_suspended_statement_runs_until_it_ends_or_another_begins) {
  begin(0, "SELECT 1", 1000);
  activity.suspend(1100);
  BOOST_TEST(activity.running());
  BOOST_TEST(end(0, 5000) == 4000);  // it went on
  BOOST_TEST(!activity.suspended());
  begin(0, "SELECT 1", 6000);
  activity.suspend(6100);
  begin(1, "SELECT 2", 9000);  // it did not
  BOOST_TEST(!activity.suspended());
  BOOST_TEST(activity.depth() == 1);
  BOOST_TEST(sql() == "SELECT 2");
  BOOST_TEST(end(1, 9500) == 500);
  BOOST_TEST(!activity.running());
}

BOOST_AUTO_TEST_CASE(transactions_are_counted_when_they_are_found_open) {
  activity.set_in_transaction(true);
  activity.set_in_transaction(true);
  BOOST_TEST(activity.transactions() == 1);
  activity.set_in_transaction(false);
  activity.set_in_transaction(true);
  BOOST_TEST(activity.transactions() == 2);
}

BOOST_AUTO_TEST_CASE(the_text_of_a_statement_that_runs_again_is_the_right_one) {
  Activity::Traits again;
  again.mark.slot = 3;  // the very statement that ran last at this address
  begin(0, "SELECT a", 1000);
  end(0, 1100);
  activity.begin(statement(0), "SELECT a", 1200, again);
  BOOST_TEST(sql() == "SELECT a");
  end(0, 1300);
  begin(1, "SELECT b", 1400);
  end(1, 1500);
  activity.begin(statement(0), "SELECT a", 1600, again);
  BOOST_TEST(sql() == "SELECT a");
  // Another at that address, first seen beside a third.
  end(0, 1700);
  begin(0, "SELECT a", 1800);
  begin(0, "SELECT x", 1900);
  end(0, 2000);
  end(0, 2100);
  activity.begin(statement(0), "SELECT x", 2200, again);
  BOOST_TEST(sql() == "SELECT x");
}

BOOST_AUTO_TEST_SUITE_END()
