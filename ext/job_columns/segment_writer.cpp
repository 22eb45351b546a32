#include "segment_writer.hpp"

#include <algorithm>
#include <cstring>

#include "filter.hpp"
#include "json_text.hpp"
#include "json_tree.hpp"

namespace warden::columns {
namespace {

/// An entry of the zone maps: FORMAT.md.
void append_zone(vtab::vector<std::byte>& zones, std::int64_t number, std::uint64_t least,
                 std::uint64_t most) {
  for (const std::uint64_t word : {static_cast<std::uint64_t>(number), least, most}) {
    for (int i = 0; i < 8; ++i) zones.push_back(static_cast<std::byte>(word >> (8 * i) & 0xff));
  }
}

std::uint64_t bits_of(double number) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof(bits));
  return bits;
}

}  // namespace

// ---- metrics

Metrics::Metrics(Store& store, std::string_view only)
    : dictionary_(store, kNamesOfMetrics),
      names_(vtab::Allocator<std::string_view>(store.self().api())),
      takes_new_(only.empty()) {
  for (std::uint32_t code = 1; code <= dictionary_.size(); ++code) names_.push_back(dictionary_.text(code));
  if (only.empty()) return;
  const jobs::JsonTree tree(store.self(), only, "job_columns: metrics");
  tree.each_child(tree.root(), [&](const jobs::JsonNode& node) {
    if (std::find(names_.begin(), names_.end(), node.text) == names_.end()) add(node.text);
  });
}

void Metrics::add(std::string_view name) {
  const std::uint32_t code = dictionary_.code_of(name);
  names_.push_back(dictionary_.text(code));
}

// ---- segments

SegmentWriter::SegmentWriter(Store& store, const Options& options)
    : store_(store),
      api_(store.self().api()),
      metrics_(store, options.metrics),
      values_(vtab::Allocator<jobs::FootprintValue>(api_)),
      fields_(vtab::Allocator<vtab::owned<IntegerWriter>>(api_)),
      metric_writers_(vtab::Allocator<vtab::owned<RealWriter>>(api_)) {
  for (std::size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    kept_[i] = options.has(field);
    if (kept_[i] && has_codes(field)) dictionaries_[i].emplace(store, static_cast<std::int64_t>(i));
  }
  begin_segment();
}

vtab::string SegmentWriter::selected() const {
  vtab::string sql = store_.empty();
  sql << "job.rowid";
  for (std::size_t i = 1; i < kFields; ++i) {
    if (!kept_[i]) continue;
    sql << ", ";
    if (static_cast<Field>(i) == Field::job_name) {
      sql << "CASE WHEN ";
      jobs::append_is_json(sql, "meta_data");
      sql << " THEN json_extract(job.meta_data, '$.jobName') END";
    } else {
      sql << "job." << kFieldSpecs[i].column;
    }
  }
  return sql;
}

void SegmentWriter::begin_segment() {
  jobs_ = 0;
  fields_.clear();
  metric_writers_.clear();
  for (std::size_t i = 0; i < kFields; ++i)
    fields_.push_back(kept_[i] ? vtab::make_owned<IntegerWriter>(api_, api_)
                               : vtab::owned<IntegerWriter>(nullptr, {api_}));
  for (std::size_t i = 0; i < metrics_.names().size(); ++i) add_metric_writer();
}

void SegmentWriter::add_metric_writer() {
  metric_writers_.push_back(vtab::make_owned<RealWriter>(api_, api_));
  for (std::size_t i = 0; i < jobs_; ++i) metric_writers_.back()->add_null();
}

bool SegmentWriter::read_field(Field field, const vtab::value& value) {
  const FieldSpec& spec = spec_of(field);
  std::optional<std::int64_t>& cell = cells_[static_cast<std::size_t>(field)];
  cell.reset();
  const int type = value.type();
  if (type == SQLITE_NULL) return spec.nullable;
  if (has_codes(field)) {
    if (type != SQLITE_TEXT) return false;
    cell = dictionaries_[static_cast<std::size_t>(field)]->code_of(value.as_text());
    return true;
  }
  cell = value.as_int64();
  return type == SQLITE_INTEGER && *cell >= spec.least && *cell <= spec.most;
}

