-- What statements cost since the process began, or since warden_statements_reset(): by shape, without anyone's data.
--
--     .read sql/slow_statements.sql        -- or send the statements one by one through any binding

-- Where the time goes.
SELECT round(100.0 * total_ms / sum(total_ms) OVER ()) || ' %' AS share, calls, round(total_ms, 1) AS total_ms,
       round(mean_ms, 3) AS mean_ms, round(max_ms, 1) AS max_ms, round(stddev_ms, 3) AS stddev_ms, sql
FROM warden_statements
ORDER BY warden_statements.total_ms DESC
LIMIT 20;

-- Who scans whole tables: rows stepped over in scans without an index, for each call. A statement that reads few rows and
-- steps over many wants an index: EXPLAIN QUERY PLAN shows which table is the one that is scanned.
SELECT full_scan_steps / calls AS steps_a_call, calls, round(mean_ms, 3) AS mean_ms, sql
FROM warden_statements
WHERE full_scan_steps / calls >= 1000
ORDER BY full_scan_steps DESC
LIMIT 20;

-- Who sorts without an index, and who builds one for each call.
SELECT sorts, auto_indexes AS auto_index_rows, calls, round(mean_ms, 3) AS mean_ms, sql
FROM warden_statements
WHERE sorts > 0 OR auto_indexes > 0
ORDER BY total_ms DESC
LIMIT 20;

-- Who was cancelled or failed (the least: SQLite does not tell how a statement ends).
SELECT cancels, errors, calls, round(max_ms, 1) AS max_ms, sql
FROM warden_statements
WHERE cancels > 0 OR errors > 0
ORDER BY cancels DESC, errors DESC
LIMIT 20;

-- Who needs memory.
SELECT warden_size_text(peak_memory_bytes) AS peak, calls, round(mean_ms, 3) AS mean_ms, sql
FROM warden_statements
WHERE peak_memory_bytes > 1000000
ORDER BY peak_memory_bytes DESC
LIMIT 20;
