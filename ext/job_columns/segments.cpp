#include "segments.hpp"

#include <algorithm>

namespace warden::columns {
namespace {

constexpr std::size_t kZoneBytes = 24;

std::uint64_t word_at(const std::byte* bytes) noexcept {
  std::uint64_t word = 0;
  for (int i = 7; i >= 0; --i) word = word << 8 | static_cast<std::uint64_t>(bytes[i]);
  return word;
}

}  // namespace

std::optional<Zones::Zone> Zones::find(std::int64_t column) const noexcept {
  for (std::size_t at = 0; at + kZoneBytes <= bytes_.size(); at += kZoneBytes) {
    if (word_at(bytes_.data() + at) == static_cast<std::uint64_t>(column))
      return Zone{word_at(bytes_.data() + at + 8), word_at(bytes_.data() + at + 16)};
  }
  return std::nullopt;
}

Segments::Segments(Store& store)
    : store_(store),
      segments_(store.self(), store.empty() << "SELECT id, first, last, jobs, zones FROM "
                                            << store.table("segment") << " ORDER BY first"),
      readers_(vtab::Allocator<Reader>(store.self().api())) {}

bool Segments::next() {
  for (Reader& reader : readers_) reader.is_read = false;
  const std::int64_t before = last_;
  const bool is_first = id_ == 0;
  if (!segments_.step()) return false;
  id_ = segments_.integer(0);
  first_ = segments_.integer(1);
  last_ = segments_.integer(2);
  jobs_ = static_cast<std::size_t>(std::clamp<std::int64_t>(segments_.integer(3), 0, kMostRows + 1));
  if (first_ > last_ || (!is_first && first_ <= before) || jobs_ == 0 || jobs_ > kMostRows ||
      segments_.blob(4).size() % kZoneBytes != 0) {
    throw vtab::error("job_columns: \"" + std::string(store_.name()) + "\", segment " + std::to_string(id_) +
                          ": its row is damaged; 'rebuild' makes it anew",
                      SQLITE_CORRUPT_VTAB);
  }
  return true;
}

Segments::Reader& Segments::read(std::int64_t column) {
  auto found =
      std::find_if(readers_.begin(), readers_.end(), [&](const Reader& r) { return r.column == column; });
  if (found == readers_.end()) {
    readers_.push_back(
        {column, Statement(store_.self(), store_.empty() << "SELECT data FROM " << store_.table("column")
                                                         << " WHERE id = ?1")});
    found = readers_.end() - 1;
  }
  // Once for all who ask: the bytes stay where they are until the statement is stepped again.
  if (found->is_read) return *found;
  found->bytes.reset();
  found->integers.reset();
  found->reals.reset();
  // Not before the next bytes are read, and one reader after the other: so memory that one gives back is taken again, and not
  // given to the operating system meanwhile.
  found->statement.reset();
  found->statement.bind(1, id_ * kColumnsOfSegment + column);
  if (found->statement.step()) found->bytes = found->statement.blob(0);
  found->is_read = true;
  return *found;
}

IntegerColumn Segments::integers(Field field) {
  const auto number = static_cast<std::int64_t>(field);
  return checked(store_, id_, number, [&] {
    Reader& reader = read(number);
    if (reader.integers) return *reader.integers;
    if (!reader.bytes) throw CorruptColumn("it is missing");
    const IntegerColumn column(*reader.bytes);
    if (column.rows() != jobs_) throw CorruptColumn("it has another number of jobs than its segment");
    const FieldSpec& spec = spec_of(field);
    // The last bit of an offset may reach beyond.
    if (spec.kind == FieldKind::integers && spec.most <= kMostTime && column.nulls() < column.rows() &&
        (column.min() < spec.least || column.limit() > 2 * spec.most))
      throw CorruptColumn("it has values that no regular job has");
    reader.integers = column;
    return column;
  });
}

std::optional<RealColumn> Segments::reals(std::int64_t column) {
  return checked(store_, id_, column, [&]() -> std::optional<RealColumn> {
    Reader& reader = read(column);
    if (reader.reals) return reader.reals;
    if (!reader.bytes) {
      if (zones().find(column)) throw CorruptColumn("it is missing");
      return std::nullopt;
    }
    const RealColumn made(*reader.bytes);
    if (made.rows() != jobs_) throw CorruptColumn("it has another number of jobs than its segment");
    reader.reals = made;
    return made;
  });
}

}  // namespace warden::columns
