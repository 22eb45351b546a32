#!/usr/bin/env bash
# warden in the sqlite3 CLI: a pool of four connections (.connection), one of which loads it. The CLI's connections have no mutex:
# what a long statement leaves goes back at its end. What it says is what the CLI prints; an error of a statement, too.
set -euo pipefail

pick() { awk -F '\t' -v name="$1" '$1 == name' <<<"$said"; }

said=$(sqlite3 -batch "$JOBS" 2>&1 <<SQL || true # an error of a statement is the CLI's status, too
.mode list
.separator "\t"
-- [load]
.load $WARDEN
-- [end]
SELECT 'host', sqlite_version();
SELECT 'sqlite', sqlite_version(), json_extract(warden_debug(), '\$.sqlite_image');
SELECT 'load', warden_version() IS NOT NULL;
SELECT warden_set('idle_keep', '1MB'), warden_set('trim', 'always');
.connection 1
.open $JOBS
.connection 2
.open $JOBS
.connection 3
.open $JOBS
SELECT 'pool', count(*) = 4 FROM warden_connections;
PRAGMA cache_size = -100000;
SELECT 'scan', count(*) = $JOB_COUNT AND sum(length(hex(resources))) > 0 FROM job;
.connection 0
SELECT 'counted', job_count(NULL) = $JOB_COUNT;
SELECT 'memory', max(released_bytes) > 30000000 AND sum(cache_bytes) < 4000000
                 AND (SELECT bytes FROM warden_memory WHERE area = 'rss_anonymous') < 20000000,
       (max(released_bytes) / 1000000) || ' MB' FROM warden_connections;
.connection 2
SELECT warden_timeout(100);
SELECT count(*) FROM job a, job b, job c;
.connection 0
SELECT 'told', count(*) = 1 FROM warden_events WHERE action = 'cancel' AND reason = 'deadline';
.connection close 1
.connection close 2
.connection close 3
SELECT 'others', count(*) = 1 FROM warden_connections;
.open $JOBS
SELECT 'close', count(*) = 1 FROM warden_connections;
SQL
)

failed=0
point() {
  local outcome=passed
  "${@:3}" || { outcome=failed failed=1; }
  printf '%s\t%s\t%s\n' "$1" "$outcome" "$2"
}
holds() { [[ $(pick "$1" | cut -f 2) == 1 ]]; }
interrupted() { grep -q 'interrupted (9)$' <<<"$said" && holds told; }

pick host
pick sqlite
point load '' holds load
point pool '' holds pool
point scan '' eval 'holds scan && holds counted'
point memory "$(pick memory | cut -f 3)" holds memory
point deadline "$(grep -o 'interrupted.*' <<<"$said")" interrupted
printf "watch\tcan't\tone statement at a time\n"
printf "cancel\tcan't\tone statement at a time\n"
point close '' eval 'holds others && holds close'
((failed)) && printf '%s\n' "$said" >&2
exit $failed
