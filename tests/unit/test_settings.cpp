// Settings: defaults, accepted forms, what is refused and how, the environment, and what it all comes to.
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "../../watchdog/settings.hpp"

using warden::BadValue;
using warden::effective_value;
using warden::EffectiveValue;
using warden::Hooks;
using warden::setting_position;
using warden::setting_specs;
using warden::Settings;
using warden::SettingSource;
using warden::SettingsStore;
using warden::ShowSql;
using warden::TempStore;
using warden::TrimMode;

namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::string text(const EffectiveValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return std::string(std::get<std::string_view>(value));
}

struct Fixture {
  SettingsStore store;

  std::string refusal(std::string_view name, std::string_view value) {
    try {
      store.set(name, value);
    } catch (const BadValue& e) {
      return e.what();
    }
    return "accepted";
  }
  std::string shown(std::string_view name) const { return store.entry(setting_position(name)).text; }
  std::string_view source(std::string_view name) const {
    return source_name(store.entry(setting_position(name)).source);
  }
  std::string in_force(std::string_view name, std::int64_t limit = 4 * kGiB) const {
    return text(effective_value(store.resolve(limit), setting_position(name)));
  }
  std::string set(std::string_view name, std::string_view value) {
    store.set(name, value);
    return in_force(name);
  }
  void read_environment(std::vector<const char*> variables) {
    variables.push_back(nullptr);
    store.read_environment(variables.data());
  }
};

/// Name, default as written, default in force with 4 GiB.
constexpr std::array<std::array<const char*, 3>, 28> kDefaults{{
    {"memory_budget", "25%", "1073741824"},
    {"soft_heap_limit", "auto", "1073741824"},
    {"hard_heap_limit", "0", "0"},
    {"release_above", "75%", "805306368"},
    {"release_to", "50%", "536870912"},
    {"idle_grace_ms", "1000", "1000"},
    {"idle_keep", "auto", "67108864"},
    {"idle_release_ms", "60000", "60000"},
    {"cancel_above", "0", "0"},
    {"cancel_after_ms", "2000", "2000"},
    {"cache_size", "keep", "keep"},
    {"temp_store", "keep", "keep"},
    {"statement_timeout_ms", "0", "0"},
    {"statement_timeout_writes", "0", "0"},
    {"transaction_idle_ms", "0", "0"},
    {"trim", "auto", "auto"},
    {"trim_above", "32MB", "32000000"},
    {"trim_interval_ms", "1000", "1000"},
    {"sample_interval_ms", "auto", "auto"},
    {"pressure", "1", "1"},
    {"hooks", "trace", "trace"},
    {"statement_stats", "1", "1"},
    {"statement_stats_max", "1000", "1000"},
    {"show_sql", "normalized", "normalized"},
    {"history", "3600", "3600"},
    {"events", "1000", "1000"},
    {"dry_run", "0", "0"},
    {"watchdog", "1", "1"},
}};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(settings, Fixture)

