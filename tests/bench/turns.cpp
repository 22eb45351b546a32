#include "turns.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "database.hpp"
#include "process.hpp"

namespace warden::bench {
namespace {

constexpr const char* kWarm = "PRAGMA cache_size=-2000000; PRAGMA temp_store=memory;";
constexpr const char* kCold = "PRAGMA cache_size=-20000; PRAGMA temp_store=memory;";

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/// What the kernel keeps of the file, as far as it likes to forget it.
void forget(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error(file + " can't be opened");
  ::fdatasync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

std::string key_of(std::size_t way) { return "way" + std::to_string(way); }

Database opened(const Parameters& given, const char* settings) {
  Database connection(given.text("file"));
  connection.load_warden();
  connection.run(settings);
  connection.run(given.text("setup"));
  return connection;
}

}  // namespace

void turns_child(const Parameters& given) {
  const bool cold = given.number("cold") != 0;
  std::vector<std::string> ways;
  while (given.all().contains(key_of(ways.size()))) ways.push_back(given.text(key_of(ways.size())));
  std::vector<std::vector<double>> ms(ways.size());
  std::vector<bool> works(ways.size(), true);
  std::optional<Database> warm;
  if (!cold) warm.emplace(opened(given, kWarm));
  const auto turn = [&](std::size_t way) {
    if (!cold) {
      const double began = processor_seconds();
      warm->run(ways[way]);
      return processor_seconds() - began;
    }
    forget(given.text("file"));
    Database connection = opened(given, kCold);
    const auto began = Clock::now();
    connection.run(ways[way]);
    return seconds_since(began);
  };
  {
    Database connection = opened(given, kWarm);
    for (std::size_t i = 0; i < ways.size(); ++i) {
      // Can it be planned? Only the first statement is asked, which is enough for those that name an index.
      if (connection.try_run("EXPLAIN " + ways[i].substr(0, ways[i].find(';'))) != SQLITE_OK)
        works[i] = false;
    }
  }
  const auto rounds = static_cast<std::size_t>(given.number("rounds"));
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const std::size_t which = (i + round) % ways.size();
      if (works[which]) ms[which].push_back(turn(which) * 1000);
    }
  }
  for (std::size_t i = 0; i < ways.size(); ++i) say(key_of(i), median(ms[i]));
}

std::vector<Way> in_turns(const Benchmark& benchmark, const Turns& turns, std::vector<Way> ways) {
  Parameters::Map given{{"file", turns.file},
                        {"setup", turns.setup},
                        {"rounds", std::to_string(turns.rounds)},
                        {"cold", turns.cold ? "1" : "0"}};
  for (std::size_t i = 0; i < ways.size(); ++i) given[key_of(i)] = ways[i].sql;
  const Numbers said = measure(benchmark, Parameters(std::move(given)));
  for (std::size_t i = 0; i < ways.size(); ++i) ways[i].ms = said[key_of(i)];
  std::erase_if(ways, [](const Way& way) { return std::isnan(way.ms); });
  return ways;
}

const Way& named(const std::vector<Way>& ways, std::string_view name) {
  for (const Way& way : ways) {
    if (way.name == name) return way;
  }
  throw std::runtime_error("the way " + std::string(name) + " can't be gone");
}

std::string text_of_ms(double ms) {
  char text[32];
  std::snprintf(text, sizeof(text), ms < 10 ? "%.2f ms" : "%.0f ms", ms);
  return text;
}

}  // namespace warden::bench
