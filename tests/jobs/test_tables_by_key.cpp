// The hash tables of a pass against standard containers, and with an allocator that fails at every of its calls: then an
// insertion has not happened, and everything that was there before still is.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "job_host.hpp"
#include "tables_by_key.hpp"

namespace warden::test {
namespace {

std::string random_text(Dice& dice, std::size_t most) {
  std::string text;
  for (auto n = dice.below(most + 1); n > 0; --n)
    text += static_cast<char>(dice.once_in(10) ? 0 : 'a' + dice.below(3));
  return text;
}

/// Makes a table of `Table`, and lets allocation 1, 2, 3, ... of `insert` fail until none does. After each failure
/// `check` looks at what is there.
template <class Table, class Insert, class Check>
void at_every_allocation(int insertions, Insert&& insert, Check&& check) {
  const int before = g_allocations_held;
  int failures = 0;
  for (int nth = 1;; ++nth) {
    bool failed = false;
    {
      Table table(scarce_api());
      int done = 0;
      const Scarcity scarcity(nth);
      for (; done < insertions; ++done) {
        try {
          insert(table, done);
        } catch (const std::bad_alloc&) {
          failed = true;
          check(table, done);
          insert(table, done);  // the one allocation failed; now it works
        }
      }
      check(table, insertions);
      BOOST_TEST_REQUIRE(failed == scarcity.happened());
    }
    if (!failed) break;
    ++failures;
  }
  BOOST_TEST(failures > 3);
  BOOST_TEST(g_allocations_held == before);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tables_by_key)

BOOST_AUTO_TEST_CASE(texts_keep_their_values_and_their_order) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    jobs::ByText<std::int64_t> table(real_api());
    std::map<std::string, std::int64_t> model;
    std::vector<std::string> order;
    for (int i = 0; i < 100'000; ++i) {
      const std::string key = random_text(dice, dice.once_in(20) ? 300 : 9);
      const auto [at, is_new] = model.try_emplace(key, 0);
      if (is_new) order.push_back(key);
      auto& entry = table.at(key);
      BOOST_TEST_REQUIRE(entry.key == key);
      BOOST_TEST_REQUIRE(entry.value == at->second);
      at->second += i;
      entry.value += i;
    }
    BOOST_TEST(table.size() == model.size());
    BOOST_TEST(model.size() > 1000);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& entry = *table.entries()[i];
      BOOST_TEST_REQUIRE(entry.key == order[i]);
      BOOST_TEST_REQUIRE(entry.number == i);
      BOOST_TEST_REQUIRE(entry.value == model[order[i]]);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_entry_stays_where_it_is) {
  jobs::ByText<int> table(real_api());
  auto& first = table.at("first");
  first.value = 5;
  for (int i = 0; i < 10'000; ++i) table.at(std::to_string(i));
  BOOST_TEST(&table.at("first") == &first);
  BOOST_TEST(first.value == 5);
  BOOST_TEST(first.key == "first");
}

BOOST_AUTO_TEST_CASE(the_empty_text_is_a_key) {
  jobs::ByText<int> table(real_api());
  table.at("").value = 1;
  table.at(std::string_view("\0", 1)).value = 2;
  table.at({}).value += 10;
  BOOST_TEST(table.size() == 2U);
  BOOST_TEST(table.at("").value == 11);
  BOOST_TEST(table.entries()[0]->key.data() != nullptr);
}

BOOST_AUTO_TEST_CASE(numbers_are_counted) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    jobs::Counts counts(real_api());
    std::map<std::int64_t, std::int64_t> model;
    for (int i = 0; i < 100'000; ++i) {
      const std::int64_t number = dice.once_in(2)   ? dice.from_to(-50, 50)
                                  : dice.once_in(2) ? dice.from_to(0, 3000) << 32
                                                    : dice.from_to(INT64_MIN, INT64_MAX);
      for (auto n = dice.below(3) + 1; n > 0; --n) ++model[number], counts.add(number);
    }
    BOOST_TEST(counts.entries().size() == model.size());
    for (const auto* entry : counts.entries()) BOOST_TEST_REQUIRE(entry->count == model[entry->number]);
  }
}

BOOST_AUTO_TEST_CASE(pairs_are_new_once) {
  const std::uint64_t seed = random_seed();
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    jobs::PairSet pairs(real_api());
    std::set<std::pair<std::uint32_t, std::uint32_t>> model;
    BOOST_TEST(pairs.add(0, 0));
    BOOST_TEST(!pairs.add(0, 0));
    model.emplace(0, 0);
    for (int i = 0; i < 100'000; ++i) {
      const auto first = static_cast<std::uint32_t>(dice.below(dice.once_in(50) ? 0xffffffff : 100));
      const auto second = static_cast<std::uint32_t>(dice.below(dice.once_in(50) ? 0xffffffff : 100));
      BOOST_TEST_REQUIRE(pairs.add(first, second) == model.emplace(first, second).second);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_arena_gives_bytes_of_their_own) {
  const std::uint64_t seed = random_seed();
  const int before = g_allocations_held;
  BOOST_TEST_CONTEXT("TEST_SEED=" << seed) {
    Dice dice(seed);
    jobs::Arena arena(scarce_api());
    std::vector<std::pair<std::string_view, std::string>> kept;
    for (int i = 0; i < 3'000; ++i) {
      const std::string text = random_text(dice, dice.once_in(100) ? 200'000 : 60);
      kept.emplace_back(arena.keep(text), text);
      auto* block = static_cast<char*>(arena.take(dice.below(40) + 1));
      BOOST_TEST_REQUIRE(reinterpret_cast<std::uintptr_t>(block) % 8 == 0U);
      *block = 'x';
    }
    for (const auto& [view, text] : kept) BOOST_TEST_REQUIRE((view == text));
  }
  BOOST_TEST(g_allocations_held == before);
}

BOOST_AUTO_TEST_CASE(texts_without_memory) {
  const auto key = [](int i) {
    return std::string(static_cast<std::size_t>(i % 40), 'x') + std::to_string(i);
  };
  at_every_allocation<jobs::ByText<int>>(
      1000, [&](auto& table, int i) { table.at(key(i)).value = i; },
      [&](auto& table, int done) {
        BOOST_TEST_REQUIRE(table.size() == static_cast<std::size_t>(done));
        for (int i = 0; i < done; ++i) BOOST_TEST_REQUIRE(table.at(key(i)).value == i);
        BOOST_TEST_REQUIRE(table.size() == static_cast<std::size_t>(done));
      });
}

BOOST_AUTO_TEST_CASE(counts_without_memory) {
  at_every_allocation<jobs::Counts>(
      1000, [&](auto& table, int i) { table.add(i * 7); },
      [&](auto& table, int done) {
        BOOST_TEST_REQUIRE(table.entries().size() == static_cast<std::size_t>(done));
        for (const auto* entry : table.entries()) BOOST_TEST_REQUIRE(entry->count == 1);
      });
}

BOOST_AUTO_TEST_CASE(pairs_without_memory) {
  at_every_allocation<jobs::PairSet>(
      1000,
      [&](auto& table, int i) {
        if (!table.add(static_cast<std::uint32_t>(i), 5)) throw std::logic_error("it was there before");
      },
      [&](auto& table, int done) {
        for (int i = 0; i < done; ++i) BOOST_TEST_REQUIRE(!table.add(static_cast<std::uint32_t>(i), 5));
      });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace warden::test
