// Sums by group against sums of one job after the other.
#include <boost/test/unit_test.hpp>

#include "columns.hpp"
#include "group_sums.hpp"

namespace warden::test {
namespace {

using columns::kBlock;

struct Block {
  columns::Numbers groups, seconds, nodes, cores, accs;
  columns::Mask mask;
};

Block random_block(Dice& dice, std::size_t groups, std::int64_t most_seconds, std::int64_t most) {
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
    block.seconds[i] = number(most_seconds);
    for (columns::Numbers* numbers : {&block.nodes, &block.cores, &block.accs}) (*numbers)[i] = number(most);
  }
  return block;
}

__extension__ using Int128 = __int128;

/// Sums of a group without bounds.
struct Wide {
  std::array<Int128, 9> numbers{};
  void add(const columns::Sums& more) {
    const std::array<std::int64_t, 9> all{more.jobs,         more.short_jobs,   more.seconds,
                                          more.nodes,        more.node_seconds, more.cores,
                                          more.core_seconds, more.accs,         more.acc_seconds};
    for (std::size_t i = 0; i < all.size(); ++i) numbers[i] += all[i];
  }
  bool operator==(const Wide&) const = default;
};

void add_plainly(const Block& block, std::int32_t limit, std::vector<Wide>& sums) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    if (block.mask[i] == 0) continue;
    const std::int64_t seconds = block.seconds[i];
    columns::Sums job;
    job.jobs = 1;
    job.short_jobs = block.seconds[i] < limit ? 1 : 0;
    job.seconds = seconds;
    job.nodes = block.nodes[i];
    job.node_seconds = block.nodes[i] * seconds;
    job.cores = block.cores[i];
    job.core_seconds = block.cores[i] * seconds;
    job.accs = block.accs[i];
    job.acc_seconds = block.accs[i] * seconds;
    sums[static_cast<std::size_t>(block.groups[i])].add(job);
  }
}

/// All jobs are in one group, and have the largest numbers.
Block largest_block(std::int64_t most_seconds, std::int64_t most) {
  Block block{};
  block.mask.fill(1);
  block.seconds.fill(static_cast<std::int32_t>(most_seconds));
  for (columns::Numbers* numbers : {&block.nodes, &block.cores, &block.accs})
    numbers->fill(static_cast<std::int32_t>(most));
  return block;
}

bool can(std::size_t groups, boost::unit_test::test_unit_id) { return columns::GroupSums::can(groups); }

}  // namespace

BOOST_AUTO_TEST_SUITE(group_sums)

BOOST_AUTO_TEST_CASE(many_blocks_come_to_the_sums_of_their_jobs,
                     *boost::unit_test::precondition([](auto id) { return can(1, id); })) {
  const std::uint64_t seed = random_seed();
  Dice dice(seed);
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    // The smallest are flushed when 16 bits are full, larger ones when 32 bits could be.
    struct Most {
      std::int64_t seconds, number;
    };
    constexpr Most all[] = {{1000, 1},
                            {1 << 20, 64},
                            {1 << 20, 1 << 16},
                            {1 << 20, (1 << 22) - 1},
                            {(1 << 28) - 1, (1 << 22) - 1},
                            {(1 << 28) - 1, 0}};
    for (std::size_t which = 0; which < 2 * std::size(all); ++which) {
      const Most& most = all[which / 2];
      const bool are_largest = which % 2 != 0;
      const std::size_t groups = are_largest ? 1 : dice.below(9) + 1;
      columns::GroupSums group_sums(real_api());
      BOOST_TEST(!group_sums);
      group_sums.begin(groups);
      BOOST_TEST(static_cast<bool>(group_sums));
      std::vector<Wide> sums(groups);
      std::vector<Wide> expected(groups);
      const auto flush = [&] {
        group_sums.flush([&](std::size_t group, const columns::Sums& more) { sums.at(group).add(more); });
      };
      for (int i = 0; i < 200; ++i) {
        const Block block = are_largest ? largest_block(most.seconds, most.number)
                                        : random_block(dice, groups, most.seconds, most.number);
        const auto limit =
            static_cast<std::int32_t>(dice.once_in(9) ? INT32_MAX : dice.from_to(0, most.seconds));
        const columns::BlockOfJobs jobs{block.seconds, block.nodes, block.cores, block.accs,
                                        most.seconds,  most.number, limit};
        BOOST_TEST_REQUIRE(group_sums.can_add(jobs));
        if (group_sums.is_full(jobs)) flush();
        BOOST_TEST_REQUIRE(!group_sums.is_full(jobs));
        group_sums.add(block.groups, jobs, block.mask);
        add_plainly(block, limit, expected);
      }
      flush();
      for (std::size_t group = 0; group < groups; ++group) BOOST_TEST((sums[group] == expected[group]));
      flush();  // of which nothing is left
      for (std::size_t group = 0; group < groups; ++group) BOOST_TEST((sums[group] == expected[group]));
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_that_a_line_cant_sum_are_left_to_others) {
  columns::GroupSums group_sums(real_api());
  group_sums.begin(1);
  const columns::Numbers none{};
  const auto can_add = [&](std::int64_t seconds, std::int64_t number) {
    return group_sums.can_add({none, none, none, none, seconds, number, 0});
  };
  BOOST_TEST(can_add(1 << 29, (1 << 22) - 1));
  BOOST_TEST(!can_add(0, 1 << 22));
  BOOST_TEST(!can_add(0, INT64_MAX));
  BOOST_TEST(!can_add(INT64_MAX, 0));
}

BOOST_AUTO_TEST_CASE(many_groups_are_left_to_others) { BOOST_TEST(!columns::GroupSums::can(100'000)); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
