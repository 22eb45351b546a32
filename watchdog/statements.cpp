#include "statements.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <utility>

#include "sql_text.hpp"

namespace warden {
namespace {

/// Of a full store this share leaves at once, so that a workload of ever new shapes does not look for the least used
/// each time. PostgreSQL's pg_stat_statements does the same with 5 %.
constexpr std::size_t kLeavingDivisor = 20;

/// Texts of one shape that have a slot each in a connection.
constexpr int kSlotsOfOneShape = 4;

/// 64 bits over the bytes of a text. Not a fingerprint: it never leaves the process, and starts from an address, so that
/// nobody can prepare two texts that share it.
std::uint64_t hash_of(const char* text, std::size_t size) noexcept {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15ULL;  // 2^64 divided by the golden ratio
  static const char anchor = 0;
  std::uint64_t hash = (reinterpret_cast<std::uintptr_t>(&anchor) ^ size) * kMultiplier;
  const auto mix = [&](std::uint64_t word) {
    hash = (std::rotl(hash, 29) ^ word) * kMultiplier;
    hash ^= hash >> 32;
  };
  for (; size >= 8; text += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text, 8);
    mix(word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, text, size);
  mix(rest ^ kMultiplier);
  return hash;
}

template <class T>
T plain(const std::atomic<T>& value) noexcept {
  return value.load(std::memory_order_relaxed);
}

/// The share of a run. SQLite's counters are unsigned 32 bits and wrap; and a host may set them back to 0, then what they
/// show is all there is. No step takes less than a nanosecond, which tells the two apart.
std::int64_t share(std::int32_t before, std::int32_t after, std::int64_t elapsed_ns) noexcept {
  const auto was = static_cast<std::uint32_t>(before);
  const auto is = static_cast<std::uint32_t>(after);
  const std::uint32_t difference = is - was;
  return is >= was || difference <= elapsed_ns ? difference : is;
}

}  // namespace

void StatementTotals::add(const StatementTotals& other) noexcept {
  if (other.calls > 0) {
    min_ns = calls == 0 ? other.min_ns : std::min(min_ns, other.min_ns);
    first_ns = calls == 0 ? other.first_ns : std::min(first_ns, other.first_ns);
  }
  max_ns = std::max(max_ns, other.max_ns);
  last_ns = std::max(last_ns, other.last_ns);
  peak_bytes = std::max(peak_bytes, other.peak_bytes);
  calls += other.calls;
  errors += other.errors;
  cancels += other.cancels;
  total_ns += other.total_ns;
  squares_ns2 += other.squares_ns2;
  vm_steps += other.vm_steps;
  full_scan_steps += other.full_scan_steps;
  sorts += other.sorts;
  auto_indexes += other.auto_indexes;
  reprepares += other.reprepares;
}

// ---- the store

std::shared_ptr<Shape> StatementStore::shape_of(std::string_view sql) {
  const std::uint64_t fingerprint = fingerprint_sql(sql);
  {
    const std::lock_guard held(lock_);
    if (const auto known = shapes_.find(fingerprint); known != shapes_.end()) return known->second;
  }
  std::array<char, Shape::kSqlBytes> text;
  const auto made = std::make_shared<Shape>();
  made->fingerprint = fingerprint;
  made->sql.assign(text.data(), normalize_sql(sql, text, false));
  const std::lock_guard held(lock_);
  if (shapes_.size() >= most_) make_room(most_ - std::max<std::size_t>(1, most_ / kLeavingDivisor));
  return shapes_.emplace(fingerprint, made).first->second;
}

void StatementStore::add(const std::shared_ptr<Shape>& shape, const StatementTotals& totals,
                         std::uint32_t epoch) noexcept {
  const std::lock_guard held(lock_);
  if (epoch != this->epoch()) return;
  try {
    // It may have left meanwhile: then it comes back with all it had. (Or another slot has made it anew: into that.)
    if (shapes_.size() >= most_ && !shapes_.contains(shape->fingerprint)) {
      make_room(most_ - std::max<std::size_t>(1, most_ / kLeavingDivisor));
    }
    const auto [place, fresh] = shapes_.try_emplace(shape->fingerprint, shape);
    place->second->totals.add(totals);
    if (place->second != shape) place->second->totals.add(std::exchange(shape->totals, {}));
  } catch (const std::bad_alloc&) {
    ++left_;
  }
}

void StatementStore::make_room(std::size_t most) noexcept {
  if (shapes_.size() <= most) return;
  const std::size_t leaving = shapes_.size() - most;
  left_ += static_cast<std::int64_t>(leaving);
  try {
    using Rank = std::tuple<std::int64_t, std::int64_t, std::uint64_t>;  // calls, last, fingerprint
    std::vector<Rank> ranks;
    ranks.reserve(shapes_.size());
    for (const auto& [fingerprint, shape] : shapes_)
      ranks.emplace_back(shape->totals.calls, shape->totals.last_ns, fingerprint);
    std::nth_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(leaving) - 1, ranks.end());
    for (std::size_t i = 0; i < leaving; ++i) shapes_.erase(std::get<2>(ranks[i]));
  } catch (const std::bad_alloc&) {
    while (shapes_.size() > most) shapes_.erase(shapes_.begin());
  }
}

