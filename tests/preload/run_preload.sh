#!/usr/bin/env bash
# What libwarden_preload.so reaches and what it can't: each program is run without it and with it, and asked whether its
# connection knows warden. Then, that nothing else changes: no output, no error, nothing initialised before its time.
#
#   tests/preload/run_preload.sh build          those that are installed; the others are listed
#   tests/preload/run_preload.sh build --all    one that is not installed is a failure
set -euo pipefail
build=$(realpath "$1")
all=${2:-}
cd "$(dirname "$0")"
readonly shim=$build/libwarden_preload.so
[[ -e $shim && -e $build/warden.so ]] || { echo "$shim and warden.so beside it are needed: ./run build"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

good() { passed=$((passed + 1)); echo "  $1: passed"; }
bad() { failed=$((failed + 1)); echo "  $1: FAILED: $2"; }
# same <name> <expected> <found>
same() { if [[ $3 == "$2" ]]; then good "$1"; else bad "$1" "\"$3\" instead of \"$2\""; fi; }

# 1 where the connection has warden's functions. It is no error where it has not.
export Q="SELECT count(*) FROM pragma_function_list WHERE name = 'warden_version'"

# row <program> <1 reached, 0 not> <command...>: prints the answer to $Q, and nothing else.
row() {
  local name=$1 expected=$2 without with
  shift 2
  without=$("$@" 2>&1) || true
  with=$(LD_PRELOAD=$shim "$@" 2>&1) || true
  if [[ $without != 0 && $all == --all ]]; then
    bad "$name" "without the shim: \"$without\""
  elif [[ $without != 0 ]]; then
    echo "  $name: not installed"
  elif [[ $with == "$expected" ]]; then
    good "$name, $([[ $expected == 1 ]] && echo reached || echo 'not reached, and goes on')"
  else
    bad "$name" "printed \"$with\""
  fi
}

gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -o "$work/host" host.c -lsqlite3 -ldl
gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -o "$work/host_static" host.c -Wl,-Bstatic -lsqlite3 -Wl,-Bdynamic -ldl -lm -lpthread
mkdir "$work/modules"
for binding in now lazy; do
  gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -fPIC -shared -Wl,-z,$binding -Wl,-z,relro -o "$work/modules/$binding.so" module.c -lsqlite3
done
gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -o "$work/loader" loader.c -ldl "-Wl,-rpath,\$ORIGIN/modules" -Wl,--enable-new-dtags

row "C program linked with libsqlite3" 1 "$work/host" ask
row "C program with SQLite within itself" 0 "$work/host_static" ask
row "sqlite3 CLI" 1 sqlite3 :memory: "$Q"
python_program='import os, sqlite3; print(sqlite3.connect(":memory:").execute(os.environ["Q"]).fetchone()[0])'
row "Python, Debian's" 1 /usr/bin/python3 -c "$python_program"
for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3*/bin/python; do
  [[ -x $python ]] || continue
  row "Python without extensions ($("$python" -c 'import platform; print(platform.python_version())'))" 1 "$python" -c "$python_program"
done
row "Python, forked child" 1 /usr/bin/python3 -c "import os, sys
if os.fork() == 0:
    $python_program
else:
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))"
row "Python apsw" 1 /usr/bin/python3 -c 'import os, apsw; print(list(apsw.Connection(":memory:").cursor().execute(os.environ["Q"]))[0][0])'
row "Python ctypes (dlsym)" 0 /usr/bin/python3 ctypes_host.py
row "Perl DBD::SQLite" 1 perl -MDBI -e 'print DBI->connect("dbi:SQLite:dbname=:memory:","","")->selectrow_array($ENV{Q})'
row "Ruby sqlite3" 1 ruby -rsqlite3 -e 'print SQLite3::Database.new(":memory:").get_first_value(ENV["Q"])'
row "PHP PDO" 1 php -r 'echo (new PDO("sqlite::memory:"))->query(getenv("Q"))->fetchColumn();'
row "PHP SQLite3" 1 php -r 'echo (new SQLite3(":memory:"))->querySingle(getenv("Q"));'
row "Lua luasql" 1 lua5.3 -e 'print((require("luasql.sqlite3").sqlite3():connect(":memory:"):execute(os.getenv("Q")):fetch()))'
echo 'package require sqlite3; sqlite3 db :memory:; puts [db onecolumn $env(Q)]' >"$work/host.tcl"
row "Tcl" 1 tclsh "$work/host.tcl"
for binding in now lazy; do
  for open in open open_v2 open16; do
    row "module loaded with RTLD_DEEPBIND, bound $binding, sqlite3_$open" 1 "$work/loader" "$work/modules/$binding.so" $open deep
  done
done
row "module found by the RUNPATH of its program" 1 "$work/loader" now.so open_v2

# Nothing else changes.
configured=$("$work/host" configure)
same "sqlite3_config before the first open" "$configured" "$(LD_PRELOAD=$shim "$work/host" configure)"
same "what it answers" "config 0, mutex no" "$configured"
same "reset and shutdown by the host" "1 1 1" "$(LD_PRELOAD=$shim "$work/host" again)"
same "settings from the environment" "128MB" "$(LD_PRELOAD=$shim WARDEN_MEMORY_BUDGET=128MB sqlite3 :memory: \
  "SELECT value FROM warden_settings WHERE name = 'memory_budget'" 2>&1)"
same "warden loaded on top" "1|1" "$(LD_PRELOAD=$shim sqlite3 -batch :memory: ".load $build/warden" \
  "SELECT count(*), warden_connection_id() FROM warden_connections" 2>&1)"
same "a missing table of settings changes no error" "$(sqlite3 :memory: 'SELECT * FROM nothing' 2>&1 || true)" \
  "$(LD_PRELOAD=$shim sqlite3 :memory: 'SELECT * FROM nothing' 2>&1 || true)"
# Programs without SQLite: no output, no thread, warden.so not even mapped.
same "bash and its children" "$(bash -c 'ls /; exit 3' 2>&1; true)" "$(LD_PRELOAD=$shim bash -c 'ls /; exit 3' 2>&1; true)"
same "threads in bash" 1 "$(LD_PRELOAD=$shim bash -c 'while read -r key value; do [[ $key != Threads: ]] || echo $value; done </proc/self/status')"
same "warden.so in cat" 0 "$(LD_PRELOAD=$shim cat /proc/self/maps | grep -c '/warden\.so' || true)"
# Alone, without warden.so beside it.
mkdir "$work/alone"
cp "$shim" "$work/alone/"
same "without warden.so" 0 "$(LD_PRELOAD=$work/alone/libwarden_preload.so sqlite3 :memory: "$Q" 2>&1)"
same "without warden.so, the host's log" "log: warden is not loaded" \
  "$(LD_PRELOAD=$work/alone/libwarden_preload.so "$work/host" log | cut -c 1-25)"

echo "$passed passed, $failed failed"
((failed == 0))
