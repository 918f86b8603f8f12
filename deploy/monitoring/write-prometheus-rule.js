// Writes the alerts once more, wrapped for the Prometheus Operator: `npm run alerts`. Kustomize can't take in a file as a
// part of an object, and promtool takes no wrapped one, so there are two; a test holds them together.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FROM = new URL('alerts.yaml', import.meta.url);
const TO = new URL('../kubernetes/overlays/monitoring/prometheus-rule.yaml', import.meta.url);

const HEAD = `# Written by \`npm run alerts\` from deploy/monitoring/alerts.yaml; change that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: identity-reconciliation
spec:
`;

const body = readFileSync(FROM, 'utf8').replaceAll(/^(?=.)/gm, '  ');
writeFileSync(TO, HEAD + body);
process.stdout.write(`${fileURLToPath(TO)}\n`);
