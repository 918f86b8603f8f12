import { readFileSync } from 'node:fs';

const alerts = read('alerts.yaml');
const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
const metrics = new Set(
  [...readFileSync('docs/metrics.md', 'utf8').matchAll(/^\| `(\w+)` +\| (?:counter|gauge|histogram) /gm)].map(
    ([, name]) => name!,
  ),
);

test.each(['alerts.yaml', 'alerts.test.yaml'])('every metric of %s exists', (file) => {
  const rules = [...read(file).matchAll(/\b([a-z]\w*)\{/g)].map(([, name]) => name!);
  expect(rules.length).toBeGreaterThan(10);
  expect(unknown(rules.filter((name) => name !== 'up'))).toEqual([]);
});

test('every metric of the dashboard exists', () => {
  const dashboard = JSON.parse(read('dashboard.json')) as { panels: { targets?: { expr: string }[] }[] };
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const used = expressions.flatMap((expr) => [...expr.matchAll(/\b(\w+)\{/g)].map(([, name]) => name!));
  expect(used.length).toBeGreaterThanOrEqual(expressions.length);
  expect(unknown(used)).toEqual([]);
});

test('every alert has a test in which it fires, one in which it does not, and a runbook', () => {
  const runbooks = readFileSync('docs/runbooks.md', 'utf8');
  const cases = [
    ...read('alerts.test.yaml').matchAll(/alertname: (\w+)\n\s+exp_alerts:( \[\])?(?:\n\s+- exp_labels|)/g),
  ].map(([, name, none]) => `${name} ${none === undefined ? 'fires' : 'does not fire'}`);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    expect(cases).toContain(`${name} fires`);
    expect(cases).toContain(`${name} does not fire`);
    expect(alerts).toContain(`runbook_url: docs/runbooks.md#${name.toLowerCase()}\n`);
    expect(runbooks).toContain(`\n## ${name}\n`);
  }
});

test('there is no runbook for an alert that does not exist', () => {
  const headings = [...readFileSync('docs/runbooks.md', 'utf8').matchAll(/^## (Identity\w+)$/gm)];
  expect(headings.map(([, name]) => name!).toSorted()).toEqual(names.toSorted());
});

function read(file: string): string {
  return readFileSync(`deploy/monitoring/${file}`, 'utf8');
}

/** Those that are not documented; a histogram has three series. */
function unknown(used: readonly string[]): string[] {
  return used.filter((name) => !metrics.has(name) && !metrics.has(name.replace(/_(bucket|sum|count)$/, '')));
}
