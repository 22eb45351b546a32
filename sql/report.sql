-- The state of the process on one page: where its memory is, who holds it, what warden did, how it went.
--
--     SELECT load_extension('./warden');   -- in the process that you want to look at
--     .read sql/report.sql                 -- or send the statements one by one through any binding

-- Where the memory is.
SELECT area, warden_size_text(bytes) AS size, warden_size_text(limit_bytes) AS limit_size, description
FROM warden_memory;

-- Who holds it, and what they do.
SELECT connection_id AS id, label, state, warden_size_text(cache_bytes) AS cache, idle_ms, elapsed_ms,
       warden_size_text(released_bytes) AS given_back, sql
FROM warden_connections
ORDER BY cache_bytes DESC, connection_id
LIMIT 20;

-- What was done last.
SELECT datetime(at_ms / 1000, 'unixepoch') AS at, action, reason, connection_id AS id,
       warden_size_text(sqlite_before_bytes - sqlite_after_bytes) AS sqlite_gave,
       warden_size_text(rss_before_bytes - rss_after_bytes) AS process_gave, took_us
FROM warden_events
ORDER BY event_id DESC
LIMIT 20;

-- How it went: the last hour by the minute.
SELECT strftime('%H:%M', at_ms / 1000, 'unixepoch') AS minute, max(level) AS level,
       warden_size_text(max(sqlite_bytes)) AS sqlite_peak, warden_size_text(max(rss_bytes)) AS resident_peak,
       max(active) AS active_peak, max(connections) AS connections
FROM warden_samples
GROUP BY minute
ORDER BY min(at_ms) DESC
LIMIT 60;
