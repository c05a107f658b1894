#!/bin/sh
# Runs the named vitest projects; the last line is `N passed, N failed`, and a skipped test fails the run.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
PATH="$root/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
REPORT=docs/test-full.txt
export PATH COCOON_NET_TEST_SKIPPED_FAILS=1

chosen=""
long=no
for project in "$@"; do
  chosen="$chosen --project $project"
  [ "$project" != long ] || long=yes
done

if [ "$long" = no ]; then
  # shellcheck disable=SC2086 # the options are words
  exec vitest run $chosen
fi
# A pipe would hide the exit code, so the run leaves it in a file beside the report.
result=$(mktemp)
trap 'rm -f "$result"' EXIT
# shellcheck disable=SC2086 # the options are words
{ NO_COLOR=1 vitest run $chosen 2>&1 && echo 0 >"$result" || echo 1 >"$result"; } | tee "$REPORT"
exit "$(cat "$result")"
