#include "tables.hpp"

#include <array>

#include "job_columns.hpp"
#include "job_tables.hpp"

namespace warden::ext {

std::span<const Installer> table_installers() noexcept {
  static constexpr std::array kAll{Installer{install_settings},
                                   install_memory,
                                   install_connections,
                                   install_events,
                                   install_samples,
                                   install_statements,
                                   install_checks,
                                   jobs::install_job_stats,
                                   jobs::install_job_histogram,
                                   jobs::install_job_metric_histogram,
                                   jobs::install_job_page,
                                   jobs::install_jobs,
                                   columns::install_job_columns};
  return kAll;
}

}  // namespace warden::ext
