// Which columns of a job are kept, and what a job must be like for it.
//
// A job is regular if each of its values is what is_regular() of its field says. Only regular jobs are in segments; all
// others are listed as odd, and read from the source whenever somebody asks. So what is computed over segments has to
// deal with numbers and codes alone, and sums of a block can't overflow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace warden::columns {

/// The fields, in the order of their numbers in the format (FORMAT.md). Metrics have numbers from kFirstMetric.
enum class Field : std::uint8_t {
  id,  // the rowid
  start_time,
  duration,
  num_nodes,
  num_hwthreads,
  num_acc,
  array_job_id,
  job_state,
  hpc_user,
  project,
  cluster,
  subcluster,
  cluster_partition,
  shared,
  job_name,   // out of meta_data
  footprint,  // 1 where the job has one, 0 where it is NULL or empty
};
inline constexpr std::size_t kFields = 16;
inline constexpr std::size_t kFirstMetric = 64;
/// More than these are not kept: jobs that have others are odd.
inline constexpr std::size_t kMostMetrics = 256;

enum class FieldKind : std::uint8_t { integers, texts, derived };

struct FieldSpec {
  std::string_view column;  // of the source
  FieldKind kind;
  bool nullable;
  /// Of integers: the smallest and largest of a regular job.
  std::int64_t least, most;
};

/// 2^28 s are 8 years, 2^36 s end in the year 4147. 1024 times the largest duration times the largest number of nodes is
/// 2^62: the sums of a block fit.
inline constexpr std::int64_t kMostSeconds = (std::int64_t{1} << 28) - 1;
inline constexpr std::int64_t kMostCount = (std::int64_t{1} << 24) - 1;
inline constexpr std::int64_t kMostTime = (std::int64_t{1} << 36) - 1;

inline constexpr std::array<FieldSpec, kFields> kFieldSpecs{{
    {"id", FieldKind::derived, false, INT64_MIN, INT64_MAX},
    {"start_time", FieldKind::integers, false, 0, kMostTime},
    {"duration", FieldKind::integers, false, 0, kMostSeconds},
    {"num_nodes", FieldKind::integers, true, 0, kMostCount},
    {"num_hwthreads", FieldKind::integers, true, 0, kMostCount},
    {"num_acc", FieldKind::integers, true, 0, kMostCount},
    {"array_job_id", FieldKind::integers, true, INT64_MIN, INT64_MAX},
    {"job_state", FieldKind::texts, true, 0, 0},
    {"hpc_user", FieldKind::texts, true, 0, 0},
    {"project", FieldKind::texts, true, 0, 0},
    {"cluster", FieldKind::texts, true, 0, 0},
    {"subcluster", FieldKind::texts, true, 0, 0},
    {"cluster_partition", FieldKind::texts, true, 0, 0},
    {"shared", FieldKind::texts, true, 0, 0},
    {"meta_data", FieldKind::derived, true, 0, 0},
    {"footprint", FieldKind::derived, false, 0, 1},
}};

constexpr const FieldSpec& spec_of(Field field) noexcept {
  return kFieldSpecs[static_cast<std::size_t>(field)];
}
/// The field of texts or integers that a column of the source is.
constexpr std::optional<Field> field_of(std::string_view column) noexcept {
  for (std::size_t i = 0; i < kFields; ++i) {
    if (kFieldSpecs[i].kind != FieldKind::derived && kFieldSpecs[i].column == column)
      return static_cast<Field>(i);
  }
  return std::nullopt;
}
/// Whether its values are codes of a dictionary; 0 is NULL.
constexpr bool has_codes(Field field) noexcept {
  return spec_of(field).kind == FieldKind::texts || field == Field::job_name;
}

}  // namespace warden::columns
