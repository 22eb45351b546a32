#include "allocations.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sqlite3.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WARDEN_SANITIZED 1
#else
#define WARDEN_SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace warden::test {
namespace {

thread_local int armed = 0;

FailurePlan plan;
std::atomic<std::int64_t> counted{0};
std::atomic<std::int64_t> failed{0};
std::atomic<std::int64_t> blocks_of_sqlite{0};

/// Counts an allocation of `heap`; true where it is to fail.
bool fails(Heap heap) noexcept {
  if (armed == 0 || plan.heap != heap) return false;
  const std::int64_t nth = ++counted;
  const bool is_one = plan.every > 0   ? nth % plan.every == 0
                      : plan.first > 0 ? nth == plan.first || (plan.lasting && nth > plan.first) ||
                                             (plan.second > 0 && nth == plan.first + plan.second)
                                       : false;
  if (is_one) ++failed;
  return is_one;
}

sqlite3_mem_methods plain{};

void* sqlite_malloc(int size) {
  void* made = fails(Heap::sqlite) ? nullptr : plain.xMalloc(size);
  if (made != nullptr) ++blocks_of_sqlite;
  return made;
}
void* sqlite_realloc(void* old, int size) {
  return fails(Heap::sqlite) ? nullptr : plain.xRealloc(old, size);  // SQLite never asks with NULL, nor for 0
}
void sqlite_free(void* memory) {
  if (memory != nullptr) --blocks_of_sqlite;
  plain.xFree(memory);
}

}  // namespace

Armed::Armed() { ++armed; }
Armed::~Armed() { --armed; }

void plan_failure(const FailurePlan& wanted) {
  plan = wanted;
  counted = 0;
  failed = 0;
}

std::int64_t cancel_failure() {
  plan.first = plan.every = 0;
  return failed;
}

std::int64_t allocations_counted() { return counted; }
std::int64_t sqlite_blocks() { return blocks_of_sqlite; }

bool no_leak_is_found() {
#if defined(__SANITIZE_ADDRESS__)
  return __lsan_do_recoverable_leak_check() == 0;
#else
  return true;
#endif
}

// ---- what warden.so allocates

namespace {

#if !WARDEN_SANITIZED

std::uintptr_t code_begin = 0;
std::uintptr_t code_end = 0;

/// True where the call came from warden.so.
bool is_of_warden(const void* caller) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(caller);
  return at >= code_begin && at < code_end;
}

/// The blocks that warden.so has: a hash table of addresses, which allocates nothing.
class Blocks {
 public:
  void add(void* block) noexcept {
    const Held held(lock_);
    std::size_t i = place(block);
    while (table_[i] != nullptr) i = (i + 1) % kSize;
    table_[i] = block;
    ++count_;
  }
  void forget(void* block) noexcept {
    if (count_ == 0) return;
    const Held held(lock_);
    std::size_t i = place(block);
    while (table_[i] != nullptr && table_[i] != block) i = (i + 1) % kSize;
    if (table_[i] == nullptr) return;
    --count_;
    // What lies behind moves up, so that it is found without this one.
    for (std::size_t next = (i + 1) % kSize; table_[next] != nullptr; next = (next + 1) % kSize) {
      const std::size_t wanted = place(table_[next]);
      if ((next + kSize - wanted) % kSize < (next + kSize - i) % kSize) continue;
      table_[i] = table_[next];
      i = next;
    }
    table_[i] = nullptr;
  }
  std::int64_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t kSize = std::size_t{1} << 16;
  static std::size_t place(const void* block) noexcept {
    return (reinterpret_cast<std::uintptr_t>(block) >> 4) * 0x9e3779b97f4a7c15U >> 48;
  }
  struct Held {
    explicit Held(std::atomic_flag& flag) noexcept : flag_(flag) {
      while (flag_.test_and_set(std::memory_order_acquire)) {
      }
    }
    ~Held() { flag_.clear(std::memory_order_release); }
    std::atomic_flag& flag_;
  };
  std::atomic_flag lock_;
  void* table_[kSize] = {};
  std::atomic<std::int64_t> count_{0};
};
constinit Blocks blocks_of_warden;

