-- A container of 256 MB: SQLite gets 40 % of it, sorts go to files, idle connections keep next to nothing.
--
--     .load ./warden
--     .read sql/small_container.sql
--
-- All sizes are shares of the memory that this process can have (the smallest cgroup limit), so the file serves any small
-- container: at 256 MB the budget is 102 MB, and a changed limit is followed within a second.

SELECT warden_set('memory_budget', '40%') AS memory_budget_bytes;

-- A sort or a GROUP BY spills to a file once the budget is used up, whatever PRAGMA temp_store the application sends.
SELECT warden_set('temp_store', 'file') AS temp_store;
SELECT warden_set('cache_size', '8MiB') AS cache_size_bytes;

-- Idle connections together keep at most 8 % of the budget, and nothing after ten seconds.
SELECT warden_set('idle_keep', '8%') AS idle_keep_bytes;
SELECT warden_set('idle_grace_ms', 500) AS idle_grace_ms;
SELECT warden_set('idle_release_ms', 10000) AS idle_release_ms;

-- What malloc holds back is a larger share of a small container.
SELECT warden_set('trim_above', '4MiB') AS trim_above_bytes;
