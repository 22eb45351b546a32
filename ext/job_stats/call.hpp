// What all calls of the job statistics have in common: the filter, and the hidden arguments source, now, short_seconds,
// parity and engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "filter.hpp"
#include "pass.hpp"
#include "source.hpp"

namespace warden::jobs {

/// The arguments as they were given; NULL is empty.
struct Arguments {
  std::optional<std::string_view> filter;
  std::optional<std::string_view> source;
  std::optional<std::int64_t> now;
  std::optional<std::int64_t> short_seconds;
  std::optional<std::int64_t> parity;
  std::optional<std::string_view> engine;

  template <class Query>
  static Arguments of(const Query& q) {
    Arguments given = without_engine(q);
    if (const auto& engine = q.template argument<"engine">()) given.engine = std::string_view(*engine);
    return given;
  }
  /// Of a function that gives rows, which only the source has.
  template <class Query>
  static Arguments without_engine(const Query& q) {
    const auto text = [](const auto& given) {
      return given ? std::optional<std::string_view>(*given) : std::nullopt;
    };
    return {text(q.template argument<"filter">()), text(q.template argument<"source">()),
            q.template argument<"now">(),          q.template argument<"short_seconds">(),
            q.template argument<"parity">(),       std::nullopt};
  }
};

/// Made for one call, on the connection's own thread; not moved. Throws vtab::error that names function and argument.
class Call {
 public:
  /// `tags_join`: with parity, a job counts once for each of its tags in a list, as it does in upstream's statistics.
  /// `is_text`: the filter's conditions are for others to run.
  Call(ext::SqliteConnection& self, std::string_view function, const Arguments& given, bool tags_join,
       bool is_text = false)
      : source(self, function, given.source),
        options(options_of(self, function, given)),
        filter(self,
               FilterContext{function, source.schema(), options.now, options.parity,
                             options.parity && tags_join, is_text},
               given.filter) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Source source;
  const Options options;
  const Filter filter;

 private:
  static EngineChoice engine_of(std::string_view function, const Arguments& given) {
    const std::string_view word = given.engine.value_or("auto");
    if (word == "auto") return EngineChoice::automatic;
    if (word == "rows") return EngineChoice::rows;
    if (word == "columns") return EngineChoice::columns;
    throw vtab::error(std::string(function) + ": engine must be 'auto', 'rows' or 'columns', not \"" +
                      std::string(word.substr(0, 64)) + '"');
  }
  static Options options_of(ext::SqliteConnection& self, std::string_view function, const Arguments& given) {
    self.own_call();
    const std::int64_t parity = given.parity.value_or(0);
    if (parity != 0 && parity != 1) {
      throw vtab::error(std::string(function) + ": parity must be 0 or 1, not " + std::to_string(parity));
    }
    const std::int64_t short_seconds = given.short_seconds.value_or(300);
    if (short_seconds < 0) {
      throw vtab::error(std::string(function) + ": short_seconds must not be negative, and is " +
                        std::to_string(short_seconds));
    }
    return {given.now ? *given.now : self.own_now(), short_seconds, parity == 1, engine_of(function, given)};
  }
};

}  // namespace warden::jobs
