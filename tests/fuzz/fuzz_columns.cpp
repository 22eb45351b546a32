// Columns of jobs. What can be opened is read within its bounds, whoever wrote it; what verify() finds no fault with is what
// its directory says; and what a writer is given is what a reader finds, to the bit.
//
// The first byte says what the others are. 0 and 1: a column of integers or reals, the end of which is made its checksum; without
// that no input would come further than there. 2 and 3: the values of one, as runs: how often (two bytes), how it goes on (a byte), and
// a value (eight bytes).
#include <cmath>
#include <optional>
#include <vector>

#include "ext/job_columns/bytes.hpp"
#include "ext/job_columns/checksum.hpp"
#include "ext/job_columns/integers.hpp"
#include "ext/job_columns/reals.hpp"
#include "fuzz.hpp"
#include "tests/jobs/job_host.hpp"

namespace {

using namespace warden;
using columns::BlockKind;
using columns::kBlock;
using fuzz::require;

template <class Value>
using Column = std::conditional_t<std::is_same_v<Value, double>, columns::RealColumn, columns::IntegerColumn>;
template <class Value>
using Writer = std::conditional_t<std::is_same_v<Value, double>, columns::RealWriter, columns::IntegerWriter>;
template <class Value>
using Values = std::vector<std::optional<Value>>;

template <class Value>
bool same(Value a, Value b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Offsets and narrow values say the same as values.
void judge_ways(const columns::IntegerColumn& column, std::size_t i, const std::int64_t* values,
                const std::uint8_t* is_null) {
  const auto block = column.block(i);
  if (block.kind == BlockKind::packed || block.kind == BlockKind::constant) {
    std::array<std::uint32_t, kBlock> offsets;
    column.offsets(i, offsets.data());
    for (std::size_t row = 0; row < block.rows; ++row) {
      require((std::uint64_t{offsets[row]} >> block.width) == 0, "an offset is below 2^width");
      require((block.nulls != 0 && offsets[row] == 0) == (is_null[row] != 0),
              "offset 0 is NULL where there are");
      if (is_null[row] == 0)
        require(block.base + static_cast<std::int64_t>(offsets[row]) == values[row],
                "a value is base + offset");
    }
  }
  if (!block.fits32() || block.limit > INT32_MAX) return;
  std::array<std::int32_t, kBlock> narrow;
  column.values32(i, narrow.data());
  for (std::size_t row = 0; row < block.rows; ++row)
    require(narrow[row] == values[row], "a value in 32 bits is the same");
}
void judge_ways(const columns::RealColumn& column, std::size_t i, const double* values,
                const std::uint8_t* is_null) {
  const auto block = column.block(i);
  if (block.kind != BlockKind::packed) return;
  std::array<std::uint32_t, kBlock> offsets;
  column.offsets(i, offsets.data());
  for (std::size_t row = 0; row < block.rows; ++row) {
    require((block.nulls != 0 && offsets[row] == 0) == (is_null[row] != 0),
            "offset 0 is NULL where there are");
    if (is_null[row] != 0) continue;
    const auto integer = static_cast<double>(block.base + static_cast<std::int64_t>(offsets[row]));
    require(same(integer / columns::power_of_ten(block.scale), values[row]), "a value is a decimal");
  }
}

/// All values; on the way what holds for whatever the bytes are, and with `is_true` that the directory is right.
template <class Value>
Values<Value> read(const Column<Value>& column, bool is_true) {
  Values<Value> all;
  std::size_t nulls = 0;
  for (std::size_t i = 0; i < column.blocks(); ++i) {
    const auto block = column.block(i);
    require(block.rows > 0 && block.rows <= kBlock && block.nulls <= block.rows, "a block has rows");
    std::array<Value, kBlock> values;
    std::array<std::uint8_t, kBlock> is_null;
    column.values(i, values.data(), is_null.data());
    judge_ways(column, i, values.data(), is_null.data());
    std::optional<Value> min, max;
    std::size_t block_nulls = 0;
    for (std::size_t row = 0; row < block.rows; ++row) {
      block_nulls += is_null[row];
      require(is_null[row] <= 1 && (is_null[row] == 0 || same(values[row], Value{0})), "NULL is read as 0");
      all.push_back(is_null[row] != 0 ? std::nullopt : std::optional(values[row]));
      if (is_null[row] != 0) continue;
      require(values[row] >= block.min && values[row] <= block.limit, "a value is within its bounds");
      min = std::min(min.value_or(values[row]), values[row]);
      max = std::max(max.value_or(values[row]), values[row]);
    }
    nulls += block_nulls;
    if (!is_true) continue;
    require(block_nulls == block.nulls, "as many rows are NULL as the directory says");
    require(min.value_or(0) == block.min && max.value_or(0) == block.max, "smallest and largest are exact");
    require(!min || (*min >= column.min() && *max <= column.max()),
            "those of the column are those of its blocks");
  }
  require(all.size() == column.rows(), "every row is in a block");
  require(!is_true || nulls == column.nulls(), "the NULLs of the column are those of its blocks");
  return all;
}

template <class Value>
void judge_round_trip(const Values<Value>& values) {
  Writer<Value> writer(test::real_api());
  for (const auto& value : values) value ? writer.add(*value) : writer.add_null();
  const auto bytes = writer.finish();
  const Column<Value> column(bytes);
  column.verify();
  Values<Value> found = read<Value>(column, true);
  if (fuzz::planted() && column.blocks() > 1 && column.block(1).width > 20 && found[kBlock])
    found[kBlock].reset();
  require(found.size() == values.size(), "as many rows are read as were written");
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(values[i].has_value() == found[i].has_value(), "NULL is read where it was written");
    if (values[i] && !same(*values[i], *found[i]))  // texts are dear
      require(false, "a value is read as it was written", std::to_string(*values[i]),
              std::to_string(*found[i]));
  }
}

template <class Value>
void judge_bytes(std::string_view given) {
  // In memory of exactly that size: no byte behind it may be read.
  std::vector<std::byte> bytes(given.size() / 8 * 8);
  std::transform(given.begin(), given.begin() + static_cast<std::ptrdiff_t>(bytes.size()), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  if (bytes.size() >= 8) {
    const std::size_t checked = bytes.size() - 8;
    columns::store(bytes.data() + checked, columns::checksum(columns::Bytes(bytes).first(checked)));
  }
  std::optional<Column<Value>> column;
  bool is_true = true;
  try {
    column.emplace(bytes);
    column->verify();
  } catch (const columns::CorruptColumn& refused) {
    const std::string_view why = refused.what();
    require(why.starts_with("column of ") && why.size() < 200 && fuzz::is_utf8(why),
            "an error is a short sentence", why);
    is_true = false;
  }
  if (!column) return;
  const Values<Value> found = read<Value>(*column, is_true);
  judge_round_trip<Value>(found);
}

/// `value`, and how it goes on for row i of a run.
template <class Value>
std::optional<Value> next_of(std::uint64_t value, unsigned way, std::uint64_t i) {
  if (way % 8 == 7 && i % 3 == 0) return std::nullopt;
  if (way % 8 == 6) return std::nullopt;
  if constexpr (std::is_same_v<Value, std::int64_t>) {
    const std::uint64_t step = way % 8 == 0 ? 0 : way % 8 == 1 ? i : way % 8 == 2 ? i * value : i * i * way;
    return static_cast<std::int64_t>(value + step);
  } else {
    double real = std::bit_cast<double>(value);
    if (way % 8 != 0)
      real = static_cast<double>(static_cast<std::int64_t>(value >> 24) +
                                 static_cast<std::int64_t>(i * i * way)) /
             columns::power_of_ten(way / 8 % 10);
    return std::isnan(real) ? std::nullopt : std::optional(real);
  }
}

template <class Value>
void judge_values(fuzz::Bytes& input) {
  Values<Value> values;
  while (!input.empty() && values.size() < 2 * kBlock) {
    const std::size_t run = std::size_t{input.byte()} * input.below(16) + 1;
    const unsigned way = input.byte();
    const std::uint64_t value = input.word();
    for (std::size_t i = 0; i < run; ++i) values.push_back(next_of<Value>(value, way, i));
  }
  judge_round_trip<Value>(values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  switch (input.below(4)) {
    case 0:
      judge_bytes<std::int64_t>(input.rest());
      break;
    case 1:
      judge_bytes<double>(input.rest());
      break;
    case 2:
      judge_values<std::int64_t>(input);
      break;
    default:
      judge_values<double>(input);
  }
  return 0;
}
