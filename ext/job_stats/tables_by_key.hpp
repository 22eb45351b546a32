// Hash tables of a pass over jobs: by text, by number, and sets of pairs. All memory is SQLite's, so that its limits see
// and bound it; entries never move, so that growing costs an index of 4 bytes a slot and no copy of what is counted.
//
// One thread. Every insertion may throw std::bad_alloc, and then nothing has changed.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "memory.hpp"

namespace warden::jobs {

/// Mixes 64 bits (the finaliser of MurmurHash3).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdU;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53U;
  return x ^ x >> 33;
}

/// Of bytes, eight at a time. Not for keys whose author wants collisions: those cost time, never a wrong number.
inline std::uint64_t hash_of(std::string_view bytes) noexcept {
  const auto word_at = [](const char* at, auto word) {
    std::memcpy(&word, at, sizeof(word));
    return std::uint64_t{word};
  };
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t hash = left;
  for (; left > 8; at += 8, left -= 8) hash = mix(hash ^ word_at(at, std::uint64_t{}));
  // The last ones, by loads of fixed sizes: they may read bytes twice.
  std::uint64_t last = 0;
  if (bytes.size() >= 8) {
    last = word_at(at + left - 8, std::uint64_t{});
  } else if (left >= 4) {
    last = word_at(at, std::uint32_t{}) | word_at(at + left - 4, std::uint32_t{}) << 32;
  } else if (left > 0) {
    const auto byte = [&](std::size_t i) { return word_at(at + i, std::uint8_t{}); };
    last = byte(0) | byte(left / 2) << 8 | byte(left - 1) << 16;
  }
  return mix(hash ^ last ^ 0x9e3779b97f4a7c15U);
}

/// Bytes that stay where they are until the whole goes.
class Arena {
 public:
  explicit Arena(const vtab::Api* api) : api_(api) {}
  ~Arena() {
    for (Block* block = last_; block != nullptr;) {
      Block* before = block->before;
      api_->free(block);
      block = before;
    }
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// `size` bytes, aligned to 8.
  void* take(std::size_t size) {
    size = (size + 7) & ~std::size_t{7};
    if (size > left_) {
      // A few large blocks rather than many small ones, but little while there is little to hold.
      const std::size_t wanted = size > next_block_ ? size : next_block_;
      auto* block = static_cast<Block*>(api_->malloc64(sizeof(Block) + wanted));
      if (block == nullptr) throw std::bad_alloc();
      block->before = last_;
      last_ = block;
      at_ = reinterpret_cast<char*>(block + 1);
      left_ = wanted;
      if (next_block_ < kLargestBlock) next_block_ *= 2;
    }
    void* taken = at_;
    at_ += size;
    left_ -= size;
    return taken;
  }
  std::string_view keep(std::string_view bytes) {
    if (bytes.empty()) return {"", 0};
    auto* kept = static_cast<char*>(take(bytes.size()));
    std::memcpy(kept, bytes.data(), bytes.size());
    return {kept, bytes.size()};
  }

 private:
  struct Block {
    Block* before;
  };
  static constexpr std::size_t kLargestBlock = 64 * 1024;
  const vtab::Api* api_;
  Block* last_ = nullptr;
  char* at_ = nullptr;
  std::size_t left_ = 0;
  std::size_t next_block_ = 1024;
};

/// Slots of open addressing, in parts that grow one by one: so no insertion takes long, however much there is, and an
/// interrupt is not kept waiting. 0 = free.
template <class Slot>
class Slots {
 public:
  explicit Slots(const vtab::Api* api) : parts_(vtab::Allocator<Part>(api)) {}

  /// The slot that is the `same`, or a free one, or null: then there is none.
  template <class Same>
  const Slot* find(std::uint64_t hash, Same&& same) {
    if (parts_.empty()) return nullptr;
    vtab::vector<Slot>& slots = part_of(hash).slots;
    if (slots.empty()) return nullptr;
    const std::size_t mask = slots.size() - 1;
    std::size_t i = hash & mask;
    while (slots[i] != 0 && !same(slots[i])) i = (i + 1) & mask;
    return &slots[i];
  }
  /// The slot must not be there yet; `hash_of_slot` is that of one that is.
  template <class HashOf>
  void add(std::uint64_t hash, Slot slot, HashOf&& hash_of_slot) {
    if (parts_.empty()) {
      const auto memory = parts_.get_allocator();
      parts_.resize(kParts, Part{vtab::vector<Slot>(vtab::Allocator<Slot>(memory)), 0});
    }
    Part& part = part_of(hash);
    if ((part.used + 1) * 4 > part.slots.size() * 3) grow(part, hash_of_slot);
    place(part.slots, hash, slot);
    ++part.used;
  }

