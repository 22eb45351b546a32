// Statement statistics: how a run finds its slot, what is counted, what leaves when the store is full.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "../../watchdog/sql_text.hpp"
#include "../../watchdog/statements.hpp"

using warden::fingerprint_sql;
using warden::Shape;
using warden::StatementCounters;
using warden::StatementMark;
using warden::StatementSlots;
using warden::StatementStore;
using warden::StatementTotals;

namespace {

/// A prepared statement as SQLite counts it.
struct Prepared {
  std::string sql;
  std::int32_t runs = 0;
  StatementCounters counters{};
};

/// A connection: runs statements as the extension tells of them.
struct Connection {
  explicit Connection(StatementStore& store) { slots.use(store); }

  StatementMark begin(const Prepared& p) {
    StatementMark mark{slots.find(&p, p.sql.c_str(), p.runs), p.runs};
    if (mark.slot < 0 && p.runs > 0) mark.slot = slots.adopt(&p, p.sql.c_str(), p.runs, p.counters);
    if (mark.slot >= 0) ++found;
    return mark;
  }
  int end(Prepared& p, StatementMark mark, std::int64_t elapsed_ns, StatementCounters adds = {10}) {
    ++p.runs;
    p.counters.vm_steps += adds.vm_steps;
    p.counters.full_scan_steps += adds.full_scan_steps;
    p.counters.sorts += adds.sorts;
    p.counters.auto_indexes += adds.auto_indexes;
    p.counters.reprepares += adds.reprepares;
    StatementSlots::Run run;
    run.elapsed_ns = elapsed_ns;
    run.now_ns = ++clock;
    run.vm_steps = p.counters.vm_steps;
    return slots.end(&p, p.sql.c_str(), mark, run, [&] {
      ++reads;
      return p.counters;
    });
  }
  int run(Prepared& p, std::int64_t elapsed_ns = 1000, StatementCounters adds = {10}) {
    return end(p, begin(p), elapsed_ns, adds);
  }

