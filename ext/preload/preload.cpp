// libwarden_preload.so: warden for programs that can't load extensions.
//
//   LD_PRELOAD=/usr/local/lib/sqlite3/libwarden_preload.so WARDEN_MEMORY_BUDGET=256MB php service.php
//
// It stands in front of sqlite3_open, sqlite3_open_v2 and sqlite3_open16. Each call goes on to the function that it would have
// reached, and before that warden.so, which lies beside this file, is registered with sqlite3_auto_extension of the same copy
// of SQLite. At the first open and no sooner: registering initialises SQLite, and what a host says with sqlite3_config must
// come before that; an open would initialise it next. And at each open, since sqlite3_shutdown and
// sqlite3_reset_auto_extension forget.
//
// It is in every program that is started with the variable set, so there is nothing that runs before a call comes: no
// constructor, no state but three addresses, no library but the C library. Where warden.so can't be loaded the program goes on without,
// and the error log of SQLite (SQLITE_CONFIG_LOG) says why.
//
// What is reached is what the dynamic linker binds by name. Not copies of SQLite that a program or a module has within itself,
// and not who asks dlsym() for the address; nor do weak references to sqlite3_open tell any more whether there is an SQLite.
//
// Who loads a module with RTLD_DEEPBIND, as PHP does, has it bound past everything that is preloaded. So dlopen() is stood in
// front of too: where that flag is given, what the module calls for an open is afterwards turned to us. All other calls of
// dlopen() are passed on by a jump, as if we were not there: the dynamic linker looks at who called, for its RUNPATH.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

struct sqlite3;

namespace {

constexpr int kOk = 0;        // SQLITE_OK
constexpr int kError = 1;     // SQLITE_ERROR
constexpr int kWarning = 28;  // SQLITE_WARNING

using Entry = void (*)();
using Open = int (*)(const char*, sqlite3**);
using OpenV2 = int (*)(const char*, sqlite3**, int, const char*);
using Open16 = int (*)(const void*, sqlite3**);

/// Whose libraries are asked first for a name: everybody's, or (RTLD_DEEPBIND) those of the module that calls.
enum class Order { program_first, module_first };

/// Keeps errno as the host had it.
class SavedErrno {
 public:
  SavedErrno() noexcept : saved_(errno) {}
  ~SavedErrno() { errno = saved_; }
  SavedErrno(const SavedErrno&) = delete;
  SavedErrno& operator=(const SavedErrno&) = delete;