void find_code_of_warden() {
  void* const library = ::dlopen(WARDEN_SO, RTLD_NOW);  // it stays loaded, whatever closes it
  if (library == nullptr) throw std::runtime_error(::dlerror());
  link_map* map = nullptr;
  ::dlinfo(library, RTLD_DI_LINKMAP, &map);
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* wanted) {
        if (info->dlpi_addr != static_cast<link_map*>(wanted)->l_addr) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
          const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
          if (code_begin == 0 || begin < code_begin) code_begin = begin;
          if (begin + part.p_memsz > code_end) code_end = begin + part.p_memsz;
        }
        return 1;
      },
      map);
  if (code_begin == 0) throw std::runtime_error("the code of warden.so was not found");
}

#else

void find_code_of_warden() {}

#endif

}  // namespace

#if WARDEN_SANITIZED
std::int64_t warden_blocks() { return 0; }
#else
std::int64_t warden_blocks() { return blocks_of_warden.count(); }
#endif

void make_allocations_fail_on_demand() {
  find_code_of_warden();
  sqlite3_reset_auto_extension();
  sqlite3_shutdown();
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain);
  sqlite3_mem_methods failing = plain;
  failing.xMalloc = &sqlite_malloc;
  failing.xRealloc = &sqlite_realloc;
  failing.xFree = &sqlite_free;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK)
    throw std::runtime_error("sqlite3_config failed");
  sqlite3_initialize();
}

}  // namespace warden::test

#if !WARDEN_SANITIZED

using warden::test::blocks_of_warden;
using warden::test::fails;
using warden::test::Heap;
using warden::test::is_of_warden;

extern "C" {

void* __libc_malloc(std::size_t size) noexcept;
void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
void* __libc_realloc(void* old, std::size_t size) noexcept;
void __libc_free(void* memory) noexcept;

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  if (!is_of_warden(__builtin_return_address(0))) return __libc_malloc(size);
  void* made = fails(Heap::warden) ? nullptr : __libc_malloc(size);
  if (made != nullptr) blocks_of_warden.add(made);
  return made;
}

__attribute__((visibility("default"))) void* calloc(std::size_t count, std::size_t size) {
  if (!is_of_warden(__builtin_return_address(0))) return __libc_calloc(count, size);
  void* made = fails(Heap::warden) ? nullptr : __libc_calloc(count, size);
  if (made != nullptr) blocks_of_warden.add(made);
  return made;
}

__attribute__((visibility("default"))) void* realloc(void* old, std::size_t size) {
  if (!is_of_warden(__builtin_return_address(0))) return __libc_realloc(old, size);
  if (fails(Heap::warden)) return nullptr;
  void* made = __libc_realloc(old, size);
  if (made != nullptr) {
    if (old != nullptr) blocks_of_warden.forget(old);
    blocks_of_warden.add(made);
  }
  return made;
}

__attribute__((visibility("default"))) void free(void* memory) {
  if (memory != nullptr) blocks_of_warden.forget(memory);
  __libc_free(memory);
}

}  // extern "C"

#else

namespace {

void* make(std::size_t size, std::size_t alignment, bool throws) {
  void* made = nullptr;
  if (!warden::test::fails(warden::test::Heap::warden)) {
    made = alignment <= alignof(std::max_align_t)
               ? std::malloc(size)
               : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  }
  if (made == nullptr && throws) throw std::bad_alloc();
  return made;
}

}  // namespace

#define WARDEN_EXPORT __attribute__((visibility("default")))
WARDEN_EXPORT void* operator new(std::size_t size) { return make(size, 1, true); }
WARDEN_EXPORT void* operator new[](std::size_t size) { return make(size, 1, true); }
WARDEN_EXPORT void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return make(size, 1, false);
}
WARDEN_EXPORT void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return make(size, 1, false);
}
WARDEN_EXPORT void* operator new(std::size_t size, std::align_val_t alignment) {
  return make(size, static_cast<std::size_t>(alignment), true);
}
WARDEN_EXPORT void* operator new[](std::size_t size, std::align_val_t alignment) {
  return make(size, static_cast<std::size_t>(alignment), true);
}
WARDEN_EXPORT void operator delete(void* memory) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete[](void* memory) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
WARDEN_EXPORT void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
WARDEN_EXPORT void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

#endif