  StatementSlots slots;
  std::int64_t clock = 0;
  int found = 0;  // begins that found their slot
  int reads = 0;  // how often all counters were read
};

/// What warden_statements would show of the shape.
StatementTotals totals_of(const StatementStore& store, const std::vector<const Connection*>& connections,
                          const std::string& sql) {
  StatementTotals sum;
  const auto take = [&](const std::shared_ptr<Shape>& shape, const StatementTotals& totals) {
    if (shape->fingerprint == fingerprint_sql(sql)) sum.add(totals);
  };
  store.each(take);
  for (const Connection* connection : connections) connection->slots.each(take);
  return sum;
}

struct Fixture {
  StatementStore store;
  Connection connection{store};
  StatementTotals totals(const std::string& sql) const { return totals_of(store, {&connection}, sql); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(statements, Fixture)

BOOST_AUTO_TEST_CASE(a_run_is_counted_with_its_time_and_its_counters) {
  Prepared p{"SELECT * FROM job WHERE id = 17"};
  connection.run(p, 2000, {100, 40, 1, 7, 1});
  connection.run(p, 6000, {60, 20, 1, 0, 0});
  const StatementTotals t = totals("SELECT * FROM job WHERE id = 4");
  BOOST_TEST(t.calls == 2);
  BOOST_TEST(t.total_ns == 8000);
  BOOST_TEST(t.min_ns == 2000);
  BOOST_TEST(t.max_ns == 6000);
  BOOST_TEST(t.mean_ns() == 4000);
  BOOST_TEST(t.stddev_ns() == 2000);
  BOOST_TEST(t.vm_steps == 160);
  BOOST_TEST(t.full_scan_steps == 60);
  BOOST_TEST(t.sorts == 2);
  BOOST_TEST(t.auto_indexes == 7);
  BOOST_TEST(t.reprepares == 1);
  BOOST_TEST(t.peak_bytes == -1);
  BOOST_TEST(t.first_ns == 1);
  BOOST_TEST(t.last_ns == 2);
}

BOOST_AUTO_TEST_CASE(the_same_prepared_statement_is_found_without_looking_at_its_text) {
  Prepared p{"SELECT 1"};
  connection.run(p);
  for (int i = 0; i < 5; ++i) connection.run(p);
  BOOST_TEST(connection.found == 5);
  BOOST_TEST(totals("SELECT 1").calls == 6);
}

BOOST_AUTO_TEST_CASE(another_statement_at_the_same_address_is_told_apart) {
  Prepared p{"SELECT a FROM t"};
  connection.run(p);
  connection.run(p);
  const char* before = p.sql.c_str();
  p = Prepared{"SELECT b FROM u"};  // as after finalize and prepare; short texts keep their address, too
  BOOST_REQUIRE(p.sql.c_str() == before);
  connection.run(p);
  connection.run(p);
  BOOST_TEST(totals("SELECT a FROM t").calls == 2);
  BOOST_TEST(totals("SELECT b FROM u").calls == 2);
  BOOST_TEST(totals("SELECT b FROM u").vm_steps == 20);
}

BOOST_AUTO_TEST_CASE(a_statement_that_is_gone_gets_nothing_of_the_one_at_its_address) {
  Prepared other{"SELECT y FROM u"};
  Prepared p{"SELECT a FROM t"};
  connection.run(p);
  p = Prepared{"SELECT b FROM t"};
  for (int i = 0; i < 10; ++i) {
    connection.run(p);
    connection.run(other);  // so that the last one is never it
  }
  BOOST_TEST(totals("SELECT a FROM t").calls == 1);
  BOOST_TEST(totals("SELECT b FROM t").calls == 10);
  BOOST_TEST(totals("SELECT b FROM t").vm_steps == 100);
}

BOOST_AUTO_TEST_CASE(after_a_time_unseen_no_statement_is_known_by_its_address) {
  Prepared p{"SELECT a FROM t"};
  connection.run(p);
  connection.slots.forget_statements();
  p = Prepared{"SELECT b FROM t"};
  p.runs = 1;  // as many runs as were seen of the other
  connection.run(p);
  BOOST_TEST(totals("SELECT a FROM t").calls == 1);
  BOOST_TEST(totals("SELECT b FROM t").calls == 1);
}

BOOST_AUTO_TEST_CASE(a_statement_that_ran_unseen_counts_only_what_is_seen) {
  Prepared p{"SELECT 1"};
  p.runs = 7;
  p.counters = {7000, 100, 3, 2, 1};
  connection.run(p, 1000, {10, 4, 1, 0, 0});
  BOOST_TEST(totals("SELECT 1").vm_steps == 10);
  BOOST_TEST(totals("SELECT 1").full_scan_steps == 4);
  BOOST_TEST(totals("SELECT 1").sorts == 1);
  BOOST_TEST(totals("SELECT 1").reprepares == 0);
}

BOOST_AUTO_TEST_CASE(counters_that_wrap_or_are_set_back_by_the_host_count_right) {
  Prepared p{"SELECT 1"};
  p.runs = 1;
  p.counters.vm_steps = static_cast<std::int32_t>(0xFFFFFFF0U);
  StatementMark mark = connection.begin(p);
  p.counters.vm_steps = 0x10 - 10;  // wrapped; end() adds 10
  connection.end(p, mark, 1'000'000);
  BOOST_TEST(totals("SELECT 1").vm_steps == 0x20);
  mark = connection.begin(p);
  p.counters.vm_steps = 0;  // sqlite3_stmt_status(..., reset)
  connection.end(p, mark, 1'000'000, {5});
  BOOST_TEST(totals("SELECT 1").vm_steps == 0x25);
}

BOOST_AUTO_TEST_CASE(quiet_runs_read_one_counter_and_no_scan_is_lost) {
  Prepared p{"SELECT * FROM t WHERE id = ?"};
  for (int i = 0; i < 20; ++i) connection.run(p, 1000, {9});
  BOOST_TEST(connection.reads <= 2);
  connection.run(p, 1000, {29, 10});  // another path: all are read
  connection.run(p, 1000, {9});
  connection.run(p, 1000, {9, 3});  // as many steps, and yet a scan: seen with the next run that differs
  connection.run(p, 1000, {7});
  BOOST_TEST(totals("SELECT * FROM t WHERE id = 1").full_scan_steps == 13);
  BOOST_TEST(totals("SELECT * FROM t WHERE id = 1").vm_steps == 20 * 9 + 29 + 9 + 9 + 7);
}

BOOST_AUTO_TEST_CASE(texts_of_one_shape_share_a_row_and_few_slots) {
  std::vector<Prepared> all;
  for (int i = 0; i < 100; ++i) all.push_back({"SELECT name FROM t WHERE id = " + std::to_string(i)});
  Prepared other{"SELECT count(*) FROM t"};
  connection.run(other);
  for (Prepared& p : all) connection.run(p);
  const int before = connection.found;
  connection.run(other);
  BOOST_TEST(connection.found == before + 1);  // the hundred texts did not drive it out
  BOOST_TEST(totals("SELECT name FROM t WHERE id = 1").calls == 100);
  BOOST_TEST(store.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_connection_with_more_shapes_than_slots_loses_nothing) {
  std::vector<Prepared> all;
  for (int i = 0; i < 100; ++i) all.push_back({"SELECT c" + std::to_string(i) + " FROM t"});
  for (int round = 0; round < 3; ++round) {
    for (Prepared& p : all) connection.run(p, 1000, {10, 5});
  }
  for (const Prepared& p : all) {
    BOOST_TEST(totals(p.sql).calls == 3);
    BOOST_TEST(totals(p.sql).vm_steps == 30);
    BOOST_TEST(totals(p.sql).full_scan_steps == 15);
    BOOST_TEST(totals(p.sql).total_ns == 3000);
  }
}

BOOST_AUTO_TEST_CASE(interleaved_statements_are_counted_each_for_itself) {
  Prepared a{"SELECT a FROM t"};
  Prepared b{"SELECT b FROM t"};
  for (int i = 0; i < 3; ++i) {
    const StatementMark first = connection.begin(a);
    const StatementMark second = connection.begin(b);
    connection.end(a, first, 100, {10, 1});
    connection.end(b, second, 200, {20, 2});
  }
  BOOST_TEST(totals(a.sql).vm_steps == 30);
  BOOST_TEST(totals(b.sql).vm_steps == 60);
  BOOST_TEST(totals(b.sql).full_scan_steps == 6);
}

BOOST_AUTO_TEST_CASE(a_slot_that_was_given_up_while_its_statement_ran_counts_the_call) {
  Prepared a{"SELECT a FROM t"};
  connection.run(a, 100, {10});
  const StatementMark mark = connection.begin(a);
  std::vector<Prepared> others;
  for (std::size_t i = 0; i < StatementSlots::kSlots + 1; ++i)
    others.push_back({"SELECT c" + std::to_string(i) + " FROM t"});
  for (Prepared& p : others) connection.run(p);
  connection.end(a, mark, 300, {10});
  BOOST_TEST(totals(a.sql).calls == 2);
  BOOST_TEST(totals(a.sql).total_ns == 400);
}

BOOST_AUTO_TEST_CASE(what_a_connection_held_stays_when_it_closes) {
  Prepared p{"SELECT 1"};
  {
    Connection other(store);
    other.run(p);
  }
  BOOST_TEST(totals("SELECT 1").calls == 1);
}

BOOST_AUTO_TEST_CASE(connections_add_up) {
  Connection other(store);
  Prepared mine{"SELECT 1"};
  Prepared theirs{"SELECT 2"};
  connection.run(mine, 1000);
  other.run(theirs, 5000);
  const StatementTotals t = totals_of(store, {&connection, &other}, "SELECT 3");
  BOOST_TEST(t.calls == 2);
  BOOST_TEST(t.min_ns == 1000);
  BOOST_TEST(t.max_ns == 5000);
}

BOOST_AUTO_TEST_CASE(the_least_used_leave_and_are_counted) {
  store.resize(20);
  std::vector<Prepared> often;
  for (int i = 0; i < 5; ++i) often.push_back({"SELECT often" + std::to_string(i) + " FROM t"});
  for (Prepared& p : often) {
    for (int n = 0; n < 10; ++n) connection.run(p);
  }
  for (int i = 0; i < 1000; ++i) {
    Prepared once{"SELECT once" + std::to_string(i) + " FROM t"};
    connection.run(once);
  }
  BOOST_TEST(store.size() <= 20U);
  BOOST_TEST(store.left() > 900);
  for (const Prepared& p : often) BOOST_TEST(totals(p.sql).calls == 10);
}

BOOST_AUTO_TEST_CASE(a_smaller_store_keeps_the_most_used) {
  Prepared often{"SELECT often FROM t"};
  {
    Connection closing(store);
    for (int i = 0; i < 3; ++i) closing.run(often);
    for (int i = 0; i < 30; ++i) {
      Prepared once{"SELECT once" + std::to_string(i) + " FROM t"};
      closing.run(once);
    }
  }
  store.resize(10);
  BOOST_TEST(store.size() == 10U);
  BOOST_TEST(totals(often.sql).calls == 3);
}

BOOST_AUTO_TEST_CASE(a_reset_forgets_what_slots_hold_too) {
  Prepared p{"SELECT 1"};
  connection.run(p);
  store.reset();
  BOOST_TEST(totals("SELECT 1").calls == 0);
  connection.run(p);
  BOOST_TEST(totals("SELECT 1").calls == 1);
  BOOST_TEST(totals("SELECT 1").vm_steps == 10);
}

BOOST_AUTO_TEST_CASE(a_reset_while_a_statement_runs_counts_it_afterwards) {
  Prepared p{"SELECT 1"};
  connection.run(p);
  const StatementMark mark = connection.begin(p);
  store.reset();
  connection.end(p, mark, 1000);
  BOOST_TEST(totals("SELECT 1").calls == 1);
}

BOOST_AUTO_TEST_CASE(a_huge_text_is_one_bounded_entry) {
  Prepared p{"SELECT * FROM t WHERE a IN (" + std::string(5'000'000, '1') + ",2)"};
  Prepared names{"SELECT " + [] {
    std::string all;
    for (int i = 0; i < 200'000; ++i) all += "column_" + std::to_string(i) + ", ";
    return all;
  }() + "1"};
  connection.run(p);
  connection.run(names);
  std::map<std::uint64_t, std::size_t> sizes;
  connection.slots.each(
      [&](const auto& shape, const auto&) { sizes[shape->fingerprint] = shape->sql.size(); });
  BOOST_TEST(sizes.at(fingerprint_sql(p.sql)) < 64U);
  BOOST_TEST(sizes.at(fingerprint_sql(names.sql)) <= Shape::kSqlBytes);
}

BOOST_AUTO_TEST_CASE(readers_beside_a_busy_connection_see_sums_that_only_grow) {
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    std::vector<Prepared> all;
    for (int i = 0; i < 40; ++i)
      all.push_back({"SELECT c" + std::to_string(i) + " FROM t"});  // more than slots
    while (!stop) {
      for (Prepared& p : all) connection.run(p, 100);
    }
  });
  std::int64_t before = 0;
  for (int i = 0; i < 200; ++i) {
    std::int64_t calls = 0;
    const auto take = [&](const auto&, const StatementTotals& totals) { calls += totals.calls; };
    connection.slots.each(take);
    std::int64_t stored = 0;
    store.each([&](const auto&, const StatementTotals& totals) { stored += totals.calls; });
    // A slot may move into the store between the two readings, and is then seen twice, never missed.
    BOOST_TEST(calls + stored >= before);
    before = stored;
  }
  stop = true;
  worker.join();
}

BOOST_AUTO_TEST_SUITE_END()
