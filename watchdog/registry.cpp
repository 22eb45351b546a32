#include "registry.hpp"

#include <algorithm>

#include "clock.hpp"

namespace warden {

Connection::Connection(std::int64_t connection_id, const void* handle_identity, std::string file_name)
    : id(connection_id),
      handle(handle_identity),
      file(std::move(file_name)),
      opened_at_ms(wall_ms()),
      opened_ns(monotonic_ns()) {}

void Connection::ask_to_release(std::string_view reason) noexcept {
  {
    const std::lock_guard held(text_lock_);
    ask_reason_ = reason;
  }
  asked_ns.store(monotonic_ns(), std::memory_order_relaxed);
  ask(kRelease);
}

FixedText<62> Connection::ask_reason() const noexcept {
  const std::lock_guard held(text_lock_);
  return ask_reason_;
}

void Connection::set_label(std::string_view label) noexcept {
  const std::lock_guard held(text_lock_);
  label_ = label;
}

FixedText<62> Connection::label() const noexcept {
  const std::lock_guard held(text_lock_);
  return label_;
}

void Connection::note_release(std::int64_t bytes, std::int64_t now_ns) noexcept {
  releases.fetch_add(1, std::memory_order_relaxed);
  if (bytes > 0) released_bytes.fetch_add(bytes, std::memory_order_relaxed);
  released_ns.store(now_ns, std::memory_order_relaxed);
}

std::int64_t Connection::last_used_ns() const noexcept {
  return std::max(activity.ended_ns(), traffic_ns.load(std::memory_order_relaxed));
}

bool Connection::released_since_it_ran() const noexcept {
  const std::int64_t released = released_ns.load(std::memory_order_relaxed);
  return released != 0 && !activity.running() && released >= last_used_ns();
}

std::int64_t Connection::idle_ms(std::int64_t now_ns) const noexcept {
  if (activity.running()) return 0;
  return std::max<std::int64_t>(0, now_ns - std::max(opened_ns, last_used_ns())) / 1'000'000;
}

std::vector<std::shared_ptr<Connection>>::const_iterator Registry::at_or_after(
    std::int64_t id) const noexcept {
  return std::lower_bound(
      connections_.begin(), connections_.end(), id,
      [](const auto& connection, std::int64_t wanted) { return connection->id < wanted; });
}

void Registry::add(std::shared_ptr<Connection> connection) {
  const std::lock_guard held(lock_);
  connections_.reserve(connections_.size() + 1);
  handles_.insert_or_assign(connection->handle, connection);
  unaccounted_.fetch_add(connection->accounted() ? 0 : 1, std::memory_order_relaxed);
  const auto position = at_or_after(connection->id);
  connections_.insert(position, std::move(connection));
}

void Registry::remove(std::int64_t id) noexcept {
  std::shared_ptr<Connection> last;  // dropped after the lock: its destructor is not ours to run under it
  std::shared_ptr<Connection> again;
  const std::lock_guard held(lock_);
  const auto position = at_or_after(id);
  if (position == connections_.end() || (*position)->id != id) return;
  last = *position;
  connections_.erase(position);
  unaccounted_.fetch_sub(last->accounted() ? 0 : 1, std::memory_order_relaxed);
  if (const auto known = handles_.find(last->handle); known != handles_.end() && known->second == last) {
    again = std::move(known->second);
    handles_.erase(known);
  }
}

std::shared_ptr<Connection> Registry::find(std::int64_t id) const noexcept {
  const std::lock_guard held(lock_);
  const auto position = at_or_after(id);
  return position == connections_.end() || (*position)->id != id ? nullptr : *position;
}

std::shared_ptr<Connection> Registry::find_handle(const void* handle) const noexcept {
  const std::lock_guard held(lock_);
  const auto known = handles_.find(handle);
  return known == handles_.end() ? nullptr : known->second;
}

void Registry::lock_for_fork() noexcept {
  lock_.lock();
  for (const auto& connection : connections_) connection->statements.fork_lock().lock_another();
  for (const auto& connection : connections_) connection->text_lock_.lock_another();
}

void Registry::unlock_after_fork() noexcept {
  for (const auto& connection : connections_) {
    connection->text_lock_.unlock();
    connection->statements.fork_lock().unlock();
  }
  lock_.unlock();
}

std::shared_ptr<Connection> Registry::after(std::int64_t id) const noexcept {
  const std::lock_guard held(lock_);
  const auto position = at_or_after(id + 1);
  return position == connections_.end() ? nullptr : *position;
}

std::size_t Registry::size() const noexcept {
  const std::lock_guard held(lock_);
  return connections_.size();
}

}  // namespace warden
