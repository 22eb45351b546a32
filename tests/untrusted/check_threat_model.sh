#!/usr/bin/env bash
# Every line of the README's threat model names the test that shows it: fails for a line that names none, or one that there is not.
set -euo pipefail
cd "$(dirname "$0")/../.."

# suite/case of every test in tests/
cases=$(awk '
  match($0, /^BOOST_(AUTO|FIXTURE)_TEST_SUITE\(/) { suite = substr($0, RLENGTH + 1); sub(/[,)].*/, "", suite) }
  match($0, /^BOOST_(AUTO|FIXTURE)_TEST_CASE\(/)  { name = substr($0, RLENGTH + 1); sub(/[,)].*/, "", name); print suite "/" name }
' tests/*/*.cpp)

lines=$(awk '/^## / { inside = $0 == "## Threat model" } inside && /^\| / && !/^\| (not )?defended \|/' "${1:-README.md}")
failed=0
count=0
while IFS= read -r line; do
  count=$((count + 1))
  named=$(grep -oE '`[a-z0-9_]+/[a-z0-9_]+`' <<<"$line" | tr -d '`' || true)
  if [[ -z $named ]]; then
    echo "names no test: $line"
    failed=1
  fi
  for one in $named; do
    grep -qxF "$one" <<<"$cases" || { echo "names a test that there is not, $one: $line"; failed=1; }
  done
done <<<"$lines"
((count >= 20)) || { echo "only $count lines of a threat model found"; failed=1; }
exit $failed
