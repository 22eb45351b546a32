// C++ types to SQL values and back: the only place that calls sqlite3_value_x and sqlite3_result_x.
//
// To teach one more type, specialise sql_type<T> with
//   static constexpr const char* decl;                     // INTEGER, REAL, TEXT, BLOB: column type and wording of errors
//   using stored = ...;                                    // what keeps such a value after the call that brought it
//   static void put(const Api*, sqlite3_context*, const T&);
//   static std::optional<T> get(const value&);             // empty where the value is not exactly a T
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "error.hpp"
#include "memory.hpp"
#include "sqlite_api.hpp"

namespace warden::vtab {

/// A SQL value of any type, as an argument of a function or of an UPDATE. Valid only during the call it came with.
class value {
 public:
  value(const Api* api, sqlite3_value* raw) noexcept : api_(api), raw_(raw) {}

  int type() const noexcept { return api_->value_type(raw_); }
  bool is_null() const noexcept { return type() == SQLITE_NULL; }
  std::int64_t as_int64() const noexcept { return api_->value_int64(raw_); }
  double as_double() const noexcept { return api_->value_double(raw_); }
  /// Text as SQLite would print the value; empty for NULL. Throws std::bad_alloc.
  std::string_view as_text() const {
    if (is_null()) return {};
    const auto* text = api_->value_text(raw_);
    if (text == nullptr) throw std::bad_alloc();
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(api_->value_bytes(raw_))};
  }
  /// The bytes of a TEXT or BLOB as they are stored, without conversion. Throws std::bad_alloc.
  std::string_view as_bytes() const {
    const void* bytes = api_->value_blob(raw_);
    const auto size = static_cast<std::size_t>(api_->value_bytes(raw_));
    if (bytes == nullptr && size > 0) throw std::bad_alloc();  // a zeroblob that could not be spelt out
    return bytes == nullptr ? std::string_view{} : std::string_view{static_cast<const char*>(bytes), size};
  }
  /// True for a TEXT in UTF-16: the database is encoded so, and its BINARY order is that of UTF-16 bytes. To be asked
  /// first: as_text() converts in place.
  bool is_utf16() const {
    if (type() != SQLITE_TEXT) return false;
    const std::string stored(as_bytes());
    return stored != as_text();
  }
  /// True in the update() of a table that `tells_unchanged`, for a column that the statement did not name.
  bool is_unchanged() const noexcept { return api_->value_nochange(raw_) != 0; }
  /// "integer", "real", "text", "blob" or "NULL": for error texts.
  const char* type_name() const noexcept {
    switch (type()) {
      case SQLITE_INTEGER:
        return "integer";
      case SQLITE_FLOAT:
        return "real";
      case SQLITE_TEXT:
        return "text";
      case SQLITE_BLOB:
        return "blob";
      default:
        return "NULL";
    }
  }
  const Api* api() const noexcept { return api_; }
  sqlite3_value* raw() const noexcept { return raw_; }

 private:
  const Api* api_;
  sqlite3_value* raw_;
};

template <class T>
struct sql_type;

template <class T>
requires std::integral<T>
struct sql_type<T> {
  static constexpr const char* decl = "INTEGER";
  static constexpr const char* wording = "an integer";
  using stored = T;
  static constexpr bool outgrows = std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t);
  static constexpr T least = std::numeric_limits<T>::min();
  static constexpr T most =
      outgrows ? static_cast<T>(std::numeric_limits<std::int64_t>::max()) : std::numeric_limits<T>::max();
  static void put(const Api* api, sqlite3_context* context, T number) {
    if (number > most) throw error(std::to_string(number) + " is more than an INTEGER of SQL can be");
    api->result_int64(context, static_cast<sqlite3_int64>(number));
  }
  static std::optional<T> get(const value& v) {
    if (v.type() != SQLITE_INTEGER) return std::nullopt;
    const std::int64_t number = v.as_int64();
    if (number < static_cast<std::int64_t>(least) || number > static_cast<std::int64_t>(most))
      return std::nullopt;
    return static_cast<T>(number);
  }
};

