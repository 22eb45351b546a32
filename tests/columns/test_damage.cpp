// Bytes that no writer wrote. Damage of any kind is an error; and where somebody made the checksum right, what can be read
// stays within its bounds (AddressSanitizer and UndefinedBehaviorSanitizer look on), and verify() finds what is not true.
#include <algorithm>
#include <functional>
#include <limits>

#include "columns.hpp"

namespace warden::test {
namespace {

using columns::Checksum;
using columns::CorruptColumn;
using columns::IntegerColumn;
using columns::kBlock;
using columns::RealColumn;

/// Small columns with each kind of block.
std::vector<Blob> integer_columns() {
  Integers packed{5, 17, 3, 900}, with_nulls{std::nullopt, -1, 5, -1}, sequence{10, 20, 30};
  Integers raw{std::numeric_limits<std::int64_t>::min(), 0, std::int64_t{1} << 40};
  Integers raw_with_nulls = raw;
  raw_with_nulls.emplace_back();
  Integers listed;
  for (int i = 0; i < 40; ++i) listed.emplace_back(i % 3 * 1'000'000);
  Integers listed_with_nulls = listed;
  listed_with_nulls.back().reset();
  return {column_of(Integers{}),
          column_of(Integers{7, 7}),
          column_of(Integers{std::nullopt}),
          column_of(packed),
          column_of(with_nulls),
          column_of(sequence),
          column_of(raw),
          column_of(raw_with_nulls),
          column_of(listed),
          column_of(listed_with_nulls)};
}
std::vector<Blob> real_columns() {
  return {column_of(Reals{}),
          column_of(Reals{-0.0}),
          column_of(Reals{std::nullopt, std::nullopt}),
          column_of(Reals{1.5, 2.25, 100}),
          column_of(Reals{1.5, std::nullopt, 100}),
          column_of(Reals{1.0 / 3, 5, -1e300}),
          column_of(Reals{1.0 / 3, std::nullopt, 2})};
}

template <class Column>
void check_all_damage(const std::vector<Blob>& all) {
  for (const Blob& bytes : all) {
    BOOST_TEST_REQUIRE(defect_of<Column>(bytes) == "");
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      Blob changed = bytes;
      changed[bit / 8] ^= std::byte{1} << bit % 8;
      BOOST_TEST_REQUIRE(defect_of<Column>(changed) != "",
                         "bit " << bit << " of " << bytes.size() << " bytes");
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Blob cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      BOOST_TEST_REQUIRE(defect_of<Column>(cut) != "", size << " of " << bytes.size() << " bytes");
      BOOST_TEST_REQUIRE(defect_of<Column>(with_checksum(cut)) != "");
      BOOST_TEST_REQUIRE(defect_of<Column>(cut, Checksum::skip) != "");
    }
    for (const std::size_t more : {1, 7, 8, 16, 1000, 1024}) {
      Blob longer = bytes;
      longer.resize(bytes.size() + more);
      BOOST_TEST_REQUIRE(defect_of<Column>(longer) != "");
      BOOST_TEST_REQUIRE(defect_of<Column>(with_checksum(longer)) != "");
      BOOST_TEST_REQUIRE(defect_of<Column>(longer, Checksum::skip) != "");
    }
  }
}

/// Reads all that can be read. What verify() finds no fault with is what the directory says.
void read_everything(const IntegerColumn& column) {
  bool is_true = true;
  try {
    column.verify();
  } catch (const CorruptColumn&) {
    is_true = false;
  }
  for (std::size_t i = 0; i < column.blocks(); ++i) {
    const auto block = column.block(i);
    std::array<std::int64_t, kBlock> values;
    std::array<std::int32_t, kBlock> narrow;
    std::array<std::uint8_t, kBlock> is_null;
    column.values(i, values.data(), is_null.data());
    if (block.fits32()) column.values32(i, narrow.data(), is_null.data());
    for (std::size_t row = 0; row < block.rows; ++row) {
      if (is_null[row] != 0) continue;
      BOOST_TEST_REQUIRE(values[row] >= block.min);
      BOOST_TEST_REQUIRE(values[row] <= (is_true ? block.max : block.limit));
    }
  }
}
void read_everything(const RealColumn& column) {
  bool is_true = true;
  try {
    column.verify();
  } catch (const CorruptColumn&) {
    is_true = false;
  }
  for (std::size_t i = 0; i < column.blocks(); ++i) {
    const auto block = column.block(i);
    std::array<double, kBlock> values;
    std::array<std::uint8_t, kBlock> is_null;
    column.values(i, values.data(), is_null.data());
    for (std::size_t row = 0; row < block.rows; ++row) {
      if (is_null[row] != 0) continue;
      BOOST_TEST_REQUIRE(values[row] >= block.min);
      BOOST_TEST_REQUIRE(values[row] <= (is_true ? block.max : block.limit));
    }
  }
}

/// Changes a few bytes and makes the checksum right. Returns how many of the columns could be opened.
template <class Column>
int open_forged(Dice& dice, const std::vector<Blob>& all, int tries) {
  int opened = 0;
  for (int i = 0; i < tries; ++i) {
    Blob bytes = dice.one_of(all);
    const std::size_t front = std::min<std::size_t>(bytes.size(), 8 + 32 + 16);
    for (auto n = dice.below(3) + 1; n > 0; --n) {
      std::byte& at = bytes[dice.below(dice.once_in(3) ? bytes.size() : front)];
      constexpr std::uint64_t kOdd[] = {0, 1, 2, 3, 4, 8, 31, 32, 33, 0x7F, 0x80, 0xFF};
      at = static_cast<std::byte>(dice.once_in(2) ? dice.one_of(kOdd) : dice.below(256));
    }
    const bool is_skipped = dice.once_in(2);
    try {
      const Blob forged = is_skipped ? bytes : with_checksum(bytes);
      const Column column(forged, is_skipped ? Checksum::skip : Checksum::check);
      ++opened;
      read_everything(column);
    } catch (const CorruptColumn&) {
    }
  }
  return opened;
}

template <class T>
std::function<Blob(Blob)> set(std::size_t at, T value) {
  return [=](Blob bytes) {
    columns::store(bytes.data() + at, value);
    return bytes;
  };
}
struct Forged {
  Blob bytes;
  std::function<Blob(Blob)> change;
  std::string defect;
};
template <class Column>
void check_defects(const std::vector<Forged>& all) {
  for (const Forged& forged : all)
    BOOST_TEST(defect_of<Column>(with_checksum(forged.change(forged.bytes))) == forged.defect);
}

constexpr std::size_t kEntry = 8, kKind = kEntry, kWidth = kEntry + 1, kScale = kEntry + 2,
                      kNulls = kEntry + 4, kListed = kEntry + 6, kOffset = kEntry + 8, kStride = kEntry + 12,
                      kMin = kEntry + 16, kMax = kEntry + 24, kBlockBytes = kEntry + 32;

const std::string kNotAscending = "its list does not ascend from its smallest value to its largest";

std::uint8_t u8(int value) { return static_cast<std::uint8_t>(value); }
std::uint16_t u16(int value) { return static_cast<std::uint16_t>(value); }
std::uint32_t u32(std::uint32_t value) { return value; }
std::int64_t i64(std::int64_t value) { return value; }

}  // namespace

