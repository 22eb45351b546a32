# ./run test: sourced by ./run. Every quality gate, each in a build of its own; ends in "N passed, N failed".

readonly kTestPackages=(clang-format procps gcc pkg-config) # the last two for tests/linked
readonly kSqliteSourcePackages=(gcc make tcl) # for tests/sqlite_source.sh
readonly kFuzzPackages=(clang libclang-rt-14-dev)
readonly kVersionPackages=(gcc openssl)
readonly kHostPackages=(python3-apsw golang-go golang-github-mattn-go-sqlite3-dev golang-github-canonical-go-dqlite-dev libdqlite-dev
  libdbd-sqlite3-perl php-cli php-sqlite3 ruby ruby-sqlite3 default-jdk-headless libxerial-sqlite-jdbc-java libsqlite3-tcl tcl lua5.3
  lua-sql-sqlite3 r-cran-rsqlite make python3)
tests_passed=0
tests_failed=0
seconds=''

# timed <what> <command...>: notes how long it takes, for the last line.
timed() {
  local what=$1 began=$SECONDS
  shift
  "$@"
  seconds+="${seconds:+, }$what $((SECONDS - began)) s"
}

source tests/run_coverage.sh

# A program that has not ended after so many seconds hangs: it is a failure that says where, not a run without an end. What tries
# every place, or counts each branch, takes hours.
program_limit_s() {
  local most=1200
  [[ -z ${TEST_SECONDS:-}$coverage ]] || most=14400
  echo $((most + ${endurance_seconds:-0}))
}

# The process and all that it has started.
processes_of() {
  local child
  echo "$1"
  for child in $(pgrep -P "$1"); do processes_of "$child"; done
}

# What the threads of a process are at, as well as this machine can tell.
show_stacks() {
  echo "process $1: $(tr '\0' ' ' <"/proc/$1/cmdline")"
  if command -v gdb >/dev/null; then
    timeout 60 gdb -p "$1" -batch -ex 'thread apply all backtrace 30' 2>&1 | grep -E '^(Thread|#)'
  else
    grep -H . "/proc/$1/task/"*/{comm,wchan,syscall}
  fi
} 2>/dev/null

# within_limit <command...>: its status; one that hangs is looked at, and ended with all that it has started.
within_limit() {
  local pid process
  "$@" &
  pid=$!
  if ! timeout "$(program_limit_s)" tail -s 0.1 --pid=$pid -f /dev/null; then
    echo "still running after $(program_limit_s) s:"
    for process in $(processes_of $pid); do show_stacks "$process"; done
    kill -KILL $(processes_of $pid)
  fi
  wait $pid
}

# counted <name> <command...>: runs a Boost.Test program and adds up its cases.
counted() {
  local name=$1 out cases failures began=$SECONDS
  shift
  out=$(mktemp)
  if within_limit "$@" --log_level=unit_scope >"$out" 2>&1; then
    cases=$(sed -n 's/^Running \([0-9]*\) test case.*/\1/p' "$out")
    [[ -n $cases ]] || { echo "$name ran no test"; tests_failed=$((tests_failed + 1)); cat "$out"; rm -f "$out"; return; }
    tests_passed=$((tests_passed + cases))
    echo "  $name: $cases passed in $((SECONDS - began)) s"
    sed -n 's/^figures:/    &/p' "$out"
  else
    # The last case entered is the one that hung or crashed; which others there were is of no interest.
    grep -vE '(Entering|Leaving) test |is skipped because' "$out" || true
    grep 'Entering test case' "$out" | tail -n 1
    failures=$(sed -n 's/.*\*\*\* \([0-9]*\) failure.*/\1/p' "$out")
    cases=$(sed -n 's/^Running \([0-9]*\) test case.*/\1/p' "$out")
    tests_failed=$((tests_failed + ${failures:-1}))
    echo "  $name: FAILED (${failures:-1} of ${cases:-?})"
  fi
  rm -f "$out"
}