template <>
struct sql_type<double> {
  static constexpr const char* decl = "REAL";
  static constexpr const char* wording = "a number";
  using stored = double;
  static void put(const Api* api, sqlite3_context* context, double number) {
    api->result_double(context, number);
  }
  static std::optional<double> get(const value& v) {
    if (v.type() == SQLITE_FLOAT) return v.as_double();
    constexpr std::int64_t kExact = std::int64_t{1} << 53;  // integers beyond it are not all doubles
    if (v.type() != SQLITE_INTEGER || v.as_int64() > kExact || v.as_int64() < -kExact) return std::nullopt;
    return static_cast<double>(v.as_int64());
  }
};

/// TEXT. A result is copied; as an argument the view is valid during the call.
template <>
struct sql_type<std::string_view> {
  static constexpr const char* decl = "TEXT";
  static constexpr const char* wording = "text";
  using stored = string;
  static void put(const Api* api, sqlite3_context* context, std::string_view text) {
    // A view of nothing is an empty text, not NULL: say NULL with an empty optional.
    api->result_text64(context, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                       SQLITE_UTF8);
  }
  static std::optional<std::string_view> get(const value& v) {
    if (v.type() != SQLITE_TEXT) return std::nullopt;
    return v.as_text();
  }
};

/// A NULL pointer of C is NULL.
template <class T>
requires std::same_as<T, std::string> || std::same_as<T, string> || std::same_as<T, const char*>
struct sql_type<T> {
  static constexpr const char* decl = "TEXT";
  static constexpr const char* wording = "text";
  using stored = string;
  static void put(const Api* api, sqlite3_context* context, const T& text) {
    if constexpr (std::is_pointer_v<T>) {
      if (text == nullptr) return api->result_null(context);
    }
    sql_type<std::string_view>::put(api, context, std::string_view(text));
  }
  static std::optional<std::string_view> get(const value& v) { return sql_type<std::string_view>::get(v); }
};

/// A value of any type, passed on as it is.
template <>
struct sql_type<value> {
  static constexpr const char* decl = "";
  static constexpr const char* wording = "a value";
  using stored =
      void;  // it ends with the call that brought it, so no column and no argument of a table is one
  static void put(const Api* api, sqlite3_context* context, const value& v) {
    api->result_value(context, v.raw());
  }
  static std::optional<value> get(const value& v) { return v; }
};

/// NULL where the optional is empty.
template <class T>
struct sql_type<std::optional<T>> {
  static constexpr const char* decl = sql_type<T>::decl;
  static constexpr const char* wording = sql_type<T>::wording;
  using stored = typename sql_type<T>::stored;
  static void put(const Api* api, sqlite3_context* context, const std::optional<T>& v) {
    if (v) {
      sql_type<T>::put(api, context, *v);
    } else {
      api->result_null(context);
    }
  }
};

/// The plain type inside an optional, or the type itself.
template <class T>
struct unwrap {
  using type = T;
  static constexpr bool is_optional = false;
};
template <class T>
struct unwrap<std::optional<T>> {
  using type = T;
  static constexpr bool is_optional = true;
};

/// What an error says of a value that sql_type<T>::get refused: "must be an integer, not text".
template <class T>
std::string refusal(const value& v) {
  const std::string must = std::string("must be ") + sql_type<T>::wording;
  if constexpr (std::integral<T>) {
    if (v.type() == SQLITE_INTEGER) {
      return must + " from " + std::to_string(sql_type<T>::least) + " to " +
             std::to_string(sql_type<T>::most) + ", not " + std::to_string(v.as_int64());
    }
  } else if constexpr (std::floating_point<T>) {
    if (v.type() == SQLITE_INTEGER) return must + " that a REAL can be, not " + std::to_string(v.as_int64());
  }
  return must + ", not " + v.type_name();
}

/// A text that is a template argument: names of columns, arguments and functions.
template <std::size_t N>
struct fixed_string {
  constexpr fixed_string(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) text[i] = literal[i];
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
  char text[N];
};

}  // namespace warden::vtab
