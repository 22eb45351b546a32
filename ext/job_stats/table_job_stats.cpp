// job_stats(filter, group_by): what the jobs of a filter add up to, in all or by group.
//
//   SELECT total_jobs, total_core_hours FROM job_stats('{"cluster":{"eq":"fritz"},"startTime":{"range":"last30d"}}');
//   SELECT group_key, total_core_hours FROM job_stats(NULL, 'user') ORDER BY total_core_hours DESC, group_key LIMIT 10;
//
// group_by: NULL, user, project, cluster, subcluster, partition, state, or the name of any column. Without a group there is
// one row, of zeros if no job matches; with one, a row for each value that occurs, NULL included, ordered by it. Users
// have their name from the table hpc_user beside the jobs, if it is there.
//
// Time counts up to now for jobs that run, hours are rounded to the nearest. With parity = 1 they are cut off, short_jobs
// goes by the duration that is stored, a job counts once for each of its tags that the filter names, and jobs without a
// group key are left out: what ClusterCockpit shows.
//
// bad_footprints, not in SELECT *: jobs that metricStats could not judge because their footprint is not JSON.
#include <algorithm>

#include "call.hpp"
#include "job_tables.hpp"
#include "vtab.hpp"

namespace warden::jobs {
namespace {

constexpr std::string_view kFunction = "job_stats";

/// Words for columns.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kGroups{
    {{"user", "hpc_user"},
     {"project", "project"},
     {"cluster", "cluster"},
     {"subcluster", "subcluster"},
     {"partition", "cluster_partition"},
     {"state", "job_state"}}};

std::string_view group_column(std::string_view word) noexcept {
  const auto found =
      std::find_if(kGroups.begin(), kGroups.end(), [&](const auto& g) { return g.first == word; });
  return found == kGroups.end() ? word : found->second;
}

/// A group of a pass, or all of it. Small: there may be millions.
struct StatsRow {
  const Groups::Entry* group;
  const Pass* pass;

  const Totals& totals() const { return group == nullptr ? pass->totals() : group->value.totals; }
  std::int64_t in_hours(std::int64_t seconds) const { return hours(seconds, pass->options().parity); }

