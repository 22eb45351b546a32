// Conditions within a statement that gives rows: warden_job_match(?, job.footprint), warden_job_no_json(job.resources).
#pragma once

#include "footprint_reader.hpp"

namespace warden::jobs {

/// Reads footprints for the conditions of a filter. Must outlive the statement that it is bound to. Not moved.
class Matcher {
 public:
  Matcher(ext::SqliteConnection& self, const Filter& filter)
      : reader_(self, keys_of(filter.footprint(), {}, self.api())),
        conditions_(filter.footprint(), reader_, self.api()) {
    reader_.prepare();
  }
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  bool operator()(const vtab::value& footprint) { return conditions_.met(reader_.read(footprint)); }

  /// The condition as SQL, with parameter 1, and what is bound to it.
  static constexpr std::string_view kSql = "warden_job_match(?1, job.footprint)";
  void bind_to(Statement& statement);

 private:
  FootprintReader reader_;
  FootprintConditions conditions_;
};

}  // namespace warden::jobs
