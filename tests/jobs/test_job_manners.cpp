// The job statistics are guests in a connection: its authorizer is heard, its counters, codes and texts are as if nothing
// had run inside its statement, and its memory is given back.
#include <boost/test/unit_test.hpp>
#include <set>

#include "job_host.hpp"

namespace warden::test {
namespace {

/// What the authorizer was asked, and what it refuses.
struct Authorizer {
  std::set<std::string> read;       // "table.column"
  std::set<std::string> functions;  // names
  std::set<int> actions;
  std::string denied;  // one of the above
  int denied_action = -1;
  int answer = SQLITE_DENY;

  static int ask(void* self, int action, const char* a, const char* b, const char*, const char*) {
    return static_cast<Authorizer*>(self)->judge(action, a == nullptr ? "" : a, b == nullptr ? "" : b);
  }
  int judge(int action, const std::string& a, const std::string& b) {
    actions.insert(action);
    if (action == denied_action) return answer;
    std::string name;
    if (action == SQLITE_READ) read.insert(name = a + "." + b);
    if (action == SQLITE_FUNCTION) functions.insert(name = b);
    return !name.empty() && name == denied ? answer : SQLITE_OK;
  }
};

struct Manners : SixJobs {
  Authorizer authorizer;
  Manners() { sqlite3_set_authorizer(db.get(), Authorizer::ask, &authorizer); }
  ~Manners() { sqlite3_set_authorizer(db.get(), nullptr, nullptr); }

