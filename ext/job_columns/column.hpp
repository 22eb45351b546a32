// What the columns of a segment have in common. A segment is up to 65 536 jobs; each of its columns is one BLOB, made once
// by a writer (IntegerWriter, RealWriter) and read in place by a reader (IntegerColumn, RealColumn), in blocks of 1024 rows.
// What the bytes mean stands in FORMAT.md.
//
// What a reader promises. When it is made it checks the BLOB: version, kind, lengths, the directory, and the checksum, so
// that a flipped bit is a CorruptColumn and not a wrong number. After that reading is noexcept, checks nothing, and
// whatever the bytes are it reads nothing outside of the BLOB and writes nothing outside of kBlock values. A stranger can
// make a BLOB whose checksum is right and whose numbers are not what its directory says: see `limit` of a block for what
// holds even then, and verify() for what finds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace warden::columns {

/// Rows of a block; the last one of a column may have fewer. Every array that a block is read into has room for so many
/// values; those beyond the rows of the block are unspecified.
constexpr std::size_t kBlock = 1024;
/// Rows of a column, at most.
constexpr std::size_t kMostRows = 65'536;

/// A column as it is stored. No alignment is asked for.
using Bytes = std::span<const std::byte>;

/// How the values of a block are stored. Numbers of the format.
enum class BlockKind : std::uint8_t {
  constant = 1,  // one value in all rows, or NULL in all rows; no bytes
  packed = 2,    // an offset of `width` bits for each row; of reals these are decimals
  sequence = 3,  // base, base + stride, base + 2 * stride, ...; no NULL, no bytes
  raw = 4,       // eight bytes for each value
  listed = 5     // of integers: a code of `width` bits for each row, and the list of what they stand for
};

/// Whether a reader computes the checksum when it is made: all the bytes are read for it, about 20 of them in a nanosecond
/// (of 65 536 values of 17 bits: 7 us, where reading them takes 21 us and the other checks 1.5 us; a Xeon of 2023). Skip it for
/// a BLOB that has been checked before and can't have changed since.
enum class Checksum : std::uint8_t { check, skip };

/// A BLOB that is no column, is damaged, or comes from a later version. what() says what is wrong with it.
class CorruptColumn : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace warden::columns
