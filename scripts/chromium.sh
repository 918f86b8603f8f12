#!/usr/bin/env bash
# Prints the path of a Chromium for the tests in a browser: one that is there, or Debian's, which it installs if it runs as root.
set -euo pipefail

for name in chromium google-chrome; do
  if command -v "$name"; then
    exit
  fi
done
if [ "$(id -u)" -ne 0 ]; then
  echo 'Install Chromium first: apt-get install chromium' >&2
  exit 1
fi
{
  apt-get -q update
  DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends chromium
} >&2
command -v chromium