StatementTotals StatementStore::totals_of_left(const std::shared_ptr<Shape>& shape) const noexcept {
  const std::lock_guard held(lock_);
  const auto known = shapes_.find(shape->fingerprint);
  return known != shapes_.end() && known->second == shape ? StatementTotals{} : shape->totals;
}

void StatementStore::reset() noexcept {
  const std::lock_guard held(lock_);
  shapes_.clear();
  left_ = 0;
  epoch_.fetch_add(1, std::memory_order_relaxed);
}

void StatementStore::resize(std::size_t most) noexcept {
  const std::lock_guard held(lock_);
  most_ = std::max<std::size_t>(1, most);
  make_room(most_);
}

std::size_t StatementStore::size() const noexcept {
  const std::lock_guard held(lock_);
  return shapes_.size();
}

std::size_t StatementStore::most() const noexcept {
  const std::lock_guard held(lock_);
  return most_;
}

std::int64_t StatementStore::left() const noexcept {
  const std::lock_guard held(lock_);
  return left_;
}

// ---- the slots

StatementTotals StatementSlots::Slot::read() const noexcept {
  return {plain(calls),        plain(errors),      plain(cancels),    plain(total_ns),        plain(min_ns),
          plain(max_ns),       plain(squares_ns2), plain(vm_steps),   plain(full_scan_steps), plain(sorts),
          plain(auto_indexes), plain(reprepares),  plain(peak_bytes), plain(first_ns),        plain(last_ns)};
}

void StatementSlots::Slot::clear() noexcept {
  for (auto* sum : {&calls, &errors, &cancels, &total_ns, &min_ns, &max_ns, &vm_steps, &full_scan_steps,
                    &sorts, &auto_indexes, &reprepares, &first_ns, &last_ns}) {
    sum->store(0, std::memory_order_relaxed);
  }
  peak_bytes.store(-1, std::memory_order_relaxed);
  squares_ns2.store(0, std::memory_order_relaxed);
}

void StatementSlots::close() noexcept {
  const std::lock_guard held(lock_);
  for (const Key& key : keys_) give_up(*key.slot);
  keys_.clear();
  last_ = -1;
}

void StatementSlots::give_up(Slot& slot) noexcept {
  if (slot.shape != nullptr && slot.epoch == store_->epoch() && plain(slot.calls) > 0) {
    store_->add(slot.shape, slot.read(), slot.epoch);
  }
  slot.shape.reset();
  slot.clear();
}

int StatementSlots::find_other(const void* statement, const char* sql, std::int32_t runs) const noexcept {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].is(statement, sql, runs)) return static_cast<int>(i);
  }
  return -1;
}

