-- The page on generated jobs, all of them long ago but for those that run; then calls of the page's kind with now given.
.read sql/jobs_schema.sql
.parameter set :jobs 3000
.read sql/generate_jobs.sql
UPDATE job SET job_state = 'completed', duration = 600 WHERE job_state = 'running';
.read sql/job_statistics.sql
UPDATE job SET job_state = 'running', duration = 0 WHERE id % 1000 = 0;
SELECT * FROM job_stats(NULL, 'cluster') WHERE now = 1704110400;
SELECT * FROM job_stats(NULL, 'cluster') WHERE now = 1704110400 AND parity = 1 AND short_seconds = 600;
SELECT id, duration FROM jobs('{"state": ["running"]}') WHERE now = 1704110400;
SELECT job_count('{"duration": {"from": 0, "to": 60}}', 'main.job', 1704110400), job_count('{"duration": {"from": 0, "to": 60}}', NULL, NULL, 1);
CREATE VIEW fritz AS SELECT * FROM job WHERE cluster = 'fritz';
CREATE TEMP VIEW fritz_by_state AS SELECT group_key AS state, total_jobs FROM job_stats(NULL, 'state', 'fritz');
SELECT * FROM fritz_by_state ORDER BY total_jobs DESC LIMIT 3;
-- Errors name the thing.
SELECT * FROM job_stats('{"clustr": {"eq": "fritz"}}');
SELECT * FROM job_stats('{"cluster": {"eq": 5}}');
SELECT * FROM job_stats('[{}, {"startTime": {"from": "2025-13-01T00:00:00Z"}}]');
SELECT * FROM job_stats(NULL, 'colour');
SELECT * FROM job_stats(NULL, NULL, 'nowhere.job');
SELECT * FROM job_stats(NULL, NULL, 'hpc_user');
SELECT * FROM job_histogram(NULL, 'duration', '2h');
SELECT * FROM job_metric_histogram(NULL, '["mem_bw_avg"]', 0);
SELECT * FROM job_metric_histogram(NULL, '["mem bw"]');
SELECT * FROM jobs(NULL, 'colour DESC');
