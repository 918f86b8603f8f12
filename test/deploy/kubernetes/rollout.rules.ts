import type { IProbe } from 'kubernetes-models/v1';
import { differs, selects, unless, type Rule } from './rule.js';

/** How replicas come, go and are counted. */
export const rolloutRules: Rule[] = [
  {
    name: 'each probe asks the endpoint that was made for it, with patience',
    violations: (rendering) => {
      const { startupProbe, livenessProbe, readinessProbe } = rendering.workloads()[0].containers[0]!;
      const startSeconds = patienceSeconds(startupProbe);
      return [
        ...differs('startup', startupProbe?.httpGet, { path: '/health/startup', port: 'http' }),
        ...differs('liveness', livenessProbe?.httpGet, { path: '/health/live', port: 'http' }),
        ...differs('readiness', readinessProbe?.httpGet, { path: '/health/ready', port: 'http' }),
        ...unless(
          [startupProbe, livenessProbe, readinessProbe].every((probe) => (probe?.timeoutSeconds ?? 1) >= 2),
          'a probe gives up before the service has given up on the database',
        ),
        ...unless(patienceSeconds(livenessProbe) >= 30, 'a busy replica is restarted within 30 s'),
        ...unless(
          patienceSeconds(readinessProbe) <= 10,
          'a replica that is not ready gets calls for over 10 s',
        ),
        ...unless(
          startSeconds >= rendering.one('Job').spec!.activeDeadlineSeconds!,
          'a new replica does not wait as long as the migration may take',
        ),
        ...unless(
          rendering.one('Deployment').spec!.progressDeadlineSeconds! > startSeconds,
          'a rollout is given up while its replicas may still start',
        ),
      ];
    },
  },
  {
    name: 'a replica goes once its successor is ready',
    violations: (rendering) =>
      differs('strategy', rendering.one('Deployment').spec!.strategy, {
        rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
        type: 'RollingUpdate',
      }),
  },
  {
    name: 'a replica that goes has time to finish',
    violations: (rendering) => {
      const [{ template, containers }] = rendering.workloads();
      return [
        ...differs('grace', template.spec!.terminationGracePeriodSeconds, 45),
        ...differs('preStop', containers[0]!.lifecycle?.preStop, { sleep: { seconds: 5 } }),
      ];
    },
  },
  {
    name: 'there are three replicas at the least',
    violations: (rendering) => {
      const { minReplicas, scaleTargetRef } = rendering.one('HorizontalPodAutoscaler').spec;
      const deployment = rendering.one('Deployment');
      return [
        ...unless((minReplicas ?? 1) >= 3, `the autoscaler keeps ${minReplicas}`),
        ...differs('scaled', scaleTargetRef, {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: deployment.metadata!.name,
        }),
        ...unless(deployment.spec!.replicas === undefined, 'an apply would undo what the autoscaler has set'),
      ];
    },
  },
  {
    name: 'draining nodes takes one replica at a time',
    violations: (rendering) => {
      const { selector, maxUnavailable, unhealthyPodEvictionPolicy } =
        rendering.one('PodDisruptionBudget').spec!;
      const [service, migration] = rendering.workloads().map(({ template }) => template.metadata?.labels);
      return [
        ...differs('budget', maxUnavailable, 1),
        ...differs('unhealthy pods', unhealthyPodEvictionPolicy, 'AlwaysAllow'),
        ...unless(selects(selector?.matchLabels, service), 'the budget does not cover the service'),
        ...unless(!selects(selector?.matchLabels, migration), 'the budget counts the migration'),
      ];
    },
  },
  {
    name: 'replicas at the most fit into the connections of the database',
    violations: (rendering) => {
      const { metadata, spec } = rendering.one('HorizontalPodAutoscaler');
      const granted = Number(metadata!.annotations?.['identity-reconciliation/database-connections']);
      // While a rollout replaces one by one, there may be its newcomer and the one that is finishing.
      const replicas = spec.maxReplicas + 2;
      // The readiness check has a connection of its own.
      const taken = replicas * (Number(rendering.settings().DATABASE_POOL_MAX) + 1);
      return unless(taken <= granted, `${replicas} replicas may take ${taken} of ${granted} connections`);
    },
  },
  {
    name: 'each version migrates once, as the owner of the tables',
    violations: (rendering) => {
      const { metadata, spec } = rendering.one('Job');
      const { containers, restartPolicy } = spec!.template.spec!;
      const [migration] = containers;
      const images = rendering
        .workloads()
        .flatMap((workload) => workload.containers.map(({ image }) => image));
      const tag = /:([^:/]+)$/.exec(images[0] ?? '')?.[1] ?? '';
      return [
        ...differs(
          'images',
          images,
          images.map(() => images[0]),
        ),
        ...unless(/^v?\d+\.\d+\.\d+/.test(tag), `the image's tag is ${tag || 'not given'}`),
        ...differs('name', metadata!.name, `migrate-${tag.toLowerCase().replaceAll(/[^a-z\d]/g, '-')}`),
        ...differs('command', migration!.command, ['node', 'dist/src/cli/main.js', 'migrate']),
        ...differs(
          'environment',
          [migration!.env, migration!.envFrom],
          [
            [
              ...databaseUrl('MIGRATION_DATABASE_URL'),
              { name: 'DATABASE_SERVICE_ROLE', value: 'identity_service' },
            ],
            null,
          ],
        ),
        ...differs('restarts', restartPolicy, 'Never'),
        ...unless((spec!.backoffLimit ?? 6) >= 3, 'a lock that was not free is hardly tried again'),
        ...differs('migration by replicas', rendering.settings().MIGRATE_ON_START, 'false'),
      ];
    },
  },
];

/** The variable that comes from the Secret. */
export function databaseUrl(key: string): object[] {
  return [{ name: 'DATABASE_URL', valueFrom: { secretKeyRef: { key, name: 'database' } } }];
}

function patienceSeconds(probe: IProbe | undefined): number {
  return (probe?.periodSeconds ?? 10) * (probe?.failureThreshold ?? 3);
}
