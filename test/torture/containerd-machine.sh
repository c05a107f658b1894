#!/bin/sh
# Gives its mount namespace what else a machine has of its own: named network namespaces, the /sys of its network, a boot ID from a file; then runs a command.
# Usage, through test/containerd/sandbox.sh: containerd-machine.sh BOOT_ID_FILE COMMAND ...
set -eu
boot=$1
shift

mount -t tmpfs tmpfs /run/netns
mkdir /run/groups
mount --rbind /sys/fs/cgroup /run/groups
mount -t sysfs sysfs /sys
mount --rbind /run/groups /sys/fs/cgroup
mount --bind "$boot" /proc/sys/kernel/random/boot_id
exec "$@"
