-- jobs_schema.sql: the tables in which ClusterCockpit's cc-backend keeps HPC jobs (its schema version 11).
--
-- For trying sqlite-warden, and every job statistic, without a cc-backend: create the tables here, fill them with
-- generate_jobs.sql. The job statistics read these four tables and no others; cc-backend has more (job_cache, node,
-- node_state, configuration), which hold no job that has been synced. Names, declared types, defaults and constraints are
-- cc-backend's own. The indexes are the few that are of use beside job_columns; job_columns.sql puts a real cc-backend
-- database into that shape.
--
-- Usage, in the top folder of sqlite-warden:
--
--     sqlite3 jobs.db ".read sql/jobs_schema.sql" ".read sql/generate_jobs.sql"
--     sqlite3 jobs.db "SELECT cluster, count(*) FROM job GROUP BY cluster"
--         alex|50034
--         fritz|79602
--         helma|39755
--         woody|30609
--
-- Good to know when reading the table:
--   * Time is Unix seconds, a duration is seconds, energy is kWh, "hwthreads" are what users call cores.
--   * The JSON columns are declared TEXT but hold TEXT or BLOB: cc-backend binds bytes when it inserts a job, a string
--     when it updates one. Both are JSON text (never JSONB), and json_extract() takes both; CAST before LIKE.
--   * footprint may be SQL NULL, the JSON null, {} or an object; a job just started has the JSON null.
--   * A running job's duration is stale: 0 at its start, then refreshed now and then. What counts is now - start_time.

CREATE TABLE IF NOT EXISTS job (
    id                INTEGER PRIMARY KEY,           -- this database's own number; jobtag refers to it
    job_id            BIGINT  NOT NULL,              -- the batch system's number, not unique by itself
    cluster           TEXT    NOT NULL,
    subcluster        TEXT    NOT NULL,              -- nodes of one kind within the cluster
    submit_time       BIGINT  NOT NULL DEFAULT 0,    -- Unix s; cc-backend never writes it: 0
    start_time        BIGINT  NOT NULL DEFAULT 0,    -- Unix s
    hpc_user          TEXT    NOT NULL,              -- login; hpc_user.username if that table knows it
    project           TEXT    NOT NULL,              -- account that pays
    cluster_partition TEXT,                          -- queue
    array_job_id      BIGINT,                        -- job_id of the array it belongs to; 0 (seldom NULL) = none
    duration          INT     NOT NULL,              -- s
    walltime          INT     NOT NULL,              -- s, the limit that was asked for
    job_state         TEXT    NOT NULL
    CHECK (job_state IN (
        'boot_fail', 'cancelled', 'completed', 'deadline', 'failed', 'node_fail',
        'out_of_memory', 'pending', 'preempted', 'running', 'suspended', 'timeout'
    )),
    meta_data         TEXT,                          -- JSON object of strings: jobName, jobScript, slurmInfo, ...
    resources         TEXT    NOT NULL,              -- JSON array, a node each: {"hostname", "hwthreads"?, ...}
    num_nodes         INT     NOT NULL,              -- >= 1
    num_hwthreads     INT,                           -- on all nodes together
    num_acc           INT,                           -- accelerators on all nodes together; 0 = none
    smt               INT     NOT NULL DEFAULT 1,    -- threads used per core
    shared            TEXT    NOT NULL               -- who else is on the nodes: nobody, the same user, anybody
    CHECK (shared IN ('none', 'single_user', 'multi_user')),
    monitoring_status TINYINT NOT NULL DEFAULT 1     -- 0 off, 1 running or archiving, 2 failed, 3 archived
    CHECK (monitoring_status IN (0, 1, 2, 3)),
    energy            REAL    NOT NULL DEFAULT 0.0,  -- kWh, two decimals
    energy_footprint  TEXT    DEFAULT NULL,          -- JSON object, kWh by source: {"cpu_power":1.25,"mem_power":0.20}
    footprint         TEXT    DEFAULT NULL,          -- JSON object, <metric>_<avg|min|max>: {"cpu_load_avg":71.8,...}
    UNIQUE (job_id, cluster, start_time)
);

CREATE TABLE IF NOT EXISTS hpc_user (
    username VARCHAR(255) PRIMARY KEY NOT NULL,      -- login, as in job.hpc_user
    password VARCHAR(255) DEFAULT NULL,              -- a hash, or NULL: signs in elsewhere
    ldap     TINYINT      NOT NULL DEFAULT 0,        -- where the account comes from (the name is history)
    name     VARCHAR(255) DEFAULT NULL,              -- for people to read
    roles    VARCHAR(255) NOT NULL DEFAULT '[]',     -- JSON array: user, manager, support, admin, api
    email    VARCHAR(255) DEFAULT NULL,
    projects VARCHAR(255) NOT NULL DEFAULT '[]'      -- JSON array: the projects that a manager may see
);

CREATE TABLE IF NOT EXISTS tag (
    id        INTEGER PRIMARY KEY,
    tag_type  VARCHAR(255) NOT NULL,                 -- 'app' and 'jobClass' are set by machine, others by people
    tag_name  VARCHAR(255) NOT NULL,
    insert_ts TEXT DEFAULT CURRENT_TIMESTAMP,        -- UTC, 'YYYY-MM-DD HH:MM:SS'
    tag_scope TEXT NOT NULL DEFAULT 'global',        -- who sees it: 'global', 'admin', or one user by login
    UNIQUE (tag_type, tag_name)
);

CREATE TABLE IF NOT EXISTS jobtag (
    job_id    INTEGER,                               -- job.id, not job.job_id
    tag_id    INTEGER,
    insert_ts TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (job_id, tag_id),
    FOREIGN KEY (job_id) REFERENCES job (id) ON DELETE CASCADE,
    FOREIGN KEY (tag_id) REFERENCES tag (id) ON DELETE CASCADE
);

-- cc-backend keeps 54 indexes on job, which together are as large as the table. These few serve the lists that people ask
-- for daily; statistics gain nothing from any index beside job_columns, and little without. UNIQUE above already serves the
-- look-up by job_id. No index has a column that changes while a job runs: duration would be rewritten in each of them.

-- The newest jobs, and every window of time.
CREATE INDEX IF NOT EXISTS jobs_starttime ON job (start_time);

-- A user's page: their jobs, newest first, without sorting.
CREATE INDEX IF NOT EXISTS jobs_user_starttime ON job (hpc_user, start_time);

-- The same for a project, which is what a manager looks at.
CREATE INDEX IF NOT EXISTS jobs_project_starttime ON job (project, start_time);

-- "Failed on this cluster since Monday", and counting by cluster and state from the index alone.
CREATE INDEX IF NOT EXISTS jobs_cluster_jobstate_starttime ON job (cluster, job_state, start_time);

-- Who runs what right now. Partial: it holds running jobs only, so it stays small however many have finished.
CREATE INDEX IF NOT EXISTS jobs_running ON job (cluster, hpc_user, start_time) WHERE job_state = 'running';

-- The jobs that carry a tag; the primary key serves the tags that a job carries.
CREATE INDEX IF NOT EXISTS tags_tagid ON jobtag (tag_id);
