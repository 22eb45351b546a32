#include "integers.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <string>

#include "bytes.hpp"
#include "frame.hpp"
#include "listed_block.hpp"
#include "packing.hpp"
#include "raw_block.hpp"
#include "wide.hpp"

namespace warden::columns {
namespace {

std::int64_t signed_of(std::uint64_t bits) noexcept { return static_cast<std::int64_t>(bits); }
std::uint64_t unsigned_of(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }

/// Whether `rows` steps of `stride` lead from one of these to the other.
bool is_stride(std::int64_t stride, std::int64_t min, std::int64_t max, std::size_t rows) noexcept {
  const std::uint64_t step = stride < 0 ? unsigned_of(-stride) : unsigned_of(stride);
  return stride != 0 && rows > 1 && difference(max, min) == step * (rows - 1);
}

/// The stride of values without NULLs that have all the same; 0 where they don't, or where it has more than 32 bits.
std::int32_t stride_of(const std::int64_t* values, std::size_t rows, std::int64_t min,
                       std::int64_t max) noexcept {
  if (rows < 2) return 0;
  const std::uint64_t step = difference(values[1], values[0]);
  const std::int64_t stride = signed_of(step);
  if (stride < -INT32_MAX || stride > INT32_MAX || !is_stride(stride, min, max, rows)) return 0;
  for (std::size_t i = 2; i < rows; ++i) {
    if (difference(values[i], values[i - 1]) != step) return 0;
  }
  return static_cast<std::int32_t>(stride);
}

std::int64_t base_of(const Entry& entry) noexcept {
  switch (entry.kind) {
    case BlockKind::constant:
      return signed_of(entry.min);
    case BlockKind::packed:
      return sum(signed_of(entry.min), entry.nulls != 0 ? ~std::uint64_t{0} : 0);
    case BlockKind::sequence:
      return signed_of(entry.stride < 0 ? entry.max : entry.min);
    case BlockKind::raw:
    case BlockKind::listed:
      break;
  }
  return 0;
}

/// Says what is wrong with an entry, or with the values of a raw block; null where nothing is.
const char* defect_of(const Entry& entry, std::size_t rows, const std::byte* bytes) noexcept {
  const std::int64_t min = signed_of(entry.min);
  const std::int64_t max = signed_of(entry.max);
  if (min > max) return "its smallest value is above its largest";
  switch (entry.kind) {
    case BlockKind::constant:
      if (min != max || (entry.nulls != 0 && min != 0)) return "it is constant and has more than one value";
      break;
    case BlockKind::packed: {
      const auto frame = frame_of(min, max, entry.nulls != 0);
      if (!frame || frame->width != entry.width) return "its width is not that of its values";
      break;
    }
    case BlockKind::sequence:
      if (!is_stride(entry.stride, min, max, rows)) return "its stride is not that of its values";
      break;
    case BlockKind::raw:
      if (!all_within(bytes, rows, min, max)) return "a value is below its smallest or above its largest";
      break;
    case BlockKind::listed:
      if (!is_ascending(bytes, entry.values, min, max))
        return "its list does not ascend from its smallest value to its largest";
      if (listed_width(entry.values, entry.nulls != 0) != entry.width)
        return "its width is not that of its list";
      break;
  }
  return nullptr;
}

/// What packed offsets are, as integers of either width: base + offset, 0 where the offset is NULL's.
template <class Value>
void add_base(const Offsets& offsets, std::int64_t from, bool has_nulls, Value* __restrict out,
              std::uint8_t* __restrict is_null) noexcept {
  using Bits = std::make_unsigned_t<Value>;
  const auto base = static_cast<Bits>(unsigned_of(from));
  if (!has_nulls) {
    for (std::size_t i = 0; i < kBlock; ++i) out[i] = static_cast<Value>(base + Bits{offsets[i]});
    if (is_null != nullptr) std::memset(is_null, 0, kBlock);
    return;
  }
  for (std::size_t i = 0; i < kBlock; ++i) {
    const Bits is_value = offsets[i] != 0 ? ~Bits{0} : 0;
    out[i] = static_cast<Value>((base + Bits{offsets[i]}) & is_value);
  }
  if (is_null == nullptr) return;
  for (std::size_t i = 0; i < kBlock; ++i) is_null[i] = offsets[i] == 0;
}

template <class Value>
void read(const Directory& directory, std::size_t i, Value* __restrict out,
          std::uint8_t* __restrict is_null) noexcept {
  using Bits = std::make_unsigned_t<Value>;
  const Entry entry = directory.entry(i);
  switch (entry.kind) {
    case BlockKind::packed: {
      if constexpr (sizeof(Value) == sizeof(std::uint32_t)) {
        if (entry.nulls == 0) {
          unpack(directory.bytes(entry), entry.width, reinterpret_cast<std::uint32_t*>(out),
                 static_cast<std::uint32_t>(unsigned_of(base_of(entry))));
          if (is_null != nullptr) std::memset(is_null, 0, kBlock);
          return;
        }
      }
      Offsets offsets;
      unpack(directory.bytes(entry), entry.width, offsets.data());
      add_base(offsets, base_of(entry), entry.nulls != 0, out, is_null);
      return;
    }
    case BlockKind::constant:
    case BlockKind::sequence: {
      auto value = static_cast<Bits>(unsigned_of(base_of(entry)));
      const auto stride = static_cast<Bits>(unsigned_of(entry.stride));
      for (std::size_t row = 0; row < kBlock; ++row, value += stride) out[row] = static_cast<Value>(value);
      if (is_null != nullptr) std::memset(is_null, entry.nulls != 0, kBlock);
      return;
    }
    case BlockKind::raw:
      read_raw<std::int64_t>(directory.bytes(entry), directory.bitmap(entry, i), directory.rows_of(i), out,
                             is_null);
      return;
    case BlockKind::listed:
      read_listed(entry, directory.bytes(entry), out, is_null);
      return;
  }
}

}  // namespace

void IntegerWriter::flush() {
  const std::size_t rows = pending_;
  if (rows == 0) return;
  std::size_t nulls = 0;
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < rows; ++i) {
    nulls += is_null_[i];
    min = is_null_[i] != 0 ? min : std::min(min, values_[i]);
    max = is_null_[i] != 0 ? max : std::max(max, values_[i]);
  }
  if (nulls == rows) min = max = 0;
  Entry entry;
  entry.nulls = static_cast<std::uint16_t>(nulls);
  entry.min = unsigned_of(min);
  entry.max = unsigned_of(max);
  if (nulls == rows || (nulls == 0 && min == max)) {
    builder_.add(entry, rows);
  } else if (nulls == 0 && (entry.stride = stride_of(values_.data(), rows, min, max)) != 0) {
    entry.kind = BlockKind::sequence;
    builder_.add(entry, rows);
  } else {
    const auto frame = frame_of(min, max, nulls != 0);
    entry.kind = frame ? BlockKind::packed : BlockKind::raw;
    entry.width = static_cast<std::uint8_t>(frame ? frame->width : 0);
    if (add_listed(entry, rows)) {
      // which takes less
    } else if (frame) {
      Offsets offsets{};
      for (std::size_t i = 0; i < rows; ++i) {
        if (is_null_[i] == 0) offsets[i] = static_cast<std::uint32_t>(difference(values_[i], frame->base));
      }
      pack(offsets.data(), frame->width, builder_.add(entry, rows));
    } else {
      write_raw(values_.data(), is_null_.data(), rows, nulls != 0, min, builder_.add(entry, rows));
    }
  }
  pending_ = 0;
}

