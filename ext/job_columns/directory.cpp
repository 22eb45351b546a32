#include "directory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>

#include "bytes.hpp"
#include "checksum.hpp"
#include "packing.hpp"
#include "raw_block.hpp"

namespace warden::columns {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kChecksumBytes = 8;

[[noreturn]] void corrupt(ColumnKind kind, const std::string& what) {
  throw CorruptColumn(std::string(kind == ColumnKind::integers ? "column of integers" : "column of reals") +
                      what);
}

void store_entry(std::byte* at, const Entry& entry) noexcept {
  store(at, static_cast<std::uint8_t>(entry.kind));
  store(at + 1, entry.width);
  store(at + 2, entry.scale);
  store(at + 4, entry.nulls);
  store(at + 6, entry.values);
  store(at + 8, entry.offset);
  store(at + 12, entry.stride);
  store(at + 16, entry.min);
  store(at + 24, entry.max);
}

/// Checks an entry alone.
void check_entry(const Entry& entry, std::size_t rows, ColumnKind column, std::size_t block) {
  const auto kind = static_cast<unsigned>(entry.kind);
  const bool listed = entry.kind == BlockKind::listed;
  if (kind < 1 || kind > 5) corrupt(column, block, "its kind " + std::to_string(kind) + " is unknown");
  const bool packed = entry.kind == BlockKind::packed;
  const unsigned widest = packed ? kMostWidth : listed ? kMostListedWidth : 0;
  if (entry.width > widest || (entry.width == 0 && widest != 0))
    corrupt(column, block, "it has a width of " + std::to_string(entry.width) + " bits");
  if (listed ? entry.values < 2 || entry.values > kMostListed : entry.values != 0)
    corrupt(column, block, "it has a list of " + std::to_string(entry.values) + " values");
  if (entry.scale != 0 && !(packed && column == ColumnKind::reals))
    corrupt(column, block, "it has a scale of " + std::to_string(entry.scale));
  if ((entry.stride != 0) != (entry.kind == BlockKind::sequence))
    corrupt(column, block, "it has a stride of " + std::to_string(entry.stride));
  // What has NULLs only is constant, and constant is only what has none or nothing else.
  const std::size_t most = entry.kind == BlockKind::sequence   ? 0
                           : entry.kind == BlockKind::constant ? rows
                                                               : rows - 1;
  if (entry.nulls > most || (entry.kind == BlockKind::constant && entry.nulls != 0 && entry.nulls != rows))
    corrupt(column, block,
            std::to_string(entry.nulls) + " of its " + std::to_string(rows) + " rows are NULL");
}

/// Checks what a packed or listed block has behind its last row.
void check_padding(const Entry& entry, std::size_t rows, const std::byte* bytes, ColumnKind column,
                   std::size_t block) {
  std::array<std::uint32_t, kBlock> offsets;
  unpack(bytes + 8 * entry.values, entry.width, offsets.data());
  for (std::size_t i = rows; i < kBlock; ++i) {
    if (offsets[i] != 0) corrupt(column, block, "there are values behind its last row");
  }
}

/// Checks that a bitmap marks as many rows as there are NULLs, and none behind the last.
void check_bitmap(const Entry& entry, std::size_t rows, const std::byte* bitmap, ColumnKind column,
                  std::size_t block) {
  std::size_t nulls = 0;
  for (std::size_t at = 0; at < kBitmapBytes; at += 8)
    nulls += static_cast<std::size_t>(std::popcount(load<std::uint64_t>(bitmap + at)));
  if (nulls != entry.nulls)
    corrupt(column, block,
            std::to_string(nulls) + " rows are marked as NULL and not " + std::to_string(entry.nulls));
  for (std::size_t i = rows; i < kBlock; ++i) {
    if (bit_at(bitmap, i)) corrupt(column, block, "a row behind its last is marked as NULL");
  }
}

}  // namespace

void corrupt(ColumnKind kind, std::size_t block, const std::string& what) {
  corrupt(kind, ", block " + std::to_string(block) + ": " + what);
}

std::size_t bytes_of(const Entry& entry, std::size_t rows) noexcept {
  switch (entry.kind) {
    case BlockKind::packed:
      return packed_bytes(entry.width);
    case BlockKind::raw:
      return 8 * rows + (entry.nulls != 0 ? kBitmapBytes : 0);
    case BlockKind::listed:
      return 8 * entry.values + packed_bytes(entry.width);
    case BlockKind::constant:
    case BlockKind::sequence:
      break;
  }
  return 0;
}

std::byte* Builder::add(const Entry& entry, std::size_t rows) {
  assert(rows_ % kBlock == 0 && rows <= kBlock && rows_ + rows <= kMostRows);
  const std::size_t before = bytes_.size();
  bytes_.resize(before + bytes_of(entry, rows));
  entries_.push_back(entry);
  rows_ += rows;
  return bytes_.data() + before;
}

