// What is added up over jobs: the numbers of a group, and the groups by their key.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tables_by_key.hpp"
#include "value.hpp"

namespace warden::jobs {

/// Sums over the jobs of a group. Hours come from seconds once, at the end.
struct Totals {
  std::int64_t jobs = 0;
  std::int64_t users = 0;
  std::int64_t seconds = 0;
  std::int64_t nodes = 0;
  std::int64_t node_seconds = 0;
  std::int64_t cores = 0;
  std::int64_t core_seconds = 0;
  std::int64_t accs = 0;
  std::int64_t acc_seconds = 0;
  std::int64_t running_jobs = 0;
  std::int64_t short_jobs = 0;
};

/// Whole hours: to the nearest, halves away from 0. With `parity` cut off, as upstream's integer division does.
constexpr std::int64_t hours(std::int64_t seconds, bool parity) noexcept {
  const std::int64_t whole = seconds / 3600;
  const std::int64_t rest = seconds % 3600;
  if (parity) return whole;
  return whole + (rest >= 1800 ? 1 : rest <= -1800 ? -1 : 0);
}

/// A value of SQL as the key of a group: NULL, a number (1 and 1.0 are one), a text, a blob. Encoded as bytes so that equal
/// values, as GROUP BY has them without a collation, have equal bytes.
class GroupKey {
 public:
  GroupKey() = default;
  explicit GroupKey(std::string_view encoded) : encoded_(encoded) {}

  /// Encodes into `buffer`, which is overwritten.
  static std::string_view encode(const vtab::value& v, vtab::string& buffer);
  bool is_null() const noexcept { return encoded_.empty() || encoded_[0] == kNull; }
  /// NULL before numbers before texts before blobs, as SQLite orders them.
  bool operator<(const GroupKey& other) const noexcept;
  bool is_text() const noexcept { return !encoded_.empty() && encoded_[0] == kText; }
  std::string_view bytes() const noexcept { return encoded_.empty() ? encoded_ : encoded_.substr(1); }
  void put(const vtab::Api* api, sqlite3_context* context) const;

 private:
  static constexpr char kNull = '0';
  static constexpr char kInteger = '1';
  static constexpr char kReal = '2';
  static constexpr char kText = '3';
  static constexpr char kBlob = '4';
  bool is_number() const noexcept { return encoded_[0] == kInteger || encoded_[0] == kReal; }
  std::int64_t integer() const noexcept;
  double real() const noexcept;
  std::string_view encoded_;
};

/// A group as it is kept.
struct Group {
  Totals totals;
  std::string_view name;  // of the user; no data: not known
};
using Groups = ByText<Group>;

}  // namespace warden::jobs

namespace warden::vtab {

template <>
struct sql_type<jobs::GroupKey> {
  static constexpr const char* decl = "";
  static constexpr const char* wording = "a value";
  using stored = string;
  static void put(const Api* api, sqlite3_context* context, const jobs::GroupKey& key) {
    key.put(api, context);
  }
  static std::optional<jobs::GroupKey> get(const value&) { return std::nullopt; }
};

}  // namespace warden::vtab
