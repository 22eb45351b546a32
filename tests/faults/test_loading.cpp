// Out of memory while warden is loaded, while a connection opens, and at what a connection does for the first time.
#include <boost/test/unit_test.hpp>
#include <functional>

#include "allocations.hpp"
#include "figures.hpp"
#include "runs.hpp"

namespace warden::test {
namespace {

/// Fails allocation 1, 2, 3, ... of `body`, all of them, until none fails. `body` makes its own peace before and after what it
/// arms, and is told whether something failed by cancel_failure().
void at_every_allocation(Heap heap, bool lasting, const std::function<void(const FailurePlan&)>& body) {
  for (std::int64_t place = 1; place < 100'000; ++place) {
    // What warden's tables of connections have grown to stays; what leaks grows again each time.
    int growths = 0;
    for (bool grows = true; grows; growths += grows ? 1 : 0) {
      const std::int64_t held = warden_blocks();
      body({heap, place, lasting});
      grows = warden_blocks() > held;
      if (growths == 4)
        throw std::runtime_error("a leak, with allocation " + std::to_string(place) + " failing");
    }
    if (allocations_counted() < place) return;
    Figures& f = figures();
    ++(heap == Heap::sqlite ? lasting ? f.sqlite_lasting : f.sqlite_once
       : lasting            ? f.warden_lasting
                            : f.warden_once);
  }
  throw std::runtime_error("it never succeeds");
}

void in_every_way(const std::function<void(const FailurePlan&)>& body) {
  ++figures().operations;
  for (const Heap heap : {Heap::sqlite, Heap::warden}) {
    for (const bool lasting : {false, true}) at_every_allocation(heap, lasting, body);
  }
}

std::string where(const FailurePlan& plan) {
  return std::string(plan.heap == Heap::sqlite ? "SQLite's" : "warden's") + " allocation " +
         std::to_string(plan.first) + (plan.lasting ? " and later ones: " : ": ");
}

int load(sqlite3* db, std::string& message) {
  char* text = nullptr;
  int rc = SQLITE_OK;
  {
    const Armed now;
    rc = sqlite3_load_extension(db, WARDEN_SO, nullptr, &text);
  }
  message = text == nullptr ? "" : text;
  sqlite3_free(text);
  return rc;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loading_without_memory)

BOOST_AUTO_TEST_CASE(a_load_that_fails_leaves_a_connection_that_works_and_can_load_later) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    fill_statistics(Db().load().get());
    in_every_way([&](const FailurePlan& plan) {
      sqlite3_reset_auto_extension();
      {
        Db db;
        sqlite3_enable_load_extension(db.get(), 1);
        plan_failure(plan);
        std::string message;
        const int rc = load(db.get(), message);
        const bool happened = cancel_failure() > 0;
        if (rc != SQLITE_OK && !happened)
          throw std::runtime_error(where(plan) + "an error without a reason: " + message);
        if (db.one("SELECT 1 + 1") != "2")
          throw std::runtime_error(where(plan) + "the connection is unusable");
        if (rc == SQLITE_OK && db.one("SELECT total_jobs FROM (SELECT 5 AS total_jobs)") != "5") return;
        db.load().rows(kTables);
        if (db.one("SELECT count(*) FROM warden_connections") != "1")
          throw std::runtime_error(where(plan) + "the connection is not there once");
        if (db.one("SELECT total_jobs FROM job_stats") != "7")
          throw std::runtime_error(where(plan) + "no second chance");
      }
    });
    return no_leak_is_found() ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(the_first_load_of_a_process_that_fails_can_be_made_later) {
  // Each in a process of its own: what warden has one of for the process is made at its first load.
  for (const Heap heap : {Heap::sqlite, Heap::warden}) {
    for (const bool lasting : {false, true}) {
      for (std::int64_t place = 1;; ++place) {
        const int status = in_patient_child([&] {
          make_allocations_fail_on_demand();
          Db db;
          sqlite3_enable_load_extension(db.get(), 1);
          plan_failure({heap, place, lasting});
          std::string message;
          const int rc = load(db.get(), message);
          const bool happened = cancel_failure() > 0;
          if (rc != SQLITE_OK && !happened) return 1;
          if (db.one("SELECT 1 + 1") != "2") return 2;
          db.load();
          if (db.one("SELECT count(*) FROM warden_connections") != "1") return 3;
          Db later;
          if (later.one("SELECT count(*) FROM warden_connections") != "2") return 4;
          if (!no_leak_is_found()) return 5;
          return happened ? 0 : 42;
        });
        if (status == 42) break;
        BOOST_TEST(status == 0, "heap " << static_cast<int>(heap) << ", place " << place << ": " << status);
        // The first forty one by one; of the many that register functions, and of new processes, a few are enough.
        if (place > 40 && !is_thorough()) place += 12;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_connection_opens_as_if_warden_were_not_there) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    Db first;
    first.load().rows("SELECT warden_set('cache_size', '1MiB'), warden_set('temp_store', 'file')");
    fill_statistics(first.get());
    int opened = 0;
    in_every_way([&](const FailurePlan& plan) {
      sqlite3* db = nullptr;
      plan_failure(plan);
      int rc = SQLITE_OK;
      {
        const Armed now;
        rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
      }
      const bool happened = cancel_failure() > 0;
      if (rc == SQLITE_OK) {
        opened += happened ? 1 : 0;
        if (sqlite3_errcode(db) != SQLITE_OK) throw std::runtime_error(where(plan) + "an error is left");
        if (rows_of(db, "SELECT 1 + 1").front() != "2") throw std::runtime_error(where(plan) + "unusable");
      } else if (plan.heap == Heap::warden || (rc & 0xff) != SQLITE_NOMEM || !happened) {
        throw std::runtime_error(where(plan) + "the open fails with " + std::to_string(rc));
      }
      sqlite3_close(db);
      if (first.one("SELECT count(*) FROM warden_connections") != "1")
        throw std::runtime_error(where(plan) + "a connection that is closed is still listed");
    });
    if (!no_leak_is_found()) return 1;
    return opened > 20 ? 0 : 2;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(the_first_job_statistic_of_a_connection_that_fails_can_be_had_later) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    const std::string sql = "SELECT total_jobs FROM job_stats('{\"node\":{\"eq\":\"a2\"}}', 'cluster')";
    in_every_way([&](const FailurePlan& plan) {
      Db db;
      db.load().rows(kTables);
      plan_failure(plan);
      const Outcome got = run(db.get(), sql);
      const bool happened = cancel_failure() > 0;
      const bool is_right = got.code == SQLITE_OK && got.rows == std::vector<std::string>{"1"};
      if (!is_right && (!happened || (got.code & 0xff) != SQLITE_NOMEM))
        throw std::runtime_error(where(plan) + to_string(got));
      if (db.rows(sql) != std::vector<std::string>{"1"})
        throw std::runtime_error(where(plan) + "no second chance");
    });
    return no_leak_is_found() ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
