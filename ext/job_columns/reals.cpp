#include "reals.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "bytes.hpp"
#include "frame.hpp"
#include "packing.hpp"
#include "raw_block.hpp"
#include "wide.hpp"

namespace warden::columns {
namespace {

constexpr std::array<double, kMostScale + 1> kPowersOfTen{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

std::uint64_t bits_of(double value) noexcept { return std::bit_cast<std::uint64_t>(value); }
double real_of(std::uint64_t bits) noexcept { return std::bit_cast<double>(bits); }

/// The value of a decimal. The integer is an exact double, and so is the power of ten: the quotient is rounded once, and
/// is the double that is nearest to the decimal, which is what reading its digits gives.
double decimal(std::int64_t integer, unsigned scale) noexcept {
  return static_cast<double>(integer) / kPowersOfTen[scale];
}

/// The integer that is `value` to the bit when divided by 10^scale; none where there is none up to kMostDecimal. A quotient
/// is rounded by at most 2^-53 of itself, and so is the product: together a quarter where the integer is 2^50, so the
/// nearest integer is the only one that it can be.
std::optional<std::int64_t> integer_of(double value, unsigned scale) noexcept {
  const double scaled = value * kPowersOfTen[scale];
  if (!(std::fabs(scaled) <= static_cast<double>(kMostDecimal))) return std::nullopt;
  const auto integer = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  if (bits_of(decimal(integer, scale)) != bits_of(value)) return std::nullopt;
  return integer;
}

/// A block as integers: NULLs have none.
struct Decimals {
  std::array<std::int64_t, kBlock> integers{};
  unsigned scale;
  std::int64_t min, max;
  Frame frame;
};

/// The smallest scale at which all values are decimals, if their integers fit a frame. What is a decimal at one scale is one
/// at the next, as long as it has room there.
std::optional<Decimals> decimals_of(const double* values, const std::uint8_t* is_null, std::size_t rows,
                                    bool has_nulls) noexcept {
  Decimals found{};
  for (std::size_t i = 0; i < rows; ++i) {
    while (is_null[i] == 0 && !integer_of(values[i], found.scale)) {
      if (found.scale == kMostScale) return std::nullopt;
      ++found.scale;
    }
  }
  found.min = std::numeric_limits<std::int64_t>::max();
  found.max = std::numeric_limits<std::int64_t>::min();
  for (std::size_t i = 0; i < rows; ++i) {
    if (is_null[i] != 0) continue;
    const auto integer = integer_of(values[i], found.scale);
    if (!integer) return std::nullopt;
    found.integers[i] = *integer;
    found.min = std::min(found.min, *integer);
    found.max = std::max(found.max, *integer);
  }
  const auto frame = frame_of(found.min, found.max, has_nulls);
  if (!frame) return std::nullopt;
  found.frame = *frame;
  return found;
}

/// The frame of a packed block whose entry is known to be right.
Frame frame_of_entry(const Entry& entry) noexcept {
  return {static_cast<std::int64_t>(entry.min) - (entry.nulls != 0 ? 1 : 0), entry.width};
}

/// Says what is wrong with an entry, or with the values of a raw block; null where nothing is.
const char* defect_of(const Entry& entry, std::size_t rows, const std::byte* bytes) noexcept {
  switch (entry.kind) {
    case BlockKind::constant:
      if (entry.min != entry.max || (entry.nulls != 0 && entry.min != 0) || std::isnan(real_of(entry.min)))
        return "it is constant and has more than one value, or none";
      break;
    case BlockKind::packed: {
      const auto min = static_cast<std::int64_t>(entry.min);
      const auto max = static_cast<std::int64_t>(entry.max);
      if (entry.scale > kMostScale) return "its decimals have more than nine digits behind the point";
      if (min > max) return "its smallest value is above its largest";
      if (min < -kMostDecimal || max > kMostDecimal) return "its decimals are too large";
      const auto frame = frame_of(min, max, entry.nulls != 0);
      if (!frame || frame->width != entry.width) return "its width is not that of its values";
      break;
    }
    case BlockKind::sequence:
      return "it is a sequence";
    case BlockKind::listed:
      return "it is a list";
    case BlockKind::raw:
      if (!(real_of(entry.min) <= real_of(entry.max))) return "its smallest value is above its largest";
      if (!all_within(bytes, rows, real_of(entry.min), real_of(entry.max)))
        return "a value is below its smallest or above its largest";
      break;
  }
  return nullptr;
}

/// Doubles of offsets. A vector converts integers with sign and 32 bits: so an offset is taken as one, less 2^31, which is
/// added to the base. Both are exact, and so is their sum: it has less than 53 bits.
void decode(const Offsets& offsets, std::int64_t base, unsigned scale, double* __restrict out) noexcept {
  const auto from = static_cast<double>(base + (std::int64_t{1} << 31));
  const double divisor = kPowersOfTen[scale];
  const auto integer = [&](std::size_t i) {
    return from + static_cast<double>(static_cast<std::int32_t>(offsets[i] ^ 0x8000'0000U));
  };
  if (scale == 0) {
    for (std::size_t i = 0; i < kBlock; ++i) out[i] = integer(i);
  } else {
    for (std::size_t i = 0; i < kBlock; ++i) out[i] = integer(i) / divisor;
  }
}

}  // namespace

double power_of_ten(unsigned scale) noexcept { return kPowersOfTen[scale]; }

void RealWriter::add(double value) {
  assert(!std::isnan(value));
  if (pending_ == kBlock) flush();
  values_[pending_] = value;
  is_null_[pending_++] = 0;
}

void RealWriter::add_null() {
  if (pending_ == kBlock) flush();
  values_[pending_] = 0;
  is_null_[pending_++] = 1;
}

void RealWriter::flush() {
  const std::size_t rows = pending_;
  if (rows == 0) return;
  std::size_t nulls = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -min;
  bool is_constant = true;
  for (std::size_t i = 0; i < rows; ++i) {
    is_constant &= bits_of(values_[i]) == bits_of(values_[0]);
    nulls += is_null_[i];
    if (is_null_[i] != 0) continue;
    min = std::min(min, values_[i]);
    max = std::max(max, values_[i]);
  }
  Entry entry;
  entry.nulls = static_cast<std::uint16_t>(nulls);
  if (nulls == rows || (nulls == 0 && is_constant)) {
    entry.min = entry.max = bits_of(values_[0]);
    builder_.add(entry, rows);
  } else if (const auto decimals = decimals_of(values_.data(), is_null_.data(), rows, nulls != 0)) {
    entry.kind = BlockKind::packed;
    entry.width = static_cast<std::uint8_t>(decimals->frame.width);
    entry.scale = static_cast<std::uint8_t>(decimals->scale);
    entry.min = static_cast<std::uint64_t>(decimals->min);
    entry.max = static_cast<std::uint64_t>(decimals->max);
    Offsets offsets{};
    for (std::size_t i = 0; i < rows; ++i) {
      if (is_null_[i] == 0)
        offsets[i] = static_cast<std::uint32_t>(decimals->integers[i] - decimals->frame.base);
    }
    pack(offsets.data(), decimals->frame.width, builder_.add(entry, rows));
  } else {
    entry.kind = BlockKind::raw;
    entry.min = bits_of(min);
    entry.max = bits_of(max);
    write_raw(values_.data(), is_null_.data(), rows, nulls != 0, min, builder_.add(entry, rows));
  }
  pending_ = 0;
}

vtab::vector<std::byte> RealWriter::finish() {
  flush();
  return builder_.finish(ColumnKind::reals);
}

RealColumn::RealColumn(Bytes bytes, Checksum checksum) : directory_(bytes, ColumnKind::reals, checksum) {
  bool is_first = true;
  for (std::size_t i = 0; i < blocks(); ++i) {
    const Entry entry = directory_.entry(i);
    if (const char* defect = defect_of(entry, directory_.rows_of(i), directory_.bytes(entry)))
      corrupt(ColumnKind::reals, i, defect);
    nulls_ += entry.nulls;
    const RealBlock found = block(i);
    if (found.all_null()) continue;
    min_ = is_first ? found.min : std::min(min_, found.min);
    max_ = is_first ? found.max : std::max(max_, found.max);
    is_first = false;
  }
}

RealBlock RealColumn::block(std::size_t i) const noexcept {
  const Entry entry = directory_.entry(i);
  RealBlock block;
  block.kind = entry.kind;
  block.width = entry.width;
  block.scale = entry.scale;
  block.rows = static_cast<std::uint16_t>(directory_.rows_of(i));
  block.nulls = entry.nulls;
  if (entry.kind == BlockKind::packed) {
    const Frame frame = frame_of_entry(entry);
    block.base = frame.base;
    block.min = decimal(static_cast<std::int64_t>(entry.min), entry.scale);
    block.max = decimal(static_cast<std::int64_t>(entry.max), entry.scale);
    block.limit = decimal(frame.limit(), entry.scale);
  } else {
    block.base = 0;
    block.min = real_of(entry.min);
    block.max = block.limit = real_of(entry.max);
  }
  return block;
}

void RealColumn::offsets(std::size_t i, std::uint32_t* out) const noexcept {
  const Entry entry = directory_.entry(i);
  assert(entry.kind == BlockKind::packed || entry.kind == BlockKind::constant);
  unpack(directory_.bytes(entry), entry.width, out);
}

void RealColumn::values(std::size_t i, double* out, std::uint8_t* is_null) const noexcept {
  const Entry entry = directory_.entry(i);
  if (entry.kind == BlockKind::packed) {
    Offsets offsets;
    unpack(directory_.bytes(entry), entry.width, offsets.data());
    decode(offsets, frame_of_entry(entry).base, entry.scale, out);
    if (entry.nulls != 0) {
      for (std::size_t row = 0; row < kBlock; ++row)
        out[row] = real_of(bits_of(out[row]) & (offsets[row] != 0 ? ~std::uint64_t{0} : 0));
    }
    if (is_null == nullptr) return;
    for (std::size_t row = 0; row < kBlock; ++row) is_null[row] = entry.nulls != 0 && offsets[row] == 0;
  } else if (entry.kind == BlockKind::raw) {
    read_raw<double>(directory_.bytes(entry), directory_.bitmap(entry, i), directory_.rows_of(i), out,
                     is_null);
  } else {
    std::fill_n(out, kBlock, real_of(entry.min));
    if (is_null != nullptr) std::memset(is_null, entry.nulls != 0, kBlock);
  }
}

void RealColumn::verify() const {
  std::array<double, kBlock> read;
  std::array<std::uint8_t, kBlock> is_null;
  for (std::size_t i = 0; i < blocks(); ++i) {
    const RealBlock expected = block(i);
    if (expected.all_null()) continue;  // there is nothing to read
    values(i, read.data(), is_null.data());
    std::size_t nulls = 0;
    double min = std::numeric_limits<double>::infinity();
    double max = -min;
    for (std::size_t row = 0; row < expected.rows; ++row) {
      nulls += is_null[row];
      if (is_null[row] != 0) continue;
      min = std::min(min, read[row]);
      max = std::max(max, read[row]);
    }
    if (nulls != expected.nulls)
      corrupt(ColumnKind::reals, i,
              std::to_string(nulls) + " rows are NULL and not " + std::to_string(expected.nulls));
    if (min != expected.min || max != expected.max)
      corrupt(ColumnKind::reals, i, "its smallest and largest value are not those that it says");
  }
}

}  // namespace warden::columns