bool IntegerWriter::add_listed(Entry entry, std::size_t rows) {
  const bool has_nulls = entry.nulls != 0;
  const std::size_t otherwise = bytes_of(entry, rows);
  const auto list = list_of(values_.data(), is_null_.data(), rows, has_nulls);
  if (!list) return false;
  entry.kind = BlockKind::listed;
  entry.values = static_cast<std::uint16_t>(list->count);
  entry.width = static_cast<std::uint8_t>(listed_width(list->count, has_nulls));
  // Reading an offset is faster: it must be worth a quarter.
  if (4 * bytes_of(entry, rows) > 3 * otherwise) return false;
  write_listed(*list, entry.width, builder_.add(entry, rows));
  return true;
}

vtab::vector<std::byte> IntegerWriter::finish() {
  flush();
  return builder_.finish(ColumnKind::integers);
}

IntegerColumn::IntegerColumn(Bytes bytes, Checksum checksum)
    : directory_(bytes, ColumnKind::integers, checksum) {
  bool is_first = true;
  for (std::size_t i = 0; i < blocks(); ++i) {
    const Entry entry = directory_.entry(i);
    if (const char* defect = defect_of(entry, directory_.rows_of(i), directory_.bytes(entry)))
      corrupt(ColumnKind::integers, i, defect);
    nulls_ += entry.nulls;
    const IntegerBlock found = block(i);
    if (found.all_null()) continue;
    min_ = is_first ? found.min : std::min(min_, found.min);
    max_ = is_first ? found.max : std::max(max_, found.max);
    limit_ = is_first ? found.limit : std::max(limit_, found.limit);
    is_first = false;
  }
}

