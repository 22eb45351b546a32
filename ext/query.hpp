// What a table of vtab.hpp is declared with, and what its scan sees: columns and arguments, the query with its hints, and
// the new values of an UPDATE or INSERT. The manual is at the top of vtab.hpp.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <tuple>
#include <utility>

#include "error.hpp"
#include "memory.hpp"
#include "value.hpp"

namespace warden::vtab {

/// What SQLite may push down into a column: nothing, equality, equality that at most one row meets, or equality and
/// bounds (< <= > >= BETWEEN). Don't push bounds of texts that look like numbers: beside a column of numeric affinity
/// SQLite compares them as numbers, and a hint can't tell.
enum class push { none, eq, key, range };

/// Whether an argument may be left out. One that is required and NULL gives no rows.
enum class need { optional, required };

/// A visible column: its value is `std::invoke(Getter, row)`, a member or a const member function of the row.
template <fixed_string Name, auto Getter, push Push = push::none>
struct col {
  static constexpr std::string_view name = Name.view();
  static constexpr bool hidden = false;
  static constexpr bool unlisted = false;
  static constexpr push pushed = Push;
  static constexpr auto getter = Getter;
};

/// A column that `SELECT *` leaves out, to be read by name. SQLite takes all hidden columns for arguments, in their order:
/// so these come after them.
template <fixed_string Name, auto Getter>
struct unlisted_col : col<Name, Getter> {
  static constexpr bool unlisted = true;
};

/// A hidden column: an argument of the table-valued function, in the order of the list. T may not be an optional.
template <fixed_string Name, class T, need Need = need::optional>
struct arg {
  static constexpr std::string_view name = Name.view();
  static constexpr bool hidden = true;
  static constexpr bool unlisted = false;
  static constexpr bool required = Need == need::required;
  using type = T;
};

/// Stands between the arguments and the unlisted columns: SQLite would take those for further arguments. One that is too many
/// lands here, and is an error.
struct no_more_args : arg<"no_more_arguments", std::int64_t> {};

/// Position of a column or argument by name; a name that is not in the list does not compile.
template <fixed_string Name, class... Columns>
consteval std::size_t position_of() {
  constexpr std::array<std::string_view, sizeof...(Columns)> names{Columns::name...};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == Name.view()) return i;
  }
  throw "no column or argument of this name";
}

template <class... Columns>
struct columns {
  static constexpr std::size_t count = sizeof...(Columns);
  static_assert(count <= 62, "SQLite tells which columns are used in a mask of 63 bits");
  static_assert(!(Columns::unlisted || ...) || !(Columns::hidden || ...) ||
                    (std::same_as<Columns, no_more_args> || ...),
                "no_more_args must stand between arguments and unlisted columns");
  template <std::size_t I>
  using at = std::tuple_element_t<I, std::tuple<Columns...>>;
  template <fixed_string Name>
  static constexpr std::size_t position = position_of<Name, Columns...>();
};

namespace detail {

enum class op : char { equal = '=', lower = '>', upper = '<' };

template <class T>
auto keep(const Api* api, const T& v) {
  using stored = typename sql_type<T>::stored;
  if constexpr (std::same_as<stored, string>) {
    return string(std::string_view(v), Allocator<char>(api));
  } else {
    return stored(v);
  }
}

}  // namespace detail

/// What a scan may see of the statement: hints of equality and bounds by column name, arguments by name, and which
/// columns will be read. Lives as long as the range that scan returned.
template <class Row, class Columns>
class basic_query;

template <class Row, class... Columns>
class basic_query<Row, columns<Columns...>> {
  template <class Column>
  struct slot {
    struct none {};
    static constexpr auto value_of() {
      if constexpr (Column::hidden) {
        return std::type_identity<typename Column::type>{};
      } else {
        return std::type_identity<typename unwrap<
            std::remove_cvref_t<std::invoke_result_t<decltype(Column::getter), const Row&>>>::type>{};
      }
    }
    using type = typename decltype(value_of())::type;
    using stored = typename sql_type<type>::stored;
    std::optional<stored> equal;  // of an argument: its value
    std::optional<stored> lower;
    std::optional<stored> upper;
  };

 public:
  using list = columns<Columns...>;
  template <std::size_t I>
  using slot_at = slot<typename list::template at<I>>;

  basic_query(const Api* api, unsigned used) : api_(api), used_(used) {}

