// By what jobs are ordered.
#pragma once

#include <optional>
#include <string_view>

#include "json_tree.hpp"

namespace warden::jobs {

/// The columns of a job that jobs() shows.
inline constexpr std::array<std::string_view, 21> kJobColumns{"id",
                                                              "job_id",
                                                              "hpc_user",
                                                              "project",
                                                              "cluster",
                                                              "subcluster",
                                                              "start_time",
                                                              "cluster_partition",
                                                              "array_job_id",
                                                              "num_nodes",
                                                              "num_hwthreads",
                                                              "num_acc",
                                                              "shared",
                                                              "monitoring_status",
                                                              "smt",
                                                              "job_state",
                                                              "duration",
                                                              "walltime",
                                                              "resources",
                                                              "footprint",
                                                              "energy"};

/// "start_time DESC, id", "footprint.mem_bw_avg DESC", or as ClusterCockpit's clients say it:
/// '{"field":"startTime","type":"col","order":"DESC"}', where another type than "col" is a key of the footprint. Names may
/// be in camel case. Without a direction: ascending. Jobs that are equal so are ordered by id, in the last direction.
class JobOrder {
 public:
  /// NULL is by id. Throws vtab::error that names what is wrong.
  JobOrder(ext::SqliteConnection& self, std::string_view function, std::optional<std::string_view> text);
  /// " ORDER BY ...", plain SQL over `job`.
  std::string_view sql() const noexcept { return sql_; }
  bool reads_footprint() const noexcept { return reads_footprint_; }

 private:
  void add(std::string_view function, std::string_view name, bool of_footprint, std::string_view direction);
  vtab::string sql_;
  bool reads_footprint_ = false;
  bool descends_ = false;
  bool has_id_ = false;
};

}  // namespace warden::jobs
