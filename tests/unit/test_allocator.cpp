// The process's malloc: recognised, read, trimmed, and what it is said to hold back.
#include <malloc.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "../../watchdog/allocator.hpp"
#include "../../watchdog/sampler.hpp"

using warden::AllocatorReading;
using warden::held_back_bytes;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WARDEN_OTHER_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WARDEN_OTHER_MALLOC 1
#endif
#endif

namespace {

constexpr std::int64_t kMegabyte = 1'000'000;

AllocatorReading reading(std::int64_t in_use, std::int64_t mapped, std::int64_t free) {
  return {true, in_use, mapped, free};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(allocator)

BOOST_AUTO_TEST_CASE(held_back_is_free_memory_while_all_of_it_is_resident) {
  BOOST_TEST(held_back_bytes(reading(100 * kMegabyte, 50 * kMegabyte, 300 * kMegabyte), 500 * kMegabyte,
                             10 * kMegabyte) == 300 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(held_back_leaves_out_what_a_trim_has_given_back) {
  BOOST_TEST(held_back_bytes(reading(100 * kMegabyte, 50 * kMegabyte, 300 * kMegabyte), 165 * kMegabyte,
                             10 * kMegabyte) == 5 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(held_back_subtracts_in_use_mapped_and_baseline) {
  const std::int64_t resident = 100 * kMegabyte;
  const std::int64_t free = 1000 * kMegabyte;
  BOOST_TEST(held_back_bytes(reading(30 * kMegabyte, 0, free), resident, 0) == 70 * kMegabyte);
  BOOST_TEST(held_back_bytes(reading(0, 30 * kMegabyte, free), resident, 0) == 70 * kMegabyte);
  BOOST_TEST(held_back_bytes(reading(0, 0, free), resident, 30 * kMegabyte) == 70 * kMegabyte);
}

BOOST_AUTO_TEST_CASE(held_back_is_never_negative_and_never_overflows) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  BOOST_TEST(held_back_bytes(reading(200 * kMegabyte, 0, 300 * kMegabyte), 100 * kMegabyte, 0) == 0);
  BOOST_TEST(held_back_bytes(reading(kMost, kMost, kMost), kMost, kMost) == 0);
  BOOST_TEST(held_back_bytes(reading(0, 0, kMost), kMost, 0) == kMost);
  BOOST_TEST(held_back_bytes(reading(0, 0, 300), -5, 0) == 0);
  BOOST_TEST(held_back_bytes(reading(-5, -5, 300), 200, -5) == 200);
}

BOOST_AUTO_TEST_CASE(held_back_is_zero_when_malloc_does_not_tell) {
  AllocatorReading unknown = reading(0, 0, 300 * kMegabyte);
  unknown.known = false;
  BOOST_TEST(held_back_bytes(unknown, 300 * kMegabyte, 0) == 0);
}

#ifdef WARDEN_OTHER_MALLOC

BOOST_AUTO_TEST_CASE(sanitizers_malloc_is_not_taken_for_glibcs) {
  BOOST_TEST(std::string(warden::allocator_name()) == "other");
  BOOST_TEST(!warden::read_allocator().known);
  BOOST_TEST(!warden::trim_allocator());
}

#else

BOOST_AUTO_TEST_CASE(glibcs_malloc_is_recognised) {
  BOOST_TEST(std::string(warden::allocator_name()) == "glibc");
}

BOOST_AUTO_TEST_CASE(reading_follows_what_is_allocated_and_freed) {
  constexpr std::size_t kBlocks = 2000;
  constexpr std::size_t kBlockBytes = 10000;  // below the mmap threshold
  constexpr auto kTotal = static_cast<std::int64_t>(kBlocks * kBlockBytes);
  const AllocatorReading before = warden::read_allocator();
  BOOST_REQUIRE(before.known);
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) blocks.push_back(std::malloc(kBlockBytes));
  void* const volatile fence =
      std::malloc(kBlockBytes);  // keeps free itself from giving the top of the heap back
  const AllocatorReading during = warden::read_allocator();
  BOOST_TEST(during.in_use_bytes - before.in_use_bytes >= kTotal);
  for (void* block : blocks) std::free(block);
  const AllocatorReading after = warden::read_allocator();
  BOOST_TEST(during.in_use_bytes - after.in_use_bytes >= kTotal * 9 / 10);
  BOOST_TEST(after.free_bytes >= kTotal * 9 / 10);
  std::free(fence);
}

BOOST_AUTO_TEST_CASE(large_blocks_are_counted_as_mapped) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;  // above the largest mmap threshold, 32 MiB
  const AllocatorReading before = warden::read_allocator();
  void* const volatile block = std::malloc(kBytes);
  BOOST_TEST(warden::read_allocator().mapped_bytes - before.mapped_bytes >=
             static_cast<std::int64_t>(kBytes));
  std::free(block);
}

BOOST_AUTO_TEST_CASE(trimming_returns_resident_memory_and_held_back_falls_with_it) {
  constexpr std::size_t kBlocks = 1000;
  constexpr std::size_t kBlockBytes = 64 * 1024;
  constexpr auto kTotal = static_cast<std::int64_t>(kBlocks * kBlockBytes);
  const warden::Sampler sampler{warden::Files()};
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::malloc(kBlockBytes));
    std::memset(blocks.back(), 1, kBlockBytes);
  }
  void* const volatile fence =
      std::malloc(kBlockBytes);  // keeps free itself from giving the top of the heap back
  for (void* block : blocks) std::free(block);
  const std::int64_t resident_before = sampler.read_process().rss_anonymous_bytes.value();
  const std::int64_t held_before = held_back_bytes(warden::read_allocator(), resident_before, 0);
  BOOST_TEST(held_before >= kTotal * 8 / 10);
  BOOST_TEST(warden::trim_allocator());
  const std::int64_t resident_after = sampler.read_process().rss_anonymous_bytes.value();
  BOOST_TEST(resident_before - resident_after >= kTotal * 8 / 10);
  // malloc still counts the pages as free; the bound by resident memory is what makes the number fall.
  BOOST_TEST(warden::read_allocator().free_bytes >= kTotal * 8 / 10);
  BOOST_TEST(held_before - held_back_bytes(warden::read_allocator(), resident_after, 0) >= kTotal * 8 / 10);
  std::free(fence);
}

#endif

BOOST_AUTO_TEST_SUITE_END()
