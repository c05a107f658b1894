#!/bin/sh
# Runs the tests of the named kinds: unit, system, long. The last line is `N passed, N failed`; a skipped test fails the run.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
PATH="$root/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
REPORT=docs/test-full.txt
export PATH COCOON_NET_TEST_SKIPPED_FAILS=1

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
trap 'exit 143' INT TERM

# A pipe would hide the exit code, so each run leaves it in a file.
run() {
  name=$1
  shift
  code=0
  "$@" 2>&1 || code=$?
  echo "$code" >"$results/$name.code"
}
shown() {
  run "$@" | tee "$results/$1.log"
}
# Each has a cache of its own: two at a time would spoil each other's.
tests_of() {
  echo vitest run --no-cache --fsModuleCachePath "node_modules/.vitest-cache/$1" --project "$1"
}

# Two at a time, of which one is shown as it comes and the other when both are done.
lanes() {
  # shellcheck disable=SC2046 # the options are words
  run lane-two test/setup/lane.sh $(tests_of lane-two) >"$results/lane-two.log" &
  other=$!
  # shellcheck disable=SC2046
  shown lane-one test/setup/lane.sh $(tests_of lane-one)
  wait "$other"
  cat "$results/lane-two.log"
}

kinds() {
  for kind in "$@"; do
    case $kind in
    system)
      lanes
      # shellcheck disable=SC2046
      shown alone $(tests_of alone)
      ;;
    # shellcheck disable=SC2046
    *) shown "$kind" $(tests_of "$kind") ;;
    esac
  done
}

# Of each run the last line is its count; one without a count has failed as a whole.
summary() {
  passed=0
  failed=0
  for log in "$results"/*.log; do
    count=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
    [ -n "$count" ] || count="0 1"
    passed=$((passed + ${count% *}))
    failed=$((failed + ${count#* }))
  done
  echo "$passed passed, $failed failed"
}

case " $* " in
*" long "*) export NO_COLOR=1 && { kinds "$@" && summary; } | tee "$REPORT" ;;
*) kinds "$@" && summary ;;
esac
! grep -qvx 0 "$results"/*.code
