#include "pass.hpp"

#include <algorithm>

#include "engine.hpp"
#include "function.hpp"
#include "job_tables.hpp"

namespace warden::jobs {
namespace {

constexpr char kPointerType[] = "warden_job_pass";
constexpr std::string_view kRunning = "running";

/// Lets functions take `count` arguments, also on a connection whose host allows fewer (SQLite's advice against hostile SQL is
/// 8), and then puts its limit back.
class ArgumentLimit {
 public:
  ArgumentLimit(ext::SqliteConnection& self, int count) : self_(self), of_host_(set(-1)) {
    if (of_host_ < count) set(count);
  }
  ~ArgumentLimit() { set(of_host_); }
  ArgumentLimit(const ArgumentLimit&) = delete;
  ArgumentLimit& operator=(const ArgumentLimit&) = delete;

 private:
  /// The limit before; a negative one changes nothing.
  int set(int limit) noexcept { return self_.api()->limit(self_.db(), SQLITE_LIMIT_FUNCTION_ARG, limit); }
  ext::SqliteConnection& self_;
  const int of_host_;
};

}  // namespace

Pass::Pass(ext::SqliteConnection& self, std::string_view function, const Options& options)
    : self_(self),
      api_(self.api()),
      function_(function),
      options_(options),
      group_column_(vtab::Allocator<char>(api_)),
      metric_keys_(vtab::Allocator<std::string_view>(api_)),
      metric_places_(vtab::Allocator<std::size_t>(api_)),
      metrics_(vtab::Allocator<MetricHistogram>(api_)),
      key_(vtab::Allocator<char>(api_)) {}

void Pass::group_by(std::string_view column) {
  group_column_ = column;
  groups_.emplace(api_);
}

void Pass::want_metrics(std::span<const Metric> metrics, std::int64_t bins) {
  metrics_.reserve(metrics.size());
  for (const Metric& metric : metrics) {
    metric_keys_.push_back(metric.key);
    metrics_.emplace_back(bins, metric.peak, api_);
  }
}

void Pass::decide_columns(const Filter& filter) {
  std::array<bool, kColumns> needed{};
  if (wanted_) {
    const bool weighs =
        wanted_->seconds || wanted_->node_seconds || wanted_->core_seconds || wanted_->acc_seconds;
    needed[kState] = weighs || wanted_->running_jobs;
    needed[kStart] = weighs;
    needed[kDuration] = weighs || wanted_->short_jobs;
    if (wanted_->short_jobs && !options_.parity) needed[kState] = needed[kStart] = true;
    needed[kNodes] = wanted_->nodes || wanted_->node_seconds;
    needed[kCores] = wanted_->cores || wanted_->core_seconds;
    needed[kAccs] = wanted_->accs || wanted_->acc_seconds;
    // Grouped by user, each group has one.
    needed[kUser] = wanted_->users && group_column_ != kNames[kUser];
  }
  if (durations_) needed[kState] = needed[kStart] = needed[kDuration] = true;
  if (numbers_[nodes]) needed[kNodes] = true;
  if (numbers_[cores]) needed[kCores] = true;
  if (numbers_[accs]) needed[kAccs] = true;
  needed[kFootprint] = !metrics_.empty() || !filter.footprint().empty();
  needed[kGroup] = groups_.has_value();
  int next = 0;
  for (std::size_t column = 0; column < kColumns; ++column) position_[column] = needed[column] ? next++ : -1;
}

void Pass::run(const Source& source, const Filter& filter) {
  decide_columns(filter);
  if (reads(kFootprint)) {
    footprints_.emplace(self_, keys_of(filter.footprint(), metric_keys_, api_));
    conditions_.emplace(filter.footprint(), *footprints_, api_);
    for (const std::string_view key : metric_keys_) metric_places_.push_back(footprints_->position_of(key));
  }
  if (reads(kUser)) {
    users_.emplace(api_);
    if (groups_) users_of_groups_.emplace(api_);
  }
  bool is_done = false;
  if (options_.engine != EngineChoice::rows) {
    columns::Engine engine(self_, source);
    const std::string refusal = engine.refusal(filter, this);
    if (refusal.empty()) {
      engine.run(*this, filter);
      const vtab::string left = engine.left_for_rows();
      if (!left.empty()) run_rows(source, filter, left);
      is_done = true;
    } else if (options_.engine == EngineChoice::columns) {
      throw vtab::error(std::string(function_) + ": engine is 'columns', but " + refusal);
    }
  }
  if (!is_done) run_rows(source, filter, "");
  if (users_ && !groups_) all_.totals.users = static_cast<std::int64_t>(users_->size());
}

void Pass::run_rows(const Source& source, const Filter& filter, std::string_view condition) {
  vtab::string call{vtab::Allocator<char>(api_)};
  vtab::vector<std::string_view> columns{vtab::Allocator<std::string_view>(api_)};
  call.append("warden_job_pass(?1");
  for (std::size_t column = 0; column < kColumns; ++column) {
    if (position_[column] < 0) continue;
    const std::string_view name = column == kGroup ? std::string_view(group_column_) : kNames[column];
    columns.push_back(name);
    call.append(", job.");
    append_identifier(call, name);
  }
  call.append(")");
  const ArgumentLimit limit(self_, 1 + kColumns);
  const Source::Select what{call, columns, condition, ""};
  Statement pass = condition.empty() ? source.scan(filter, what) : source.select(filter, what);
  pass.bind_pointer(1, this, kPointerType);
  pass.step();
}

void Pass::add_to(std::int64_t& sum, std::int64_t amount, std::string_view what) const {
  if (__builtin_add_overflow(sum, amount, &sum))
    throw vtab::error(std::string(function_) + ": integer overflow in " + std::string(what));
}

void Pass::add_product(std::int64_t& sum, std::int64_t a, std::int64_t b, std::string_view what) const {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(sum, product, &sum))
    throw vtab::error(std::string(function_) + ": integer overflow in " + std::string(what));
}

