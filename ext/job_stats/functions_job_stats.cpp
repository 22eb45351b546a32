// job_count(filter), job_filter_sql(filter) and job_engine(filter).
//
//   SELECT job_count('{"user":{"eq":"alice"},"state":["running"]}');
//   SELECT job_filter_sql('{"cluster":{"eq":"fritz"},"numNodes":{"from":2,"to":0}}');
//   -> job.cluster = 'fritz' AND job.num_nodes >= 2
//
// Both take more arguments, in this order, NULL for the default: (filter, source, now, parity). What job_filter_sql
// returns can stand behind WHERE in any statement over the jobs: FROM job, or FROM other AS job.
#include <array>

#include "call.hpp"
#include "engine.hpp"
#include "function.hpp"
#include "job_tables.hpp"

namespace warden::jobs {
namespace {

std::int64_t job_count(ext::SqliteConnection& self, std::optional<std::string_view> filter,
                       std::optional<std::string_view> source, std::optional<std::int64_t> now,
                       std::optional<std::int64_t> parity, std::optional<std::string_view> engine) {
  self.own_act("job_count");
  const Call call(self, "job_count", {filter, source, now, std::nullopt, parity, engine}, false);
  const bool by_rows = call.options.engine == EngineChoice::rows ||
                       (call.options.engine == EngineChoice::automatic &&
                        !columns::Engine(self, call.source).refusal(call.filter, nullptr).empty());
  if (!by_rows || !call.filter.footprint().empty()) {
    Pass pass(self, "job_count", call.options);
    pass.want_totals({});
    pass.run(call.source, call.filter);
    return pass.totals().jobs;
  }
  Statement count = call.source.scan(call.filter, {"count(*)", {}, "", ""});
  count.step();
  return count.integer(0);
}

vtab::string job_filter_sql(ext::SqliteConnection& self, std::optional<std::string_view> filter,
                            std::optional<std::string_view> source, std::optional<std::int64_t> now,
                            std::optional<std::int64_t> parity) {
  const Call call(self, "job_filter_sql", {filter, source, now, std::nullopt, parity, std::nullopt}, false,
                  true);
  return call.filter.all_conditions();
}

vtab::string job_engine(ext::SqliteConnection& self, std::optional<std::string_view> filter,
                        std::optional<std::string_view> source, std::optional<std::int64_t> now,
                        std::optional<std::int64_t> parity) {
  self.own_act("job_engine");
  const Call call(self, "job_engine", {filter, source, now, std::nullopt, parity, std::nullopt}, false);
  columns::Engine engine(self, call.source);
  const std::string refusal = engine.refusal(call.filter, nullptr);
  vtab::string answer{vtab::Allocator<char>(self.api())};
  if (refusal.empty()) return answer << "columns: " << engine.name();
  return answer << "rows: " << refusal;
}

template <vtab::fixed_string Name, auto Fn, int Flags, vtab::fixed_string... More>
int install(ext::SqliteConnection& connection) noexcept {
  return vtab::define<Name, Fn, "filter", "source", "now", "parity", More...>(
      {connection.api(), connection.host().slot(), connection.db(), &connection}, Flags);
}

}  // namespace

int install_job_count(ext::SqliteConnection& connection) noexcept {
  return install<"job_count", &job_count, SQLITE_DIRECTONLY, "engine">(connection);
}

int install_job_engine(ext::SqliteConnection& connection) noexcept {
  return install<"job_engine", &job_engine, SQLITE_DIRECTONLY>(connection);
}

int install_job_filter_sql(ext::SqliteConnection& connection) noexcept {
  // Reads nothing but its arguments.
  return install<"job_filter_sql", &job_filter_sql, 0>(connection);
}

}  // namespace warden::jobs
