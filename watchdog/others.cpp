#include "others.hpp"

#include <dlfcn.h>
#include <link.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "lock_order.hpp"

extern "C" {
extern warden::Mark warden_mark __attribute__((visibility("hidden")));  // mark.cpp
}

namespace warden {
namespace {

constexpr std::string_view kName{"sqlite-warden", sizeof("sqlite-warden")};  // with its zero

using Watches = bool (*)(const void*) noexcept;
constexpr std::size_t kMost = 8;

/// The marks of others, as of so many images loaded and unloaded: connections open more often than those. Used with the dynamic
/// linker's lock in hand, which it holds while it tells of images; atomic for who can't know that.
struct Known {
  std::atomic<unsigned long long> loads{~0ULL};
  std::atomic<unsigned long long> unloads{~0ULL};
  std::atomic<std::size_t> count{0};
  std::array<std::atomic<const Mark*>, kMost> marks{};
};
constinit Known known;

/// One look: whom to ask.
struct Look {
  bool began = false;
  std::array<Watches, kMost> whom{};
  std::size_t count = 0;

  void add(const Mark& mark) noexcept {
    // One that looks after nothing has nothing to say, and may be unloaded.
    if (const Watches watches = mark.watches.load(std::memory_order_acquire)) whom[count++] = watches;
  }
};

void take(const char* content, Look& look) noexcept {
  std::int32_t distance = 0;
  std::memcpy(&distance, content, sizeof(distance));
  const auto* mark = reinterpret_cast<const Mark*>(content + distance);
  const std::size_t count = known.count.load(std::memory_order_relaxed);
  if (mark == &warden_mark || count == kMost) return;
  known.marks[count].store(mark, std::memory_order_relaxed);
  known.count.store(count + 1, std::memory_order_relaxed);
  look.add(*mark);
}

/// Looks through the notes of a segment.
void look_through(const char* at, std::size_t left, std::size_t alignment, Look& look) noexcept {
  const auto padded = [&](std::size_t bytes) { return (bytes + alignment - 1) & ~(alignment - 1); };
  ElfW(Nhdr) head;
  while (left >= sizeof(head)) {
    std::memcpy(&head, at, sizeof(head));
    const std::size_t content = padded(sizeof(head) + head.n_namesz);
    if (content > left || head.n_descsz > left - content) return;
    if (head.n_type == 1 && head.n_descsz == sizeof(std::int32_t) && head.n_namesz == kName.size() &&
        std::string_view(at + sizeof(head), kName.size()) == kName) {
      take(at + content, look);
    }
    const std::size_t whole = padded(content + head.n_descsz);
    if (whole >= left) return;
    at += whole;
    left -= whole;
  }
}

/// Another than 0 ends the telling.
int look_at(dl_phdr_info* image, std::size_t, void* self) noexcept {
  Look& look = *static_cast<Look*>(self);
  if (!look.began) {
    look.began = true;
    const unsigned long long loads = known.loads.exchange(image->dlpi_adds, std::memory_order_relaxed);
    const unsigned long long unloads = known.unloads.exchange(image->dlpi_subs, std::memory_order_relaxed);
    if (loads == image->dlpi_adds && unloads == image->dlpi_subs) {
      for (std::size_t i = 0; i < known.count.load(std::memory_order_relaxed); ++i)
        look.add(*known.marks[i].load(std::memory_order_relaxed));
      return 1;
    }
    known.count.store(0, std::memory_order_relaxed);
  }
  for (int i = 0; i < image->dlpi_phnum; ++i) {
    const auto& segment = image->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    look_through(reinterpret_cast<const char*>(image->dlpi_addr + segment.p_vaddr), segment.p_memsz,
                 segment.p_align == 8 ? 8 : 4, look);
  }
  return 0;
}

}  // namespace

bool others_watch(const void* handle) noexcept {
  lock_order::holds_none("the dynamic linker");
  Look look;
  ::dl_iterate_phdr(&look_at, &look);
  // Asked only now: what they wait for shall not be waited for with the dynamic linker's lock in hand.
  for (std::size_t i = 0; i < look.count; ++i) {
    if (look.whom[i](handle)) return true;
  }
  return false;
}

void be_known(bool (*watches)(const void* handle) noexcept) noexcept {
  Dl_info image{};
  // The program itself is not found by its name, and needs no keeping.
  if (::dladdr(&warden_mark, &image) != 0 && image.dli_fname != nullptr)
    ::dlopen(image.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  warden_mark.watches.store(watches, std::memory_order_release);
}

}  // namespace warden