IntegerBlock IntegerColumn::block(std::size_t i) const noexcept {
  const Entry entry = directory_.entry(i);
  IntegerBlock block;
  block.kind = entry.kind;
  block.width = entry.width;
  block.rows = static_cast<std::uint16_t>(directory_.rows_of(i));
  block.nulls = entry.nulls;
  block.base = base_of(entry);
  block.stride = entry.stride;
  block.min = signed_of(entry.min);
  block.max = signed_of(entry.max);
  block.list = entry.kind == BlockKind::listed ? directory_.bytes(entry) : nullptr;
  block.listed = entry.values;
  block.limit = entry.kind == BlockKind::packed ? Frame{block.base, entry.width}.limit() : block.max;
  return block;
}

std::int64_t IntegerBlock::value_of(std::uint32_t offset) const noexcept {
  if (list == nullptr) return sum(base, offset);
  const std::uint32_t place =
      std::min(offset - (nulls != 0 ? 1U : 0U), listed - 1U);  // a forger's may be beyond
  return load<std::int64_t>(list + place * sizeof(std::int64_t));
}

std::pair<std::uint32_t, std::uint32_t> IntegerBlock::offsets_between(std::int64_t from,
                                                                      std::int64_t to) const noexcept {
  if (list == nullptr) {
    return {static_cast<std::uint32_t>(difference(std::max(from, min), base)),
            static_cast<std::uint32_t>(difference(std::min(to, max), base))};
  }
  const std::uint32_t first = nulls != 0 ? 1 : 0;
  std::uint32_t least = first;
  while (value_of(least) < from) ++least;
  std::uint32_t most = first + listed - 1;
  while (value_of(most) > to) --most;
  return {least, most};
}

void IntegerColumn::offsets(std::size_t i, std::uint32_t* out) const noexcept {
  const Entry entry = directory_.entry(i);
  assert(block(i).has_offsets());
  unpack(directory_.bytes(entry) + 8 * entry.values, entry.width, out);
}

void IntegerColumn::values(std::size_t i, std::int64_t* out, std::uint8_t* is_null) const noexcept {
  read(directory_, i, out, is_null);
}

void IntegerColumn::values32(std::size_t i, std::int32_t* out, std::uint8_t* is_null) const noexcept {
  assert(block(i).fits32());
  read(directory_, i, out, is_null);
}

std::int64_t IntegerColumn::value(std::size_t i, std::size_t row) const noexcept {
  const Entry entry = directory_.entry(i);
  const std::byte* const bytes = directory_.bytes(entry);
  const bool has_nulls = entry.nulls != 0;
  switch (entry.kind) {
    case BlockKind::packed:
    case BlockKind::listed: {
      const std::uint32_t offset = unpack_one(bytes + 8 * entry.values, entry.width, row);
      return has_nulls && offset == 0 ? 0 : block(i).value_of(offset);
    }
    case BlockKind::constant:
    case BlockKind::sequence:
      return signed_of(unsigned_of(base_of(entry)) + unsigned_of(entry.stride) * row);
    case BlockKind::raw:
      break;
  }
  if (has_nulls && bit_at(directory_.bitmap(entry, i), row)) return 0;
  return load<std::int64_t>(bytes + row * sizeof(std::int64_t));
}

void IntegerColumn::verify() const {
  std::array<std::int64_t, kBlock> read;
  std::array<std::uint8_t, kBlock> is_null;
  for (std::size_t i = 0; i < blocks(); ++i) {
    const IntegerBlock expected = block(i);
    if (expected.all_null()) continue;  // there is nothing to read
    values(i, read.data(), is_null.data());
    const Entry entry = directory_.entry(i);
    if (entry.kind == BlockKind::listed &&
        largest_code(entry, directory_.bytes(entry)) >= entry.values + (entry.nulls != 0 ? 1U : 0U))
      corrupt(ColumnKind::integers, i, "a row has a value that is not in its list");
    std::size_t nulls = 0;
    std::int64_t min = std::numeric_limits<std::int64_t>::max();
    std::int64_t max = std::numeric_limits<std::int64_t>::min();
    for (std::size_t row = 0; row < expected.rows; ++row) {
      nulls += is_null[row];
      if (is_null[row] != 0) continue;
      min = std::min(min, read[row]);
      max = std::max(max, read[row]);
    }
    if (nulls != expected.nulls)
      corrupt(ColumnKind::integers, i,
              std::to_string(nulls) + " rows are NULL and not " + std::to_string(expected.nulls));
    if (min != expected.min || max != expected.max)
      corrupt(ColumnKind::integers, i,
              "its values are from " + std::to_string(min) + " to " + std::to_string(max) + " and not " +
                  std::to_string(expected.min) + " to " + std::to_string(expected.max));
  }
}

}  // namespace warden::columns
