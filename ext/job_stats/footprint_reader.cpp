#include "footprint_reader.hpp"

#include <algorithm>

namespace warden::jobs {
FootprintReader::FootprintReader(ext::SqliteConnection& self, vtab::vector<std::string_view> keys)
    : self_(self),
      keys_(std::move(keys)),
      scanner_(keys_, self.api()),
      values_(keys_.size(), FootprintValue{}, vtab::Allocator<FootprintValue>(self.api())),
      is_json_(self) {}

std::size_t FootprintReader::position_of(std::string_view key) const noexcept {
  return static_cast<std::size_t>(std::find(keys_.begin(), keys_.end(), key) - keys_.begin());
}

FootprintReader::Read FootprintReader::read(vtab::value footprint) {
  const int type = footprint.type();
  json_ = type == SQLITE_BLOB ? footprint.as_bytes() : footprint.as_text();
  if (json_.empty()) return Read::none;
  if (scanner_.scan(json_, values_)) return Read::json;
  if (!is_json_(json_)) return Read::no_json;
  extract();
  return Read::json;
}

void FootprintReader::prepare() {
  is_json_.prepare();
  prepare_values();
}

void FootprintReader::prepare_values() {
  if (values_of_ || keys_.empty()) return;
  vtab::string sql(vtab::Allocator<char>(self_.api()));
  for (const std::string_view key : keys_) {
    sql.append(sql.empty() ? "SELECT " : ", ").append("json_extract(?1, '$.").append(key).append("')");
  }
  values_of_ = Statement(self_, sql);
}

void FootprintReader::extract() {
  if (keys_.empty()) return;
  prepare_values();
  values_of_.bind(1, json_);
  values_of_.step();
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    FootprintValue& value = values_[i];
    value = {};
    switch (values_of_.type(static_cast<int>(i))) {
      case SQLITE_INTEGER:
      case SQLITE_FLOAT:
        value.kind = FootprintValue::Kind::number;
        value.number = values_of_.real(static_cast<int>(i));
        break;
      case SQLITE_NULL:
        break;
      default:
        value.kind = FootprintValue::Kind::text;
    }
  }
  values_of_.reset();
}

const FootprintValue& FootprintReader::exact(std::size_t key) {
  if (!values_[key].exact) extract();
  return values_[key];
}

FootprintConditions::FootprintConditions(std::span<const FootprintRange> ranges, FootprintReader& reader,
                                         const vtab::Api* api)
    : ranges_(ranges), reader_(reader), places_(vtab::Allocator<std::size_t>(api)) {
  places_.reserve(ranges_.size());
  for (const FootprintRange& range : ranges_) places_.push_back(reader_.position_of(range.key));
}

bool FootprintConditions::met(FootprintReader::Read read) {
  if (ranges_.empty()) return true;
  if (read != FootprintReader::Read::json) return false;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    if (!met(ranges_[i], places_[i])) return false;
  }
  return true;
}

bool FootprintConditions::met(const FootprintRange& range, std::size_t key) {
  if (!range.from && !range.to) return true;
  const FootprintValue& value = reader_.at(key);
  switch (value.kind) {
    case FootprintValue::Kind::absent:
      return false;
    case FootprintValue::Kind::text:
      return !range.to;
    case FootprintValue::Kind::number:
      break;
  }
  const auto decides = [&](const std::optional<double>& bound) {
    return bound && is_near(value.number, *bound);
  };
  if (!value.exact && (decides(range.from) || decides(range.to))) reader_.exact(key);
  return (!range.from || value.number >= *range.from) && (!range.to || value.number <= *range.to);
}

vtab::vector<std::string_view> keys_of(std::span<const FootprintRange> ranges,
                                       std::span<const std::string_view> more, const vtab::Api* api) {
  vtab::vector<std::string_view> keys{vtab::Allocator<std::string_view>(api)};
  const auto add = [&](std::string_view key) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  };
  for (const FootprintRange& range : ranges) add(range.key);
  for (const std::string_view key : more) add(key);
  return keys;
}

}  // namespace warden::jobs