void Pass::add(sqlite3_value** row) {
  if (footprints_) {
    const FootprintReader::Read read = footprints_->read(at(row, kFootprint));
    if (read == FootprintReader::Read::no_json) ++bad_footprints_;
    if (!conditions_->met(read)) return;
    add_metrics(read);
  }
  const bool running = reads(kState) && at(row, kState).as_text() == kRunning;
  std::optional<std::int64_t> duration;
  if (reads(kDuration)) {
    const Column from = running && reads(kStart) ? kStart : kDuration;
    const std::int64_t number = integer(row, from);
    // A NULL reads as 0.
    if (number != 0 || !at(row, from).is_null()) {
      duration = number;
      if (from == kStart && __builtin_sub_overflow(options_.now, number, &*duration)) duration.reset();
    }
  }
  if (durations_ && duration) durations_->add(*duration);
  add_numbers(row);
  if (!wanted_) return;
  if (!groups_) return add_totals(all_, 0, row, running, duration);
  auto& entry = groups_->at(GroupKey::encode(at(row, kGroup), key_));
  add_totals(entry.value, entry.number, row, running, duration);
}

void Pass::add_totals(Group& group, std::uint32_t group_number, sqlite3_value** row, bool running,
                      const std::optional<std::int64_t>& duration) {
  Totals& totals = group.totals;
  const std::int64_t seconds = duration.value_or(0);
  ++totals.jobs;
  if (wanted_->seconds) add_to(totals.seconds, seconds, "total_walltime_hours");
  if (reads(kNodes)) {
    const std::int64_t number = integer(row, kNodes);
    if (wanted_->nodes) add_to(totals.nodes, number, "total_nodes");
    if (wanted_->node_seconds) add_product(totals.node_seconds, number, seconds, "total_node_hours");
  }
  if (reads(kCores)) {
    const std::int64_t number = integer(row, kCores);
    if (wanted_->cores) add_to(totals.cores, number, "total_cores");
    if (wanted_->core_seconds) add_product(totals.core_seconds, number, seconds, "total_core_hours");
  }
  if (reads(kAccs)) {
    const std::int64_t number = integer(row, kAccs);
    if (wanted_->accs) add_to(totals.accs, number, "total_accs");
    if (wanted_->acc_seconds) add_product(totals.acc_seconds, number, seconds, "total_acc_hours");
  }
  if (running) ++totals.running_jobs;
  if (wanted_->short_jobs) {
    if (!options_.parity) {
      if (duration && *duration < options_.short_seconds) ++totals.short_jobs;
    } else if (integer(row, kDuration) < options_.short_seconds && !at(row, kDuration).is_null()) {
      ++totals.short_jobs;  // of a running job too what was stored, however old
    }
  }
  if (users_) {
    const vtab::value user = at(row, kUser);
    if (!user.is_null()) {
      const std::uint32_t number = users_->at(user.as_text()).number;
      if (users_of_groups_ && users_of_groups_->add(group_number, number)) ++totals.users;
    }
  } else if (groups_ && wanted_->users) {
    totals.users = GroupKey(key_).is_null() ? 0 : 1;
  }
}

void Pass::add_numbers(sqlite3_value** row) {
  for (const Number which : {nodes, cores, accs}) {
    if (!numbers_[which]) continue;
    const auto column = static_cast<Column>(int{kNodes} + int{which});
    const std::int64_t number = integer(row, column);
    if (number == 0 && at(row, column).is_null()) {
      ++numbers_[which]->unknown;
    } else {
      numbers_[which]->counts.add(number);
    }
  }
}

void Pass::add_metrics(FootprintReader::Read read) {
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    MetricHistogram& histogram = metrics_[i];
    const FootprintValue& value = footprints_->at(metric_places_[i]);
    if (read != FootprintReader::Read::json || value.kind != FootprintValue::Kind::number) {
      histogram.add_without_value();
      continue;
    }
    if (!histogram.add(value.number, value.exact))
      histogram.add(footprints_->exact(metric_places_[i]).number);
  }
}

// ---- the aggregate function

namespace {

template <int Slot>
void step(sqlite3_context* context, int count, sqlite3_value** arguments) noexcept {
  const vtab::Api* api = vtab::slot_api[Slot];
  auto* pass = count == 0 ? nullptr : static_cast<Pass*>(api->value_pointer(arguments[0], kPointerType));
  if (pass == nullptr) {
    api->result_error(context, "warden_job_pass is for the job statistics alone", -1);
    return;
  }
  vtab::answer(api, context, [&] { pass->add(arguments + 1); });
}

template <int Slot>
void finish(sqlite3_context* context) noexcept {
  vtab::slot_api[Slot]->result_null(context);
}

using Step = void (*)(sqlite3_context*, int, sqlite3_value**);
using Finish = void (*)(sqlite3_context*);

template <int... Slot>
constexpr auto steps(std::integer_sequence<int, Slot...>) {
  return std::array<std::pair<Step, Finish>, sizeof...(Slot)>{
      std::pair<Step, Finish>{&step<Slot>, &finish<Slot>}...};
}
constexpr auto kSteps = steps(std::make_integer_sequence<int, vtab::kSlots>{});

}  // namespace

int install_pass(ext::SqliteConnection& connection) noexcept {
  const auto& [step, finish] = kSteps[static_cast<std::size_t>(connection.host().slot())];
  return connection.api()->create_function_v2(connection.db(), "warden_job_pass", -1,
                                              SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr, nullptr, step, finish,
                                              nullptr);
}

}  // namespace warden::jobs
