#!/usr/bin/env bash
# Runs warden in every host that is installed, and lists those that are not: run.sh WARDEN_SO DIRECTORY [--all].
# DIRECTORY is where install.sh put what npm has. With --all a host that is not installed is a failure. What they said is left in
# DIRECTORY/said, and the table of it in DIRECTORY/table.md.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
WARDEN=$(realpath "$1")
mkdir -p "$2"
directory=$(realpath "$2")
all=${3:-}
modules=$directory/node_modules
preload=$(dirname "$WARDEN")/libwarden_preload.so
export WARDEN JOBS=$directory/jobs.db JOB_COUNT=40000 NODE_PATH=$modules

readonly kPoints=(load pool scan memory deadline watch cancel close)
readonly kLimitS=300 # a host that hangs

# One table of jobs for all of them.
make_jobs() {
  rm -f "$JOBS"
  (cd "$here/../.." && sqlite3 "$JOBS" "PRAGMA journal_mode=OFF" "PRAGMA synchronous=OFF" "PRAGMA cache_size=-200000" \
    ".read sql/jobs_schema.sql" ".parameter set :jobs $JOB_COUNT" ".read sql/generate_jobs.sql" >/dev/null)
}

# A line for each host: its name | its program | what must be there | the points that it can't have | the command.
# What must be there is a file, or a command that succeeds.
hosts() {
  local node=$modules/node node26=$modules/node-26/bin/node
  cat <<TXT
sqlite3 CLI|cli.sh|command -v sqlite3|watch cancel|bash cli.sh
Python, sqlite3|python_sqlite3.py|test -x /usr/bin/python3||/usr/bin/python3 python_sqlite3.py
Python, apsw|python_apsw.py|/usr/bin/python3 -c 'import apsw'||/usr/bin/python3 python_apsw.py
Node 22, node:sqlite|node_sqlite.cjs|test -x $node-22/bin/node||$node-22/bin/node --no-warnings node_sqlite.cjs
Node 24, node:sqlite|node_sqlite.cjs|test -x $node-24/bin/node||$node-24/bin/node --no-warnings node_sqlite.cjs
Node 26, node:sqlite|node_sqlite.cjs|test -x $node26||$node26 --no-warnings node_sqlite.cjs
better-sqlite3 12|better_sqlite3.cjs|test -e $modules/better-sqlite3-12/build/Release/better_sqlite3.node||env BETTER_SQLITE3=better-sqlite3-12 $node-22/bin/node better_sqlite3.cjs
better-sqlite3 13|better_sqlite3.cjs|test -e $modules/better-sqlite3-13||env BETTER_SQLITE3=better-sqlite3-13 $node-24/bin/node better_sqlite3.cjs
node-sqlite3|node_sqlite3.cjs|test -e $modules/sqlite3/build/Release/node_sqlite3.node||$node-24/bin/node node_sqlite3.cjs
libsql|libsql.cjs|test -e $modules/libsql||$node-24/bin/node --expose-gc libsql.cjs
Bun|bun.cjs|compgen -G '$modules/@oven/bun-linux-*/bin/bun'||$modules/@oven/bun-linux-*/bin/bun bun.cjs
Deno|node_sqlite.cjs|compgen -G '$modules/@deno/linux-*-glibc/deno'||$modules/@deno/linux-*-glibc/deno run -A node_sqlite.cjs
Go, mattn/go-sqlite3, _mutex=full|mattn.go|test -x $directory/mattn||$directory/mattn full
Go, mattn/go-sqlite3, _mutex=no|mattn.go|test -x $directory/mattn||$directory/mattn no
Java, Xerial|Xerial.java|test -e $directory/Xerial.class||java -cp $directory:/usr/share/java/sqlite-jdbc.jar Xerial
PHP, SQLite3|php_sqlite3.php|php -r 'exit(class_exists("SQLite3") ? 0 : 1);'|cancel|php -d sqlite3.extension_dir=$(dirname "$WARDEN") php_sqlite3.php
PHP, PDO|php_pdo.php|test -e $preload && php -r 'exit(class_exists("PDO") ? 0 : 1);'|cancel|env LD_PRELOAD=$preload php php_pdo.php
Ruby|ruby.rb|ruby -e 'require "sqlite3"'|cancel|ruby ruby.rb
Perl, DBD::SQLite|perl.pl|perl -e 'use DBD::SQLite'|cancel|perl perl.pl
C|host.c|test -x $directory/host_c||$directory/host_c
C++|host.cpp|test -x $directory/host_cpp||$directory/host_cpp
Tcl|tcl.tcl|tclsh <<<'package require sqlite3'|cancel|tclsh tcl.tcl
R, RSQLite|r.R|Rscript -e 'library(RSQLite)'|cancel|Rscript --vanilla r.R
Lua, luasql|lua.lua|test -e $preload && lua5.3 -e 'require "luasql.sqlite3"'|cancel|env LD_PRELOAD=$preload lua5.3 lua.lua
TXT
}

# What happens in a process beside that, told in the same manner: its name | what must be there | the command. The watchdog is as
# busy as it can be.
lifetimes() {
  local node=$modules/node-24/bin/node
  local addons="test -e $modules/sqlite3/build/Release/node_sqlite3.node"
  cat <<TXT
three copies of SQLite|$addons|$node copies.cjs better-sqlite3-13 sqlite3 libsql
node:sqlite beside better-sqlite3|$addons|$node --no-warnings copies.cjs node:sqlite better-sqlite3-13
four copies of SQLite|$addons|$node --no-warnings copies.cjs libsql sqlite3 node:sqlite better-sqlite3-13
worker_threads that end|$addons|$node worker_ends.cjs
loads, and a storm|test -x /usr/bin/python3|/usr/bin/python3 python_loads.py
forks|test -x /usr/bin/python3|/usr/bin/python3 python_fork.py
dqlite, three nodes|test -x $directory/dqlite|env GO_DQLITE_MULTITHREAD=1 $directory/dqlite
dqlite, preloaded and without locks|test -x $directory/dqlite -a -e $preload|$directory/dqlite $preload
200 ends of PHP|php -r 'exit(class_exists("SQLite3") ? 0 : 1);'|bash php_exits.sh
TXT
}

