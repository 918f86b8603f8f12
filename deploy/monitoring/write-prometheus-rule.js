// `npm run alerts`: writes the alerts again, wrapped for the Prometheus Operator. Kustomize can't include a file as a part of
// an object, and promtool reads no wrapped file, so there are two. A test compares them.
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
