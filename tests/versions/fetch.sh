#!/usr/bin/env bash
# Fetches the sources of one SQLite out of npm's package: fetch.sh DIRECTORY VERSION. They are then DIRECTORY/VERSION/sqlite3.c
# and what came with it. A package that is not the one that `amalgamations` means is refused. Does nothing where that is done.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
version=$2
IFS='|' read -r _ package integrity < <(grep "^$version|" "$here/amalgamations") || { echo "no package is known for SQLite $version"; exit 1; }
[[ ! -e $version/sqlite3.c || $(cat "$version/integrity" 2>/dev/null) != "$integrity" ]] || exit 0

rm -rf "$version" "$version.new"
mkdir "$version.new"
trap 'rm -rf "$version.new"' EXIT
(cd "$version.new" && npm pack --ignore-scripts --silent "$package" >/dev/null)
archive=$(echo "$version.new"/*.tgz)
found=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
[[ $found == "$integrity" ]] || { echo "$package has the integrity $found, and $integrity was expected"; exit 1; }

tar -xzf "$archive" -C "$version.new" package/deps
for inner in "$version.new"/package/deps/*.tar.gz; do
  [[ ! -e $inner ]] || tar -xzf "$inner" -C "$version.new/package/deps"
done
sources=$(dirname "$(find "$version.new/package/deps" -name sqlite3.c | head -n 1)")
grep -q "^#define SQLITE_VERSION  *\"$version\"" "$sources/sqlite3.c" || { echo "$package does not carry SQLite $version"; exit 1; }
mkdir "$version.new/sources"
for file in sqlite3.c sqlite3.h sqlite3ext.h shell.c; do
  [[ ! -e $sources/$file ]] || mv "$sources/$file" "$version.new/sources/"
done
echo "$integrity" >"$version.new/sources/integrity"
mv "$version.new/sources" "$version"
