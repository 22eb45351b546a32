// A column of doubles with NULLs, kept to the bit. What was measured has few digits after the point: 175.863 is the integer
// 175863 divided by 10^3, and as an integer it is packed; what is no such number is stored as it is.
//
// It is written and read like a column of integers (integers.hpp). There is no NaN: SQLite has none.
#pragma once

#include <array>
#include <cstdint>

#include "directory.hpp"
#include "memory.hpp"

namespace warden::columns {

/// Digits after the point, at most.
constexpr unsigned kMostScale = 9;
/// A decimal is an integer from -kMostDecimal to kMostDecimal, divided by a power of ten.
constexpr std::int64_t kMostDecimal = std::int64_t{1} << 50;

/// 10^scale, exactly.
double power_of_ten(unsigned scale) noexcept;

/// What the directory says of 1024 rows.
struct RealBlock {
  BlockKind kind;       // constant, packed (decimals) or raw
  std::uint8_t width;   // bits of an offset; 0 where it isn't packed
  std::uint8_t scale;   // where it is packed: digits after the point; otherwise 0
  std::uint16_t rows;   // 1 to kBlock
  std::uint16_t nulls;  // 0 to rows
  std::int64_t base;    // where it is packed: what an offset is added to; otherwise 0
  /// The smallest and largest value that is not NULL; both 0 where all are NULL.
  double min, max;
  /// No value that is read from the block is above it, nor below `min`, nor NaN, whatever the bytes are.
  double limit;

  bool all_null() const noexcept { return nulls == rows; }
};

/// Makes a column. One thread at a time; 9 KB, and what has been added so far, encoded.
class RealWriter {
 public:
  explicit RealWriter(const vtab::Api* api) : builder_(api) {}

  /// At most kMostRows rows, and no NaN. May throw std::bad_alloc, like finish(); the writer is then of no further use.
  void add(double value);
  void add_null();
  std::size_t rows() const noexcept { return builder_.rows() + pending_; }
  /// The column; the writer begins a new one.
  vtab::vector<std::byte> finish();

 private:
  void flush();

  Builder builder_;
  std::size_t pending_ = 0;
  std::array<double, kBlock> values_;
  std::array<std::uint8_t, kBlock> is_null_;
};

/// Reads a column where it is: the bytes must outlive it. A few words to copy; any number of threads.
class RealColumn {
 public:
  /// Throws CorruptColumn.
  explicit RealColumn(Bytes bytes, Checksum checksum = Checksum::check);

  std::size_t rows() const noexcept { return directory_.rows(); }
  std::size_t nulls() const noexcept { return nulls_; }
  /// Of the values that are not NULL; 0 where there are none.
  double min() const noexcept { return min_; }
  double max() const noexcept { return max_; }
  /// Of kBlock rows each, but for the last: block i has the rows from i * kBlock.
  std::size_t blocks() const noexcept { return directory_.blocks(); }
  RealBlock block(std::size_t i) const noexcept;

  /// The integers of a packed block: the value is (double)(base + offset) / power_of_ten(scale), rounded once. Where the
  /// block has NULLs, offset 0 is NULL; see IntegerColumn::offsets(). Since division keeps the order, so do the offsets:
  /// what is asked of values can be asked of them. Of a constant block all are 0: it is of use only for which are NULL.
  void offsets(std::size_t i, std::uint32_t* out) const noexcept;

  /// The values of a block of any kind, 0.0 for NULL. `is_null`, 0 or 1 for each row, may be left out.
  void values(std::size_t i, double* out, std::uint8_t* is_null = nullptr) const noexcept;

  /// Reads everything, and throws CorruptColumn where the values are not what the directory says.
  void verify() const;

 private:
  Directory directory_;
  std::size_t nulls_ = 0;
  double min_ = 0, max_ = 0;
};

}  // namespace warden::columns
