#include "group_sums.hpp"

#include <memory>

#include "bytes.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WARDEN_AVX2 __attribute__((target("avx2")))
#endif

namespace warden::columns {
namespace {

/// A megabyte of lines, which a processor's second cache has room for.
constexpr std::size_t kMostGroups = 1 << 14;
constexpr std::size_t kLine = 64;

// A line has four sums of 64 bits, of seconds and of seconds times nodes, cores, accs; behind them four of 32 bits: how many
// jobs, in the upper half how many short ones, then nodes, cores, accs. What 32 or 16 bits can't hold is flushed before.
constexpr std::size_t kCounts = 32;
constexpr std::size_t kMostRowsAtOnce = 63 * kBlock;
constexpr std::uint32_t kShort = 1U << 16;

#ifdef WARDEN_AVX2
WARDEN_AVX2 void add_rows(std::byte* lines, const Numbers& groups, const BlockOfJobs& jobs) noexcept {
  const __m128i one = _mm_set1_epi32(1);
  const __m128i is_short = _mm_set1_epi32(static_cast<int>(kShort));
  const __m128i limit = _mm_set1_epi32(jobs.short_limit);
  const __m128i without_short = _mm_set_epi32(-1, -1, -1, static_cast<int>(kShort - 1));
  for (std::size_t i = 0; i < kBlock; i += 4) {
    const auto* const at_seconds = reinterpret_cast<const __m128i*>(jobs.seconds.data() + i);
    const auto* const at_nodes = reinterpret_cast<const __m128i*>(jobs.nodes.data() + i);
    const auto* const at_cores = reinterpret_cast<const __m128i*>(jobs.cores.data() + i);
    const auto* const at_accs = reinterpret_cast<const __m128i*>(jobs.accs.data() + i);
    const __m128i below = _mm_cmpgt_epi32(limit, _mm_loadu_si128(at_seconds));
    const __m128i count = _mm_or_si128(one, _mm_and_si128(below, is_short));
    const __m128i nodes = _mm_loadu_si128(at_nodes);
    const __m128i cores = _mm_loadu_si128(at_cores);
    const __m128i accs = _mm_loadu_si128(at_accs);
    // Four jobs of four numbers each.
    const __m128i low = _mm_unpacklo_epi32(count, nodes);
    const __m128i high = _mm_unpackhi_epi32(count, nodes);
    const __m128i low_rest = _mm_unpacklo_epi32(cores, accs);
    const __m128i high_rest = _mm_unpackhi_epi32(cores, accs);
    const __m128i rows[4] = {_mm_unpacklo_epi64(low, low_rest), _mm_unpackhi_epi64(low, low_rest),
                             _mm_unpacklo_epi64(high, high_rest), _mm_unpackhi_epi64(high, high_rest)};
    for (std::size_t row = 0; row < 4; ++row) {
      std::byte* const line = lines + static_cast<std::size_t>(groups[i + row]) * kLine;
      auto* const products = reinterpret_cast<__m256i*>(line);
      auto* const counts = reinterpret_cast<__m128i*>(line + kCounts);
      const __m256i weights = _mm256_cvtepu32_epi64(_mm_and_si128(rows[row], without_short));
      const __m256i weighed = _mm256_mul_epu32(weights, _mm256_set1_epi64x(jobs.seconds[i + row]));
      _mm256_store_si256(products, _mm256_add_epi64(_mm256_load_si256(products), weighed));
      _mm_store_si128(counts, _mm_add_epi32(_mm_load_si128(counts), rows[row]));
    }
  }
}
#endif

/// What the nodes, cores or accs of a block come to at most.
std::uint64_t most_of(const BlockOfJobs& jobs) noexcept {
  return kBlock * static_cast<std::uint64_t>(jobs.most);
}

}  // namespace

bool GroupSums::can(std::size_t groups) noexcept {
#ifdef WARDEN_AVX2
  return groups <= kMostGroups && __builtin_cpu_supports("avx2");
#else
  static_cast<void>(groups);
  return false;
#endif
}

void GroupSums::begin(std::size_t groups) {
  groups_ = groups;
  memory_.assign((groups + 2) * kLine, std::byte{0});
  void* at = memory_.data();
  std::size_t room = memory_.size();
  lines_ = static_cast<std::byte*>(std::align(kLine, (groups + 1) * kLine, at, room));
}

bool GroupSums::can_add(const BlockOfJobs& jobs) const noexcept {
  // Numbers that come to 32 bits, each times at most so many seconds, come to less than 63.
  return jobs.most <= static_cast<std::int64_t>(UINT32_MAX / kBlock) &&
         jobs.most_seconds <= INT64_MAX / UINT32_MAX;
}

bool GroupSums::is_full(const BlockOfJobs& jobs) const noexcept {
  return most_summed_ + most_of(jobs) > UINT32_MAX || rows_ == kMostRowsAtOnce;
}

void GroupSums::add(const Numbers& groups, const BlockOfJobs& jobs, const Mask& mask) noexcept {
  most_summed_ += most_of(jobs);
  rows_ += kBlock;
#ifdef WARDEN_AVX2
  Numbers lines = groups;
  choose_else(mask, static_cast<std::int32_t>(groups_), lines);
  add_rows(lines_, lines, jobs);
#endif
}

Sums GroupSums::taken(std::size_t group) noexcept {
  std::byte* const line = lines_ + group * kLine;
  const auto product = [&](std::size_t i) { return load<std::int64_t>(line + i * sizeof(std::int64_t)); };
  const auto count = [&](std::size_t i) {
    return load<std::uint32_t>(line + kCounts + i * sizeof(std::uint32_t));
  };
  Sums sums;
  if (count(0) == 0) return sums;
  sums.jobs = count(0) % kShort;
  sums.short_jobs = count(0) / kShort;
  sums.nodes = count(1);
  sums.cores = count(2);
  sums.accs = count(3);
  sums.seconds = product(0);
  sums.node_seconds = product(1);
  sums.core_seconds = product(2);
  sums.acc_seconds = product(3);
  std::memset(line, 0, kLine);
  return sums;
}

}  // namespace warden::columns
