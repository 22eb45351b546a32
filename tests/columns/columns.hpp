// What the tests of columns share: values as a vector with holes, columns made of them, and bytes that are changed.
#pragma once

#include <bit>
#include <boost/test/unit_test.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "checksum.hpp"
#include "integers.hpp"
#include "job_host.hpp"
#include "reals.hpp"

namespace warden::test {

using Integers = std::vector<std::optional<std::int64_t>>;
using Reals = std::vector<std::optional<double>>;
using Blob = std::vector<std::byte>;

template <class Writer, class Values>
Blob written(const Values& values) {
  Writer writer(real_api());
  for (const auto& value : values) value ? writer.add(*value) : writer.add_null();
  BOOST_TEST(writer.rows() == values.size());
  const auto bytes = writer.finish();
  BOOST_TEST(writer.rows() == 0);
  return {bytes.begin(), bytes.end()};
}
inline Blob column_of(const Integers& values) { return written<columns::IntegerWriter>(values); }
inline Blob column_of(const Reals& values) { return written<columns::RealWriter>(values); }

/// All values of a column, block by block.
template <class Value, class Column>
std::vector<std::optional<Value>> values_of(const Column& column) {
  std::vector<std::optional<Value>> all;
  for (std::size_t i = 0; i < column.blocks(); ++i) {
    std::array<Value, columns::kBlock> values;
    std::array<std::uint8_t, columns::kBlock> is_null;
    column.values(i, values.data(), is_null.data());
    for (std::size_t row = 0; row < column.block(i).rows; ++row)
      all.push_back(is_null[row] != 0 ? std::nullopt : std::optional(values[row]));
  }
  return all;
}

inline bool same(std::int64_t a, std::int64_t b) { return a == b; }
/// To the bit: -0.0 is not 0.0.
inline bool same(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

/// Where two columns differ first; their size where they don't.
template <class Values>
std::size_t first_difference(const Values& a, const Values& b) {
  BOOST_TEST_REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].has_value() != b[i].has_value() || (a[i] && !same(*a[i], *b[i]))) return i;
  }
  return a.size();
}

/// Writes the checksum anew, over whatever the bytes are now.
inline Blob with_checksum(Blob bytes) {
  if (bytes.size() < 8) return bytes;
  const std::size_t checked = bytes.size() - 8;
  columns::store(bytes.data() + checked, columns::checksum(columns::Bytes(bytes).first(checked / 8 * 8)));
  return bytes;
}

/// What a column's constructor says is wrong; empty where nothing is.
template <class Column>
std::string defect_of(const Blob& bytes, columns::Checksum checksum = columns::Checksum::check) {
  // A copy of exactly its size: AddressSanitizer sees what is read behind it.
  const Blob exact(bytes);
  try {
    const Column column(exact, checksum);
  } catch (const columns::CorruptColumn& found) {
    BOOST_TEST(!std::string(found.what()).empty());
    return found.what();
  }
  return "";
}
template <class Column>
std::string defect_of_values(const Blob& bytes) {
  const Column column(bytes);
  try {
    column.verify();
  } catch (const columns::CorruptColumn& found) {
    return found.what();
  }
  return "";
}

}  // namespace warden::test
