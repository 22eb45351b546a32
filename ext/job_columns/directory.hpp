// The frame of a column: a header, a directory with an entry for each block, what blocks have of bytes, and a checksum
// (FORMAT.md). Reading it checks all that doesn't depend on whether the values are integers or reals; those who use it
// check the rest. They are the only ones who need this file.
#pragma once

#include <string>

#include "column.hpp"
#include "memory.hpp"

namespace warden::columns {

/// What a column holds. Numbers of the format.
enum class ColumnKind : std::uint8_t { integers = 1, reals = 2 };

/// An entry of the directory. What `min` and `max` are depends on the kind of column: the bits of an int64 or of a double.
struct Entry {
  BlockKind kind = BlockKind::constant;
  std::uint8_t width = 0;
  std::uint8_t scale = 0;
  std::uint16_t nulls = 0;
  std::uint16_t values = 0;  // of a list
  std::uint32_t offset = 0;  // of its bytes in the column
  std::int32_t stride = 0;
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

/// Values of a list, at most: with NULL they have codes of a byte.
constexpr std::size_t kMostListed = 255;
constexpr unsigned kMostListedWidth = 8;

/// Bytes of a block's bitmap of NULLs.
constexpr std::size_t kBitmapBytes = kBlock / 8;

/// How many bytes a block of so many rows has.
std::size_t bytes_of(const Entry& entry, std::size_t rows) noexcept;

/// Blocks put together to a column.
class Builder {
 public:
  explicit Builder(const vtab::Api* api)
      : entries_(vtab::Allocator<Entry>(api)), bytes_(vtab::Allocator<std::byte>(api)) {}

  std::size_t rows() const noexcept { return rows_; }
  /// Adds a block, `offset` of which is found here. Returns where its bytes_of() are to be written; they are 0. Every block
  /// but the last has kBlock rows.
  std::byte* add(const Entry& entry, std::size_t rows);
  /// The column; the next one begins without blocks.
  vtab::vector<std::byte> finish(ColumnKind kind);

 private:
  vtab::vector<Entry> entries_;
  vtab::vector<std::byte> bytes_;
  std::size_t rows_ = 0;
};

/// A frame that is read.
class Directory {
 public:
  /// Throws CorruptColumn. Checks: version and kind; that rows are at most kMostRows; that the bytes of the blocks follow
  /// each other to the end; the checksum; of each entry its kind, that the width is 1 to 32 where it is packed, 1 to 8 where it
  /// is listed and 0 elsewhere, that scale, stride, number of values and what is reserved are 0 where they have no meaning,
  /// and that there are not more NULLs than rows, as many as rows only in constant blocks, and none in sequences; as many
  /// bits in a bitmap as there are NULLs; that the offsets, codes and bits behind the last row are 0.
  Directory(Bytes bytes, ColumnKind kind, Checksum checksum);

  std::size_t rows() const noexcept { return rows_; }
  std::size_t blocks() const noexcept { return (rows_ + kBlock - 1) / kBlock; }
  std::size_t rows_of(std::size_t block) const noexcept {
    return block + 1 < blocks() ? kBlock : rows_ - block * kBlock;
  }
  Entry entry(std::size_t block) const noexcept;
  const std::byte* bytes(const Entry& entry) const noexcept { return bytes_.data() + entry.offset; }
  /// The bitmap of a raw block, bit i % 8 of byte i / 8 set where row i is NULL; null where there are no NULLs.
  const std::byte* bitmap(const Entry& entry, std::size_t block) const noexcept {
    return entry.nulls == 0 ? nullptr : bytes(entry) + 8 * rows_of(block);
  }

 private:
  Bytes bytes_;
  std::size_t rows_ = 0;
};

/// "column of integers, block 3: what is wrong".
[[noreturn]] void corrupt(ColumnKind kind, std::size_t block, const std::string& what);

}  // namespace warden::columns
