#!/bin/sh
# Installs the npm packages of package-lock.json and builds their native parts for Node 24; a second run does nothing.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
STAMP=node_modules/.cocoon-net-ready

fail() {
  echo "setup: $1" >&2
  exit 1
}

fingerprint() {
  sha256sum package-lock.json .npmrc test/setup/npm.sh | sha256sum | cut -d' ' -f1
}

wanted=$(fingerprint)
[ "$(cat "$STAMP" 2>/dev/null || true)" != "$wanted" ] || exit 0
for tool in npm gcc g++ make python3; do
  command -v "$tool" >/dev/null || fail "$tool is missing; run: make setup"
done

echo "setup: npm packages"
# Not `npm ci`: it refuses a lock file that lacks the optional packages of other platforms; the versions here are the
# locked ones all the same. Scripts wait until Node 24 is there: what they compile must be compiled against its headers.
npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
npm rebuild node --foreground-scripts --loglevel=error
for headers in node_modules/node/node_modules/node-linux-*/include node_modules/node-linux-*/include; do
  [ -e "$headers/node/node.h" ] && break
done
[ -e "$headers/node/node.h" ] || fail "the npm package node brought no headers; remove node_modules and run this again"

echo "setup: native parts, against the headers in $headers"
PATH="$root/node_modules/.bin:$PATH" npm rebuild --nodedir="$root/$(dirname "$headers")" --loglevel=error
node_modules/.bin/node -e 'for (const name of ["unix-dgram", "lmdb", "koffi", "netlink"]) require(name)' ||
  fail "a native package does not load in Node 24 (see above); remove node_modules and run this again"
echo "$wanted" >"$STAMP"
