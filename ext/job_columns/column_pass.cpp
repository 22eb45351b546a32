#include "column_pass.hpp"

#include <algorithm>
#include <cstring>

namespace warden::columns {
namespace {

using jobs::Pass;

/// Groups times users: 16 MB of bits. Beyond that the row pass is taken.
constexpr std::size_t kMostPairs = std::size_t{1} << 27;
/// How many entries a table has that codes are an index of: room_for_codes().
constexpr std::size_t room_for(std::size_t codes) noexcept { return 2 * codes + 1; }

}  // namespace

std::string ColumnPass::refusal(Store& store, const Pass& pass, const Options& options,
                                std::span<const std::string_view> metrics) {
  const auto lacks = [&](Field field) { return !options.has(field); };
  const auto without = [](std::string_view column) {
    return "the columns don't have " + std::string(column) + " of the jobs";
  };
  if (pass.options_.now < 0 || pass.options_.now > kMostTime)
    return "now is beyond what the columns reckon with";
  if (pass.groups_) {
    const auto field = field_of(pass.group_column_);
    if (!field || lacks(*field) || !has_codes(*field)) return without(pass.group_column_);
    if (pass.wanted_ && pass.wanted_->users && *field != Field::hpc_user &&
        room_for(codes_in(store, *field)) * room_for(codes_in(store, Field::hpc_user)) > kMostPairs)
      return "there are too many users and groups for the columns";
  }
  std::array<bool, kFields> needed{};
  const auto need = [&](Field field) { needed[static_cast<std::size_t>(field)] = true; };
  if (pass.wanted_ || pass.durations_)
    for (const Field field : {Field::job_state, Field::start_time, Field::duration}) need(field);
  if (pass.wanted_) {
    const jobs::Wanted& wanted = *pass.wanted_;
    if (wanted.nodes || wanted.node_seconds) need(Field::num_nodes);
    if (wanted.cores || wanted.core_seconds) need(Field::num_hwthreads);
    if (wanted.accs || wanted.acc_seconds) need(Field::num_acc);
    if (wanted.users) need(Field::hpc_user);
  }
  for (const Pass::Number which : {Pass::nodes, Pass::cores, Pass::accs})
    if (pass.numbers_[which]) need(field_of_number(which));
  if (!pass.metrics_.empty()) need(Field::footprint);
  for (std::size_t i = 0; i < kFields; ++i)
    if (needed[i] && lacks(static_cast<Field>(i))) return without(kFieldSpecs[i].column);
  for (const std::string_view key : pass.metric_keys_) {
    if (!options.metrics.empty() && std::find(metrics.begin(), metrics.end(), key) == metrics.end())
      return "the columns don't have the metric " + std::string(key);
  }
  return {};
}

ColumnPass::ColumnPass(Store& store, Pass& pass, const jobs::Filter& filter, const Options& options,
                       std::span<const std::string_view> metrics)
    : store_(store),
      pass_(pass),
      api_(store.self().api()),
      predicates_(store, filter, options, metrics, pass.options_.now),
      exact_(store.self()),
      metrics_(vtab::Allocator<MetricCounts>(api_)),
      changed_(vtab::Allocator<std::uint16_t>(api_)),
      duration_counts_(vtab::Allocator<std::int64_t>(api_)),
      number_counts_{vtab::vector<std::int64_t>(vtab::Allocator<std::int64_t>(api_)),
                     vtab::vector<std::int64_t>(vtab::Allocator<std::int64_t>(api_)),
                     vtab::vector<std::int64_t>(vtab::Allocator<std::int64_t>(api_))},
      groups_(vtab::Allocator<Sums>(api_)),
      group_sums_(api_),
      users_(vtab::Allocator<std::uint8_t>(api_)),
      pairs_(vtab::Allocator<std::uint64_t>(api_)) {
  const auto need = [&](Field field) { needed_[static_cast<std::size_t>(field)] = true; };
  if (pass.wanted_) {
    const jobs::Wanted& wanted = *pass.wanted_;
    const bool weighs = wanted.seconds || wanted.node_seconds || wanted.core_seconds || wanted.acc_seconds;
    if (weighs || wanted.running_jobs || wanted.short_jobs) need(Field::job_state);
    if (weighs || wanted.short_jobs) need(Field::duration);
    if (wanted.nodes || wanted.node_seconds) need(Field::num_nodes);
    if (wanted.cores || wanted.core_seconds) need(Field::num_hwthreads);
    if (wanted.accs || wanted.acc_seconds) need(Field::num_acc);
    if (pass.groups_) group_ = field_of(pass.group_column_);
    if (wanted.users && group_ != Field::hpc_user) need(Field::hpc_user);
    if (group_) need(*group_);
  }
  if (pass.durations_)
    for (const Field field : {Field::job_state, Field::duration}) need(field);
  for (const Pass::Number which : {Pass::nodes, Pass::cores, Pass::accs})
    if (pass.numbers_[which]) need(field_of_number(which));
  for (std::size_t i = 0; i < pass.metrics_.size(); ++i) {
    const auto found = std::find(metrics.begin(), metrics.end(), pass.metric_keys_[i]);
    // One that is no column has no job: as one of a number that no segment has.
    const auto number = static_cast<std::int64_t>(kFirstMetric) + (found - metrics.begin());
    metrics_.emplace_back(number, pass.metrics_[i], exact_, api_);
  }
}

void ColumnPass::run(std::span<const std::int64_t> changed) {
  if (!predicates_.possible()) return;
  if (needs(Field::hpc_user)) {
    user_codes_ = codes_in(store_, Field::hpc_user);
    users_.assign(room_for(user_codes_), 0);
  }
  if (group_) {
    group_codes_ = codes_in(store_, *group_);
    groups_.resize(room_for(group_codes_));
    if (GroupSums::can(groups_.size())) group_sums_.begin(groups_.size());
    if (user_codes_ != 0 && group_ != Field::hpc_user)
      pairs_.assign(groups_.size() * users_.size() / 64 + 1, 0);
  }
  Segments segments(store_);
  Mask mask;
  while (segments.next()) {
    if (!predicates_.may_meet(segments.zones())) continue;
    open(segments);
    find_changed(segments, changed);
    for (std::size_t i = 0; i * kBlock < segments.jobs(); ++i) {
      const std::size_t rows = std::min(kBlock, segments.jobs() - i * kBlock);
      const std::size_t met = choose(i, rows, mask);
      if (met != 0) add_block(i, mask, met, rows);
    }
  }
  if (group_sums_) flush_groups();
  flush_histograms();
  hand_over();
}

void ColumnPass::open(Segments& segments) {
  predicates_.open(segments);
  for (std::size_t i = 0; i < kFields; ++i) {
    fields_[i].reset();
    if (needed_[i]) fields_[i] = segments.integers(static_cast<Field>(i));
  }
  for (MetricCounts& metric : metrics_) metric.open(segments);
  const auto check_codes = [&](Field field, std::size_t codes) {
    room_for_codes(store_, segments.id(), field, column(field), codes);
  };
  if (needs(Field::hpc_user)) check_codes(Field::hpc_user, user_codes_);
  if (group_) check_codes(*group_, group_codes_);
  // When a job has started matters only where one may run.
  if (needs(Field::job_state) && needs(Field::duration)) {
    const std::int64_t running = predicates_.running();
    if (running != 0 && column(Field::job_state).min() <= running &&
        column(Field::job_state).max() >= running)
      fields_[static_cast<std::size_t>(Field::start_time)] = segments.integers(Field::start_time);
  }
}

void ColumnPass::find_changed(Segments& segments, std::span<const std::int64_t> changed) {
  changed_.clear();
  next_changed_ = 0;
  const auto first = std::lower_bound(changed.begin(), changed.end(), segments.first());
  const auto last = std::upper_bound(first, changed.end(), segments.last());
  if (first == last) return;
  const IntegerColumn ids = segments.integers(Field::id);
  std::array<std::int64_t, kBlock> rows;
  auto next = first;
  for (std::size_t i = 0; i < ids.blocks() && next != last; ++i) {
    const IntegerBlock block = ids.block(i);
    if (block.max < *next) continue;
    ids.values(i, rows.data());
    for (std::size_t row = 0; row < block.rows && next != last; ++row) {
      while (next != last && *next < rows[row]) ++next;
      if (next != last && *next == rows[row])
        changed_.push_back(static_cast<std::uint16_t>(i * kBlock + row));
    }
  }
}

std::size_t ColumnPass::choose(std::size_t i, std::size_t rows, Mask& mask) {
  std::memset(mask.data(), 1, rows);
  std::memset(mask.data() + rows, 0, kBlock - rows);
  for (; next_changed_ < changed_.size() && changed_[next_changed_] < (i + 1) * kBlock; ++next_changed_)
    mask[changed_[next_changed_] - i * kBlock] = 0;
  return predicates_.apply(i, mask, exact_) ? count(mask) : 0;
}

void ColumnPass::add_block(std::size_t i, const Mask& mask, std::size_t met, std::size_t rows) {
  if (needs(Field::duration) || needs(Field::job_state)) read_durations(i);
  if (pass_.durations_) add_durations(i, mask, met);
  for (const Pass::Number which : {Pass::nodes, Pass::cores, Pass::accs})
    if (pass_.numbers_[which]) add_numbers(which, i, mask);
  for (MetricCounts& metric : metrics_) metric.add(i, mask, met);
  if (!pass_.wanted_) return;
  if (needs(Field::num_nodes)) column(Field::num_nodes).values32(i, nodes_.data());
  if (needs(Field::num_hwthreads)) column(Field::num_hwthreads).values32(i, cores_.data());
  if (needs(Field::num_acc)) column(Field::num_acc).values32(i, accs_.data());
  if (group_) {
    add_groups(i, mask, rows);
    return;
  }
  add_sums(i, mask, met);
  if (!needs(Field::hpc_user)) return;
  add_users(i, mask, rows);
}

void ColumnPass::add_users(std::size_t i, const Mask& mask, std::size_t rows) {
  // Codes rise as users come, so that in most blocks there is no new one.
  const IntegerBlock block = column(Field::hpc_user).block(i);
  if (block.nulls == 0 && block.min > 0 && block.max < first_unseen_) return;
  Numbers codes;
  column(Field::hpc_user).values32(i, codes.data());
  for (std::size_t row = 0; row < rows; ++row) users_[static_cast<std::size_t>(codes[row])] |= mask[row];
  while (first_unseen_ <= static_cast<std::int64_t>(user_codes_) &&
         users_[static_cast<std::size_t>(first_unseen_)] != 0)
    ++first_unseen_;
}

void ColumnPass::read_durations(std::size_t i) {
  if (needs(Field::duration)) {
    column(Field::duration).values32(i, stored_.data());
    seconds_ = stored_;
  }
  const std::int64_t running = predicates_.running();
  any_runs_ = false;
  if (!needs(Field::job_state) || running == 0) return;
  const IntegerBlock states = column(Field::job_state).block(i);
  if (states.min > running || states.max < running) return;
  Numbers codes;
  column(Field::job_state).values32(i, codes.data());
  any_runs_ = find_equal(codes, static_cast<std::int32_t>(running), runs_);
  if (!any_runs_ || !needs(Field::duration)) return;
  each_met(runs_, [&](std::size_t row) { seconds_[row] = 0; });
}

std::int32_t ColumnPass::short_limit() const noexcept {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(pass_.options_.short_seconds, 0, INT32_MAX));
}

