// The settings: their names, ranges and defaults, where each value came from, and what they come to in
// numbers.
//
// SettingsStore keeps texts ("25%", "auto", "2GiB") as the user wrote them, so that they can be shown and
// written back; resolve() turns them into the Settings that policy and relief work with, for the memory this
// process can have now.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lock_order.hpp"
#include "units.hpp"

namespace warden {

enum class TrimMode : std::uint8_t { automatic, always, never };
enum class Hooks : std::uint8_t { none, trace, trace_and_progress };
enum class ShowSql : std::uint8_t { none, normalized, full };
enum class TempStore : std::uint8_t { keep, standard, file, memory };

/// Numbers in force: what every rule judges by. A value; bytes, milliseconds, rows.
struct Settings {
  std::int64_t memory_budget_bytes = 0;
  std::int64_t soft_limit_bytes = 0;  // 0 = leave the host's alone
  std::int64_t hard_limit_bytes = 0;  // 0 = leave the host's alone
  std::int64_t release_above_bytes = 0;
  std::int64_t release_to_bytes = 0;  // never above release_above_bytes
  std::int64_t idle_grace_ms = 0;
  std::int64_t idle_keep_bytes = 0;
  std::int64_t idle_release_ms = 0;     // 0 = never
  std::int64_t cancel_above_bytes = 0;  // 0 = off
  std::int64_t cancel_after_ms = 0;
  std::int64_t statement_timeout_ms = 0;  // 0 = off
  std::int64_t transaction_idle_ms = 0;   // 0 = off
  std::int64_t statement_stats_max = 0;   // shapes
  std::int64_t trim_above_bytes = 0;
  std::int64_t trim_interval_ms = 0;
  std::int64_t sample_interval_ms = 0;  // 0 = adaptive
  std::int64_t history_rows = 0;
  std::int64_t event_rows = 0;
  std::optional<std::int64_t> cache_size_kib;  // empty = keep
  TrimMode trim = TrimMode::automatic;
  Hooks hooks = Hooks::trace;
  ShowSql show_sql = ShowSql::normalized;
  TempStore temp_store = TempStore::keep;
  bool statement_timeout_writes = false;
  bool statement_stats = true;
  bool pressure = true;
  bool dry_run = false;
  bool watchdog = true;
};

/// What a setting is made of. `least`/`most` bound numbers in the setting's unit.
struct SettingSpec {
  enum class Kind : std::uint8_t { quantity, bytes, milliseconds, rows, boolean, word };
  std::string_view name;
  Kind kind;
  std::string_view unit;           // "bytes", "ms", "rows" or "" (a word, a boolean)
  std::string_view default_value;  // as a user would write it
  std::string_view words;          // allowed words, separated by '|'; beside a number for some
  std::int64_t least;
  std::int64_t most;
  std::string_view scope;  // "process" or "connection"
  std::string_view description;
};

/// All settings, in the order they are shown. Static; position = identity.
std::span<const SettingSpec> setting_specs() noexcept;

/// Position of a setting; throws BadValue `unknown setting "x" (did you mean "y"?)`.
std::size_t setting_position(std::string_view name);

enum class SettingSource : std::uint8_t { standard, environment, sql, host };
/// 'default', 'environment', 'sql' or 'host' (the program, by a call of C).
std::string_view source_name(SettingSource source) noexcept;

/// A setting's value in force: a number in its unit, or a word.
using EffectiveValue = std::variant<std::int64_t, std::string_view>;

/// Texts of all settings. Thread-safe: every member may be called from any thread; a lock is held for copying
/// only.
class SettingsStore {
 public:
  SettingsStore();

  /// Takes WARDEN_<NAME> for every setting from `environment` ("NAME=value" strings, NULL-terminated). What
  /// is refused is kept as a sentence for warden_checks and changes nothing. Throws std::bad_alloc only.
  void read_environment(const char* const* environment);
  std::vector<std::string> refused_environment() const;

  /// Sets one setting from text; throws BadValue naming what is wrong and what would be right.
  void set(std::string_view name, std::string_view text, SettingSource source = SettingSource::sql);
  /// Back to the default (the environment's, if it gave one).
  void restore(std::string_view name);
  void restore_all();

  struct Entry {
    std::string text;
    SettingSource source;
  };
  Entry entry(std::size_t position) const;
  /// What entry() told before a change: undoes it, for which no memory is needed.
  void put_back(std::size_t position, Entry before) noexcept;

  /// The numbers for a process that can have `memory_limit_bytes` (0 = unknown: a share of it is then taken
  /// of 1 GiB). Never throws: what is stored was checked.
  Settings resolve(std::int64_t memory_limit_bytes) const noexcept;

  /// Grows with every change: who caches resolved numbers looks at it.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  Mutex& fork_lock() noexcept { return lock_; }

 private:
  void store(std::size_t position, std::string_view text, SettingSource source);

  mutable Mutex lock_{LockRank::settings};
  std::vector<Entry> entries_;
  std::vector<Entry> initial_;  // after the environment was read: what restore() goes back to
  std::vector<std::string> refused_;
  std::atomic<std::uint64_t> generation_{1};
};

/// The value in force of one setting, out of resolved numbers.
EffectiveValue effective_value(const Settings& settings, std::size_t position) noexcept;

/// What may be asked of the memory where nothing says how much there is.
inline constexpr std::int64_t kUnknownMemoryBytes = std::int64_t{1} << 30;

}  // namespace warden
