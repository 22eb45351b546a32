-- The job schema and its generator: any size, in any number of pieces, always the same rows.
.read sql/jobs_schema.sql
.parameter set :jobs 2000
.read sql/generate_jobs.sql
SELECT count(*), min(id), max(id), count(DISTINCT hpc_user) > 100 FROM job;
CREATE TEMP TABLE first_half AS SELECT * FROM job WHERE id <= 1000;
CREATE TEMP TABLE second_half AS SELECT * FROM job WHERE id > 1000;
DELETE FROM jobtag;
DELETE FROM job;
.parameter set :jobs 1000
.read sql/generate_jobs.sql
.parameter set :first_job 1001
.read sql/generate_jobs.sql
SELECT count(*) FROM (SELECT * FROM job WHERE id <= 1000 EXCEPT SELECT * FROM first_half);
SELECT count(*) FROM (SELECT * FROM job WHERE id > 1000 EXCEPT SELECT * FROM second_half);
SELECT count(*) FROM job;
SELECT count(*) FROM job WHERE NOT json_valid(footprint) OR NOT json_valid(resources) OR NOT json_valid(meta_data);
PRAGMA integrity_check;
PRAGMA foreign_key_check;
