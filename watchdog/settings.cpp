#include "settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace warden {
namespace {

using Kind = SettingSpec::Kind;

constexpr std::int64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kDayMs = 86'400'000;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;
/// With less than this not even the statement that would take the limit back could be prepared.
constexpr std::int64_t kLeastHardLimitBytes = 8 * kMiB;

// Positions in kSpecs, for resolve() and effective_value().
enum Position : std::size_t {
  kMemoryBudget,
  kSoftHeapLimit,
  kHardHeapLimit,
  kReleaseAbove,
  kReleaseTo,
  kIdleGraceMs,
  kIdleKeep,
  kIdleReleaseMs,
  kCancelAbove,
  kCancelAfterMs,
  kCacheSize,
  kTempStore,
  kStatementTimeoutMs,
  kStatementTimeoutWrites,
  kTransactionIdleMs,
  kTrim,
  kTrimAbove,
  kTrimIntervalMs,
  kSampleIntervalMs,
  kPressure,
  kHooks,
  kStatementStats,
  kStatementStatsMax,
  kShowSql,
  kHistory,
  kEvents,
  kDryRun,
  kWatchdog,
  kCount
};

constexpr std::array<SettingSpec, kCount> kSpecs{{
    {"memory_budget", Kind::quantity, "bytes", "25%", "", kMiB, kMaxBytes, "process",
     "what SQLite may use in this process: a size, or a share of the memory this process can have (the "
     "smallest of physical RAM, every cgroup limit above it and ulimit -v)"},
    {"soft_heap_limit", Kind::quantity, "bytes", "auto", "auto", 0, kMaxBytes, "process",
     "sqlite3_soft_heap_limit64: auto = memory_budget, 0 = leave it alone; never raises a lower limit of the "
     "host"},
    {"hard_heap_limit", Kind::quantity, "bytes", "0", "", 0, kMaxBytes, "process",
     "sqlite3_hard_heap_limit64, the last backstop: allocations beyond it fail with SQLITE_NOMEM; 0 = off"},
    {"release_above", Kind::quantity, "bytes", "75%", "", 0, kMaxBytes, "process",
     "above this (a size, or a share of memory_budget) idle connections give their caches back"},
    {"release_to", Kind::quantity, "bytes", "50%", "", 0, kMaxBytes, "process",
     "until less than this is used (a size, or a share of memory_budget)"},
    {"idle_grace_ms", Kind::milliseconds, "ms", "1000", "", 0, kDayMs, "process",
     "a connection that has run nothing for this long counts as idle"},
    {"idle_keep", Kind::quantity, "bytes", "auto", "auto", 0, kMaxBytes, "process",
     "what idle connections may keep together before the largest is released; auto = memory_budget/16"},
    {"idle_release_ms", Kind::milliseconds, "ms", "60000", "", 0, 365 * kDayMs, "process",
     "a connection idle for this long is released whatever it holds; 0 = never"},
    {"cancel_above", Kind::quantity, "bytes", "0", "", 0, kMaxBytes, "process",
     "above this (a size, or a share of memory_budget) the statement that weighs most is cancelled once "
     "nothing else "
     "has helped for cancel_after_ms, readers before writers; 0 = off"},
    {"cancel_after_ms", Kind::milliseconds, "ms", "2000", "", 0, kDayMs, "process",
     "how long SQLite must be above cancel_above, and the grace after each cancellation"},
    {"cache_size", Kind::bytes, "bytes", "keep", "keep", 1024, (std::int64_t{1} << 31) * 1024 - 1024,
     "connection",
     "PRAGMA cache_size of each connection, applied when it opens and to open ones between statements; keep "
     "= theirs"},
    {"temp_store", Kind::word, "", "keep", "keep|default|file|memory", 0, 0, "connection",
     "PRAGMA temp_store of each connection, applied like cache_size, but not while it has a temporary table"},
    {"statement_timeout_ms", Kind::milliseconds, "ms", "0", "", 0, 365 * kDayMs, "process",
     "what each statement may take from its beginning, wall-clock; then it fails with SQLITE_INTERRUPT; 0 = "
     "no limit"},
    {"statement_timeout_writes", Kind::boolean, "", "0", "", 0, 1, "process",
     "statements that write have a deadline too: SQLite then rolls their transaction back"},
    {"transaction_idle_ms", Kind::milliseconds, "ms", "0", "", 0, 365 * kDayMs, "process",
     "a transaction left open for this long without a running statement becomes an event, once; 0 = never"},
    {"trim", Kind::word, "", "auto", "auto|always|never", 0, 0, "process",
     "give freed memory back to the operating system: auto = when the allocator holds back more than "
     "trim_above"},
    {"trim_above", Kind::bytes, "bytes", "32MB", "", 0, kMaxBytes, "process",
     "what the allocator may hold back before it is trimmed"},
    {"trim_interval_ms", Kind::milliseconds, "ms", "1000", "", 10, kDayMs, "process",
     "trim at most once in this time; after a statement was cancelled, in a quarter of it"},
    {"sample_interval_ms", Kind::milliseconds, "ms", "auto", "auto", 1, 60'000, "process",
     "time between two looks: auto = 50 to 1000, from headroom and growth"},
    {"pressure", Kind::boolean, "", "1", "", 0, 1, "process",
     "react to memory pressure as the kernel and $MEMORY_PRESSURE_WATCH tell it"},
    {"hooks", Kind::word, "", "trace", "none|trace|trace+progress", 0, 0, "connection",
     "what is taken on each connection when it opens: nothing, statement start and end, or also the progress "
     "handler"},
    {"statement_stats", Kind::boolean, "", "1", "", 0, 1, "process",
     "keep statistics per normalised statement"},
    {"statement_stats_max", Kind::rows, "rows", "1000", "", 10, 1'000'000, "process",
     "rows kept of warden_statements; the least used make room"},
    {"show_sql", Kind::word, "", "normalized", "normalized|full|none", 0, 0, "process",
     "statements in tables: literals shown as ?, in full, or not at all"},
    {"history", Kind::rows, "rows", "3600", "", 1, 1'000'000, "process", "rows kept of warden_samples"},
    {"events", Kind::rows, "rows", "1000", "", 1, 1'000'000, "process", "rows kept of warden_events"},
    {"dry_run", Kind::boolean, "", "0", "", 0, 1, "process", "decide and record, do not act"},
    {"watchdog", Kind::boolean, "", "1", "", 0, 1, "process", "the watchdog thread runs"},
}};

constexpr std::array<std::string_view, kCount> kNames = [] {
  std::array<std::string_view, kCount> names{};
  for (std::size_t i = 0; i < kCount; ++i) names[i] = kSpecs[i].name;
  return names;
}();

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

/// Index of `word` in a list separated by '|', or -1.
int word_index(std::string_view words, std::string_view word) {
  for (int index = 0; !words.empty(); ++index) {
    const std::string_view one = words.substr(0, words.find('|'));
    if (same_word(one, word)) return index;
    words.remove_prefix(std::min(words.size(), one.size() + 1));
  }
  return -1;
}

std::string listed(std::string_view words) {
  std::string list;
  while (!words.empty()) {
    const std::string_view one = words.substr(0, words.find('|'));
    words.remove_prefix(std::min(words.size(), one.size() + 1));
    if (!list.empty()) list += words.empty() ? " or " : ", ";
    list += '"' + std::string(one) + '"';
  }
  return list;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

[[noreturn]] void refuse(const SettingSpec& spec, std::string_view text, const std::string& wanted) {
  throw BadValue(std::string(spec.name) + " must be " + wanted + ", not " + quote_for_message(text));
}

std::string wanted_range(const SettingSpec& spec) {
  std::string wanted = spec.kind == Kind::milliseconds ? "a whole number of milliseconds" : "a whole number";
  wanted += " from " + std::to_string(spec.least) + " to " + std::to_string(spec.most);
  if (!spec.words.empty()) wanted += " or " + listed(spec.words);
  return wanted;
}

/// What a checked text means. Exactly one of the three counts, by kind and form of the text.
struct Meaning {
  int word = -1;
  Quantity quantity{};
  std::int64_t number = 0;
};

Meaning meaning_of(const SettingSpec& spec, std::string_view text) {
  Meaning m;
  if (!spec.words.empty() && (m.word = word_index(spec.words, text)) >= 0) return m;
  switch (spec.kind) {
    case Kind::word:
      refuse(spec, text, listed(spec.words));
    case Kind::boolean: {
      const bool on = word_index("1|on|true|yes", text) >= 0;
      if (!on && word_index("0|off|false|no", text) < 0) refuse(spec, text, "0 or 1");
      m.number = on;
      return m;
    }
    case Kind::milliseconds:
    case Kind::rows: {
      const auto number = whole_number(text);
      if (!number || *number < spec.least || *number > spec.most) refuse(spec, text, wanted_range(spec));
      m.number = *number;
      return m;
    }
    case Kind::bytes:
    case Kind::quantity: {
      try {
        m.quantity = spec.kind == Kind::quantity ? parse_quantity(text)
                                                 : Quantity{Quantity::Kind::bytes, parse_size(text), 0};
      } catch (const BadValue& e) {
        const std::string words = spec.words.empty() ? "" : " (" + listed(spec.words) + " is allowed too)";
        throw BadValue(std::string(spec.name) + ": " + e.what() + words);
      }
      if (m.quantity.kind == Quantity::Kind::bytes &&
          (m.quantity.bytes < spec.least || m.quantity.bytes > spec.most)) {
        refuse(spec, text,
               "a size from " + std::to_string(spec.least) + " to " + std::to_string(spec.most) + " bytes");
      }
      if (m.quantity.kind == Quantity::Kind::share && spec.least > 0 && m.quantity.share <= 0) {
        refuse(spec, text, "more than 0%");
      }
      return m;
    }
  }
  return m;
}

}  // namespace

std::span<const SettingSpec> setting_specs() noexcept { return kSpecs; }

std::size_t setting_position(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return static_cast<std::size_t>(found - kNames.begin());
  std::string message = "unknown setting " + quote_for_message(name);
  if (const std::string_view near = nearest_name(name, kNames); !near.empty()) {
    message += " (did you mean \"" + std::string(near) + "\"?)";
  } else {
    message += " (SELECT name FROM warden_settings lists them)";
  }
  throw BadValue(message);
}

std::string_view source_name(SettingSource source) noexcept {
  switch (source) {
    case SettingSource::environment:
      return "environment";
    case SettingSource::sql:
      return "sql";
    case SettingSource::host:
      return "host";
    default:
      return "default";
  }
}

SettingsStore::SettingsStore() {
  for (const SettingSpec& spec : kSpecs) {
    entries_.push_back({std::string(spec.default_value), SettingSource::standard});
  }
  initial_ = entries_;
}

void SettingsStore::store(std::size_t position, std::string_view text, SettingSource source) {
  const std::string_view value = trimmed(text);
  if (value.empty()) {
    throw BadValue(std::string(kSpecs[position].name) + " can't be empty (NULL restores the default, \"" +
                   std::string(kSpecs[position].default_value) + "\")");
  }
  meaning_of(kSpecs[position], value);  // throws where it means nothing
  std::string copy(value);
  const std::lock_guard held(lock_);
  entries_[position].text.swap(copy);
  entries_[position].source = source;
  generation_.fetch_add(1, std::memory_order_release);
}

void SettingsStore::set(std::string_view name, std::string_view text, SettingSource source) {
  store(setting_position(name), text, source);
}

void SettingsStore::restore(std::string_view name) {
  const std::size_t position = setting_position(name);
  const std::lock_guard held(lock_);
  entries_[position] = initial_[position];
  generation_.fetch_add(1, std::memory_order_release);
}

void SettingsStore::restore_all() {
  std::vector<Entry> copy = initial_;  // all or none; what the environment said does not change any more
  const std::lock_guard held(lock_);
  entries_.swap(copy);
  generation_.fetch_add(1, std::memory_order_release);
}

void SettingsStore::put_back(std::size_t position, Entry before) noexcept {
  const std::lock_guard held(lock_);
  std::swap(entries_[position], before);
  generation_.fetch_add(1, std::memory_order_release);
}

void SettingsStore::read_environment(const char* const* environment) {
  constexpr std::string_view kPrefix = "WARDEN_";
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view line = *environment;
    const std::size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    std::string name(line.substr(kPrefix.size(), equals - kPrefix.size()));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    try {
      store(setting_position(name), line.substr(equals + 1), SettingSource::environment);
    } catch (const BadValue& e) {
      const std::lock_guard held(lock_);
      if (refused_.size() < 32)
        refused_.push_back(quote_for_message(line.substr(0, equals)) + ": " + e.what());
    }
  }
  const std::lock_guard held(lock_);
  initial_ = entries_;
}

