#include "busy_warden.hpp"

namespace warden::test {

BusyWarden::BusyWarden(Mode mode) {
  keeper_.load();
  const auto set = [&](const std::string& name, const std::string& value) {
    keeper_.rows("SELECT warden_set('" + name + "', '" + value + "')");
  };
  set("hooks", mode == Mode::progress ? "trace+progress" : "trace");
  set("memory_budget", "1MiB");
  set("soft_heap_limit", mode == Mode::limit ? "1" : "0");
  for (const char* name : {"release_above", "release_to", "idle_grace_ms", "idle_keep", "trim_above"})
    set(name, "0");
  for (const char* name : {"idle_release_ms", "transaction_idle_ms", "sample_interval_ms"}) set(name, "1");
  set("trim", "always");
  set("trim_interval_ms", "10");
  set("statement_stats_max", "10");
  set("statement_timeout_ms", "86400000");
  set("statement_timeout_writes", "1");
  set("history", "10");
  if (mode == Mode::settings) {
    set("cache_size", "64MiB");
    set("temp_store", "file");
  }
  thread_ = std::thread([this, mode] {
    try {
      shake(mode);
    } catch (const std::exception& e) {
      failure_ = e.what();
    }
  });
}

BusyWarden::~BusyWarden() {
  ends_ = true;
  if (thread_.joinable()) thread_.join();
}

std::int64_t BusyWarden::events() const {
  if (!failure_.empty()) throw std::runtime_error("the thread that shakes warden: " + failure_);
  return keeper_.number("SELECT max(event_id) FROM warden_events");
}

void BusyWarden::shake(Mode mode) {
  const Db own;
  const char* const turns[] = {
      "SELECT count(*), sum(cache_bytes + schema_bytes) FROM warden_connections",
      "SELECT * FROM warden_statements",
      "SELECT warden_set('statement_stats', 0)",
      "SELECT * FROM warden_memory",
      "SELECT warden_set('statement_stats', 1)",
      "SELECT * FROM warden_events LIMIT 20",
      "SELECT warden_set('show_sql', 'full')",
      "SELECT * FROM warden_samples",
      "SELECT * FROM warden_checks",
      "SELECT * FROM warden_settings",
      "SELECT warden_release('idle')",
      "SELECT warden_set('statement_stats_max', 10), warden_statements_reset()",
      "SELECT warden_set('show_sql', 'none')",
      "SELECT warden_debug()",
  };
  for (std::size_t turn = 0; !ends_; ++turn) {
    try {
      // A connection may have been closed between the look and the call.
      own.rows("SELECT warden_release(connection_id) FROM warden_connections");
    } catch (const SqlError& e) {
      if (std::string(e.what()).find("no connection has the id") == std::string::npos) throw;
    }
    if (turn % 4 == 0) own.rows(turns[turn / 4 % std::size(turns)]);
    // Another value each time, so that every connection has something to apply at the end of its statements.
    if (mode == Mode::settings)
      own.rows("SELECT warden_set('cache_size', " + std::to_string(64'000'000 + turn % 2 * 1024) + ")");
    const timespec moment{0, 100'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
  }
}

}  // namespace warden::test
