// Loops over a block, each against the plainest way to say it.
#include <boost/test/unit_test.hpp>

#include "columns.hpp"
#include "ext/job_columns/wide.hpp"

namespace warden::test {

using columns::kBlock;

BOOST_AUTO_TEST_SUITE(wide)

BOOST_AUTO_TEST_CASE(each_loop_says_what_one_row_after_the_other_says) {
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    for (int round = 0; round < 200; ++round) {
      const std::int64_t most =
          dice.one_of(std::vector<std::int64_t>{1, 10, 1000, (1 << 24) - 1, (1 << 28) - 1});
      columns::Mask mask;
      columns::Numbers a, b;
      columns::Offsets offsets;
      const std::uint64_t density = dice.below(4);
      for (std::size_t i = 0; i < kBlock; ++i) {
        mask[i] = density == 3 ? 1 : dice.below(4) < density ? 1 : 0;
        a[i] = static_cast<std::int32_t>(dice.from_to(0, most));
        b[i] = static_cast<std::int32_t>(dice.from_to(0, (1 << 24) - 1));
        offsets[i] = static_cast<std::uint32_t>(dice.from_to(0, dice.once_in(50) ? UINT32_MAX : most));
      }
      const auto limit = static_cast<std::int32_t>(dice.from_to(0, most + 1));
      const auto least = static_cast<std::uint32_t>(dice.from_to(0, most));
      const auto upto = static_cast<std::uint32_t>(dice.from_to(least, dice.once_in(9) ? UINT32_MAX : most));
      const auto divisor =
          static_cast<std::int32_t>(dice.one_of(std::vector<int>{1, 60, 600, 3600, 21'600, 86'400, 7}));
      const auto highest = static_cast<std::int32_t>(dice.from_to(1, 100));
      std::uint32_t largest = 0;
      std::size_t met = 0, below = 0, from = 0;
      std::int64_t total = 0, products = 0, between = 0;
      bool equal = false;
      for (std::size_t i = 0; i < kBlock; ++i) {
        equal |= a[i] == limit;
        if (mask[i] == 0) continue;
        ++met;
        total += a[i];
        products += std::int64_t{a[i]} * b[i];
        below += a[i] < limit;
        from += offsets[i] >= least;
        largest = std::max(largest, offsets[i]);
        between += offsets[i] >= least && offsets[i] <= upto;
      }
      BOOST_TEST(columns::count(mask) == met);
      columns::Numbers cleared = a;
      columns::clear_others(mask, cleared);
      columns::Offsets cleared_offsets = offsets;
      columns::clear_others(mask, cleared_offsets);
      BOOST_TEST(columns::sum(cleared) == total);
      BOOST_TEST(columns::sum_products(cleared, b) == products);
      BOOST_TEST(columns::count_below(cleared, limit) == below + (limit > 0 ? kBlock - met : 0));
      BOOST_TEST(columns::count_from(cleared_offsets, least) == from + (least == 0 ? kBlock - met : 0));
      BOOST_TEST(columns::largest(cleared_offsets) == largest);
      columns::Numbers chosen = a;
      columns::choose_else(mask, -7, chosen);
      BOOST_TEST(columns::any_between(offsets, least, upto, mask) == (between > 0));
      columns::Mask kept = mask;
      columns::keep_between(offsets, least, upto, kept);
      BOOST_TEST(columns::count(kept) == between);
      columns::Mask found;
      BOOST_TEST(columns::find_equal(a, limit, found) == equal);
      columns::Numbers places;
      columns::divide(a, divisor, highest, places);
      for (std::size_t i = 0; i < kBlock; ++i) {
        const bool is_kept = mask[i] != 0 && offsets[i] >= least && offsets[i] <= upto;
        if (chosen[i] != (mask[i] != 0 ? a[i] : -7) || kept[i] != is_kept || found[i] != (a[i] == limit) ||
            places[i] != std::min(a[i] / divisor, highest))
          BOOST_ERROR("row " << i << " of round " << round);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(several_counts_at_once_are_those_one_after_the_other) {
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    for (const std::int64_t most : {std::int64_t{1}, std::int64_t{100}, std::int64_t{INT32_MAX}}) {
      columns::Offsets offsets;
      for (auto& offset : offsets) offset = static_cast<std::uint32_t>(dice.from_to(0, most));
      columns::Leasts leasts;
      for (auto& least : leasts) least = static_cast<std::int32_t>(dice.from_to(0, most));
      const columns::CountsFrom counts = columns::count_from_each(offsets, leasts);
      for (std::size_t i = 0; i < leasts.size(); ++i)
        BOOST_TEST(counts[i] == columns::count_from(offsets, static_cast<std::uint32_t>(leasts[i])));
    }
  }
}

BOOST_AUTO_TEST_CASE(values_are_looked_up_at_every_width) {
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    std::array<std::int32_t, 256> values;
    for (auto& value : values) value = static_cast<std::int32_t>(dice.from_to(INT32_MIN, INT32_MAX));
    for (unsigned width = 1; width <= 8; ++width) {
      columns::Offsets codes;
      for (auto& code : codes) code = static_cast<std::uint32_t>(dice.below(std::uint64_t{1} << width));
      columns::Numbers found;
      columns::look_up(codes, width, values.data(), found.data());
      for (std::size_t i = 0; i < kBlock; ++i) BOOST_TEST_REQUIRE(found[i] == values[codes[i]]);
    }
  }
}

BOOST_AUTO_TEST_CASE(division_is_right_at_every_edge) {
  columns::Numbers numbers{}, places;
  for (const std::int32_t divisor : {1, 2, 3, 60, 600, 3600, 21'600, 43'200, 86'400, 1 << 20}) {
    for (std::int64_t quotient = 0; quotient * divisor < (1 << 28); quotient += 1 + quotient / 50) {
      for (std::int64_t beside = -1; beside <= 1; ++beside) {
        const std::int64_t number = quotient * divisor + beside;
        if (number < 0 || number >= 1 << 28) continue;
        numbers[0] = static_cast<std::int32_t>(number);
        columns::divide(numbers, divisor, INT32_MAX, places);
        if (places[0] != numbers[0] / divisor)
          BOOST_ERROR(numbers[0] << " / " << divisor << " is not " << places[0]);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
