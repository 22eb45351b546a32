#include "cursor.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace warden::columns {
namespace {

template <std::size_t... I>
std::array<vtab::vector<vtab::string>, kFields> no_texts(const vtab::Api* api, std::index_sequence<I...>) {
  return {((void)I, vtab::vector<vtab::string>(vtab::Allocator<vtab::string>(api)))...};
}

}  // namespace

Scan::Scan(Store& store, const Options& options, std::span<const DeclaredColumn> columns,
           const Bounds& bounds)
    : store_(store),
      api_(store.self().api()),
      options_(options),
      columns_(columns),
      bounds_(bounds),
      snapshot_(store.self(),
                store.empty() << "SELECT value FROM " << store.table("config") << " WHERE key = 'version'"),
      segments_(store),
      changed_(vtab::Allocator<std::int64_t>(api_)),
      ids_{SIZE_MAX,
           {},
           {},
           false,
           vtab::vector<std::int64_t>(vtab::Allocator<std::int64_t>(api_)),
           vtab::vector<double>(vtab::Allocator<double>(api_)),
           vtab::vector<std::uint8_t>(vtab::Allocator<std::uint8_t>(api_))},
      decoded_(vtab::Allocator<Decoded>(api_)),
      texts_(no_texts(api_, std::make_index_sequence<kFields>{})) {
  snapshot_.step();
  if (const std::string trouble = store.trouble(options); !trouble.empty())
    throw vtab::error("job_columns: \"" + std::string(store.name()) + "\": " + trouble);
  decoded_.assign(columns.size(), ids_);
  Statement delta(store.self(), store.empty() << "SELECT id FROM " << store.table("delta") << " ORDER BY id");
  while (delta.step()) changed_.push_back(delta.integer(0));
  if (next_segment()) {
    settle();
  } else {
    begin_rows();
  }
}

bool Scan::next_segment() {
  const auto misses = [&](Field field, std::int64_t from, std::int64_t to) {
    const auto zone = segments_.zones().find(static_cast<std::int64_t>(field));
    return zone &&
           (static_cast<std::int64_t>(zone->most) < from || static_cast<std::int64_t>(zone->least) > to);
  };
  while (segments_.next()) {
    if (misses(Field::id, bounds_.id_from, bounds_.id_to) ||
        misses(Field::start_time, bounds_.start_from, bounds_.start_to))
      continue;
    row_ = 0;
    ids_.integers = segments_.integers(Field::id);
    ids_.block = SIZE_MAX;
    for (Decoded& each : decoded_) {
      each.is_open = false;
      each.block = SIZE_MAX;
      each.integers.reset();
      each.reals.reset();
    }
    return true;
  }
  return false;
}

std::int64_t Scan::rowid() {
  if (phase_ == Phase::rows) return rows_.integer(0);
  if (ids_.block != row_ / kBlock) {
    ids_.block = row_ / kBlock;
    ids_.numbers.resize(kBlock);
    ids_.integers->values(ids_.block, ids_.numbers.data());
  }
  return ids_.numbers[row_ % kBlock];
}

void Scan::settle() {
  for (;;) {
    for (; row_ < segments_.jobs(); ++row_) {
      if (row_ % kBlock == 0) {
        const IntegerBlock block = ids_.integers->block(row_ / kBlock);
        if (block.max < bounds_.id_from || block.min > bounds_.id_to) {
          row_ += kBlock - 1;
          continue;
        }
      }
      if (!std::binary_search(changed_.begin(), changed_.end(), rowid())) return;
    }
    if (!next_segment()) return begin_rows();
  }
}

void Scan::begin_rows() {
  phase_ = Phase::rows;
  vtab::string sql = store_.empty();
  sql << "SELECT job.rowid";
  for (const DeclaredColumn& column : columns_) {
    sql << ", ";
    if (!column.field) {
      sql << "CASE WHEN ";
      jobs::append_is_json(sql, "footprint");
      sql << " THEN json_extract(job.footprint, '$." << column.name << "') END";
    } else if (*column.field == Field::job_name) {
      sql << "CASE WHEN ";
      jobs::append_is_json(sql, "meta_data");
      sql << " THEN json_extract(job.meta_data, '$.jobName') END";
    } else if (*column.field == Field::id) {
      sql << "job.rowid";
    } else {
      sql << "job." << spec_of(*column.field).column;
    }
  }
  sql << " FROM " << store_.in_schema(options_.source) << " AS job WHERE job.rowid IN (SELECT id FROM "
      << store_.table("delta") << " UNION SELECT id FROM " << store_.table("odd") << ")";
  store_.self().own_install_internal();
  rows_ = Statement(store_.self(), sql);
  if (!rows_.step()) phase_ = Phase::done;
}

void Scan::next() {
  if (phase_ == Phase::segments) {
    ++row_;
    settle();
  } else if (!rows_.step()) {
    phase_ = Phase::done;
  }
}

const Scan::Decoded& Scan::at(std::size_t column) {
  Decoded& decoded = decoded_[column];
  const DeclaredColumn& declared = columns_[column];
  if (!decoded.is_open) {
    if (declared.field) {
      decoded.integers = segments_.integers(*declared.field);
    } else {
      decoded.reals = segments_.reals(declared.metric);
    }
    decoded.is_open = true;
  }
  const std::size_t block = row_ / kBlock;
  if (decoded.block == block) return decoded;
  decoded.block = block;
  decoded.is_null.assign(kBlock, 1);
  if (decoded.integers) {
    decoded.numbers.resize(kBlock);
    decoded.integers->values(block, decoded.numbers.data(), decoded.is_null.data());
  } else if (decoded.reals) {
    decoded.real_numbers.resize(kBlock);
    decoded.reals->values(block, decoded.real_numbers.data(), decoded.is_null.data());
  }
  return decoded;
}

std::string_view Scan::text(Field field, std::int64_t code) {
  vtab::vector<vtab::string>& texts = texts_[static_cast<std::size_t>(field)];
  if (texts.empty()) {
    texts.emplace_back(vtab::Allocator<char>(api_));
    Statement all(store_.self(), store_.empty() << "SELECT value FROM " << store_.table("value")
                                                << " WHERE \"column\" = ?1 ORDER BY code");
    all.bind(1, static_cast<std::int64_t>(field));
    while (all.step()) texts.emplace_back(all.text(0), vtab::Allocator<char>(api_));
  }
  if (code < 0 || static_cast<std::size_t>(code) >= texts.size())
    throw vtab::error(
        "job_columns: \"" + std::string(store_.name()) + "\" has a code that is not in the dictionary",
        SQLITE_CORRUPT_VTAB);
  return texts[static_cast<std::size_t>(code)];
}

void Scan::put(sqlite3_context* context, std::size_t column) {
  if (column >= columns_.size()) return api_->result_null(context);
  if (phase_ == Phase::rows)
    return api_->result_value(context, rows_.raw_value(static_cast<int>(column) + 1));
  const DeclaredColumn& declared = columns_[column];
  const Decoded& decoded = at(column);
  const std::size_t row = row_ % kBlock;
  if (decoded.is_null[row] != 0) return api_->result_null(context);
  if (!declared.field) return api_->result_double(context, decoded.real_numbers[row]);
  const std::int64_t number = decoded.numbers[row];
  if (!has_codes(*declared.field)) return api_->result_int64(context, number);
  if (number == 0) return api_->result_null(context);
  const std::string_view text = this->text(*declared.field, number);
  api_->result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

}  // namespace warden::columns
