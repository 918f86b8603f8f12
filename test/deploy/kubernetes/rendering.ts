import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import type { IJob } from 'kubernetes-models/batch/v1';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IConfigMap, IContainer, INamespace, IPodTemplateSpec, IService } from 'kubernetes-models/v1';
import type {
  IPrometheusRule,
  IServiceMonitor,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

/** The kinds that we use. Any other is a mistake, until a model and rules for it are added. */
export interface Kinds {
  ConfigMap: IConfigMap;
  Deployment: IDeployment;
  HorizontalPodAutoscaler: IHorizontalPodAutoscaler;
  Job: IJob;
  Namespace: INamespace;
  NetworkPolicy: INetworkPolicy;
  PodDisruptionBudget: IPodDisruptionBudget;
  PrometheusRule: IPrometheusRule;
  Service: IService;
  ServiceMonitor: IServiceMonitor;
}

export type KubernetesObject = Kinds[keyof Kinds];

/** A pod template with its containers, and the name of what makes pods of it. */
export interface Workload {
  readonly name: string;
  readonly template: IPodTemplateSpec;
  readonly containers: readonly IContainer[];
}

/** The objects of one deployment, by kind. */
export class Rendering {
  constructor(readonly objects: KubernetesObject[]) {}

  all<K extends keyof Kinds>(kind: K): Kinds[K][] {
    return this.objects.filter((object) => object.kind === kind) as Kinds[K][];
  }

  /** The only one of its kind, or the one whose name begins like this: generated names end in a hash. */
  one<K extends keyof Kinds>(kind: K, prefix = ''): Kinds[K] {
    const found = this.all(kind).filter((object) => object.metadata?.name?.startsWith(prefix));
    if (found.length !== 1) {
      throw new Error(`expected one ${kind} ${prefix}, found ${found.length}`);
    }
    return found[0]!;
  }

  /** The service first, then the migration. */
  workloads(): [Workload, Workload] {
    return [workload(this.one('Deployment')), workload(this.one('Job'))];
  }

  settings(): Record<string, string> {
    return this.one('ConfigMap', 'settings').data ?? {};
  }

  /** A copy, to be broken in a test. */
  copy(): Rendering {
    return new Rendering(structuredClone(this.objects));
  }
}

function workload({ kind, metadata, spec }: IDeployment | IJob): Workload {
  const pod = spec!.template.spec!;
  return {
    name: `${kind} ${metadata!.name}`,
    template: spec!.template,
    containers: [...pod.containers, ...(pod.initContainers ?? [])],
  };
}
