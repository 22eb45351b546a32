-- job_columns.sql: puts a ClusterCockpit database, or another with its job table, into the shape that job_columns makes possible:
-- statistics from columns, and five indexes for lists of jobs in place of 54.
--
-- Usage, with warden loaded, on a copy first (.backup does it while cc-backend runs):
--
--     sqlite3 job.db ".load ./warden" ".read sql/job_columns.sql"
--
-- Good to know:
--   * It is one transaction: others read what was there before until it ends, and nobody writes. Columns are made at some
--     hundred thousand jobs a second; the file needs a few percent more room until then.
--   * From then on triggers note each job that is written, whoever writes it, with warden or without; the triggers are plain
--     SQL. Statistics are exact at every moment; jobs that changed are read from the table until the next 'refresh'. Once
--     a minute or an hour will do: it takes as long as it takes to read those jobs.
--   * What warden says by SELECT * FROM job_stats(...) and its sisters comes from the columns by itself (job_engine() says
--     so). cc-backend's own statements don't: they read the table as before, by the indexes that are left.
--   * The way back: DROP TABLE job_index; the indexes that are dropped here stand in cc-backend's migrations.
--   * The room of the indexes is free within the file, for new jobs. VACUUM gives it to the file system, and needs as much again.

-- No index goes if the columns can't be made.
.bail on
SELECT count(*) AS jobs FROM job;
SELECT count(*) AS indexes_before FROM sqlite_master WHERE type = 'index' AND tbl_name = 'job' AND sql IS NOT NULL;

BEGIN IMMEDIATE;
CREATE VIRTUAL TABLE IF NOT EXISTS job_index USING job_columns(source=job);

-- Lists of jobs: the newest, a user's, a project's, the failed ones of a cluster, those that run.
CREATE INDEX IF NOT EXISTS jobs_starttime ON job (start_time);
CREATE INDEX IF NOT EXISTS jobs_user_starttime ON job (hpc_user, start_time);
CREATE INDEX IF NOT EXISTS jobs_project_starttime ON job (project, start_time);
CREATE INDEX IF NOT EXISTS jobs_cluster_jobstate_starttime ON job (cluster, job_state, start_time);
CREATE INDEX IF NOT EXISTS jobs_running ON job (cluster, hpc_user, start_time) WHERE job_state = 'running';

-- The rest served statistics, or nobody.
DROP INDEX IF EXISTS jobs_arrayjobid_starttime;
DROP INDEX IF EXISTS jobs_cluster_duration_starttime;
DROP INDEX IF EXISTS jobs_cluster_energy;
DROP INDEX IF EXISTS jobs_cluster_jobstate_duration_starttime;
DROP INDEX IF EXISTS jobs_cluster_jobstate_project_stats;
DROP INDEX IF EXISTS jobs_cluster_jobstate_starttime_duration;
DROP INDEX IF EXISTS jobs_cluster_jobstate_subcluster_stats;
DROP INDEX IF EXISTS jobs_cluster_jobstate_user_stats;
DROP INDEX IF EXISTS jobs_cluster_numacc;
DROP INDEX IF EXISTS jobs_cluster_numhwthreads;
DROP INDEX IF EXISTS jobs_cluster_numnodes;
DROP INDEX IF EXISTS jobs_cluster_partition_duration_starttime;
DROP INDEX IF EXISTS jobs_cluster_partition_jobstate;
DROP INDEX IF EXISTS jobs_cluster_partition_project;
DROP INDEX IF EXISTS jobs_cluster_partition_shared;
DROP INDEX IF EXISTS jobs_cluster_partition_starttime_duration;
DROP INDEX IF EXISTS jobs_cluster_partition_user;
DROP INDEX IF EXISTS jobs_cluster_project;
DROP INDEX IF EXISTS jobs_cluster_project_starttime_stats;
DROP INDEX IF EXISTS jobs_cluster_shared_duration_starttime;
DROP INDEX IF EXISTS jobs_cluster_shared_project;
DROP INDEX IF EXISTS jobs_cluster_shared_starttime_duration;
DROP INDEX IF EXISTS jobs_cluster_shared_user;
DROP INDEX IF EXISTS jobs_cluster_starttime_duration;
DROP INDEX IF EXISTS jobs_cluster_subcluster;
DROP INDEX IF EXISTS jobs_cluster_user;
DROP INDEX IF EXISTS jobs_cluster_user_starttime_stats;
DROP INDEX IF EXISTS jobs_duration_starttime;
DROP INDEX IF EXISTS jobs_energy_duration;
DROP INDEX IF EXISTS jobs_energy_starttime;
DROP INDEX IF EXISTS jobs_jobstate_duration_starttime;
DROP INDEX IF EXISTS jobs_jobstate_project;
DROP INDEX IF EXISTS jobs_jobstate_starttime_duration;
DROP INDEX IF EXISTS jobs_jobstate_user;
DROP INDEX IF EXISTS jobs_numacc_duration;
DROP INDEX IF EXISTS jobs_numacc_starttime;
DROP INDEX IF EXISTS jobs_numhwthreads_duration;
DROP INDEX IF EXISTS jobs_numhwthreads_starttime;
DROP INDEX IF EXISTS jobs_numnodes_duration;
DROP INDEX IF EXISTS jobs_numnodes_starttime;
DROP INDEX IF EXISTS jobs_project_duration_starttime;
DROP INDEX IF EXISTS jobs_project_starttime_duration;
DROP INDEX IF EXISTS jobs_project_user;
DROP INDEX IF EXISTS jobs_shared_duration_starttime;
DROP INDEX IF EXISTS jobs_shared_project;
DROP INDEX IF EXISTS jobs_shared_starttime_duration;
DROP INDEX IF EXISTS jobs_shared_user;
DROP INDEX IF EXISTS jobs_starttime_duration;
DROP INDEX IF EXISTS jobs_user_duration_starttime;
DROP INDEX IF EXISTS jobs_user_starttime_duration;
DROP INDEX IF EXISTS jobs_running_project_stats;
DROP INDEX IF EXISTS jobs_running_subcluster_stats;
DROP INDEX IF EXISTS jobs_running_user_stats;
COMMIT;

PRAGMA analysis_limit = 1000;
ANALYZE job;

SELECT count(*) AS indexes_after FROM sqlite_master WHERE type = 'index' AND tbl_name = 'job' AND sql IS NOT NULL;
SELECT round(100.0 * freelist_count / page_count) AS percent_of_the_file_free FROM pragma_freelist_count, pragma_page_count;
SELECT job_engine(NULL) AS statistics_from;
.bail off
