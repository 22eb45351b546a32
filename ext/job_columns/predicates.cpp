#include "predicates.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace warden::columns {
namespace {

using Condition = jobs::ColumnCondition;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double real_of(std::uint64_t bits) noexcept {
  double number = 0;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

/// How far from a bound the last bit of a value may decide: more than far enough.
double slack(double bound) noexcept { return std::isinf(bound) ? 0 : 2e-12 * std::fabs(bound); }

/// The smallest integer whose value at a scale is not below a bound, or, with `above`, is above it; within what decimals there are.
std::int64_t first_integer(double bound, unsigned scale, bool above) noexcept {
  const double divisor = power_of_ten(scale);
  const double scaled = bound * divisor;
  if (!(scaled > -static_cast<double>(kMostDecimal))) return -kMostDecimal - 1;
  if (!(scaled < static_cast<double>(kMostDecimal))) return kMostDecimal + 1;
  auto integer = static_cast<std::int64_t>(std::floor(scaled)) - 1;
  const auto is_before = [&](std::int64_t i) {
    const double value = static_cast<double>(i) / divisor;
    return above ? value <= bound : value < bound;
  };
  while (is_before(integer)) ++integer;
  return integer;
}

bool never(const Condition& condition) noexcept {
  return condition.from && condition.to && *condition.from > *condition.to;
}

}  // namespace

double ExactValues::of(double value) {
  if (convert_ && value == last_) return converted_;
  std::array<char, 48> digits{};
  self_.api()->xsnprintf(static_cast<int>(digits.size()), digits.data(), "[%!.15g]", value);
  if (!convert_) convert_ = Statement(self_, "SELECT json_extract(?1, '$[0]')");
  convert_.bind(1, std::string_view(digits.data()));
  convert_.step();
  last_ = value;
  converted_ = convert_.real(0);
  convert_.reset();
  return converted_;
}

std::uint32_t code_of(Store& store, Field field, std::string_view text) {
  Statement find(store.self(), store.empty() << "SELECT code FROM " << store.table("value")
                                             << " WHERE \"column\" = ?1 AND value = ?2");
  find.bind(1, static_cast<std::int64_t>(field));
  find.bind(2, text);
  return find.step() ? static_cast<std::uint32_t>(find.integer(0)) : 0;
}

std::string Predicates::refusal(const jobs::Filter& filter, const Options& options,
                                std::span<const std::string_view> metrics) {
  const auto without = [](std::string_view field) {
    return "the columns can't answer the filter's field " + std::string(field);
  };
  for (const Condition& condition : filter.each_condition()) {
    switch (condition.kind) {
      case Condition::Kind::other:
        return without(condition.field);
      case Condition::Kind::job_names:
        if (!options.has(Field::job_name)) return without(condition.field);
        break;
      case Condition::Kind::durations:
        for (const Field field : {Field::duration, Field::start_time, Field::job_state})
          if (!options.has(field)) return without(condition.field);
        break;
      case Condition::Kind::integers:
      case Condition::Kind::texts:
        if (never(condition)) break;
        const auto field = field_of(condition.column);
        const bool fits =
            field && options.has(*field) && has_codes(*field) == (condition.kind == Condition::Kind::texts);
        if (!fits) return without(condition.field);
    }
  }
  if (!filter.footprint().empty() && !options.has(Field::footprint)) return without("metricStats");
  for (const jobs::FootprintRange& range : filter.footprint()) {
    if (!range.from && !range.to) continue;
    if (!options.metrics.empty() && std::find(metrics.begin(), metrics.end(), range.key) == metrics.end())
      return "the columns don't have the metric " + std::string(range.key);
  }
  return {};
}

Predicates::Predicates(Store& store, const jobs::Filter& filter, const Options& options,
                       std::span<const std::string_view> metrics, std::int64_t now)
    : store_(store),
      now_(now),
      numbers_(vtab::Allocator<Bounds>(store.self().api())),
      codes_(vtab::Allocator<Codes>(store.self().api())),
      durations_(vtab::Allocator<Durations>(store.self().api())),
      reals_(vtab::Allocator<Reals>(store.self().api())),
      real_columns_(vtab::Allocator<std::optional<RealColumn>>(store.self().api())) {
  const auto need = [&](Field field) { needed_[static_cast<std::size_t>(field)] = true; };
  if (options.has(Field::job_state)) running_ = code_of(store, Field::job_state, "running");
  for (const Condition& condition : filter.each_condition()) {
    if (never(condition)) possible_ = false;
    if (!possible_) return;
    const std::int64_t from = condition.from.value_or(INT64_MIN);
    const std::int64_t to = condition.to.value_or(INT64_MAX);
    switch (condition.kind) {
      case Condition::Kind::integers:
        numbers_.push_back({*field_of(condition.column), from, to});
        need(numbers_.back().field);
        break;
      case Condition::Kind::durations:
        durations_.push_back({from, to});
        for (const Field field : {Field::duration, Field::start_time, Field::job_state}) need(field);
        break;
      case Condition::Kind::texts:
      case Condition::Kind::job_names: {
        const Field field =
            condition.kind == Condition::Kind::texts ? *field_of(condition.column) : Field::job_name;
        Codes codes = codes_of(field, condition.rule);
        const auto allowed = std::count(codes.allowed.begin(), codes.allowed.end(), 1);
        if (allowed == 0) possible_ = false;
        need(field);
        if (allowed == 1) {
          const auto only = std::find(codes.allowed.begin(), codes.allowed.end(), 1) - codes.allowed.begin();
          numbers_.push_back({field, only, only});
        } else {
          codes_.push_back(std::move(codes));
        }
        break;
      }
      case Condition::Kind::other:
        break;  // refused
    }
  }
  if (!filter.footprint().empty()) {
    numbers_.push_back({Field::footprint, 1, 1});
    need(Field::footprint);
  }
  for (const jobs::FootprintRange& range : filter.footprint()) {
    if (!range.from && !range.to) continue;
    const auto found = std::find(metrics.begin(), metrics.end(), range.key);
    if (found == metrics.end()) {
      possible_ = false;
      return;
    }
    reals_.push_back({static_cast<std::int64_t>(kFirstMetric) + (found - metrics.begin()),
                      range.from.value_or(-kInfinity), range.to.value_or(kInfinity)});
  }
}

Predicates::Codes Predicates::codes_of(Field field, std::string_view rule) {
  Codes codes{field, 0, vtab::vector<std::uint8_t>(vtab::Allocator<std::uint8_t>(store_.self().api()))};
  // The rule is what it is over the jobs, once for each text.
  Statement texts(store_.self(), store_.empty()
                                     << "SELECT code, value" << rule << " FROM " << store_.table("value")
                                     << " WHERE \"column\" = ?1 ORDER BY code");
  texts.bind(1, static_cast<std::int64_t>(field));
  codes.allowed.push_back(0);
  while (texts.step()) {
    if (texts.integer(0) != static_cast<std::int64_t>(codes.allowed.size())) {
      throw vtab::error("job_columns: \"" + std::string(store_.name()) + "\" has a damaged dictionary",
                        SQLITE_CORRUPT_VTAB);
    }
    codes.allowed.push_back(texts.type(1) != SQLITE_NULL && texts.integer(1) != 0 ? 1 : 0);
  }
  codes.known = codes.allowed.size();
  return codes;
}

bool Predicates::may_meet(const Zones& zones) const {
  for (const Bounds& condition : numbers_) {
    const auto zone = zones.find(static_cast<std::int64_t>(condition.field));
    if (zone && (static_cast<std::int64_t>(zone->most) < condition.from ||
                 static_cast<std::int64_t>(zone->least) > condition.to))
      return false;
  }
  for (const Reals& condition : reals_) {
    const auto zone = zones.find(condition.column);
    if (!zone) return false;
    const double least = real_of(zone->least);
    const double most = real_of(zone->most);
    // The last bit may decide.
    if ((most < condition.from && !is_near(most, condition.from)) ||
        (least > condition.to && !is_near(least, condition.to)))
      return false;
  }
  return true;
}

void Predicates::open(Segments& segments) {
  for (std::size_t i = 0; i < kFields; ++i) {
    fields_[i].reset();
    if (needed_[i]) fields_[i] = segments.integers(static_cast<Field>(i));
  }
  real_columns_.clear();
  for (const Reals& condition : reals_) real_columns_.push_back(segments.reals(condition.column));
  // A code that is read may be beyond the last one, by the last bit of an offset.
  for (Codes& codes : codes_) {
    const std::size_t room =
        room_for_codes(store_, segments.id(), codes.field, column(codes.field), codes.known);
    if (codes.allowed.size() >= room) continue;
    codes.allowed.resize(room, 0);
    const auto begin = codes.allowed.begin();
    const auto from = std::find(begin, codes.allowed.end(), 1);
    const auto to = std::find(from, codes.allowed.end(), 0);
    if (from != to && std::find(to, codes.allowed.end(), 1) == codes.allowed.end())
      codes.run.emplace(static_cast<std::uint32_t>(from - begin), static_cast<std::uint32_t>(to - begin - 1));
  }
}

std::size_t room_for_codes(const Store& store, std::int64_t segment, Field field, const IntegerColumn& column,
                           std::size_t codes) {
  if (column.min() >= 0 && column.max() < static_cast<std::int64_t>(codes) &&
      column.limit() <= 2 * static_cast<std::int64_t>(codes))
    return 2 * codes + 1;
  throw vtab::error("job_columns: \"" + std::string(store.name()) + "\", segment " + std::to_string(segment) +
                        ": its " + std::string(spec_of(field).column) +
                        " has codes that are not in the dictionary",
                    SQLITE_CORRUPT_VTAB);
}

std::size_t codes_in(Store& store, Field field) {
  Statement last(store.self(), store.empty() << "SELECT max(code) FROM " << store.table("value")
                                             << " WHERE \"column\" = ?1");
  last.bind(1, static_cast<std::int64_t>(field));
  last.step();
  return static_cast<std::size_t>(std::clamp<std::int64_t>(last.integer(0), 0, INT32_MAX / 4)) + 1;
}

bool Predicates::apply(std::size_t i, Mask& mask, ExactValues& exact) {
  for (const Bounds& condition : numbers_)
    if (!apply(condition, i, mask)) return false;
  for (const Codes& condition : codes_)
    if (!apply(condition, i, mask)) return false;
  for (const Durations& condition : durations_)
    if (!apply(condition, i, mask)) return false;
  for (std::size_t which = 0; which < reals_.size(); ++which)
    if (!apply(reals_[which], which, i, mask, exact)) return false;
  return true;
}

bool Predicates::apply(const Bounds& condition, std::size_t i, Mask& mask) {
  const IntegerColumn& column = this->column(condition.field);
  const IntegerBlock block = column.block(i);
  if (block.all_null() || block.max < condition.from || block.min > condition.to) return false;
  if (block.nulls == 0 && block.min >= condition.from && block.max <= condition.to) return true;
  if (block.has_offsets()) {
    Offsets offsets;
    column.offsets(i, offsets.data());
    // A NULL's offset is below that of the smallest.
    const auto [least, most] = block.offsets_between(condition.from, condition.to);
    if (least > most) return false;
    keep_between(offsets, least, most, mask);
    return true;
  }
  std::array<std::int64_t, kBlock> values;
  std::array<std::uint8_t, kBlock> is_null;
  column.values(i, values.data(), is_null.data());
  for (std::size_t row = 0; row < block.rows; ++row) {
    const bool met = is_null[row] == 0 && values[row] >= condition.from && values[row] <= condition.to;
    mask[row] = static_cast<std::uint8_t>(mask[row] & static_cast<std::uint8_t>(met));
  }
  return true;
}

bool Predicates::apply(const Codes& condition, std::size_t i, Mask& mask) {
  const IntegerColumn& column = this->column(condition.field);
  const IntegerBlock block = column.block(i);
  const auto first = condition.allowed.begin() + block.min;
  const auto last = condition.allowed.begin() + block.max + 1;
  if (std::find(first, last, 1) == last) return false;
  if (std::find(first, last, 0) == last) return true;
  if (condition.run && block.kind == BlockKind::packed)
    return apply(Bounds{condition.field, condition.run->first, condition.run->second}, i, mask);
  Numbers codes;
  column.values32(i, codes.data());
  const std::uint8_t* allowed = condition.allowed.data();
  for (std::size_t row = 0; row < block.rows; ++row)
    mask[row] = static_cast<std::uint8_t>(mask[row] & allowed[codes[row]]);
  return true;
}

bool Predicates::apply(const Durations& condition, std::size_t i, Mask& mask) {
  const IntegerBlock states = column(Field::job_state).block(i);
  const bool may_run = running_ != 0 && states.min <= running_ && states.max >= running_;
  if (!may_run) return apply(Bounds{Field::duration, condition.from, condition.to}, i, mask);
  Numbers codes;
  column(Field::job_state).values32(i, codes.data());
  const Bounds stored{Field::duration, condition.from, condition.to};
  Mask runs;
  if (!find_equal(codes, static_cast<std::int32_t>(running_), runs)) return apply(stored, i, mask);
  keep(mask, runs);
  if (!apply(stored, i, mask)) mask.fill(0);
  each_met(runs, [&](std::size_t row) {
    const std::int64_t seconds = now_ - column(Field::start_time).value(i, row);
    mask[row] = seconds >= condition.from && seconds <= condition.to ? 1 : 0;
  });
  return true;
}
bool Predicates::apply_packed(const Reals& condition, const RealColumn& column, std::size_t i, Mask& mask,
                              ExactValues& exact) {
  // Division keeps the order: what is asked of values can be asked of their integers, and so of the offsets.
  const RealBlock block = column.block(i);
  const std::int64_t first = block.nulls != 0 ? 1 : 0;  // offset 0 is NULL's
  const std::int64_t last = (std::int64_t{1} << block.width) - 1;
  const auto place = [&](double bound, bool above) {
    return first_integer(bound, block.scale, above) - block.base;
  };
  const double from = condition.from;
  const double to = condition.to;
  // Wider by what may decide; what lies between is looked at one by one.
  const std::int64_t least = std::max(first, place(from - slack(from), false));
  const std::int64_t most = std::min(last, place(to + slack(to), true) - 1);
  if (least > most) return false;
  Offsets offsets;
  column.offsets(i, offsets.data());
  keep_between(offsets, static_cast<std::uint32_t>(least), static_cast<std::uint32_t>(most), mask);
  const std::int64_t surely_from = std::max(least, place(from + slack(from), false));
  const std::int64_t surely_to = std::min(most, place(to - slack(to), true) - 1);
  const auto any = [&](std::int64_t a, std::int64_t b) {
    return a <= b && any_between(offsets, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), mask);
  };
  if (!any(least, std::min(surely_from - 1, most)) && !any(std::max(surely_to + 1, least), most)) return true;
  for (std::size_t row = 0; row < block.rows; ++row) {
    if (mask[row] == 0 || (offsets[row] >= surely_from && offsets[row] <= surely_to)) continue;
    double value = static_cast<double>(block.base + offsets[row]) / power_of_ten(block.scale);
    if (is_rounded(value) && (is_near(value, from) || is_near(value, to))) value = exact.of(value);
    mask[row] = value >= from && value <= to ? 1 : 0;
  }
  return true;
}

