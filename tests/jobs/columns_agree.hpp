// What tests of job_columns share: that columns and rows agree, and writes of all kinds.
#pragma once

#include "job_data.hpp"
#include "job_host.hpp"

namespace warden::test {

inline std::string text_of(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

/// The rows, or the error.
inline std::vector<std::string> answer(const Db& db, const std::string& sql) {
  try {
    return db.rows(sql);
  } catch (const SqlError& e) {
    return {std::string("error: ") + e.what()};
  }
}

/// Every statistic of a filter, with ENGINE in the place of the engine's name.
inline std::vector<std::string> questions(const std::string& filter, const std::string& now, int parity) {
  const std::string rest =
      " WHERE now = " + now + " AND parity = " + std::to_string(parity) + " AND engine = 'ENGINE'";
  std::vector<std::string> all;
  for (const char* group :
       {"NULL", "'user'", "'project'", "'cluster'", "'partition'", "'state'", "'subcluster'", "'shared'"})
    all.push_back("SELECT * FROM job_stats(" + filter + ", " + group + ")" + rest + " ORDER BY 1");
  for (const char* dimension :
       {"'duration', '1h'", "'duration', '24h'", "'num_nodes', NULL", "'num_accs', NULL"})
    all.push_back("SELECT * FROM job_histogram(" + filter + ", " + dimension + ")" + rest);
  for (
      const char* metrics :
      {R"('[{"metric":"mem_bw_avg","peak":350},{"metric":"cpu_load_avg"}]', 20)",
       R"('[{"metric":"flops_any_avg"},{"metric":"mem_used_max","peak":0.7},{"metric":"nobody_has_it"}]', 7)"})
    all.push_back("SELECT * FROM job_metric_histogram(" + filter + ", " + metrics + ")" + rest);
  all.push_back("SELECT * FROM job_page(" + filter + R"(, '["mem_bw_avg","acc_utilization_avg"]'))" + rest);
  all.push_back("SELECT job_count(" + filter + ", NULL, " + now + ", " + std::to_string(parity) +
                ", 'ENGINE')");
  return all;
}

inline std::string with_engine(std::string sql, const std::string& engine) {
  return sql.replace(sql.find("ENGINE"), 6, engine);
}

/// Empty where rows and columns agree.
inline std::string difference(const Db& db, const std::string& question) {
  const auto by_rows = answer(db, with_engine(question, "rows"));
  const auto by_itself = answer(db, with_engine(question, "auto"));
  if (by_rows == by_itself) return "";
  std::string text = question + "\n  rows: ";
  for (std::size_t i = 0; i < std::max(by_rows.size(), by_itself.size()); ++i) {
    const std::string a = i < by_rows.size() ? by_rows[i] : "nothing";
    const std::string b = i < by_itself.size() ? by_itself[i] : "nothing";
    if (a != b) return text + a + "\n  columns: " + b;
  }
  return text;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSlow = true;  // SQLite has all its assertions there, too
#else
inline constexpr bool kSlow = false;
#endif
/// Several segments of 1024.
inline constexpr int kSomeJobs = kSlow ? 1500 : 3000;

/// A table of generated jobs with columns of them.
struct Indexed {
  explicit Indexed(int jobs = kSomeJobs) : db(empty_jobs()) {
    generate_jobs(db, jobs);
    db.rows("CREATE VIRTUAL TABLE job_index USING job_columns(source=job, segment_jobs=1024)");
  }
  void command(const std::string& word) const {
    db.rows("INSERT INTO job_index(job_index) VALUES ('" + word + "')");
  }
  std::string engine() const { return db.one("SELECT job_engine(NULL)"); }
  Db db;
};

/// A statement that changes jobs of ids up to about 3200, or is refused.
inline std::string random_write(Dice& dice) {
  const auto some = [&] {
    return "id % " + std::to_string(dice.from_to(50, 900)) + " = " + std::to_string(dice.below(50));
  };
  const auto any = [&] { return std::to_string(dice.from_to(1, 3200)); };
  const std::string columns =
      "job_id, cluster, subcluster, submit_time, start_time, hpc_user, project, cluster_partition, "
      "array_job_id, duration, "
      "walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, smt, shared, "
      "monitoring_status, "
      "energy, energy_footprint, footprint";
  switch (dice.below(15)) {
    case 0:
      return "UPDATE job SET duration = duration + 100 WHERE " + some();
    case 1:
      return "DELETE FROM job WHERE " + some();
    case 2:
      return "INSERT INTO job(" + columns + ") SELECT " + columns +
             " FROM job WHERE id = " + any();  // refused: UNIQUE
    case 3:
      return "INSERT OR REPLACE INTO job(" + columns + ") SELECT " + columns +
             " FROM job WHERE id = " + any();
    case 4:
      return "UPDATE OR REPLACE job SET id = " + any() + " WHERE id = " + any();
    case 5:
      return "UPDATE job SET hpc_user = 'new" + std::to_string(dice.below(4)) +
             "', job_state = 'running' WHERE " + some();
    case 6:
      return "UPDATE job SET footprint = json_set(CAST(footprint AS TEXT), '$.brand_new_" +
             std::to_string(dice.below(3)) + "', 1.5) WHERE json_type(footprint) = 'object' AND " + some();
    case 7:
      return "UPDATE job SET footprint = 'no json' WHERE id = " + any();
    case 8:
      return "UPDATE job SET num_nodes = 'many' WHERE id = " + any();
    case 9:
      return "UPDATE OR REPLACE job SET (job_id, cluster, start_time) = (SELECT job_id, cluster, "
             "start_time FROM job "
             "WHERE id = " +
             any() + ") WHERE id = " + any();
    case 10:
      return "INSERT INTO job(id, " + columns + ") SELECT id, " + columns + " FROM job WHERE id = " + any() +
             " ON CONFLICT(id) DO UPDATE SET duration = 7, footprint = NULL";
    case 11:
      return "INSERT OR IGNORE INTO job(" + columns + ") SELECT job_id + 1000000 * " +
             std::to_string(dice.from_to(1, 9)) + ", " + columns.substr(8) + " FROM job WHERE " + some();
    case 12:
      return "UPDATE OR ROLLBACK job SET duration = duration / 2 WHERE " + some();
    case 13:
      return "UPDATE OR FAIL job SET footprint = '{\"mem_bw_avg\": 17.5, \"note\": \"x\"}' WHERE " + some();
    default:
      return "UPDATE job SET meta_data = '{\"jobName\": \"interactive\"}', start_time = start_time + 5 "
             "WHERE " +
             some();
  }
}

}  // namespace warden::test
