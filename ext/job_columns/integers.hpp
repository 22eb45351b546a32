// A column of 64-bit integers with NULLs: numbers of nodes, times, identifiers, and the codes of dictionaries.
//
//   IntegerWriter writer(api);
//   for (...) is_null ? writer.add_null() : writer.add(value);
//   const auto bytes = writer.finish();            // goes into the BLOB
//
//   const IntegerColumn column(bytes);             // throws CorruptColumn; the bytes must stay where they are
//   for (std::size_t i = 0; i < column.blocks(); ++i) {
//     const IntegerBlock block = column.block(i);  // of which nothing is read yet: leave it out by its min and max
//     column.values(i, values, is_null);
//   }
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "directory.hpp"
#include "memory.hpp"

namespace warden::columns {

/// What the directory says of 1024 rows.
struct IntegerBlock {
  BlockKind kind;
  std::uint8_t width;   // bits of an offset or a code; 0 where it is neither packed nor listed
  std::uint16_t rows;   // 1 to kBlock
  std::uint16_t nulls;  // 0 to rows
  /// Where it is packed or constant: what an offset is added to. Of a sequence the first value. Otherwise 0.
  std::int64_t base;
  std::int64_t stride;  // of a sequence; otherwise 0
  /// The smallest and largest value that is not NULL; both 0 where all are NULL.
  std::int64_t min, max;
  /// No value that is read from the block is above it, nor below `min`, whatever the bytes are: `max`, but
  /// base + 2^width - 1 of a packed block. A table that values are an index of must reach up to here.
  std::int64_t limit;

  const std::byte* list;  // of a listed block: `listed` values in order; otherwise null
  std::uint16_t listed;

  bool all_null() const noexcept { return nulls == rows; }
  /// Whether offsets() can be asked for.
  bool has_offsets() const noexcept {
    return kind == BlockKind::packed || kind == BlockKind::constant || kind == BlockKind::listed;
  }
  /// What an offset stands for; it is one that a row has, and not that of NULL.
  std::int64_t value_of(std::uint32_t offset) const noexcept;
  /// The offsets of the smallest value that is not below `from` and the largest that is not above `to`: from <= max and min <= to.
  std::pair<std::uint32_t, std::uint32_t> offsets_between(std::int64_t from, std::int64_t to) const noexcept;
  /// Whether values32() can be asked for.
  bool fits32() const noexcept { return min >= INT32_MIN && max <= INT32_MAX; }
};

/// Makes a column. One thread at a time; 9 KB, and what has been added so far, encoded.
class IntegerWriter {
 public:
  explicit IntegerWriter(const vtab::Api* api) : builder_(api) {}

  /// At most kMostRows rows. May throw std::bad_alloc, like finish(); the writer is then of no further use.
  void add(std::int64_t value) {
    make_room();
    values_[pending_] = value;
    is_null_[pending_++] = 0;
  }
  void add_null() {
    make_room();
    values_[pending_] = 0;
    is_null_[pending_++] = 1;
  }
  std::size_t rows() const noexcept { return builder_.rows() + pending_; }
  /// The column; the writer begins a new one.
  vtab::vector<std::byte> finish();

 private:
  void make_room() {
    if (pending_ == kBlock) flush();
  }
  void flush();
  /// Instead of a block as `entry` says. False, and nothing done, where a list isn't worth it.
  bool add_listed(Entry entry, std::size_t rows);

  Builder builder_;
  std::size_t pending_ = 0;
  std::array<std::int64_t, kBlock> values_;
  std::array<std::uint8_t, kBlock> is_null_;
};

/// Reads a column where it is: the bytes must outlive it. A few words to copy; any number of threads.
class IntegerColumn {
 public:
  /// Throws CorruptColumn.
  explicit IntegerColumn(Bytes bytes, Checksum checksum = Checksum::check);

  std::size_t rows() const noexcept { return directory_.rows(); }
  std::size_t nulls() const noexcept { return nulls_; }
  /// Of the values that are not NULL; 0 where there are none.
  std::int64_t min() const noexcept { return min_; }
  std::int64_t max() const noexcept { return max_; }
  /// The largest `limit` of its blocks.
  std::int64_t limit() const noexcept { return limit_; }
  /// Of kBlock rows each, but for the last: block i has the rows from i * kBlock.
  std::size_t blocks() const noexcept { return directory_.blocks(); }
  IntegerBlock block(std::size_t i) const noexcept;

  /// The fast path, for blocks that have_offsets(): numbers below 2^width in the order of the values. Of a packed block the
  /// value is base + offset, of a listed one it is that of the offset in the list. In a block with NULLs offset 0 is NULL, and
  /// all others stand for what they would without NULLs, too: base is min - 1 there, and they begin with 1. (Of a constant block
  /// all are 0, and the width is 0.)
  void offsets(std::size_t i, std::uint32_t* out) const noexcept;

  /// The values of a block of any kind, 0 for NULL. `is_null`, 0 or 1 for each row, may be left out.
  void values(std::size_t i, std::int64_t* out, std::uint8_t* is_null = nullptr) const noexcept;

  /// The same in 32 bits, of a block that fits32(): half of the memory, and twice as many in a vector. Where a stranger's
  /// bytes make a value that doesn't fit, it is taken modulo 2^32.
  void values32(std::size_t i, std::int32_t* out, std::uint8_t* is_null = nullptr) const noexcept;

  /// One of these values, for who wants few.
  std::int64_t value(std::size_t i, std::size_t row) const noexcept;

  /// Reads everything, and throws CorruptColumn where the values are not what the directory says: smallest and largest of
  /// each block, and its number of NULLs. For an integrity check; it takes as long as reading all values.
  void verify() const;

 private:
  Directory directory_;
  std::size_t nulls_ = 0;
  std::int64_t min_ = 0, max_ = 0, limit_ = 0;
};

}  // namespace warden::columns
