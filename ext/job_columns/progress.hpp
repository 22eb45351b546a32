// How far a long command is, for others to see.
#pragma once

#include <algorithm>

#include "connection.hpp"

namespace warden::columns {

/// While one lives, `progress` of warden_connections tells how far its command is. The connection's own thread only; the
/// connection must outlive it.
class Progress {
 public:
  explicit Progress(ext::SqliteConnection& self) noexcept : self_(self) {}
  ~Progress() { self_.set_share_done(std::nullopt); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// The command, or its next part, goes through the jobs with rowids from `first` to `last`, in order.
  void begin(std::int64_t first, std::int64_t last) noexcept {
    first_ = static_cast<double>(first);
    span_ = static_cast<double>(last) - first_ + 1;
    self_.set_share_done(0);
  }
  /// It has come to the job with this rowid. Before begin() nothing is told.
  void at(std::int64_t id) noexcept {
    if (span_ > 0) self_.set_share_done(std::clamp((static_cast<double>(id) - first_) / span_, 0.0, 1.0));
  }

 private:
  ext::SqliteConnection& self_;
  double first_ = 0;
  double span_ = 0;
};

}  // namespace warden::columns
