#include "tables.hpp"

#include <array>

namespace warden::ext {

std::span<const Installer> table_installers() noexcept {
  static constexpr std::array<Installer, 7> kAll{install_settings, install_memory,  install_connections,
                                                 install_events,   install_samples, install_statements,
                                                 install_checks};
  return kAll;
}

}  // namespace warden::ext
