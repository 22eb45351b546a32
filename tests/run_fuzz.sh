#!/usr/bin/env bash
# Fuzzes with every target of tests/fuzz for FUZZ_SECONDS (30), two at once, from the corpus in the repository, and fails
# at any broken law, crash, leak or timeout. Before that each target must find the wrong result that is planted in it.
# With --build it only builds them. Needs the Debian packages clang and libclang-rt-14-dev.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds=${FUZZ_SECONDS:-30} planted_seconds=60 kept=build-fuzz/artefacts
cmake --preset fuzz >/dev/null
cmake --build build-fuzz --target fuzzers -- --quiet
[[ ${1:-} != --build ]] || exit 0
mkdir -p "$kept"
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm  # trees of files are made thousands of times

# run_target <name> <seconds> <log> <artefacts> <corpus...>
run_target() {
  local name=$1 most=$2 log=$3 artefacts=$4 options=()
  shift 4
  [[ ! -f tests/fuzz/$name.dict ]] || options=("-dict=tests/fuzz/$name.dict")
  nice build-fuzz/tests/fuzz/"$name" -max_total_time="$most" -timeout=10 -rss_limit_mb=1024 -max_len=1024 -print_funcs=0 \
    -print_final_stats=1 -artifact_prefix="$artefacts/$name-" "${options[@]}" "$@" >"$log" 2>&1
}

fuzz_one() {
  local name=$1 seeds=tests/fuzz/corpus/$1 corpus=build-fuzz/corpus/$1 log=build-fuzz/$1.log planted=build-fuzz/planted/$1 found
  found=$planted/log
  rm -rf "$planted"
  mkdir -p "$planted/corpus" "$corpus"
  if FUZZ_PLANTED=1 run_target "$name" "$planted_seconds" "$found" "$planted" "$planted/corpus" "$seeds" || ! grep -aq '^broken:' "$found"; then
    echo "  $name: FAILED: what is planted in it was not found; its log is $found"
    return 1
  fi
  if ! run_target "$name" "$seconds" "$log" "$kept" "$corpus" "$seeds"; then
    grep -aE -A3 '^broken:|ERROR|runtime error' "$log" | head -20
    echo "  $name: FAILED; its input is in $kept/, its log is $log"
    return 1
  fi
  echo "  $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions," \
    "$(grep -ao 'cov: [0-9]*' "$log" | tail -1 | cut -c6-) edges; what is planted was found after" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$found")"
}
export -f fuzz_one run_target
export seconds planted_seconds kept

failed=0
names=(tests/fuzz/fuzz_*.cpp)
printf '%s\n' "${names[@]}" | xargs -P 2 -I{} bash -c 'fuzz_one "$(basename {} .cpp)"' || failed=1
echo "figures: $(cat build-fuzz/fuzz_*.log 2>/dev/null | sed -n 's/^stat::number_of_executed_units: *//p' | awk '{n += $1} END {print n + 0}')" \
  "executions of ${#names[@]} targets"
exit "$failed"
