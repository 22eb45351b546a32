// The footprint of a job, {"cpu_load_avg":62.753,"mem_bw_avg":175.863}: a scanner of flat JSON objects that reads the bytes
// where they are and takes nothing for granted. Whatever it does not recognise at once (an escape, an exponent, something
// nested, a syntax error) is "unusual", and left to SQLite's own parser, so that what is valid and what it means is
// always what SQLite says.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "memory.hpp"

namespace warden::jobs {

/// True where decimal digits had to be rounded to make this double of them: where it isn't whole. SQLite's own conversion may
/// then differ in the last bit. (Whole numbers of up to 15 digits are exact.)
inline bool is_rounded(double v) noexcept {
  return !(v > -4503599627370496.0 && v < 4503599627370496.0 &&
           v == static_cast<double>(static_cast<std::int64_t>(v)));
}
/// How near a bound the last bit of a value can decide: far more than that bit.
inline bool is_near(double v, double bound) noexcept {
  return std::fabs(v - bound) <= 1e-12 * std::fabs(bound);
}

/// What a footprint has under one key.
struct FootprintValue {
  enum class Kind : std::uint8_t {
    absent,  // no such key, or the JSON null
    number,
    text  // a string, or JSON that is no scalar: SQLite orders it after all numbers
  };
  Kind kind = Kind::absent;
  /// False where decimal digits had to be rounded to a double: SQLite's own conversion may then differ in the last bit.
  bool exact = true;
  double number = 0;
};

/// Finds the values of a fixed list of keys. Keeps what it learns of the order of keys, so one thread at a time.
class FootprintScanner {
 public:
  /// The keys are kept by reference, and must be different from each other.
  FootprintScanner(std::span<const std::string_view> keys, const vtab::Api* api);

  /// Fills `values`, one for each key, and returns true; false where the text is unusual, and then `values` mean nothing. Of
  /// a key that comes twice the first counts, as in json_extract().
  bool scan(std::string_view json, std::span<FootprintValue> values) noexcept;
  /// From now on nothing but numbers and nulls is usual, whatever the key, and other_key() tells of keys that are not in
  /// the list.
  void look_at_all_keys() noexcept { looks_at_all_ = true; }
  /// A key with a number that is not in the list, from the last scan; empty where there was none. Valid as long as its text.
  std::string_view other_key() const noexcept { return other_key_; }

 private:
  static constexpr int kNone = -1;
  int position_of(std::string_view key) const noexcept;
  int key_at(std::size_t place, std::string_view key) noexcept;

  /// The key that was last seen at a place of the object: nearly always the same, since keys are written in order.
  struct Seen {
    std::array<char, 32> bytes;
    std::uint8_t size;
    int position;
  };
  static constexpr std::size_t kPlaces = 24;
  std::span<const std::string_view> keys_;
  std::array<Seen, kPlaces> seen_{};
  vtab::vector<std::uint32_t> stamps_;  // in which call each key was found
  std::uint32_t call_ = 0;
  bool looks_at_all_ = false;
  std::string_view other_key_;
};

}  // namespace warden::jobs
