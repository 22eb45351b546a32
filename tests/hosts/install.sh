#!/usr/bin/env bash
# Fetches the hosts that npm has into a build directory, and compiles the two that come as sources only: install.sh DIRECTORY.
# Does nothing where that is done.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

machine=x64
[[ $(uname -m) != aarch64 ]] || machine=arm64
wanted=$(sed "s/linux-x64/linux-$machine/" "$here/package.json")
[[ ! -e installed.json || $(cat installed.json) != "$wanted" ]] || exit 0

rm -rf node_modules package-lock.json installed.json
printf '%s\n' "$wanted" >package.json
# Their own scripts would look for compiled ones elsewhere first.
npm install --ignore-scripts --no-audit --no-fund --loglevel=error

# compile <package>: without optimisation, since it is tried and not measured.
compile() {
  (
    cd "node_modules/$1"
    CFLAGS=-O0 CXXFLAGS=-O0 ../node-22/bin/node ../.bin/node-gyp rebuild --nodedir="$PWD/../node-22" --python=/usr/bin/python3
  ) >"$1.log" 2>&1 || { tail -20 "$1.log"; return 1; }
}
compile better-sqlite3-12 &
first=$!
compile sqlite3
wait $first
printf '%s\n' "$wanted" >installed.json
