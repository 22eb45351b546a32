// SQL functions as C++ functions: arity, optional arguments and types come from the signature. Header-only.
//
//   std::int64_t size_of(std::string_view text, std::optional<std::int64_t> whole_bytes);
//   vtab::define<"warden_size", &size_of, "text", "whole_bytes">(target, SQLITE_INNOCUOUS);
//
// makes warden_size(text) and warden_size(text, whole_bytes). The strings after the function name its arguments in
// error texts: "warden_size: text must be text, not integer". An argument that is a std::optional may be left out or
// NULL; vtab::value takes anything. Arguments come by value or const reference; a std::string_view is valid during the
// call. A first parameter that is a non-const reference is the user object of the target.
// The result may be any type of value.hpp; an empty optional is NULL. Exceptions become SQL errors.
//
// SQLite hands a function nothing but a sqlite3_context, and to ask that for anything needs the routines of the very
// copy of SQLite that called. Where several copies live in one process, each has a slot (0 to kSlots - 1), and each
// slot its own instance of every callback.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <tuple>

#include "error.hpp"
#include "value.hpp"

namespace warden::vtab {

/// How many copies of SQLite one process may have.
inline constexpr int kSlots = 8;

/// Routines by slot. Written once, before the first function of that slot is registered; read by callbacks.
inline std::array<const Api*, kSlots> slot_api{};

/// Where functions go: a connection of the copy of SQLite in `slot`, with the object that they act on.
struct Target {
  const Api* api;
  int slot;
  sqlite3* db;
  void* user;  // the object of a first reference parameter; may be NULL for functions that have none
};

/// The body of a function's callback: its exception becomes the error of that call, and nothing is thrown through C.
template <class Body>
void answer(const Api* api, sqlite3_context* context, Body&& body) noexcept {
  const int rc =
      guard(std::forward<Body>(body), [&](const char* text) { api->result_error(context, text, -1); });
  if (rc == SQLITE_NOMEM) {
    api->result_error_nomem(context);
  } else if (rc != SQLITE_OK) {
    api->result_error_code(context, rc);
  }
}

namespace detail {

template <class F>
struct signature;

template <class R, bool Noexcept, class... P>
struct signature<R (*)(P...) noexcept(Noexcept)> {
  using result = R;
  static constexpr bool has_user = false;
  using parameters = std::tuple<std::remove_cvref_t<P>...>;
};

template <class R, bool Noexcept, class User, class... P>
requires(!std::is_const_v<User>) struct signature<R (*)(User&, P...) noexcept(Noexcept)> {
  using result = R;
  static constexpr bool has_user = true;
  using user = User;
  using parameters = std::tuple<std::remove_cvref_t<P>...>;
};

template <class F>
struct arity;

template <class... P>
struct arity<std::tuple<P...>> {
  static constexpr int most = sizeof...(P);
  static constexpr int least = [] {
    int count = 0;
    int index = 0;
    ((unwrap<P>::is_optional ? void() : void(count = index + 1), ++index), ...);
    return count;
  }();
};

template <fixed_string Name, auto Fn, fixed_string... ArgumentNames>
struct scalar {
  using shape = signature<decltype(Fn)>;
  using parameters = typename shape::parameters;
  static constexpr std::size_t count = std::tuple_size_v<parameters>;
  static_assert(sizeof...(ArgumentNames) == count, "name every argument: error texts use the names");

  template <std::size_t I>
  static std::tuple_element_t<I, parameters> argument(const Api* api, int argc, sqlite3_value** argv) {
    using type = std::tuple_element_t<I, parameters>;
    using plain = typename unwrap<type>::type;
    if constexpr (unwrap<type>::is_optional) {
      if (static_cast<int>(I) >= argc) return std::nullopt;
      if constexpr (!std::same_as<plain, value>) {
        if (value(api, argv[I]).is_null()) return std::nullopt;
      }
    }
    const value given(api, argv[I]);
    auto converted = sql_type<plain>::get(given);
    if (!converted) {
      constexpr std::array<std::string_view, count> names{ArgumentNames.view()...};
      throw error(std::string(Name.view()) + ": " + std::string(names[I]) + " " + refusal<plain>(given));
    }
    return static_cast<plain>(*converted);
  }

  /// One for each slot, so a few bytes only.
  template <int Slot>
  static void call(sqlite3_context* context, int argc, sqlite3_value** argv) noexcept {
    run(slot_api[Slot], context, argc, argv);
  }

  [[gnu::noinline]] static void run(const Api* api, sqlite3_context* context, int argc,
                                    sqlite3_value** argv) noexcept {
    answer(api, context, [&] {
      if (argc < arity<parameters>::least || argc > arity<parameters>::most) {
        throw error("wrong number of arguments to function " + std::string(Name.view()) + "()");
      }
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        const auto invoke = [&] {
          if constexpr (shape::has_user) {
            return std::invoke(Fn, *static_cast<typename shape::user*>(api->user_data(context)),
                               argument<I>(api, argc, argv)...);
          } else {
            return std::invoke(Fn, argument<I>(api, argc, argv)...);
          }
        };
        using result = typename shape::result;
        sql_type<std::remove_cvref_t<result>>::put(api, context, invoke());
      }
      (std::make_index_sequence<count>{});
    });
  }

  using callback = void (*)(sqlite3_context*, int, sqlite3_value**);
  static constexpr std::array<callback, kSlots> callbacks =
      []<int... Slot>(std::integer_sequence<int, Slot...>) {
    return std::array<callback, kSlots>{&call<Slot>...};
  }
  (std::make_integer_sequence<int, kSlots>{});
};

}  // namespace detail

/// Defines the SQL function Name on the target's connection: one registration, whatever numbers of arguments Fn allows.
/// `flags`: SQLITE_INNOCUOUS, SQLITE_DIRECTONLY, SQLITE_DETERMINISTIC. With `end`, it is called with the user object when
/// the connection closes or the function is replaced, and at once if this fails. Returns a SQLite code (SQLITE_MISUSE for
/// a slot that there is not).
template <fixed_string Name, auto Fn, fixed_string... ArgumentNames>
int define(const Target& target, int flags, void (*end)(void*) = nullptr) noexcept {
  using made = detail::scalar<Name, Fn, ArgumentNames...>;
  using count = detail::arity<typename made::parameters>;
  if (target.slot < 0 || target.slot >= kSlots) {
    if (end != nullptr) end(target.user);
    return SQLITE_MISUSE;
  }
  return target.api->create_function_v2(
      target.db, Name.text, count::least == count::most ? count::most : -1, SQLITE_UTF8 | flags, target.user,
      made::callbacks[static_cast<std::size_t>(target.slot)], nullptr, nullptr, end);
}

}  // namespace warden::vtab
