#include "host.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <utility>

#include "error.hpp"
#include "function.hpp"

namespace warden::ext {
namespace {

std::array<Host*, vtab::kSlots> hosts{};

/// From then on JSON is left out by SQLITE_OMIT_JSON; before it was put in by SQLITE_ENABLE_JSON1.
constexpr int kJsonIsBuiltIn = 3038000;

/// The host may unload its SQLite while our thread lives: PHP does at exit, node when a worker_thread ends. The path
/// may be relative to where the program started; then it is the main program, which is never unloaded. Returns the path, which
/// lives as long as the image.
const char* pin_image(const Api* api) noexcept {
  Dl_info image{};
  if (::dladdr(reinterpret_cast<const void*>(api->libversion), &image) == 0 || image.dli_fname == nullptr)
    return "";
  ::dlopen(image.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  return image.dli_fname;
}

/// A mutex of a build or configuration without threads is a small constant: 8 in the no-op implementation. With SQLITE_DEBUG
/// it is an object that only counts, too small to be a mutex: two ints, and two of the static ones lie that close together.
bool has_real_mutexes(const Api* api) noexcept {
  if (api->mutex_alloc == nullptr || api->mutex_try == nullptr || api->mutex_free == nullptr) return false;
  const auto address_of = [&](int id) { return reinterpret_cast<std::uintptr_t>(api->mutex_alloc(id)); };
  const std::uintptr_t one = address_of(SQLITE_MUTEX_STATIC_PRNG);
  const std::uintptr_t next = address_of(SQLITE_MUTEX_STATIC_LRU);
  return one > 4096 && (one < next ? next - one : one - next) > 2 * sizeof(int);
}

/// From the options, since a statement that tries it would be one of the host's connection, seen by its authorizer.
bool has_json(const Api* api, int version) noexcept {
  if (api->compileoption_used == nullptr) return version >= kJsonIsBuiltIn;
  return version >= kJsonIsBuiltIn ? api->compileoption_used("OMIT_JSON") == 0
                                   : api->compileoption_used("ENABLE_JSON1") != 0;
}

Capabilities measure(const Api* api) {
  Capabilities can;
  can.version_number = api->libversion_number();
  can.threadsafe = api->xthreadsafe();
  can.mutexes = has_real_mutexes(api);
  void* probe = api->malloc64(1024);
  if (probe == nullptr) throw std::bad_alloc();
  can.accounting = api->memory_used() > 0;
  api->free(probe);
  can.memory_management =
      api->compileoption_used != nullptr && api->compileoption_used("ENABLE_MEMORY_MANAGEMENT") != 0;
  can.trace = api->trace_v2 != nullptr;
  can.progress = api->progress_handler != nullptr;
  can.json = has_json(api, can.version_number);
  return can;
}

}  // namespace

Host& Host::of(const Api* api) {
  Warden& warden = Warden::instance();
  const std::lock_guard held(warden.engines_lock());
  for (Host* host : hosts) {
    if (host != nullptr && host->api_ == api) return *host;
  }
  if (const int version = api->libversion_number(); version < kOldestVersion) {
    throw vtab::error("warden: this is SQLite " + std::string(api->libversion()) +
                      ", and warden needs 3.31.0 or newer");
  }
  for (int slot = 0; slot < vtab::kSlots; ++slot) {
    if (hosts[static_cast<std::size_t>(slot)] != nullptr) continue;
    static_assert(vtab::kSlots <= Warden::kMostEngines, "each slot's copy is one that is looked after");
    Host* host = new Host(api, slot);
    warden.add_engine(host);
    vtab::slot_api[static_cast<std::size_t>(slot)] = api;
    hosts[static_cast<std::size_t>(slot)] = host;
    return *host;
  }
  throw vtab::error("warden: " + std::to_string(vtab::kSlots) +
                    " copies of SQLite in this process have loaded warden; it can't watch one more");
}

Host::Host(const Api* api, int slot) : api_(api), slot_(slot), image_(pin_image(api)), can_(measure(api)) {
  host_soft_ = api_->soft_heap_limit64(-1);
  host_hard_ = api_->hard_heap_limit64(-1);
}

std::optional<std::int64_t> Host::memory_used() noexcept {
  if (!can_.accounting || !can_.mutexes) return std::nullopt;
  return api_->memory_used();
}

std::optional<std::int64_t> Host::memory_peak() noexcept {
  if (!can_.accounting || !can_.mutexes) return std::nullopt;
  return api_->memory_highwater(0);
}

std::optional<std::int64_t> Host::soft_limit() noexcept {
  if (!can_.accounting || !can_.mutexes) return std::nullopt;
  return api_->soft_heap_limit64(-1);
}

std::optional<std::int64_t> Host::hard_limit() noexcept {
  if (!can_.accounting || !can_.mutexes) return std::nullopt;
  return api_->hard_heap_limit64(-1);
}

bool Host::apply_limits(std::int64_t soft_bytes, std::int64_t hard_bytes) noexcept {
  if (!can_.accounting || !can_.mutexes) return false;
  const std::lock_guard held(lock_);
  bool changed = false;

  // What the host says now is read before anything is set: setting the hard limit moves the soft one.
  const std::int64_t soft_now = api_->soft_heap_limit64(-1);
  if (soft_now != (our_soft_ < 0 ? host_soft_ : our_soft_))
    host_soft_ = soft_now;  // the host changed it since

  // The hard limit first: SQLite keeps the soft one at or below it.
  const std::int64_t hard_now = api_->hard_heap_limit64(-1);
  if (hard_now != (our_hard_ < 0 ? host_hard_ : our_hard_))
    host_hard_ = hard_now;  // the host changed it since
  std::int64_t hard_wanted = hard_bytes == 0 ? host_hard_ : hard_bytes;
  if (host_hard_ > 0) hard_wanted = std::min(hard_wanted, host_hard_);
  if (hard_wanted != hard_now) {
    api_->hard_heap_limit64(hard_wanted);
    changed = true;
  }
  our_hard_ = hard_wanted;

  std::int64_t soft_wanted = soft_bytes == 0 ? host_soft_ : soft_bytes;
  if (host_soft_ > 0) soft_wanted = std::min(soft_wanted, host_soft_);
  host_soft_stands_.store(host_soft_ > 0 && (soft_bytes == 0 || host_soft_ < soft_bytes),
                          std::memory_order_relaxed);
  if (hard_wanted > 0) soft_wanted = soft_wanted == 0 ? hard_wanted : std::min(soft_wanted, hard_wanted);
  if (soft_wanted != api_->soft_heap_limit64(-1)) api_->soft_heap_limit64(soft_wanted);
  changed = changed || soft_wanted != soft_now;
  our_soft_ = soft_wanted;
  return changed;
}

std::int64_t Host::note_file(const void* object, std::int64_t connection_id) noexcept {
  const std::lock_guard held(lock_);
  try {
    Opened& opened = files_[object];
    if (++opened.connections > 1) shares_caches_.store(true, std::memory_order_relaxed);
    return std::exchange(opened.last_id, connection_id);
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

void Host::forget_file(const void* object) noexcept {
  const std::lock_guard held(lock_);
  const auto found = files_.find(object);
  if (found != files_.end() && --found->second.connections == 0) files_.erase(found);
}

}  // namespace warden::ext
