// The functions that act and tell: warden_release, warden_trim, warden_label, warden_set and so on; those about deadlines
// are in functions_cancel.cpp.
//
//   SELECT warden_release();            -- bytes that this connection gave back
//   SELECT warden_release('idle');      -- bytes that all idle connections gave back
//   SELECT warden_set('memory_budget', '2GiB');
//
// What acts is DIRECTONLY: a view or trigger of a database from a stranger can't call it.
#include "functions.hpp"

#include <unistd.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocator.hpp"
#include "clock.hpp"
#include "connection.hpp"
#include "error.hpp"
#include "function.hpp"
#include "job_tables.hpp"
#include "relief.hpp"
#include "units.hpp"
#include "utf8.hpp"
#include "version.hpp"
#include "warden.hpp"

namespace warden::ext {
namespace {

/// A value in force as SQL shows it: INTEGER or TEXT.
struct SettingValue {
  EffectiveValue value;
};

/// Runs `body`, and puts the function's name before what the core says is wrong.
template <class Body>
auto named(std::string_view function, Body&& body) {
  try {
    return body();
  } catch (const BadValue& e) {
    throw vtab::error(std::string(function) + ": " + e.what());
  }
}

/// Less than this is not worth an action and its row.
constexpr std::int64_t kCrumbBytes = 64 * 1024;
/// A hard limit must leave SQLite this much to work with, or nothing works any more, not even taking it back.
constexpr std::int64_t kHardLimitRoomBytes = 8 << 20;

// ---- acting

/// Bytes of SQLite memory that the connection gave back; empty where it is busy or only its own thread may touch it: it
/// has then been asked to release at its next safe point.
std::optional<std::int64_t> release_one(SqliteConnection& self, std::int64_t connection_id) {
  Warden& warden = Warden::instance();
  if (connection_id == self.id) {
    return release_own(warden, self, {"asked"}, [&] { return self.own_give_back(); });
  }
  const auto other = warden.registry.find(connection_id);
  if (other == nullptr) {
    throw vtab::error("warden_release: no connection has the id " + std::to_string(connection_id) +
                      " (SELECT connection_id FROM warden_connections lists them)");
  }
  auto bytes = release(warden, *other, {"asked"}, false);
  // A look of the watchdog at this very moment is no reason to call an idle connection busy.
  for (int i = 0; i < 3 && !bytes && other->touchable() && !other->activity.running(); ++i) {
    other->wait_for_others();
    bytes = release(warden, *other, {"asked"}, false);
  }
  return bytes;
}

std::int64_t release_idle(SqliteConnection& self) {
  Warden& warden = Warden::instance();
  std::int64_t total = 0;
  for (auto c = warden.registry.after(0); c != nullptr; c = warden.registry.after(c->id)) {
    if (c->id == self.id) {
      total += release_own(warden, self, {"asked"}, [&] { return self.own_give_back(); });
    } else if (!c->activity.running() &&
               (!c->touchable() || c->figures.cache_bytes - c->floor_bytes > kCrumbBytes ||
                !c->try_measure(Depth::cache) || c->figures.cache_bytes - c->floor_bytes > kCrumbBytes)) {
      total += release(warden, *c, {"asked"}, false).value_or(0);
    }
  }
  return total;
}

std::optional<std::int64_t> warden_release(SqliteConnection& self, std::optional<vtab::value> argument) {
  self.own_act("warden_release");
  if (!argument) return release_one(self, self.id);
  const vtab::value which = *argument;
  if (which.type() == SQLITE_INTEGER) return release_one(self, which.as_int64());
  if (which.type() == SQLITE_TEXT && which.as_text() == "idle") return release_idle(self);
  const std::string given =
      which.type() == SQLITE_TEXT ? quote_for_message(which.as_text()) : which.type_name();
  throw vtab::error("warden_release: the argument must be a connection_id (an integer) or 'idle', not " +
                    given);
}

std::int64_t warden_connection_id(SqliteConnection& self) {
  self.own_call();
  return self.id;
}

std::int64_t warden_trim(SqliteConnection& self) {
  self.own_act("warden_trim");
  return trim(Warden::instance(), {"asked"}, false);
}

std::string warden_label(SqliteConnection& self, std::string_view label) {
  self.own_act("warden_label");
  std::string text;
  append_utf8(text, label);
  self.set_label(text);
  return std::string(self.label().view());
}

// ---- settings

SettingValue in_force(std::string_view name) {
  return {effective_value(Warden::instance().current(), setting_position(name))};
}

/// Changes the settings from one position to before another by `change`, and has them applied. Where either fails, all are as
/// they were.
template <class Change>
void change_settings(SqliteConnection* self, std::size_t from, std::size_t to, Change&& change) {
  SettingsStore& settings = Warden::instance().settings;
  std::vector<SettingsStore::Entry> before;
  for (std::size_t i = from; i < to; ++i) before.push_back(settings.entry(i));
  const std::uint64_t generation = settings.generation();
  try {
    change(settings);
    announce_settings(self);
  } catch (...) {
    if (settings.generation() != generation) {
      for (std::size_t i = from; i < to; ++i) settings.put_back(i, std::move(before[i - from]));
      announce_settings(self);  // needs no memory: what is kept of rows has not been changed
    }
    throw;
  }
}

SettingValue warden_get(SqliteConnection& self, std::string_view name) {
  self.own_act("warden_get");
  return named("warden_get", [&] { return in_force(name); });
}

SettingValue warden_set(SqliteConnection& self, std::string_view name, vtab::value value) {
  self.own_act("warden_set");
  return named("warden_set", [&] {
    set_setting(self, name, value);
    return in_force(name);
  });
}

std::int64_t warden_reset(SqliteConnection& self) {
  self.own_act("warden_reset");
  change_settings(&self, 0, setting_specs().size(), [](SettingsStore& settings) { settings.restore_all(); });
  return 1;
}

// ---- sizes

std::optional<std::int64_t> warden_size(vtab::value text, std::optional<std::int64_t> whole_bytes) {
  if (text.is_null()) return std::nullopt;
  if (text.type() == SQLITE_BLOB)
    throw vtab::error("warden_size: text must be a size such as '512MiB', not blob");
  return named("warden_size", [&] {
    if (whole_bytes && *whole_bytes < 0) throw BadValue("whole_bytes can't be negative");
    const std::int64_t had = Warden::instance().memory_limit_bytes();
    return resolve(parse_quantity(text.as_text()), whole_bytes.value_or(had > 0 ? had : kUnknownMemoryBytes));
  });
}

std::optional<std::string> warden_size_text(vtab::value bytes) {
  if (bytes.is_null()) return std::nullopt;
  if (bytes.type() != SQLITE_INTEGER) {
    throw vtab::error(std::string("warden_size_text: bytes must be an integer, not ") + bytes.type_name());
  }
  return format_size(bytes.as_int64());
}

// ---- about

std::string warden_version() { return kVersion; }

/// JSON text in quotes.
std::string json(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

std::string warden_debug(SqliteConnection& self) {
  self.own_act("warden_debug");
  const Capabilities& can = self.host().can();
  const auto flag = [](bool on) { return on ? std::string("true") : std::string("false"); };
  std::string out = "{";
  const auto add = [&](std::string_view key, const std::string& value) {
    out += (out.size() > 1 ? "," : "") + json(key) + ":" + value;
  };
  add("version", json(kVersion));
  add("commit", json(kCommit));
  add("compiler", json(__VERSION__));
  add("sqlite_version", json(self.api()->libversion()));
  add("sqlite_source_id", json(self.api()->sourceid()));
  add("sqlite_copy", std::to_string(self.host().slot() + 1));
  std::string image;
  append_utf8(image, self.host().image());
  add("sqlite_image", json(image));
  add("threadsafe", std::to_string(can.threadsafe));
  add("serialized", flag(self.serialized()));
  add("memory_accounting", flag(can.accounting));
  add("memory_management", flag(can.memory_management));
  add("allocator", json(allocator_name()));
  add("memory_limit_bytes", std::to_string(Warden::instance().memory_limit_bytes()));
  add("watchdog_running", flag(Warden::instance().watchdog().running()));
  add("watchdog_looks", std::to_string(Warden::instance().watchdog().looks()));
  add("watchdog_cpu_us", std::to_string(Warden::instance().watchdog().cpu_ns() / 1000));
  add("pid", std::to_string(::getpid()));
  return out + "}";
}

}  // namespace

void announce_settings(SqliteConnection* self) {
  Warden& warden = Warden::instance();
  for (auto c = warden.registry.after(0); c != nullptr; c = warden.registry.after(c->id)) {
    if (c.get() != self) c->ask(Connection::kApply);
  }
  if (self != nullptr && !self->own_apply(false)) self->ask(Connection::kApply);
  warden.settings_changed();
}

void set_setting(SqliteConnection& self, std::string_view name, vtab::value value) {
  setting_position(name);  // an unknown one is what is wrong first
  if (value.type() == SQLITE_BLOB) throw BadValue(std::string(name) + " must be text or a number, not blob");
  set_setting(&self, name, value.is_null() ? std::nullopt : std::optional(value.as_text()),
              SettingSource::sql);
}

void set_setting(SqliteConnection* self, std::string_view name, std::optional<std::string_view> text,
                 SettingSource source) {
  const std::size_t position = setting_position(name);
  change_settings(self, position, position + 1, [&](SettingsStore& settings) {
    if (!text) return settings.restore(name);
    settings.set(name, *text, source);
    const std::int64_t hard = Warden::instance().current().hard_limit_bytes;
    const std::int64_t needed = Warden::instance().sqlite_bytes() + kHardLimitRoomBytes;
    if (name == "hard_heap_limit" && hard > 0 && hard < needed) {
      throw BadValue("hard_heap_limit must be 0 or at least " + std::to_string(needed) +
                     " bytes, what SQLite uses now and 8 MiB, not " + quote_for_message(*text));
    }
  });
}

}  // namespace warden::ext

namespace warden::vtab {

template <>
struct sql_type<ext::SettingValue> {
  static void put(const Api* api, sqlite3_context* context, const ext::SettingValue& v) {
    if (const auto* number = std::get_if<std::int64_t>(&v.value)) {
      sql_type<std::int64_t>::put(api, context, *number);
    } else {
      sql_type<std::string_view>::put(api, context, std::get<std::string_view>(v.value));
    }
  }
};

}  // namespace warden::vtab

namespace warden::ext {

template <vtab::fixed_string Name, auto Fn, int Flags, vtab::fixed_string... ArgumentNames>
int install_function(SqliteConnection& connection) noexcept {
  return vtab::define<Name, Fn, ArgumentNames...>(
      {connection.api(), connection.host().slot(), connection.db(), &connection}, Flags);
}

std::span<const Installer> function_installers() noexcept {
  constexpr int kActs = SQLITE_DIRECTONLY;
  constexpr int kPure = SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC;
  static constexpr std::array kAll{
      Installer{install_function<"warden_connection_id", &warden_connection_id, SQLITE_INNOCUOUS>},
      install_function<"warden_release", &warden_release, kActs, "connection_id">,
      install_function<"warden_trim", &warden_trim, kActs>,
      install_function<"warden_label", &warden_label, kActs, "label">,
      install_function<"warden_timeout", &warden_timeout, kActs, "ms">,
      install_function<"warden_cancel", &warden_cancel, kActs, "connection_id", "statement_seq">,
      install_function<"warden_statements_reset", &warden_statements_reset, kActs>,
      install_function<"warden_get", &warden_get, kActs, "name">,
      install_function<"warden_set", &warden_set, kActs, "name", "value">,
      install_function<"warden_reset", &warden_reset, kActs>,
      // Not the same for ever, so no index may hold them: a share is of this machine's memory where no whole is given.
      install_function<"warden_size", &warden_size, SQLITE_INNOCUOUS, "text", "whole_bytes">,
      install_function<"warden_size_text", &warden_size_text, kPure, "bytes">,
      install_function<"warden_version", &warden_version, SQLITE_INNOCUOUS>,
      install_function<"warden_debug", &warden_debug, kActs>, jobs::install_job_count,
      jobs::install_job_engine, jobs::install_job_filter_sql};
  return kAll;
}

std::span<const Installer> internal_installers() noexcept {
  static constexpr std::array<Installer, 3> kAll{jobs::install_pass, jobs::install_match,
                                                 jobs::install_no_json};
  return kAll;
}

}  // namespace warden::ext
