#!/usr/bin/env bash
# Checks the alerts, their tests, and every expression of the dashboard with promtool. Its last line is
# `N passed, N failed`.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=deploy/monitoring
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As recording rules, because promtool reads no dashboards. Variables are replaced as Grafana does it.
node -e '
  const dashboard = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  const rules = dashboard.panels.flatMap(({ targets = [] }) => targets).map(({ expr }, i) => ({
    record: `dashboard:${i}`.replace(/\d/g, (digit) => "abcdefghij"[digit]),
    expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", "j").replaceAll("$instance", ".*"),
  }));
  console.log(JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
' "$folder/dashboard.json" >"$work/dashboard.yaml" || exit 1

passed=0
failed=0
run() {
  if scripts/promtool.sh "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
run check rules "$folder/alerts.yaml"
run test rules "$folder/alerts.test.yaml"
run check rules "$work/dashboard.yaml"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
