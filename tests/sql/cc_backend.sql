-- The policy reaches the connection that reads it, and those that open later.
.read sql/cc_backend.sql
PRAGMA cache_size;
PRAGMA soft_heap_limit;
PRAGMA temp_store;
.connection 1
.open :memory:
PRAGMA cache_size;
PRAGMA soft_heap_limit;
PRAGMA temp_store;
PRAGMA cache_size = 1000000000;
PRAGMA cache_size;
SELECT name, value, source FROM warden_settings WHERE source <> 'default';
