#!/bin/sh
# Runs a command where only its own processes, mounts and named network namespaces are seen: two such lanes can use the same
# addresses, process numbers and names. What it leaves behind goes with it.
set -eu
if [ "$(id -u)" != 0 ]; then
  echo "system tests make network namespaces and mounts: run them as root" >&2
  exit 1
fi
if [ "${1:-}" != inside ]; then
  exec unshare --mount --pid --fork --kill-child --mount-proc "$0" inside "$@"
fi
shift
mkdir -p /run/netns
mount -t tmpfs -o mode=0755 lane /run/netns
# Not by exec: this shell is the first process here, and must take in those whose parents have ended.
code=0
"$@" || code=$?
exit "$code"