 private:
  int saved_;
};

/// The object that `address` lies in and those that it was linked with, asked for a name.
void* find_from(const void* address, const char* name) noexcept {
  Dl_info object{};
  if (::dladdr(address, &object) == 0 || object.dli_fname == nullptr) return nullptr;
  void* handle = ::dlopen(object.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* found = ::dlsym(handle, name);
  ::dlclose(handle);  // whoever lies there keeps it
  return found;
}

bool in_same_object(const void* one, const void* other) noexcept {
  Dl_info a{};
  Dl_info b{};
  return ::dladdr(one, &a) != 0 && ::dladdr(other, &b) != 0 && a.dli_fbase == b.dli_fbase;
}

/// What `name` would have been to the caller without us; NULL where there is no SQLite.
void* next_of(const char* name, const void* caller, Order order) noexcept {
  void* found = order == Order::program_first ? ::dlsym(RTLD_NEXT, name) : nullptr;
  if (found == nullptr) found = find_from(caller, name);
  // A module that relies on its program's libraries: not found from it alone.
  if (found == nullptr || in_same_object(found, reinterpret_cast<const void*>(&next_of)))
    found = ::dlsym(RTLD_NEXT, name);
  if (found != nullptr) return found;
  void* library = ::dlopen("libsqlite3.so.0", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  found = ::dlsym(library, name);
  ::dlclose(library);
  return found;
}

/// A function of the copy of SQLite that `open` belongs to; NULL where it keeps that to itself.
template <class Function>
Function in_copy_of(const void* open, const char* name) noexcept {
  void* found = find_from(open, name);
  // The program itself is found by no name of a file.
  if (found == nullptr) found = ::dlsym(RTLD_DEFAULT, name);
  return found != nullptr && in_same_object(found, open) ? reinterpret_cast<Function>(found) : nullptr;
}

std::atomic<Entry> warden{nullptr};

/// The entry of warden.so, which lies beside this file; NULL, and in `why` the reason.
Entry find_warden(const char** why) noexcept {
  if (const Entry known = warden.load(std::memory_order_acquire)) return known;
  Dl_info self{};
  char path[4096];
  *why = "its path is unknown or too long";
  if (::dladdr(reinterpret_cast<const void*>(&find_warden), &self) == 0 || self.dli_fname == nullptr)
    return nullptr;
  const char* slash = std::strrchr(self.dli_fname, '/');
  const std::size_t directory = slash == nullptr ? 0 : static_cast<std::size_t>(slash - self.dli_fname) + 1;
  static constexpr char kName[] = "warden.so";
  if (slash == nullptr || directory + sizeof(kName) > sizeof(path)) return nullptr;
  std::memcpy(path, self.dli_fname, directory);
  std::memcpy(path + directory, kName, sizeof(kName));
  void* image = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const auto entry =
      image == nullptr ? nullptr : reinterpret_cast<Entry>(::dlsym(image, "sqlite3_warden_auto_init"));
  if (entry == nullptr) *why = ::dlerror();
  // The address lasts: warden.so stays loaded (-z nodelete).
  warden.store(entry, std::memory_order_release);
  return entry;
}

/// Sees to it that connections which this copy of SQLite opens from now on are looked after.
void register_warden(const void* open) noexcept {
  const auto auto_extension = in_copy_of<int (*)(Entry)>(open, "sqlite3_auto_extension");
  if (auto_extension == nullptr) return;
  const char* why = nullptr;
  if (const Entry entry = find_warden(&why)) {
    auto_extension(entry);  // for want of memory: the open will say so
  } else if (const auto log = in_copy_of<void (*)(int, const char*, ...)>(open, "sqlite3_log")) {
    log(kWarning, "warden is not loaded: %s", why == nullptr ? "it can't be told why" : why);
  }
}

/// The function in front of which `name` stands, for the caller at that address; registers warden with its copy of SQLite.
template <class Function>
Function enter(const char* name, const void* caller, Order order) noexcept {
  const SavedErrno saved;
  void* next = next_of(name, caller, order);
  if (next != nullptr) register_warden(next);
  ::dlerror();  // what was asked for in vain is not the host's to hear of
  return reinterpret_cast<Function>(next);
}

/// Where there is no SQLite: what a host may do with the answer is what it may do with any failed open.
int no_sqlite(sqlite3** db) noexcept {
  if (db != nullptr) *db = nullptr;
  return kError;
}

int open_through(const void* caller, Order order, const char* file, sqlite3** db) noexcept {
  const auto next = enter<Open>("sqlite3_open", caller, order);
  return next == nullptr ? no_sqlite(db) : next(file, db);
}
int open_v2_through(const void* caller, Order order, const char* file, sqlite3** db, int flags,
                    const char* vfs) noexcept {
  const auto next = enter<OpenV2>("sqlite3_open_v2", caller, order);
  return next == nullptr ? no_sqlite(db) : next(file, db, flags, vfs);
}
int open16_through(const void* caller, Order order, const void* file, sqlite3** db) noexcept {
  const auto next = enter<Open16>("sqlite3_open16", caller, order);
  return next == nullptr ? no_sqlite(db) : next(file, db);
}

// ---- modules loaded with RTLD_DEEPBIND

int deep_open(const char* file, sqlite3** db) {
  return open_through(__builtin_return_address(0), Order::module_first, file, db);
}
int deep_open_v2(const char* file, sqlite3** db, int flags, const char* vfs) {
  return open_v2_through(__builtin_return_address(0), Order::module_first, file, db, flags, vfs);
}
int deep_open16(const void* file, sqlite3** db) {
  return open16_through(__builtin_return_address(0), Order::module_first, file, db);
}

/// What stands in front of the name in such a module; 0 for other names.
std::uintptr_t deep_stand_in(const char* name) noexcept {
  if (std::strcmp(name, "sqlite3_open") == 0) return reinterpret_cast<std::uintptr_t>(&deep_open);
  if (std::strcmp(name, "sqlite3_open_v2") == 0) return reinterpret_cast<std::uintptr_t>(&deep_open_v2);
  if (std::strcmp(name, "sqlite3_open16") == 0) return reinterpret_cast<std::uintptr_t>(&deep_open16);
  return 0;
}

/// Writes an address into a module's table, which the dynamic linker may have made read-only when it was done with it.
void write_slot(std::uintptr_t* slot, std::uintptr_t value, bool read_only) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  void* const begin = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(slot) & ~(page - 1));
  // Where that is forbidden the module stays as it is, and is not looked after.
  if (read_only && ::mprotect(begin, page, PROT_READ | PROT_WRITE) != 0) return;
  __atomic_store_n(slot, value, __ATOMIC_RELEASE);
  if (read_only) ::mprotect(begin, page, PROT_READ);
}

/// A module's own dynamic section, as far as it matters here.
struct Dynamic {
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const ElfW(Rela) * relocations[2] = {};
  std::size_t bytes[2] = {};
};

Dynamic read_dynamic(const ElfW(Dyn) * at) noexcept {
  // The dynamic linker has made addresses of these offsets.
  Dynamic found;
  for (; at->d_tag != DT_NULL; ++at) {
    const void* const pointer = reinterpret_cast<const void*>(at->d_un.d_ptr);
    switch (at->d_tag) {
      case DT_SYMTAB:
        found.symbols = static_cast<const ElfW(Sym)*>(pointer);
        break;
      case DT_STRTAB:
        found.names = static_cast<const char*>(pointer);
        break;
      case DT_RELA:
        found.relocations[0] = static_cast<const ElfW(Rela)*>(pointer);
        break;
      case DT_RELASZ:
        found.bytes[0] = at->d_un.d_val;
        break;
      case DT_JMPREL:
        found.relocations[1] = static_cast<const ElfW(Rela)*>(pointer);
        break;
      case DT_PLTRELSZ:
        found.bytes[1] = at->d_un.d_val;
        break;
      default:
        break;
    }
  }
  return found;
}

/// One address in the module that a name is bound to: what a call through its table, or a pointer, goes by.
bool is_binding(const ElfW(Rela) & relocation) noexcept {
#if defined(__x86_64__)
  const auto type = ELF64_R_TYPE(relocation.r_info);
  return relocation.r_addend == 0 &&
         (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64);
#elif defined(__aarch64__)
  const auto type = ELF64_R_TYPE(relocation.r_info);
  return relocation.r_addend == 0 &&
         (type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT || type == R_AARCH64_ABS64);
#else
  (void)relocation;
  return false;  // another machine: such modules are not reached
#endif
}

/// Finds the pages of a module that are read-only since it was bound.
struct ReadOnly {
  std::uintptr_t base;
  std::uintptr_t begin;
  std::uintptr_t end;
};
int find_read_only(dl_phdr_info* object, std::size_t, void* wanted) {
  auto& found = *static_cast<ReadOnly*>(wanted);
  if (object->dlpi_addr != found.base) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& header = object->dlpi_phdr[i];
    if (header.p_type != PT_GNU_RELRO) continue;
    found.begin = object->dlpi_addr + header.p_vaddr;
    found.end = found.begin + header.p_memsz;
  }
  return 1;
}

