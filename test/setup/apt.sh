#!/bin/sh
# Installs the Debian or Ubuntu packages that are missing for `demo` or `test`, and nothing else; no service is started.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
POLICY=/usr/sbin/policy-rc.d
LOCK_WAIT_SECONDS=300

fail() {
  echo "setup: $1" >&2
  exit 1
}

# A probe is a command on PATH, or paths joined by | of which one must exist.
present() {
  case $1 in
    /*)
      for path in $(echo "$1" | tr '|' ' '); do
        [ -e "$path" ] && return 0
      done
      return 1
      ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing_rows() {
  grep -hv -e '^#' -e '^$' "$@" | while read -r probe packages; do
    present "$probe" || echo "$packages"
  done | sort -u
}

has_candidate() {
  apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# The first alternative that this distribution has; the first of all where none is known yet.
choose() {
  for package in $(echo "$1" | tr '|' ' '); do
    if has_candidate "$package"; then
      echo "$package"
      return 0
    fi
  done
  return 1
}

choose_all() {
  for row in $1; do
    choose "$row" || return 1
  done
}

install_quietly() {
  # An existing policy is the administrator's: it stays, and decides.
  if [ ! -e "$POLICY" ]; then
    trap 'rm -f "$POLICY"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
  fi
  # shellcheck disable=SC2086 # the names are words
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends \
    -o "DPkg::Lock::Timeout=$LOCK_WAIT_SECONDS" $1
}

case ${1:-} in
  demo) lists="$here/packages.demo" ;;
  test) lists="$here/packages.demo $here/packages.test" ;;
  *) fail "usage: apt.sh demo|test" ;;
esac
# shellcheck disable=SC2086 # the paths are words
rows=$(missing_rows $lists)
[ -n "$rows" ] || exit 0
command -v apt-get >/dev/null || fail "no apt-get here; install by hand: $(echo $rows)"
[ "$(id -u)" = 0 ] || fail "needs root to install: $(echo $rows); run it as root, or install them yourself"
chosen=$(choose_all "$rows") || {
  echo "setup: package lists are missing or old: apt-get update"
  apt-get update -q
  chosen=$(choose_all "$rows") || fail "no package found for one of: $(echo $rows); enable the distribution's main (Ubuntu: universe) section"
}
echo "setup: installing $(echo $chosen) (services are kept from starting)"
install_quietly "$chosen"
# shellcheck disable=SC2086 # the paths are words
left=$(missing_rows $lists)
[ -z "$left" ] || fail "installed, yet still missing what these bring: $(echo $left)"
