-- The page on a database with cc-backend's indexes, of which a few are enough to see that they go.
.read sql/jobs_schema.sql
.parameter set :jobs 3000
.read sql/generate_jobs.sql
UPDATE job SET job_state = 'completed', duration = 600 WHERE job_state = 'running';
CREATE INDEX jobs_cluster_user ON job(cluster, hpc_user);
CREATE INDEX jobs_user_starttime_duration ON job(hpc_user, start_time, duration);
CREATE INDEX jobs_running_user_stats ON job(cluster, hpc_user, num_nodes, num_hwthreads, num_acc, duration, start_time) WHERE job_state = 'running';
CREATE INDEX ours ON job(walltime);
.read sql/job_columns.sql
SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'job' AND sql IS NOT NULL ORDER BY 1;
SELECT group_key, total_jobs, total_node_hours FROM job_stats(NULL, 'cluster') ORDER BY 2 DESC;
UPDATE job SET cluster = 'fritz' WHERE id <= 10;
SELECT group_key, total_jobs FROM job_stats(NULL, 'cluster') WHERE engine = 'columns' ORDER BY 2 DESC;
-- A second time it changes nothing.
.read sql/job_columns.sql
SELECT job_engine(NULL);
DROP TABLE job_index;
SELECT job_engine(NULL), count(*) FROM sqlite_master WHERE name LIKE 'job_index%';
-- Without warden no index goes.
.shell f=$(mktemp); sqlite3 $f ".read sql/jobs_schema.sql" "CREATE INDEX jobs_cluster_user ON job(cluster, hpc_user)"; sqlite3 $f ".read sql/job_columns.sql" >/dev/null 2>&1; sqlite3 $f "SELECT name FROM sqlite_master WHERE name = 'jobs_cluster_user'"; rm $f
