// What the tests of the policy share: settings in round numbers, and connections in a line.
#pragma once

#include <cstdint>

#include "../../watchdog/policy.hpp"

namespace warden::test {

inline constexpr std::int64_t kMiB = std::int64_t{1} << 20;
inline constexpr std::int64_t kCrumb = 64 * 1024;
inline constexpr std::int64_t kNever = 1'000'000'000;

inline Settings standard_settings() {
  SettingsStore store;
  store.set("memory_budget", "1000MiB");
  store.set("release_above", "750MiB");
  store.set("release_to", "500MiB");
  store.set("idle_keep", "100MiB");
  store.set("trim_above", "32MiB");
  return store.resolve(0);
}

inline ConnectionReading idle(std::int64_t id, std::int64_t mib, std::int64_t idle_ms) {
  return {id, mib * kMiB, idle_ms, kNever, false, false, true, false};
}

inline ConnectionReading busy(std::int64_t id, std::int64_t mib, std::int64_t asked_ago_ms = kNever) {
  return {id, mib * kMiB, 0, asked_ago_ms, true, false, true, false};
}

}  // namespace warden::test
