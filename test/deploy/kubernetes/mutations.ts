import type { IContainer, IPodSpec } from 'kubernetes-models/v1';
import type { KubernetesObject, Rendering } from './rendering.js';

/** A change that takes away what one rule asks for, and nothing that another does. */
export interface Mutation {
  readonly rule: string;
  readonly change: string;
  readonly apply: (rendering: Rendering) => unknown;
}

const BY_RULE: Record<string, Record<string, Mutation['apply']>> = {
  'pods run as a user that is not root': {
    'runAsNonRoot left out': (r) => delete pod(r).securityContext!.runAsNonRoot,
    'user 0': (r) => (pod(r).securityContext!.runAsUser = 0),
    'user 0 for the migration': (r) => (migration(r).securityContext!.runAsUser = 0),
    'user 0 for a container': (r) => (api(r).securityContext!.runAsUser = 0),
  },
  'containers gain no privileges': {
    'allowPrivilegeEscalation left out': (r) => delete api(r).securityContext!.allowPrivilegeEscalation,
    'capabilities kept': (r) => delete api(r).securityContext!.capabilities,
    'a capability added': (r) => (api(r).securityContext!.capabilities!.add = ['NET_ADMIN']),
    'a privileged container': (r) => (api(r).securityContext!.privileged = true),
    'an initial container that has them': (r) => (pod(r).initContainers = [unconfined(api(r))]),
    'no seccomp profile': (r) => delete pod(r).securityContext!.seccompProfile,
    'the network of the node': (r) => (pod(r).hostNetwork = true),
    'a port of the node': (r) => (api(r).ports![0]!.hostPort = 80),
  },
  'containers write to a small temporary folder only': {
    'a root that can be written': (r) => delete api(r).securityContext!.readOnlyRootFilesystem,
    'a folder of the node': (r) => (pod(r).volumes![0] = { name: 'tmp', hostPath: { path: '/tmp' } }),
    'a temporary folder without a limit': (r) => delete pod(r).volumes![0]!.emptyDir!.sizeLimit,
    'no temporary folder': (r) => delete migration(r).containers[0]!.volumeMounts,
  },
  'pods learn nothing of the cluster': {
    'the token of the service account': (r) => delete pod(r).automountServiceAccountToken,
    'the addresses of other services': (r) => delete migration(r).enableServiceLinks,
  },
  'memory is limited and CPU is not': {
    'no memory limit': (r) => delete api(r).resources!.limits,
    'a CPU limit': (r) => (api(r).resources!.limits!.cpu = '1'),
    'no CPU request': (r) => delete api(r).resources!.requests!.cpu,
  },
  'each probe asks the endpoint that was made for it, with patience': {
    'no startup probe': (r) => delete api(r).startupProbe,
    'liveness that asks the database': (r) => (api(r).livenessProbe!.httpGet!.path = '/health/ready'),
    'readiness that asks nothing': (r) => (api(r).readinessProbe!.httpGet!.path = '/health/live'),
    'a restart after one failure': (r) => (api(r).livenessProbe!.failureThreshold = 1),
    'calls to a replica that is not ready': (r) => (api(r).readinessProbe!.failureThreshold = 10),
    'less patience than the service has': (r) => delete api(r).readinessProbe!.timeoutSeconds,
    'a start that does not wait for the migration': (r) => (api(r).startupProbe!.failureThreshold = 10),
    'a rollout that does not wait for the start': (r) =>
      (r.one('Deployment').spec!.progressDeadlineSeconds = 600),
  },
  'a replica goes once its successor is ready': {
    'one replica less during a rollout': (r) =>
      (r.one('Deployment').spec!.strategy!.rollingUpdate!.maxUnavailable = 1),
    'all replaced at once': (r) => (r.one('Deployment').spec!.strategy = { type: 'Recreate' }),
  },
  'a replica that goes has time to finish': {
    'no wait before the signal': (r) => delete api(r).lifecycle,
    'the usual grace': (r) => delete pod(r).terminationGracePeriodSeconds,
  },
  'there are three replicas at the least': {
    'two at the least': (r) => (autoscaler(r).minReplicas = 2),
    'a number that undoes the autoscaler': (r) => (r.one('Deployment').spec!.replicas = 3),
    'another target': (r) => (autoscaler(r).scaleTargetRef.name = 'web'),
  },
  'draining nodes takes one replica at a time': {
    'two at a time': (r) => (budget(r).maxUnavailable = 2),
    'broken replicas that block it': (r) => delete budget(r).unhealthyPodEvictionPolicy,
    'a budget for other pods': (r) => (budget(r).selector!.matchLabels = { app: 'web' }),
    'a budget for all pods': (r) => (budget(r).selector = {}),
  },
  'replicas at the most fit into the connections of the database': {
    'more replicas': (r) => (autoscaler(r).maxReplicas += 1),
    'larger pools': (r) => (r.settings().DATABASE_POOL_MAX = '20'),
    'no number of connections': (r) => delete r.one('HorizontalPodAutoscaler').metadata!.annotations,
  },
  'each version migrates once, as the owner of the tables': {
    'a name without the version': (r) => (r.one('Job').metadata!.name = 'migrate'),
    'another image than the service': (r) =>
      (migration(r).containers[0]!.image = 'identity-reconciliation:0.0.9'),
    'an image without a tag': (r) =>
      everyContainer(r, (container) => (container.image = 'identity-reconciliation')),
    'the latest image': (r) =>
      everyContainer(r, (container) => (container.image = 'identity-reconciliation:latest')),
    "the service's role": (r) =>
      (migration(r).containers[0]!.env![0]!.valueFrom!.secretKeyRef!.key = 'DATABASE_URL'),
    'nothing granted to the service': (r) => migration(r).containers[0]!.env!.pop(),
    'replicas that migrate as well': (r) => (r.settings().MIGRATE_ON_START = 'true'),
    'settings whose name changes': (r) =>
      (migration(r).containers[0]!.envFrom = [{ configMapRef: { name: 'x' } }]),
    'no second try': (r) => (r.one('Job').spec!.backoffLimit = 0),
  },
  'selectors find the pods of the service, and no others': {
    'a service that finds the migration': (r) =>
      (r.one('Service').spec!.selector = { 'app.kubernetes.io/name': 'identity-reconciliation' }),
    'a service that finds nothing': (r) => (r.one('Service').spec!.selector = { app: 'web' }),
    'a deployment that does not find its pods': (r) =>
      (r.one('Deployment').spec!.selector.matchLabels = { app: 'web' }),
    'all replicas on one node': (r) => delete pod(r).topologySpreadConstraints,
  },
  'ports carry the same names and numbers everywhere': {
    'a container that listens elsewhere': (r) => (api(r).ports![0]!.containerPort = 8080),
    'metrics that are elsewhere': (r) => (r.settings().METRICS_PORT = '9090'),
    'a service without metrics': (r) => r.one('Service').spec!.ports!.pop(),
    'a monitor that finds no service': (r) =>
      (r.one('ServiceMonitor').spec.selector.matchLabels = { app: 'web' }),
    'a monitor of another port': (r) => (r.one('ServiceMonitor').spec.endpoints[0]!.port = 'http'),
  },
  'the network denies what no policy allows': {
    'nothing denied on the way out': (r) => policy(r, 'default-deny').policyTypes!.pop(),
    'nothing denied to the migration': (r) =>
      (policy(r, 'default-deny').podSelector = { matchLabels: { 'app.kubernetes.io/component': 'api' } }),
  },
  'pods reach the DNS and PostgreSQL only': {
    'every port': (r) => delete policy(r, 'allow-postgres').egress![0]!.ports,
    'a web server': (r) =>
      policy(r, 'allow-postgres').egress!.push({ ports: [{ protocol: 'TCP', port: 443 }] }),
    'no PostgreSQL': (r) => policy(r, 'allow-postgres').egress!.pop(),
    'no PostgreSQL for the migration': (r) =>
      (policy(r, 'allow-postgres').podSelector = { matchLabels: { 'app.kubernetes.io/component': 'api' } }),
    "a label that the DNS's pods lack": (r) =>
      (policy(r, 'allow-dns').egress![0]!.to![0]!.podSelector!.matchLabels!['app.kubernetes.io/name'] = 'x'),
  },
  'callers reach http, and Prometheus the metrics': {
    'any namespace': (r) => delete policy(r, 'allow-callers').ingress![0]!.from,
    'no way in': (r) => r.objects.splice(r.objects.indexOf(r.one('NetworkPolicy', 'allow-callers')), 1),
    'callers that reach the metrics': (r) =>
      policy(r, 'allow-callers').ingress![0]!.ports!.push({ protocol: 'TCP', port: 'metrics' }),
    'callers that reach the migration': (r) => (policy(r, 'allow-callers').podSelector = {}),
    'metrics for any namespace': (r) => delete policy(r, 'allow-metrics').ingress![0]!.from,
  },
  'everything is in a namespace that holds pods to `restricted`': {
    'a namespace that holds them to nothing': (r) => delete r.one('Namespace').metadata!.labels,
    'a namespace that lets more pass': (r) =>
      (r.one('Namespace').metadata!.labels!['pod-security.kubernetes.io/enforce'] = 'baseline'),
    'an object elsewhere': (r) => delete r.one('PrometheusRule').metadata!.namespace,
  },
  'the service knows its settings and accepts them': {
    'a name that is misspelt': (r) => (r.settings().LOGLEVEL = 'info'),
    'a value that it refuses': (r) => (r.settings().LOG_LEVEL = 'loud'),
    'settings of another name': (r) => (api(r).envFrom![0]!.configMapRef!.name = 'settings'),
    'the role of the owner': (r) => (api(r).env![0]!.valueFrom!.secretKeyRef!.key = 'MIGRATION_DATABASE_URL'),
    'no keys asked for': (r) => (r.settings().AUTH_MODE = 'none'),
  },
  'no secret is in the files': {
    'a Secret': (r) => r.objects.push(secret(r)),
    'a URL with a password': (r) =>
      (r.one('ConfigMap', 'dashboard').data!.note = 'postgres://identity:hunter2@database/identity'),
  },
};