vtab::vector<std::byte> Builder::finish(ColumnKind kind) {
  const std::size_t front = kHeaderBytes + entries_.size() * kEntryBytes;
  const std::size_t checked = front + bytes_.size();
  vtab::vector<std::byte> column(checked + kChecksumBytes, std::byte{0}, bytes_.get_allocator());
  store(column.data(), kVersion);
  store(column.data() + 1, static_cast<std::uint8_t>(kind));
  store(column.data() + 4, static_cast<std::uint32_t>(rows_));
  std::size_t offset = front;
  std::size_t rows_left = rows_;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::size_t rows = std::min(rows_left, kBlock);
    entries_[i].offset = static_cast<std::uint32_t>(offset);
    store_entry(column.data() + kHeaderBytes + i * kEntryBytes, entries_[i]);
    offset += bytes_of(entries_[i], rows);
    rows_left -= rows;
  }
  std::copy(bytes_.begin(), bytes_.end(), column.begin() + static_cast<std::ptrdiff_t>(front));
  store(column.data() + checked, checksum(Bytes(column).first(checked)));
  entries_.clear();
  bytes_.clear();
  rows_ = 0;
  return column;
}

Entry Directory::entry(std::size_t block) const noexcept {
  const std::byte* const at = bytes_.data() + kHeaderBytes + block * kEntryBytes;
  Entry entry;
  entry.kind = static_cast<BlockKind>(load<std::uint8_t>(at));
  entry.width = load<std::uint8_t>(at + 1);
  entry.scale = load<std::uint8_t>(at + 2);
  entry.nulls = load<std::uint16_t>(at + 4);
  entry.values = load<std::uint16_t>(at + 6);
  entry.offset = load<std::uint32_t>(at + 8);
  entry.stride = load<std::int32_t>(at + 12);
  entry.min = load<std::uint64_t>(at + 16);
  entry.max = load<std::uint64_t>(at + 24);
  return entry;
}

Directory::Directory(Bytes bytes, ColumnKind kind, Checksum checking) : bytes_(bytes) {
  const std::size_t size = bytes.size();
  const auto short_of = [&](std::size_t needed) {
    corrupt(kind, ": it has " + std::to_string(size) + " bytes and not " + std::to_string(needed));
  };
  if (size < kHeaderBytes + kChecksumBytes) short_of(kHeaderBytes + kChecksumBytes);
  if (const auto version = load<std::uint8_t>(bytes.data()); version != kVersion)
    corrupt(kind, ": version " + std::to_string(version) + " of the format is unknown");
  if (const auto found = load<std::uint8_t>(bytes.data() + 1); found != static_cast<std::uint8_t>(kind))
    corrupt(kind, ": what it has is of kind " + std::to_string(found));
  rows_ = load<std::uint32_t>(bytes.data() + 4);
  if (rows_ > kMostRows) corrupt(kind, ": it has " + std::to_string(rows_) + " rows");
  std::size_t offset = kHeaderBytes + blocks() * kEntryBytes;
  if (size < offset + kChecksumBytes) short_of(offset + kChecksumBytes);
  const std::size_t checked = size - kChecksumBytes;
  if (checked % 8 != 0) corrupt(kind, ": it has " + std::to_string(size) + " bytes");
  if (checking == Checksum::check &&
      checksum(bytes.first(checked)) != load<std::uint64_t>(bytes.data() + checked))
    corrupt(kind, ": its checksum is wrong");
  if (load<std::uint16_t>(bytes.data() + 2) != 0) corrupt(kind, ": its header has something unknown");

  for (std::size_t i = 0; i < blocks(); ++i) {
    const Entry found = entry(i);
    const std::byte* const at = bytes.data() + kHeaderBytes + i * kEntryBytes;
    if (load<std::uint8_t>(at + 3) != 0) corrupt(kind, i, "its entry has something unknown");
    const std::size_t rows = rows_of(i);
    check_entry(found, rows, kind, i);
    if (found.offset != offset)
      corrupt(kind, i, "it begins at " + std::to_string(found.offset) + " and not " + std::to_string(offset));
    const std::size_t needed = bytes_of(found, rows);
    if (needed > checked - offset) corrupt(kind, i, "it ends behind the end");
    if (found.width != 0 && rows < kBlock) check_padding(found, rows, bytes.data() + offset, kind, i);
    if (found.kind == BlockKind::raw && found.nulls != 0)
      check_bitmap(found, rows, bytes.data() + offset + 8 * rows, kind, i);
    offset += needed;
  }
  if (offset != checked) short_of(offset + kChecksumBytes);
}

}  // namespace warden::columns
