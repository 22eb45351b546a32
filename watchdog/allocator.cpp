#include "allocator.hpp"

#include <dlfcn.h>
#include <link.h>
#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <limits>

// Only for a static program, in which no name is known to the dynamic linker: there they are what it was linked with, or NULL.
#pragma weak malloc_trim
#pragma weak mallinfo2

namespace warden {
namespace {

/// jemalloc's MALLCTL_ARENAS_ALL, fixed since 5.0 (jemalloc_macros.h).
constexpr const char* kJemallocPurge = "arena.4096.purge";

struct Allocator {
  const char* name = "other";
  struct mallinfo2 (*info)() = nullptr;
  int (*glibc_trim)(std::size_t) = nullptr;
  int (*jemalloc_control)(const char*, void*, std::size_t*, void*, std::size_t) = nullptr;
  void (*mimalloc_collect)(bool) = nullptr;
  void (*tcmalloc_release)() = nullptr;
};

/// The image that holds `symbol`, or nullptr.
link_map* image_of(void* symbol) noexcept {
  Dl_info info{};
  void* image = nullptr;
  return symbol != nullptr && ::dladdr1(symbol, &info, &image, RTLD_DL_LINKMAP) != 0
             ? static_cast<link_map*>(image)
             : nullptr;
}

/// Finds `name`, and keeps it only if it is in `image`.
template <class Function>
Function find_in(const link_map* image, const char* name) noexcept {
  if (image == nullptr) return nullptr;
  // Among its own symbols first: the whole process's may begin with a stub (see image_of_malloc).
  void* const loaded = ::dlopen(image->l_name, RTLD_LAZY | RTLD_NOLOAD);
  if (loaded == nullptr) return nullptr;
  void* const symbol = ::dlsym(loaded, name);
  ::dlclose(loaded);  // it was loaded before, and stays
  return image_of(symbol) == image ? reinterpret_cast<Function>(symbol) : nullptr;
}

/// A program linked to fixed addresses that takes the address of malloc, as Debian's Python does, has a stub of its own that
/// stands for it everywhere. The one that it leads to is the first in the order of loading.
const link_map* image_of_malloc() noexcept {
  void* const symbol = ::dlsym(RTLD_DEFAULT, "malloc");
  const link_map* image = image_of(symbol);
  Dl_info info{};
  void* entry = nullptr;
  if (image == nullptr || ::dladdr1(symbol, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr ||
      static_cast<const ElfW(Sym)*>(entry)->st_shndx != SHN_UNDEF) {
    return image;
  }
  do {
    image = image->l_next;
  } while (image != nullptr && find_in<void*>(image, "malloc") == nullptr);
  return image;
}

Allocator find_allocator() noexcept {
  Allocator found;
  const link_map* const image = image_of_malloc();
  if (image == nullptr) {
    found.glibc_trim = &::malloc_trim;
    found.info = &::mallinfo2;
    if (found.glibc_trim != nullptr) found.name = "glibc";
    return found;
  }
  found.glibc_trim = find_in<decltype(found.glibc_trim)>(image, "malloc_trim");
  found.jemalloc_control = find_in<decltype(found.jemalloc_control)>(image, "mallctl");
  found.mimalloc_collect = find_in<decltype(found.mimalloc_collect)>(image, "mi_collect");
  found.tcmalloc_release =
      find_in<decltype(found.tcmalloc_release)>(image, "MallocExtension_ReleaseFreeMemory");
  // The foreign ones first: some bring a malloc_trim of their own that does nothing.
  if (found.jemalloc_control != nullptr) {
    found.name = "jemalloc";
  } else if (found.mimalloc_collect != nullptr) {
    found.name = "mimalloc";
  } else if (found.tcmalloc_release != nullptr) {
    found.name = "tcmalloc";
  } else if (found.glibc_trim != nullptr) {
    found.name = "glibc";
    found.info =
        find_in<decltype(found.info)>(image, "mallinfo2");  // glibc 2.33; before it the numbers are 32 bits
  }
  return found;
}

/// Looked up once. Trivially destructible, so it outlives every thread.
const Allocator& allocator() noexcept {
  static const Allocator found = find_allocator();
  return found;
}

std::int64_t to_signed(std::size_t bytes) noexcept {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(bytes, kMost));
}

}  // namespace

const char* allocator_name() noexcept { return allocator().name; }

AllocatorReading read_allocator() noexcept {
  if (allocator().info == nullptr) return {};
  const struct mallinfo2 info = allocator().info();
  return {true, to_signed(info.uordblks), to_signed(info.hblkhd), to_signed(info.fordblks)};
}

bool trim_allocator() noexcept {
  const Allocator& found = allocator();
  if (found.jemalloc_control != nullptr)
    return found.jemalloc_control(kJemallocPurge, nullptr, nullptr, nullptr, 0) == 0;
  if (found.mimalloc_collect != nullptr) return found.mimalloc_collect(true), true;
  if (found.tcmalloc_release != nullptr) return found.tcmalloc_release(), true;
  return found.glibc_trim != nullptr && found.glibc_trim(0) != 0;
}

std::int64_t held_back_bytes(const AllocatorReading& reading, std::int64_t rss_anonymous_bytes,
                             std::int64_t baseline_bytes) noexcept {
  if (!reading.known) return 0;
  // Subtracted one by one and cut at 0 each time: no sum of large numbers can overflow.
  std::int64_t unexplained = std::max<std::int64_t>(rss_anonymous_bytes, 0);
  for (const std::int64_t explained : {reading.in_use_bytes, reading.mapped_bytes, baseline_bytes}) {
    unexplained = std::max<std::int64_t>(unexplained - std::max<std::int64_t>(explained, 0), 0);
  }
  return std::max<std::int64_t>(std::min(reading.free_bytes, unexplained), 0);
}

}  // namespace warden
