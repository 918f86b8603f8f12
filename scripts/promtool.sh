#!/usr/bin/env bash
# Runs promtool with the given arguments: from the PATH, or from the package `prometheus` of Debian 12, the last that has it.
set -euo pipefail

if command -v promtool >/dev/null; then
  exec promtool "$@"
fi
exec "$("$(dirname "$0")/debian-package.sh" prometheus bookworm)/usr/bin/promtool" "$@"
