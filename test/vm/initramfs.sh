#!/bin/sh
# Packs a guest's first file system: busybox, the virtio drivers, test/vm/init. Usage: initramfs.sh OUTPUT [extra module ...]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
output=$1
shift
kernel="$here/../../.setup/kernel"
# In the order in which they depend on each other; those built into a kernel have no file.
MODULES="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net af_packet $*"

[ -e "$kernel/vmlinuz" ] || {
  echo "initramfs: no guest kernel in $kernel; run: test/setup/kernel.sh" >&2
  exit 1
}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/etc" "$tree/tmp" "$tree/modules"
cp "$(command -v busybox)" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
cp "$here/lease" "$tree/lease"
chmod 755 "$tree/init" "$tree/lease"
for module in $MODULES; do
  file=$(find "$kernel/lib/modules/" -name "$module.ko*" | head -n 1)
  [ -n "$file" ] || continue
  case $file in
    *.zst) zstd -q -d -c "$file" >"$tree/modules/$module.ko" ;;
    *.xz) xz -d -c "$file" >"$tree/modules/$module.ko" ;;
    *) cp "$file" "$tree/modules/$module.ko" ;;
  esac
  echo "$module" >>"$tree/modules/order"
done
(cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$output.$$"
mv "$output.$$" "$output"
