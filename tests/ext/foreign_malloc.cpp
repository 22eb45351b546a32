// What jemalloc, mimalloc and tcmalloc are to who looks for them: a malloc of their own, and in the same image the function
// by which they are asked to give back. The memory is the C library's. Preloaded by test_foreign_malloc.cpp; each call is
// told on the standard error.
#include <unistd.h>

#include <cstddef>
#include <cstring>

extern "C" {

void* __libc_malloc(std::size_t bytes);

void* malloc(std::size_t bytes) { return __libc_malloc(bytes); }

static void tell(const char* called) {
  if (::write(STDERR_FILENO, called, std::strlen(called)) < 0) return;
}

#if defined(LIKE_JEMALLOC)
int mallctl(const char* name, void* old, std::size_t* old_size, void* now, std::size_t now_size) {
  tell("mallctl ");
  tell(name);
  const bool asks_nothing_else = old == nullptr && old_size == nullptr && now == nullptr && now_size == 0;
  tell(asks_nothing_else ? "\n" : " with something more\n");
  return 0;
}
#elif defined(LIKE_MIMALLOC)
void mi_collect(bool force) { tell(force ? "mi_collect by force\n" : "mi_collect\n"); }
#elif defined(LIKE_TCMALLOC)
void MallocExtension_ReleaseFreeMemory() { tell("MallocExtension_ReleaseFreeMemory\n"); }
#endif

#if !defined(LIKE_NONE)
// As some have one for programs that call it.
int malloc_trim(std::size_t) {
  tell("malloc_trim\n");
  return 0;
}
#endif

}  // extern "C"
