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
  echo "The chart is in $kDemoData/incident.svg, the job database in $jobs."
}
