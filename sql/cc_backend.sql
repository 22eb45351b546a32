-- ClusterCockpit's cc-backend as it was configured after its incident, but for every connection of the process and not
-- only for the one of the pool that the pragmas happen to reach.
--
--     .load ./warden
--     .read sql/cc_backend.sql
--
-- Afterwards PRAGMA cache_size prints -200000 and PRAGMA soft_heap_limit prints 1073741824 on every connection: on those
-- that open later from their first statement, on those that are open now from the end of their next statement that reads.

-- 200000 KiB of page cache for each connection.
SELECT warden_set('cache_size', '200000KiB') AS cache_size_bytes;

-- 1 GiB for all of them together. warden does what the soft heap limit alone does not on a stock build: idle connections
-- give back to those that work.
SELECT warden_set('memory_budget', '1GiB') AS memory_budget_bytes;
SELECT warden_set('soft_heap_limit', 1073741824) AS soft_heap_limit_bytes;

-- Sorts in memory, as cc-backend has it. 'file' would bound them too: see small_container.sql.
SELECT warden_set('temp_store', 'memory') AS temp_store;

-- A connection that nobody has used for ten minutes gives back what it holds. The pool need not close it.
SELECT warden_set('idle_release_ms', 600000) AS idle_release_ms;
