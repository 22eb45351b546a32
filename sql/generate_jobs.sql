-- generate_jobs.sql: as many HPC jobs as you like, always the same ones, for the tables of jobs_schema.sql.
--
-- Usage, in the top folder of sqlite-warden; without parameters it makes 200 000 jobs:
--
--     sqlite3 jobs.db ".read sql/jobs_schema.sql" ".read sql/generate_jobs.sql"
--
-- Parameters, set by the CLI's `.parameter set` or bound by name in a program; unbound (NULL) means the default:
--
--     :jobs       how many jobs (200000)
--     :first_job  the number of the first one, counted from 1 (1)
--
-- Fast, for a file that may be lost if the machine stops meanwhile (the PRAGMAs end with the connection):
--
--     sqlite3 fast.db "PRAGMA journal_mode=OFF" "PRAGMA synchronous=OFF" "PRAGMA cache_size=-200000" \
--         ".read sql/jobs_schema.sql" ".parameter set :jobs 20000" ".read sql/generate_jobs.sql"
--
-- In chunks, for instance to show progress; a .dump of the result is the same to the last byte:
--
--     for first in 1 5001 10001 15001; do
--         sqlite3 chunks.db ".read sql/jobs_schema.sql" ".parameter set :jobs 5000" \
--             ".parameter set :first_job $first" ".read sql/generate_jobs.sql" && echo "$((first + 4999)) jobs"
--     done
--
-- What you get: 1.0 GB per 1 000 000 jobs. One arrives every 4.7 s on average from 2024-01-01 on, 1.4 times as many by
-- day (8 to 18 h UTC) and half as many before it: 20 000 000 are three years. Each starts up to 17 minutes after its
-- turn, so start_time rises with id, roughly. The cluster names are ClusterCockpit's examples; the rest is invented.
--
--     cluster   fritz 40 % (CPU, up to 64 nodes), alex 25 % (shared GPU nodes), helma 20 % (GPU), woody 15 % (shared)
--     people    600 users in 120 projects; the first one has 12 % of the jobs, the second half of them 20 %
--     arrays    10 % of the jobs belong to job arrays: same user, machine, size and program, own run time and metrics
--     duration  20 % under 300 s, 12 % until their walltime, the others 300 s to 21 h, every octave alike
--     state     70 % completed, 10 % timeout, 10 % failed, 6 % cancelled, some of the rarer ones, 0.1 % running
--     JSON      BLOB; footprint and energy_footprint are TEXT in 10 % of the rows, and the JSON null in 2 %
--     hpc_user  576 of the 600 users, the others have left; 12 are managers of their project
--     jobtag    two programs, CPU jobs with little load, and one user's own tag
--
-- How it works: every value is a function of the job's number n, in integers, so it is the same on every machine. Two
-- chains of squarings modulo primes, from n and from the first job of n's array, give 31 random bits each, and one
-- product more for each further word; the bits of those words are the dice. Each step is a CTE that ends in LIMIT -1
-- OFFSET 0: so SQLite runs it as a co-routine, row by row and without a temporary table, and does not fold it into the
-- next step, where each use of a column would compute it again.
--
-- It is one transaction (so begin none yourself), changes no PRAGMA, and leaves a job alone whose id is there already:
-- run again it adds nothing, run with more :jobs it adds the missing ones.

BEGIN IMMEDIATE;

-- 1. Users. Login and project follow from the numbers person (0 to 599) and team (0 to 119) here as in part 3.

INSERT OR IGNORE INTO hpc_user (username, name, roles, email, projects)
WITH RECURSIVE
people (person, team) AS (
    SELECT 0, 0 UNION ALL
    SELECT person + 1, ((person + 1) * 37 % 600) * ((person + 1) * 37 % 600) / 3000 FROM people WHERE person < 599
),
account (person, grp, field) AS (
    SELECT person, team / 12, substr('chemphysmathbiolgeosmechelecmateastrmediclimling', 1 + 4 * (team % 12), 4)
      FROM people WHERE person % 25 <> 24
)
SELECT field || (100 + person), given.value || ' ' || family.value,
       CASE WHEN person % 50 = 7 THEN '["user","manager"]' ELSE '["user"]' END,
       field || (100 + person) || '@hpc.example',
       CASE WHEN person % 50 = 7 THEN '["' || field || '-' || grp || '"]' ELSE '[]' END
  FROM account
  JOIN json_each('["Ada","Bo","Cem","Dora","Elif","Femi","Grete","Hugo","Ines","Jan","Kira","Lars","Mei","Nils","Olga",
                   "Pia","Qi","Ravi","Sven","Tove","Uma","Veit","Wanda","Yara"]') AS given ON given.key = person % 24
  JOIN json_each('["Abel","Berg","Costa","Dahl","Ekström","Fuchs","Gallo","Haas","Iyer","Jung","Kaya","Lind","Moser",
                   "Nguyễn","O''Hara","Park","Quist","Rossi","Šimek","Thiel","de Vries","Weiß","Xu","Yilmaz","Zander"]')
    AS family ON family.key = person / 24 ORDER BY person;