std::int64_t ColumnPass::seconds_of_running(std::size_t i, std::size_t row) const {
  return pass_.options_.now - column(Field::start_time).value(i, row);
}

void ColumnPass::add_running(Sums& sums, std::size_t i, std::size_t row) {
  ++sums.running_jobs;
  if (!needs(Field::duration)) return;
  const std::int64_t seconds = seconds_of_running(i, row);
  const jobs::Wanted& wanted = *pass_.wanted_;
  if (wanted.seconds) check(sums.seconds, seconds, "total_walltime_hours");
  if (wanted.node_seconds) pass_.add_product(sums.node_seconds, nodes_[row], seconds, "total_node_hours");
  if (wanted.core_seconds) pass_.add_product(sums.core_seconds, cores_[row], seconds, "total_core_hours");
  if (wanted.acc_seconds) pass_.add_product(sums.acc_seconds, accs_[row], seconds, "total_acc_hours");
  if (wanted.short_jobs) {
    // Its stored duration was counted, or not, as one of a job that has ended.
    const std::int64_t judged = pass_.options_.parity ? stored_[row] : seconds;
    if (judged < pass_.options_.short_seconds) ++sums.short_jobs;
  }
}

void ColumnPass::add_sums(std::size_t i, const Mask& mask, std::size_t met) {
  const jobs::Wanted& wanted = *pass_.wanted_;
  if (met < kBlock) {
    if (needs(Field::num_nodes)) clear_others(mask, nodes_);
    if (needs(Field::num_hwthreads)) clear_others(mask, cores_);
    if (needs(Field::num_acc)) clear_others(mask, accs_);
    if (needs(Field::duration)) {
      clear_others(mask, seconds_);
      if (wanted.short_jobs) clear_others(mask, stored_);
    }
  }
  Sums sums;
  sums.jobs = static_cast<std::int64_t>(met);
  if (wanted.nodes) sums.nodes = sum(nodes_);
  if (wanted.cores) sums.cores = sum(cores_);
  if (wanted.accs) sums.accs = sum(accs_);
  if (wanted.seconds) sums.seconds = sum(seconds_);
  if (wanted.node_seconds) sums.node_seconds = sum_products(nodes_, seconds_);
  if (wanted.core_seconds) sums.core_seconds = sum_products(cores_, seconds_);
  if (wanted.acc_seconds) sums.acc_seconds = sum_products(accs_, seconds_);
  if (wanted.short_jobs) {
    const std::int32_t limit = short_limit();
    const std::size_t others = limit > 0 ? kBlock - met : 0;  // they are 0, too
    sums.short_jobs = static_cast<std::int64_t>(count_below(stored_, limit) - others);
  }
  add(all_, sums);
  if (!any_runs_) return;
  each_met(runs_, [&](std::size_t row) {
    if (mask[row] == 0) return;
    if (wanted.short_jobs && stored_[row] < pass_.options_.short_seconds) --all_.short_jobs;
    add_running(all_, i, row);
  });
}