bool SegmentWriter::read_footprint(const vtab::value& value, bool& has_one) {
  const std::string_view json = value.type() == SQLITE_BLOB ? value.as_bytes() : value.as_text();
  has_one = !json.empty();
  for (;;) {
    if (!scanner_) {
      scanner_.emplace(metrics_.names(), api_);
      scanner_->look_at_all_keys();
      values_.assign(metrics_.names().size(), jobs::FootprintValue{});
    }
    if (!has_one) {
      for (jobs::FootprintValue& each : values_) each = {};
      return true;
    }
    if (!scanner_->scan(json, values_)) return false;
    const std::string_view other = scanner_->other_key();
    if (other.empty() || !jobs::is_metric_name(other)) return true;
    if (!metrics_.takes_new()) return metrics_.names().size() < kMostMetrics;
    metrics_.add(other);
    add_metric_writer();
    scanner_.reset();
  }
}

bool SegmentWriter::read(std::int64_t id, const Statement& row) {
  cells_[0] = id;
  int column = 1;
  for (std::size_t i = 1; i < kFields; ++i) {
    if (!kept_[i]) continue;
    const vtab::value value(api_, row.raw_value(column++));
    if (static_cast<Field>(i) == Field::footprint) {
      bool has_one = false;
      if (!read_footprint(value, has_one)) return false;
      cells_[i] = has_one ? 1 : 0;
    } else if (!read_field(static_cast<Field>(i), value)) {
      return false;
    }
  }
  return true;
}

std::optional<std::int64_t> SegmentWriter::number(Field field) const noexcept {
  return cells_[static_cast<std::size_t>(field)];
}

std::optional<double> SegmentWriter::metric(std::size_t i) const noexcept {
  if (i >= values_.size() || values_[i].kind != jobs::FootprintValue::Kind::number) return std::nullopt;
  return values_[i].number;
}

void SegmentWriter::add() {
  for (std::size_t i = 0; i < kFields; ++i) {
    if (!kept_[i]) continue;
    if (cells_[i]) {
      fields_[i]->add(*cells_[i]);
    } else if (dictionaries_[i]) {
      fields_[i]->add(0);
    } else {
      fields_[i]->add_null();
    }
  }
  for (std::size_t i = 0; i < metric_writers_.size(); ++i) {
    if (const auto number = metric(i)) {
      metric_writers_[i]->add(*number);
    } else {
      metric_writers_[i]->add_null();
    }
  }
  if (jobs_++ == 0) first_ = *cells_[0];
  last_ = *cells_[0];
}

vtab::vector<WrittenColumn> SegmentWriter::finish(vtab::vector<std::byte>& zones) {
  vtab::vector<WrittenColumn> columns{vtab::Allocator<WrittenColumn>(api_)};
  zones.clear();
  for (std::size_t i = 0; i < kFields; ++i) {
    if (!kept_[i]) continue;
    columns.push_back({static_cast<std::int64_t>(i), fields_[i]->finish()});
    const IntegerColumn made(columns.back().data, Checksum::skip);
    append_zone(zones, columns.back().number, static_cast<std::uint64_t>(made.min()),
                static_cast<std::uint64_t>(made.max()));
  }
  for (std::size_t i = 0; i < metric_writers_.size(); ++i) {
    vtab::vector<std::byte> data = metric_writers_[i]->finish();
    const RealColumn made(data, Checksum::skip);
    if (made.nulls() == made.rows()) continue;  // no job has it
    append_zone(zones, static_cast<std::int64_t>(kFirstMetric + i), bits_of(made.min()), bits_of(made.max()));
    columns.push_back({static_cast<std::int64_t>(kFirstMetric + i), std::move(data)});
  }
  begin_segment();
  return columns;
}

void SegmentWriter::store_new() {
  for (auto& dictionary : dictionaries_) {
    if (dictionary) dictionary->store_new();
  }
  metrics_.store_new();
}

}  // namespace warden::columns