-- 2. Tags: two such as the application tagger sets, one of the job classifier, and one user's own.

INSERT OR IGNORE INTO tag (id, tag_type, tag_name, insert_ts, tag_scope)
VALUES (1, 'app', 'vasp', '2024-01-01 00:00:00', 'global'),
       (2, 'app', 'gromacs', '2024-01-01 00:00:00', 'global'),
       (3, 'jobClass', 'lowload', '2024-01-01 00:00:00', 'admin'),
       (4, 'paper', 'figure 3', '2024-01-01 00:00:00', 'chem101');

-- 3. Jobs.

INSERT INTO job (
    id, job_id, cluster, subcluster, submit_time, start_time, hpc_user, project, cluster_partition, array_job_id,
    duration, walltime, job_state, meta_data, resources, num_nodes, num_hwthreads, num_acc, smt, shared,
    monitoring_status, energy, energy_footprint, footprint
)
WITH RECURSIVE
-- One row per kind of node; of 1024 jobs, lo to hi run on it. A host's name is the cluster's first letter, the rack,
-- and the place among the rack's 64. Memory in GB, peaks in GFLOP/s and GB/s, power in W, all of one node, but acc_gb.
hardware (lo, hi, cluster, subcluster, queue, threads, accs, acc_gb, mem_gb, flops, bw, idle, busy, rack, racks) AS (
    VALUES (0, 347,    'fritz', 'main',     'multinode', 72,  0, 0,   256,  5600,  350, 220, 650,  10, 16),
           (348, 388,  'fritz', 'spr1tb',   'spr1tb',    104, 0, 0,   1024, 7000,  500, 280, 820,  30, 1),
           (389, 409,  'fritz', 'spr2tb',   'spr2tb',    104, 0, 0,   2048, 7000,  500, 300, 840,  31, 1),
           (410, 563,  'alex',  'a40',      'a40',       128, 8, 48,  512,  9216,  350, 600, 2600, 10, 1),
           (564, 640,  'alex',  'a100',     'a100',      128, 8, 40,  1024, 9216,  350, 700, 3600, 11, 1),
           (641, 665,  'alex',  'a100m80',  'a100',      128, 8, 80,  2048, 9216,  350, 700, 3700, 12, 1),
           (666, 828,  'helma', 'h100',     'h100',      128, 4, 94,  768,  12000, 700, 800, 3400, 10, 2),
           (829, 869,  'helma', 'h200',     'h200',      128, 4, 141, 768,  12000, 700, 850, 3500, 12, 1),
           (870, 992,  'woody', 'icelake',  'work',      32,  0, 0,   256,  2400,  180, 110, 420,  10, 2),
           (993, 1023, 'woody', 'kabylake', 'work',      4,   0, 0,   32,   380,   32,  25,  90,   20, 2)
),
-- The resources of a whole rack, 20 bytes a node: '@' becomes cluster and rack, '+' the accelerators.
rack_list (node, list) AS (
    SELECT 1, '{"hostname":"@01"+}' UNION ALL
    SELECT node + 1, list || printf(',{"hostname":"@%02d"+}', node + 1) FROM rack_list WHERE node < 64
),
counter (n, last) AS (
    SELECT CAST(coalesce(:first_job, 1) AS INTEGER),
           CAST(coalesce(:first_job, 1) AS INTEGER) + CAST(coalesce(:jobs, 200000) AS INTEGER) - 1
     WHERE coalesce(:jobs, 200000) > 0 AND coalesce(:first_job, 1) > 0 UNION ALL
    SELECT n + 1, last FROM counter WHERE n < last
),
-- Of the blocks of 32 jobs one in ten is an array. lead is the array's first job, or else the job itself.
member AS (
    SELECT n, (n - 1) / 32 * 1583458089 % 2147483647 < 214748364 AS in_array FROM counter LIMIT -1 OFFSET 0
),
mix_1 AS (
    SELECT n, in_array, n - (n - 1) % 32 * in_array AS lead, (n * 48271 + 1234577) % 2147483647 AS x,
           ((n - (n - 1) % 32 * in_array) * 69621 + 7654321) % 2147483587 AS y
      FROM member LIMIT -1 OFFSET 0
),
mix_2 AS (
    SELECT n, in_array, lead, (x * x + n) % 2147483629 AS x, (y * y + lead) % 2147483647 AS y
      FROM mix_1 LIMIT -1 OFFSET 0
),
mix_3 AS (
    SELECT n, in_array, lead, x, y, (x * x + n) % 2147483587 AS life, (y * y + lead) % 2147483629 AS who
      FROM mix_2 LIMIT -1 OFFSET 0
),
-- Who, and how long. A user is the cube of a uniform number: few have most of the jobs. run -1: until the walltime.
dice AS (
    SELECT n, CASE WHEN in_array THEN 1000000 + lead ELSE 0 END AS array_id,
           (((who >> 11) * (who >> 11) >> 20) * (who >> 11) >> 20) * 600 >> 20 AS person, who & 1023 AS machine,
           (who * 950706376 + y) % 2147483647 & 1023 AS size,   (who * 1343714438 + y) % 2147483647 & 1023 AS share,
           (who * 1226874159 + y) % 2147483647 AS wish,
           CASE (who * 630360016 + y) % 2147483647 & 7
           WHEN 0 THEN 3600 WHEN 1 THEN 7200 WHEN 2 THEN 21600 WHEN 3 THEN 43200 ELSE 86400 END AS wall,
           CASE WHEN life & 1023 < 205 THEN (life >> 10) % 300
                WHEN life & 1023 < 328 THEN -1
                ELSE (300 << (life >> 28)) + ((300 << (life >> 28)) * ((life >> 10) & 262143) >> 18) END AS run,
           (life * 630360016 + x) % 2147483647 AS fate,         (life * 397204094 + x) % 2147483647 AS place,
           (life * 764261123 + x) % 2147483647 AS a,            (life * 1583458089 + x) % 2147483647 AS b,
           (life * 1099087573 + x) % 2147483647 AS c,           (life * 62089911 + x) % 2147483647 AS d
      FROM mix_3 LIMIT -1 OFFSET 0
),
-- How much. part is what the job has of each of its nodes, in 32nds; load (of the cores) and util (of the accelerators)
-- are of 1048576, and half of the CPU jobs load their cores fully.
request AS (
    SELECT n, array_id, person, wish, run, fate, fate & 1023 AS luck, place, b, c, d, hardware.*,
           person * 37 % 600 * (person * 37 % 600) / 3000 AS team,
           CASE WHEN run < 0 THEN wall ELSE run END AS seconds,
           CASE WHEN run < wall THEN wall ELSE run / 3600 * 3600 + 3600 END AS allowed,
           CASE cluster
           WHEN 'fritz' THEN CASE WHEN size < 461 THEN 1 WHEN size < 666 THEN 2 WHEN size < 819 THEN 4 - (share & 1)
                                  WHEN size < 932 THEN 8 WHEN size < 993 THEN 16 - (share & 3)
                                  WHEN size < 1017 THEN 32 ELSE 64 END
           WHEN 'helma' THEN CASE WHEN size < 717 THEN 1 WHEN size < 870 THEN 2 WHEN size < 973 THEN 4 ELSE 8 END
           WHEN 'alex' THEN CASE WHEN size < 768 OR share < 901 THEN 1 ELSE 2 END ELSE 1 END AS nodes,
           CASE WHEN share >= 901 OR (accs < 8 AND subcluster <> 'icelake') THEN 32
                WHEN accs THEN CASE WHEN share < 614 THEN 4 WHEN share < 768 THEN 8 ELSE 16 END
                WHEN share < 512 THEN 1 WHEN share < 820 THEN 4 ELSE 8 END AS part,
           CASE WHEN accs THEN (a & 32767) * (c & 32767) >> 10
                WHEN b & 1024 THEN 1048576 - (a >> 16) ELSE a >> 11 END AS load,
           CASE WHEN accs THEN min(1048576, (a >> 11) * 1075 >> 10) END AS util
      FROM dice CROSS JOIN hardware ON machine BETWEEN lo AND hi LIMIT -1 OFFSET 0
),
-- What came of it: metrics in thousandths of their units, energy in hundredths of a kWh. blind are the jobs without
-- monitoring: 1 in 50, and running ones in their first ten minutes. In 1 of 256 mem_bw shows a counter's overflow.
measured AS (
    SELECT n, array_id, person, wish, run, seconds, allowed, fate, luck, place, cluster, subcluster, accs, rack, racks,
           nodes, part, n * 47 / 10 AS turn, threads * part >> 5 AS cores, accs * part >> 5 AS gpus, team / 12 AS grp,
           substr('chemphysmathbiolgeosmechelecmateastrmediclimling', 1 + 4 * (team % 12), 4) AS field,
           (fate >> 20) % 50 = 7 OR (luck = 1 AND seconds < 600) AS blind, (place >> 16) % 10 = 0 AS as_text,
           CASE WHEN nodes = 64 THEN 'big' WHEN nodes = 1 AND subcluster = 'main' THEN 'singlenode'
                WHEN accs = 8 AND wish >> 23 < 13 THEN 'preempt' ELSE queue END AS queue,
           CASE WHEN accs AND wish & 8 THEN 'pytorch'
           ELSE CASE (person * 5 + CASE WHEN wish & 48 THEN 0 ELSE wish >> 20 END) % 12
                WHEN 0 THEN 'vasp' WHEN 1 THEN 'gromacs' WHEN 2 THEN 'openfoam' WHEN 3 THEN 'lammps' WHEN 4 THEN 'cp2k'
                WHEN 5 THEN 'python' WHEN 6 THEN 'namd' WHEN 7 THEN 'orca' WHEN 8 THEN 'starccm' WHEN 9 THEN 'julia'
                WHEN 10 THEN 'espresso' ELSE 'fleur' END END AS program,
           load * threads * 1000 * part >> 25 AS cpu_load,
           ((b >> 11) * (c >> 11) >> 20) * flops * 1000 * part >> 25 AS flops_any,
           ((c >> 11) * (d >> 11) >> 20) * bw * 1000 * part * CASE WHEN d & 255 THEN 1 ELSE 8 END >> 25 AS mem_bw,
           ((b & 32767) * (d & 32767) >> 10) * mem_gb * 1000 * part >> 25 AS mem_used,
           util * 100000 >> 20 AS acc_utilization,
           (util * (b & 1023) >> 10) * acc_gb * 1000 >> 20 AS acc_mem_used,
           seconds * (idle + ((busy - idle) * coalesce(util, load) >> 20)) * nodes * part / 1152000 AS energy
      FROM request LIMIT -1 OFFSET 0
),
-- The two texts that are stored in either class. This step may be folded: each text is used once.
worded AS (
    SELECT measured.*,
           printf(CASE WHEN gpus THEN '{"acc_power":%.2f,"cpu_power":%.2f}' ELSE '{"cpu_power":%.2f,"mem_power":%.2f}' END,
                  energy * 3 / 4 / 100.0, (energy - energy * 3 / 4) / 100.0) AS energy_text,
           CASE WHEN gpus THEN printf('{"acc_mem_used_avg":%.3f,"acc_utilization_avg":%.3f,', acc_mem_used / 1000.0,
                                      acc_utilization / 1000.0) ELSE '{' END
           || printf('"cpu_load_avg":%.3f,"flops_any_avg":%.3f,"mem_bw_avg":%.3f,"mem_used_max":%.3f}',
                     cpu_load / 1000.0, flops_any / 1000.0, mem_bw / 1000.0, mem_used / 1000.0) AS metrics_text
      FROM measured
)
SELECT n, 1000000 + n, cluster, subcluster, 0,
       1704067200 + ((fate >> 10) & 1023) + turn - turn % 86400
           + CASE WHEN turn % 86400 < 14400 THEN turn % 86400 * 2 -- until 8 h
                  WHEN turn % 86400 < 64800 THEN 28800 + (turn % 86400 - 14400) * 5 / 7 ELSE turn % 86400 END,
       field || (100 + person), field || '-' || grp, queue, array_id, seconds, allowed,
       CASE WHEN luck = 1 THEN 'running'
            WHEN run < 0 THEN CASE WHEN luck < 900 THEN 'timeout' ELSE 'completed' END
            WHEN run < 300 THEN CASE WHEN luck < 560 THEN 'completed' WHEN luck < 860 THEN 'failed'
                                     WHEN luck < 1018 THEN 'cancelled' ELSE 'boot_fail' END
            WHEN luck < 880 THEN 'completed' WHEN luck < 945 THEN 'failed' WHEN luck < 995 THEN 'cancelled'
            WHEN luck < 1010 THEN 'out_of_memory' WHEN luck < 1016 THEN 'node_fail' WHEN luck < 1021 THEN 'preempted'
            ELSE 'deadline' END,
       CAST(printf('{"jobName":"%s_%d","jobScript":"#!/bin/bash -l\n#SBATCH --nodes=%d --ntasks-per-node=%d\n'
                   || '#SBATCH --time=%d:00:00\n#SBATCH --partition=%s\n#SBATCH --export=NONE\n'
                   || 'unset SLURM_EXPORT_ENV\nmodule load %s\ncd $WORK/run\nsrun %s input.dat > output.log\n",'
                   || '"slurmInfo":"JobId=%d\nUserId=%s%d\nAccount=%s-%d\nQOS=normal\nTimeLimit=%d\n'
                   || 'Partition=%s\nNumNodes=%d NumCPUs=%d NumTasks=%d CPUs/Task=1\n"}',
                   program, (wish >> 6) & 1023, nodes, cores, allowed / 3600, queue, program, program, 1000000 + n,
                   field, 100 + person, field, grp, allowed / 60, queue, nodes, nodes * cores, nodes * cores) AS BLOB),
       CAST('[' || replace(replace(
                substr((SELECT CAST(list AS BLOB) FROM rack_list WHERE node = 64),
                       1 + ((place >> 4) & 63) % (65 - nodes) * 20, nodes * 20 - 1),
                '@', substr(cluster, 1, 1) || (rack + (place & 15) % racks)),
                '+', CASE WHEN gpus THEN ',"accelerators":[' || substr(
                         '"00000000:01:00.0","00000000:25:00.0","00000000:41:00.0","00000000:61:00.0",'
                         || '"00000000:81:00.0","00000000:A1:00.0","00000000:C1:00.0","00000000:E1:00.0",',
                         1 + (place >> 10) * gpus % accs * 19, gpus * 19 - 1) || ']' ELSE '' END) || ']' AS BLOB),
       nodes, nodes * cores, nodes * gpus, CASE WHEN (wish >> 16) & 15 THEN 1 ELSE 2 END,
       CASE WHEN part = 32 THEN 'none' WHEN gpus OR wish & 7 THEN 'multi_user' ELSE 'single_user' END,
       CASE WHEN luck = 1 THEN 1 WHEN blind THEN 0 WHEN place >> 23 THEN 3 ELSE 2 END,
       CASE WHEN blind THEN 0.0 ELSE energy / 100.0 END,
       CASE WHEN blind THEN CAST('null' AS BLOB) WHEN as_text THEN energy_text ELSE CAST(energy_text AS BLOB) END,
       CASE WHEN blind THEN CAST('null' AS BLOB) WHEN as_text THEN metrics_text ELSE CAST(metrics_text AS BLOB) END
  FROM worded WHERE true
    ON CONFLICT (id) DO NOTHING;

-- 4. Which job has which tag: read from the jobs, as cc-backend's taggers do it, and dated when the job ended.

INSERT OR IGNORE INTO jobtag (job_id, tag_id, insert_ts)
SELECT job.id, tag.id, datetime(start_time + duration, 'unixepoch')
  FROM job CROSS JOIN tag
 WHERE job.id >= CAST(coalesce(:first_job, 1) AS INTEGER)
   AND job.id < CAST(coalesce(:first_job, 1) AS INTEGER) + CAST(coalesce(:jobs, 200000) AS INTEGER)
   AND CASE tag.id
       WHEN 1 THEN substr(CAST(meta_data AS TEXT), 13, 5) = 'vasp_'
       WHEN 2 THEN substr(CAST(meta_data AS TEXT), 13, 8) = 'gromacs_'
       WHEN 3 THEN num_acc = 0 AND json_extract(footprint, '$.cpu_load_avg') * num_nodes * 10 < num_hwthreads
       WHEN 4 THEN hpc_user = 'chem101' AND job.id % 10 = 0 END
 ORDER BY job.id, tag.id;

COMMIT;
