// Memory from the host's SQLite, so that what a SQL statement makes us hold is counted by sqlite3_memory_used and
// bounded by its heap limits like the rest.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "sqlite_api.hpp"

namespace warden::vtab {

/// A standard allocator over sqlite3_malloc64. Throws std::bad_alloc where SQLite returns NULL (its hard heap limit
/// included). As thread-safe as the copy of SQLite is. Containers that use it must go before that copy is unmapped.
template <class T>
struct Allocator {
  using value_type = T;

  explicit Allocator(const Api* routines) noexcept : api(routines) {}
  template <class U>
  Allocator(const Allocator<U>& other) noexcept : api(other.api) {}

  T* allocate(std::size_t count) {
    static_assert(alignof(T) <= 8, "SQLite's allocator promises 8-byte alignment");
    if (count > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_array_new_length();
    void* memory = api->malloc64(count * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) noexcept { api->free(memory); }

  template <class U>
  bool operator==(const Allocator<U>& other) const noexcept {
    return api == other.api;
  }

  const Api* api;
};

template <class T>
using vector = std::vector<T, Allocator<T>>;
using string = std::basic_string<char, std::char_traits<char>, Allocator<char>>;

/// Constructs a T in memory from SQLite; throws std::bad_alloc, or what T's constructor throws, with nothing leaked.
template <class T, class... Args>
T* make(const Api* api, Args&&... args) {
  static_assert(alignof(T) <= 8, "SQLite's allocator promises 8-byte alignment");
  void* memory = api->malloc64(sizeof(T));
  if (memory == nullptr) throw std::bad_alloc();
  try {
    return ::new (memory) T(std::forward<Args>(args)...);
  } catch (...) {
    api->free(memory);
    throw;
  }
}

/// Ends what make() began. NULL is allowed.
template <class T>
void unmake(const Api* api, T* object) noexcept {
  if (object == nullptr) return;
  object->~T();
  api->free(object);
}

template <class T>
struct Unmake {
  const Api* api;
  void operator()(T* object) const noexcept { unmake(api, object); }
};
/// Owns what make() constructed.
template <class T>
using owned = std::unique_ptr<T, Unmake<T>>;

template <class T, class... Args>
owned<T> make_owned(const Api* api, Args&&... args) {
  return owned<T>(make<T>(api, std::forward<Args>(args)...), Unmake<T>{api});
}

}  // namespace warden::vtab