std::vector<std::string> SettingsStore::refused_environment() const {
  const std::lock_guard held(lock_);
  return refused_;
}

SettingsStore::Entry SettingsStore::entry(std::size_t position) const {
  const std::lock_guard held(lock_);
  return entries_.at(position);
}

Settings SettingsStore::resolve(std::int64_t memory_limit_bytes) const noexcept {
  const std::int64_t whole = memory_limit_bytes > 0 ? memory_limit_bytes : kUnknownMemoryBytes;
  std::array<Meaning, kCount> m;
  {
    const std::lock_guard held(lock_);
    for (std::size_t i = 0; i < kCount; ++i) m[i] = meaning_of(kSpecs[i], entries_[i].text);
  }
  Settings s;
  s.memory_budget_bytes = std::max(kMiB, warden::resolve(m[kMemoryBudget].quantity, whole));
  const auto of_budget = [&](Position p) { return warden::resolve(m[p].quantity, s.memory_budget_bytes); };
  s.soft_limit_bytes = m[kSoftHeapLimit].word == 0 ? s.memory_budget_bytes
                                                   : warden::resolve(m[kSoftHeapLimit].quantity, whole);
  s.hard_limit_bytes = warden::resolve(m[kHardHeapLimit].quantity, whole);
  if (s.hard_limit_bytes > 0) s.hard_limit_bytes = std::max(s.hard_limit_bytes, kLeastHardLimitBytes);
  s.release_above_bytes = of_budget(kReleaseAbove);
  s.release_to_bytes = std::min(of_budget(kReleaseTo), s.release_above_bytes);
  s.idle_grace_ms = m[kIdleGraceMs].number;
  s.idle_keep_bytes = m[kIdleKeep].word == 0 ? s.memory_budget_bytes / 16 : of_budget(kIdleKeep);
  s.idle_release_ms = m[kIdleReleaseMs].number;
  s.cancel_above_bytes = of_budget(kCancelAbove);
  s.cancel_after_ms = m[kCancelAfterMs].number;
  s.statement_timeout_ms = m[kStatementTimeoutMs].number;
  s.statement_timeout_writes = m[kStatementTimeoutWrites].number != 0;
  s.transaction_idle_ms = m[kTransactionIdleMs].number;
  s.statement_stats = m[kStatementStats].number != 0;
  s.statement_stats_max = m[kStatementStatsMax].number;
  if (m[kCacheSize].word < 0) s.cache_size_kib = (m[kCacheSize].quantity.bytes + 1023) / 1024;
  s.temp_store = static_cast<TempStore>(m[kTempStore].word);
  s.trim = static_cast<TrimMode>(m[kTrim].word);
  s.trim_above_bytes = m[kTrimAbove].quantity.bytes;
  s.trim_interval_ms = m[kTrimIntervalMs].number;
  s.sample_interval_ms = m[kSampleIntervalMs].word == 0 ? 0 : m[kSampleIntervalMs].number;
  s.pressure = m[kPressure].number != 0;
  s.hooks = static_cast<Hooks>(m[kHooks].word);
  s.show_sql = std::array{ShowSql::normalized, ShowSql::full,
                          ShowSql::none}[static_cast<std::size_t>(m[kShowSql].word)];
  s.history_rows = m[kHistory].number;
  s.event_rows = m[kEvents].number;
  s.dry_run = m[kDryRun].number != 0;
  s.watchdog = m[kWatchdog].number != 0;
  return s;
}

