// A filter from a stranger, through every field that takes a text: the SQL made of it has the shape that a harmless text gives,
// whatever the text is. And filters that are large.
#include <boost/test/unit_test.hpp>
#include <tuple>

#include "sql_text.hpp"
#include "stranger.hpp"

namespace warden::test {
namespace {

/// JSON of a text: its bytes as they are, or all of them as \u escapes where it is ASCII.
std::string json(const std::string& text, bool escaped = false) {
  std::string out = "\"";
  char hex[8];
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || (escaped && byte < 0x80)) {
      std::snprintf(hex, sizeof(hex), "\\u%04x", byte);
      out += hex;
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + '"';
}

/// Filters with `text` in every place that takes one.
std::vector<std::string> filters_of(const std::string& text) {
  std::vector<std::string> all;
  for (const std::string field :
       {"jobId", "user", "project", "cluster", "subCluster", "partition", "jobName", "node"}) {
    for (const std::string test : {"eq", "neq", "startsWith", "endsWith", "contains"})
      all.push_back("{\"" + field + "\":{\"" + test + "\":" + text + "}}");
    all.push_back("{\"" + field + "\":{\"in\":[" + text + "," + text + "]}}");
  }
  all.push_back("{\"state\":[" + text + "]}");
  all.push_back("{\"shared\":" + text + "}");
  return all;
}

const std::vector<std::string> kNasty{"'",
                                      "''",
                                      "\"",
                                      "`",
                                      "\\",
                                      "\\'",
                                      "%",
                                      "_",
                                      "%%'",
                                      "'; DROP TABLE canary; --",
                                      "' OR 1=1 --",
                                      "' OR '1'='1",
                                      ") OR (1=1",
                                      "x' UNION SELECT password FROM secrets --",
                                      "/*",
                                      "*/",
                                      "--",
                                      "?1",
                                      ":a",
                                      "$a",
                                      "@a",
                                      "'||load_extension('x')||'",
                                      "x'27'",
                                      "\n",
                                      "\r\n'",
                                      "\t",
                                      "[job]",
                                      "\xc3\xa4'",
                                      "\xca\xbc",
                                      "\xef\xbc\x87",
                                      "\xf0\x9f\x92\xa3'",
                                      "\xff'",
                                      "\xc3'",
                                      "\xe2\x80'",
                                      "\xc0\xa7",
                                      "NULL",
                                      "1",
                                      "0x27",
                                      "' ESCAPE '",
                                      "' COLLATE nocase --",
                                      ";"};

struct Filters : SixJobs {
  Filters() {
    db.rows("CREATE TABLE canary(x); INSERT INTO canary VALUES (1); CREATE TABLE secrets(password)");
  }

