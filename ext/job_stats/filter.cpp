#include "filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "json_text.hpp"
#include "rfc3339.hpp"

namespace warden::jobs {

using Type = JsonNode::Type;

bool is_metric_name(std::string_view name) noexcept {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

struct Filter::Field {
  std::string_view name;
  std::string_view column;  // of job
  void (Filter::*add)(std::string_view name, const JsonNode& value);
};

std::span<const Filter::Field> Filter::fields() noexcept {
  static constexpr std::array<Field, 22> kAll{{{"dbId", "id", &Filter::ids},
                                               {"jobId", "job_id", &Filter::text},
                                               {"arrayJobId", "array_job_id", &Filter::integer},
                                               {"user", "hpc_user", &Filter::text},
                                               {"project", "project", &Filter::text},
                                               {"jobName", "meta_data", &Filter::job_name},
                                               {"cluster", "cluster", &Filter::text},
                                               {"subCluster", "subcluster", &Filter::text},
                                               {"partition", "cluster_partition", &Filter::text},
                                               {"duration", "duration", &Filter::duration},
                                               {"energy", "energy", &Filter::real_range},
                                               {"numNodes", "num_nodes", &Filter::integer_range},
                                               {"numAccelerators", "num_acc", &Filter::integer_range},
                                               {"numHWThreads", "num_hwthreads", &Filter::integer_range},
                                               {"startTime", "start_time", &Filter::start_time},
                                               {"state", "job_state", &Filter::states},
                                               {"shared", "shared", &Filter::shared},
                                               {"tags", "id", &Filter::tags},
                                               {"metricStats", "footprint", &Filter::metrics},
                                               {"node", "resources", &Filter::node},
                                               {"schedule", "meta_data", &Filter::schedule},
                                               {"minRunningFor", "start_time", &Filter::running_for}}};
  return kAll;
}

std::string_view Filter::column_of(std::string_view field) noexcept {
  return std::find_if(fields().begin(), fields().end(), [&](const Field& f) { return f.name == field; })
      ->column;
}

Filter::Filter(ext::SqliteConnection& self, const FilterContext& context,
               std::optional<std::string_view> json)
    : self_(self),
      context_(context),
      columns_sql_(vtab::Allocator<char>(self.api())),
      joins_(vtab::Allocator<char>(self.api())),
      footprint_(vtab::Allocator<FootprintRange>(self.api())),
      each_(vtab::Allocator<ColumnCondition>(self.api())),
      columns_(vtab::Allocator<std::string_view>(self.api())),
      equal_columns_(vtab::Allocator<std::string_view>(self.api())) {
  if (!json) return;
  tree_.emplace(self, *json, std::string(context.function) + ": filter");
  const JsonNode& root = tree_->root();
  if (root.type == Type::null) return;
  if (root.type == Type::object) {
    add_filter(root);
    return;
  }
  if (root.type != Type::array) tree_->refuse_type(root, "an object or an array of objects");
  tree_->each_child(root, [&](const JsonNode& filter) {
    if (filter.type == Type::null) return;
    if (filter.type != Type::object) tree_->refuse_type(filter, "an object");
    add_filter(filter);
  });
}

void Filter::add_filter(const JsonNode& filter) {
  tree_->each_child(filter, [&](const JsonNode& value) {
    const auto field =
        std::find_if(fields().begin(), fields().end(), [&](const Field& f) { return f.name == value.key; });
    if (field == fields().end()) {
      std::string known;
      for (const Field& f : fields()) known.append(known.empty() ? "" : ", ").append(f.name);
      tree_->refuse(value, "is no field of a job filter (those are: " + known + ")");
    }
    tree_->each_child(filter, [&](const JsonNode& other) {
      if (&other != &value && other.key == value.key) tree_->refuse(value, "is given twice");
    });
    if (value.type != Type::null) (this->*field->add)(field->name, value);
  });
}

vtab::string Filter::all_conditions() const {
  vtab::string sql = empty();
  sql << columns_sql_;
  for (const FootprintRange& range : footprint_) {
    if (!sql.empty()) sql << " AND ";
    if (!range.from && !range.to) {
      sql << is_json("footprint");
      continue;
    }
    sql << "CASE WHEN " << is_json("footprint") << " THEN json_extract(job.footprint, '$." << range.key
        << "') END";
    if (range.from && range.to) {
      sql << " BETWEEN " << literal(*range.from) << " AND " << literal(*range.to);
    } else {
      sql << (range.from ? " >= " : " <= ") << literal(range.from ? *range.from : *range.to);
    }
  }
  if (sql.empty()) sql << "1";
  return sql;
}

vtab::string Filter::is_json(std::string_view column) const {
  vtab::string sql = empty();
  if (context_.is_text) {
    sql << "json_valid(job." << column << ")";
  } else {
    append_is_json(sql, column);
  }
  return sql;
}

void Filter::condition(std::string_view sql, ColumnCondition meaning) {
  if (!columns_sql_.empty()) columns_sql_ << " AND ";
  columns_sql_ << sql;
  each_.push_back(std::move(meaning));
}

ColumnCondition Filter::meaning(ColumnCondition::Kind kind, std::string_view field) const {
  return {kind, field, column_of(field), std::nullopt, std::nullopt, empty()};
}

ColumnCondition Filter::in_range(std::string_view field, std::optional<std::int64_t> from,
                                 std::optional<std::int64_t> to) const {
  ColumnCondition made = meaning(ColumnCondition::Kind::integers, field);
  made.from = from;
  made.to = to;
  return made;
}

ColumnCondition Filter::by_rule(ColumnCondition::Kind kind, std::string_view field,
                                std::string_view sql) const {
  ColumnCondition made = meaning(kind, field);
  made.rule = sql;
  return made;
}

// ---- members and values

std::string Filter::literal(double number) const {
  if (std::isinf(number)) return number > 0 ? "9e999" : "-9e999";
  // The shortest that SQLite reads back as the same. Its own printing: the host's locale has no say in it.
  std::array<char, 48> digits{};
  for (int count = 15; count <= 17; ++count) {
    self_.api()->xsnprintf(static_cast<int>(digits.size()), digits.data(), "%!.*g", count, number);
    Statement read(self_, std::string("SELECT ") + digits.data());
    if (read.step() && read.real(0) == number) return digits.data();
  }
  // SQLite misses the last bit of one number in thousands: that one as a quotient of two that have no digits after the point.
  int exponent = 0;
  std::string text =
      "(" + std::to_string(static_cast<std::int64_t>(std::ldexp(std::frexp(number, &exponent), 53))) + ".0";
  for (exponent -= 53; exponent != 0;) {
    const int part = std::clamp(exponent, -62, 62);
    text += (part < 0 ? " / " : " * ") + std::to_string(std::int64_t{1} << std::abs(part)) + ".0";
    exponent -= part;
  }
  return text + ")";
}

const JsonNode* Filter::member(const JsonNode& object, std::string_view key) const {
  const JsonNode* found = nullptr;
  tree_->each_child(object, [&](const JsonNode& child) {
    if (child.key == key && child.type != Type::null) found = &child;
  });
  return found;
}

void Filter::only_members(const JsonNode& object, std::initializer_list<std::string_view> keys) const {
  if (object.type != Type::object) tree_->refuse_type(object, "an object");
  tree_->each_child(object, [&](const JsonNode& child) {
    if (std::find(keys.begin(), keys.end(), child.key) == keys.end()) {
      std::string known;
      for (const std::string_view key : keys) known.append(known.empty() ? "" : ", ").append(key);
      tree_->refuse(child, "is not known here (" + known + " are)");
    }
    tree_->each_child(object, [&](const JsonNode& other) {
      if (&other != &child && other.key == child.key) tree_->refuse(child, "is given twice");
    });
  });
}

vtab::string Filter::quoted(const JsonNode& value) const {
  if (value.type != Type::text) tree_->refuse_type(value, "a string");
  if (value.text.find('\0') != std::string_view::npos) tree_->refuse(value, "has a NUL character");
  vtab::string sql = empty();
  append_quoted(sql, value.text);
  return sql;
}

vtab::string Filter::pattern(const JsonNode& value, std::string_view before, std::string_view after) const {
  if (value.type != Type::text) tree_->refuse_type(value, "a string");
  if (value.text.find('\0') != std::string_view::npos) tree_->refuse(value, "has a NUL character");
  vtab::string text = empty();
  text << before;
  bool escaped = false;
  for (const char c : value.text) {
    if (!context_.parity && (c == '%' || c == '_' || c == '\\')) {
      text += '\\';
      escaped = true;
    }
    text += c;
  }
  text << after;
  vtab::string sql = empty();
  append_quoted(sql, text);
  if (escaped) sql << " ESCAPE '\\'";
  return sql;
}

vtab::string Filter::text_list(const JsonNode& value) const {
  if (value.type != Type::array) tree_->refuse_type(value, "an array of strings");
  vtab::string sql = empty();
  tree_->each_child(value, [&](const JsonNode& item) { sql << (sql.empty() ? "" : ", ") << quoted(item); });
  return sql;
}

vtab::string Filter::id_list(const JsonNode& value) const {
  if (value.type != Type::array) tree_->refuse_type(value, "an array of ids");
  vtab::string sql = empty();
  tree_->each_child(value, [&](const JsonNode& item) {
    std::int64_t id = item.integer;
    if (item.type == Type::text) {
      const char* end = item.text.data() + item.text.size();
      const auto read = std::from_chars(item.text.data(), end, id);
      if (read.ec != std::errc() || read.ptr != end) tree_->refuse(item, "must be an id, an integer");
    } else if (item.type != Type::integer) {
      tree_->refuse_type(item, "an id, an integer");
    }
    sql << (sql.empty() ? "" : ", ") << id;
  });
  return sql;
}

vtab::string Filter::text_rule(const JsonNode& value, bool takes_lists, bool& is_equality) const {
  only_members(value, {"eq", "neq", "startsWith", "endsWith", "contains", "in"});
  is_equality = false;
  vtab::string sql = empty();
  if (const JsonNode* eq = member(value, "eq")) {
    is_equality = true;
    sql << " = " << quoted(*eq);
  } else if (const JsonNode* neq = member(value, "neq")) {
    sql << " <> " << quoted(*neq);
  } else if (const JsonNode* starts = member(value, "startsWith")) {
    sql << " LIKE " << pattern(*starts, "", "%");
  } else if (const JsonNode* ends = member(value, "endsWith")) {
    sql << " LIKE " << pattern(*ends, "%", "");
  } else if (const JsonNode* contains = member(value, "contains")) {
    sql << " LIKE " << pattern(*contains, "%", "%");
  } else if (const JsonNode* in = member(value, "in"); in != nullptr && takes_lists) {
    sql << " IN (" << text_list(*in) << ")";
  }
  return sql;
}

Filter::Bounds Filter::bounds(const JsonNode& value, bool integers) const {
  only_members(value, {"from", "to"});
  Bounds given{member(value, "from"), member(value, "to")};
  for (const JsonNode** bound : {&given.from, &given.to}) {
    if (*bound == nullptr) continue;
    const bool fits = (*bound)->type == Type::integer || (!integers && (*bound)->type == Type::real);
    if (!fits) tree_->refuse_type(**bound, integers ? "an integer" : "a number");
    if ((*bound)->real < 0) {
      // Upstream ignores the whole range then, and so finds more than was asked for.
      if (context_.parity) return {};
      tree_->refuse(**bound, "must not be negative (0 leaves that side open)");
    }
    if ((*bound)->real == 0) *bound = nullptr;
  }
  return given;
}

std::int64_t Filter::unix_seconds(const JsonNode& value) const {
  if (value.type != Type::text) tree_->refuse_type(value, "a string, a timestamp");
  const auto seconds = unix_seconds_of(value.text);
  if (!seconds) {
    tree_->refuse(value, "is no timestamp such as \"2025-01-31T12:00:00Z\" (RFC 3339): \"" +
                             std::string(value.text.substr(0, 64)) + "\"");
  }
  return *seconds;
}

}  // namespace warden::jobs
