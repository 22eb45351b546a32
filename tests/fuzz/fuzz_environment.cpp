// The environment: a variable means what the same text means in warden_set, or it is refused with a sentence and changes
// nothing; what $MEMORY_PRESSURE_WATCH asks for is watched or refused, and nothing that is no pressure file is written.
//
// Each line of the input is a variable.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "fuzz.hpp"
#include "tests/unit/file_tree.hpp"
#include "watchdog/pressure.hpp"
#include "watchdog/warden.hpp"

namespace {

using namespace warden;
using fuzz::require;

constexpr std::string_view kPrefix = "WARDEN_";
constexpr std::size_t kMostRefusals = 32;
constexpr std::string_view kPsi = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
constexpr std::string_view kPlain = "some text\n";

/// What can be watched, and what can't: a PSI file, by a name that is no UTF-8 too, another file, a FIFO, a directory, a device.
const test::FileTree& tree() {
  static const test::FileTree* const made = [] {
    auto* files = new test::FileTree;
    files->write("/plain", kPlain);
    files->make_directory("/directory");
    ::mkfifo(files->real("/fifo").c_str(), 0600);
    std::filesystem::create_symlink("/dev/zero", files->real("/device"));
    std::filesystem::create_symlink("psi", files->real("/link\xff\xc3"));
    return files;
  }();
  return *made;
}

bool same(const Settings& a, const Settings& b) {
  for (std::size_t i = 0; i < setting_specs().size(); ++i) {
    if (effective_value(a, i) != effective_value(b, i)) return false;
  }
  return true;
}

/// The settings of an environment against those that the same texts make by warden_set, one after the other.
void judge_settings(const std::vector<const char*>& environment) {
  SettingsStore read;
  read.read_environment(environment.data());
  SettingsStore set;
  std::vector<bool> is_set(setting_specs().size(), false);
  std::size_t refused = 0;
  for (const char* variable : environment) {
    const std::string_view line = variable == nullptr ? "" : variable;
    const std::size_t equals = line.find('=');
    if (!line.starts_with(kPrefix) || equals == line.npos) continue;
    std::string name(line.substr(kPrefix.size(), equals - kPrefix.size()));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    try {
      set.set(name, line.substr(equals + 1));
      is_set[setting_position(name)] = !(fuzz::planted() && line.find('3') != line.npos);
    } catch (const BadValue&) {
      ++refused;
    }
  }
  for (std::size_t i = 0; i < setting_specs().size(); ++i) {
    const SettingsStore::Entry entry = read.entry(i);
    require(entry.text == set.entry(i).text, "a variable is what warden_set would store", entry.text,
            set.entry(i).text);
    require((entry.source == SettingSource::environment) == is_set[i], "its source is told",
            setting_specs()[i].name);
  }
  require(read.refused_environment().size() == std::min(refused, kMostRefusals), "what is refused is told");
  for (const std::string& sentence : read.refused_environment()) {
    require(fuzz::is_utf8(sentence) && sentence.size() < 1000 && sentence.find(kPrefix) != sentence.npos,
            "a refusal is a short sentence that names the variable", sentence);
  }
  for (const std::int64_t limit : {INT64_C(0), INT64_C(1), INT64_C(4) << 30, INT64_MAX})
    require(same(read.resolve(limit), set.resolve(limit)), "it is in force as if it were set",
            std::to_string(limit));

  // What SQL sets over it is gone when it is restored.
  read.set("show_sql", "none");
  read.restore("show_sql");
  require(read.entry(setting_position("show_sql")).text == set.entry(setting_position("show_sql")).text,
          "restoring brings back the environment's");
  Warden process(Files(tree().real("/directory")), environment.data());
  require(same(process.current(), set.resolve(0)), "a process begins with them");
}

std::string encoded(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
    };
    const unsigned bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) text += kAlphabet[bits >> shift & 63];
  }
  for (std::size_t i = 0; i < (3 - bytes.size() % 3) % 3; ++i) text[text.size() - 1 - i] = '=';
  return text;
}

void judge_base64(std::string text) {
  std::array<char, 512> room{};
  const auto length = decode_base64(text, room);
  if (!length) return;
  const std::string again = encoded({room.data(), *length});
  std::erase_if(text, [](char c) { return std::string_view(" \t\n\r").find(c) != std::string_view::npos; });
  require(again.size() == text.size(), "base64 is as long as it must be", text, again);
  // Bits of the last character that belong to no byte are nobody's.
  const std::size_t certain = text.size() < 4 ? 0 : text.size() - 4;
  require(again.substr(0, certain) == text.substr(0, certain), "base64 is decoded as it is encoded", text,
          again);
}

int lowest_free_descriptor() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(fd);
  return fd;
}

void judge_pressure(PressureRequest request) {
  tree().write("/psi", kPsi);
  const int free_before = lowest_free_descriptor();
  {
    PressureWatch watch;
    watch.open(Files(tree().root()), "", request);
    const std::string status = watch.status();
    require(fuzz::is_utf8(status), "its status is a sentence", status);
    require((watch.fd() >= 0) == status.starts_with("watches"),
            "its status tells whether anything is watched", status);
    pollfd entry{watch.fd(), watch.events(), 0};
    if (watch.fd() >= 0 && ::poll(&entry, 1, 0) > 0) watch.consume(entry.revents);
  }
  require(lowest_free_descriptor() == free_before, "no descriptor is left open",
          request.watch == nullptr ? "" : request.watch);
  require(tree().read("/plain") == kPlain, "nothing that is no pressure file is written",
          request.watch == nullptr ? "" : request.watch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes input(data, size);
  std::vector<std::string> variables;
  while (!input.empty()) variables.emplace_back(input.line());
  std::vector<const char*> environment;
  PressureRequest request;
  for (const std::string& variable : variables) {
    constexpr std::string_view kWatch = "MEMORY_PRESSURE_WATCH=", kWrite = "MEMORY_PRESSURE_WRITE=";
    environment.push_back(variable.c_str());
    if (variable.starts_with(kWatch)) request.watch = variable.c_str() + kWatch.size();
    if (variable.starts_with(kWrite)) request.write = variable.c_str() + kWrite.size();
  }
  environment.push_back(nullptr);
  judge_settings(environment);
  if (request.write != nullptr) judge_base64(request.write);
  // Below the tree's root, but not out of it.
  if (request.watch == nullptr || std::string_view(request.watch).find("..") == std::string_view::npos)
    judge_pressure(request);
  return 0;
}
