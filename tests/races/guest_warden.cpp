// What a host asks of warden, and does to it.
#include "guest.hpp"

namespace warden::test {

void Thread::scan_for_long(Guest& guest) {
  // Ended by its own deadline, by somebody's warden_cancel or interrupt, or by itself.
  if (one_in(2)) run(guest, "SELECT warden_timeout(" + std::to_string(1 + pick(20)) + ")");
  run(guest,
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100000) SELECT count(*) FROM "
      "c");
  run(guest, "SELECT warden_timeout(" + std::string(one_in(2) ? "NULL" : "0") + ")");
  if (one_in(4)) sqlite3_interrupt(guest.db);
}

void Thread::read_tables(Guest& guest) {
  static constexpr std::array kTables{"warden_settings",   "warden_memory", "warden_connections",
                                      "warden_statements", "warden_events", "warden_samples",
                                      "warden_checks"};
  run(guest, "SELECT * FROM " + std::string(kTables[pick(kTables.size())]));
  if (one_in(4)) run(guest, "SELECT warden_debug(), warden_version(), warden_get('memory_budget')");
}

void Thread::ask_for_jobs(Guest& guest) {
  if (guest.home != Home::wal) return;
  static constexpr std::array kQuestions{
      "SELECT * FROM job_stats(NULL, 'cluster')",
      "SELECT * FROM job_histogram('{\"state\": [\"failed\"]}', 'duration', '6h')",
      "SELECT * FROM job_metric_histogram(NULL, '[{\"metric\": \"mem_bw_avg\", \"peak\": 350}]', 2)",
      "SELECT * FROM job_page(NULL)",
      "SELECT * FROM jobs('{\"numNodes\": {\"from\": 2, \"to\": 0}}', 'duration DESC', 3, 1)",
      "SELECT job_count('{\"user\": {\"contains\": \"a\"}}'), job_filter_sql(NULL)"};
  run(guest, kQuestions[pick(kQuestions.size())]);
}

void Thread::change_settings(Guest& guest) {
  static constexpr std::array<std::array<const char*, 4>, 22> kSettings{{
      {"memory_budget", "5MB", "40MB", "1GB"},
      {"release_above", "50%", "1MB", "75%"},
      {"idle_grace_ms", "0", "0", "1000"},
      {"idle_keep", "0", "auto", "1MB"},
      {"idle_release_ms", "1", "1", "60000"},
      {"statement_timeout_ms", "0", "0", "50"},
      {"statement_timeout_writes", "0", "0", "1"},
      {"transaction_idle_ms", "0", "1", "50"},
      {"cancel_above", "0", "0", "4MB"},
      {"cancel_after_ms", "2000", "0", "20"},
      {"cache_size", "keep", "100kB", "2MB"},
      {"temp_store", "keep", "file", "memory"},
      {"trim", "always", "auto", "never"},
      {"sample_interval_ms", "1", "1", "auto"},
      {"hooks", "trace", "trace+progress", "none"},
      {"statement_stats", "1", "1", "0"},
      {"statement_stats_max", "1000", "10", "50"},
      {"show_sql", "normalized", "full", "none"},
      {"history", "3600", "1", "100"},
      {"events", "1000", "1", "100"},
      {"dry_run", "0", "0", "1"},
      {"watchdog", "1", "1", "0"},
  }};
  const auto& setting = kSettings[pick(kSettings.size())];
  const std::string name = setting[0];
  const std::string value = setting[1 + pick(3)];
  if (one_in(16)) {
    run(guest, "SELECT warden_reset()");
  } else if (one_in(3)) {
    run(guest, "UPDATE warden_settings SET value = '" + value + "' WHERE name = '" + name + "'");
  } else {
    run(guest, "SELECT warden_set('" + name + "', '" + value + "')");
  }
  ++figures.settings;
}

void Thread::release(Guest& guest) {
  // Another connection may close between the look and the call, which says so.
  switch (pick(5)) {
    case 0:
      run(guest, "SELECT warden_release()");
      break;
    case 1:
      run(guest, "SELECT warden_release('idle')");
      break;
    case 2:
      run(guest, "SELECT warden_release(connection_id) FROM warden_connections ORDER BY random() LIMIT 3",
          {SQLITE_ERROR});
      break;
    case 3:
      run(guest, "SELECT warden_trim()");
      break;
    default:
      sqlite3_db_release_memory(guest.db);
      sqlite3_release_memory(1 << 16);
  }
  ++figures.releases;
}

void Thread::cancel(Guest& guest) {
  std::int64_t cancelled = 0;
  run(guest,
      "SELECT warden_cancel(connection_id, statement_seq) FROM warden_connections WHERE state = 'active' AND "
      "connection_id <> warden_connection_id() ORDER BY random() LIMIT 3",
      {SQLITE_ERROR}, &cancelled);
  figures.cancels += cancelled;
  if (one_in(4)) sqlite3_interrupt(storm_.shared(pick(8)));
}

void Thread::label(Guest& guest) {
  run(guest, "SELECT warden_label('guest " + std::to_string(pick(100)) + "')");
  if (one_in(4)) run(guest, "SELECT warden_statements_reset()");
}

void Thread::load_again(Guest& guest) {
  // A host may cancel all automatic extensions: what opens until warden is loaded again is not watched.
  if (one_in(4)) sqlite3_reset_auto_extension();
  sqlite3_enable_load_extension(guest.db, 1);
  char* message = nullptr;
  const int code = sqlite3_load_extension(guest.db, WARDEN_SO, nullptr, &message);
  // Loading registers functions, which waits for nobody, but not while one that runs uses them.
  if (!is_explained(code, {})) storm_.note_wrong("warden could not be loaded again: " + std::string(message));
  sqlite3_free(message);
  sqlite3_enable_load_extension(guest.db, 0);
}

void Thread::take_the_hooks(Guest& guest) {
  if (!guest.open.empty())
    return;  // SQLite asserts that a statement ends with the callback that it began with
  const auto ignore = [](unsigned, void*, void*, void*) { return 0; };
  guest.hooks_taken = true;
  sqlite3_trace_v2(guest.db, SQLITE_TRACE_STMT, ignore, nullptr);
  run(guest, "SELECT count(*) FROM owned; SELECT count(*) FROM warden_connections");
  sqlite3_trace_v2(guest.db, 0, nullptr, nullptr);
}

void Thread::use_a_shared_one() {
  sqlite3* const db = storm_.shared(pick(8));
  switch (pick(4)) {
    case 0:
      run(db, "SELECT count(*) FROM sqlite_schema", {SQLITE_ABORT});
      break;
    case 1:
      run(db, "SELECT connection_id, state, cache_bytes, schema_bytes FROM warden_connections",
          {SQLITE_ABORT});
      break;
    case 2:
      run(db, "SELECT warden_release()", {SQLITE_ABORT});
      break;
    default:
      run(db,
          "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000) SELECT count(*) "
          "FROM c",
          {SQLITE_ABORT});
  }
}

}  // namespace warden::test
