#!/usr/bin/env bash
# PHP ends 200 times, each time with its SQLite unloaded under a busy watchdog.
set -euo pipefail
failed=0
for _ in {1..200}; do
  php -d sqlite3.extension_dir="$(dirname "$WARDEN")" php_exit.php || failed=$((failed + 1))
done
printf 'ends\t%s\t%s of 200 crashed\n' "$( ((failed == 0)) && echo passed || echo failed)" $failed
((failed == 0))
