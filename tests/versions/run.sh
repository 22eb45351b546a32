#!/usr/bin/env bash
# Runs warden, as it was built, in one SQLite after the other: run.sh BUILD DIRECTORY [--fast | --own] [name...].
# --fast: those that differ most, with warden_version_tests; --own: all of them, with that program alone.
# BUILD is where the test programs are; they find each SQLite as their libsqlite3.so.0. DIRECTORY keeps what npm has, what is
# compiled, what was said, and the table of it (table.md). `builds` lists them, `skipped` which cases can't hold where.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "$1")
mkdir -p "$2"
directory=$(realpath "$2")
shift 2
fast='' own=''
case ${1:-} in
  --fast) fast=yes own=yes && shift ;;
  --own) own=yes && shift ;;
esac
names=("$@")

readonly kLimitS=900 # a program that hangs
readonly kDebian=(-DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_DESERIALIZE -DSQLITE_ENABLE_FTS3
  -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_JSON1 -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_PREUPDATE_HOOK
  -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_SESSION -DSQLITE_ENABLE_STMTVTAB -DSQLITE_LIKE_DOESNT_MATCH_BLOBS
  -DSQLITE_MAX_VARIABLE_NUMBER=250000 -DSQLITE_OMIT_LOOKASIDE -DSQLITE_SECURE_DELETE -DSQLITE_SOUNDEX -DSQLITE_USE_URI)

# wanted <name> <what is run>
wanted() {
  local name
  [[ -z $fast || $2 == *fast* ]] || return 1
  ((${#names[@]})) || return 0
  for name in "${names[@]}"; do [[ $name != "$1" ]] || return 0; done
  return 1
}
rows() { grep -v '^#' "$here/$1"; }
place_of() { echo "$directory/${1//[^A-Za-z0-9.=]/_}"; }

# One SQLite as a shared library, where it is not there yet. Without optimisation where time is short.
compile() {
  local name=$1 sources=$directory/$2 place optimisation=-O1
  [[ -z $own ]] || optimisation=-O0
  place=$(place_of "$name")
  local command=(gcc -w "$optimisation" -fPIC -shared -Wl,-soname,libsqlite3.so.0 "${kDebian[@]}" $3 "$sources/sqlite3.c" -lm -ldl -lpthread)
  [[ ! -e $place/libsqlite3.so.0 || $(cat "$place/command") != "${command[*]}" ]] || return 0
  mkdir -p "$place"
  rm -f "$place/libsqlite3.so.0"
  echo "${command[*]}" >"$place/command"
  "${command[@]}" -o "$place/new" && mv "$place/new" "$place/libsqlite3.so.0"
}

# skipped <name> <program>: the filter of Boost.Test for what can't hold there; why goes to the output.
skipped() {
  local pattern program cases why out=''
  while IFS='|' read -r pattern program cases why; do
    # shellcheck disable=SC2053 # a pattern
    [[ $1 == $pattern && $2 == "$program" ]] || continue
    echo "    $1: $program without $cases: $why" >&2
    out+=${out:+:}'!'${cases//,/:!}
  done < <(rows skipped)
  echo "$out"
}

# run <name> <version> <program>
run() {
  local place said filter status=0 cases
  place=$(place_of "$1")
  said=$place/$3.said
  filter=$(skipped "$1" "$3")
  [[ $filter != '!*' ]] || return 0
  TEST_SQLITE=$2 LD_LIBRARY_PATH=$place timeout --kill-after=10 $kLimitS "$build/tests/$3" --color_output=no --log_level=unit_scope \
    ${filter:+--run_test="$filter"} >"$said" 2>&1 || status=$?
  cases=$(grep -c 'Leaving test case' "$said")
  if ((status == 0 && cases > 0)); then
    echo "    $1: $3: $cases passed, $(grep -c 'Test case .* is skipped because' "$said") not for it"
    return 0
  fi
  echo "    $1: $3: FAILED, it ended with $status"
  grep -vE '(Entering|Leaving) test |is skipped because' "$said" | cut -c1-400 | head -20
  grep 'Entering test case' "$said" | tail -n 1
  return 1
}

mapfile -t all < <(rows builds)
failed=0 passed=0
{
  echo "| SQLite | built with | what it lacks, as \`warden_checks\` tells |"
  echo '|---|---|---|'
} >"$directory/table.md"
for build_row in "${all[@]}"; do
  IFS='|' read -r name version options what <<<"$build_row"
  wanted "$name" "$what" || continue
  "$here/fetch.sh" "$directory" "$version" || { echo "    FAILED: SQLite $version can't be fetched"; failed=$((failed + 1)); continue; }
done
# Two at a time: one takes half a minute.
for build_row in "${all[@]}"; do
  IFS='|' read -r name version options what <<<"$build_row"
  wanted "$name" "$what" || continue
  while (($(jobs -rp | wc -l) >= 2)); do wait -n; done
  compile "$name" "$version" "$options" &
done
wait
for build_row in "${all[@]}"; do
  IFS='|' read -r name version options what <<<"$build_row"
  wanted "$name" "$what" || continue
  place=$(place_of "$name")
  good=yes
  if [[ ! -e $place/libsqlite3.so.0 ]]; then
    echo "    FAILED: $name can't be compiled"
    failed=$((failed + 1))
    continue
  fi
  programs=(warden_version_tests)
  [[ $what != all* || -n $own ]] || programs+=(warden_host_tests warden_job_tests)
  for program in "${programs[@]}"; do
    if run "$name" "$version" "$program"; then passed=$((passed + 1)); else failed=$((failed + 1)) good=''; fi
  done
  [[ -z $good ]] || printf '| %s | %s | %s |\n' "$version" "$(sed 's/-DSQLITE_//g; s/-U[A-Z_]*_JSON1/no JSON1/' <<<"$options")" \
    "$(sed -n 's/^lacks: //p' "$place/warden_version_tests.said" | head -n 1)" >>"$directory/table.md"
done
echo "    $passed programs passed, $failed failed"
((failed == 0 && passed > 0))
