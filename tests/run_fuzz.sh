#!/usr/bin/env bash
# Fuzzes for WARDEN_FUZZ_SECONDS (30) each, two at once; from the corpus in the repository. Fails at any crash, leak or
# timeout, and where a fuzzer ran suspiciously few inputs. Needs the Debian packages clang and libclang-rt-14-dev.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds=${WARDEN_FUZZ_SECONDS:-30} kept=build-fuzz/artefacts
cmake --preset fuzz >/dev/null
cmake --build build-fuzz -- --quiet
mkdir -p "$kept"

fuzz_one() {
  local name=$1 corpus log executions options=()
  corpus=build-fuzz/corpus/$name log=build-fuzz/$name.log
  mkdir -p "$corpus"
  [[ -f tests/fuzz/$name.dict ]] && options+=("-dict=tests/fuzz/$name.dict")
  if ! nice build-fuzz/tests/fuzz/"$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=512 \
    -print_final_stats=1 -artifact_prefix="$kept/$name-" "${options[@]}" "$corpus" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    grep -aE -A3 '^broken:|ERROR|runtime error' "$log" | head -20
    echo "  $name: FAILED; its input is in $kept/, its log is $log"
    return 1
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  ((executions >= 10 * seconds)) || { echo "  $name: FAILED: $executions executions only"; return 1; }
  echo "  $name: $executions executions, $(sed -n 's/^stat::average_exec_per_sec: *//p' "$log") a second," \
    "$(grep -ao 'cov: [0-9]*' "$log" | tail -1 | cut -c6-) edges"
}
export -f fuzz_one
export seconds kept

failed=0
names=(tests/fuzz/fuzz_*.cpp)
printf '%s\n' "${names[@]}" | xargs -P 2 -I{} bash -c 'fuzz_one "$(basename {} .cpp)"' || failed=1
total=$(for name in "${names[@]}"; do sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$(basename "$name" .cpp).log"; done | awk '{n += $1} END {print n + 0}')
echo "figures: $total executions of ${#names[@]} targets"
exit "$failed"
