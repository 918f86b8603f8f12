#!/usr/bin/env bash
# Runs promtool with the arguments given: the one on the PATH, or that of Debian's package `prometheus`, which is fetched
# once and unpacked into a folder of the checkout. Needs no root: apt gets a state of its own if the system's lists are
# missing.
set -euo pipefail

if command -v promtool >/dev/null; then
  exec promtool "$@"
fi

cache="$(cd "$(dirname "$0")/.." && pwd)/.cache/promtool"
promtool="$cache/usr/bin/promtool"
if [ ! -x "$promtool" ]; then
  mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial"
  (
    cd "$cache"
    own=(-o "Dir::State=$cache/apt/state" -o "Dir::Cache=$cache/apt/cache" -o "APT::Sandbox::User=$(id -un)"
      -o Dir::State::status=/var/lib/dpkg/status)
    { apt-get -qq -o "APT::Sandbox::User=$(id -un)" download prometheus ||
      { apt-get -qq "${own[@]}" update && apt-get -qq "${own[@]}" download prometheus; }; } >&2
    dpkg -x prometheus_*.deb .
    rm -rf prometheus_*.deb apt
  )
fi
exec "$promtool" "$@"
