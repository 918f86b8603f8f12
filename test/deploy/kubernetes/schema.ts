import {
  PrometheusRule,
  ServiceMonitor,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Job } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Namespace, Service } from 'kubernetes-models/v1';
import type { Kinds, KubernetesObject } from './rendering.js';

type Model = { apiVersion: string; prototype: { validate(): void } };

const MODELS: Record<keyof Kinds, Model> = {
  ConfigMap,
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  PrometheusRule,
  Service,
  ServiceMonitor,
};

/**
 * What the API server would refuse, or drop without a word: values that the typed model of the kind does not allow, and
 * fields that it does not know.
 *
 * The models let unknown fields pass. But their validators read what they know and nothing else, so a field that was not
 * read is an unknown one.
 */
export function schemaMistakes(object: KubernetesObject): string[] {
  const name = `${object.kind} ${object.metadata?.name}`;
  const model = MODELS[object.kind];
  if (model === undefined || model.apiVersion !== object.apiVersion) {
    return [`${name}: no model of ${object.apiVersion}`];
  }
  const unread = new Set<string>();
  const mistakes: string[] = [];
  try {
    model.prototype.validate.call(watched(object, '', unread));
  } catch (error) {
    mistakes.push(`${name}: ${(error as Error).message}`);
  }
  return [...mistakes, ...[...unread].map((path) => `${name}: unknown field ${path}`)];
}

/** The value, with every field that is not read yet in `unread`. */
function watched<T>(value: T, path: string, unread: Set<string>): T {
  if (value === null || typeof value !== 'object') {
    return value;
  }
  if (!Array.isArray(value)) {
    Object.keys(value).forEach((key) => unread.add(`${path}/${key}`));
  }
  const fields = new Map(
    Object.entries(value).map(([key, field]) => [key, watched(field, `${path}/${key}`, unread)]),
  );
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol' || !fields.has(key)) {
        return Reflect.get(target, key) as unknown;
      }
      unread.delete(`${path}/${key}`);
      return fields.get(key);
    },
  });
}
