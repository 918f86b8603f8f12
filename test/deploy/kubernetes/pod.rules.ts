import type { Rendering, Workload } from './rendering.js';
import { differs, unless, type Rule } from './rule.js';

const USER = 65_532;

/** What `restricted` Pod Security asks for and more, for the pods of the service and of the migration. */
export const podRules: Rule[] = [
  {
    name: 'pods run as a user that is not root',
    violations: eachWorkload(({ name, template, containers }) => {
      const { runAsNonRoot, runAsUser, runAsGroup } = template.spec?.securityContext ?? {};
      return [
        ...differs(
          `${name} runAsNonRoot, user, group`,
          [runAsNonRoot, runAsUser, runAsGroup],
          [true, USER, USER],
        ),
        ...containers.flatMap(({ securityContext }) =>
          unless(
            securityContext?.runAsUser === undefined && securityContext?.runAsNonRoot !== false,
            `${name} has a container with a user of its own`,
          ),
        ),
      ];
    }),
  },
  {
    name: 'containers gain no privileges',
    violations: eachWorkload(({ name, template, containers }) => {
      const { hostNetwork, hostPID, hostIPC, securityContext } = template.spec ?? {};
      return [
        ...unless(!hostNetwork && !hostPID && !hostIPC, `${name} shares a namespace of the node`),
        ...differs(`${name} seccomp`, securityContext?.seccompProfile, { type: 'RuntimeDefault' }),
        ...containers.flatMap((container) => [
          ...differs(`${name} escalation`, container.securityContext?.allowPrivilegeEscalation, false),
          ...differs(`${name} capabilities`, container.securityContext?.capabilities, { drop: ['ALL'] }),
          ...unless(!container.securityContext?.privileged, `${name} is privileged`),
          ...unless(!container.securityContext?.seccompProfile, `${name} has a second seccomp profile`),
          ...unless(!container.ports?.some(({ hostPort }) => hostPort), `${name} takes a port of the node`),
        ]),
      ];
    }),
  },
  {
    name: 'containers write to a small temporary folder only',
    violations: eachWorkload(({ name, template, containers }) => [
      ...differs(`${name} volumes`, template.spec?.volumes, [
        { emptyDir: { sizeLimit: '64Mi' }, name: 'tmp' },
      ]),
      ...containers.flatMap(({ securityContext, volumeMounts }) => [
        ...differs(`${name} read-only`, securityContext?.readOnlyRootFilesystem, true),
        ...differs(`${name} mounts`, volumeMounts, [{ mountPath: '/tmp', name: 'tmp' }]),
      ]),
    ]),
  },
  {
    name: 'pods learn nothing of the cluster',
    violations: eachWorkload(({ name, template }) => [
      ...differs(`${name} token`, template.spec?.automountServiceAccountToken, false),
      ...differs(`${name} service links`, template.spec?.enableServiceLinks, false),
    ]),
  },
  {
    name: 'memory is limited and CPU is not',
    violations: eachWorkload(({ name, containers }) =>
      containers.flatMap(({ resources }) => [
        ...differs(`${name} limits`, Object.keys(resources?.limits ?? {}), ['memory']),
        ...differs(`${name} requests`, Object.keys(resources?.requests ?? {}), ['cpu', 'memory']),
      ]),
    ),
  },
];

function eachWorkload(violations: (workload: Workload) => string[]): Rule['violations'] {
  return (rendering: Rendering) => rendering.workloads().flatMap(violations);
}