void ColumnPass::add_groups(std::size_t i, const Mask& mask, std::size_t rows) {
  Numbers codes;
  column(*group_).values32(i, codes.data());
  if (!any_runs_) {
    add_ended(i, codes, mask);
  } else {
    Mask ended = mask;
    each_met(runs_, [&](std::size_t row) {
      if (mask[row] == 0) return;
      ended[row] = 0;
      Sums& group = groups_[static_cast<std::size_t>(codes[row])];
      add(group, stored(row));
      add_running(group, i, row);
    });
    add_ended(i, codes, ended);
  }
  if (pairs_.empty()) return;
  Numbers users;
  column(Field::hpc_user).values32(i, users.data());
  for (std::size_t row = 0; row < rows; ++row) {
    if (mask[row] == 0) continue;
    const std::size_t pair =
        static_cast<std::size_t>(codes[row]) * users_.size() + static_cast<std::size_t>(users[row]);
    pairs_[pair / 64] |= std::uint64_t{1} << pair % 64;
  }
}

Sums ColumnPass::stored(std::size_t row) const {
  const std::int64_t seconds = seconds_[row];
  Sums sums;
  sums.jobs = 1;
  sums.seconds = seconds;
  sums.nodes = nodes_[row];
  sums.node_seconds = nodes_[row] * seconds;
  sums.cores = cores_[row];
  sums.core_seconds = cores_[row] * seconds;
  sums.accs = accs_[row];
  sums.acc_seconds = accs_[row] * seconds;
  return sums;
}