BOOST_AUTO_TEST_CASE(every_setting_has_its_default_and_no_other_exists) {
  BOOST_TEST(setting_specs().size() == kDefaults.size());
  for (std::size_t i = 0; i < kDefaults.size(); ++i) {
    const auto& [name, written, meant] = kDefaults[i];
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(setting_specs()[i].name == name);
      BOOST_TEST(setting_position(name) == i);
      BOOST_TEST(setting_specs()[i].default_value == written);
      BOOST_TEST(shown(name) == written);
      BOOST_TEST(source(name) == "default");
      BOOST_TEST(in_force(name) == meant);
      BOOST_TEST(!setting_specs()[i].description.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(who_set_it_is_told) {
  store.set("events", "7", SettingSource::host);
  BOOST_TEST(source("events") == "host");
  store.set("events", "8");
  BOOST_TEST(source("events") == "sql");
  store.restore("events");
  BOOST_TEST(source("events") == "default");
}

BOOST_AUTO_TEST_CASE(sizes_and_shares_are_accepted_in_every_form) {
  BOOST_TEST(set("memory_budget", "2GiB") == "2147483648");
  BOOST_TEST(set("memory_budget", "200MB") == "200000000");
  BOOST_TEST(set("memory_budget", "  1048576 ") == "1048576");
  BOOST_TEST(set("memory_budget", "12.5 %") == std::to_string(512 * kMiB));
  BOOST_TEST(set("memory_budget", "100%") == std::to_string(4 * kGiB));
  BOOST_TEST(set("memory_budget", "9223372036854775807") == "9223372036854775807");
  store.set("memory_budget", "1GiB");
  BOOST_TEST(set("soft_heap_limit", "0") == "0");
  BOOST_TEST(set("soft_heap_limit", "AUTO") == "1073741824");
  BOOST_TEST(set("soft_heap_limit", "50%") == std::to_string(2 * kGiB));  // of memory, as memory_budget
  BOOST_TEST(set("hard_heap_limit", "75%") == std::to_string(3 * kGiB));
  BOOST_TEST(set("release_above", "50%") == std::to_string(512 * kMiB));  // of memory_budget
  BOOST_TEST(set("idle_keep", "25%") == std::to_string(256 * kMiB));
  BOOST_TEST(set("idle_keep", "0") == "0");
  BOOST_TEST(set("trim_above", "0") == "0");
  BOOST_TEST(set("cache_size", "1024") == "1024");
  BOOST_TEST(set("cache_size", "200000KiB") == "204800000");
  BOOST_TEST(set("cache_size", "1025") == "2048");  // SQLite counts in KiB
  BOOST_TEST(set("cache_size", "2199023254528") == "2199023254528");
  BOOST_TEST(store.resolve(kGiB).cache_size_kib.value() == 2147483647);
  BOOST_TEST(set("cache_size", "keep") == "keep");
  BOOST_TEST(!store.resolve(kGiB).cache_size_kib.has_value());
}

BOOST_AUTO_TEST_CASE(words_and_booleans_are_accepted_in_any_case) {
  for (const char* on : {"1", "on", "TRUE", "yes"}) BOOST_TEST(set("dry_run", on) == "1");
  for (const char* off : {"0", "Off", "false", "no"}) BOOST_TEST(set("dry_run", off) == "0");
  const auto resolved = [&] { return store.resolve(kGiB); };
  for (const char* word : {"keep", "default", "file", "memory"}) BOOST_TEST(set("temp_store", word) == word);
  BOOST_TEST(set("temp_store", "Default") == "default");
  BOOST_TEST((resolved().temp_store == TempStore::standard));
  for (const char* word : {"auto", "always", "never"}) BOOST_TEST(set("trim", word) == word);
  BOOST_TEST((resolved().trim == TrimMode::never));
  for (const char* word : {"none", "trace", "trace+progress"}) BOOST_TEST(set("hooks", word) == word);
  BOOST_TEST((resolved().hooks == Hooks::trace_and_progress));
  for (const char* word : {"normalized", "none", "full"}) BOOST_TEST(set("show_sql", word) == word);
  BOOST_TEST((resolved().show_sql == ShowSql::full));
  BOOST_TEST(set("sample_interval_ms", "auto") == "auto");
}

BOOST_AUTO_TEST_CASE(whole_numbers_keep_to_their_ranges) {
  const std::map<std::string, std::pair<const char*, const char*>> ranges{
      {"idle_grace_ms", {"0", "86400000"}},
      {"idle_release_ms", {"0", "31536000000"}},
      {"trim_interval_ms", {"10", "86400000"}},
      {"sample_interval_ms", {"1", "60000"}},
      {"history", {"1", "1000000"}},
      {"events", {"1", "1000000"}}};
  for (const auto& [name, range] : ranges) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(set(name, range.first) == range.first);
      BOOST_TEST(set(name, range.second) == range.second);
      const bool ms = name.ends_with("_ms");
      const std::string wanted = name + " must be a whole number" + (ms ? " of milliseconds" : "") +
                                 " from " + range.first + " to " + range.second +
                                 (name == "sample_interval_ms" ? " or \"auto\"" : "") + ", not ";
      for (const std::string& bad :
           {std::to_string(std::stoll(range.first) - 1), std::to_string(std::stoll(range.second) + 1),
            std::string("1.5"), std::string("1e3"), std::string("+5"), std::string("5 0"), std::string("5s"),
            std::string("99999999999999999999"), std::string("none"), std::string("0x10")}) {
        BOOST_TEST(refusal(name, bad) == wanted + '"' + bad + '"');
      }
      BOOST_TEST(in_force(name) == range.second);
    }
  }
  BOOST_TEST(refusal("memory_budget", "1048575") ==
             "memory_budget must be a size from 1048576 to 9223372036854775807 bytes, not \"1048575\"");
  BOOST_TEST(refusal("cache_size", "1023") ==
             "cache_size must be a size from 1024 to 2199023254528 bytes, not \"1023\"");
  BOOST_TEST(refusal("cache_size", "2TiB") ==
             "cache_size must be a size from 1024 to 2199023254528 bytes, not \"2TiB\"");
}

BOOST_AUTO_TEST_CASE(unknown_names_are_refused_with_the_nearest_one) {
  BOOST_TEST(refusal("soft_heap_limt", "1") ==
             "unknown setting \"soft_heap_limt\" (did you mean \"soft_heap_limit\"?)");
  BOOST_TEST(refusal("Memory-Budget", "1") ==
             "unknown setting \"Memory-Budget\" (did you mean \"memory_budget\"?)");
  BOOST_TEST(refusal("xyzzy_plugh", "1") ==
             "unknown setting \"xyzzy_plugh\" (SELECT name FROM warden_settings lists them)");
  BOOST_TEST(refusal("", "1") == "unknown setting \"\" (SELECT name FROM warden_settings lists them)");
  BOOST_CHECK_THROW(store.restore("soft_heap_limt"), BadValue);
}

BOOST_AUTO_TEST_CASE(bad_values_are_refused_by_name_and_reason_and_change_nothing) {
  const std::string units = " (use B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)";
  const std::string sizes = " (write for example 512MiB, 2GB or 65536)";
  const std::uint64_t before = store.generation();
  BOOST_TEST(refusal("memory_budget", "12XB") ==
             "memory_budget: \"12XB\" is not a size: unknown unit \"XB\"" + units);
  BOOST_TEST(refusal("memory_budget", "-5%") ==
             "memory_budget: \"-5%\" is not a share: it must be between 0% and 100%");
  BOOST_TEST(refusal("release_above", "200%") ==
             "release_above: \"200%\" is not a share: it must be between 0% and 100%");
  BOOST_TEST(refusal("memory_budget", "-5") == "memory_budget: \"-5\" is not a size: it is negative");
  BOOST_TEST(refusal("memory_budget", "0%") == "memory_budget must be more than 0%, not \"0%\"");
  BOOST_TEST(
      refusal("hard_heap_limit", "9223372036854775808") ==
      "hard_heap_limit: \"9223372036854775808\" is not a size: it is larger than 9223372036854775807 bytes");
  BOOST_TEST(refusal("idle_keep", "much") ==
             "idle_keep: \"much\" is not a size: it does not begin with a number" + sizes +
                 " (\"auto\" is allowed too)");
  BOOST_TEST(refusal("trim_above", "50%") == "trim_above: \"50%\" is not a size: unknown unit \"%\"" + units);
  BOOST_TEST(refusal("memory_budget", "auto") ==
             "memory_budget: \"auto\" is not a size: it does not begin with a number" + sizes);
  BOOST_TEST(refusal("temp_store", "ram") ==
             "temp_store must be \"keep\", \"default\", \"file\" or \"memory\", not \"ram\"");
  BOOST_TEST(refusal("trim", "auto|always") ==
             "trim must be \"auto\", \"always\" or \"never\", not \"auto|always\"");
  BOOST_TEST(refusal("hooks", "progress") ==
             "hooks must be \"none\", \"trace\" or \"trace+progress\", not \"progress\"");
  BOOST_TEST(refusal("show_sql", "1") == "show_sql must be \"normalized\", \"full\" or \"none\", not \"1\"");
  BOOST_TEST(refusal("dry_run", "2") == "dry_run must be 0 or 1, not \"2\"");
  BOOST_TEST(refusal("watchdog", "maybe\n") == "watchdog must be 0 or 1, not \"maybe?\"");
  for (const char* empty : {"", " ", " \t "}) {
    BOOST_TEST(refusal("trim", empty) == "trim can't be empty (NULL restores the default, \"auto\")");
  }
  BOOST_TEST(store.generation() == before);
  for (const auto& row : kDefaults) BOOST_TEST(shown(row[0]) == row[1]);
}

BOOST_AUTO_TEST_CASE(white_space_around_a_value_is_not_kept) {
  store.set("memory_budget", " \t2 GiB ");
  BOOST_TEST(shown("memory_budget") == "2 GiB");
  BOOST_TEST(set("trim", "\talways ") == "always");
  BOOST_TEST(shown("trim") == "always");
  BOOST_TEST(set("idle_grace_ms", " 5 ") == "5");
}

BOOST_AUTO_TEST_CASE(environment_is_read_and_what_is_refused_is_reported_and_ignored) {
  read_environment({"WARDEN_MEMORY_BUDGET=2GiB", "PATH=/bin", "WARDEN_TRIM=sometimes",
                    "WARDEN_MEMROY_BUDGET=1GiB", "WARDEN_DRY_RUN=", "WARDEN_HISTORY=10=11",
                    "NOT_WARDEN_EVENTS=5", "WARDEN_EVENTS", "WARDEN_EVENTS=5"});
  BOOST_TEST(shown("memory_budget") == "2GiB");
  BOOST_TEST(source("memory_budget") == "environment");
  BOOST_TEST(in_force("events") == "5");
  BOOST_TEST(in_force("trim") == "auto");
  BOOST_TEST(source("trim") == "default");
  BOOST_TEST(in_force("history") == "3600");
  const std::vector<std::string> wanted{
      "\"WARDEN_TRIM\": trim must be \"auto\", \"always\" or \"never\", not \"sometimes\"",
      "\"WARDEN_MEMROY_BUDGET\": unknown setting \"memroy_budget\" (did you mean \"memory_budget\"?)",
      "\"WARDEN_DRY_RUN\": dry_run can't be empty (NULL restores the default, \"0\")",
      "\"WARDEN_HISTORY\": history must be a whole number from 1 to 1000000, not \"10=11\""};
  const auto refused = store.refused_environment();
  BOOST_TEST(refused == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(number_of_reported_environment_errors_is_bounded) {
  read_environment(std::vector<const char*>(1000, "WARDEN_TRIM=x"));
  BOOST_TEST(store.refused_environment().size() == 32U);
}

BOOST_AUTO_TEST_CASE(restore_goes_back_to_the_environments_value) {
  read_environment({"WARDEN_EVENTS=5"});
  store.set("events", "7");
  store.set("history", "7");
  BOOST_TEST(source("events") == "sql");
  const std::uint64_t before = store.generation();
  store.restore("events");
  BOOST_TEST(shown("events") == "5");
  BOOST_TEST(source("events") == "environment");
  BOOST_TEST(shown("history") == "7");
  BOOST_TEST(store.generation() > before);
  store.set("events", "7");
  store.restore_all();
  BOOST_TEST(shown("events") == "5");
  BOOST_TEST(shown("history") == "3600");
  BOOST_TEST(source("history") == "default");
}

BOOST_AUTO_TEST_CASE(shares_are_of_the_memory_this_process_can_have) {
  BOOST_TEST(store.resolve(0).memory_budget_bytes == 256 * kMiB);  // unknown: as if there were 1 GiB
  BOOST_TEST(store.resolve(256 * kMiB).memory_budget_bytes == 64 * kMiB);
  const Settings large = store.resolve(512 * kGiB);
  BOOST_TEST(large.memory_budget_bytes == 128 * kGiB);
  BOOST_TEST(large.soft_limit_bytes == 128 * kGiB);
  BOOST_TEST(large.release_above_bytes == 96 * kGiB);
  BOOST_TEST(large.release_to_bytes == 64 * kGiB);
  BOOST_TEST(large.idle_keep_bytes == 8 * kGiB);
  BOOST_TEST(large.hard_limit_bytes == 0);
  BOOST_TEST(store.resolve(1).memory_budget_bytes == kMiB);  // never less: SQLite must be able to work
}

BOOST_AUTO_TEST_CASE(release_to_is_never_above_release_above) {
  store.set("release_above", "30%");
  for (const char* to : {"50%", "100%", "1TiB", "30%", "10%"}) {
    store.set("release_to", to);
    for (const std::int64_t limit : {std::int64_t{0}, 256 * kMiB, 512 * kGiB}) {
      const Settings now = store.resolve(limit);
      BOOST_TEST(now.release_to_bytes <= now.release_above_bytes);
    }
  }
  BOOST_TEST(store.resolve(4 * kGiB).release_to_bytes == (kGiB + 5) / 10);
}

BOOST_AUTO_TEST_CASE(setting_again_what_is_shown_changes_nothing) {
  const auto all_in_force = [&] {
    std::vector<std::string> values;
    for (const auto& spec : setting_specs()) values.push_back(in_force(spec.name));
    return values;
  };
  const auto repeat = [&] {
    const auto before = all_in_force();
    for (std::size_t i = 0; i < setting_specs().size(); ++i) {
      const std::string shown_text = store.entry(i).text;
      store.set(setting_specs()[i].name, shown_text);
      BOOST_TEST(store.entry(i).text == shown_text);
    }
    BOOST_TEST(all_in_force() == before, boost::test_tools::per_element());
    for (std::size_t i = 0; i < before.size(); ++i) store.set(setting_specs()[i].name, before[i]);
    BOOST_TEST(all_in_force() == before, boost::test_tools::per_element());
  };
  repeat();
  for (const auto& [name, value] : std::map<std::string, std::string>{{"memory_budget", "33.3%"},
                                                                      {"cache_size", "64MiB"},
                                                                      {"temp_store", "file"},
                                                                      {"trim", "never"},
                                                                      {"sample_interval_ms", "20"},
                                                                      {"hooks", "trace+progress"},
                                                                      {"show_sql", "none"},
                                                                      {"watchdog", "off"}}) {
    store.set(name, value);
  }
  repeat();
}

BOOST_AUTO_TEST_CASE(threads_set_resolve_and_look_at_the_same_time) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (const auto& pair : {std::array{"1GiB", "25%"}, std::array{"2GiB", "50%"}}) {
    threads.emplace_back([&, pair] {
      for (int i = 0; i < 5000; ++i) {
        store.set("memory_budget", pair[static_cast<std::size_t>(i % 2)]);
        if (i % 100 == 0) store.restore_all();
      }
      stop = true;
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      const std::int64_t budget = store.resolve(4 * kGiB).memory_budget_bytes;
      wrong += budget != kGiB && budget != 2 * kGiB;
      const std::string now = store.entry(0).text;
      wrong += now != "1GiB" && now != "2GiB" && now != "25%" && now != "50%";
    }
  });
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(store.generation() == 1U + 10000 + 100);
}

BOOST_AUTO_TEST_SUITE_END()