# Those that are compiled. The C program is linked to fixed addresses and takes the address of malloc, as Debian's Python does.
compile() {
  cd "$here" || return
  rm -f "$directory"/{mattn,dqlite,host_c,host_cpp} "$directory"/*.class
  gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fno-pie -no-pie -o "$directory/host_c" host.c -lsqlite3 -lpthread
  g++ -std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -o "$directory/host_cpp" host.cpp -lsqlite3
  if [[ -e /usr/share/java/sqlite-jdbc.jar ]] && command -v javac >/dev/null; then javac -d "$directory" Xerial.java; fi
  if [[ -e /usr/share/gocode/src/github.com/mattn/go-sqlite3 ]] && command -v go >/dev/null; then
    GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE=$directory/go-cache go build -o "$directory/mattn" mattn.go
  fi
  # go-dqlite asks for an option of the linker that Go has to be told to let through.
  if [[ -e /usr/share/gocode/src/github.com/canonical/go-dqlite/app && -e /usr/include/dqlite.h ]] && command -v go >/dev/null; then
    GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE=$directory/go-cache CGO_LDFLAGS_ALLOW=-Wl,-z,now \
      go build -o "$directory/dqlite" dqlite.go
  fi
}

# judge <file> <points that it can't have> <status>: each point was told once, and is as it should be.
judge() {
  local said=$1 cant=" $2 " good=0 point outcome
  for point in "${kPoints[@]}"; do
    outcome=$(awk -F '\t' -v point="$point" '$1 == point {print $2}' "$said")
    if [[ $cant == *" $point "* ]]; then
      [[ $outcome == "can't" ]] || { echo "    $point: expected can't, not '$outcome'"; good=1; }
    elif [[ $outcome != passed ]]; then
      echo "    $(grep -P "^$point\t" "$said" || echo "$point: nothing was said")"
      good=1
    fi
  done
  (($3 == 0)) || { echo "    it ended with $3"; good=1; }
  [[ ! -s $said.err ]] || { echo "    it wrote errors:"; sed 's/^/      /' "$said.err" | head -20; good=1; }
  return $good
}

# The lines of a program that load warden, as one.
snippet() {
  awk '/\[end\]/ {on = 0}
    on {sub(/^[ \t]*(\/\/|#|--)?[ \t]*/, ""); if ($0 != "") out = out (out == "" ? "" : out ~ /;$/ ? " " : "; ") $0}
    /\[load\]/ {on = 1} END {print out}' "$here/$1"
}

row() {
  local name=$1 program=$2 said=$3 version sqlite image
  version=$(awk -F '\t' '$1 == "host" {print $2 ($3 == "" ? "" : ", " $3)}' "$said")
  IFS=$'\t' read -r _ sqlite image <<<"$(grep -P '^sqlite\t' "$said")"
  printf '| %s | %s | %s, %s | `%s` | %s | %s |\n' "$name" "$version" "$sqlite" "${image##*/}" "$(snippet "$program")" \
    "$(awk -F '\t' '$2 == "passed" {out = out (out == "" ? "" : ", ") $1; ++n} END {print n == 8 ? "everything" : out}' "$said")" \
    "$(awk -F '\t' '$2 == "can'"'"'t" {out = out (out == "" ? "" : "; ") $1 ": " $3} END {print out}' "$said")"
}

make_jobs || exit 1
compile || exit 1
mkdir -p "$directory/said"
rm -f "$directory/said/"*
{
  echo '| host | version | SQLite, its file | how it is loaded | works | can'"'"'t, and why |'
  echo '|---|---|---|---|---|---|'
} >"$directory/table.md"
passed=0 failed=0 absent=()
while IFS='|' read -r name program needs cant command; do
  if ! eval "$needs" >/dev/null 2>&1; then
    absent+=("$name")
    continue
  fi
  said=$directory/said/${name//[^A-Za-z0-9]/_}
  status=0
  # shellcheck disable=SC2086 # words, and patterns of paths
  timeout --kill-after=10 $kLimitS $command >"$said" 2>"$said.err" </dev/null || status=$?
  if judge "$said" "$cant" $status; then
    passed=$((passed + 1))
    row "$name" "$program" "$said" >>"$directory/table.md"
  else
    echo "    FAILED: $name"
    failed=$((failed + 1))
  fi
done < <(hosts)
while IFS='|' read -r name needs command; do
  if ! eval "$needs" >/dev/null 2>&1; then
    absent+=("$name")
    continue
  fi
  said=$directory/said/${name//[^A-Za-z0-9]/_}
  status=0
  # shellcheck disable=SC2086
  WARDEN_SAMPLE_INTERVAL_MS=1 timeout --kill-after=10 $kLimitS $command >"$said" 2>"$said.err" </dev/null || status=$?
  if ((status == 0)) && [[ ! -s $said.err ]] && grep -q passed "$said" && ! grep -q failed "$said"; then
    passed=$((passed + 1))
  else
    sed 's/^/    /' "$said" "$said.err" | head -20
    echo "    FAILED: $name (it ended with $status)"
    failed=$((failed + 1))
  fi
done < <(lifetimes)
echo "    $passed hosts passed, $failed failed"
for name in "${absent[@]}"; do echo "    not installed: $name"; done
((failed == 0)) && [[ $all != --all || ${#absent[@]} == 0 ]]
