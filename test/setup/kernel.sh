#!/bin/sh
# Puts a small distribution kernel and its modules into .setup/kernel, for the guests that tests and demo boot; nothing is installed.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
folder="$root/.setup/kernel"
# The cloud flavours carry the virtio drivers and little else. Debian's meta package comes first, then Ubuntu's.
META_PACKAGES="linux-image-cloud-amd64 linux-image-virtual linux-image-generic"

fail() {
  echo "setup: $1" >&2
  exit 1
}

# Complete only when the last line of this script was reached: the link is made then.
[ ! -e "$folder/vmlinuz" ] || exit 0
command -v apt-get >/dev/null || fail "no apt-get to fetch a guest's kernel with; put vmlinuz and lib/modules into $folder"

depends() {
  apt-cache depends --important "$1" 2>/dev/null | sed -n "s/.*Depends: \($2[^ ]*\).*/\1/p" | head -n 1
}

find_image() {
  for meta in $META_PACKAGES; do
    image=$(depends "$meta" linux-image-)
    [ -z "$image" ] || return 0
  done
  return 1
}

find_image || {
  echo "setup: package lists are missing or old: apt-get update"
  apt-get update -q
  find_image || fail "no kernel package found among: $META_PACKAGES"
}
packages=$image
# Ubuntu keeps the modules in a package of their own.
modules=$(depends "$image" linux-modules-)
[ -z "$modules" ] || packages="$packages $modules"

rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
echo "setup: fetching $packages for the guest (unpacked into .setup, not installed)"
# A world-readable folder is not always writable for apt's own user; root may fetch as root.
# shellcheck disable=SC2086 # the names are words
apt-get download -q -o APT::Sandbox::User=root $packages
for archive in *.deb; do
  dpkg -x "$archive" .
  rm -f "$archive"
done
set -- boot/vmlinuz-*
[ -e "$1" ] || fail "$packages brought no boot/vmlinuz"
[ ! -d usr/lib/modules ] || [ -d lib/modules ] || { mkdir -p lib && ln -s ../usr/lib/modules lib/modules; }
ln -s "$1" vmlinuz
