// A job filter as a value, as the JSON that clients send, and at random. Knows nothing of SQL: what a filter means is in
// job_oracle.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "job_random.hpp"

namespace warden::test {

struct TextInput {
  std::optional<std::string> eq;
  std::optional<std::string> neq;
  std::optional<std::string> starts_with;
  std::optional<std::string> ends_with;
  std::optional<std::string> contains;
  std::optional<std::vector<std::string>> in;
};

/// Numbers as they are written, so that JSON and SQL have the same digits.
struct Bounds {
  std::optional<std::string> from;
  std::optional<std::string> to;
};

struct TimeInput {
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
  std::optional<std::string> range;
};

struct MetricInput {
  std::string name;
  std::optional<Bounds> range;
};

struct JobFilter {
  std::optional<std::vector<std::int64_t>> db_id;
  std::optional<std::vector<std::int64_t>> tags;
  std::optional<TextInput> job_id;
  std::optional<TextInput> user;
  std::optional<TextInput> project;
  std::optional<TextInput> job_name;
  std::optional<TextInput> cluster;
  std::optional<TextInput> sub_cluster;
  std::optional<TextInput> partition;
  std::optional<TextInput> node;
  std::optional<std::int64_t> array_job_id;
  std::optional<std::int64_t> min_running_for;
  std::optional<Bounds> duration;
  std::optional<Bounds> energy;
  std::optional<Bounds> num_nodes;
  std::optional<Bounds> num_accelerators;
  std::optional<Bounds> num_hw_threads;
  std::optional<TimeInput> start_time;
  std::optional<std::vector<std::string>> state;
  std::optional<std::string> shared;
  std::optional<std::string> schedule;
  std::optional<std::vector<MetricInput>> metric_stats;
};

/// All of them AND-ed.
using JobFilters = std::vector<JobFilter>;

/// JSON for them, in one of the ways in which it may be written: ids as numbers or strings, members in any order, times in
/// any zone, characters escaped or not, null for what is not given.
std::string json_of(const JobFilters& filters, Random& style);

/// Values that random filters are made of: those that occur.
struct FilterValues {
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> array_ids;
  std::vector<std::int64_t> start_times;
  std::vector<std::string> job_ids;
  std::vector<std::string> users;
  std::vector<std::string> projects;
  std::vector<std::string> job_names;
  std::vector<std::string> clusters;
  std::vector<std::string> sub_clusters;
  std::vector<std::string> partitions;
  std::vector<std::string> nodes;
  std::vector<std::string> durations;
  std::vector<std::string> energies;
  std::vector<std::string> num_nodes;
  std::vector<std::string> num_accelerators;
  std::vector<std::string> num_hw_threads;
  std::vector<std::string> metrics;                     // keys
  std::vector<std::vector<std::string>> metric_values;  // of each of them
  std::int64_t now = 0;
};

/// One to three filters, most of one or two fields; one time in some hundred with a value that only parity takes.
JobFilters random_filters(const FilterValues& values, Random& random);

}  // namespace warden::test
