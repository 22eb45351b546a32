// A JSON text as a tree, read by SQLite's own parser (json_tree), so that what is JSON is what SQLite says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "statement.hpp"
#include "tables_by_key.hpp"

namespace warden::jobs {

/// Whether texts are JSON, as SQLite says. One thread.
class JsonCheck {
 public:
  explicit JsonCheck(ext::SqliteConnection& self) : self_(self) {}
  /// Throws std::bad_alloc where there is not enough memory to find out.
  bool operator()(std::string_view text);
  /// Prepares what it asks, else done at the first text.
  void prepare();

 private:
  ext::SqliteConnection& self_;
  Statement valid_;
};

/// One value. Strings are views into the tree.
struct JsonNode {
  enum class Type : std::uint8_t { null, boolean, integer, real, text, array, object };
  Type type = Type::null;
  std::int32_t parent = -1;
  std::int32_t first_child = -1;
  std::int32_t next = -1;     // the next one of the same parent
  std::int32_t position = 0;  // within its parent
  std::string_view key;       // empty in arrays
  std::string_view text;      // of a text
  std::int64_t integer = 0;
  double real = 0;  // of an integer too
};

/// One thread. `what` names the text in errors: "job_stats: filter".
class JsonTree {
 public:
  /// Throws vtab::error where the text is not JSON: "<what> is not valid JSON"; or has a NUL, or one in a string.
  JsonTree(ext::SqliteConnection& self, std::string_view json, std::string what);

  const JsonNode& root() const noexcept { return nodes_.front(); }
  template <class F>
  void each_child(const JsonNode& node, F&& f) const {
    for (std::int32_t i = node.first_child; i >= 0; i = nodes_[static_cast<std::size_t>(i)].next)
      f(nodes_[static_cast<std::size_t>(i)]);
  }
  std::size_t count(const JsonNode& node) const {
    std::size_t children = 0;
    each_child(node, [&](const JsonNode&) { ++children; });
    return children;
  }

  /// Where a value stands: "filter[0].cluster.eq".
  std::string path(const JsonNode& node) const;
  /// Throws "<function>: <path> <problem>".
  [[noreturn]] void refuse(const JsonNode& node, const std::string& problem) const;
  /// Throws "... must be <wanted>, not <type>".
  [[noreturn]] void refuse_type(const JsonNode& node, std::string_view wanted) const;

 private:
  std::string what_;
  vtab::vector<JsonNode> nodes_;
  Arena texts_;
};

/// "an array", "a string", ...: for errors.
const char* type_name(JsonNode::Type type) noexcept;

}  // namespace warden::jobs
