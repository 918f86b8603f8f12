#!/usr/bin/env bash
# Unpacks a Debian package into node_modules/.cache and prints the folder. Needs no root, and works on every release of Debian:
# `scripts/debian-package.sh kustomize`, or `scripts/debian-package.sh prometheus bookworm` for another release.
# apt verifies the package with Debian's keys. Dependencies are not installed.
set -euo pipefail
package=$1
release=${2:-trixie}

cache=$(cd "$(dirname "$0")/.." && pwd)/node_modules/.cache/debian-$release
target=$cache/$package
if [ ! -d "$target" ]; then
  mkdir -p "$cache/state/lists/partial" "$cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" \
    >"$cache/sources.list"
  : >"$cache/status"
  apt() {
    timeout 120 apt-get -q -o Dir::Etc::sourcelist="$cache/sources.list" -o Dir::Etc::sourceparts=/dev/null \
      -o Dir::State="$cache/state" -o Dir::State::status="$cache/status" -o Dir::Cache="$cache" \
      -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::http::Timeout=20 -o APT::Sandbox::User=root "$@" >&2
  }
  work=$(mktemp -d "$cache/unpacking.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  apt update
  (cd "$work" && apt download "$package")
  mkdir "$work/root"
  dpkg -x "$work"/*.deb "$work/root"
  # In one step, so that an existing folder is always complete.
  mv -T "$work/root" "$target" 2>/dev/null || [ -d "$target" ]
fi
echo "$target"
