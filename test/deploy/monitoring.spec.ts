import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';

const read = (path: string): string => readFileSync(`deploy/${path}`, 'utf8');

test('the Prometheus Operator gets the same alerts as Prometheus', () => {
  const alerts = load(read('monitoring/alerts.yaml')) as { groups: unknown[] };
  const rule = load(read('kubernetes/overlays/monitoring/prometheus-rule.yaml')) as { spec: unknown };
  expect(alerts.groups.length).toBeGreaterThan(0);
  expect(rule.spec).toEqual(alerts);
});

test('the dashboard is one that Grafana can keep: it has an id, a title and panels', () => {
  expect(JSON.parse(read('monitoring/dashboard.json'))).toEqual(
    expect.objectContaining({
      uid: expect.any(String),
      title: expect.any(String),
      panels: expect.arrayContaining([expect.any(Object)]),
    }),
  );
});
