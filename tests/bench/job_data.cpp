#include "job_data.hpp"

#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace warden::bench {
namespace {

struct Index {
  std::string_view name;
  std::string_view columns;
};

/// cc-backend's 54 indexes on job, schema version 11.
constexpr std::array<Index, 51> kIndexes{{
    {"jobs_arrayjobid_starttime", "array_job_id, start_time"},
    {"jobs_cluster_duration_starttime", "cluster, duration, start_time"},
    {"jobs_cluster_energy", "cluster, energy"},
    {"jobs_cluster_jobstate_duration_starttime", "cluster, job_state, duration, start_time"},
    {"jobs_cluster_jobstate_project_stats",
     "cluster, job_state, project, duration, start_time, num_nodes, num_hwthreads, num_acc"},
    {"jobs_cluster_jobstate_starttime_duration", "cluster, job_state, start_time, duration"},
    {"jobs_cluster_jobstate_subcluster_stats",
     "cluster, job_state, subcluster, duration, start_time, num_nodes, num_hwthreads, num_acc"},
    {"jobs_cluster_jobstate_user_stats",
     "cluster, job_state, hpc_user, duration, start_time, num_nodes, num_hwthreads, num_acc"},
    {"jobs_cluster_numacc", "cluster, num_acc"},
    {"jobs_cluster_numhwthreads", "cluster, num_hwthreads"},
    {"jobs_cluster_numnodes", "cluster, num_nodes"},
    {"jobs_cluster_partition_duration_starttime", "cluster, cluster_partition, duration, start_time"},
    {"jobs_cluster_partition_jobstate", "cluster, cluster_partition, job_state"},
    {"jobs_cluster_partition_project", "cluster, cluster_partition, project"},
    {"jobs_cluster_partition_shared", "cluster, cluster_partition, shared"},
    {"jobs_cluster_partition_starttime_duration", "cluster, cluster_partition, start_time, duration"},
    {"jobs_cluster_partition_user", "cluster, cluster_partition, hpc_user"},
    {"jobs_cluster_project", "cluster, project"},
    {"jobs_cluster_project_starttime_stats",
     "cluster, project, start_time, duration, job_state, num_nodes, num_hwthreads, num_acc"},
    {"jobs_cluster_shared_duration_starttime", "cluster, shared, duration, start_time"},
    {"jobs_cluster_shared_project", "cluster, shared, project"},
    {"jobs_cluster_shared_starttime_duration", "cluster, shared, start_time, duration"},
    {"jobs_cluster_shared_user", "cluster, shared, hpc_user"},
    {"jobs_cluster_starttime_duration", "cluster, start_time, duration"},
    {"jobs_cluster_subcluster", "cluster, subcluster"},
    {"jobs_cluster_user", "cluster, hpc_user"},
    {"jobs_cluster_user_starttime_stats",
     "cluster, hpc_user, start_time, duration, job_state, num_nodes, num_hwthreads, num_acc"},
    {"jobs_duration_starttime", "duration, start_time"},
    {"jobs_energy_duration", "energy, duration"},
    {"jobs_energy_starttime", "energy, start_time"},
    {"jobs_jobstate_duration_starttime", "job_state, duration, start_time"},
    {"jobs_jobstate_project", "job_state, project"},
    {"jobs_jobstate_starttime_duration", "job_state, start_time, duration"},
    {"jobs_jobstate_user", "job_state, hpc_user"},
    {"jobs_numacc_duration", "num_acc, duration"},
    {"jobs_numacc_starttime", "num_acc, start_time"},
    {"jobs_numhwthreads_duration", "num_hwthreads, duration"},
    {"jobs_numhwthreads_starttime", "num_hwthreads, start_time"},
    {"jobs_numnodes_duration", "num_nodes, duration"},
    {"jobs_numnodes_starttime", "num_nodes, start_time"},
    {"jobs_project_duration_starttime", "project, duration, start_time"},
    {"jobs_project_starttime_duration", "project, start_time, duration"},
    {"jobs_project_user", "project, hpc_user"},
    {"jobs_shared_duration_starttime", "shared, duration, start_time"},
    {"jobs_shared_project", "shared, project"},
    {"jobs_shared_starttime_duration", "shared, start_time, duration"},
    {"jobs_shared_user", "shared, hpc_user"},
    {"jobs_starttime", "start_time"},
    {"jobs_starttime_duration", "start_time, duration"},
    {"jobs_user_duration_starttime", "hpc_user, duration, start_time"},
    {"jobs_user_starttime_duration", "hpc_user, start_time, duration"},
}};
/// These hold running jobs alone.
constexpr std::array<Index, 3> kRunningIndexes{{
    {"jobs_running_project_stats",
     "cluster, project, num_nodes, num_hwthreads, num_acc, duration, start_time"},
    {"jobs_running_subcluster_stats",
     "cluster, subcluster, num_nodes, num_hwthreads, num_acc, duration, start_time"},
    {"jobs_running_user_stats", "cluster, hpc_user, num_nodes, num_hwthreads, num_acc, duration, start_time"},
}};

/// Runs every statement of one of the project's scripts, with `jobs` for its parameter :jobs.
void run_script(Database& database, const std::string& name, std::int64_t jobs) {
  std::ifstream file(std::string(WARDEN_SQL) + "/" + name);
  std::stringstream read;
  read << file.rdbuf();
  const std::string text = read.str();
  if (!file || text.empty())
    throw std::runtime_error(std::string(WARDEN_SQL) + "/" + name + " can't be read");
  for (const char* at = text.c_str(); *at != '\0';) {
    sqlite3_stmt* statement = nullptr;
    int rc = ::sqlite3_prepare_v2(database.get(), at, -1, &statement, &at);
    if (rc == SQLITE_OK && statement == nullptr) break;  // comments
    if (rc == SQLITE_OK) {
      ::sqlite3_bind_int64(statement, ::sqlite3_bind_parameter_index(statement, ":jobs"), jobs);
      while ((rc = ::sqlite3_step(statement)) == SQLITE_ROW) {
      }
    }
    ::sqlite3_finalize(statement);
    if (rc != SQLITE_DONE) throw std::runtime_error(name + ": " + ::sqlite3_errmsg(database.get()));
  }
}

}  // namespace

void make_jobs(Database& database, std::int64_t jobs) {
  run_script(database, "jobs_schema.sql", jobs);
  run_script(database, "generate_jobs.sql", jobs);
}

void make_job_indexes(Database& database) {
  const auto make = [&](const Index& index, const std::string& rows) {
    database.run("CREATE INDEX IF NOT EXISTS " + std::string(index.name) + " ON job (" +
                 std::string(index.columns) + ")" + rows);
  };
  // The few that stand beside job_columns are parts of others.
  for (const char* few :
       {"jobs_user_starttime", "jobs_project_starttime", "jobs_cluster_jobstate_starttime", "jobs_running"})
    database.run("DROP INDEX IF EXISTS " + std::string(few));
  for (const Index& index : kIndexes) make(index, "");
  for (const Index& index : kRunningIndexes) make(index, " WHERE job_state = 'running'");
  database.run("ANALYZE");
}

}  // namespace warden::bench
