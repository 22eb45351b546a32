#include "faulty_vfs.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <stdexcept>

namespace warden::test {
namespace {

Fault planned{Call::read, SQLITE_OK, ""};
std::int64_t planned_place = 0;
bool planned_lasting = false;
std::array<std::atomic<std::int64_t>, kCalls> counted{};
std::atomic<std::int64_t> failed{0};

/// Counts a call; true where it is to fail.
bool fails(Call call) noexcept {
  const std::int64_t nth = ++counted[static_cast<std::size_t>(call)];
  if (planned_place == 0 || planned.call != call) return false;
  if (nth != planned_place && !(planned_lasting && nth > planned_place)) return false;
  ++failed;
  return true;
}

/// A file of the shim; the real one lies behind it in memory.
struct File : sqlite3_file {
  sqlite3_file* real;
  bool is_database;
};
sqlite3_file* real(sqlite3_file* file) { return static_cast<File*>(file)->real; }
sqlite3_vfs* real(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
  // Short reads and garbage are for what SQLite checks: pages of tables, not its temporary files and logs.
  const bool is_checked = planned.code != SQLITE_OK && planned.code != SQLITE_IOERR_SHORT_READ;
  if ((!is_checked && !static_cast<File*>(file)->is_database) || !fails(Call::read))
    return real(file)->pMethods->xRead(real(file), to, size, offset);
  if (planned.garbage) {
    std::memset(to, 0xa5, static_cast<std::size_t>(size));
    return SQLITE_OK;
  }
  if (planned.code == SQLITE_IOERR_SHORT_READ) std::memset(to, 0, static_cast<std::size_t>(size));
  return planned.code;
}
int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
  return fails(Call::write) ? planned.code : real(file)->pMethods->xWrite(real(file), from, size, offset);
}
int sync(sqlite3_file* file, int flags) {
  return fails(Call::sync) ? planned.code : real(file)->pMethods->xSync(real(file), flags);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return fails(Call::truncate) ? planned.code : real(file)->pMethods->xTruncate(real(file), size);
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return fails(Call::file_size) ? planned.code : real(file)->pMethods->xFileSize(real(file), size);
}
int lock(sqlite3_file* file, int level) {
  return fails(Call::lock) ? planned.code : real(file)->pMethods->xLock(real(file), level);
}
int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** mapped) {
  return fails(Call::shm_map) ? planned.code
                              : real(file)->pMethods->xShmMap(real(file), region, size, extend, mapped);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return (flags & SQLITE_SHM_UNLOCK) == 0 && fails(Call::shm_lock)
             ? planned.code
             : real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

const sqlite3_io_methods* methods() {
  static const sqlite3_io_methods all = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;  // no memory-mapped reads, which nobody could fail
    m.xClose = [](sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); };
    m.xRead = &read;
    m.xWrite = &write;
    m.xTruncate = &truncate;
    m.xSync = &sync;
    m.xFileSize = &file_size;
    m.xLock = &lock;
    m.xUnlock = [](sqlite3_file* file, int level) {
      return real(file)->pMethods->xUnlock(real(file), level);
    };
    m.xCheckReservedLock = [](sqlite3_file* file, int* is) {
      return real(file)->pMethods->xCheckReservedLock(real(file), is);
    };
    m.xFileControl = [](sqlite3_file* file, int what, void* with) {
      return real(file)->pMethods->xFileControl(real(file), what, with);
    };
    m.xSectorSize = [](sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); };
    m.xDeviceCharacteristics = [](sqlite3_file* file) {
      return real(file)->pMethods->xDeviceCharacteristics(real(file));
    };
    m.xShmMap = &shm_map;
    m.xShmLock = &shm_lock;
    m.xShmBarrier = [](sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); };
    m.xShmUnmap = [](sqlite3_file* file, int remove) {
      return real(file)->pMethods->xShmUnmap(real(file), remove);
    };
    return m;
  }();
  return &all;
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* got) {
  auto* made = static_cast<File*>(file);
  made->pMethods = nullptr;
  if (fails(Call::open)) return planned.code;
  made->real = reinterpret_cast<sqlite3_file*>(made + 1);
  made->real->pMethods = nullptr;
  made->is_database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  const int rc = real(vfs)->xOpen(real(vfs), name, made->real, flags, got);
  if (made->real->pMethods != nullptr) made->pMethods = methods();
  return rc;
}

}  // namespace

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> all{{Call::read, SQLITE_IOERR_READ, "read"},
                                      {Call::read, SQLITE_IOERR_SHORT_READ, "short read"},
                                      {Call::read, SQLITE_OK, "garbage read", true},
                                      {Call::write, SQLITE_IOERR_WRITE, "write"},
                                      {Call::write, SQLITE_FULL, "write to a full disk"},
                                      {Call::sync, SQLITE_IOERR_FSYNC, "sync"},
                                      {Call::truncate, SQLITE_IOERR_TRUNCATE, "truncate"},
                                      {Call::open, SQLITE_CANTOPEN, "open"},
                                      {Call::lock, SQLITE_IOERR_LOCK, "lock"},
                                      {Call::lock, SQLITE_BUSY, "lock that is held"},
                                      {Call::access, SQLITE_IOERR_ACCESS, "access"},
                                      {Call::file_size, SQLITE_IOERR_FSTAT, "file size"},
                                      {Call::shm_map, SQLITE_IOERR_SHMMAP, "shared memory"},
                                      {Call::shm_lock, SQLITE_BUSY, "lock of shared memory that is held"},
                                      {Call::shm_lock, SQLITE_IOERR_SHMLOCK, "lock of shared memory"},
                                      {Call::remove, SQLITE_IOERR_DELETE, "delete"}};
  return all;
}

const char* faulty_vfs() {
  static sqlite3_vfs shim = [] {
    sqlite3_vfs* const under = sqlite3_vfs_find(nullptr);
    sqlite3_vfs v = *under;
    v.iVersion = 1;
    v.szOsFile = static_cast<int>(sizeof(File)) + under->szOsFile;
    v.pNext = nullptr;
    v.zName = "faulty";
    v.pAppData = under;
    v.xOpen = &open;
    v.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync_directory) {
      return fails(Call::remove) ? planned.code : real(vfs)->xDelete(real(vfs), name, sync_directory);
    };
    v.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* result) {
      return fails(Call::access) ? planned.code : real(vfs)->xAccess(real(vfs), name, flags, result);
    };
    v.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
      return real(vfs)->xFullPathname(real(vfs), name, size, out);
    };
    return v;
  }();
  if (sqlite3_vfs_register(&shim, 0) != SQLITE_OK) throw std::runtime_error("the faulty VFS is refused");
  return shim.zName;
}

void plan_fault(const Fault& fault, std::int64_t place, bool lasting) {
  planned = fault;
  planned_place = place;
  planned_lasting = lasting;
  failed = 0;
  for (auto& count : counted) count = 0;
}

std::int64_t cancel_fault() {
  planned_place = 0;
  return failed;
}

std::int64_t calls_counted(Call call) { return counted[static_cast<std::size_t>(call)]; }

}  // namespace warden::test
