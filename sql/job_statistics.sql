-- Job statistics of a ClusterCockpit database, as a page: what all jobs add up to, who uses the machine, how long jobs run,
-- how well they use it, and the list behind a number. One pass over the table for each statement, never a sort of all jobs.
--
-- Usage, with warden loaded, on a database with a table job (jobs_schema.sql and generate_jobs.sql make one):
--
--     sqlite3 jobs.db ".load ./warden" ".read sql/job_statistics.sql"
--
-- Good to know:
--   * A filter is ClusterCockpit's JobFilter as JSON, an object or an array of them, all AND-ed; NULL is every job. Values
--     never become SQL: a filter from a web client can do nothing but choose jobs.
--   * Other arguments go by name: WHERE source = 'archive.job', now = 1767225600, short_seconds = 600, parity = 1.
--   * Who may see which jobs is a view: CREATE VIEW mine AS SELECT * FROM job WHERE project = 'p1', then source = 'mine'.
--   * All of them can be ended: warden_timeout(), warden_cancel(), sqlite3_interrupt().

-- 1. One page from one pass: totals, four histograms, and a histogram for each metric.
SELECT section, coalesce(name, section) AS name, label, value
  FROM job_page('{"cluster": {"eq": "fritz"}}',
                '[{"metric": "mem_bw_avg", "peak": 350}, {"metric": "cpu_load_avg", "peak": 72}]')
 WHERE value > 0;

-- 2. Who uses the machine: the ten largest, by name. Order and paging are plain SQL.
SELECT group_key AS user, group_name AS name, total_jobs, total_core_hours, short_jobs
  FROM job_stats(NULL, 'user')
 ORDER BY total_core_hours DESC, user
 LIMIT 10;

-- 3. Users that ran nothing here: a join the other way round still takes one pass.
SELECT count(*) AS users, count(*) FILTER (WHERE total_jobs IS NULL) AS without_jobs
  FROM hpc_user LEFT JOIN job_stats('{"cluster": {"eq": "helma"}}', 'user') ON group_key = username;

-- 4. A table of periods: each row of the list is a filter.
SELECT json_extract(period.value, '$.startTime.from') AS since, total_jobs, total_walltime_hours, total_users
  FROM json_each('[{"startTime": {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T05:59:59Z"}},
                   {"startTime": {"from": "2024-01-01T06:00:00Z", "to": "2024-01-01T11:59:59Z"}},
                   {"startTime": {"from": "2024-01-01T12:00:00Z", "to": "2024-01-01T17:59:59Z"}}]') AS period
 CROSS JOIN job_stats(period.value);

-- 5. How long jobs run, as bars.
SELECT label, jobs, substr('########################################', 1, 40 * jobs / max(jobs) OVER ()) AS bar
  FROM job_histogram('{"state": ["completed", "timeout"]}', 'duration', '1h')
 WHERE jobs > 0;

-- 6. How well they use the memory: without a peak the bins end at the power of two above the largest value.
SELECT metric, from_value, to_value, jobs, without_value
  FROM job_metric_histogram('{"numNodes": {"from": 2, "to": 0}}', '["mem_bw_avg", "flops_any_avg"]', 8);

-- 7. The jobs behind a bar: page 1 of those that barely touch the memory, busiest first.
SELECT job_id, hpc_user, num_nodes, duration, json_extract(footprint, '$.mem_bw_avg') AS mem_bw
  FROM jobs('{"metricStats": [{"metricName": "mem_bw_avg", "range": {"from": 0, "to": 20}}],
              "numNodes": {"from": 8, "to": 0}}', 'footprint.cpu_load_avg DESC', 5, 1);

-- 8. And what a filter means, for EXPLAIN QUERY PLAN or a statement of one's own.
SELECT job_filter_sql('{"user": {"startsWith": "chem"}, "tags": [1], "numNodes": {"from": 2, "to": 8}}');
