-- What the process is doing right now, and how to end it.
--
--     .read sql/activity.sql               -- or send the statements one by one through any binding
--     SELECT warden_cancel(7, 42);         -- ends statement 42 of connection 7, and no later one

-- What runs, the longest first. Beyond 100 % of its time a statement has been cancelled and has not noticed yet.
SELECT connection_id AS id, statement_seq AS seq, label, elapsed_ms,
       round(100.0 * elapsed_ms / deadline_ms) || ' %' AS of_its_time,
       warden_size_text(cache_bytes) AS cache, thread_id AS thread, sql
FROM warden_connections
WHERE state = 'active' AND connection_id <> warden_connection_id()
ORDER BY elapsed_ms DESC
LIMIT 20;

-- Transactions that are left open: each holds its locks, and keeps the WAL from being reset.
SELECT connection_id AS id, label, idle_ms, file, sql AS last_sql
FROM warden_connections
WHERE state = 'idle in transaction'
ORDER BY idle_ms DESC
LIMIT 20;

-- What was cancelled last: after how long, why, and what came back.
SELECT datetime(at_ms / 1000, 'unixepoch') AS at, reason, connection_id AS id, label,
       took_us / 1000 AS ran_ms, warden_size_text(sqlite_before_bytes - sqlite_after_bytes) AS sqlite_gave,
       warden_size_text(rss_before_bytes - rss_after_bytes) AS process_gave,
       CASE WHEN took_us IS NULL THEN 'has not ended' WHEN dry_run THEN 'dry run' ELSE '' END AS note, sql
FROM warden_events
WHERE action = 'cancel'
ORDER BY event_id DESC
LIMIT 20;

-- Ready to be run: one line for each statement that has run for more than ten seconds.
SELECT 'SELECT warden_cancel(' || connection_id || ', ' || statement_seq || ');  -- ' || elapsed_ms / 1000 || ' s: ' ||
       coalesce(substr(sql, 1, 60), '?') AS to_end_it
FROM warden_connections
WHERE state = 'active' AND elapsed_ms > 10000 AND connection_id <> warden_connection_id()
ORDER BY elapsed_ms DESC;
