// Sums by group against sums of one job after the other.
#include <boost/test/unit_test.hpp>

#include "columns.hpp"
#include "group_sums.hpp"

namespace warden::test {
namespace {

using columns::kBlock;
using Sums = warden::vtab::vector<columns::Sums>;

struct Block {
  columns::Numbers groups, seconds, nodes, cores, accs;
  columns::Mask mask;
};

Block random_block(Dice& dice, std::size_t groups, std::int64_t most) {
  Block block;
  const std::uint64_t density = dice.below(4);
  // Rows behind the last one, and those that are not meant, have anything.
  const std::size_t rows = dice.once_in(3) ? dice.below(kBlock) : kBlock;
  for (std::size_t i = 0; i < kBlock; ++i) {
    block.mask[i] = i < rows && (density == 3 || dice.below(4) < density) ? 1 : 0;
    const auto number = [&](std::int64_t highest) {
      return static_cast<std::int32_t>(block.mask[i] != 0 ? dice.from_to(0, highest)
                                                          : dice.from_to(INT32_MIN, INT32_MAX));
    };
    block.groups[i] = number(static_cast<std::int64_t>(groups) - 1);
    block.seconds[i] = number((1 << 28) - 1);
    for (columns::Numbers* numbers : {&block.nodes, &block.cores, &block.accs}) (*numbers)[i] = number(most);
  }
  return block;
}

void add_plainly(const Block& block, std::int32_t limit, Sums& sums) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (block.mask[i] == 0) continue;
    columns::Sums& of = sums[static_cast<std::size_t>(block.groups[i])];
    const std::int64_t seconds = block.seconds[i];
    ++of.jobs;
    of.short_jobs += block.seconds[i] < limit;
    of.seconds += seconds;
    of.nodes += block.nodes[i];
    of.node_seconds += block.nodes[i] * seconds;
    of.cores += block.cores[i];
    of.core_seconds += block.cores[i] * seconds;
    of.accs += block.accs[i];
    of.acc_seconds += block.accs[i] * seconds;
  }
}

bool same(const columns::Sums& a, const columns::Sums& b) {
  return a.jobs == b.jobs && a.short_jobs == b.short_jobs && a.seconds == b.seconds && a.nodes == b.nodes &&
         a.node_seconds == b.node_seconds && a.cores == b.cores && a.core_seconds == b.core_seconds &&
         a.accs == b.accs && a.acc_seconds == b.acc_seconds && a.running_jobs == b.running_jobs;
}

bool can(std::size_t groups, boost::unit_test::test_unit_id) { return columns::GroupSums::can(groups); }

}  // namespace

BOOST_AUTO_TEST_SUITE(group_sums)

BOOST_AUTO_TEST_CASE(many_blocks_come_to_the_sums_of_their_jobs,
                     *boost::unit_test::precondition([](auto id) { return can(1, id); })) {
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    // The largest numbers of 32 bits are flushed with every block, the smallest when 16 bits are full.
    for (const std::int64_t most :
         {std::int64_t{1}, std::int64_t{64}, std::int64_t{1} << 16, (std::int64_t{1} << 22) - 1}) {
      const std::size_t groups = dice.below(9) + 1;
      columns::GroupSums group_sums(real_api());
      BOOST_TEST(!group_sums);
      group_sums.begin(groups);
      BOOST_TEST(static_cast<bool>(group_sums));
      Sums sums(groups, columns::Sums{}, warden::vtab::Allocator<columns::Sums>(real_api()));
      Sums expected = sums;
      for (int i = 0; i < 200; ++i) {
        const Block block = random_block(dice, groups, most);
        const auto limit = static_cast<std::int32_t>(dice.once_in(9) ? INT32_MAX : dice.from_to(0, 1 << 28));
        BOOST_TEST_REQUIRE(group_sums.add(block.groups,
                                          {block.seconds, block.nodes, block.cores, block.accs, most, limit},
                                          block.mask, sums));
        add_plainly(block, limit, expected);
      }
      group_sums.flush(sums);
      for (std::size_t group = 0; group < groups; ++group) BOOST_TEST(same(sums[group], expected[group]));
      group_sums.flush(sums);  // of which nothing is left
      for (std::size_t group = 0; group < groups; ++group) BOOST_TEST(same(sums[group], expected[group]));
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_that_32_bits_cant_sum_are_left_to_others) {
  columns::GroupSums group_sums(real_api());
  group_sums.begin(1);
  Sums sums(1, columns::Sums{}, warden::vtab::Allocator<columns::Sums>(real_api()));
  const columns::Numbers none{};
  columns::Mask mask;
  mask.fill(1);
  BOOST_TEST(!group_sums.add(none, {none, none, none, none, std::int64_t{1} << 22, 0}, mask, sums));
  BOOST_TEST(!group_sums.add(none, {none, none, none, none, INT64_MAX, 0}, mask, sums));
  group_sums.flush(sums);
  BOOST_TEST(sums[0].jobs == 0);
}

BOOST_AUTO_TEST_CASE(many_groups_are_left_to_others) { BOOST_TEST(!columns::GroupSums::can(100'000)); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
