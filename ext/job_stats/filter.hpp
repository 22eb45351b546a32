// A JobFilter, as ClusterCockpit's web clients send it, and what it means in SQL. An object, or an array of objects; all of
// them, and all their fields, are AND-ed. NULL or the JSON null is everything.
//
//   field                                        value                         condition
//   dbId, tags                                   [ID]                          job.id; the job's tags: any of these
//   jobId, user, project, cluster, subCluster,   {eq, neq, startsWith,         the column; the first that is given counts,
//     partition, jobName, node                    endsWith, contains, in}      in this order
//   arrayJobId, minRunningFor                    integer
//   duration, numNodes, numAccelerators,         {from, to}                    inclusive; 0 = open
//     numHWThreads, energy
//   startTime                                    {from, to} RFC 3339, or {range}: last6h, last24h, last7d, last30d
//   state                                        [string]                      any of these
//   shared, schedule                             string                        schedule: interactive or batch
//   metricStats                                  [{metricName, range: {from, to}}]: keys of the footprint, at most 1000 in all
//
// Values only ever become literals: in quotes, or numbers. A text that can't be quoted (with a NUL character) is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "json_tree.hpp"
#include "sql_builder.hpp"

namespace warden::jobs {

/// A condition on one key of the footprint, met by numbers from `from` to `to` where they are given. By texts too, as SQLite
/// orders them after all numbers: if only `from` is given. Without both: by every footprint that is JSON.
struct FootprintRange {
  std::string_view key;
  std::optional<double> from;
  std::optional<double> to;
};

/// One condition on columns of `job`, for who answers it without SQL (job_columns).
struct ColumnCondition {
  enum class Kind : std::uint8_t {
    integers,   // `column` from `from` to `to`, each where it is given; a NULL never
    texts,      // `column`, then `rule`: " = 'x'", " LIKE ...", " IN (...)"
    job_names,  // the job's name, then `rule`
    durations,  // seconds from `from` to `to`: of a running job those since its start
    other       // in SQL alone
  };
  Kind kind = Kind::other;
  std::string_view field;   // of the filter
  std::string_view column;  // of job
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
  vtab::string rule;
};

/// What a filter means, apart from its text.
struct FilterContext {
  std::string_view function;  // names the caller in errors
  std::string_view schema;    // "\"main\"." or nothing: where jobtag is
  std::int64_t now = 0;       // Unix seconds
  bool parity = false;        // as upstream, defects included
  bool joins_tags = false;    // a job then comes once for each of its tags in a list
  bool is_text = false;       // conditions are for others to run: nothing but SQLite's own functions
};

/// Texts are views into the filter, which is not moved. One thread.
class Filter {
 public:
  /// Throws vtab::error that names the field.
  Filter(ext::SqliteConnection& self, const FilterContext& context, std::optional<std::string_view> json);
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  /// The conditions on columns of `job`, AND-ed; "" where there are none. Without those on the footprint.
  std::string_view column_conditions() const noexcept { return columns_sql_; }
  std::span<const FootprintRange> footprint() const noexcept { return footprint_; }
  /// The same as column_conditions(), one by one.
  std::span<const ColumnCondition> each_condition() const noexcept { return each_; }
  /// All conditions, as SQL over `job`; "1" where there are none.
  vtab::string all_conditions() const;
  /// " JOIN jobtag ..." where tags are joined, once for each filter that has some.
  std::string_view joins() const noexcept { return joins_; }

  /// The columns of `job` that column_conditions() reads, with repetitions.
  std::span<const std::string_view> columns() const noexcept { return columns_; }
  /// Those of them that must equal a value.
  std::span<const std::string_view> equal_columns() const noexcept { return equal_columns_; }
  bool reads_tags() const noexcept { return reads_tags_; }

 private:
  struct Field;
  static std::span<const Field> fields() noexcept;
  static std::string_view column_of(std::string_view field) noexcept;

  void add_filter(const JsonNode& filter);
  void condition(std::string_view sql, ColumnCondition meaning);
  ColumnCondition meaning(ColumnCondition::Kind kind, std::string_view field) const;
  ColumnCondition in_range(std::string_view field, std::optional<std::int64_t> from,
                           std::optional<std::int64_t> to) const;
  ColumnCondition by_rule(ColumnCondition::Kind kind, std::string_view field, std::string_view sql) const;

  // One for each kind of field; `name` is that of the field.
  void ids(std::string_view name, const JsonNode& value);
  void tags(std::string_view name, const JsonNode& value);
  void text(std::string_view name, const JsonNode& value);
  void job_name(std::string_view name, const JsonNode& value);
  void node(std::string_view name, const JsonNode& value);
  void integer(std::string_view name, const JsonNode& value);
  void running_for(std::string_view name, const JsonNode& value);
  void integer_range(std::string_view name, const JsonNode& value);
  void duration(std::string_view name, const JsonNode& value);
  void real_range(std::string_view name, const JsonNode& value);
  void start_time(std::string_view name, const JsonNode& value);
  void states(std::string_view name, const JsonNode& value);
  void shared(std::string_view name, const JsonNode& value);
  void schedule(std::string_view name, const JsonNode& value);
  void metrics(std::string_view name, const JsonNode& value);

  struct Bounds {
    const JsonNode* from = nullptr;
    const JsonNode* to = nullptr;
  };
  const JsonNode* member(const JsonNode& object, std::string_view key) const;
  void only_members(const JsonNode& object, std::initializer_list<std::string_view> keys) const;
  Bounds bounds(const JsonNode& value, bool integers) const;
  vtab::string id_list(const JsonNode& value) const;
  vtab::string text_list(const JsonNode& value) const;
  vtab::string quoted(const JsonNode& value) const;
  /// A number as SQL that SQLite reads back to the same double.
  std::string literal(double number) const;
  vtab::string pattern(const JsonNode& value, std::string_view before, std::string_view after) const;
  /// The rule that a StringInput means, to be put after an expression: " = 'x'". Empty where it means none.
  vtab::string text_rule(const JsonNode& value, bool takes_lists, bool& is_equality) const;
  /// The test whether a column of `job` is JSON.
  vtab::string is_json(std::string_view column) const;
  /// The name of the job, NULL where there is none, out of its meta_data.
  vtab::string job_name_of() const;
  vtab::string empty() const { return vtab::string(vtab::Allocator<char>(self_.api())); }
  std::int64_t unix_seconds(const JsonNode& value) const;

  ext::SqliteConnection& self_;
  FilterContext context_;
  std::optional<JsonTree> tree_;
  vtab::string columns_sql_;
  vtab::string joins_;
  int joined_ = 0;
  bool reads_tags_ = false;
  vtab::vector<FootprintRange> footprint_;
  vtab::vector<ColumnCondition> each_;
  vtab::vector<std::string_view> columns_;
  vtab::vector<std::string_view> equal_columns_;
};

/// True for names that ClusterCockpit gives to metrics: letters, digits, underscores.
bool is_metric_name(std::string_view name) noexcept;

}  // namespace warden::jobs
