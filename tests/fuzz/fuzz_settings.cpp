// Settings under a sequence of sets, resets and looks: a refused value changes nothing, an accepted one is what is stored,
// and the numbers in force are within their bounds for any size of memory.
//
// A line of the input is a step: "name=value" sets, "!name" restores, "!" restores all, "#text" resolves for as many bytes.
#include "fuzz.hpp"
#include "watchdog/files.hpp"
#include "watchdog/settings.hpp"

namespace {

using namespace warden;
using fuzz::require;

std::string all_texts(const SettingsStore& store) {
  std::string texts;
  for (std::size_t i = 0; i < setting_specs().size(); ++i) {
    const SettingsStore::Entry entry = store.entry(i);
    texts += std::string(setting_specs()[i].name) + "=" + entry.text + "|" +
             std::string(source_name(entry.source)) + "\n";
  }
  return texts;
}

void judge(const Settings& now, std::int64_t limit) {
  const std::string seen = std::to_string(limit);
  require(now.release_to_bytes <= now.release_above_bytes, "releasing ends below where it begins", seen);
  for (std::size_t i = 0; i < setting_specs().size(); ++i) {
    const EffectiveValue value = effective_value(now, i);
    const std::string_view name = setting_specs()[i].name;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      // 0 stands for "not limited" and "auto".
      require(*number == 0 || (*number >= setting_specs()[i].least && *number <= setting_specs()[i].most),
              "a number is within its bounds", name, std::to_string(*number));
    } else {
      require(!std::get<std::string_view>(value).empty(), "a word is one", name);
    }
  }
}

void set(SettingsStore& store, std::string_view name, std::string_view text) {
  const std::string before = all_texts(store);
  const std::uint64_t generation = store.generation();
  try {
    store.set(name, text);
  } catch (const BadValue& refused) {
    require(fuzz::is_utf8(refused.what()) && std::string_view(refused.what()).size() < 1000,
            "a refusal is a short sentence", text, refused.what());
    require(all_texts(store) == before && store.generation() == generation, "what is refused changes nothing",
            name, text);
    return;
  }
  const std::size_t at = setting_position(name);
  const SettingsStore::Entry stored = store.entry(at);
  const bool wrong = fuzz::planted() && stored.text.find('7') != stored.text.npos;
  require(stored.source == SettingSource::sql && fuzz::is_utf8(stored.text) && !wrong,
          "what is set is stored", name, stored.text);
  const EffectiveValue meant = effective_value(store.resolve(0), at);
  store.set(name, stored.text);
  require(store.entry(at).text == stored.text, "what is stored can be set again", stored.text,
          store.entry(at).text);
  require(effective_value(store.resolve(0), at) == meant, "what is stored means the same", name, stored.text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  SettingsStore store;
  const std::string initial = all_texts(store);
  for (int step = 0; step < 40 && !input.empty(); ++step) {
    const std::string_view line = input.line();
    const std::size_t equal = line.find('=');
    if (line.starts_with('#')) {
      const std::int64_t limit = parse_integer(line.substr(1)).value_or(1);
      judge(store.resolve(limit), limit);
    } else if (line == "!") {
      store.restore_all();
      require(all_texts(store) == initial, "restoring all brings back the defaults");
    } else if (line.starts_with('!')) {
      try {
        store.restore(line.substr(1));
        const std::size_t at = setting_position(line.substr(1));
        require(store.entry(at).text == setting_specs()[at].default_value,
                "restoring brings back the default", line);
      } catch (const BadValue& refused) {
        require(fuzz::is_utf8(refused.what()), "a refusal is UTF-8", line);
      }
    } else if (equal != line.npos) {
      set(store, line.substr(0, equal), line.substr(equal + 1));
    }
  }
  for (const std::int64_t limit : {INT64_C(0), INT64_C(1), INT64_C(4096), INT64_C(1) << 33, INT64_MAX})
    judge(store.resolve(limit), limit);
  return 0;
}
