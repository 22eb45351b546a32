-- The two other policies, on a machine whose memory is not known here: shares are compared, not printed.
.mode list
.output /dev/null
.read sql/small_container.sql
.output stdout
SELECT name, value FROM warden_settings WHERE source = 'sql';
SELECT abs(warden_get('memory_budget') - 0.4 * warden_size('100%')) < 2;
PRAGMA cache_size;
PRAGMA temp_store;
.output /dev/null
SELECT warden_reset();
.read sql/large_server.sql
.output stdout
SELECT name, CASE name WHEN 'cache_size' THEN value = warden_get('memory_budget') / 2 ELSE value END
FROM warden_settings WHERE source = 'sql';
SELECT abs(warden_get('memory_budget') - 0.7 * warden_size('100%')) < 2;
SELECT warden_get('release_to') <= warden_get('release_above');
PRAGMA temp_store;