  /// The columns of tables that a statement reads.
  std::string reads(const std::string& sql) {
    authorizer.read.clear();
    db.rows(sql);
    std::string all;
    for (const std::string& name : authorizer.read) {
      if (name.starts_with("job.") || name.starts_with("jobtag.") || name.starts_with("hpc_user."))
        all += (all.empty() ? "" : " ") + name;
    }
    return all;
  }
  /// The error with which a statement ends where `what` is denied.
  std::pair<int, std::string> denied(const std::string& what, const std::string& sql) {
    authorizer.denied = what;
    std::pair<int, std::string> result{SQLITE_OK, ""};
    try {
      db.rows(sql);
    } catch (const SqlError& e) {
      result = {e.code, e.what()};
    }
    authorizer.denied.clear();
    return result;
  }
};

/// One statement of each kind that succeeds.
const std::vector<std::string> kAll{
    "SELECT * FROM job_stats",
    "SELECT * FROM job_stats('{\"tags\":[1,2]}', 'user')",
    "SELECT * FROM "
    "job_stats('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\",\"range\":{\"from\":10}}]}', 'cluster')",
    "SELECT * FROM job_histogram(NULL, 'duration')",
    "SELECT * FROM job_histogram(NULL, 'num_accs')",
    "SELECT * FROM job_metric_histogram(NULL, '[\"cpu_load_avg\"]')",
    "SELECT * FROM job_page(NULL, '[\"cpu_load_avg\"]')",
    "SELECT * FROM jobs",
    "SELECT * FROM jobs('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\"}]}', 'footprint.cpu_load_avg "
    "DESC', 2, 1)",
    "SELECT job_count('{\"user\":{\"eq\":\"alice\"}}')",
    "SELECT job_count('{\"metricStats\":[{\"metricName\":\"cpu_load_avg\"}]}')",
    "SELECT job_filter_sql('{\"user\":{\"eq\":\"alice\"}}')"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(job_manners, Manners)

BOOST_AUTO_TEST_CASE(only_the_columns_that_are_needed_are_read) {
  BOOST_TEST(reads("SELECT total_jobs FROM job_stats") == "job.");  // SQLite's word for a count of rows
  BOOST_TEST(reads("SELECT total_nodes FROM job_stats") == "job.num_nodes");
  BOOST_TEST(reads("SELECT total_users FROM job_stats") == "job.hpc_user");
  BOOST_TEST(reads("SELECT running_jobs FROM job_stats") == "job.job_state");
  BOOST_TEST(reads("SELECT total_walltime_hours FROM job_stats") ==
             "job.duration job.job_state job.start_time");
  BOOST_TEST(reads("SELECT short_jobs FROM job_stats") == "job.duration job.job_state job.start_time");
  BOOST_TEST(reads("SELECT short_jobs FROM job_stats WHERE parity = 1") == "job.duration");
  BOOST_TEST(reads("SELECT group_key, total_jobs FROM job_stats(NULL, 'user')") == "job.hpc_user");
  BOOST_TEST(reads("SELECT group_key, total_users FROM job_stats(NULL, 'user')") == "job.hpc_user");
  BOOST_TEST(reads("SELECT group_name FROM job_stats(NULL, 'user')") ==
             "hpc_user.name hpc_user.username job.hpc_user");
  BOOST_TEST(reads("SELECT group_name FROM job_stats(NULL, 'project')") == "job.project");
  BOOST_TEST(reads("SELECT total_jobs FROM job_stats(NULL, 'cluster') ORDER BY total_cores") ==
             "job.cluster job.num_hwthreads");
  BOOST_TEST(reads("SELECT count(*) FROM job_histogram(NULL, 'num_cores')") == "job.num_hwthreads");
  BOOST_TEST(reads("SELECT * FROM job_metric_histogram(NULL, '[\"cpu_load_avg\"]')") == "job.footprint");
  BOOST_TEST(reads("SELECT job_count('{\"cluster\":{\"eq\":\"x\"},\"state\":[\"running\"]}')") ==
             "job.cluster job.job_state");
  BOOST_TEST(reads("SELECT hpc_user FROM jobs") == "job.hpc_user job.id");
  BOOST_TEST(reads("SELECT duration FROM jobs") == "job.duration job.id job.job_state job.start_time");
  BOOST_TEST(reads("SELECT count(*) FROM jobs('{\"metricStats\":[{\"metricName\":\"a\"}]}')") ==
             "job.footprint job.id");
  BOOST_TEST(reads("SELECT job_count('{\"tags\":[1]}')") == "job. job.id jobtag.job_id jobtag.tag_id");
  BOOST_TEST(reads("SELECT job_filter_sql('{\"user\":{\"eq\":\"x\"}}')") == "");
  for (const std::string& sql : kAll) {
    const std::string all = reads(sql);
    for (const std::string column : {"job.meta_data", "job.energy_footprint", "job.submit_time"})
      BOOST_TEST(all.find(column) == std::string::npos, sql << " reads " << column);
  }
}

BOOST_AUTO_TEST_CASE(nothing_but_reading_is_asked_for) {
  for (const std::string& sql : kAll) {
    db.rows(sql);  // SQLite asks for more when it first meets a virtual table
    authorizer.actions.clear();
    db.rows(sql);
    for (const int action : authorizer.actions) {
      BOOST_TEST((action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                  action == SQLITE_PRAGMA),
                 sql << ": action " << action);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_column_that_is_denied_is_a_clean_error) {
  const std::string prohibited = "access to job.hpc_user is prohibited";
  for (const std::string sql :
       {"SELECT total_users FROM job_stats", "SELECT total_jobs FROM job_stats(NULL, 'user')",
        "SELECT job_count('{\"user\":{\"eq\":\"x\"}}')", "SELECT hpc_user FROM jobs",
        "SELECT value FROM job_page",
        "SELECT jobs FROM job_histogram('{\"user\":{\"eq\":\"x\"}}', "
        "'duration')"}) {
    const auto [code, text] = denied("job.hpc_user", sql);
    BOOST_TEST(code == SQLITE_AUTH, sql);
    BOOST_TEST(text.find(prohibited) != std::string::npos, sql << ": " << text);
    BOOST_TEST(text.starts_with("job"), text);
    BOOST_TEST(db.one("SELECT job_count()") == "6");
  }
  // Who does not read the column does not notice.
  BOOST_TEST(denied("job.hpc_user", "SELECT total_nodes FROM job_stats").first == SQLITE_OK);
  BOOST_TEST(denied("job.footprint", "SELECT * FROM job_stats(NULL, 'user')").first == SQLITE_OK);
  BOOST_TEST(denied("jobtag.tag_id", "SELECT job_count('{\"tags\":[1]}')").first == SQLITE_AUTH);
}

BOOST_AUTO_TEST_CASE(a_column_that_is_ignored_reads_as_null) {
  authorizer.answer = SQLITE_IGNORE;
  authorizer.denied = "job.num_nodes";
  BOOST_TEST(db.one("SELECT total_jobs, total_nodes FROM job_stats") == "6|0");
  BOOST_TEST(db.one("SELECT bin, jobs FROM job_histogram(NULL, 'num_nodes')") == "NULL|6");
  BOOST_TEST(db.one("SELECT num_nodes FROM jobs WHERE id = 1") == "NULL");
  authorizer.denied = "hpc_user.name";
  BOOST_TEST(db.one("SELECT group_key, group_name FROM job_stats(NULL, 'user')") == "alice|NULL");
}

BOOST_AUTO_TEST_CASE(a_function_that_is_denied_is_a_clean_error) {
  for (const auto& [function, sql] : std::vector<std::pair<std::string, std::string>>{
           {"warden_job_pass", "SELECT * FROM job_stats"},
           {"warden_job_match", "SELECT * FROM jobs('{\"metricStats\":[{\"metricName\":\"a\"}]}')"},
           {"json_valid", "SELECT job_count('{}')"},
           {"json_extract", "SELECT * FROM jobs(NULL, 'footprint.cpu_load_avg')"},
           {"job_count", "SELECT job_count()"}}) {
    const auto [code, text] = denied(function, sql);
    BOOST_TEST(code != SQLITE_OK, sql);
    BOOST_TEST(text.find("not authorized to use function: " + function) != std::string::npos,
               sql << ": " << text);
    BOOST_TEST(db.one("SELECT job_count('{}')") == "6");
  }
}

BOOST_AUTO_TEST_CASE(without_pragmas_the_way_is_longer_and_the_numbers_are_the_same) {
  const std::string sql =
      "SELECT total_jobs, total_nodes FROM job_stats('{\"user\":{\"in\":[\"alice\",\"bob\"]}}')";
  BOOST_TEST(db.one(sql) == "5|9");
  authorizer.denied_action = SQLITE_PRAGMA;
  BOOST_TEST(db.one(sql) == "5|9");
  BOOST_TEST(db.one("SELECT job_engine(NULL)") ==
             "rows: the host's authorizer keeps warden from looking at the columns");
  authorizer.answer = SQLITE_IGNORE;
  BOOST_TEST(db.one(sql) == "5|9");
}

BOOST_AUTO_TEST_CASE(a_host_may_limit_the_arguments_of_functions) {
  const std::string sql = "SELECT * FROM job_stats(NULL, 'subcluster', 'job', 10000)";
  const std::string page = "SELECT * FROM job_page(NULL, '[\"cpu_load_avg\"]', 'job', 10000)";
  const auto expected = db.rows(sql);
  const auto on_page = db.rows(page);
  sqlite3_limit(db.get(), SQLITE_LIMIT_FUNCTION_ARG, 8);
  BOOST_TEST(db.rows(sql) == expected, boost::test_tools::per_element());
  BOOST_TEST(db.rows(page) == on_page, boost::test_tools::per_element());
  BOOST_TEST(sqlite3_limit(db.get(), SQLITE_LIMIT_FUNCTION_ARG, -1) == 8);
  db.error("SELECT * FROM job_stats(NULL, 'nothing')");
  BOOST_TEST(sqlite3_limit(db.get(), SQLITE_LIMIT_FUNCTION_ARG, -1) == 8);
}

BOOST_AUTO_TEST_CASE(counters_of_the_connection_are_untouched) {
  db.rows("INSERT INTO tag VALUES (77, 'a', 'b')");
  const auto state = [&] {
    return std::to_string(sqlite3_total_changes(db.get())) + "|" + std::to_string(sqlite3_changes(db.get())) +
           "|" + std::to_string(sqlite3_last_insert_rowid(db.get())) + "|" +
           std::to_string(sqlite3_get_autocommit(db.get())) + "|" + db.one("PRAGMA data_version") + "|" +
           db.one("PRAGMA schema_version");
  };
  const std::string before = state();
  for (const std::string& sql : kAll) {
    db.rows(sql);
    BOOST_TEST(state() == before, sql);
    db.error("SELECT * FROM job_stats('{\"x\":1}')");
    BOOST_TEST(state() == before);
  }
  db.rows("BEGIN");
  for (const std::string& sql : kAll) db.rows(sql);
  BOOST_TEST(sqlite3_get_autocommit(db.get()) == 0);
  if (sqlite3_libversion_number() >= 3034000)
    BOOST_TEST(sqlite3_txn_state(db.get(), "main") <= SQLITE_TXN_READ);
  db.rows("ROLLBACK");
}

BOOST_AUTO_TEST_CASE(codes_and_texts_are_those_of_the_statement) {
  db.rows("DROP TABLE hpc_user");  // looked for in vain, without anybody being told
  for (const std::string& sql : kAll) {
    BOOST_TEST_CONTEXT(sql) {
      sqlite3_stmt* statement = nullptr;
      BOOST_TEST_REQUIRE(sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
      BOOST_TEST(sqlite3_errcode(db.get()) == SQLITE_OK);
      BOOST_TEST(sqlite3_errmsg(db.get()) == "not an error");
      int rc = SQLITE_OK;
      while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        BOOST_TEST(sqlite3_errcode(db.get()) == SQLITE_ROW);
      BOOST_TEST(rc == SQLITE_DONE);
      BOOST_TEST(sqlite3_errcode(db.get()) == SQLITE_DONE);
      BOOST_TEST(sqlite3_finalize(statement) == SQLITE_OK);
      BOOST_TEST(sqlite3_errcode(db.get()) == SQLITE_OK);
      BOOST_TEST(sqlite3_errmsg(db.get()) == "not an error");
    }
  }
  BOOST_TEST(db.error("SELECT * FROM job_stats('{')") == "job_stats: filter is not valid JSON");
  BOOST_TEST(sqlite3_errcode(db.get()) == SQLITE_ERROR);
  BOOST_TEST(sqlite3_errmsg(db.get()) == "job_stats: filter is not valid JSON");
}

BOOST_AUTO_TEST_CASE(no_statement_is_left_and_no_memory) {
  for (const bool twice : {false, true}) {  // the second time everything is in its cache
    for (const std::string& sql : kAll) {
      const std::int64_t before = sqlite3_memory_used();
      db.rows(sql);
      db.error("SELECT * FROM jobs('{\"x\":1}')");
      BOOST_TEST(sqlite3_next_stmt(db.get(), nullptr) == nullptr, sql);
      if (twice)
        BOOST_TEST(sqlite3_memory_used() <= before + 512, sql << ": " << sqlite3_memory_used() - before);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_statement_of_ours_that_ends_after_the_hosts_is_nobody_elses_either) {
  db.rows("SELECT warden_statements_reset()");
  sqlite3_stmt* statement = nullptr;
  BOOST_TEST_REQUIRE(sqlite3_prepare_v2(db.get(), "SELECT hpc_user FROM jobs", -1, &statement, nullptr) ==
                     SQLITE_OK);
  for (int run = 0; run < 3; ++run) {
    BOOST_TEST(sqlite3_step(statement) == SQLITE_ROW);
    sqlite3_reset(statement);  // tells the end of the host's statement, and then closes what it had open
  }
  sqlite3_finalize(statement);
  BOOST_TEST(db.rows("SELECT sql, calls FROM warden_statements WHERE sql LIKE '%hpc_user%'") ==
             std::vector<std::string>{"SELECT hpc_user FROM jobs|3"});
}

BOOST_AUTO_TEST_CASE(statements_of_ours_are_nobody_elses) {
  db.rows("SELECT warden_statements_reset()");
  for (const std::string& sql : kAll) db.rows(sql);
  const auto seen = db.rows("SELECT sql FROM warden_statements ORDER BY first_at_ms");
  std::set<std::string> texts;
  for (const std::string& sql : seen) {
    BOOST_TEST((sql.starts_with("SELECT * FROM job") || sql.starts_with("SELECT job_") ||
                sql.starts_with("SELECT warden_statements_reset")),
               sql);
    BOOST_TEST(sql.find("warden_job_pass") == std::string::npos, sql);
  }
  BOOST_TEST(
      db.number(
          "SELECT sum(calls) FROM warden_statements WHERE sql LIKE 'SELECT % FROM job%' OR sql LIKE 'SELECT "
          "job%'") == static_cast<std::int64_t>(kAll.size()));
  // One that fails is counted, too.
  db.error("SELECT total_nodes FROM job_stats('{\"x\":1}')");
  BOOST_TEST(db.one("SELECT calls FROM warden_statements WHERE sql LIKE 'SELECT total_nodes %'") == "1");
  // And the one that runs is the host's.
  BOOST_TEST(db.one("SELECT sql FROM warden_connections WHERE connection_id = warden_connection_id() AND "
                    "job_count() = 6")
                 .starts_with("SELECT sql FROM warden_connections"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