  GroupKey group_key() const { return group == nullptr ? GroupKey() : GroupKey(group->key); }
  std::optional<std::string_view> group_name() const {
    return group == nullptr || group->value.name.data() == nullptr ? std::nullopt
                                                                   : std::optional(group->value.name);
  }
  std::int64_t jobs() const { return totals().jobs; }
  std::int64_t users() const { return totals().users; }
  std::int64_t walltime_hours() const { return in_hours(totals().seconds); }
  std::int64_t nodes() const { return totals().nodes; }
  std::int64_t node_hours() const { return in_hours(totals().node_seconds); }
  std::int64_t cores() const { return totals().cores; }
  std::int64_t core_hours() const { return in_hours(totals().core_seconds); }
  std::int64_t accs() const { return totals().accs; }
  std::int64_t acc_hours() const { return in_hours(totals().acc_seconds); }
  std::int64_t running_jobs() const { return totals().running_jobs; }
  std::int64_t short_jobs() const { return totals().short_jobs; }
  std::int64_t bad_footprints() const { return pass->bad_footprints(); }
};

/// The rows, and the pass that they look into.
struct StatsRows {
  vtab::owned<Pass> pass;
  vtab::vector<StatsRow> rows;
  auto begin() const { return rows.begin(); }
  auto end() const { return rows.end(); }
};

/// Users' names, from the table beside the jobs; none where there is no such table.
void name_users(ext::SqliteConnection& self, std::string_view schema, Groups& groups) {
  vtab::string sql{vtab::Allocator<char>(self.api())};
  sql.append("SELECT name FROM ").append(schema).append("hpc_user WHERE username = ?1");
  Statement user;
  if (!Statement::if_there(self, sql, user)) return;
  for (Groups::Entry* entry : groups.entries()) {
    const GroupKey key(entry->key);
    if (!key.is_text()) continue;
    user.bind(1, key.bytes());
    if (user.step() && user.type(0) != SQLITE_NULL) entry->value.name = groups.arena().keep(user.text(0));
    user.reset();
  }
}

struct JobStats : ext::OwnTable {
  using row = StatsRow;
  using columns = vtab::columns<
      vtab::col<"group_key", &StatsRow::group_key>, vtab::col<"group_name", &StatsRow::group_name>,
      vtab::col<"total_jobs", &StatsRow::jobs>, vtab::col<"total_users", &StatsRow::users>,
      vtab::col<"total_walltime_hours", &StatsRow::walltime_hours>,
      vtab::col<"total_nodes", &StatsRow::nodes>, vtab::col<"total_node_hours", &StatsRow::node_hours>,
      vtab::col<"total_cores", &StatsRow::cores>, vtab::col<"total_core_hours", &StatsRow::core_hours>,
      vtab::col<"total_accs", &StatsRow::accs>, vtab::col<"total_acc_hours", &StatsRow::acc_hours>,
      vtab::col<"running_jobs", &StatsRow::running_jobs>, vtab::col<"short_jobs", &StatsRow::short_jobs>,
      vtab::arg<"filter", std::string_view>, vtab::arg<"group_by", std::string_view>,
      vtab::arg<"source", std::string_view>, vtab::arg<"now", std::int64_t>,
      vtab::arg<"short_seconds", std::int64_t>, vtab::arg<"parity", std::int64_t>,
      vtab::arg<"engine", std::string_view>, vtab::no_more_args,
      vtab::unlisted_col<"bad_footprints", &StatsRow::bad_footprints>>;
  static constexpr const char* name = "job_stats";
  static constexpr auto risk = kRisk;
  static constexpr bool rewinds = true;
  static constexpr double scan_cost = kPassCost;
  using OwnTable::OwnTable;

  StatsRows scan(const vtab::query<row, columns>& q) const {
    const Call call(self, kFunction, Arguments::of(q), true);
    auto pass = vtab::make_owned<Pass>(self.api(), self, kFunction, call.options);
    pass->want_totals({.users = q.reads<"total_users">(),
                       .seconds = q.reads<"total_walltime_hours">(),
                       .nodes = q.reads<"total_nodes">(),
                       .node_seconds = q.reads<"total_node_hours">(),
                       .cores = q.reads<"total_cores">(),
                       .core_seconds = q.reads<"total_core_hours">(),
                       .accs = q.reads<"total_accs">(),
                       .acc_seconds = q.reads<"total_acc_hours">(),
                       .running_jobs = q.reads<"running_jobs">(),
                       .short_jobs = q.reads<"short_jobs">()});
    const auto& group_by = q.argument<"group_by">();
    const std::string_view column = group_by ? group_column(*group_by) : std::string_view{};
    if (group_by) pass->group_by(column);
    pass->run(call.source, call.filter);
    vtab::vector<StatsRow> rows{vtab::Allocator<StatsRow>(self.api())};
    Groups* groups = pass->groups();
    if (groups == nullptr) {
      rows.push_back({nullptr, pass.get()});
      return {std::move(pass), std::move(rows)};
    }
    if (column == "hpc_user" && q.reads<"group_name">()) name_users(self, call.source.schema(), *groups);
    rows.reserve(groups->size());
    InterruptCheck interrupted(self);
    for (const Groups::Entry* entry : groups->entries()) {
      interrupted.now_and_then();
      if (!call.options.parity || !GroupKey(entry->key).is_null()) rows.push_back({entry, pass.get()});
    }
    std::sort(rows.begin(), rows.end(), [&](const StatsRow& a, const StatsRow& b) {
      interrupted.now_and_then();
      return a.group_key() < b.group_key();
    });
    return {std::move(pass), std::move(rows)};
  }
};

}  // namespace

int install_job_stats(ext::SqliteConnection& connection) noexcept {
  return vtab::install_on<JobStats>(connection.db(), connection);
}

}  // namespace warden::jobs
