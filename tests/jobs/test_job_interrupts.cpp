// Each of the job statistics ends when it is told to: by its deadline, by warden_cancel, by sqlite3_interrupt. The jobs here
// have no end, so nothing else ends them; and what they held is given back.
#include <time.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "job_host.hpp"

namespace warden::test {
namespace {

struct Endless {
  Db db;
  std::atomic<std::int64_t> rows_read{0};

  Endless() {
    db.load();
    sqlite3_create_function_v2(
        db.get(), "noted", 1, SQLITE_UTF8, &rows_read,
        [](sqlite3_context* context, int, sqlite3_value** arguments) {
          ++*static_cast<std::atomic<std::int64_t>*>(sqlite3_user_data(context));
          sqlite3_result_value(context, arguments[0]);
        },
        nullptr, nullptr, nullptr);
    // Footprints of every kind: read at once, left to SQLite, no JSON.
    db.rows(
        "CREATE VIEW job AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT noted(n) + 1 FROM c) SELECT n "
        "AS id, n AS "
        "job_id, 'u' || (n % 7) AS hpc_user, 'p' AS project, 'c' AS cluster, 's' AS subcluster, n % 1000 AS "
        "start_time, NULL "
        "AS cluster_partition, 0 AS array_job_id, n % 5 AS num_nodes, 1 AS num_hwthreads, 0 AS num_acc, "
        "'none' AS shared, 1 "
        "AS monitoring_status, 1 AS smt, 'completed' AS job_state, n % 90000 AS duration, 1 AS walltime, "
        "'[{\"hostname\":\"h' || n || '\"}]' AS resources, "
        "CASE n % 3 WHEN 0 THEN '{\"a\":1.5}' WHEN 1 THEN '{\"a\":1e1}' ELSE '{' END AS footprint, 0.5 AS "
        "energy, '{\"jobName\":\"j' || n || '\"}' AS "
        "meta_data FROM c");
  }
  ~Endless() { db.rows("SELECT warden_timeout(NULL)"); }