  /// job_filter_sql(filter) by way of a bound value.
  std::string sql_of(const std::string& filter, std::string* error = nullptr) const {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db.get(), "SELECT job_filter_sql(?1), job_count(?1)", -1, &statement, nullptr);
    sqlite3_bind_text64(statement, 1, filter.data(), filter.size(), SQLITE_STATIC, SQLITE_UTF8);
    std::string sql;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      sql.assign(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)),
                 static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)));
      const std::string counted = reinterpret_cast<const char*>(sqlite3_column_text(statement, 1));
      BOOST_TEST(outcome(db, "SELECT count(*) FROM job WHERE " + sql) == counted + "\n",
                 filter << ": " << sql);
    } else if (error != nullptr) {
      *error = sqlite3_errmsg(db.get());
    }
    sqlite3_finalize(statement);
    ++figures().filters;
    return sql;
  }
  /// The filters of a text have the shape of those of a harmless one.
  void try_text(const std::string& text) const {
    const bool escapes = text.find_first_of("%_\\") != std::string::npos;
    const auto harmless = filters_of(escapes ? "\"a%b\"" : "\"ab\"");
    for (const bool escaped : {false, true}) {
      const auto hostile = filters_of(json(text, escaped));
      for (std::size_t i = 0; i < hostile.size(); ++i) {
        const std::string made = sql_of(hostile[i]);
        BOOST_TEST(normalize_sql(made) == normalize_sql(sql_of(harmless[i])), hostile[i] << ": " << made);
      }
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(untrusted_filters, Filters)

BOOST_AUTO_TEST_CASE(no_text_of_a_filter_becomes_sql) {
  for (const std::string& text : kNasty) try_text(text);
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  for (int i = 0; i < 20; ++i) {
    std::string text;
    for (std::uint64_t n = dice.below(12) + 1; n > 0; --n) text += dice.one_of(kNasty);
    BOOST_TEST_CONTEXT("seed " << seed) { try_text(text); }
  }
  BOOST_TEST(db.one("SELECT x FROM canary") == "1");
}

BOOST_AUTO_TEST_CASE(a_text_that_can_not_be_quoted_is_refused) {
  for (const std::string& filter : filters_of("\"a\\u0000'\"")) {
    std::string error;
    BOOST_TEST(sql_of(filter, &error).empty(), filter);
    BOOST_TEST(error.find("has a NUL character") != std::string::npos, error);
  }
  // Halves of a surrogate pair are no characters, and no quotes either.
  for (const std::string& filter : filters_of("\"\\ud800'\\udc00\""))
    BOOST_TEST(normalize_sql(sql_of(filter)).find("DROP") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_are_names_or_an_error) {
  for (const std::string name : {"a\"b", "$.x", "a.b", "a'b", "a b", "", "a\\u0027", "\\u0000", "*", "[0]",
                                 "a') OR 1 --", "\xc3\xa4", "#", "a-b"}) {
    const std::string quoted_name = "\"" + (name == "a\"b" ? std::string("a\\\"b") : name) + "\"";
    for (const std::string& sql :
         {"SELECT job_count(" +
              test::quoted(R"({"metricStats":[{"metricName":)" + quoted_name + R"(,"range":{"from":1}}]})") +
              ")",
          "SELECT * FROM job_metric_histogram(NULL, " + test::quoted("[" + quoted_name + "]") + ")",
          "SELECT * FROM jobs(NULL, " + test::quoted("footprint." + name) + ")",
          "SELECT * FROM jobs(NULL, " + test::quoted(R"({"field":)" + quoted_name + R"(,"type":"foot"})") +
              ")",
          "SELECT * FROM jobs(NULL, " + test::quoted(name + " DESC, id") + ")"}) {
      ++figures().filters;
      if (sql.ends_with("' DESC, id')")) continue;  // of the empty name: its column
      BOOST_TEST(is_error(outcome(db, sql)), sql);
    }
    // A group may be any column, so this is a name in quotes.
    const std::string result = outcome(db, "SELECT * FROM job_stats(NULL, " + test::quoted(name) + ")");
    BOOST_TEST(result.find("has no column") != std::string::npos, name << ": " << result);
  }
  BOOST_TEST(db.one("SELECT x FROM canary") == "1");
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range_are_an_error_or_a_bound_that_nothing_meets) {
  for (const std::string number :
       {"1e400", "-1e400", "99999999999999999999", "-9223372036854775808", "9223372036854775807", "1e-400",
        "-0", "0.1e1", "1.7976931348623157e308", "123456789012345678901234567890.5", "4.9e-324"}) {
    for (const std::string field : {"duration", "numNodes", "numAccelerators", "numHWThreads", "energy"}) {
      for (const std::string bound : {"from", "to"})
        sql_of("{\"" + field + "\":{\"" + bound + "\":" + number + "}}");
    }
    for (const std::string field : {"arrayJobId", "minRunningFor"})
      sql_of("{\"" + field + "\":" + number + "}");
    sql_of("{\"dbId\":[" + number + "]}");
    sql_of(R"({"metricStats":[{"metricName":"cpu_load_avg","range":{"from":)" + number + R"(,"to":)" +
           number + "}}]}");
  }
  std::string error;
  sql_of(R"({"numNodes":{"from":99999999999999999999}})", &error);
  BOOST_TEST(error == "job_filter_sql: filter.numNodes.from must be an integer, not a number with decimals");
  sql_of(R"({"minRunningFor":-9223372036854775808})", &error);
  BOOST_TEST(error == "job_filter_sql: filter.minRunningFor is out of range");
}

BOOST_AUTO_TEST_CASE(a_million_ids_need_memory_in_proportion) {
  const auto ids = [](int count) {
    std::string all = "1";
    for (int i = 2; i <= count; ++i) all += "," + std::to_string(i);
    return all;
  };
  const auto bytes_of = [&](const std::string& filter, const std::string& jobs) {
    const std::int64_t before = sqlite3_memory_used();
    sqlite3_memory_highwater(1);
    ++figures().filters;
    BOOST_TEST(db.one("SELECT job_count(" + quoted(filter) + ")") == jobs);
    BOOST_TEST(sqlite3_memory_used() - before < 1'000'000);
    return sqlite3_memory_highwater(0) - before;
  };
  for (const auto& [field, jobs, most] :
       {std::tuple("dbId", "6", 1'000'000), std::tuple("tags", "2", 100'000)}) {
    const auto filter = [&](int count) { return std::string("{\"") + field + "\":[" + ids(count) + "]}"; };
    const std::int64_t few = bytes_of(filter(most / 10), jobs);
    const std::int64_t many = bytes_of(filter(most), jobs);
    BOOST_TEST_MESSAGE(most << " ids: " << many << " bytes; a tenth of them: " << few);
    BOOST_TEST(many < 1000LL * most);  // the statement that SQLite makes of them is most of it
    BOOST_TEST(many < 15 * few);
  }
}

BOOST_AUTO_TEST_CASE(very_many_filters_or_conditions_or_texts_are_rows_or_an_error) {
  const auto many = [](const std::string& item, int count) {
    std::string all = item;
    for (int i = 1; i < count; ++i) all += "," + item;
    return all;
  };
  const std::vector<std::pair<std::string, std::string>> filters{
      {"[" + many("{}", 100'000) + "]", ""},
      {"[" + many("null", 100'000) + "]", ""},
      {"[" + many(R"({"user":{"eq":"alice"}})", 500) + "]", ""},
      {"[" + many(R"({"user":{"eq":"alice"}})", 20'000) + "]", "Expression tree is too large"},
      {"[" + many(R"({"tags":[1]})", 20'000) + "]", "Expression tree is too large"},
      {"{\"user\":{\"in\":[" + many("\"it's\"", 100'000) + "]}}", ""},
      {"{" + many(R"("user":{"eq":"a"})", 100'000) + "}", "is given twice"},
      {"{\"user\":{" + many(R"("eq":"a")", 100'000) + "}}", "is given twice"},
      {"{" + many(R"("nobody":1)", 100'000) + "}", "is no field of a job filter"},
      {"{\"metricStats\":[" + many(R"({"metricName":"a"})", 1'001) + "]}", "is one too many"}};
  for (const auto& [filter, error] : filters) {
    ++figures().filters;
    const std::string result = outcome(db, "SELECT job_count(" + test::quoted(filter) + ")");
    BOOST_TEST(is_error(result) == !error.empty(), filter.substr(0, 40) << ": " << result.substr(0, 200));
    BOOST_TEST(result.find(error) != std::string::npos, filter.substr(0, 40)
                                                            << ": " << result.substr(0, 200));
    BOOST_TEST(result.size() < 2'000);
  }
  for (const std::string& order :
       {many("id", 100'000), "[" + many(R"({"field":"id"})", 50'000) + "]", std::string(1'000'000, ',')}) {
    ++figures().filters;
    BOOST_TEST(is_error(outcome(db, "SELECT id FROM jobs(NULL, " + test::quoted(order) + ")")),
               order.substr(0, 40));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
