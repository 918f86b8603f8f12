#!/usr/bin/env bash
# Runs promtool with the arguments given: the one on the PATH, or that of the package `prometheus` of Debian 12, the last to have it.
set -euo pipefail

if command -v promtool >/dev/null; then
  exec promtool "$@"
fi
exec "$("$(dirname "$0")/debian-package.sh" prometheus bookworm)/usr/bin/promtool" "$@"