# gate <name> <command...>: one check that passes or fails.
gate() {
  local name=$1
  shift
  if "$@"; then
    tests_passed=$((tests_passed + 1))
    echo "  $name: passed"
  else
    tests_failed=$((tests_failed + 1))
    echo "  $name: FAILED"
  fi
}

check_format() {
  git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run --Werror
}

# watchdog/ knows no SQLite: it compiles without its headers, and no file names one.
check_layers() {
  ! grep -nE '#include.*sqlite3|sqlite3_[a-z]+\(' watchdog/*.cpp watchdog/*.hpp &&
    ! grep -nE '#include "(\.\./)?ext/' watchdog/*.cpp watchdog/*.hpp
}

# True where there is no log: who wrote it was content.
show_if_failed() {
  [[ ! -e $1 ]] || { tail -20 "$1"; return 1; }
}

check_links() {
  ! ldd build/warden.so | grep -E 'libsqlite3|libstdc\+\+|libgcc_s'
}

runs_all() { [[ $1 == release || $1 == coverage || -n $long ]]; }

# The test programs of a preset. Those without threads have nothing for ThreadSanitizer to see; and what AddressSanitizer
# makes slowest is left for --long.
programs_of() {
  local preset=$1
  echo warden_thread_tests
  echo warden_host_tests
  echo warden_version_tests
  echo warden_race_tests
  echo warden_resource_tests
  [[ $preset == tsan ]] || printf '%s\n' warden_unit warden_vtab_tests warden_column_tests warden_job_tests
  if runs_all "$preset"; then
    echo warden_fault_tests
    [[ $preset == tsan ]] || printf '%s\n' warden_untrusted_tests warden_transparency_tests
  fi
}

# Settings from the environment with which warden does all it can as often as it can: judged by SQLite's assertions in the
# build that has them (asan).
readonly kAggressive=(WARDEN_SAMPLE_INTERVAL_MS=1 WARDEN_IDLE_GRACE_MS=0 WARDEN_IDLE_KEEP=0 WARDEN_IDLE_RELEASE_MS=1
  WARDEN_TRIM=always WARDEN_TRIM_INTERVAL_MS=1)

# Three lanes run side by side: one with the extension in a host, one that computes, and one that mostly waits. The core goes with
# the first, and with sanitizers, which make that one long, with the last, and so do the columns of jobs.
of_the_core() {
  local dir=$2/tests
  [[ $1 == tsan ]] || counted "the core" "$dir"/warden_unit --color_output=no
  counted "the core, with threads" "$dir"/warden_thread_tests --color_output=no
  counted "threads against each other" "$dir"/races/warden_race_tests --color_output=no
}

lane_of_hosts() {
  local dir=$2/tests
  tests_passed=0 tests_failed=0
  counted "the extension in a host" "$dir"/warden_host_tests --color_output=no
  counted "this version of SQLite" "$dir"/warden_version_tests --color_output=no
  if runs_all "$1"; then
    of_the_core "$@"
    if [[ $1 != tsan ]]; then
      counted "a host with and without" "$dir"/transparency/warden_transparency_tests --color_output=no
      counted "untrusted input" "$dir"/untrusted/warden_untrusted_tests --color_output=no
    fi
  fi
  echo "$tests_passed $tests_failed" >&3
}

lane_that_computes() {
  local preset=$1 dir=$2/tests busy=() columns=()
  tests_passed=0 tests_failed=0
  [[ $preset != asan ]] || busy=("${kAggressive[@]}")
  if [[ $preset != tsan ]]; then
    counted "the helpers" "$dir"/warden_vtab_tests --color_output=no
    counted "how columns are stored" "$dir"/columns/warden_column_tests --color_output=no
    runs_all "$preset" || columns=('--run_test=!job_columns*')
    counted "the job statistics" env "${busy[@]}" "$dir"/warden_job_tests --color_output=no "${columns[@]}"
  fi
  if runs_all "$preset"; then
    # One thread, but for what happens beside the watchdog's.
    local beside=()
    [[ $preset != tsan ]] || beside=(--run_test=errors_beside_the_watchdog)
    counted "memory, interrupts and files that fail" "$dir"/faults/warden_fault_tests --color_output=no "${beside[@]}"
  fi
  echo "$tests_passed $tests_failed" >&3
}

lane_that_waits() {
  tests_passed=0 tests_failed=0
  if ! runs_all "$1"; then
    of_the_core "$@"
    [[ $1 == tsan ]] || counted "columns of jobs" env "${kAggressive[@]}" "$2"/tests/warden_job_tests --color_output=no --run_test='job_columns*'
  fi
  counted "resources gone" "$2"/tests/resources/warden_resource_tests --color_output=no
  echo "$tests_passed $tests_failed" >&3
}

# Adds up the numbers of a lane. One that broke off is a failure.
add_lane() {
  local passed failed
  read -r passed failed <"$1" || { passed=0 failed=1; echo "  a lane of tests broke off"; }
  tests_passed=$((tests_passed + passed))
  tests_failed=$((tests_failed + failed))
}

# The programs of a preset, in its directory.
run_lanes() {
  local results lane lanes=()
  say "Testing ($1)"
  results=$(mktemp -d)
  for lane in lane_of_hosts lane_that_computes lane_that_waits; do
    ("$lane" "$@") 2>&1 3>"$results/$lane" &
    lanes+=($!)
  done
  wait "${lanes[@]}" || true
  for lane in "$results"/*; do add_lane "$lane"; done
  rm -rf "$results"
}

# Checks that wait for most of their time, or for another's work, go on while the next tests are built, and are judged after that.
# begin <name> <command...>
begin() {
  local name=$1
  shift
  "$@" >"build-${name// /-}-run.log" 2>&1 &
  begun+=("$name" $!)
}
judge_begun() {
  while ((${#begun[@]})); do
    gate "${begun[0]}" wait "${begun[1]}"
    cat "build-${begun[0]// /-}-run.log"
    begun=("${begun[@]:2}")
  done
}

directory_of() { [[ $1 == release ]] && echo build || echo "build-$1"; }

# Builds the tests of a preset.
build_tests() {
  local preset=$1 programs=()
  cmake_flags=(-DWARDEN_WERROR=ON -DWARDEN_TESTS=ON)
  if [[ $preset == release ]]; then
    cmake_flags+=(-DWARDEN_BENCH=ON -DWARDEN_DEMO=ON)
  else
    cmake_flags+=(-DWARDEN_BENCH=OFF -DWARDEN_DEMO=OFF)
    mapfile -t programs < <(programs_of "$preset")
  fi
  [[ $preset != asan ]] || cmake_flags+=("-DWARDEN_SQLITE_SOURCE=$([[ -e build-sqlite.log ]] || echo "$PWD/build-sqlite")")
  build "$preset" "${programs[@]}"
}

run_tests() {
  # Children of the test programs start threads after fork, and end without joining them.
  export TSAN_OPTIONS="die_after_fork=0 report_thread_leaks=0 detect_deadlocks=1 second_deadlock_stack=1"
  export UBSAN_OPTIONS="halt_on_error=1 print_stacktrace=1"
  local suites=(release asan tsan) endurance_seconds='' long='' fuzz=yes coverage='' hosts='' versions=''
  while (($#)); do
    case $1 in
      --fast) suites=(release) fuzz='' ;;
      --long)
        export TEST_SECONDS=${TEST_SECONDS:-120} FUZZ_SECONDS=${FUZZ_SECONDS:-600}
        long=yes
        endurance_seconds=${ENDURANCE_SECONDS:-3600}
        ;;
      --endurance)
        endurance_seconds=${ENDURANCE_SECONDS:-600}
        suites=() fuzz=''
        ;;
      --fuzz)
        export FUZZ_SECONDS=${FUZZ_SECONDS:-120}
        suites=() fuzz=yes
        ;;
      --hosts) hosts=--all ;;
      --versions)
        versions=yes
        suites=() fuzz=''
        ;;
      --coverage)
        coverage=yes
        suites=() fuzz=''
        ;;
      *) fail "./run test: unknown option $1 (there are --fast, --long, --fuzz, --endurance, --coverage, --hosts and --versions: see tests/README.md)" ;;
    esac
    shift
  done
  install_packages "${kPackages[@]}" "${kTestPackages[@]}"
  [[ -z $fuzz ]] || install_packages "${kFuzzPackages[@]}"
  local npm_hosts='' amalgamation='' begun=()
  if [[ -n $hosts ]]; then
    install_packages "${kHostPackages[@]}" "${kVersionPackages[@]}"
    command -v npm >/dev/null || install_packages npm
    say "Fetching the hosts that npm has meanwhile, in build-hosts/"
    (tests/hosts/install.sh build-hosts >build-hosts.log 2>&1 && rm build-hosts.log) &
    npm_hosts=$!
  fi
  if [[ " ${suites[*]} " == *" asan "* ]]; then
    install_packages "${kSqliteSourcePackages[@]}"
    say "Making SQLite's amalgamation from Debian's source package meanwhile, in build-sqlite/"
    (tests/sqlite_source.sh >build-sqlite.log 2>&1 && rm build-sqlite.log) &
    amalgamation=$!
  fi
  local preset
  for preset in "${suites[@]}"; do
    if [[ $preset == asan ]]; then
      wait "$amalgamation" || true
      gate "SQLite's sources" show_if_failed build-sqlite.log
    fi
    timed "build $preset" build_tests "$preset"
    judge_begun
    # These tests leave half of two processors idle.
    [[ $preset != tsan || -z $fuzz ]] || begin "what fuzzes" nice tests/run_fuzz.sh --build
    timed "test $preset" run_lanes "$preset" "$(directory_of "$preset")"
    if [[ $preset == release ]]; then
      gate "SQL scripts" tests/sql/run_scripts.sh build/warden.so
      gate "examples of the documents" tests/sql/run_examples.sh build/warden.so
      gate "the preload shim" tests/preload/run_preload.sh build "$hosts"
      gate "programs linked with warden" tests/linked/run_linked.sh build
      gate "the threat model and its tests" tests/untrusted/check_threat_model.sh
      if [[ -n $npm_hosts ]]; then
        wait "$npm_hosts" || true
        gate "hosts of npm" show_if_failed build-hosts.log
      fi
      begin hosts tests/hosts/run.sh build/warden.so build-hosts "$hosts"
      [[ -z $hosts ]] || begin "versions of SQLite" tests/versions/run.sh build build-versions --fast
      gate "layers" check_layers
      gate "what warden.so links" check_links
      gate "clang-format" check_format
    fi
  done
  judge_begun
  if [[ -n $versions ]]; then
    install_packages "${kVersionPackages[@]}"
    command -v npm >/dev/null || install_packages npm
    cmake_flags=(-DWARDEN_WERROR=ON -DWARDEN_TESTS=ON)
    build release warden warden_version_tests warden_host_tests warden_job_tests
    say "One SQLite after the other, in build-versions/"
    timed "versions of SQLite" gate "versions of SQLite" tests/versions/run.sh build build-versions
  fi
  [[ -z $coverage ]] || run_coverage
  if [[ -n $endurance_seconds ]]; then
    cmake_flags=(-DWARDEN_WERROR=ON -DWARDEN_TESTS=ON)
    build release warden_endurance
    say "Endurance, $endurance_seconds s"
    counted "endurance" env TEST_SECONDS="$endurance_seconds" build/tests/endurance/warden_endurance --color_output=no
  fi
  if [[ -n $fuzz ]]; then
    say "Fuzzing"
    timed "fuzzing" gate "fuzzers" tests/run_fuzz.sh
  fi
  echo
  echo "took $SECONDS s: $seconds"
  echo "$tests_passed passed, $tests_failed failed"
  ((tests_failed == 0))
}
