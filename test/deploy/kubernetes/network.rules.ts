import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { Rendering } from './rendering.js';
import { differs, selects, unless, type Rule } from './rule.js';

/** Who finds whom, and who may talk to whom. */
export const networkRules: Rule[] = [
  {
    name: 'selectors find the pods of the service, and no others',
    violations: (rendering) => {
      const [service, migration] = rendering.workloads().map(({ template }) => template.metadata?.labels);
      const { selector, template } = rendering.one('Deployment').spec!;
      const selectors = {
        Deployment: selector.matchLabels,
        Service: rendering.one('Service').spec!.selector,
        ...Object.fromEntries(
          (template.spec!.topologySpreadConstraints ?? []).map(({ topologyKey, labelSelector }) => [
            `spread by ${topologyKey}`,
            labelSelector?.matchLabels,
          ]),
        ),
      };
      return [
        ...Object.entries(selectors).flatMap(([name, labels]) => [
          ...unless(selects(labels, service), `${name} does not find the service`),
          ...unless(!selects(labels, migration), `${name} finds the migration`),
        ]),
        ...unless('spread by kubernetes.io/hostname' in selectors, 'replicas may all be on one node'),
      ];
    },
  },
  {
    name: 'ports carry the same names and numbers everywhere',
    violations: (rendering) => {
      const ports = rendering.workloads()[0].containers[0]!.ports ?? [];
      const { PORT = '3000', METRICS_PORT } = rendering.settings();
      const services = rendering.one('Service');
      return [
        ...differs(
          'container',
          ports.map(({ name, containerPort }) => [name, containerPort]),
          [
            ['http', Number(PORT)],
            ['metrics', Number(METRICS_PORT)],
          ],
        ),
        ...differs('service', services.spec!.ports, [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'metrics', port: 9464, targetPort: 'metrics' },
        ]),
        ...rendering.all('ServiceMonitor').flatMap(({ spec }) => [
          ...unless(
            selects(spec.selector.matchLabels, services.metadata!.labels),
            'the monitor does not find the service',
          ),
          ...differs(
            'monitored',
            spec.endpoints.map(({ port, path }) => [port, path]),
            [['metrics', '/metrics']],
          ),
        ]),
      ];
    },
  },
  {
    name: 'the network denies what no policy allows',
    violations: (rendering) =>
      differs('default-deny', rendering.one('NetworkPolicy', 'default-deny').spec, {
        podSelector: {},
        policyTypes: ['Ingress', 'Egress'],
      }),
  },
  {
    name: 'pods reach the DNS and PostgreSQL only',
    violations: (rendering) => {
      const open = policies(rendering, 'Egress').flatMap(({ spec }) => spec!.egress ?? []);
      const dns = open.find(({ ports }) => ports?.some(({ port }) => port === 53));
      return [
        ...differs(
          'ports',
          open
            .flatMap(({ ports }) => ports?.map(({ protocol, port }) => `${protocol} ${port}`) ?? ['any'])
            .toSorted(),
          ['TCP 53', 'TCP 5432', 'UDP 53'],
        ),
        ...differs('the DNS', dns?.to, [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
          { ipBlock: { cidr: '169.254.20.10/32' } },
        ]),
        ...policies(rendering, 'Egress').flatMap(({ metadata, spec }) =>
          differs(`${metadata!.name} is for`, spec!.podSelector, {}),
        ),
      ];
    },
  },
  {
    name: 'callers reach http, and Prometheus the metrics',
    violations: (rendering) => {
      const [service, migration] = rendering.workloads().map(({ template }) => template.metadata?.labels);
      const open = policies(rendering, 'Ingress');
      const isMonitored = rendering.all('ServiceMonitor').length > 0;
      const doors = open.flatMap(({ metadata, spec }) => {
        const labels = spec!.podSelector?.matchLabels;
        const ways = (spec!.ingress ?? []).map(({ from, ports }) => [
          from?.map(({ namespaceSelector }) => namespaceSelector?.matchLabels),
          ports?.map(({ port }) => port),
        ]);
        return [
          ...unless(
            selects(labels, service) && !selects(labels, migration),
            `${metadata!.name} is for other pods`,
          ),
          ...differs(metadata!.name!, ways, DOORS[metadata!.name!]),
        ];
      });
      return [
        ...doors,
        ...differs(
          'policies',
          open.map(({ metadata }) => metadata!.name),
          isMonitored ? Object.keys(DOORS) : ['allow-callers'],
        ),
      ];
    },
  },
];

/** For each policy that lets in: from which namespaces, and to which ports. */
const DOORS: Record<string, unknown> = {
  'allow-callers': [[[{ 'identity-reconciliation/caller': 'true' }], ['http']]],
  'allow-metrics': [[[{ 'kubernetes.io/metadata.name': 'monitoring' }], ['metrics']]],
};

/** The policies that allow something in a direction. */
function policies(rendering: Rendering, type: 'Ingress' | 'Egress'): INetworkPolicy[] {
  return rendering
    .all('NetworkPolicy')
    .filter(({ metadata, spec }) => metadata!.name !== 'default-deny' && spec!.policyTypes?.includes(type));
}