void ColumnPass::add_ended(std::size_t i, const Numbers& codes, const Mask& mask) {
  const std::int32_t limit = short_limit();
  if (group_sums_) {
    const auto limit_of = [&](Field field) {
      return needs(field) ? column(field).block(i).limit : std::int64_t{0};
    };
    const std::int64_t most =
        std::max({limit_of(Field::num_nodes), limit_of(Field::num_hwthreads), limit_of(Field::num_acc)});
    const BlockOfJobs jobs{seconds_, nodes_, cores_, accs_, limit_of(Field::duration), most, limit};
    if (group_sums_.can_add(jobs)) {
      if (group_sums_.is_full(jobs)) flush_groups();
      group_sums_.add(codes, jobs, mask);
      return;
    }
  }
  for (std::size_t row = 0; row < kBlock; ++row) {
    if (mask[row] == 0) continue;
    Sums sums = stored(row);
    sums.short_jobs = stored_[row] < limit ? 1 : 0;
    add(groups_[static_cast<std::size_t>(codes[row])], sums);
  }
}

void ColumnPass::flush_groups() {
  group_sums_.flush([&](std::size_t group, const Sums& sums) { add(groups_[group], sums); });
}

void ColumnPass::add(Sums& sums, const Sums& more) const {
  const jobs::Wanted& wanted = *pass_.wanted_;
  sums.jobs += more.jobs;
  sums.short_jobs += more.short_jobs;
  // What nobody reads does not overflow.
  if (wanted.seconds) check(sums.seconds, more.seconds, "total_walltime_hours");
  if (wanted.nodes) check(sums.nodes, more.nodes, "total_nodes");
  if (wanted.node_seconds) check(sums.node_seconds, more.node_seconds, "total_node_hours");
  if (wanted.cores) check(sums.cores, more.cores, "total_cores");
  if (wanted.core_seconds) check(sums.core_seconds, more.core_seconds, "total_core_hours");
  if (wanted.accs) check(sums.accs, more.accs, "total_accs");
  if (wanted.acc_seconds) check(sums.acc_seconds, more.acc_seconds, "total_acc_hours");
}

