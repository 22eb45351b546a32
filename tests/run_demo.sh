# ./run demo: sourced by ./run. The incident three times over, on a job database that is made once and kept.

readonly kDemoJobs=1000000
readonly kDemoData=build/demo/data

# Makes the job database in ten steps, and shows them.
make_job_database() {
  local file=$1 chunk=$((kDemoJobs / 10)) step
  say "Making a job database of $kDemoJobs rows (once)"
  rm -f "$file" "$file.part"
  sqlite3 "$file.part" 'PRAGMA journal_mode=OFF' '.read sql/jobs_schema.sql' >/dev/null
  for step in 0 1 2 3 4 5 6 7 8 9; do
    sqlite3 "$file.part" 'PRAGMA journal_mode=OFF' 'PRAGMA synchronous=OFF' 'PRAGMA cache_size=-200000' \
      ".parameter set :jobs $chunk" ".parameter set :first_job $((step * chunk + 1))" \
      '.read sql/generate_jobs.sql' >/dev/null
    printf '\r  %d of %d rows' $(((step + 1) * chunk)) "$kDemoJobs"
  done
  printf '\n'
  mv "$file.part" "$file"
}

# The page that cc-backend makes of nine statements, who used the machine, and what that left behind.
show_job_statistics() {
  local metrics='["mem_bw_avg", "cpu_load_avg", "flops_any_avg", "mem_used_max"]'
  sqlite3 -batch -cmd '.load build/warden' "$1" <<SQL
.mode column
.width 20 -14
SELECT warden_set('memory_budget', '64MB') AS memory_budget;
.print
.print job_page: totals, four histograms, four metrics
.timer on
SELECT name, value FROM job_page(NULL, '$metrics') WHERE section = 'stats';
.timer off
.print
.print job_stats by user: the five largest
.width 10 20 -10 -16 -10
.timer on
SELECT group_key AS user, group_name AS name, total_jobs AS jobs, total_core_hours AS core_hours, short_jobs AS short
FROM job_stats(NULL, 'user') ORDER BY total_core_hours DESC, user LIMIT 5;
.timer off
.print
.print job_metric_histogram of mem_bw_avg, peak 350
.width 10 -10 44
.timer on
SELECT label, jobs, substr('########################################', 1, 40 * jobs / max(jobs) OVER ()) AS bar
FROM job_metric_histogram(NULL, '[{"metric": "mem_bw_avg", "peak": 350}]');
.timer off
.print
.width 20 -14
SELECT area, warden_size_text(bytes) AS left_behind FROM warden_memory WHERE area IN ('sqlite', 'page_cache');
SQL
}

demo() {
  (($# == 0)) || fail "./run demo takes no arguments"
  cmake_flags=(-DWARDEN_DEMO=ON)
  build release warden warden_demo_incident warden_demo_chart
  mkdir -p "$kDemoData"
  local jobs=$kDemoData/jobs.db mode status drawn=() results=() connections=()
  [[ -f $jobs ]] || make_job_database "$jobs"
  say "The incident: four connections, full scans and unindexed sorts, cut off by a timeout of 3 s"
  for mode in plain pragmas warden; do
    status=0
    build/demo/incident --db "$jobs" --mode "$mode" --extension build/warden.so --timeout-ms 3000 \
      "${connections[@]}" --series "$kDemoData/$mode.csv" --result "$kDemoData/$mode.txt" || status=$?
    ((status != 3)) || { say "There is too little memory here for the incident."; return 0; }
    ((status == 0)) || return "$status"
    # Each mode decides for itself how many connections there is memory for: all shall do as the first.
    connections=(--connections "$(sed -n 's/^connections=//p' "$kDemoData/$mode.txt")")
    drawn+=("$mode=$kDemoData/$mode.csv")
    results+=("$mode=$kDemoData/$mode.txt")
  done
  build/demo/chart --svg "$kDemoData/incident.svg" "${drawn[@]}" --results "${results[@]}"
  say "The statistics behind the incident, on the same database: one pass each, within a budget of 64 MB"
  show_job_statistics "$jobs"
  echo "The chart is in $kDemoData/incident.svg, the job database in $jobs."
}
