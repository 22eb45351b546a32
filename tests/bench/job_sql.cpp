#include "job_sql.hpp"

namespace warden::bench::job_sql {
namespace {

std::string duration() {
  return "(CASE WHEN job_state = 'running' THEN " + std::string(kNow) + " - start_time ELSE duration END)";
}

std::string numbers(std::string_view users) {
  const std::string d = duration();
  return "count(*)" + std::string(users) + ", sum(" + d + ") / 3600, sum(num_nodes), sum(" + d +
         " * num_nodes) / 3600, sum(num_hwthreads), sum(" + d +
         " * num_hwthreads) / 3600, sum(num_acc), sum(" + d +
         " * num_acc) / 3600, sum(job_state = 'running'), sum(duration < 300)";
}

}  // namespace

std::string stats(std::string_view column, const Access& access, std::string_view condition) {
  const std::string name(column);
  return "SELECT " + (name.empty() ? "" : name + ", ") + numbers(", count(DISTINCT hpc_user)") + " FROM job" +
         access + (condition.empty() ? "" : " WHERE " + std::string(condition)) +
         (name.empty() ? "" : " GROUP BY " + name);
}

std::string stats_by_user_alone(const Access& access) {
  return "SELECT hpc_user, " + numbers("") + " FROM job" + access + " GROUP BY hpc_user";
}

std::string number_histogram(std::string_view column) {
  return "SELECT " + std::string(column) + " AS value, count(*) FROM job GROUP BY value";
}

std::string duration_histogram() {
  return "SELECT " + duration() + " / 3600 + 1 AS value, count(*) FROM job GROUP BY value";
}

std::string metric_histogram(std::string_view key, std::string_view peak) {
  const std::string value = "json_extract(footprint, '$." + std::string(key) + "')";
  const std::string most(peak);
  return "SELECT CAST((CASE WHEN " + value + " = " + most + " THEN " + most + " * 0.999999999 ELSE " + value +
         " END) / " + most +
         " * 10 AS INTEGER) + 1 AS bin, count(*) FROM job WHERE json_valid(footprint) AND " + value +
         " IS NOT NULL AND " + value + " <= " + most + " GROUP BY bin ORDER BY bin";
}

std::string metrics(int count) {
  std::string json;
  for (int i = 0; i < count; ++i) {
    json += json.empty() ? "'[" : ",";
    json += R"({"metric":")" + std::string(kMetrics[i].key) + R"(","peak":)" + std::string(kMetrics[i].peak) +
            "}";
  }
  return json + "]'";
}

}  // namespace warden::bench::job_sql
