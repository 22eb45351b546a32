#!/usr/bin/env bash
# Runs every tests/sql/NAME.sql in the sqlite3 CLI with warden loaded, and compares what it prints with NAME.expected.
# run_scripts.sh WARDEN_SO [--accept]: with --accept the expected files are written instead.
set -uo pipefail
warden=$(realpath "$1")
accept=${2:-}
cd "$(dirname "$0")/../.."
failed=0
count=0
for script in tests/sql/*.sql; do
  expected=${script%.sql}.expected
  actual=$(sqlite3 -batch -cmd ".load ${warden%.so}" :memory: <"$script" 2>&1)
  count=$((count + 1))
  if [[ $accept == --accept ]]; then
    printf '%s\n' "$actual" >"$expected"
  elif ! diff -u --label "$expected" --label "printed" "$expected" <(printf '%s\n' "$actual"); then
    echo "FAILED: $script"
    failed=$((failed + 1))
  fi
done
echo "$((count - failed)) SQL scripts passed, $failed failed"
((failed == 0))
