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

struct Marks {
  std::array<const Mark*, 8> found;
  std::size_t count = 0;
};

void take(const char* content, Marks& marks) noexcept {
  std::int32_t distance = 0;
  std::memcpy(&distance, content, sizeof(distance));
  const auto* mark = reinterpret_cast<const Mark*>(content + distance);
  // One that looks after nothing has nothing to say, and may be unloaded.
  if (mark == &warden_mark || mark->watches.load(std::memory_order_acquire) == nullptr) return;
  if (marks.count < marks.found.size()) marks.found[marks.count++] = mark;
}

/// Looks through the notes of a segment.
void look_through(const char* at, std::size_t left, std::size_t alignment, Marks& marks) noexcept {
  const auto padded = [&](std::size_t bytes) { return (bytes + alignment - 1) & ~(alignment - 1); };
  ElfW(Nhdr) head;
  while (left >= sizeof(head)) {
    std::memcpy(&head, at, sizeof(head));
    const std::size_t content = padded(sizeof(head) + head.n_namesz);
    if (content > left || head.n_descsz > left - content) return;
    if (head.n_type == 1 && head.n_descsz == sizeof(std::int32_t) && head.n_namesz == kName.size() &&
        std::string_view(at + sizeof(head), kName.size()) == kName) {
      take(at + content, marks);
    }
    const std::size_t whole = padded(content + head.n_descsz);
    if (whole >= left) return;
    at += whole;
    left -= whole;
  }
}

int look_at(dl_phdr_info* image, std::size_t, void* marks) noexcept {
  for (int i = 0; i < image->dlpi_phnum; ++i) {
    const auto& segment = image->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    look_through(reinterpret_cast<const char*>(image->dlpi_addr + segment.p_vaddr), segment.p_memsz,
                 segment.p_align == 8 ? 8 : 4, *static_cast<Marks*>(marks));
  }
  return 0;
}

}  // namespace

bool others_watch(const void* handle) noexcept {
  lock_order::holds_none("the dynamic linker");
  Marks marks;
  ::dl_iterate_phdr(&look_at, &marks);
  // Asked only now: what they wait for shall not be waited for with the dynamic linker's lock in hand.
  for (std::size_t i = 0; i < marks.count; ++i) {
    if (marks.found[i]->watches.load(std::memory_order_acquire)(handle)) return true;
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
