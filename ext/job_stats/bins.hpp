// Histograms as rows: what job_histogram, job_metric_histogram and job_page show.
#pragma once

#include <optional>
#include <string_view>

#include "histogram.hpp"
#include "job_tables.hpp"
#include "pass.hpp"
#include "value.hpp"

namespace warden::jobs {

/// An edge of a bin: INTEGER or REAL; NULL where the bin is open.
struct Edge {
  enum class Kind : std::uint8_t { open, integer, real } kind = Kind::open;
  std::int64_t integer = 0;
  double real = 0;
  static Edge of(std::int64_t number) { return {Kind::integer, number, 0}; }
  static Edge of(double number) { return {Kind::real, 0, number}; }
};

/// A row of a histogram. Bins are numbered from 1; the one below is 0, the one above is the last, open above. Jobs whose
/// number is not known are in a bin NULL.
struct Bin {
  std::optional<std::int64_t> bin;
  Edge from;
  Edge to;
  vtab::string label;
  std::int64_t jobs = 0;
};
using Bins = vtab::vector<Bin>;

/// Appends the rows of a histogram. With `parity` those that upstream has: no bin above or below.
void append_bins(Bins& rows, const DurationHistogram& histogram, bool parity);
void append_bins(Bins& rows, const MetricHistogram& histogram, bool parity);
/// One row for each number that occurs, in ascending order: bin, from_value and to_value are that number. Throws vtab::error
/// with parity where a job's number is NULL, as upstream fails; and where it is interrupted.
void append_bins(Bins& rows, const NumberHistogram& histogram, std::string_view function,
                 std::string_view column, bool parity, InterruptCheck& interrupted);

}  // namespace warden::jobs

namespace warden::vtab {

template <>
struct sql_type<jobs::Edge> {
  static constexpr const char* decl = "";
  static constexpr const char* wording = "a number";
  using stored = double;
  static void put(const Api* api, sqlite3_context* context, const jobs::Edge& edge) {
    switch (edge.kind) {
      case jobs::Edge::Kind::integer:
        return api->result_int64(context, edge.integer);
      case jobs::Edge::Kind::real:
        return api->result_double(context, edge.real);
      default:
        return api->result_null(context);
    }
  }
  static std::optional<jobs::Edge> get(const value&) { return std::nullopt; }
};

}  // namespace warden::vtab