  /// The value that the column must equal, if the statement says so. NULL never reaches a scan.
  template <fixed_string Name>
  const auto& equal() const {
    constexpr auto i = list::template position<Name>;
    static_assert(!list::template at<i>::hidden && list::template at<i>::pushed != push::none,
                  "this column has no equality pushed down");
    return std::get<i>(slots_).equal;
  }
  /// A bound below (>= or >; the bound itself may be in the range). Of several in a statement, one.
  template <fixed_string Name>
  const auto& lower() const {
    constexpr auto i = list::template position<Name>;
    static_assert(!list::template at<i>::hidden && list::template at<i>::pushed == push::range,
                  "this column has no range pushed down");
    return std::get<i>(slots_).lower;
  }
  template <fixed_string Name>
  const auto& upper() const {
    constexpr auto i = list::template position<Name>;
    static_assert(!list::template at<i>::hidden && list::template at<i>::pushed == push::range,
                  "this column has no range pushed down");
    return std::get<i>(slots_).upper;
  }
  /// True where the pushed constraints on the column, if any, let this value through: the getter's, or of a like type.
  template <fixed_string Name, class T>
  bool admits(const T& v) const {
    constexpr auto i = list::template position<Name>;
    static_assert(!list::template at<i>::hidden, "an argument is no constraint: use argument()");
    const auto& s = std::get<i>(slots_);
    if constexpr (unwrap<T>::is_optional) {
      return v ? within(s, *v) : !s.equal && !s.lower && !s.upper;  // NULL meets no constraint
    } else if constexpr (std::is_pointer_v<T>) {
      return v != nullptr ? within(s, v) : !s.equal && !s.lower && !s.upper;
    } else {
      return within(s, v);
    }
  }
  /// The value of an argument; empty where it was not given or was NULL.
  template <fixed_string Name>
  const auto& argument() const {
    constexpr auto i = list::template position<Name>;
    static_assert(list::template at<i>::hidden, "this is a visible column: use equal()");
    return std::get<i>(slots_).equal;
  }
  /// False where the statement certainly never reads the column.
  template <fixed_string Name>
  bool reads() const {
    return reads_at(list::template position<Name>);
  }
  /// The same by position. The plan carries the first 31.
  bool reads_at(std::size_t i) const noexcept { return i >= 31 || (used_ >> i & 1U) != 0; }
  /// By position, for the cursor.
  template <std::size_t I>
  const auto& argument_at() const {
    return std::get<I>(slots_).equal;
  }
  /// A number that stands for the values of the arguments; 0 where there are none.
  std::uint64_t fingerprint() const {
    std::uint64_t all = 0;
    const auto mix = [&all]<class Column>(const slot<Column>& s) {
      if constexpr (Column::hidden) {
        using given = std::conditional_t<std::same_as<typename slot<Column>::stored, string>,
                                         std::string_view, typename slot<Column>::stored>;
        all = s.equal ? (all ^ std::hash<given>{}(given(*s.equal))) * 0x9e3779b97f4a7c15U + 1 : all * 31;
      }
    };
    std::apply([&](const auto&... s) { (mix(s), ...); }, slots_);
    return all;
  }
  /// True where the other asks exactly the same: arguments, hints and columns.
  bool same_as(const basic_query& other) const {
    if (used_ != other.used_) return false;
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto same = [](const auto& a, const auto& b) {
        return a.equal == b.equal && a.lower == b.lower && a.upper == b.upper;
      };
      return (same(std::get<I>(slots_), std::get<I>(other.slots_)) && ...);
    }
    (std::make_index_sequence<sizeof...(Columns)>{});
  }
  /// The SQLite that asks: for memory (Allocator) that its limits should see.
  const Api* api() const noexcept { return api_; }

  /// For the cursor: stores a constraint's value. False where it can match no row.
  template <std::size_t I>
  bool store(const char* table, detail::op operation, const value& v) {
    using column = typename list::template at<I>;
    auto& s = std::get<I>(slots_);
    using type = typename slot_at<I>::type;
    if constexpr (std::same_as<column, no_more_args>) {
      throw error("too many arguments on " + std::string(table) + "() - max " +
                  std::to_string((int{Columns::hidden} + ...) - 1));
    } else if constexpr (column::hidden) {
      if (v.is_null()) return !column::required;
      const auto given = sql_type<type>::get(v);
      if (!given) {
        throw error(std::string(table) + ": argument \"" + std::string(column::name) + "\" " +
                    refusal<type>(v));
      }
      s.equal.emplace(detail::keep(api_, *given));
    } else if constexpr (column::pushed == push::none) {
      return true;  // never asked for: a value that can only be shown needs no way back
    } else {
      if (v.is_null()) return false;  // x = NULL and x < NULL are never true
      if (v.is_utf16()) return true;  // the scan compares UTF-8: no hint, SQLite compares by its own rules
      const auto given = sql_type<type>::get(v);
      if (!given) return true;  // not exactly of this type: likewise
      auto& target = operation == detail::op::equal   ? s.equal
                     : operation == detail::op::lower ? s.lower
                                                      : s.upper;
      target.emplace(detail::keep(api_, *given));
    }
    return true;
  }

 private:
  template <class Slot, class T>
  static bool within(const Slot& s, const T& v) {
    if constexpr (std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::string_view>) {
      return within(s, std::string_view(v));
    } else {
      return (!s.equal || *s.equal == v) && (!s.lower || !(v < *s.lower)) && (!s.upper || !(*s.upper < v));
    }
  }

  const Api* api_;
  unsigned used_;
  std::tuple<slot<Columns>...> slots_;
};

/// The query of a table with this row and these columns: `const vtab::query<Row, columns>&` in scan().
template <class Row, class Columns>
using query = basic_query<Row, Columns>;

/// The new values of a row in an UPDATE or INSERT. Valid during the call.
template <class Columns>
class change {
 public:
  change(const Api* api, sqlite3_value** values) : api_(api), values_(values) {}
  template <fixed_string Name>
  value get() const {
    return {api_, values_[Columns::template position<Name>]};
  }
  value at(std::size_t i) const { return {api_, values_[i]}; }

 private:
  const Api* api_;
  sqlite3_value** values_;
};

}  // namespace warden::vtab
