#include "column_questions.hpp"

#include <algorithm>
#include <ctime>

#include "job_sql.hpp"

namespace warden::bench {
namespace {

/// Of sql/generate_jobs.sql: when the first job comes, how many tenths of a second later the next one, and the most that a
/// job starts later than that.
constexpr std::int64_t kFirst = 1'704'067'200;
constexpr std::int64_t kTenths = 47;
constexpr std::int64_t kLatest = 32'800;

constexpr std::int64_t kJobsOfThreeYears = 20'000'000;
constexpr std::int64_t kThirtyDays = 30 * 86'400;

/// Stand in the text for arguments: of a table, behind its brackets, and of job_count(), behind its filter.
constexpr std::string_view kTable = "{table}";
constexpr std::string_view kFunction = "{function}";

void replace(std::string& text, std::string_view what, const std::string& with) {
  const auto at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

const char* word_of(Engine engine) { return engine == Engine::rows ? "'rows'" : "'columns'"; }

std::string table_arguments(std::int64_t now, Engine engine) {
  return " WHERE now = " + std::to_string(now) +
         (engine == Engine::unsaid ? "" : std::string(" AND engine = ") + word_of(engine));
}

std::string function_arguments(std::int64_t now, Engine engine) {
  return ", NULL, " + std::to_string(now) +
         (engine == Engine::unsaid ? "" : std::string(", NULL, ") + word_of(engine));
}

std::string rfc3339(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

constexpr std::string_view kNumbers[] = {"total_jobs",       "total_users",      "total_walltime_hours",
                                         "total_nodes",      "total_node_hours", "total_cores",
                                         "total_core_hours", "total_accs",       "total_acc_hours",
                                         "running_jobs",     "short_jobs"};

std::string from_stats(const std::string& arguments) {
  return " FROM job_stats(" + arguments + ")" + std::string(kTable);
}

/// The numbers as a row.
std::string row_of_stats(const std::string& arguments) {
  std::string sql = "SELECT ";
  const char* comma = "";
  for (const std::string_view number : kNumbers) {
    sql += comma + std::string(number);
    comma = ", ";
  }
  return sql + from_stats(arguments);
}

/// Bins as GROUP BY gives them: none that is empty, and one without a number for jobs without a value.
std::string rows_of_histograms(const std::string& arguments) {
  return "WITH h AS MATERIALIZED (SELECT metric, bin, jobs, without_value FROM job_metric_histogram(" +
         arguments + ")" + std::string(kTable) +
         ") SELECT metric, bin, jobs FROM h WHERE jobs > 0"
         " UNION ALL SELECT DISTINCT metric, NULL, without_value FROM h WHERE without_value > 0";
}

/// The same of a page: each row is one text, for they have different columns.
std::string rows_of_page(const std::string& arguments) {
  std::string numbers;
  for (const std::string_view number : kNumbers) {
    numbers += numbers.empty() ? "" : " || '|' || ";
    numbers += "max(value) FILTER (WHERE section = 'stats' AND name = '" + std::string(number) + "')";
  }
  return "WITH p AS MATERIALIZED (SELECT section, name, bin, value FROM job_page(" + arguments + ")" +
         std::string(kTable) + ") SELECT " + numbers +
         " FROM p"
         " UNION ALL SELECT coalesce(name, section) || '|' || coalesce(bin, '') || '|' || value FROM p"
         " WHERE section NOT IN ('stats', 'skipped') AND value > 0"
         " UNION ALL SELECT name || '||' || value FROM p"
         " WHERE section = 'skipped' AND name <> 'footprint' AND value > 0";
}

}  // namespace

JobTime::JobTime(std::int64_t jobs)
    : now(kFirst + jobs * kTenths / 10 + kLatest),
      recent(kFirst + jobs * kTenths / 10 - kThirtyDays * jobs / kJobsOfThreeYears) {}

std::string Question::complete(std::string sql, Engine engine) const {
  replace(sql, kTable, table_arguments(now, engine));
  replace(sql, kFunction, function_arguments(now, engine));
  return sql;
}

std::vector<Question> column_questions(const JobTime& time) {
  const auto stats = [&](const char* name, double times_rows, double times_duckdb, const std::string& filter,
                         const std::string& condition) {
    return Question{name,
                    times_rows,
                    times_duckdb,
                    "SELECT *" + from_stats(filter),
                    row_of_stats(filter),
                    duckdb_sql::stats(time.now, condition),
                    time.now};
  };
  const std::string metrics = "NULL, " + job_sql::metrics(4);
  const std::string count =
      R"(SELECT job_count('{"metricStats":[{"metricName":"mem_bw_avg","range":{"from":100,"to":0}}]}')" +
      std::string(kFunction) + ")";
  std::string by_user = row_of_stats("NULL, 'user'");
  by_user.insert(by_user.find("total_jobs"), "group_key, ");
  const std::string sorted = " ORDER BY total_core_hours DESC, group_key";
  return {
      stats("everything", 100, 3, "NULL", ""),
      {"by_user", 100, 3, "SELECT *" + from_stats("NULL, 'user'") + sorted, by_user,
       duckdb_sql::stats_by_user(time.now), time.now},
      stats(
          "filtered", 50, 2,
          R"('{"cluster":{"eq":"fritz"},"numNodes":{"from":2,"to":16},"duration":{"from":3600,"to":86400}}')",
          "cluster = 'fritz' AND num_nodes BETWEEN 2 AND 16 AND CASE WHEN job_state = 'running' THEN " +
              std::to_string(time.now) + " - start_time ELSE duration END BETWEEN 3600 AND 86400"),
      {"count_by_metric", 100, 3, count, count, duckdb_sql::count("mem_bw_avg >= 100"), time.now},
      {"four_metrics", 200, 5, "SELECT * FROM job_metric_histogram(" + metrics + ")" + std::string(kTable),
       rows_of_histograms(metrics), duckdb_sql::metric_histograms(), time.now},
      stats("last_30_days", 20, 2, R"('{"startTime":{"from":")" + rfc3339(time.recent) + R"("}}')",
            "start_time >= " + std::to_string(time.recent)),
      {"page", 100, 3, "SELECT * FROM job_page(" + metrics + ")" + std::string(kTable), rows_of_page(metrics),
       duckdb_sql::page(time.now), time.now},
  };
}

}  // namespace warden::bench