 private:
  struct Part {
    vtab::vector<Slot> slots;
    std::size_t used;
  };
  static constexpr int kPartBits = 6;
  static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
  Part& part_of(std::uint64_t hash) noexcept { return parts_[hash >> (64 - kPartBits)]; }
  static void place(vtab::vector<Slot>& slots, std::uint64_t hash, Slot slot) noexcept {
    const std::size_t mask = slots.size() - 1;
    std::size_t i = hash & mask;
    while (slots[i] != 0) i = (i + 1) & mask;
    slots[i] = slot;
  }
  template <class HashOf>
  static void grow(Part& part, HashOf&& hash_of_slot) {
    vtab::vector<Slot> larger(part.slots.empty() ? 8 : part.slots.size() * 2, 0, part.slots.get_allocator());
    for (const Slot slot : part.slots) {
      if (slot != 0) place(larger, hash_of_slot(slot), slot);
    }
    part.slots.swap(larger);
  }

  vtab::vector<Part> parts_;
};

/// Entries that are kept elsewhere, by their hash: `Entry` needs key_hash() and is found by `same(entry)`.
template <class Entry>
class Index {
 public:
  explicit Index(const vtab::Api* api) : slots_(api), entries_(vtab::Allocator<Entry*>(api)) {}

  template <class Same>
  Entry* find(std::uint64_t hash, Same&& same) {
    const std::uint32_t* number = slots_.find(hash, [&](std::uint32_t n) { return same(*entries_[n - 1]); });
    return number == nullptr || *number == 0 ? nullptr : entries_[*number - 1];
  }
  /// The key must not be there yet.
  void add(std::uint64_t hash, Entry* entry) {
    entries_.push_back(entry);
    try {
      slots_.add(hash, static_cast<std::uint32_t>(entries_.size()),
                 [&](std::uint32_t number) { return entries_[number - 1]->key_hash(); });
    } catch (...) {
      entries_.pop_back();
      throw;
    }
  }
  /// All entries, in the order of insertion.
  const vtab::vector<Entry*>& entries() const noexcept { return entries_; }

 private:
  Slots<std::uint32_t> slots_;  // the number of the entry, from 1
  vtab::vector<Entry*> entries_;
};

/// Text to Value. A Value begins as Value{}.
template <class Value>
class ByText {
 public:
  struct Entry {
    std::string_view key;
    std::uint32_t number;  // in the order of insertion, from 0
    Value value;
    std::uint64_t key_hash() const noexcept { return hash_of(key); }
  };

  explicit ByText(const vtab::Api* api) : arena_(api), index_(api) {}

  Entry& at(std::string_view key) {
    // Jobs come in runs of one user, one project: an index brings them so.
    if (last_ != nullptr && last_->key == key) return *last_;
    const std::uint64_t hash = hash_of(key);
    Entry* entry = index_.find(hash, [&](const Entry& e) { return e.key == key; });
    if (entry == nullptr) {
      const std::string_view kept = arena_.keep(key);
      entry = ::new (arena_.take(sizeof(Entry)))
          Entry{kept, static_cast<std::uint32_t>(index_.entries().size()), Value{}};
      index_.add(hash, entry);
    }
    return *(last_ = entry);
  }
  std::size_t size() const noexcept { return index_.entries().size(); }
  const vtab::vector<Entry*>& entries() const noexcept { return index_.entries(); }
  Arena& arena() noexcept { return arena_; }

 private:
  Arena arena_;
  Index<Entry> index_;
  Entry* last_ = nullptr;
};

/// How often each number was seen.
class Counts {
 public:
  struct Entry {
    std::int64_t number;
    std::int64_t count;
    std::uint64_t key_hash() const noexcept { return mix(static_cast<std::uint64_t>(number)); }
  };

  explicit Counts(const vtab::Api* api) : arena_(api), index_(api) {}

  void add(std::int64_t number, std::int64_t times = 1) {
    if (last_ == nullptr || last_->number != number) {
      const std::uint64_t hash = mix(static_cast<std::uint64_t>(number));
      Entry* entry = index_.find(hash, [&](const Entry& e) { return e.number == number; });
      if (entry == nullptr) {
        entry = ::new (arena_.take(sizeof(Entry))) Entry{number, 0};
        index_.add(hash, entry);
      }
      last_ = entry;
    }
    last_->count += times;
  }
  const vtab::vector<Entry*>& entries() const noexcept { return index_.entries(); }

 private:
  Arena arena_;
  Index<Entry> index_;
  Entry* last_ = nullptr;
};

/// A set of pairs of numbers below 2^32: which user was seen in which group.
class PairSet {
 public:
  explicit PairSet(const vtab::Api* api) : slots_(api) {}

  /// True if the pair is new.
  bool add(std::uint32_t first, std::uint32_t second) {
    const std::uint64_t pair = (std::uint64_t{first} << 32 | second) + 1;  // 0 = free
    const std::uint64_t hash = mix(pair);
    const std::uint64_t* found = slots_.find(hash, [&](std::uint64_t other) { return other == pair; });
    if (found != nullptr && *found == pair) return false;
    slots_.add(hash, pair, [](std::uint64_t other) { return mix(other); });
    return true;
  }

 private:
  Slots<std::uint64_t> slots_;
};

}  // namespace warden::jobs