int StatementSlots::free_slot() {
  if (keys_.size() < kSlots) {
    auto made = std::make_unique<Slot>();
    const std::lock_guard held(lock_);
    if (keys_.size() == keys_.capacity()) keys_.reserve(std::max<std::size_t>(1, keys_.size() * 2));
    keys_.emplace_back().slot = std::move(made);
    return static_cast<int>(keys_.size()) - 1;
  }
  const auto oldest = std::min_element(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) {
    return plain(a.slot->last_ns) < plain(b.slot->last_ns);
  });
  return static_cast<int>(oldest - keys_.begin());
}

int StatementSlots::find_or_make(const char* sql) {
  const std::size_t size = std::strlen(sql);
  const std::uint64_t hash = hash_of(sql, size);
  int free = -1;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].text_hash != hash || keys_[i].slot->shape == nullptr) continue;
    if (counts(static_cast<int>(i))) return static_cast<int>(i);
    free = static_cast<int>(i);  // of before a reset
  }
  // Read before: a shape of before a reset must not count after it.
  const std::uint32_t epoch = store_->epoch();
  std::shared_ptr<Shape> shape = store_->shape_of({sql, size});
  // A host that writes its values into its texts has ever new ones of one shape: these must not use up all slots.
  int same = 0;
  int oldest = -1;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].slot->shape != shape) continue;
    ++same;
    if (oldest < 0 ||
        plain(keys_[i].slot->last_ns) < plain(keys_[static_cast<std::size_t>(oldest)].slot->last_ns))
      oldest = static_cast<int>(i);
  }
  if (free < 0) free = same < kSlotsOfOneShape ? free_slot() : oldest;
  Key& key = keys_[static_cast<std::size_t>(free)];
  key.text_hash = hash;
  const std::lock_guard held(lock_);
  give_up(*key.slot);
  key.slot->epoch = epoch;
  key.slot->shape = std::move(shape);
  return free;
}

int StatementSlots::adopt(const void* statement, const char* sql, std::int32_t runs,
                          const StatementCounters& before) noexcept {
  try {
    const int at = find_or_make(sql);
    for (Key& other : keys_) {
      if (other.statement == statement)
        other.statement = nullptr;  // that one is gone: two can't have one address
    }
    Key& key = keys_[static_cast<std::size_t>(at)];
    key.statement = statement;
    key.sql = sql;
    key.runs = runs;
    key.after = before;
    key.quiet_steps = -1;
    return at;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

void StatementSlots::count_all(Key& key, std::int32_t steps, std::int64_t elapsed_ns,
                               const StatementCounters& after) noexcept {
  const StatementCounters before = key.after;
  Slot& slot = *key.slot;
  const auto count = [&](std::atomic<std::int64_t>& sum, std::int32_t StatementCounters::*counter) {
    if (after.*counter == before.*counter) return false;
    add_to(sum, share(before.*counter, after.*counter, elapsed_ns));
    return true;
  };
  count(slot.vm_steps, &StatementCounters::vm_steps);
  bool quiet = !count(slot.full_scan_steps, &StatementCounters::full_scan_steps);
  quiet = !count(slot.sorts, &StatementCounters::sorts) && quiet;
  quiet = !count(slot.auto_indexes, &StatementCounters::auto_indexes) && quiet;
  quiet = !count(slot.reprepares, &StatementCounters::reprepares) && quiet;
  key.after = after;
  key.quiet_steps = quiet ? steps : -1;
}

void StatementSlots::note(int slot, bool error, std::int64_t bytes) noexcept {
  if (slot < 0) return;
  Slot& noted = *keys_[static_cast<std::size_t>(slot)].slot;
  if (error) add_to(noted.errors, std::int64_t{1});
  if (bytes > plain(noted.peak_bytes)) noted.peak_bytes.store(bytes, std::memory_order_relaxed);
}

}  // namespace warden