BOOST_AUTO_TEST_SUITE(damage)

BOOST_AUTO_TEST_CASE(every_flipped_bit_and_every_other_length_is_an_error) {
  check_all_damage<IntegerColumn>(integer_columns());
  check_all_damage<RealColumn>(real_columns());
}

BOOST_AUTO_TEST_CASE(a_column_of_the_other_kind_is_an_error) {
  for (const Blob& bytes : integer_columns())
    BOOST_TEST(defect_of<RealColumn>(bytes) == "column of reals: what it has is of kind 1");
  for (const Blob& bytes : real_columns())
    BOOST_TEST(defect_of<IntegerColumn>(bytes) == "column of integers: what it has is of kind 2");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_integers_is_said) {
  const Blob constant = column_of(Integers{7, 7});
  const Blob packed = column_of(Integers{5, 17, 3, 900});
  const Blob with_nulls = column_of(Integers{std::nullopt, -1, 5, -1});
  const Blob sequence = column_of(Integers{10, 20, 30});
  const Blob raw = column_of(Integers{std::int64_t{1} << 40, 0, std::nullopt});
  Integers threes;
  for (int i = 0; i < 40; ++i) threes.emplace_back(i % 3 * 1'000'000);
  const Blob listed = column_of(threes);
  Integers fours;
  for (int i = 0; i < 40; ++i) fours.emplace_back(i % 4 * 1'000'000);
  const Blob full = column_of(fours);  // all codes of its width are taken
  const std::string block = "column of integers, block 0: ";
  check_defects<IntegerColumn>({
      {constant, set(0, u8(2)), "column of integers: version 2 of the format is unknown"},
      {constant, set(2, u16(1)), "column of integers: its header has something unknown"},
      {constant, set(4, u32(65'537)), "column of integers: it has 65537 rows"},
      {constant, set(4, u32(0xFFFF'FFFF)), "column of integers: it has 4294967295 rows"},
      {constant, set(4, u32(0)), "column of integers: it has 48 bytes and not 16"},
      {constant, set(4, u32(1025)), "column of integers: it has 48 bytes and not 80"},
      {constant, set(kKind, u8(0)), block + "its kind 0 is unknown"},
      {constant, set(kKind, u8(6)), block + "its kind 6 is unknown"},
      {constant, set(kKind + 3, u8(1)), block + "its entry has something unknown"},
      {constant, set(kListed, u16(1)), block + "it has a list of 1 values"},
      {constant, set(kWidth, u8(1)), block + "it has a width of 1 bits"},
      {constant, set(kScale, u8(1)), block + "it has a scale of 1"},
      {constant, set(kStride, u32(1)), block + "it has a stride of 1"},
      {constant, set(kNulls, u16(1)), block + "1 of its 2 rows are NULL"},
      {constant, set(kNulls, u16(3)), block + "3 of its 2 rows are NULL"},
      {constant, set(kNulls, u16(2)), block + "it is constant and has more than one value"},
      {constant, set(kOffset, u32(48)), block + "it begins at 48 and not 40"},
      {constant, set(kMax, i64(8)), block + "it is constant and has more than one value"},
      {constant, set(kMax, i64(6)), block + "its smallest value is above its largest"},
      {constant, set(kKind, u8(4)), block + "it ends behind the end"},
      {packed, set(kWidth, u8(0)), block + "it has a width of 0 bits"},
      {packed, set(kWidth, u8(33)), block + "it has a width of 33 bits"},
      {packed, set(kScale, u8(3)), block + "it has a scale of 3"},
      {packed, set(kWidth, u8(11)), block + "it ends behind the end"},
      {packed, set(kWidth, u8(9)), block + "there are values behind its last row"},
      {packed, set(kNulls, u16(4)), block + "4 of its 4 rows are NULL"},
      {packed, set(kMax, i64(1027)), block + "its width is not that of its values"},
      {packed, set(kMax, i64(514)), block + "its width is not that of its values"},
      {packed, set(kMin, std::numeric_limits<std::int64_t>::min()),
       block + "its width is not that of its values"},
      {packed, set(kMin, i64(901)), block + "its smallest value is above its largest"},
      {packed, set(kBlockBytes + 4 * 4, u32(1)), block + "there are values behind its last row"},
      {packed, set(kBlockBytes + 4 * 3, u32(0x400)), block + "there are values behind its last row"},
      {with_nulls, set(kMin, std::numeric_limits<std::int64_t>::min()),
       block + "its width is not that of its values"},
      {sequence, set(kStride, u32(0)), block + "it has a stride of 0"},
      {sequence, set(kStride, u32(11)), block + "its stride is not that of its values"},
      {sequence, set(kMin, i64(0)), block + "its stride is not that of its values"},
      {sequence, set(kNulls, u16(1)), block + "1 of its 3 rows are NULL"},
      {sequence, set(4, u32(1)), block + "its stride is not that of its values"},
      {listed, set(kListed, u16(1)), block + "it has a list of 1 values"},
      {listed, set(kListed, u16(256)), block + "it has a list of 256 values"},
      {listed, set(kListed, u16(255)), block + "it ends behind the end"},
      {listed, set(kWidth, u8(0)), block + "it has a width of 0 bits"},
      {listed, set(kWidth, u8(9)), block + "it has a width of 9 bits"},
      {listed, set(kWidth, u8(1)), block + "there are values behind its last row"},
      {listed, set(kNulls, u16(1)), "" /* which verify() finds */},
      {full, set(kNulls, u16(1)), block + "its width is not that of its list"},
      {listed, set(kNulls, u16(40)), block + "40 of its 40 rows are NULL"},
      {listed, set(kStride, u32(1)), block + "it has a stride of 1"},
      {listed, set(kScale, u8(1)), block + "it has a scale of 1"},
      {listed, set(kMin, i64(-1)), block + kNotAscending},
      {listed, set(kMax, i64(2'000'001)), block + kNotAscending},
      {listed, set(kBlockBytes + 8, i64(0)), block + kNotAscending},
      {listed, set(kBlockBytes + 8, i64(2'000'000)), block + kNotAscending},
      {listed, set(kBlockBytes + 24 + 4 * 8, u32(0b100)), block + "there are values behind its last row"},
      {raw, set(kMin, i64(1)), block + "a value is below its smallest or above its largest"},
      {raw, set(kMax, i64(1)), block + "a value is below its smallest or above its largest"},
      {raw, set(kBlockBytes + 24, u8(0)), block + "0 rows are marked as NULL and not 1"},
      {raw, set(kBlockBytes + 24, u8(8)), block + "a row behind its last is marked as NULL"},
      {raw, set(kNulls, u16(3)), block + "3 of its 3 rows are NULL"},
      {raw, set(kNulls, u16(0)), "column of integers: it has 200 bytes and not 72"},
  });
  BOOST_TEST(defect_of<IntegerColumn>(set(kMin, i64(6))(packed)) ==
             "column of integers: its checksum is wrong");
  BOOST_TEST(defect_of<IntegerColumn>(Blob(15)) == "column of integers: it has 15 bytes and not 16");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_reals_is_said) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Blob constant = column_of(Reals{2.5, 2.5});
  const Blob nothing = column_of(Reals{std::nullopt});
  const Blob packed = column_of(Reals{1.5, 2.25, 100});
  const Blob raw = column_of(Reals{1.0 / 3, 5, -1e300});
  const std::string block = "column of reals, block 0: ";
  const std::string constant_only = block + "it is constant and has more than one value, or none";
  check_defects<RealColumn>({
      {constant, set(kMax, 2.6), constant_only},
      {constant, [&](const Blob& bytes) { return set(kMin, nan)(set(kMax, nan)(bytes)); }, constant_only},
      {nothing, [&](const Blob& bytes) { return set(kMin, 1.0)(set(kMax, 1.0)(bytes)); }, constant_only},
      {nothing, set(kMin, -0.0), constant_only},
      {packed, set(kScale, u8(10)), block + "its decimals have more than nine digits behind the point"},
      {packed, set(kMin, i64(10'001)), block + "its smallest value is above its largest"},
      {packed, set(kMax, columns::kMostDecimal + 1), block + "its decimals are too large"},
      {packed, set(kMin, -columns::kMostDecimal - 1), block + "its decimals are too large"},
      {packed, set(kMin, i64(-10'000)), block + "its width is not that of its values"},
      {raw, set(kMin, nan), block + "its smallest value is above its largest"},
      {raw, set(kMax, nan), block + "its smallest value is above its largest"},
      {raw, set(kMin, 1.0), block + "a value is below its smallest or above its largest"},
      {raw, set(kMax, 4.9), block + "a value is below its smallest or above its largest"},
      {raw, set(kBlockBytes + 8, nan), block + "a value is below its smallest or above its largest"},
  });
  // 10 + 10 + 10: a sequence is for integers.
  Blob sequence = column_of(Reals{2.5, 2.5});
  sequence = set(kKind, u8(3))(set(kStride, u32(10))(sequence));
  BOOST_TEST(defect_of<RealColumn>(with_checksum(sequence)) == block + "it is a sequence");
  Integers integers;
  for (int i = 0; i < 40; ++i) integers.emplace_back(i % 3 * 1'000'000);
  BOOST_TEST(defect_of<RealColumn>(with_checksum(set(1, u8(2))(column_of(integers)))) ==
             block + "it is a list");
}

BOOST_AUTO_TEST_CASE(a_block_that_is_not_the_first_is_named) {
  Integers values(2 * kBlock, 5);
  values.push_back(6);
  Blob bytes = column_of(values);
  bytes[8 + 32] = std::byte{9};
  BOOST_TEST(defect_of<IntegerColumn>(with_checksum(bytes)) ==
             "column of integers, block 1: its kind 9 is unknown");
  bytes = column_of(values);
  bytes[8 + 64 + 16] = std::byte{9};
  BOOST_TEST(defect_of<IntegerColumn>(with_checksum(bytes)) ==
             "column of integers, block 2: its smallest value is above its largest");
}

BOOST_AUTO_TEST_CASE(offsets_that_are_not_what_the_directory_says_are_found_by_verify) {
  const auto forged = [](const Blob& bytes, std::size_t lane, std::uint32_t word) {
    return with_checksum(set(kBlockBytes + 4 * lane, word)(bytes));
  };
  const std::string integers = "column of integers, block 0: ";
  const Blob packed = column_of(Integers{5, 17, 3, 900});
  BOOST_TEST(defect_of_values<IntegerColumn>(packed) == "");
  BOOST_TEST(defect_of_values<IntegerColumn>(forged(packed, 3, 1023)) ==
             integers + "its values are from 3 to 1026 and not 3 to 900");
  BOOST_TEST(defect_of_values<IntegerColumn>(forged(packed, 2, 1)) ==
             integers + "its values are from 4 to 900 and not 3 to 900");
  const Blob with_nulls = column_of(Integers{std::nullopt, -1, 5, -1});
  BOOST_TEST(defect_of_values<IntegerColumn>(forged(with_nulls, 0, 1)) ==
             integers + "0 rows are NULL and not 1");
  BOOST_TEST(defect_of_values<IntegerColumn>(forged(with_nulls, 1, 0)) ==
             integers + "2 rows are NULL and not 1");

  Integers threes;
  for (int i = 0; i < 40; ++i) threes.emplace_back(i % 3 * 1'000'000);
  const Blob listed = column_of(threes);
  BOOST_TEST(defect_of_values<IntegerColumn>(listed) == "");
  BOOST_TEST(defect_of_values<IntegerColumn>(forged(listed, 24 / 4 + 2, 3)) ==
             integers + "a row has a value that is not in its list");
  BOOST_TEST(defect_of_values<IntegerColumn>(with_checksum(set(kNulls, u16(1))(listed))) ==
             integers + "14 rows are NULL and not 1");

  const std::string reals = "column of reals, block 0: ";
  const Blob decimals = column_of(Reals{1.5, std::nullopt, 100});
  BOOST_TEST(defect_of_values<RealColumn>(decimals) == "");
  BOOST_TEST(defect_of_values<RealColumn>(forged(decimals, 0, 0)) == reals + "2 rows are NULL and not 1");
  BOOST_TEST(defect_of_values<RealColumn>(forged(decimals, 0, 2)) ==
             reals + "its smallest and largest value are not those that it says");
  // A raw block whose zone is wider than its values.
  const Blob raw = column_of(Integers{std::int64_t{1} << 40, 0, 7});
  BOOST_TEST(defect_of_values<IntegerColumn>(with_checksum(set(kMin, i64(-1))(raw))) ==
             integers + "its values are from 0 to 1099511627776 and not -1 to 1099511627776");
}

BOOST_AUTO_TEST_CASE(what_is_forged_and_can_be_opened_is_read_within_its_bounds) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    BOOST_TEST(open_forged<IntegerColumn>(dice, integer_columns(), 20'000) > 500);
    BOOST_TEST(open_forged<RealColumn>(dice, real_columns(), 20'000) > 500);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
