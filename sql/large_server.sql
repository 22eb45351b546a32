-- A server of 512 GB that is there for this database: most of its memory is put to use, none of it is kept for ever.
--
--     .load ./warden
--     .read sql/large_server.sql

-- 70 % of the machine, or of the cgroup: 358 GB of 512 GB. The rest is for the file cache of the system, which a scan
-- that goes past SQLite's cache uses, and for the application.
SELECT warden_set('memory_budget', '70%') AS memory_budget_bytes;

-- One connection may fill half of that; several share the budget, and the soft limit makes them recycle.
SELECT warden_set('cache_size', warden_get('memory_budget') / 2) AS cache_size_bytes;

-- Working sets stay warm: idle connections are released late, and together may keep a quarter of the budget.
SELECT warden_set('release_above', '90%') AS release_above_bytes;
SELECT warden_set('release_to', '75%') AS release_to_bytes;
SELECT warden_set('idle_keep', '25%') AS idle_keep_bytes;

-- After half an hour without a statement a connection gives everything back, so a nightly report leaves nothing behind.
SELECT warden_set('idle_release_ms', 1800000) AS idle_release_ms;

-- Sorts use memory up to the budget and then files; gigabytes of freed memory are worth a trim, 32 MB are not.
SELECT warden_set('temp_store', 'file') AS temp_store;
SELECT warden_set('trim_above', '1GiB') AS trim_above_bytes;