bool Predicates::apply(const Reals& condition, std::size_t which, std::size_t i, Mask& mask,
                       ExactValues& exact) {
  if (!real_columns_[which]) return false;
  const RealColumn& column = *real_columns_[which];
  const RealBlock block = column.block(i);
  if (block.all_null()) return false;
  const auto decides = [&](double v) {
    return is_rounded(v) && (is_near(v, condition.from) || is_near(v, condition.to));
  };
  if (block.nulls == 0 && block.min >= condition.from && block.max <= condition.to && !decides(block.min) &&
      !decides(block.max))
    return true;
  if ((block.max < condition.from && !decides(block.max)) ||
      (block.min > condition.to && !decides(block.min)))
    return false;
  if (block.kind == BlockKind::packed) return apply_packed(condition, column, i, mask, exact);
  std::array<double, kBlock> values;
  std::array<std::uint8_t, kBlock> is_null;
  column.values(i, values.data(), is_null.data());
  // Wider by what may decide; what lies between is looked at one by one.
  const double from = condition.from;
  const double to = condition.to;
  const double least = from - slack(from);
  const double most = to + slack(to);
  const double surely_from = from + slack(from);
  const double surely_to = to - slack(to);
  std::uint8_t doubtful = 0;
  for (std::size_t row = 0; row < kBlock; ++row) {
    const auto met = static_cast<std::uint8_t>(static_cast<std::uint8_t>(values[row] >= least) &
                                               static_cast<std::uint8_t>(values[row] <= most) &
                                               static_cast<std::uint8_t>(is_null[row] == 0));
    const auto surely = static_cast<std::uint8_t>(static_cast<std::uint8_t>(values[row] >= surely_from) &
                                                  static_cast<std::uint8_t>(values[row] <= surely_to));
    mask[row] = static_cast<std::uint8_t>(mask[row] & met);
    doubtful = static_cast<std::uint8_t>(doubtful | (mask[row] & (surely ^ 1)));
  }
  if (doubtful == 0) return true;
  for (std::size_t row = 0; row < block.rows; ++row) {
    if (mask[row] == 0) continue;
    const double value = decides(values[row]) ? exact.of(values[row]) : values[row];
    mask[row] = value >= from && value <= to ? 1 : 0;
  }
  return true;
}

}  // namespace warden::columns