/// Turns what the module calls for an open to us.
void turn(void* module) noexcept {
  const link_map* map = nullptr;
  if (::dlinfo(module, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr || map->l_ld == nullptr) return;
  const Dynamic dynamic = read_dynamic(map->l_ld);
  if (dynamic.symbols == nullptr || dynamic.names == nullptr) return;
  ReadOnly bound{map->l_addr, 0, 0};
  ::dl_iterate_phdr(&find_read_only, &bound);
  for (int table = 0; table < 2; ++table) {
    const ElfW(Rela)* at = dynamic.relocations[table];
    if (at == nullptr) continue;
    for (const ElfW(Rela)* const end = at + dynamic.bytes[table] / sizeof(*at); at != end; ++at) {
      if (!is_binding(*at)) continue;
      const ElfW(Sym)& symbol = dynamic.symbols[ELF64_R_SYM(at->r_info)];
      if (symbol.st_shndx != SHN_UNDEF) continue;  // SQLite is in the module itself
      const std::uintptr_t stand_in = deep_stand_in(dynamic.names + symbol.st_name);
      if (stand_in == 0) continue;
      const std::uintptr_t slot = map->l_addr + at->r_offset;
      write_slot(reinterpret_cast<std::uintptr_t*>(slot), stand_in, bound.begin <= slot && slot < bound.end);
    }
  }
}

using Dlopen = void* (*)(const char*, int);
std::atomic<Dlopen> next_dlopen{nullptr};

Dlopen find_next_dlopen() noexcept {
  const SavedErrno saved;
  const auto found = reinterpret_cast<Dlopen>(::dlsym(RTLD_NEXT, "dlopen"));
  next_dlopen.store(found, std::memory_order_relaxed);
  return found;
}

__attribute__((noinline)) void* load_deep(Dlopen next, const char* file, int mode) {
  void* module = next(file, mode);
  if (module != nullptr) {
    const SavedErrno saved;
    turn(module);
  }
  return module;
}

/// Who calls does not matter to the dynamic linker for such a path: it is no name to be looked for, and not told in terms
/// of the caller's own place ($ORIGIN).
bool is_plain_path(const char* file) noexcept {
  return std::strchr(file, '/') != nullptr && std::strchr(file, '$') == nullptr;
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int sqlite3_open(const char* file, sqlite3** db) {
  return open_through(__builtin_return_address(0), Order::program_first, file, db);
}
__attribute__((visibility("default"))) int sqlite3_open_v2(const char* file, sqlite3** db, int flags,
                                                           const char* vfs) {
  return open_v2_through(__builtin_return_address(0), Order::program_first, file, db, flags, vfs);
}
__attribute__((visibility("default"))) int sqlite3_open16(const void* file, sqlite3** db) {
  return open16_through(__builtin_return_address(0), Order::program_first, file, db);
}

__attribute__((visibility("default"))) void* dlopen(const char* file, int mode) noexcept {
  Dlopen next = next_dlopen.load(std::memory_order_relaxed);
  if (next == nullptr) next = find_next_dlopen();
  if ((mode & RTLD_DEEPBIND) != 0 && file != nullptr && is_plain_path(file))
    return load_deep(next, file, mode);
  return next(file, mode);  // compiled to a jump (-foptimize-sibling-calls): see above
}
}
