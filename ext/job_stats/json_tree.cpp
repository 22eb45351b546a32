#include "json_tree.hpp"

#include <utility>
#include <vector>

#include "json_text.hpp"
#include "utf8.hpp"

namespace warden::jobs {
namespace {

JsonNode::Type type_of(std::string_view name) noexcept {
  if (name == "true" || name == "false") return JsonNode::Type::boolean;
  if (name == "integer") return JsonNode::Type::integer;
  if (name == "real") return JsonNode::Type::real;
  if (name == "text") return JsonNode::Type::text;
  if (name == "array") return JsonNode::Type::array;
  if (name == "object") return JsonNode::Type::object;
  return JsonNode::Type::null;
}

/// SQLite ends a text at a NUL, and older versions cut what they make of a string at one: what is left would say something
/// else than what was written.
bool has_nul(std::string_view json) noexcept {
  if (json.find('\0') != std::string_view::npos) return true;
  for (std::size_t at = json.find('\\'); at != std::string_view::npos; at = json.find('\\', at + 2)) {
    if (json.substr(at + 1, 5) == "u0000") return true;
  }
  return false;
}

}  // namespace

const char* type_name(JsonNode::Type type) noexcept {
  switch (type) {
    case JsonNode::Type::boolean:
      return "a boolean";
    case JsonNode::Type::integer:
      return "an integer";
    case JsonNode::Type::real:
      return "a number with decimals";
    case JsonNode::Type::text:
      return "a string";
    case JsonNode::Type::array:
      return "an array";
    case JsonNode::Type::object:
      return "an object";
    default:
      return "null";
  }
}

bool JsonCheck::operator()(std::string_view text) {
  prepare();
  valid_.bind(1, text);
  const bool is_json = valid_.step() && valid_.integer(0) != 0;
  valid_.reset();
  return is_json || no_json(self_.api(), text);
}

void JsonCheck::prepare() {
  if (!valid_) valid_ = Statement(self_, "SELECT json_valid(?1)");
}

JsonTree::JsonTree(ext::SqliteConnection& self, std::string_view json, std::string what)
    : what_(std::move(what)), nodes_(vtab::Allocator<JsonNode>(self.api())), texts_(self.api()) {
  if (has_nul(json)) throw vtab::error(what_ + " has a NUL character");
  if (!JsonCheck(self)(json)) throw vtab::error(what_ + " is not valid JSON");
  Statement all(self, "SELECT id, parent, key, type, atom FROM json_tree(?1)");
  all.bind(1, json);
  // The ids of json_tree grow from parent to child; ours are positions in the order of reading.
  vtab::vector<std::pair<std::int64_t, std::int32_t>> open{
      vtab::Allocator<std::pair<std::int64_t, std::int32_t>>(self.api())};
  vtab::vector<std::int32_t> last_child{vtab::Allocator<std::int32_t>(self.api())};
  while (all.step()) {
    JsonNode node;
    const auto number = static_cast<std::int32_t>(nodes_.size());
    node.type = type_of(all.text(3));
    if (all.type(1) != SQLITE_NULL) {
      while (!open.empty() && open.back().first != all.integer(1)) open.pop_back();
      if (open.empty()) throw vtab::error(what_ + " can't be read");
      node.parent = open.back().second;
      const std::int32_t before = last_child[static_cast<std::size_t>(node.parent)];
      JsonNode& parent = nodes_[static_cast<std::size_t>(node.parent)];
      if (before < 0) {
        parent.first_child = number;
      } else {
        nodes_[static_cast<std::size_t>(before)].next = number;
        node.position = nodes_[static_cast<std::size_t>(before)].position + 1;
      }
      last_child[static_cast<std::size_t>(node.parent)] = number;
      if (parent.type == JsonNode::Type::object) node.key = texts_.keep(all.text(2));
    }
    switch (node.type) {
      case JsonNode::Type::text:
        node.text = texts_.keep(all.text(4));
        break;
      case JsonNode::Type::boolean:
      case JsonNode::Type::integer:
        // An integer that SQLite had to make a REAL of is not one for us.
        if (all.type(4) == SQLITE_FLOAT) node.type = JsonNode::Type::real;
        node.integer = all.integer(4);
        node.real = all.real(4);
        break;
      case JsonNode::Type::real:
        node.real = all.real(4);
        break;
      default:
        break;
    }
    open.emplace_back(all.integer(0), number);
    nodes_.push_back(node);
    last_child.push_back(-1);
  }
  if (nodes_.empty()) throw vtab::error(what_ + " can't be read");
}

std::string JsonTree::path(const JsonNode& node) const {
  const auto colon = what_.rfind(": ");
  std::string text = colon == std::string::npos ? what_ : what_.substr(colon + 2);
  std::vector<const JsonNode*> way;
  for (const JsonNode* at = &node; at->parent >= 0; at = &nodes_[static_cast<std::size_t>(at->parent)])
    way.push_back(at);
  for (auto at = way.rbegin(); at != way.rend(); ++at) {
    if (nodes_[static_cast<std::size_t>((*at)->parent)].type == JsonNode::Type::array) {
      text += '[' + std::to_string((*at)->position) + ']';
    } else {
      text += '.' + std::string((*at)->key.substr(0, 64));
    }
  }
  return text;
}

void JsonTree::refuse(const JsonNode& node, const std::string& problem) const {
  const auto colon = what_.rfind(": ");
  const std::string said =
      (colon == std::string::npos ? "" : what_.substr(0, colon + 2)) + path(node) + " " + problem;
  // Keys and texts of the filter are cut at a byte, and may never have been UTF-8.
  std::string shown;
  append_utf8(shown, said);
  throw vtab::error(shown);
}

void JsonTree::refuse_type(const JsonNode& node, std::string_view wanted) const {
  refuse(node, "must be " + std::string(wanted) + ", not " + type_name(node.type));
}

}  // namespace warden::jobs
