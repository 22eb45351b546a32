// What is tried is complete: every function and table of the surface, every setting, every field of a filter. And what time and
// memory do together.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "allocations.hpp"
#include "figures.hpp"
#include "runs.hpp"

namespace warden::test {
namespace {

bool any_says(const std::vector<Operation>& all, const std::string& text) {
  return std::any_of(all.begin(), all.end(), [&](const Operation& o) {
    // As a whole word: "jobs" is not in "other_jobs".
    for (std::size_t at = o.sql.find(text); at != std::string::npos; at = o.sql.find(text, at + 1)) {
      const auto is_word = [&](std::size_t i) {
        return i < o.sql.size() &&
               (std::isalnum(static_cast<unsigned char>(o.sql[i])) != 0 || o.sql[i] == '_');
      };
      if ((at == 0 || !is_word(at - 1)) && !is_word(at + text.size())) return true;
    }
    return false;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(what_is_tried)

BOOST_AUTO_TEST_CASE(every_function_table_setting_and_field_of_a_filter_has_an_operation) {
  const int status = in_patient_child([] {
    Db db;
    db.load().rows(kTables);
    const std::vector<Operation> all = all_operations(db);
    int missing = 0;
    const auto need = [&](const std::string& what) {
      if (any_says(all, what)) return;
      std::fprintf(stderr, "no operation has %s\n", what.c_str());
      ++missing;
    };
    db.rows("SELECT job_count('{}'), total_jobs FROM job_stats");
    int functions = 0;
    for (const std::string& name :
         db.rows("SELECT DISTINCT name FROM pragma_function_list WHERE name LIKE 'warden%' OR "
                 "name LIKE 'job%'")) {
      // Nobody calls these but warden itself: at a connection's end, and in its statements over jobs.
      if (name == "warden_on_close" || name.starts_with("warden_job_")) continue;
      need(name);
      ++functions;
    }
    const auto tables =
        db.rows("SELECT name FROM pragma_module_list WHERE name LIKE 'warden%' OR name LIKE 'job%'");
    for (const std::string& name : tables) need(name);
    for (const std::string& name : db.rows("SELECT name FROM warden_settings")) {
      if (name != "watchdog") need("'" + name + "'");
    }
    // The error of an unknown field lists those that there are.
    std::string fields = db.error("SELECT job_count('{\"x\":1}')");
    fields = fields.substr(fields.find("those are: ") + 11);
    int known = 0;
    for (std::size_t end = 0; end != std::string::npos; fields.erase(0, end + 2), ++known) {
      end = fields.find_first_of(",)");
      need("\"" + fields.substr(0, end) + "\"");
      if (fields[end] == ')') break;
    }
    std::printf("%d functions, %zu tables, %d fields\n", functions, tables.size(), known + 1);
    return missing == 0 && functions >= 16 && tables.size() >= 12 && known + 1 >= 22 ? 0 : 1;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_CASE(a_deadline_and_failing_memory_at_once_end_a_statement_with_one_of_their_errors) {
  const int status = in_patient_child([] {
    make_allocations_fail_on_demand();
    Db db;
    db.load().rows(kTables + "SELECT warden_set('hooks', 'trace+progress')");
    Db other;  // with the progress handler, which sees to the deadline without the thread
    other.rows(kTables);
    const std::string endless =
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*), (SELECT total_jobs "
        "FROM "
        "job_stats(NULL, 'user')) FROM c";
    int timed_out = 0;
    int no_memory = 0;
    for (const Heap heap : {Heap::sqlite, Heap::warden}) {
      for (std::int64_t place = 1; place < (is_thorough() ? 2000 : 400); place += is_thorough() ? 1 : 7) {
        other.rows("SELECT warden_timeout(1)");
        plan_failure({heap, place, place % 2 == 0});
        const Outcome got = run(other.get(), endless);
        cancel_failure();
        ++figures().with_deadline;
        timed_out += got.code == SQLITE_INTERRUPT;
        no_memory += got.code == SQLITE_NOMEM;
        if (got.code != SQLITE_INTERRUPT && got.code != SQLITE_NOMEM)
          throw std::runtime_error(to_string(got));
        other.rows("SELECT warden_timeout(NULL)");
        if (other.one("SELECT total_jobs FROM job_stats") != "7") return 1;
        if (db.one("SELECT state FROM warden_connections WHERE connection_id <> warden_connection_id()") !=
            "idle")
          return 2;
      }
    }
    if (!no_leak_is_found()) return 3;
    return timed_out > 10 && no_memory > 10 ? 0 : 4;
  });
  BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
