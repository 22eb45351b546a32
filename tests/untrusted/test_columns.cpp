// Columns of jobs from a stranger: what their shadow tables hold is changed at random, also in ways that leave checksums right.
// What comes is rows or an error, and a 'rebuild' makes them right again. TEST_SEED changes the same again, TEST_SECONDS more.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <span>

#include "ext/job_columns/checksum.hpp"
#include "stranger.hpp"
#include "tests/jobs/columns_agree.hpp"

namespace warden::test {
namespace {

constexpr int kJobs = 2500;

int test_seconds() {
  const char* given = std::getenv("TEST_SECONDS");
  return given == nullptr ? 3 : std::atoi(given);
}

/// new_checksum(column): the same bytes with the checksum that makes them one (FORMAT.md: the last eight).
void new_checksum(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_value_blob(arguments[0]));
  const auto size = static_cast<std::size_t>(sqlite3_value_bytes(arguments[0])) / 8 * 8;  // of words
  if (size < 16) return sqlite3_result_value(context, arguments[0]);
  std::vector<std::byte> made(bytes, bytes + size);
  const std::uint64_t sum = columns::checksum(std::span(made).first(size - 8));
  std::memcpy(made.data() + size - 8, &sum, sizeof(sum));
  sqlite3_result_blob64(context, made.data(), made.size(), SQLITE_TRANSIENT);
}

/// A value of a kind that nobody put there.
std::string odd_value(Dice& dice) {
  static const std::vector<std::string> kAll{"0",
                                             "1",
                                             "-1",
                                             "2147483648",
                                             "9223372036854775807",
                                             "-9223372036854775808",
                                             "1e300",
                                             "'x'",
                                             "''",
                                             "x''",
                                             "x'00'",
                                             "zeroblob(100)",
                                             "zeroblob(100000)",
                                             "'job'",
                                             "'65535'",
                                             "'1024'",
                                             "65536",
                                             "1024",
                                             "randomblob(64)",
                                             "'[\"mem_bw_avg\"]'",
                                             "5000",
                                             "4294967295",
                                             "'65536'",
                                             "'99999'",
                                             "char(0)",
                                             "x'ff'",
                                             "4096",
                                             "0.5"};
  return dice.one_of(kAll);
}

/// Changes one thing in the shadow tables.
std::string mutation(Dice& dice) {
  const std::string one = " WHERE rowid = (SELECT rowid FROM TABLE ORDER BY random() LIMIT 1)";
  const auto of = [&](std::string sql, const std::string& table) {
    sql += one;
    for (std::size_t at = 0; (at = sql.find("TABLE", at)) != std::string::npos;) sql.replace(at, 5, table);
    return sql;
  };
  const std::string byte = std::to_string(dice.below(400) + 1);
  const std::string value = "char(" + std::to_string(dice.below(128)) + ")";
  switch (dice.below(12)) {
    case 0:
      return of("UPDATE TABLE SET " +
                    dice.one_of(std::vector<std::string>{"id", "first", "last", "jobs", "zones"}) + " = " +
                    odd_value(dice),
                "job_index_segment");
    case 1:
    case 2:
      // A byte, as the column's own or with a checksum that fits.
      return of("UPDATE TABLE SET data = " + std::string(dice.once_in(4) ? "" : "new_checksum") +
                    "(CAST(substr(data, 1, " + byte + " - 1) || CAST(" + value +
                    " AS BLOB) || substr(data, " + byte + " + 1) AS BLOB))",
                "job_index_column");
    case 3:
      return of("UPDATE TABLE SET data = (SELECT data FROM TABLE AS other ORDER BY random() LIMIT 1)",
                "job_index_column");
    case 4:
      return of(
          "UPDATE TABLE SET data = new_checksum(CAST(substr(data, 1, length(data) - " + byte + ") AS BLOB))",
          "job_index_column");
    case 5:
      return of("UPDATE TABLE SET zones = CAST(substr(zones, 1, " + byte + " - 1) || CAST(" + value +
                    " AS BLOB) || substr(zones, " + byte + " + 1) AS BLOB)",
                "job_index_segment");
    case 6:
      return "UPDATE OR IGNORE job_index_value SET " +
             dice.one_of(std::vector<std::string>{"\"column\"", "code", "value"}) + " = " + odd_value(dice) +
             " WHERE code = " + std::to_string(dice.below(8)) +
             " AND \"column\" % 5 = " + std::to_string(dice.below(5));
    case 7:
      return "UPDATE job_index_config SET value = " + odd_value(dice) + " WHERE key = '" +
             dice.one_of(std::vector<std::string>{"version", "source", "metrics", "segment_jobs", "fields",
                                                  "unique"}) +
             "'";
    case 8:
      return "INSERT OR IGNORE INTO job_index_" + std::string(dice.once_in(2) ? "odd" : "delta") +
             " VALUES (" + std::to_string(dice.below(3000)) + ")";
    case 9:
      return "DELETE FROM job_index_" +
             dice.one_of(std::vector<std::string>{"segment", "column", "value", "odd", "config"}) +
             " WHERE abs(random() % 5) = 0";
    case 10:
      return of("UPDATE TABLE SET id = id + " + std::to_string(dice.below(5)) + " * 4096",
                "job_index_column");
    default:
      return "INSERT INTO job_index_segment SELECT id + 100, first + " + std::to_string(dice.below(3)) +
             ", last, jobs, zones FROM job_index_segment LIMIT 1";
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(untrusted_columns)

BOOST_AUTO_TEST_CASE(whatever_is_in_the_tables_of_columns_it_is_rows_or_an_error) {
  const Indexed sound(kJobs);
  sound.db.rows(
      "UPDATE job SET duration = 5 WHERE id % 50 = 0; UPDATE job SET num_nodes = 'x' WHERE id = 77");
  sound.command("refresh");
  sound.db.rows("UPDATE job SET duration = 9 WHERE id % 70 = 0");
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(test_seconds());
    while (std::chrono::steady_clock::now() < until) {
      Db db;
      sqlite3_backup* copy = sqlite3_backup_init(db.get(), "main", sound.db.get(), "main");
      BOOST_TEST_REQUIRE(sqlite3_backup_step(copy, -1) == SQLITE_DONE);
      sqlite3_backup_finish(copy);
      db.load();
      sqlite3_create_function(db.get(), "new_checksum", 1, SQLITE_UTF8, nullptr, &new_checksum, nullptr,
                              nullptr);
      std::string changes;
      for (std::uint64_t i = dice.below(3) + 1; i > 0; --i) {
        const std::string change = mutation(dice);
        changes += change + ";\n";
        outcome(db, change);
      }
      ++figures().corrupt;
      BOOST_TEST_CONTEXT(changes) {
        auto all = questions("NULL", "1704092267", 0);
        for (
            const std::string& filtered : questions(
                R"('{"cluster":{"in":["fritz","alex"]},"jobName":{"contains":"a"},"duration":{"from":60,"to":0}}')",
                "1704092267", 0))
          all.push_back(filtered);
        for (int i = 0; i < 6; ++i) {
          const std::string said = outcome(db, with_engine(all[dice.below(all.size())], "columns"));
          ++(is_error(said) ? figures().corrupt_errors : figures().corrupt_results);
        }
        outcome(db, "SELECT * FROM job_index");
        outcome(db, "SELECT * FROM job_index WHERE id BETWEEN 1000 AND 1500 AND start_time > 0");
        outcome(db, "INSERT INTO job_index(job_index) VALUES ('integrity-check')");
        if (dice.once_in(2)) outcome(db, "INSERT INTO job_index(job_index) VALUES ('refresh')");
        if (dice.once_in(2)) outcome(db, "INSERT INTO job_index(job_index) VALUES ('optimize')");
        if (!is_error(outcome(db, "INSERT INTO job_index(job_index) VALUES ('rebuild')"))) {
          BOOST_TEST(outcome(db, "INSERT INTO job_index(job_index) VALUES ('integrity-check')") == "");
          BOOST_TEST(difference(db, all[dice.below(all.size())]) == "");
        }
        // It can be had anew whatever has become of it.
        db.rows("DROP TABLE job_index");
        BOOST_TEST(db.one("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'job_index*'") == "0");
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
