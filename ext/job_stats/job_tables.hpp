// What the tables of the job statistics have in common. Each has a file of its own: table_<name>.cpp.
#pragma once

#include "connection.hpp"
#include "statement.hpp"
#include "tables.hpp"

namespace warden::jobs {

/// What SQLite's planner should think of a pass over all jobs: never the inner loop if that can be had otherwise.
inline constexpr double kPassCost = 1e9;

/// Arguments name tables and columns where SQLite's rules for schemas no longer see them: a view in a stranger's file would
/// read warden_connections, or another database, by way of `source`. So none of it is for views and triggers but TEMP ones,
/// which are the application's own.
inline constexpr auto kRisk = vtab::risk::direct_only;

/// Notices an interrupt in work that no statement of SQLite does: stepping any statement tells. One thread.
class InterruptCheck {
 public:
  explicit InterruptCheck(ext::SqliteConnection& self) : self_(self) {}
  /// To be called at every step of the work. Throws vtab::error with SQLITE_INTERRUPT.
  void now_and_then() {
    if (++calls_ % kEvery != 0) return;
    if (!probe_) probe_ = Statement(self_, "SELECT 1");
    probe_.step();
    probe_.reset();
  }

 private:
  static constexpr std::uint32_t kEvery = 16384;
  ext::SqliteConnection& self_;
  Statement probe_;
  std::uint32_t calls_ = 0;
};

// Each installs its table or functions on the connection; a SQLite code.
int install_job_stats(ext::SqliteConnection& connection) noexcept;
int install_job_histogram(ext::SqliteConnection& connection) noexcept;
int install_job_metric_histogram(ext::SqliteConnection& connection) noexcept;
int install_job_page(ext::SqliteConnection& connection) noexcept;
int install_jobs(ext::SqliteConnection& connection) noexcept;
int install_job_count(ext::SqliteConnection& connection) noexcept;
int install_job_engine(ext::SqliteConnection& connection) noexcept;
int install_job_filter_sql(ext::SqliteConnection& connection) noexcept;
int install_pass(ext::SqliteConnection& connection) noexcept;
int install_match(ext::SqliteConnection& connection) noexcept;
int install_no_json(ext::SqliteConnection& connection) noexcept;

}  // namespace warden::jobs
