// Columns of integers: what is written is read, the directory says exactly what is in a block, and each kind is taken where
// it should be.
#include <algorithm>
#include <limits>

#include "columns.hpp"
#include "frame.hpp"
#include "integers.hpp"

namespace warden::test {
namespace {

using columns::BlockKind;
using columns::IntegerBlock;
using columns::IntegerColumn;
using columns::kBlock;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

/// Offsets are between those of two bounds just where their values are between the bounds.
void check_bounds(const IntegerBlock& block, const Integers& values,
                  const std::array<std::uint32_t, kBlock>& offsets) {
  if (block.all_null()) return;
  const auto above = [](std::int64_t value) { return value == kMost ? value : value + 1; };
  const auto below = [](std::int64_t value) { return value == kLeast ? value : value - 1; };
  const auto some = values[values.size() / 2].value_or(block.min);
  for (const auto& [from, to] :
       {std::pair(kLeast, kMost), std::pair(block.min, block.max), std::pair(some, some),
        std::pair(above(block.min), below(block.max)), std::pair(above(some), kMost)}) {
    if (from > block.max || to < block.min || from > to) continue;
    const auto [least, most] = block.offsets_between(from, to);
    for (std::size_t row = 0; row < values.size(); ++row) {
      const bool is_between = values[row] && *values[row] >= from && *values[row] <= to;
      BOOST_TEST_REQUIRE(is_between == (offsets[row] >= least && offsets[row] <= most));
    }
  }
}

/// The ways that only some blocks have agree with values().
void check_other_ways(const IntegerColumn& column, std::size_t i, const Integers& values) {
  const IntegerBlock block = column.block(i);
  if (block.has_offsets()) {
    std::array<std::uint32_t, kBlock> offsets;
    column.offsets(i, offsets.data());
    for (std::size_t row = 0; row < values.size(); ++row) {
      const bool is_null = block.nulls != 0 && offsets[row] == 0;
      BOOST_TEST_REQUIRE(is_null == !values[row].has_value());
      if (!is_null) BOOST_TEST_REQUIRE(block.value_of(offsets[row]) == *values[row]);
      if (!is_null && block.kind == BlockKind::packed)
        BOOST_TEST_REQUIRE(columns::sum(block.base, offsets[row]) == *values[row]);
      BOOST_TEST_REQUIRE((std::uint64_t{offsets[row]} >> block.width) == 0);
    }
    check_bounds(block, values, offsets);
  }
  for (std::size_t row = 0; row < values.size(); row += 1 + row / 16)
    BOOST_TEST_REQUIRE(column.value(i, row) == values[row].value_or(0));
  std::array<std::int64_t, kBlock> plain;
  column.values(i, plain.data());
  for (std::size_t row = 0; row < values.size(); ++row)
    BOOST_TEST_REQUIRE(plain[row] == values[row].value_or(0));
  if (!block.fits32()) return;
  std::array<std::int32_t, kBlock> narrow;
  std::array<std::uint8_t, kBlock> is_null;
  column.values32(i, narrow.data(), is_null.data());
  for (std::size_t row = 0; row < values.size(); ++row) {
    BOOST_TEST_REQUIRE(narrow[row] == values[row].value_or(0));
    BOOST_TEST_REQUIRE(is_null[row] == (values[row] ? 0 : 1));
  }
  std::array<std::int32_t, kBlock> without;
  column.values32(i, without.data());
  BOOST_TEST_REQUIRE(std::equal(narrow.begin(), narrow.begin() + block.rows, without.begin()));
}

/// Writes and reads; every number that the column tells of itself is computed anew.
IntegerColumn check(const Integers& values, const Blob& bytes) {
  const IntegerColumn column(bytes);
  BOOST_TEST_REQUIRE(first_difference(values_of<std::int64_t>(column), values) == values.size());
  column.verify();
  BOOST_TEST(column.rows() == values.size());
  BOOST_TEST(column.blocks() == (values.size() + kBlock - 1) / kBlock);
  const auto is_less = [](const auto& a, const auto& b) { return *a < *b; };
  const auto nothing = [](const auto& value) { return !value; };
  for (std::size_t i = 0; i <= column.blocks(); ++i) {
    const bool is_all = i == column.blocks();
    Integers part(is_all ? values.begin() : values.begin() + static_cast<std::ptrdiff_t>(i * kBlock),
                  is_all || i + 1 == column.blocks()
                      ? values.end()
                      : values.begin() + static_cast<std::ptrdiff_t>((i + 1) * kBlock));
    if (!is_all) check_other_ways(column, i, part);
    const std::size_t rows = part.size();
    std::erase_if(part, nothing);
    const std::int64_t min = part.empty() ? 0 : **std::min_element(part.begin(), part.end(), is_less);
    const std::int64_t max = part.empty() ? 0 : **std::max_element(part.begin(), part.end(), is_less);
    BOOST_TEST_REQUIRE((is_all ? column.min() : column.block(i).min) == min);
    BOOST_TEST_REQUIRE((is_all ? column.max() : column.block(i).max) == max);
    BOOST_TEST_REQUIRE((is_all ? column.limit() : column.block(i).limit) >= max);
    BOOST_TEST_REQUIRE((is_all ? column.nulls() : column.block(i).nulls) == rows - part.size());
    BOOST_TEST_REQUIRE((is_all ? column.rows() : column.block(i).rows) == rows);
  }
  return column;
}
IntegerBlock first_block(const Integers& values) {
  const Blob bytes = column_of(values);
  return check(values, bytes).block(0);
}

Integers repeated(std::size_t rows, std::optional<std::int64_t> value) { return Integers(rows, value); }

/// Values like those that jobs have, and those that make an encoder stumble.
Integers random_values(Dice& dice, std::size_t rows) {
  Integers values;
  while (values.size() < rows) {
    const std::size_t run =
        std::min(rows - values.size(), dice.below(3) == 0 ? dice.below(3000) + 1 : kBlock);
    const auto width = dice.below(65);
    const std::int64_t base = static_cast<std::int64_t>(dice.below(~std::uint64_t{0})) >> dice.below(64);
    const std::uint64_t nulls = dice.once_in(2) ? 0 : dice.below(100) + 1;
    const std::uint64_t way = dice.below(5);
    const std::uint64_t few = dice.below(70) + 1;  // a list is of up to 64
    const std::int64_t apart = static_cast<std::int64_t>(dice.below(~std::uint64_t{0})) >> dice.below(64);
    for (std::size_t i = 0; i < run; ++i) {
      const std::uint64_t bits = width == 0 ? 0 : dice.below(~std::uint64_t{0}) >> (64 - width);
      std::optional<std::int64_t> value =
          columns::sum(base, way == 0   ? 0
                             : way == 1 ? i * width
                             : way == 4 ? bits % few * static_cast<std::uint64_t>(apart)
                                        : bits);
      if (nulls != 0 && dice.once_in(nulls)) value.reset();
      if (way == 3 && dice.once_in(200)) value = dice.once_in(2) ? kLeast : kMost;
      values.push_back(value);
    }
  }
  return values;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(integers)

BOOST_AUTO_TEST_CASE(random_columns_of_every_size_are_read_as_they_were_written) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (const std::size_t rows :
         {0, 1, 2, 3, 31, 32, 33, 1023, 1024, 1025, 2047, 2048, 2049, 65'535, 65'536}) {
      for (int i = 0; i < (rows < 5000 ? 20 : 2); ++i) {
        const Integers values = random_values(dice, rows);
        check(values, column_of(values));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_column_without_rows_has_nothing) {
  const Blob bytes = column_of(Integers{});
  const IntegerColumn column(bytes);
  BOOST_TEST(bytes.size() == 16);
  BOOST_TEST(column.rows() == 0);
  BOOST_TEST(column.blocks() == 0);
  BOOST_TEST(column.nulls() == 0);
  BOOST_TEST(column.min() == 0);
  BOOST_TEST(column.max() == 0);
  column.verify();
}

BOOST_AUTO_TEST_CASE(one_value_in_all_rows_takes_no_bytes) {
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{7}, kLeast, kMost}) {
    for (const std::size_t rows : {std::size_t{1}, std::size_t{2}, kBlock}) {
      const IntegerBlock block = first_block(repeated(rows, value));
      BOOST_TEST((block.kind == BlockKind::constant));
      BOOST_TEST(block.base == value);
      BOOST_TEST(block.limit == value);
    }
  }
  BOOST_TEST(column_of(repeated(65'536, 5)).size() == 8 + 64 * 32 + 8);
}

BOOST_AUTO_TEST_CASE(null_in_all_rows_takes_no_bytes) {
  for (const std::size_t rows : {std::size_t{1}, std::size_t{1023}, kBlock}) {
    const IntegerBlock block = first_block(repeated(rows, std::nullopt));
    BOOST_TEST((block.kind == BlockKind::constant));
    BOOST_TEST(block.all_null());
  }
  BOOST_TEST(column_of(repeated(65'536, std::nullopt)).size() == 8 + 64 * 32 + 8);
}

BOOST_AUTO_TEST_CASE(blocks_of_nulls_say_nothing_about_the_smallest_and_the_largest) {
  Integers values = repeated(kBlock, std::nullopt);
  for (std::size_t i = 0; i < kBlock; ++i) values.push_back(static_cast<std::int64_t>(1000 + i * i));
  values.resize(3 * kBlock);
  const Blob bytes = column_of(values);
  const IntegerColumn column = check(values, bytes);
  BOOST_TEST(column.min() == 1000);
  std::vector<std::optional<std::int64_t>> negative = values;
  for (auto& value : negative) value = value ? std::optional(-*value) : value;
  BOOST_TEST(check(negative, column_of(negative)).max() == -1000);
}

BOOST_AUTO_TEST_CASE(a_sequence_takes_no_bytes) {
  for (const std::int64_t stride : {1L, -1L, 60L, -86'400L, 2'147'483'647L, -2'147'483'647L}) {
    for (const std::size_t rows : {std::size_t{2}, std::size_t{3}, std::size_t{1023}, kBlock}) {
      const std::int64_t length = stride * static_cast<std::int64_t>(rows - 1);
      for (const std::int64_t first :
           {std::int64_t{0}, std::int64_t{1'700'000'000}, stride > 0 ? kLeast : kMost,
            stride > 0 ? kMost - length : kLeast - length}) {
        Integers values;
        for (std::size_t i = 0; i < rows; ++i)
          values.emplace_back(first + static_cast<std::int64_t>(i) * stride);
        const IntegerBlock block = first_block(values);
        BOOST_TEST((block.kind == BlockKind::sequence));
        BOOST_TEST(block.base == first);
        BOOST_TEST(block.stride == stride);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_nearly_a_sequence_is_none) {
  Integers values;
  for (std::int64_t i = 0; i < 1024; ++i) values.emplace_back(i);
  for (const std::size_t at : {0, 1, 2, 500, 1022, 1023}) {
    Integers broken = values;
    broken[at] = 5000;
    BOOST_TEST((first_block(broken).kind == BlockKind::packed));
    broken[at].reset();
    BOOST_TEST((first_block(broken).kind == BlockKind::packed));
  }
  // A step that leaves 64 bits is no step of a sequence, though it is one modulo 2^64.
  BOOST_TEST((first_block({kMost, kLeast}).kind == BlockKind::raw));
  BOOST_TEST((first_block({kMost - 1, kMost, kLeast}).kind == BlockKind::raw));
  BOOST_TEST((first_block({0, 2'147'483'648}).kind == BlockKind::packed));
}

BOOST_AUTO_TEST_CASE(a_block_is_as_wide_as_its_values_are_apart) {
  for (unsigned width = 1; width <= 32; ++width) {
    const std::int64_t range = (std::int64_t{1} << width) - 1;
    for (const std::int64_t base :
         {std::int64_t{0}, std::int64_t{-5}, std::int64_t{1} << 60, kLeast, kMost - range}) {
      Integers values{base, base, base + range, base};
      IntegerBlock block = first_block(values);
      BOOST_TEST((block.kind == BlockKind::packed));
      BOOST_TEST(block.width == width);
      BOOST_TEST(block.base == base);
      BOOST_TEST(block.limit == base + range);
      if (base == kMost - range) continue;
      // One more, for NULL, needs one bit more.
      values.push_back(std::nullopt);
      block = first_block(values);
      BOOST_TEST((block.kind == (width == 32 || base == kLeast ? BlockKind::raw : BlockKind::packed)));
      if (block.kind == BlockKind::packed) BOOST_TEST(block.width == width + 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_32_bits_is_stored_as_it_is) {
  BOOST_TEST((first_block({0, 0, std::int64_t{1} << 32}).kind == BlockKind::raw));
  BOOST_TEST((first_block({kLeast, 5, kMost}).kind == BlockKind::raw));
  BOOST_TEST((first_block({kLeast, std::nullopt, kMost, std::nullopt}).kind == BlockKind::raw));
  BOOST_TEST((first_block({kLeast, std::nullopt, kLeast + 1}).kind == BlockKind::raw));
  // Below 2^2 from its base, but the largest number of two bits would not be one of 64 bits.
  BOOST_TEST((first_block({kMost - 2, kMost, kMost}).kind == BlockKind::raw));
  BOOST_TEST((first_block({kMost - 3, kMost, kMost}).kind == BlockKind::packed));
  BOOST_TEST((first_block({kMost, std::nullopt, std::nullopt}).kind == BlockKind::packed));
  Integers full;
  for (std::int64_t i = 0; i < 1024; ++i) full.emplace_back(i % 2 == 0 ? kLeast + i : kMost - i);
  BOOST_TEST((first_block(full).kind == BlockKind::raw));
  full[17].reset(), full[1023].reset(), full[0].reset();
  BOOST_TEST((first_block(full).kind == BlockKind::raw));
  BOOST_TEST((first_block({INT32_MIN, std::nullopt, INT32_MAX, 0}).kind == BlockKind::raw));
  BOOST_TEST((first_block({INT32_MIN, std::nullopt, INT32_MAX, 0}).fits32()));
}

BOOST_AUTO_TEST_CASE(few_values_that_come_again_are_listed) {
  // Each of `values` numbers comes `times`, and they are `apart`; NULL comes once where it is to.
  const auto block_of = [](std::int64_t values, std::size_t times, std::int64_t apart, bool has_null) {
    Integers all;
    for (std::size_t i = 0; i < times; ++i) {
      // Not in order, and not as a sequence.
      for (std::int64_t n = 0; n < values; ++n)
        all.emplace_back(-500 + apart * (i % 2 == 0 ? n : values - 1 - n));
    }
    if (has_null) all[3].reset();
    return first_block(all);
  };
  for (const bool has_null : {false, true}) {
    for (const std::int64_t values : {2, 3, 4, 5, 31, 32, 33, 63, 64}) {
      const IntegerBlock block = block_of(values, 16, 1'000'000'000'000, has_null);
      BOOST_TEST((block.kind == BlockKind::listed), values);
      unsigned width = 1;
      while (1 << width < values + (has_null ? 1 : 0)) ++width;
      BOOST_TEST(block.width == width);
      BOOST_TEST(block.min == -500);
      BOOST_TEST(block.limit == block.max);
    }
    BOOST_TEST((block_of(65, 15, 1'000'000'000'000, has_null).kind == BlockKind::raw));
    // Values that come only seven times.
    BOOST_TEST((block_of(64, 7, 1'000'000'000'000, has_null).kind == BlockKind::raw));
    // What must be gained: three quarters of the bits are few enough for 8 values, and so are not 4 of 5 for 12.
    BOOST_TEST((block_of(8, 32, 16, has_null).kind == BlockKind::listed));
    BOOST_TEST((block_of(12, 32, 2, has_null).kind == BlockKind::packed));
  }
  const IntegerBlock extremes = block_of(2, 512, kMost, false);
  BOOST_TEST((extremes.kind == BlockKind::listed));
  Integers negative;
  for (int i = 0; i < 1000; ++i) negative.emplace_back(i % 3 == 0 ? kLeast : i % 3 == 1 ? kMost : -1);
  BOOST_TEST((first_block(negative).kind == BlockKind::listed));
  negative.emplace_back();
  BOOST_TEST((first_block(negative).kind == BlockKind::listed));
}

BOOST_AUTO_TEST_CASE(a_writer_can_be_used_again) {
  columns::IntegerWriter writer(real_api());
  for (int i = 0; i < 3000; ++i) writer.add(i * i);
  writer.finish();
  writer.add(5);
  writer.add_null();
  const auto bytes = writer.finish();
  BOOST_TEST((values_of<std::int64_t>(IntegerColumn(bytes)) == Integers{5, std::nullopt}));
}

BOOST_AUTO_TEST_CASE(want_of_memory_is_an_exception_and_leaks_nothing) {
  const std::int64_t before = sqlite3_memory_used();
  int failures = 0;
  for (int nth = 1;; ++nth) {
    bool failed = false;
    {
      const Scarcity scarcity(nth);
      try {
        columns::IntegerWriter writer(scarce_api());
        for (int i = 0; i < 5000; ++i) writer.add(i * i);
        const auto bytes = writer.finish();
        BOOST_TEST(IntegerColumn(bytes).rows() == 5000);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      BOOST_TEST(failed == scarcity.happened());
    }
    BOOST_TEST(sqlite3_memory_used() == before);
    if (!failed) break;
    ++failures;
  }
  BOOST_TEST(failures > 3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
