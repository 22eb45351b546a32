// What each field of a JobFilter means: one function for each kind of field.
#include <algorithm>
#include <array>
#include <limits>

#include "filter.hpp"

namespace warden::jobs {
namespace {

using Type = JsonNode::Type;
using Kind = ColumnCondition::Kind;

/// jobName and hostname are where cc-backend puts them. CASE, not AND: SQLite may test the terms of an AND in any order,
/// and json_extract() of what is not JSON is an error.
constexpr std::string_view kHostName =
    "CASE WHEN host.type = 'object' THEN json_extract(host.value, '$.hostname') END";

constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kRanges{
    {{"last6h", 21'600}, {"last24h", 86'400}, {"last7d", 604'800}, {"last30d", 2'592'000}}};

/// As many as SQLite allows conditions on columns. Each is looked for among the others before the first job is read, where
/// nothing looks for an interrupt, and is a column of the statement that reads unusual footprints: SQLite allows 2000.
constexpr std::size_t kMostMetricConditions = 1000;

/// Of a bound that may be open.
std::optional<std::int64_t> integer_of(const JsonNode* bound) {
  return bound == nullptr ? std::nullopt : std::optional(bound->integer);
}

}  // namespace

void Filter::ids(std::string_view name, const JsonNode& value) {
  columns_.push_back(column_of(name));
  const vtab::string list = id_list(value);
  equal_columns_.push_back(column_of(name));
  vtab::string sql = empty();
  condition(sql << "job.id IN (" << list << ")", meaning(Kind::other, name));
}

void Filter::tags(std::string_view name, const JsonNode& value) {
  columns_.push_back(column_of(name));
  reads_tags_ = true;
  const vtab::string list = id_list(value);
  vtab::string sql = empty();
  if (context_.joins_tags) {
    vtab::string table = empty();
    table << "jobtag" << std::int64_t{++joined_};
    joins_ << " JOIN " << context_.schema << "jobtag AS " << table << " ON " << table << ".job_id = job.id";
    return condition(sql << table << ".tag_id IN (" << list << ")", meaning(Kind::other, name));
  }
  condition(sql << "job.id IN (SELECT jobtag.job_id FROM " << context_.schema
                << "jobtag AS jobtag WHERE jobtag.tag_id IN (" << list << "))",
            meaning(Kind::other, name));
}

void Filter::text(std::string_view name, const JsonNode& value) {
  bool is_equality = false;
  const vtab::string rule = text_rule(value, true, is_equality);
  if (rule.empty()) return;
  columns_.push_back(column_of(name));
  if (is_equality) equal_columns_.push_back(column_of(name));
  vtab::string sql = empty();
  condition(sql << "job." << column_of(name) << rule, by_rule(Kind::texts, name, rule));
}

vtab::string Filter::job_name_of() const {
  vtab::string sql = empty();
  return sql << "CASE WHEN " << is_json("meta_data") << " THEN json_extract(job.meta_data, '$.jobName') END";
}

void Filter::job_name(std::string_view name, const JsonNode& value) {
  bool is_equality = false;
  const vtab::string rule = text_rule(value, !context_.parity, is_equality);
  if (rule.empty() && !context_.parity) return;
  columns_.push_back(column_of(name));
  vtab::string sql = empty();
  if (rule.empty()) return condition(is_json("meta_data"), meaning(Kind::other, name));
  condition(sql << job_name_of() << rule, by_rule(Kind::job_names, name, rule));
}

void Filter::node(std::string_view name, const JsonNode& value) {
  bool is_equality = false;
  vtab::string rule = text_rule(value, !context_.parity, is_equality);
  if (rule.empty() && !context_.parity) return;
  columns_.push_back(column_of(name));
  if (rule.empty()) return condition(is_json("resources"), meaning(Kind::other, name));
  // "Not on this node" means on none of the job's nodes; upstream's means that some node is another one.
  const bool none = !context_.parity && rule.starts_with(" <>");
  if (none) rule.replace(0, 3, " =");
  vtab::string sql = empty();
  condition(sql << "CASE WHEN " << is_json("resources") << " THEN " << (none ? "NOT " : "")
                << "EXISTS (SELECT 1 FROM json_each(job.resources) AS host WHERE " << kHostName << rule
                << ") ELSE 0 END",
            meaning(Kind::other, name));
}

void Filter::integer(std::string_view name, const JsonNode& value) {
  if (value.type != Type::integer) tree_->refuse_type(value, "an integer");
  columns_.push_back(column_of(name));
  equal_columns_.push_back(column_of(name));
  vtab::string sql = empty();
  condition(sql << "job." << column_of(name) << " = " << value.integer,
            in_range(name, value.integer, value.integer));
}

void Filter::running_for(std::string_view name, const JsonNode& value) {
  if (value.type != Type::integer) tree_->refuse_type(value, "an integer");
  columns_.push_back(column_of(name));
  std::int64_t before = 0;
  if (__builtin_sub_overflow(context_.now, value.integer, &before)) tree_->refuse(value, "is out of range");
  vtab::string sql = empty();
  // Of the smallest number there is nothing below.
  const bool any = before > std::numeric_limits<std::int64_t>::min();
  condition(sql << "job.start_time < " << before,
            any ? in_range(name, std::nullopt, before - 1) : in_range(name, 1, 0));
}

void Filter::integer_range(std::string_view name, const JsonNode& value) {
  const Bounds given = bounds(value, true);
  if (given.from == nullptr && given.to == nullptr) return;
  columns_.push_back(column_of(name));
  vtab::string sql = empty();
  sql << "job." << column_of(name);
  if (given.from != nullptr && given.to != nullptr) {
    sql << " BETWEEN " << given.from->integer << " AND " << given.to->integer;
  } else {
    sql << (given.from != nullptr ? " >= " : " <= ")
        << (given.from != nullptr ? given.from->integer : given.to->integer);
  }
  condition(sql, in_range(name, integer_of(given.from), integer_of(given.to)));
}

void Filter::duration(std::string_view name, const JsonNode& value) {
  if (context_.parity) return integer_range(name, value);
  const Bounds given = bounds(value, true);
  if (given.from == nullptr && given.to == nullptr) return;
  for (const std::string_view column : {"duration", "job_state", "start_time"}) columns_.push_back(column);
  // Of a running job it is the time since its start that counts. In two halves, so that indexes serve both.
  vtab::string ended = empty();
  vtab::string running = empty();
  const auto latest_start = [&](const JsonNode& bound) {
    std::int64_t start = 0;
    if (__builtin_sub_overflow(context_.now, bound.integer, &start)) tree_->refuse(bound, "is out of range");
    return start;
  };
  if (given.from != nullptr) {
    ended << " AND job.duration >= " << given.from->integer;
    running << " AND job.start_time <= " << latest_start(*given.from);
  }
  if (given.to != nullptr) {
    ended << " AND job.duration <= " << given.to->integer;
    running << " AND job.start_time >= " << latest_start(*given.to);
  }
  vtab::string sql = empty();
  ColumnCondition seconds = in_range(name, integer_of(given.from), integer_of(given.to));
  seconds.kind = Kind::durations;
  condition(sql << "((job.job_state IS NOT 'running'" << ended << ") OR (job.job_state = 'running'" << running
                << "))",
            std::move(seconds));
}

void Filter::real_range(std::string_view name, const JsonNode& value) {
  const Bounds given = bounds(value, false);
  if (given.from == nullptr && given.to == nullptr) return;
  columns_.push_back(column_of(name));
  vtab::string sql = empty();
  sql << "job." << column_of(name);
  if (given.from != nullptr && given.to != nullptr) {
    sql << " BETWEEN " << literal(given.from->real) << " AND " << literal(given.to->real);
  } else {
    sql << (given.from != nullptr ? " >= " : " <= ")
        << literal(given.from != nullptr ? given.from->real : given.to->real);
  }
  condition(sql, meaning(Kind::other, name));
}

void Filter::start_time(std::string_view name, const JsonNode& value) {
  only_members(value, {"from", "to", "range"});
  const JsonNode* from = member(value, "from");
  const JsonNode* to = member(value, "to");
  const JsonNode* range = member(value, "range");
  vtab::string sql = empty();
  sql << "job.start_time";
  std::optional<std::int64_t> first;
  std::optional<std::int64_t> last;
  if (from != nullptr) first = unix_seconds(*from);
  if (to != nullptr) last = unix_seconds(*to);
  if (from != nullptr && to != nullptr) {
    sql << " BETWEEN " << *first << " AND " << *last;
  } else if (from != nullptr || to != nullptr) {
    sql << (from != nullptr ? " >= " : " <= ") << (from != nullptr ? *first : *last);
  } else if (range != nullptr) {
    if (range->type != Type::text) tree_->refuse_type(*range, "a string");
    const auto known =
        std::find_if(kRanges.begin(), kRanges.end(), [&](const auto& r) { return r.first == range->text; });
    if (known == kRanges.end()) {
      if (context_.parity || range->text.empty()) return;
      tree_->refuse(*range, "must be last6h, last24h, last7d or last30d, not \"" +
                                std::string(range->text.substr(0, 64)) + "\"");
    }
    std::int64_t since = 0;
    if (__builtin_sub_overflow(context_.now, known->second, &since)) since = context_.now;
    sql << " >= " << since;
    first = since;
  } else {
    return;
  }
  columns_.push_back(column_of(name));
  condition(sql, in_range(name, first, last));
}

void Filter::states(std::string_view name, const JsonNode& value) {
  const vtab::string list = text_list(value);
  columns_.push_back(column_of(name));
  const bool one = tree_->count(value) == 1;
  equal_columns_.push_back(column_of(name));
  vtab::string sql = empty();
  // One state as an equality: so it meets the condition of a partial index.
  vtab::string rule = empty();
  if (one) {
    rule << " = " << list;
  } else {
    rule << " IN (" << list << ")";
  }
  condition(sql << "job." << column_of(name) << rule, by_rule(Kind::texts, name, rule));
}

void Filter::shared(std::string_view name, const JsonNode& value) {
  const vtab::string wanted = quoted(value);
  columns_.push_back(column_of(name));
  equal_columns_.push_back(column_of(name));
  vtab::string sql = empty();
  vtab::string rule = empty();
  rule << " = " << wanted;
  condition(sql << "job." << column_of(name) << rule, by_rule(Kind::texts, name, rule));
}

void Filter::schedule(std::string_view name, const JsonNode& value) {
  if (value.type != Type::text) tree_->refuse_type(value, "a string");
  const bool interactive = value.text == "interactive";
  if (!interactive && value.text != "batch") {
    if (context_.parity || value.text.empty()) return;
    tree_->refuse(value, "must be \"interactive\" or \"batch\"");
  }
  columns_.push_back(column_of(name));
  vtab::string sql = empty();
  const std::string_view rule = interactive ? " = 'interactive'" : " <> 'interactive'";
  condition(sql << job_name_of() << rule, by_rule(Kind::job_names, name, rule));
}

void Filter::metrics(std::string_view name, const JsonNode& value) {
  if (value.type != Type::array) tree_->refuse_type(value, "an array of objects");
  tree_->each_child(value, [&](const JsonNode& item) {
    only_members(item, {"metricName", "range"});
    const JsonNode* metric = member(item, "metricName");
    if (metric == nullptr) tree_->refuse(item, "has no metricName");
    if (metric->type != Type::text) tree_->refuse_type(*metric, "a string");
    if (!is_metric_name(metric->text)) {
      if (context_.parity) return condition("0", in_range(name, 1, 0));  // matches nothing, as upstream
      tree_->refuse(*metric, "must be letters, digits and underscores, not \"" +
                                 std::string(metric->text.substr(0, 64)) + '"');
    }
    if (footprint_.size() == kMostMetricConditions) {
      tree_->refuse(item, "is one too many: at most " + std::to_string(kMostMetricConditions) +
                              " conditions on metrics in a filter");
    }
    FootprintRange range{metric->text, std::nullopt, std::nullopt};
    if (const JsonNode* given = member(item, "range")) {
      const Bounds limits = bounds(*given, false);
      if (limits.from != nullptr) range.from = limits.from->real;
      if (limits.to != nullptr) range.to = limits.to->real;
    }
    footprint_.push_back(range);
  });
}

}  // namespace warden::jobs