EffectiveValue effective_value(const Settings& s, std::size_t position) noexcept {
  switch (position) {
    case kMemoryBudget:
      return s.memory_budget_bytes;
    case kSoftHeapLimit:
      return s.soft_limit_bytes;
    case kHardHeapLimit:
      return s.hard_limit_bytes;
    case kReleaseAbove:
      return s.release_above_bytes;
    case kReleaseTo:
      return s.release_to_bytes;
    case kIdleGraceMs:
      return s.idle_grace_ms;
    case kIdleKeep:
      return s.idle_keep_bytes;
    case kIdleReleaseMs:
      return s.idle_release_ms;
    case kCancelAbove:
      return s.cancel_above_bytes;
    case kCancelAfterMs:
      return s.cancel_after_ms;
    case kStatementTimeoutMs:
      return s.statement_timeout_ms;
    case kStatementTimeoutWrites:
      return std::int64_t{s.statement_timeout_writes};
    case kTransactionIdleMs:
      return s.transaction_idle_ms;
    case kStatementStats:
      return std::int64_t{s.statement_stats};
    case kStatementStatsMax:
      return s.statement_stats_max;
    case kCacheSize:
      if (s.cache_size_kib) return *s.cache_size_kib * 1024;
      return std::string_view("keep");
    case kTempStore:
      return std::array<std::string_view, 4>{"keep", "default", "file",
                                             "memory"}[static_cast<std::size_t>(s.temp_store)];
    case kTrim:
      return std::array<std::string_view, 3>{"auto", "always", "never"}[static_cast<std::size_t>(s.trim)];
    case kTrimAbove:
      return s.trim_above_bytes;
    case kTrimIntervalMs:
      return s.trim_interval_ms;
    case kSampleIntervalMs:
      if (s.sample_interval_ms == 0) return std::string_view("auto");
      return s.sample_interval_ms;
    case kPressure:
      return std::int64_t{s.pressure};
    case kHooks:
      return std::array<std::string_view, 3>{"none", "trace",
                                             "trace+progress"}[static_cast<std::size_t>(s.hooks)];
    case kShowSql:
      return std::array<std::string_view, 3>{"none", "normalized",
                                             "full"}[static_cast<std::size_t>(s.show_sql)];
    case kHistory:
      return s.history_rows;
    case kEvents:
      return s.event_rows;
    case kDryRun:
      return std::int64_t{s.dry_run};
    default:
      return std::int64_t{s.watchdog};
  }
}

}  // namespace warden
