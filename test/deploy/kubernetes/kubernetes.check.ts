import { readFileSync } from 'node:fs';
import { configRules } from './config.rules.js';
import { render } from './kustomize.js';
import { mutations } from './mutations.js';
import { networkRules } from './network.rules.js';
import { podRules } from './pod.rules.js';
import type { KubernetesObject, Rendering } from './rendering.js';
import { rolloutRules } from './rollout.rules.js';
import { schemaMistakes } from './schema.js';

const RULES = [...podRules, ...rolloutRules, ...networkRules, ...configRules];

const BASE = 'deploy/kubernetes/base';
const PRODUCTION = 'deploy/kubernetes/overlays/production';
const MONITORING = 'deploy/kubernetes/overlays/monitoring';

const everything = render(PRODUCTION, MONITORING);

describe.each([
  ['base', render(BASE)],
  ['production', render(PRODUCTION)],
  ['production with monitoring', everything],
])('%s', (_, rendering) => {
  test.each(rendering.objects.map((object) => [object.kind, object.metadata!.name!, object] as const))(
    '%s %s has only fields that its kind knows, with values that it allows',
    (_kind, _name, object) => {
      expect(schemaMistakes(object)).toEqual([]);
    },
  );

  test.each(RULES.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(rule.violations(rendering)).toEqual([]);
  });
});

test('the image is the one of this version', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const images = render(BASE)
    .workloads()
    .map(({ containers }) => containers[0]!.image);
  expect(images).toEqual([`identity-reconciliation:${version}`, `identity-reconciliation:${version}`]);
});

describe('the schema catches', () => {
  test.each<[string, (rendering: Rendering) => KubernetesObject, string]>([
    [
      'a field that is misspelt, deep inside',
      (rendering) => {
        const object = rendering.one('Deployment');
        Object.assign(object.spec!.template.spec!.containers[0]!.securityContext!, {
          readonlyRootFilesystem: true,
        });
        return object;
      },
      'Deployment api: unknown field /spec/template/spec/containers/0/securityContext/readonlyRootFilesystem',
    ],
    [
      'a field that is in the wrong place',
      (rendering) => Object.assign(rendering.one('Job') as KubernetesObject, { backoffLimit: 6 }),
      'Job migrate-0-1-0: unknown field /backoffLimit',
    ],
    [
      'a value of the wrong type',
      (rendering) => {
        const object = rendering.one('HorizontalPodAutoscaler');
        Object.assign(object.spec, { maxReplicas: 'six' });
        return object;
      },
      'HorizontalPodAutoscaler api: data/spec/maxReplicas must be integer',
    ],
    [
      'a required field that is left out',
      (rendering) => {
        const object = rendering.one('PrometheusRule');
        Object.assign(object.spec.groups![0]!, { name: undefined });
        return object;
      },
      'data/spec/groups/0 must have required property name',
    ],
    [
      'a version of the API that is not the one of the model',
      (rendering) =>
        Object.assign(rendering.one('HorizontalPodAutoscaler') as KubernetesObject, {
          apiVersion: 'autoscaling/v2beta2',
        }),
      'HorizontalPodAutoscaler api: no model of autoscaling/v2beta2',
    ],
  ])('%s', (_, breakIt, mistake) => {
    expect(schemaMistakes(breakIt(everything.copy())).join('\n')).toContain(mistake);
  });
});

describe('every rule notices what it is there for', () => {
  test.each(mutations.map((mutation) => [mutation.rule, mutation.change, mutation] as const))(
    '%s: not with %s',
    (_rule, _change, { rule, apply }) => {
      const broken = everything.copy();
      apply(broken);
      const violated = RULES.filter(({ violations }) => violations(broken).length > 0);
      expect(violated.map(({ name }) => name)).toEqual([rule]);
    },
  );

  test('no rule is left out', () => {
    expect(new Set(mutations.map(({ rule }) => rule))).toEqual(new Set(RULES.map(({ name }) => name)));
  });
});
