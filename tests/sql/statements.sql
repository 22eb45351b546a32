-- slow_statements.sql and activity.sql find what they are for; times are left out, for they differ.
CREATE TABLE job(id INTEGER PRIMARY KEY, user TEXT, state TEXT, duration INT);
INSERT INTO job SELECT value, 'user' || value % 7, 'done', value % 1000 FROM generate_series(1, 5000);
SELECT warden_statements_reset() > 0;
.output /dev/null
SELECT user FROM job WHERE id = 17;
SELECT user FROM job WHERE id = 18 -- the same shape
;
SELECT count(*) FROM job WHERE state = 'running';
SELECT id FROM job ORDER BY duration DESC LIMIT 3;
SELECT count(*) FROM (SELECT user FROM job LIMIT 20) a, (SELECT user FROM job LIMIT 20) b WHERE a.user = b.user;
INSERT INTO job(id, user) VALUES (1, 'twice');
SELECT warden_timeout(20);
SELECT count(*) FROM generate_series(1, 9000000000000);
SELECT warden_timeout(NULL);
.output stdout
SELECT calls, full_scan_steps, sorts, errors, cancels, sql FROM warden_statements WHERE sql LIKE '% job%' AND sql LIKE 'SELECT%' ORDER BY sql;
SELECT 'fingerprint', fingerprint FROM warden_statements WHERE sql = 'SELECT user FROM job WHERE id = ?';
SELECT reason, took_us >= 20000, sql FROM warden_events WHERE action = 'cancel';
.output /dev/null
.read sql/activity.sql
.read sql/slow_statements.sql
.output stdout
SELECT 'both ran';
BEGIN;
SELECT state, in_transaction FROM warden_connections;
COMMIT;
SELECT warden_cancel(12345);
SELECT warden_timeout(-1);
