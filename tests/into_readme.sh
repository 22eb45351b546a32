#!/usr/bin/env bash
# Puts the table of a run into the README, between its two marks: into_readme.sh hosts|versions DIRECTORY.
set -euo pipefail
cd "$(dirname "$0")/.."
awk -v table="$2/table.md" -v begin="<!-- $1 -->" -v end="<!-- end of $1 -->" '
  $0 == begin {print; while ((getline line < table) > 0) print line; inside = 1; next}
  $0 == end {inside = 0}
  !inside' README.md >"$2/README.md"
mv "$2/README.md" README.md
