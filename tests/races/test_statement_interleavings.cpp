// What statements cost, counted, read, forgotten and pushed out in every order that threads can take turns in: no run counts
// twice, none that ended before a reset counts after it, and with room for all none is lost.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>

#include "../../watchdog/sql_text.hpp"
#include "../unit/fakes.hpp"
#include "figures.hpp"
#include "turns.hpp"

namespace warden::test {

BOOST_AUTO_TEST_SUITE(statement_interleavings)

#if WARDEN_CHECKS_LOCKS

namespace {

/// A prepared statement of a shape, as SQLite counts it.
struct Prepared {
  explicit Prepared(int shape) : sql("SELECT c" + std::to_string(shape) + " FROM t") {}
  std::string sql;
  std::int32_t runs = 0;
};

/// Connections whose statements are counted, somebody who reads, and somebody who resets.
struct Counting {
  Machine machine;
  Guarded guarded{machine, {"WARDEN_WATCHDOG=0"}};
  Warden& warden = guarded.warden;
  std::shared_ptr<FakeConnection> a, b;
  std::size_t most = 1000;
  int runs_before = 0;                      // of shape 1, of a, in its slot and in the store
  std::array<std::atomic<int>, 4> ended{};  // runs that have ended, by shape
  std::atomic<int> ended_before_reset{0};   // of these, before a reset began
  std::atomic<int> begun_after_reset{0};    // ... and after it was done
  std::atomic<bool> reset_begun{false}, reset_done{false};
  std::atomic<int> read_twice{0};

  ~Counting() {
    // Before the store goes, which they give up to.
    for (auto* c : {&a, &b}) {
      if (*c != nullptr) warden.registry.remove((*c)->id);
    }
  }

  void begin_anew() {
    warden.statements.reset();
    warden.statements.resize(most);
    for (auto& n : ended) n = 0;
    ended_before_reset = begun_after_reset = 0;
    reset_begun = reset_done = false;
    for (auto* c : {&a, &b}) {
      if (*c != nullptr) warden.registry.remove((*c)->id);
      *c = guarded.connect();
      (*c)->statements.use(warden.statements);
    }
    if (runs_before > 0) {
      run(*a, 1, runs_before);
      a->statements.close();
      run(*a, 1, 1);
    }
  }

  void run(Connection& connection, int shape, int times) {
    Prepared statement(shape);
    for (; times > 0; --times) {
      const bool after = reset_done;
      StatementSlots& slots = connection.statements;
      StatementMark mark{slots.find(&statement, statement.sql.c_str(), statement.runs), statement.runs};
      StatementSlots::Run told;
      told.elapsed_ns = told.now_ns = 1000;
      told.vm_steps = 10 * ++statement.runs;
      ++ended[static_cast<std::size_t>(shape)];  // a reader may count it from here on
      slots.end(&statement, statement.sql.c_str(), mark, told,
                [&] { return StatementCounters{told.vm_steps}; });
      if (!reset_begun) ++ended_before_reset;
      if (after) ++begun_after_reset;
    }
    connection.statements.forget_statements();
  }

  std::map<std::uint64_t, std::int64_t> calls() {
    std::vector<const Shape*> seen;
    seen.reserve(100);
    std::map<std::uint64_t, std::int64_t> found;
    warden.each_statement(seen, [&](const std::shared_ptr<Shape>& shape, const StatementTotals& totals) {
      found[shape->fingerprint] += totals.calls;
    });
    return found;
  }
  static std::uint64_t fingerprint(int shape) { return fingerprint_sql(Prepared(shape).sql); }

  // What the threads do.
  void run_and_close_a() {
    run(*a, 1, 2);
    a->statements.close();
    run(*a, 2, 1);
  }
  void run_and_close_b() {
    run(*b, 1, 1);
    run(*b, 2, 1);
    b->statements.close();
  }
  void push_out() {
    run(*b, 2, 1);
    b->statements.close();
  }
  void close_a() {
    a->statements.close();
    run(*a, 3, 1);
    a->statements.close();
  }
  void read() {
    auto found = calls();
    for (const int shape : {1, 2, 3}) {
      if (found[fingerprint(shape)] > ended[static_cast<std::size_t>(shape)]) ++read_twice;
    }
  }
  void reset() {
    reset_begun = true;
    warden.statements.reset();
    reset_done = true;
  }

  void explore(const std::vector<void (Counting::*)()>& parts, int stops, std::int64_t orders,
               const std::function<void()>& check) {
    const auto bodies = [&] {
      begin_anew();
      std::vector<Turns::Body> made;
      for (const auto part : parts) made.emplace_back([this, part] { (this->*part)(); });
      return made;
    };
    const Turns::Explored explored = Turns::explore(stops, orders, bodies, check);
    Turns::wander(orders / 4, seed(), bodies, check);
    figures.interleavings += explored.runs + orders / 4;
    figures.of_statements += explored.runs + orders / 4;
    BOOST_TEST((explored.all || explored.runs == orders));
    BOOST_TEST(explored.runs >= 100);
    BOOST_TEST(read_twice == 0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(two_connections_of_the_same_shapes_count_each_run_once_beside_who_reads, Counting) {
  explore({&Counting::run_and_close_a, &Counting::run_and_close_b, &Counting::read}, 2, 400, [&] {
    auto found = calls();
    BOOST_TEST(found[fingerprint(1)] == 3);
    BOOST_TEST(found[fingerprint(2)] == 2);
    BOOST_TEST(warden.statements.size() == 2U);
  });
}

BOOST_FIXTURE_TEST_CASE(a_shape_that_leaves_and_comes_back_is_read_once, Counting) {
  most = 1;
  runs_before = 3;
  explore({&Counting::push_out, &Counting::close_a, &Counting::read}, 3, 1500, [&] { read(); });
}

BOOST_FIXTURE_TEST_CASE(what_ended_before_a_reset_is_forgotten_and_what_began_after_it_is_counted, Counting) {
  const auto check = [&] {
    int all = 0;
    for (const auto& n : ended) all += n;
    std::int64_t counted = 0;
    for (const auto& [fingerprint, calls] : calls()) counted += calls;
    BOOST_TEST(counted <= all - ended_before_reset);
    BOOST_TEST(counted >= begun_after_reset);
  };
  explore({&Counting::run_and_close_a, &Counting::reset}, 3, 400, check);
  explore({&Counting::run_and_close_a, &Counting::run_and_close_b, &Counting::reset}, 2, 600, check);
}

#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
