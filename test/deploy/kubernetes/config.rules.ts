import { readFileSync } from 'node:fs';
import { Settings } from '../../../src/config/settings.js';
import type { Rendering } from './rendering.js';
import { databaseUrl } from './rollout.rules.js';
import { differs, unless, type Rule } from './rule.js';

/** What the namespace asks of its pods, and what they are told. */
export const configRules: Rule[] = [
  {
    name: 'everything is in a namespace that holds pods to `restricted`',
    violations: (rendering) => {
      const { metadata } = rendering.one('Namespace');
      const modes = ['enforce', 'audit', 'warn'];
      return [
        ...modes.flatMap((mode) =>
          differs(mode, metadata!.labels?.[`pod-security.kubernetes.io/${mode}`], 'restricted'),
        ),
        ...rendering.objects
          .filter(({ kind }) => kind !== 'Namespace')
          .flatMap((object) =>
            differs(`namespace of ${object.kind}`, object.metadata!.namespace, metadata!.name),
          ),
      ];
    },
  },
  {
    name: 'the service knows its settings and accepts them',
    violations: (rendering) => {
      const known = knownSettings();
      const { env, envFrom } = rendering.workloads()[0].containers[0]!;
      return [
        ...Object.keys(rendering.settings()).flatMap((name) =>
          unless(known.has(name), `${name} is no setting`),
        ),
        ...refusals(rendering.settings()),
        ...differs('taken from', envFrom, [
          { configMapRef: { name: rendering.one('ConfigMap', 'settings').metadata!.name } },
        ]),
        ...differs('beside them', env, [
          ...databaseUrl('DATABASE_URL'),
          ...['ERASURE_KEY', 'WEBHOOK_KEY', 'WEBHOOK_KEY_PREVIOUS'].map((name) => ({
            name,
            valueFrom: { secretKeyRef: { key: name, name: 'database', optional: true } },
          })),
        ]),
        ...differs('keys are asked for', rendering.settings().AUTH_MODE, 'api-key'),
      ];
    },
  },
  {
    name: 'no secret is in the files',
    violations: (rendering) => [
      ...unless(!rendering.objects.some(({ kind }) => (kind as string) === 'Secret'), 'there is a Secret'),
      ...unless(!hasPassword(rendering), 'there is a URL with a password'),
    ],
  },
];

function knownSettings(): Set<string> {
  const source = readFileSync('src/config/settings.ts', 'utf8');
  return new Set([...source.matchAll(/read\.\w+\(\s*'([A-Z_]+)'/g)].map(([, name]) => name!));
}

function refusals(settings: Record<string, string>): string[] {
  try {
    // The Secret's part is not known here; any URL will do.
    void new Settings({ ...settings, NODE_ENV: 'production', DATABASE_URL: 'postgres://database/identity' });
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function hasPassword(rendering: Rendering): boolean {
  return /\w+:\/\/[^\s/"]*:[^\s/"]*@/.test(JSON.stringify(rendering.objects));
}
