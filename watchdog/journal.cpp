#include "journal.hpp"

#include <array>

#include "clock.hpp"

namespace warden {

std::string_view action_name(Action action) noexcept {
  constexpr std::array<std::string_view, 6> kNames{"release", "trim", "cancel", "limit", "apply", "warn"};
  return kNames[static_cast<std::size_t>(action)];
}

std::string_view level_name(Level level) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"calm", "elevated", "over", "pressure"};
  return kNames[static_cast<std::size_t>(level)];
}

std::int64_t Journal::record(Event event) noexcept {
  const std::lock_guard held(lock_);
  event.event_id = static_cast<std::int64_t>(events_.written()) + 1;
  event.at_ms = wall_ms();
  events_.push(event);
  return event.event_id;
}

void Journal::record(Sample sample) noexcept {
  const std::lock_guard held(lock_);
  sample.sample_id = static_cast<std::int64_t>(samples_.written()) + 1;
  samples_.push(sample);
}

void Journal::resize(std::size_t events, std::size_t samples) {
  const std::lock_guard held(lock_);
  auto room_for_events = events_.room_for(events);
  samples_.resize(samples, samples_.room_for(samples));
  events_.resize(events, std::move(room_for_events));
}

std::size_t Journal::events_recorded() const noexcept {
  const std::lock_guard held(lock_);
  return events_.written();
}

}  // namespace warden
