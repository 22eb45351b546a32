#!/usr/bin/env bash
# Makes SQLite's amalgamation in build-sqlite/ from the source package of the library that is installed here, with Debian's
# patches and its compile options, so that a build can compile it with assertions and sanitizers (WARDEN_SQLITE_SOURCE in
# CMakeLists.txt). build-sqlite/options are those options, one a line. Needs the Debian packages make and tcl, and the
# machine's own list of archives, of which nothing is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly dir=$PWD/build-sqlite
mkdir -p "$dir"
cd "$dir"

# The options that a build can be asked for again.
sqlite3 :memory: 'PRAGMA compile_options' |
  sed -nE 's/^((ENABLE_|OMIT_|LIKE_|MAX_VARIABLE_NUMBER|SECURE_DELETE|SOUNDEX|USE_URI|THREADSAFE).*)$/SQLITE_\1/p' >options.new
version=$(dpkg-query -W -f='${source:Version}' libsqlite3-dev)
echo "-- $version" >>options.new
if [[ -e sqlite3.c ]] && cmp -s options options.new; then
  rm options.new
  exit
fi

rm -rf apt src made
mkdir -p apt/parts apt/lists src made
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  case $file in
    *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" >"apt/parts/${file##*/}" ;;
    *.list) [[ ! -r $file ]] || sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$file" >"apt/parts/${file##*/}" ;;
  esac
done
apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$dir/apt/parts" -o "Dir::State::lists=$dir/apt/lists"
  -o "Dir::Cache=$dir/apt" -o Acquire::Languages=none)
"${apt[@]}" update
# The archive moves on: where the installed version is gone from it, the one that has followed will do.
(cd apt && { "${apt[@]}" source --download-only "sqlite3=$version" || "${apt[@]}" source --download-only sqlite3; })
tar -xf apt/sqlite3_*.orig.tar.xz -C src --strip-components=1
tar -xf apt/sqlite3_*.debian.tar.xz -C src
cd src
grep -v '^#' debian/patches/series | while read -r patch; do
  GIT_DIR=/nonexistent git apply -p1 "debian/patches/$patch" # the repository around it is not meant
done
cd ../made
../src/configure --disable-tcl --disable-readline
make OPTS="$(sed -n 's/^SQLITE_/-D&/p' ../options.new | tr '\n' ' ')" sqlite3.c sqlite3.h
cp sqlite3.c sqlite3.h ../src/src/sqlite3ext.h "$dir"
cd "$dir"
mv options.new options
rm -rf apt src made
