// Timestamps as ClusterCockpit's clients write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace warden::jobs {

/// "2025-01-31T12:00:00Z", "2025-01-31T13:00:00.5+01:00" (RFC 3339, section 5.6) as Unix seconds, fractions cut off. Empty
/// for anything else: a date alone, a day that the month has not, a leap second.
std::optional<std::int64_t> unix_seconds_of(std::string_view rfc3339) noexcept;

}  // namespace warden::jobs
