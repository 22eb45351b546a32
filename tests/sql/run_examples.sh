#!/usr/bin/env bash
# Runs the examples that people read: every ```sql block of a README, and the SQL in the head comments of ext/*.cpp.
# A block must run without an error; if a ```text block follows it, that is exactly what it prints.
set -uo pipefail
warden=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
count=0

# run_block <where> <sql file> <expected file or "">
run_block() {
  local where=$1 sql=$2 expected=$3
  count=$((count + 1))
  if ! sqlite3 -batch -bail -cmd ".load ${warden%.so}" "$work/db" <"$sql" >"$work/out" 2>&1; then
    echo "FAILED: $where"
    cat "$sql" "$work/out"
    failed=$((failed + 1))
  elif [[ -n $expected ]] && ! diff -u --label "$where" --label printed "$expected" "$work/out"; then
    echo "FAILED: $where"
    failed=$((failed + 1))
  fi
}

for readme in README.md */README.md tests/*/README.md; do
  rm -f "$work"/block.* "$work/db"
  # block.N.sql, and block.N.text where the next block is ```text
  awk -v base="$work/block." '
    /^```sql$/  { n++; file = base n ".sql"; last = n; next }
    /^```text$/ { if (last) { file = base last ".text"; last = 0; next } }
    /^```/      { if (file == "" ) last = 0; file = ""; next }
    file != ""  { print > file }' "$readme"
  for sql in $(ls "$work" | grep -E '^block\.[0-9]+\.sql$' | sort -t. -k2 -n); do
    text=$work/${sql%.sql}.text
    [[ -f $text ]] || text=
    run_block "$readme, ${sql%.sql}" "$work/$sql" "$text"
  done
done

sqlite3 -batch "$work/jobs" '.read sql/jobs_schema.sql' '.parameter set :jobs 500' '.read sql/generate_jobs.sql' >/dev/null

for source in ext/*.cpp ext/job_stats/*.cpp; do
  rm -f "$work/db"
  [[ $source == ext/job_stats/* ]] && cp "$work/jobs" "$work/db"  # those are about jobs
  # The first comment of the file; SQL stands indented by three spaces, what it prints behind "->".
  awk '!/^\/\// { exit } /^\/\/   / { sub(/^\/\/   /, ""); if ($0 !~ /^->/) print }' "$source" >"$work/head.sql"
  grep -qE '^(SELECT|UPDATE|INSERT|FROM)' "$work/head.sql" && run_block "$source, head comment" "$work/head.sql" ""
done

echo "$((count - failed)) examples passed, $failed failed"
((failed == 0))
