// Bytes put together by hand as FORMAT.md has them: they are what the writers write, and they are read. What is here must
// be readable for ever: a later version of the format adds columns of its own, and leaves these as they are.
#include <limits>

#include "columns.hpp"

namespace warden::test {
namespace {

using columns::kBlock;

/// Appends numbers, least significant byte first.
class ByHand {
 public:
  ByHand& u8(std::uint64_t value) { return add(value, 1); }
  ByHand& u16(std::uint64_t value) { return add(value, 2); }
  ByHand& u32(std::uint64_t value) { return add(value, 4); }
  ByHand& u64(std::uint64_t value) { return add(value, 8); }
  ByHand& i64(std::int64_t value) { return u64(static_cast<std::uint64_t>(value)); }
  ByHand& f64(double value) { return u64(std::bit_cast<std::uint64_t>(value)); }
  ByHand& header(unsigned kind, std::size_t rows) { return u8(1).u8(kind).u16(0).u32(rows); }
  /// All of an entry but min and max.
  ByHand& entry(unsigned kind, unsigned width, unsigned scale, unsigned nulls, std::size_t offset,
                std::int64_t stride = 0, unsigned listed = 0) {
    u8(kind).u8(width).u8(scale).u8(0).u16(nulls).u16(listed).u32(offset);
    return u32(static_cast<std::uint32_t>(stride));
  }
  const Blob& bytes() const { return bytes_; }
  Blob finished() {
    u64(0);
    return with_checksum(bytes_);
  }

 private:
  ByHand& add(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i, value >>= 8) bytes_.push_back(static_cast<std::byte>(value & 0xFF));
    return *this;
  }
  Blob bytes_;
};

constexpr std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

}  // namespace

BOOST_AUTO_TEST_SUITE(format)

BOOST_AUTO_TEST_CASE(a_column_of_integers_with_a_block_of_each_kind) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  Integers values(kBlock, -7);
  for (std::size_t i = 0; i < kBlock; ++i)  // NULL, 100, 101, NULL, ...
    values.push_back(i % 3 == 0 ? std::nullopt : std::optional<std::int64_t>(99 + static_cast<int>(i % 3)));
  for (std::int64_t i = 0; i < 1024; ++i) values.emplace_back(5000 - 60 * i);
  values.insert(values.end(), {kMost, std::nullopt, 1});

  ByHand column;
  column.header(1, 3075);
  column.entry(1, 0, 0, 0, 136).i64(-7).i64(-7);
  column.entry(2, 2, 0, 342, 136).i64(100).i64(101);
  column.entry(3, 0, 0, 0, 392, -60).i64(5000 - 60 * 1023).i64(5000);
  column.entry(4, 0, 0, 1, 392).i64(1).i64(kMost);
  BOOST_TEST(column.bytes().size() == 136);
  for (unsigned word = 0; word < 2; ++word) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      std::uint64_t two_bits_each = 0;
      for (unsigned r = 0; r < 16; ++r)
        two_bits_each |= std::uint64_t{(32 * (16 * word + r) + lane) % 3} << 2 * r;
      column.u32(two_bits_each);
    }
  }
  BOOST_TEST(column.bytes().size() == 392);
  column.i64(kMost).i64(1).i64(1);
  column.u8(0b010);
  for (int i = 1; i < 128; ++i) column.u8(0);
  const Blob bytes = column.finished();

  BOOST_TEST((column_of(values) == bytes));
  BOOST_TEST(first_difference(values_of<std::int64_t>(columns::IntegerColumn(bytes)), values) == 3075);
}