template <class F>
void ColumnPass::each_text(Field field, F&& f) {
  Statement texts(store_.self(), store_.empty() << "SELECT code, value FROM " << store_.table("value")
                                                << " WHERE \"column\" = ?1 ORDER BY code");
  texts.bind(1, static_cast<std::int64_t>(field));
  while (texts.step()) f(static_cast<std::size_t>(texts.integer(0)), texts.raw_value(1));
}

void ColumnPass::add_to_totals(jobs::Totals& totals, const Sums& sums) const {
  totals.jobs += sums.jobs;
  totals.running_jobs += sums.running_jobs;
  totals.short_jobs += sums.short_jobs;
  check(totals.seconds, sums.seconds, "total_walltime_hours");
  check(totals.nodes, sums.nodes, "total_nodes");
  check(totals.node_seconds, sums.node_seconds, "total_node_hours");
  check(totals.cores, sums.cores, "total_cores");
  check(totals.core_seconds, sums.core_seconds, "total_core_hours");
  check(totals.accs, sums.accs, "total_accs");
  check(totals.acc_seconds, sums.acc_seconds, "total_acc_hours");
}

void ColumnPass::hand_over() {
  if (!pass_.wanted_) return;
  if (!group_) {
    add_to_totals(pass_.all_.totals, all_);
    if (needs(Field::hpc_user)) {
      each_text(Field::hpc_user, [&](std::size_t code, sqlite3_value* text) {
        if (code < users_.size() && users_[code] != 0) pass_.users_->at(vtab::value(api_, text).as_text());
      });
    }
    return;
  }
  const auto take = [&](std::size_t code, std::string_view key) {
    if (code >= groups_.size() || groups_[code].jobs == 0) return;
    auto& entry = pass_.groups_->at(key);
    add_to_totals(entry.value.totals, groups_[code]);
    if (group_ == Field::hpc_user && pass_.wanted_->users) entry.value.totals.users = code == 0 ? 0 : 1;
    if (pairs_.empty()) return;
    each_text(Field::hpc_user, [&](std::size_t user, sqlite3_value* text) {
      const std::size_t pair = code * users_.size() + user;
      if (user >= users_.size() || (pairs_[pair / 64] >> pair % 64 & 1) == 0) return;
      const std::uint32_t number = pass_.users_->at(vtab::value(api_, text).as_text()).number;
      if (pass_.users_of_groups_->add(entry.number, number)) ++entry.value.totals.users;
    });
  };
  vtab::string key{vtab::Allocator<char>(api_)};
  key.assign("0");  // how GroupKey encodes NULL
  take(0, key);
  each_text(*group_, [&](std::size_t code, sqlite3_value* text) {
    take(code, jobs::GroupKey::encode(vtab::value(api_, text), key));
  });
}

}  // namespace warden::columns
