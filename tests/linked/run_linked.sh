#!/usr/bin/env bash
# Programs that are linked with warden, built as their authors would: from an installed prefix, by pkg-config and by CMake, in C and
# in C++, with a shared SQLite, with one within the program, and static throughout.
#
#   tests/linked/run_linked.sh build        needs pkg-config, or the lines for it are listed as not run
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
passed=0
failed=0

good() { passed=$((passed + 1)); echo "  $1: passed"; }
bad() { failed=$((failed + 1)); echo "  $1: FAILED: $2"; }
# same <name> <expected> <found>
same() { if [[ $3 == "$2" ]]; then good "$1"; else bad "$1" "\"$3\" instead of \"$2\""; fi; }
# runs <name> <command...>: it ends well, within a minute or two.
runs() {
  local name=$1 status=0
  shift
  timeout 120 "$@" >"$work/out" 2>&1 || status=$?
  if ((status == 0)); then good "$name"; else bad "$name" "it ended with $status: $(tail -5 "$work/out")"; fi
}

cmake --install "$build" --prefix "$prefix" --strip >/dev/null
for file in "$prefix"/lib*/pkgconfig/sqlite-warden.pc "$prefix"/lib*/*/pkgconfig/sqlite-warden.pc; do
  [[ ! -e $file ]] || pc=$file
done
library=$(dirname "$(dirname "$pc")")

# Nothing of warden's but the functions of its header is seen by a program, and all of those are.
same "what is global in libwarden.a" "$(sed -n 's/^[a-z].*[ *]\(warden_[a-z_]*\)(.*;$/\1/p' "$prefix/include/warden.h" | sort)" \
  "$(nm -g --defined-only "$library/libwarden.a" | awk 'NF == 3 {print $3}' | sort)"
same "what it calls of SQLite" "sqlite3_auto_extension sqlite3_close sqlite3_errmsg sqlite3_open_v2" \
  "$(nm -u "$library/libwarden.a" | awk '/sqlite3/ {print $2}' | sort | xargs)"

readonly kC=(gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -O1) kCxx=(g++ -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Werror -O1)
read -ra flags <<<"$(PKG_CONFIG_PATH=${pc%/*} pkg-config --cflags --libs sqlite-warden)"
readonly kShared=(-lsqlite3) kWithin=(-Wl,-Bstatic -lsqlite3 -Wl,-Bdynamic -lm)

"${kC[@]}" -o "$work/c" example.c "${flags[@]}" "${kShared[@]}"
runs "C" "$work/c"
same "what the example in C prints" "$(sed "s|^|  |" example_c.txt)" "$(sed "s|^|  |" "$work/out")"
"${kCxx[@]}" -o "$work/cpp" example.cpp "${flags[@]}" "${kShared[@]}"
runs "C++" "$work/cpp"
"${kC[@]}" -o "$work/c_within" example.c "${flags[@]}" "${kWithin[@]}" -Wl,--gc-sections
runs "C, SQLite within it" "$work/c_within"
"${kCxx[@]}" -o "$work/cpp_within" example.cpp "${flags[@]}" "${kWithin[@]}"
runs "C++, SQLite within it" "$work/cpp_within"
same "which needs no libsqlite3" "" "$(ldd "$work/c_within" "$work/cpp_within" | grep sqlite || true)"
# The linker warns of dlopen() in a static program, SQLite's own, too.
"${kC[@]}" -static -o "$work/c_static" example.c "${flags[@]}" "${kShared[@]}" -lm 2>/dev/null
runs "C, static throughout" "$work/c_static"
"${kC[@]}" -o "$work/api" api.c "${flags[@]}" "${kShared[@]}"
runs "what warden.h promises" "$work/api"
"${kC[@]}" -static -o "$work/api_static" api.c "${flags[@]}" "${kShared[@]}" -lm 2>/dev/null
runs "what warden.h promises, static throughout" "$work/api_static"

for language in C CXX; do
  cmake -S . -B "$work/$language" -DLANGUAGE=$language -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake" 2>&1 &&
    cmake --build "$work/$language" >>"$work/cmake" 2>&1 || cat "$work/cmake"
  runs "find_package, $language alone" "$work/$language/example"
done

"${kC[@]}" -o "$work/no_table" no_table.c "${flags[@]}"
runs "an SQLite without a table of routines" "$work/no_table"

# A module that is unloaded.
"${kC[@]}" -fPIC -shared -o "$work/plugin.so" plugin.c "${flags[@]}" "${kShared[@]}"
"${kC[@]}" -o "$work/plugin_host" plugin_host.c "${kShared[@]}" -ldl
runs "warden in a module that is unloaded" "$work/plugin_host" "$work/plugin.so"

# warden.so in the same process.
"${kC[@]}" -o "$work/twice" twice.c "${flags[@]}" "${kShared[@]}"
export WARDEN_SAMPLE_INTERVAL_MS=1 WARDEN_IDLE_GRACE_MS=0 WARDEN_IDLE_KEEP=0
runs "warden.so loaded by a program that has warden" "$work/twice" linked-first "$build/warden.so"
runs "warden.so loaded before" "$work/twice" loaded-first "$build/warden.so"
runs "each on a connection of its own" "$work/twice" one "$build/warden.so"
runs "warden.so preloaded" env LD_PRELOAD="$build/libwarden_preload.so" "$work/twice" linked-first
runs "warden.so preloaded, and an open before" env LD_PRELOAD="$build/libwarden_preload.so" "$work/twice" loaded-first
runs "the example with warden.so preloaded" env LD_PRELOAD="$build/libwarden_preload.so" "$work/c"
# Two files of warden.so are two wardens.
cp "$build/warden.so" "$work/other_warden.so"
same "two files of warden.so" "1|1" "$(sqlite3 -batch :memory: ".load $build/warden" \
  "SELECT load_extension('$work/other_warden.so', 'sqlite3_warden_init') IS NULL" \
  "SELECT warden_connection_id()" 2>&1 | paste -sd '|')"

# The README shows lines of the examples.
for file in example.c example.cpp; do
  while IFS= read -r line; do
    grep -qF -- "${line#  }" ../../README.md || bad "the README's lines of $file" "\"$line\" is not there"
  done < <(awk '/\[end\]/ {on = 0} on {print} /\[readme\]/ {on = 1}' $file)
done

echo "$passed passed, $failed failed"
((failed == 0))