  /// The code that a statement ends with.
  int code_of(const std::string& sql) {
    rows_read = 0;
    try {
      db.rows(sql);
    } catch (const SqlError& e) {
      return e.code;
    }
    return SQLITE_OK;
  }
  /// Runs each statement; `stop` is called, on another thread, when its rows are being read.
  template <class F>
  void each_stopped(F&& stop);
};

const std::vector<std::string> kEndless{
    "SELECT total_jobs FROM job_stats",
    "SELECT * FROM job_stats(NULL, 'user')",
    "SELECT * FROM job_stats('{\"metricStats\":[{\"metricName\":\"a\",\"range\":{\"from\":1}}]}', 'project')",
    "SELECT * FROM job_histogram(NULL, 'duration')",
    "SELECT * FROM job_histogram(NULL, 'num_nodes')",
    "SELECT * FROM job_metric_histogram(NULL, '[\"a\"]')",
    "SELECT * FROM job_page(NULL, '[\"a\"]')",
    "SELECT count(*) FROM jobs",
    "SELECT * FROM jobs(NULL, 'footprint.a DESC', 10, 1)",
    "SELECT * FROM jobs('{\"metricStats\":[{\"metricName\":\"a\",\"range\":{\"from\":5}}]}', NULL, 10, 1)",
    "SELECT job_count('{\"user\":{\"eq\":\"u1\"}}')",
    "SELECT job_count('{\"metricStats\":[{\"metricName\":\"a\"}]}')",
    "SELECT job_count('{\"node\":{\"contains\":\"x\"},\"jobName\":{\"eq\":\"x\"}}')"};

template <class F>
void Endless::each_stopped(F&& stop) {
  for (const std::string& sql : kEndless) {
    BOOST_TEST_CONTEXT(sql) {
      std::int64_t before = 0;
      for (const bool again : {false, true}) {
        rows_read = 0;
        if (again) before = sqlite3_memory_used();
        std::atomic<int> code{SQLITE_OK};
        std::thread statement([&] { code = code_of(sql); });
        BOOST_TEST(eventually([&] { return rows_read.load() > 1000; }));
        stop();
        statement.join();
        BOOST_TEST(code.load() == SQLITE_INTERRUPT);
        BOOST_TEST(sqlite3_next_stmt(db.get(), nullptr) == nullptr);
        BOOST_TEST(db.one("SELECT 1") == "1");
      }
      // The second time everything that stays is there.
      BOOST_TEST(sqlite3_memory_used() <= before + 16'384);
    }
  }
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_interrupts, Endless)

BOOST_AUTO_TEST_CASE(by_a_deadline) {
  db.rows("SELECT warden_timeout(30)");
  for (const std::string& sql : kEndless) {
    BOOST_TEST(code_of(sql) == SQLITE_INTERRUPT, sql);
    const std::int64_t before = sqlite3_memory_used();
    BOOST_TEST(code_of(sql) == SQLITE_INTERRUPT, sql);
    BOOST_TEST(sqlite3_memory_used() <= before + 16'384, sql);
    BOOST_TEST(sqlite3_next_stmt(db.get(), nullptr) == nullptr);
  }
  db.rows("SELECT warden_timeout(NULL)");
  BOOST_TEST(
      db.one("SELECT cancels > 0 FROM warden_connections WHERE connection_id = warden_connection_id()") ==
      "1");
  // Counted for the statement that had the deadline.
  BOOST_TEST(
      db.number(
          "SELECT min(cancels) FROM warden_statements WHERE sql LIKE 'SELECT total_jobs FROM job_stats'") >
      0);
}

BOOST_AUTO_TEST_CASE(by_sqlite3_interrupt) {
  each_stopped([&] { sqlite3_interrupt(db.get()); });
}

BOOST_AUTO_TEST_CASE(by_warden_cancel) {
  const std::string id = db.one("SELECT warden_connection_id()");
  const Db other;
  each_stopped([&] { BOOST_TEST(other.one("SELECT warden_cancel(" + id + ")") == "1"); });
}

BOOST_AUTO_TEST_CASE(the_text_is_that_of_an_interrupt) {
  db.rows("SELECT warden_timeout(20)");
  for (const std::string& sql : kEndless)
    BOOST_TEST(db.error(sql) == "interrupted", sql << ": " << db.error(sql));
}

/// CPU time of this thread.
std::int64_t thread_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

BOOST_AUTO_TEST_CASE(what_comes_after_the_last_row_is_not_waited_for) {
  // Interrupts when the statement that reads the jobs has read them all: its auxiliary data go.
  static std::int64_t interrupted_ms = 0;
  sqlite3_create_function_v2(
      db.get(), "interrupts_later", 1, SQLITE_UTF8, nullptr,
      [](sqlite3_context* context, int, sqlite3_value** arguments) {
        if (sqlite3_get_auxdata(context, 0) == nullptr) {
          sqlite3_set_auxdata(context, 0, sqlite3_context_db_handle(context), [](void* connection) {
            interrupted_ms = thread_ms();
            sqlite3_interrupt(static_cast<sqlite3*>(connection));
          });
        }
        sqlite3_result_value(context, arguments[0]);
      },
      nullptr, nullptr, nullptr);
  db.rows(
      "CREATE VIEW many AS WITH RECURSIVE c(n) AS (SELECT interrupts_later(1) UNION ALL SELECT n + 1 FROM c "
      "WHERE n < 200000) SELECT n AS id, n * 7919 % 500009 AS num_nodes FROM c");
  for (const std::string sql : {"SELECT count(*) FROM job_histogram(NULL, 'num_nodes', NULL, 'many')",
                                "SELECT count(*) FROM job_stats(NULL, 'num_nodes', 'many')"}) {
    const std::int64_t began_ms = thread_ms();
    BOOST_TEST(code_of(sql) == SQLITE_INTERRUPT, sql);
    const std::int64_t after_ms = thread_ms() - interrupted_ms;
    BOOST_TEST(after_ms < (interrupted_ms - began_ms) / 5, sql << ": " << after_ms << " ms");
  }
}

BOOST_AUTO_TEST_CASE(in_the_list_of_what_was_counted) {
  // No row is read any more: a statement is run now and then to find out.
  db.rows(
      "CREATE TABLE many(id INTEGER PRIMARY KEY, hpc_user TEXT); INSERT INTO many(hpc_user) WITH RECURSIVE "
      "n(i) AS "
      "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) SELECT 'u' || i FROM n");
  const std::string sql =
      "SELECT count(*), count(DISTINCT group_key) FROM job_stats(NULL, 'user') WHERE source = 'many'";
  BOOST_TEST(db.one(sql) == "40000|40000");
  static int looks = 0;
  looks = 0;
  sqlite3_trace_v2(
      db.get(), SQLITE_TRACE_STMT,
      [](unsigned, void* connection, void*, void* text) {
        if (std::string(static_cast<const char*>(text)) != "-- SELECT 1") return 0;
        ++looks;
        sqlite3_interrupt(static_cast<sqlite3*>(connection));
        return 0;
      },
      db.get());
  BOOST_TEST(code_of(sql) == SQLITE_INTERRUPT);
  BOOST_TEST(looks == 1);
  sqlite3_trace_v2(db.get(), 0, nullptr, nullptr);
  BOOST_TEST(db.one(sql) == "40000|40000");
}

BOOST_AUTO_TEST_CASE(a_passed_deadline_ends_a_transaction_cleanly) {
  db.rows("CREATE TABLE mine(a); BEGIN; INSERT INTO mine VALUES (1)");
  db.rows("SELECT warden_timeout(20)");
  BOOST_TEST(code_of("SELECT * FROM job_stats") == SQLITE_INTERRUPT);
  db.rows("SELECT warden_timeout(NULL)");
  BOOST_TEST(sqlite3_get_autocommit(db.get()) == 0);
  db.rows("COMMIT");
  BOOST_TEST(db.one("SELECT a FROM mine") == "1");
}

BOOST_AUTO_TEST_CASE(a_progress_handler_of_the_host_is_heard) {
  sqlite3_progress_handler(
      db.get(), 1000, [](void*) { return 1; }, nullptr);
  for (const std::string& sql : kEndless) BOOST_TEST(code_of(sql) == SQLITE_INTERRUPT, sql);
  sqlite3_progress_handler(db.get(), 0, nullptr, nullptr);
  BOOST_TEST(db.one("SELECT 1") == "1");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(an_interrupt_while_sqlite_makes_a_table_for_us_is_told_as_one) {
  // SQLite tells of it as an error of json_tree or pragma_...; each connection makes them once. Interrupted at the nth
  // question to the authorizer while the statement runs: whatever of ours is prepared then meets it.
  struct Nth {
    sqlite3* db;
    int left = 0;
  };
  const TempDir dir;
  const std::string file = dir.file("interrupted.db");
  {
    const SixJobs jobs(file);
    jobs.db.rows("CREATE VIRTUAL TABLE job_index USING job_columns(source=job)");
  }
  for (const std::string question :
       {"SELECT * FROM job_stats(NULL, 'user')", "SELECT * FROM job_stats('{\"user\":{\"eq\":\"alice\"}}')",
        "SELECT * FROM job_page(NULL, '[\"mem_bw_avg\"]')",
        "SELECT job_count('{\"node\":{\"contains\":\"f\"}}')",
        "SELECT count(*) FROM jobs(NULL, 'footprint.mem_bw_avg')", "SELECT job_engine(NULL)"}) {
    int interrupted = 0;
    bool is_through = false;
    for (int n = 1; !is_through; ++n) {
      Db fresh(file);  // which has not made any of them
      fresh.load();
      Nth nth{fresh.get()};
      sqlite3_set_authorizer(
          fresh.get(),
          [](void* state, int, const char*, const char*, const char*, const char*) {
            auto& when = *static_cast<Nth*>(state);
            if (when.left > 0 && --when.left == 0) sqlite3_interrupt(when.db);
            return SQLITE_OK;
          },
          &nth);
      sqlite3_stmt* statement = nullptr;
      BOOST_REQUIRE(sqlite3_prepare_v2(fresh.get(), question.c_str(), -1, &statement, nullptr) == SQLITE_OK);
      nth.left = n;
      int code = sqlite3_step(statement);
      while (code == SQLITE_ROW) code = sqlite3_step(statement);
      is_through = nth.left > 0;
      const std::string text = sqlite3_errmsg(fresh.get());
      BOOST_TEST((code == SQLITE_INTERRUPT || code == SQLITE_DONE),
                 question << " at " << n << ": " << code << ", " << text);
      if (code == SQLITE_INTERRUPT)
        BOOST_TEST(text.ends_with("interrupted"), question << " at " << n << ": " << text);
      interrupted += code == SQLITE_INTERRUPT;
      sqlite3_finalize(statement);
      BOOST_REQUIRE(n < 2000);
    }
    BOOST_TEST(interrupted > 3, question);
  }
}

BOOST_AUTO_TEST_CASE(a_table_that_sqlite_can_not_make_for_us_is_no_interrupt) {
  const SixJobs jobs;
  sqlite3_stmt* statement = nullptr;
  const char* question = "SELECT * FROM job_stats('{\"user\":{\"eq\":\"alice\"}}')";
  BOOST_REQUIRE(sqlite3_prepare_v2(jobs.db.get(), question, -1, &statement, nullptr) == SQLITE_OK);
  const int of_host = sqlite3_limit(jobs.db.get(), SQLITE_LIMIT_COLUMN, 5);  // json_tree has more
  BOOST_TEST(sqlite3_step(statement) == SQLITE_ERROR);
  const std::string text = sqlite3_errmsg(jobs.db.get());
  BOOST_TEST(text.find("json_tree") != std::string::npos, text);
  sqlite3_limit(jobs.db.get(), SQLITE_LIMIT_COLUMN, of_host);
  sqlite3_finalize(statement);
  BOOST_TEST(jobs.db.one("SELECT total_jobs FROM job_stats('{\"user\":{\"eq\":\"alice\"}}')") == "3");
}

}  // namespace warden::test
