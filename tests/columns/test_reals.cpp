// Columns of doubles: every bit is kept, and what has few digits becomes integers.
#include <algorithm>
#include <cmath>
#include <limits>

#include "columns.hpp"
#include "reals.hpp"

namespace warden::test {
namespace {

using columns::BlockKind;
using columns::kBlock;
using columns::RealBlock;
using columns::RealColumn;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();

void check_decimals(const RealColumn& column, std::size_t i, const Reals& values) {
  const RealBlock block = column.block(i);
  if (block.kind == BlockKind::raw) return;
  std::array<std::uint32_t, kBlock> offsets;
  column.offsets(i, offsets.data());
  for (std::size_t row = 0; row < values.size(); ++row) {
    const bool is_null = block.nulls != 0 && offsets[row] == 0;
    BOOST_TEST_REQUIRE(is_null == !values[row].has_value());
    if (is_null || block.kind == BlockKind::constant) continue;
    const std::int64_t integer = block.base + offsets[row];
    BOOST_TEST_REQUIRE(same(static_cast<double>(integer) / columns::power_of_ten(block.scale), *values[row]));
  }
}

RealColumn check(const Reals& values, const Blob& bytes) {
  const RealColumn column(bytes);
  const std::size_t difference = first_difference(values_of<double>(column), values);
  BOOST_TEST_REQUIRE(difference == values.size());
  column.verify();
  BOOST_TEST(column.rows() == values.size());
  const auto is_less = [](const auto& a, const auto& b) { return *a < *b; };
  for (std::size_t i = 0; i <= column.blocks(); ++i) {
    const bool is_all = i == column.blocks();
    Reals part(is_all ? values.begin() : values.begin() + static_cast<std::ptrdiff_t>(i * kBlock),
               is_all || i + 1 == column.blocks()
                   ? values.end()
                   : values.begin() + static_cast<std::ptrdiff_t>((i + 1) * kBlock));
    if (!is_all) {
      check_decimals(column, i, part);
      std::array<double, kBlock> plain;
      column.values(i, plain.data());
      for (std::size_t row = 0; row < part.size(); ++row)
        BOOST_TEST_REQUIRE(same(plain[row], part[row].value_or(0)));
    }
    const std::size_t rows = part.size();
    std::erase_if(part, [](const auto& value) { return !value; });
    const double min = part.empty() ? 0 : **std::min_element(part.begin(), part.end(), is_less);
    const double max = part.empty() ? 0 : **std::max_element(part.begin(), part.end(), is_less);
    BOOST_TEST_REQUIRE((is_all ? column.min() : column.block(i).min) == min);
    BOOST_TEST_REQUIRE((is_all ? column.max() : column.block(i).max) == max);
    BOOST_TEST_REQUIRE((is_all ? column.nulls() : column.block(i).nulls) == rows - part.size());
    if (is_all) continue;
    BOOST_TEST_REQUIRE(column.block(i).limit >= max);
    BOOST_TEST_REQUIRE(column.block(i).rows == rows);
  }
  return column;
}
RealBlock first_block(const Reals& values) {
  const Blob bytes = column_of(values);
  return check(values, bytes).block(0);
}
/// Neither constant nor with any digit after the point: the value decides what the block is.
RealBlock block_with(double value) { return first_block({1.0, value, 2.0}); }

double random_real(Dice& dice, std::uint64_t way) {
  switch (way) {
    case 0:  // as measured, of some digits
    case 1:
    case 2:
      return static_cast<double>(dice.from_to(-1000, 400'000)) /
             columns::power_of_ten(static_cast<unsigned>(way) + 1);
    case 3:
      return static_cast<double>(dice.from_to(0, 1'000'000'000)) / 1e9;
    case 4:  // any bits at all, but no NaN
      for (;;) {
        const double value = std::bit_cast<double>(dice.below(~std::uint64_t{0}));
        if (!std::isnan(value)) return value;
      }
    case 5:
      return dice.unit() * 100;
    case 6:
      return static_cast<double>(dice.from_to(0, 72));
    default: {
      constexpr double kOdd[] = {
          0.0,    -0.0,      kInfinite,          -kInfinite,         kSmallest, -kSmallest, 1e308,
          -1e308, 0.1 + 0.2, 9007199254740993.0, 9007199254740992.0, 0x1p50,    -0x1p50,    0x1p50 + 1};
      return dice.one_of(kOdd);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reals)

BOOST_AUTO_TEST_CASE(random_columns_of_every_size_are_read_to_the_bit) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (const std::size_t rows : {0, 1, 2, 3, 31, 32, 33, 1023, 1024, 1025, 2049, 65'535, 65'536}) {
      for (int i = 0; i < (rows < 5000 ? 40 : 2); ++i) {
        Reals values;
        while (values.size() < rows) {
          const std::size_t run = std::min(rows - values.size(), kBlock);
          const std::uint64_t way = dice.below(8);
          const std::uint64_t nulls = dice.once_in(2) ? 0 : dice.below(100) + 1;
          const bool is_odd = dice.once_in(4);
          for (std::size_t row = 0; row < run; ++row) {
            if (nulls != 0 && dice.once_in(nulls))
              values.emplace_back();
            else
              values.emplace_back(random_real(dice, is_odd && dice.once_in(300) ? 7 : way));
          }
        }
        check(values, column_of(values));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(values_of_few_digits_are_integers_of_the_smallest_scale) {
  for (unsigned scale = 0; scale <= columns::kMostScale; ++scale) {
    const double power = columns::power_of_ten(scale);
    Reals values;
    for (std::int64_t i = -500; i < 500; ++i)
      values.emplace_back(static_cast<double>(7 * i * i * i + 1) / power);
    const RealBlock block = first_block(values);
    BOOST_TEST((block.kind == BlockKind::packed));
    BOOST_TEST(block.scale == scale);
    BOOST_TEST(block.base == -874'999'999);
    BOOST_TEST(block.width == 31);
  }
  const RealBlock block = first_block({175.863, 62.75, std::nullopt, 3});
  BOOST_TEST((block.kind == BlockKind::packed));
  BOOST_TEST(block.scale == 3);
  BOOST_TEST(block.base == 2999);
  BOOST_TEST(block.nulls == 1);
}

BOOST_AUTO_TEST_CASE(every_decimal_up_to_the_largest_is_found) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    for (unsigned scale = 0; scale <= columns::kMostScale; ++scale) {
      for (int i = 0; i < 300; ++i) {
        const std::int64_t most = columns::kMostDecimal >> dice.below(50);
        const std::int64_t first = i == 0   ? columns::kMostDecimal
                                   : i == 1 ? -columns::kMostDecimal
                                            : dice.from_to(-most, most);
        const std::int64_t second = first > 0 ? first - 1 : first + 1;
        // Both as digits that a program has read.
        const double power = columns::power_of_ten(scale);
        const RealBlock block =
            first_block({static_cast<double>(first) / power, static_cast<double>(second) / power});
        BOOST_TEST_REQUIRE((block.kind == BlockKind::packed), first << " at " << scale);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_decimal_is_stored_as_it_is) {
  for (const double value :
       {-0.0, kInfinite, -kInfinite, kSmallest, std::numeric_limits<double>::min(), 1e308, -1e308, 0.1 + 0.2,
        std::nextafter(175.863, 0), 1e-10, 1.0 / 3, 9007199254740994.0, 0x1p50 + 1, -0x1p50 - 1, 1e15 * 2})
    BOOST_TEST((block_with(value).kind == BlockKind::raw), value);
  for (const double value : {0.0, 0.1, 0.3, 1e-9, 123456.789, -175.863, 4294967296.0})
    BOOST_TEST((block_with(value).kind == BlockKind::packed), value);
  // Further apart than 32 bits.
  BOOST_TEST((block_with(4294967297.0).kind == BlockKind::raw));
  BOOST_TEST((block_with(0x1p50).kind == BlockKind::raw));
  // A scale that one value needs leaves no room for another.
  BOOST_TEST((first_block({0x1p50, 0x1p50 - 1}).kind == BlockKind::packed));
  BOOST_TEST((first_block({0x1p50, 0.1}).kind == BlockKind::raw));
}

BOOST_AUTO_TEST_CASE(one_value_in_all_rows_takes_no_bytes) {
  for (const double value : {0.0, -0.0, 1.0 / 3, kInfinite, -kInfinite, kSmallest, 1e308, 175.863}) {
    for (const std::size_t rows : {std::size_t{1}, std::size_t{1023}, kBlock}) {
      const RealBlock block = first_block(Reals(rows, value));
      BOOST_TEST((block.kind == BlockKind::constant));
      BOOST_TEST(same(block.min, value));
      BOOST_TEST(same(block.limit, value));
    }
  }
  const RealBlock block = first_block(Reals(kBlock, std::nullopt));
  BOOST_TEST((block.kind == BlockKind::constant));
  BOOST_TEST(block.all_null());
  BOOST_TEST((first_block({0.0, -0.0}).kind == BlockKind::raw));
}

BOOST_AUTO_TEST_CASE(nulls_beside_any_kind_of_value) {
  BOOST_TEST((first_block({std::nullopt, 175.863}).kind == BlockKind::packed));
  BOOST_TEST((first_block({std::nullopt, 1.0 / 3, std::nullopt}).kind == BlockKind::raw));
  BOOST_TEST((first_block({std::nullopt, -0.0}).kind == BlockKind::raw));
  BOOST_TEST((first_block({-columns::kMostDecimal + 0.0, std::nullopt}).kind == BlockKind::packed));
  Reals values(kBlock, -kInfinite);
  values[0].reset(), values[1023].reset(), values[8] = 5;
  BOOST_TEST((first_block(values).kind == BlockKind::raw));
}

BOOST_AUTO_TEST_CASE(the_widest_offsets_become_doubles_with_all_their_bits) {
  for (const std::int64_t base : {std::int64_t{0}, std::int64_t{-4'294'967'295}, -columns::kMostDecimal,
                                  columns::kMostDecimal - 4'294'967'295}) {
    Reals values;
    for (std::int64_t i = 0; i < 1024; ++i)
      values.emplace_back(static_cast<double>(base + (i % 2 == 0 ? i : 4'294'967'295 - i)));
    const RealBlock block = first_block(values);
    BOOST_TEST((block.kind == BlockKind::packed));
    BOOST_TEST(block.width == 32);
  }
}

BOOST_AUTO_TEST_CASE(want_of_memory_is_an_exception_and_leaks_nothing) {
  const std::int64_t before = sqlite3_memory_used();
  int failures = 0;
  for (int nth = 1;; ++nth) {
    bool failed = false;
    {
      const Scarcity scarcity(nth);
      try {
        columns::RealWriter writer(scarce_api());
        for (int i = 0; i < 5000; ++i) writer.add(i / 8.0);
        const auto bytes = writer.finish();
        BOOST_TEST(RealColumn(bytes, columns::Checksum::skip).rows() == 5000);
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
