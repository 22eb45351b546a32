#include "job_order.hpp"

#include <algorithm>
#include <array>

#include "filter.hpp"
#include "json_text.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFootprintPrefix = "footprint.";

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
}

constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr char lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c + 32) : c; }

/// numHwthreads and numHWThreads are num_hwthreads, subCluster is subcluster, startTime is start_time.
bool is_name_of(std::string_view name, std::string_view column) noexcept {
  std::size_t at = 0;
  for (const char c : name) {
    while (c != '_' && at < column.size() && column[at] == '_') ++at;
    if (at == column.size() || lower(c) != column[at]) return false;
    ++at;
  }
  return at == column.size();
}

std::optional<std::string_view> direction_of(std::string_view word) noexcept {
  const auto is = [&](std::string_view wanted) {
    return std::equal(word.begin(), word.end(), wanted.begin(), wanted.end(),
                      [](char a, char b) { return lower(a) == b; });
  };
  if (word.empty() || is("asc")) return "";
  if (is("desc")) return " DESC";
  return std::nullopt;
}

}  // namespace

JobOrder::JobOrder(ext::SqliteConnection& self, std::string_view function,
                   std::optional<std::string_view> text)
    : sql_(vtab::Allocator<char>(self.api())) {
  const std::string_view given = text ? trimmed(*text) : std::string_view{};
  if (given.starts_with('{') || given.starts_with('[')) {
    const JsonTree tree(self, given, std::string(function) + ": order_by");
    const auto add_object = [&](const JsonNode& object) {
      if (object.type != JsonNode::Type::object) tree.refuse_type(object, "an object");
      std::string_view field;
      std::string_view type = "col";
      std::string_view order;
      tree.each_child(object, [&](const JsonNode& member) {
        std::string_view* target = member.key == "field"   ? &field
                                   : member.key == "type"  ? &type
                                   : member.key == "order" ? &order
                                                           : nullptr;
        if (target == nullptr) tree.refuse(member, "is not known here (field, type, order are)");
        if (member.type != JsonNode::Type::text) tree.refuse_type(member, "a string");
        *target = member.text;
      });
      add(function, field, type != "col", order);
    };
    if (tree.root().type == JsonNode::Type::object) {
      add_object(tree.root());
    } else {
      tree.each_child(tree.root(), add_object);
    }
  } else {
    for (std::string_view rest = given; !rest.empty();) {
      const auto comma = rest.find(',');
      const std::string_view item = trimmed(rest.substr(0, comma));
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
      const auto space = item.find_first_of(" \t\n\r");
      std::string_view name = item.substr(0, space);
      const std::string_view direction =
          space == std::string_view::npos ? std::string_view{} : trimmed(item.substr(space));
      const bool of_footprint = name.starts_with(kFootprintPrefix);
      if (of_footprint) name.remove_prefix(kFootprintPrefix.size());
      add(function, name, of_footprint, direction);
    }
  }
  if (!has_id_)
    sql_.append(sql_.empty() ? " ORDER BY " : ", ").append("job.id").append(descends_ ? " DESC" : "");
}

void JobOrder::add(std::string_view function, std::string_view name, bool of_footprint,
                   std::string_view direction) {
  const auto refuse = [&](std::string_view what, std::string_view given, const std::string& wanted) {
    throw vtab::error(std::string(function) + ": order_by: " + std::string(what) + " \"" +
                      std::string(given.substr(0, 64)) + "\" " + wanted);
  };
  const auto ordered = direction_of(direction);
  if (!ordered) refuse("direction", direction, "must be ASC or DESC");
  sql_.append(sql_.empty() ? " ORDER BY " : ", ");
  if (of_footprint) {
    if (!is_metric_name(name)) refuse("metric", name, "must be letters, digits and underscores");
    reads_footprint_ = true;
    sql_.append("CASE WHEN ");
    append_is_json(sql_, "footprint");
    sql_.append(" THEN json_extract(job.footprint, '$.");
    // Keys of the footprint are in snake case, and so are the names that clients send, but for old ones.
    for (const char c : name) {
      if (is_upper(c)) sql_ += '_';
      sql_ += lower(c);
    }
    sql_.append("') END");
  } else {
    const auto column = std::find_if(kJobColumns.begin(), kJobColumns.end(),
                                     [&](std::string_view known) { return is_name_of(name, known); });
    if (column == kJobColumns.end()) {
      std::string known;
      for (const std::string_view one : kJobColumns) known.append(known.empty() ? "" : ", ").append(one);
      refuse("column", name, "is none of " + known + ", nor footprint.<metric>");
    }
    has_id_ = has_id_ || *column == "id";
    sql_.append("job.").append(*column);
  }
  sql_.append(*ordered);
  descends_ = !ordered->empty();
}

}  // namespace warden::jobs
