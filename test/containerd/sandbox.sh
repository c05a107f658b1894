#!/bin/sh
# Runs a command where /etc/cni/net.d and /opt/cni/bin are the given folders, /run is empty and /var/lib is its own; the machine's own are not touched.
# Usage, in a mount namespace of its own: sandbox.sh SCRATCH CONFLISTS PLUGINS COMMAND ...
set -eu
scratch=$1
conflists=$2
plugins=$3
shift 3

overlay() {
  mkdir -p "$scratch/upper$1" "$scratch/work$1"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$scratch/upper$1,workdir=$scratch/work$1" "$1"
}

# An overlay's upper layer must not be an overlay itself, which a machine's own root may be.
mount -t tmpfs tmpfs "$scratch"
overlay /etc
overlay /opt
# libcni keeps what plugins answered in /var/lib/cni, wherever a runtime keeps its own.
overlay /var/lib
mkdir -p /etc/cni/net.d /opt/cni/bin "$scratch/run/netns"
mount --bind "$conflists" /etc/cni/net.d
mount --bind "$plugins" /opt/cni/bin
# ctr and the shims keep their sockets in /run/containerd, wherever containerd itself is told to keep its own.
[ ! -d /run/netns ] || mount --rbind /run/netns "$scratch/run/netns"
mount --rbind "$scratch/run" /run
exec "$@"