BOOST_AUTO_TEST_CASE(a_list_and_its_codes) {
  Integers values;  // NULL, 1000000, -5, 70, NULL, ...
  for (int i = 0; i < 1024; ++i)
    values.push_back(i % 4 == 0 ? std::nullopt
                                : std::optional<std::int64_t>(i % 4 == 1   ? 1'000'000
                                                              : i % 4 == 2 ? -5
                                                                           : 70));
  for (int i = 0; i < 64; ++i) values.emplace_back(i % 4 == 1 ? 1 << 20 : 0);

  ByHand column;
  column.header(1, 1088);
  column.entry(5, 2, 0, 256, 72, 0, 3).i64(-5).i64(1'000'000);
  column.entry(5, 1, 0, 0, 352, 0, 2).i64(0).i64(1 << 20);
  BOOST_TEST(column.bytes().size() == 72);
  column.i64(-5).i64(70).i64(1'000'000);
  constexpr std::array<std::uint64_t, 4> kCodes{0, 3, 1, 2};
  for (unsigned word = 0; word < 2; ++word) {
    for (unsigned lane = 0; lane < 32; ++lane) column.u32(kCodes[lane % 4] * 0x5555'5555U);
  }
  BOOST_TEST(column.bytes().size() == 352);
  column.i64(0).i64(1 << 20);
  for (unsigned lane = 0; lane < 32; ++lane) column.u32(lane % 4 == 1 ? 0b11 : 0);
  const Blob bytes = column.finished();

  BOOST_TEST((column_of(values) == bytes));
  const columns::IntegerColumn read(bytes);
  read.verify();
  BOOST_TEST(first_difference(values_of<std::int64_t>(read), values) == 1088);
}

BOOST_AUTO_TEST_CASE(a_column_of_reals_with_a_block_of_each_kind) {
  const double infinite = std::numeric_limits<double>::infinity();
  Reals values(kBlock, 1.0 / 3);
  for (std::size_t i = 0; i < kBlock; ++i) values.emplace_back(static_cast<double>(250 + i % 2 * 255) / 100);
  values.insert(values.end(), {-0.0, infinite});

  ByHand column;
  column.header(2, 2050);
  column.entry(1, 0, 0, 0, 104).f64(1.0 / 3).f64(1.0 / 3);
  column.entry(2, 8, 2, 0, 104).i64(250).i64(505);
  column.entry(4, 0, 0, 0, 1128).f64(-0.0).f64(infinite);
  for (unsigned word = 0; word < 8; ++word) {
    for (unsigned lane = 0; lane < 32; ++lane) column.u32(lane % 2 * 0xFFFF'FFFFU);
  }
  BOOST_TEST(column.bytes().size() == 1128);
  column.f64(-0.0).f64(infinite);
  const Blob bytes = column.finished();

  BOOST_TEST((column_of(values) == bytes));
  BOOST_TEST(first_difference(values_of<double>(columns::RealColumn(bytes)), values) == 2050);
}

BOOST_AUTO_TEST_CASE(what_another_writer_may_choose_is_read) {
  // A scale that is larger than it must be, and a constant that is packed nowhere but raw.
  ByHand decimals;
  decimals.header(2, 1).entry(4, 0, 0, 0, 40).f64(2.5).f64(2.5).f64(2.5);
  const Blob raw = decimals.finished();
  BOOST_TEST(first_difference(values_of<double>(columns::RealColumn(raw)), Reals{2.5}) == 1);

  ByHand scaled;
  scaled.header(2, 2).entry(2, 1, 9, 1, 40).i64(2'500'000'000).i64(2'500'000'000);
  for (unsigned lane = 0; lane < 32; ++lane) scaled.u32(lane == 1 ? 1 : 0);
  const Blob packed = scaled.finished();
  columns::RealColumn(packed).verify();
  BOOST_TEST(first_difference(values_of<double>(columns::RealColumn(packed)), Reals{std::nullopt, 2.5}) == 2);

  ByHand integers;
  integers.header(1, 2).entry(4, 0, 0, 0, 40).u64(bits(-3)).u64(bits(-2)).u64(bits(-3)).u64(bits(-2));
  const Blob plain = integers.finished();
  BOOST_TEST(first_difference(values_of<std::int64_t>(columns::IntegerColumn(plain)), Integers{-3, -2}) == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
