// The conditions of a filter, answered block by block.
#pragma once

#include "filter.hpp"
#include "footprint.hpp"
#include "segments.hpp"
#include "wide.hpp"

namespace warden::columns {

using jobs::is_near;
using jobs::is_rounded;

/// Numbers of footprints as SQLite converts their digits, where the last bit decides. A regular footprint has at most 15 digits
/// and no exponent (footprint.hpp), and SQLite leaves out zeros at the end before it converts: so the shortest way to write
/// the number stands for all. One thread.
class ExactValues {
 public:
  explicit ExactValues(ext::SqliteConnection& self) : self_(self) {}
  /// `value`: the digits' number, rounded once.
  double of(double value);

 private:
  ext::SqliteConnection& self_;
  Statement convert_;
  double last_ = 0;
  double converted_ = 0;
};

/// All conditions of one filter. One thread.
class Predicates {
 public:
  /// Why the filter can't be answered; empty where it can.
  static std::string refusal(const jobs::Filter& filter, const Options& options,
                             std::span<const std::string_view> metrics);

  /// `metrics`: by their numbers, as the dictionary has them. `now` in Unix seconds.
  Predicates(Store& store, const jobs::Filter& filter, const Options& options,
             std::span<const std::string_view> metrics, std::int64_t now);

  /// False where no job of any segment can meet the filter.
  bool possible() const noexcept { return possible_; }
  /// False where the zone maps say that no job of the segment meets the filter.
  bool may_meet(const Zones& zones) const;
  /// Opens the columns of the segment at hand.
  void open(Segments& segments);
  /// Takes the rows of block `i` out of the mask that don't meet the filter. False where none are left for certain.
  bool apply(std::size_t i, Mask& mask, ExactValues& exact);
  std::uint32_t running() const noexcept { return running_; }

 private:
  struct Bounds {
    Field field;
    std::int64_t from, to;
  };
  struct Codes {
    Field field;
    std::size_t known;                   // codes there are, 0 included
    vtab::vector<std::uint8_t> allowed;  // by code
    // Where those that are allowed follow each other: the first and the last.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> run = std::nullopt;
  };
  struct Durations {
    std::int64_t from, to;
  };
  struct Reals {
    std::int64_t column;
    double from, to;  // infinite where open
  };
  bool apply(const Bounds& condition, std::size_t i, Mask& mask);
  bool apply(const Codes& condition, std::size_t i, Mask& mask);
  bool apply(const Durations& condition, std::size_t i, Mask& mask);
  bool apply(const Reals& condition, std::size_t which, std::size_t i, Mask& mask, ExactValues& exact);
  bool apply_packed(const Reals& condition, const RealColumn& column, std::size_t i, Mask& mask,
                    ExactValues& exact);
  const IntegerColumn& column(Field field) const { return *fields_[static_cast<std::size_t>(field)]; }
  Codes codes_of(Field field, std::string_view rule);

  Store& store_;
  std::int64_t now_;
  bool possible_ = true;
  std::uint32_t running_ = 0;  // the code of the state, 0 where no job is in it
  vtab::vector<Bounds> numbers_;
  vtab::vector<Codes> codes_;
  vtab::vector<Durations> durations_;
  vtab::vector<Reals> reals_;
  std::array<bool, kFields> needed_{};
  std::array<std::optional<IntegerColumn>, kFields> fields_;
  vtab::vector<std::optional<RealColumn>> real_columns_;
};

/// Codes of the field that there are, that of NULL included.
std::size_t codes_in(Store& store, Field field);
/// How many entries a table must have that codes of this column are an index of. Throws where the column has one that is not
/// among the `codes` there are.
std::size_t room_for_codes(const Store& store, std::int64_t segment, Field field, const IntegerColumn& column,
                           std::size_t codes);
/// The code of a text in a dictionary; 0 where it isn't there.
std::uint32_t code_of(Store& store, Field field, std::string_view text);

}  // namespace warden::columns
