#!/bin/sh
# Shows a throwaway node at work. Installs what is missing, builds, then runs test/demo/demo.ts in namespaces of its own,
# so that nothing but packages and this checkout's own folders differ afterwards. DEMO_VM=0 takes a DHCP client for the virtual machine.
# With gke or volcengine as its argument it shows a node of that cloud (test/demo/cloud-demo.ts), the cloud being a fake.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
PATH="$root/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH

fail() {
  echo "demo: $1" >&2
  exit 1
}

# Inside: no mount of the machine's is shared, /run and a scratch folder are empty, process 1 is ours.
if [ "${1:-}" = --inside ]; then
  mount -t tmpfs -o mode=755 tmpfs /run
  case $root/ in
    /mnt/*) scratch=/media ;;
    *) scratch=/mnt ;;
  esac
  mount -t tmpfs -o mode=1777 tmpfs "$scratch"
  cd "$root"
  case $2 in
    node) set -- "$here/demo.ts" ;;
    *) set -- "$here/cloud-demo.ts" "$2" ;;
  esac
  TMPDIR=$scratch exec node --enable-source-maps "$@"
fi

what=${1:-node}
case $what in
  node | gke | volcengine) ;;
  *) fail "usage: demo.sh [gke|volcengine]" ;;
esac

[ "$(id -u)" = 0 ] || fail "namespaces, bridges and containers need root; run it as root"
"$root/test/setup/apt.sh" demo
"$root/test/setup/npm.sh"
if [ "$what" = node ] && [ "${DEMO_VM:-1}" != 0 ]; then
  if ! command -v qemu-system-x86_64 >/dev/null || ! "$root/test/setup/kernel.sh"; then
    echo "demo: no virtual machine can be booted here; a namespace with a DHCP client takes its place"
    DEMO_VM=0
    export DEMO_VM
  fi
fi
[ -n "${DEMO_NO_BUILD:-}" ] || (cd "$root" && npm run --silent build)
exec unshare --mount --propagation private --net --pid --fork --kill-child --mount-proc "$here/demo.sh" --inside "$what"
