#!/bin/sh
# Shows a node on a fake Volcengine: init killed and repeated, a guest by the cloud's link, teardown, the fake's audit.
set -eu
exec "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/demo.sh" volcengine