export const mutations: Mutation[] = Object.entries(BY_RULE).flatMap(([rule, changes]) =>
  Object.entries(changes).map(([change, apply]) => ({ rule, change, apply })),
);

function pod(rendering: Rendering): IPodSpec {
  return rendering.one('Deployment').spec!.template.spec!;
}

function api(rendering: Rendering): IContainer {
  return pod(rendering).containers[0]!;
}

function migration(rendering: Rendering): IPodSpec {
  return rendering.one('Job').spec!.template.spec!;
}

function autoscaler(rendering: Rendering) {
  return rendering.one('HorizontalPodAutoscaler').spec;
}

function budget(rendering: Rendering) {
  return rendering.one('PodDisruptionBudget').spec!;
}

function policy(rendering: Rendering, name: string) {
  return rendering.one('NetworkPolicy', name).spec!;
}

function everyContainer(rendering: Rendering, change: (container: IContainer) => unknown): void {
  rendering.workloads().forEach(({ containers }) => containers.forEach(change));
}

function unconfined({ securityContext, ...container }: IContainer): IContainer {
  return { ...container, securityContext: { ...securityContext, allowPrivilegeEscalation: true } };
}

function secret(rendering: Rendering): KubernetesObject {
  const { namespace } = rendering.one('Deployment').metadata!;
  return {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name: 'database', namespace },
  } as unknown as KubernetesObject;
}
