-- What does not work as it could in this process, and what to do about it.
--
--     sqlite3 my.db '.load ./warden' '.read sql/doctor.sql'
--
-- The first question lists every capability that is not "ok"; the second what was refused or gone wrong so far.

SELECT "check", status, detail, coalesce(advice, '') AS advice
FROM warden_checks
WHERE status <> 'ok'
ORDER BY status = 'problem' DESC, "check";

SELECT reason, count(*) AS times, datetime(max(at_ms) / 1000, 'unixepoch') AS last_at
FROM warden_events
WHERE action = 'warn' OR reason LIKE 'could not%'
GROUP BY reason
ORDER BY times DESC;
