// Who answers: segments or rows.
//
//   SELECT job_engine('{"cluster":{"eq":"fritz"}}');   -- columns: job_index
//   SELECT job_engine('{"tags":[3]}');                  -- rows: the columns can't answer the filter's field tags
#pragma once

#include "column_pass.hpp"

namespace warden::columns {

/// The job_columns table of a source, if there is one that can be trusted, as it is in one snapshot: a statement is open as
/// long as this is. One thread.
class Engine {
 public:
  /// Looks for it. Throws vtab::error, std::bad_alloc.
  Engine(ext::SqliteConnection& self, const jobs::Source& source);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Why it can't serve this filter, or this pass over it; empty where it can.
  std::string refusal(const jobs::Filter& filter, const jobs::Pass* pass);
  std::string_view name() const noexcept { return store_ ? store_->name() : std::string_view(); }
  /// Counts what segments have. What is left for the row pass are the jobs that left_for_rows() selects.
  void run(jobs::Pass& pass, const jobs::Filter& filter);
  /// "job.rowid IN (SELECT ...)"; empty where no job is left.
  vtab::string left_for_rows();

 private:
  void find(const jobs::Source& source);
  bool try_table(std::string_view schema, std::string_view name, std::string_view source);

  ext::SqliteConnection& self_;
  std::string none_ = "the source has no job_columns table";
  std::optional<Store> store_;
  std::optional<Options> options_;
  Statement snapshot_;
  std::optional<vtab::vector<vtab::string>> names_;
  vtab::vector<std::string_view> metrics_;
};

}  // namespace warden::columns
