#!/usr/bin/env bash
# Puts the table of the last run of run.sh into the README, between its two marks: readme.sh DIRECTORY.
set -euo pipefail
cd "$(dirname "$0")/../.."
awk -v table="$1/table.md" '
  /^<!-- versions -->$/ {print; while ((getline line < table) > 0) print line; inside = 1; next}
  /^<!-- end of versions -->$/ {inside = 0}
  !inside' README.md >"$1/README.md"
mv "$1/README.md" README.md
