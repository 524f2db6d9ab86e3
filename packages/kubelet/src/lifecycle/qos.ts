/** Quality of service class and the requests and limits of a whole Pod. Source: kubernetes pkg/apis/core/v1/helper/qos. */
import { quantityMilli, quantityValue } from '@kapella/api';
import type { Container, Pod, PodQOSClass, PodSpec } from '@kapella/api/types/core-v1';
import { isSidecar } from './observed.ts';

type Resources = Readonly<Record<string, string>> | undefined;
const COMPUTE = ['cpu', 'memory'] as const;
type Compute = (typeof COMPUTE)[number];

/** CPU in thousandths of a core, memory in bytes; 0 when absent. */
export function amountOf(resources: Resources, name: Compute): number {
  const text = resources !== undefined && Object.hasOwn(resources, name) ? resources[name] : undefined;
  if (text === undefined) return 0;
  return name === 'cpu' ? quantityMilli(text) : quantityValue(text);
}

export function qosOf(pod: Pod): PodQOSClass {
  if (pod.status?.qosClass !== undefined) return pod.status.qosClass;
  return computeQos(pod.spec);
}

export function computeQos(spec: PodSpec): PodQOSClass {
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const podLevel = spec.resources !== undefined && COMPUTE.some((n) => hasAny(spec.resources, n));
  const sources = podLevel ? [spec.resources] : all.map((container) => container.resources);
  const used = sources.some((resources) => COMPUTE.some((name) => hasAny(resources, name)));
  if (!used) return 'BestEffort';
  const guaranteed = sources.every((resources) =>
    COMPUTE.every((name) => {
      const limit = amountOf(resources?.limits, name);
      const request = amountOf(resources?.requests, name);
      return limit > 0 && (request === 0 || request === limit);
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const hasAny = (r: Container['resources'], name: Compute) =>
  amountOf(r?.limits, name) > 0 || amountOf(r?.requests, name) > 0;

export interface PodAmounts {
  readonly cpuRequestMilli: number;
  readonly memoryRequestBytes: number;
  /** undefined = at least one container is unlimited. */
  readonly cpuLimitMilli: number | undefined;
  readonly memoryLimitBytes: number | undefined;
}

/** Of something that each container has: the most that is in use at one time. */
export function sumOverPod(spec: PodSpec, pick: (container: Container) => number): number {
  let sidecars = 0;
  let initMax = 0;
  for (const container of spec.initContainers ?? []) {
    if (isSidecar(container)) {
      sidecars += pick(container);
      initMax = Math.max(initMax, sidecars);
    } else {
      initMax = Math.max(initMax, sidecars + pick(container));
    }
  }
  const mains = spec.containers.reduce((total, container) => total + pick(container), sidecars);
  return Math.max(mains, initMax);
}

/** What the Pod's cgroup gets: main containers and sidecars together, or an init container's share if that is more. */
export function podAmounts(spec: PodSpec): PodAmounts {
  const requestOf = (c: Container, name: Compute) =>
    amountOf(c.resources?.requests, name) || amountOf(c.resources?.limits, name);
  const sum = (pick: (c: Container) => number) => sumOverPod(spec, pick);
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const limit = (name: Compute) => {
    const own = amountOf(spec.resources?.limits, name);
    if (own > 0) return own + amountOf(spec.overhead, name);
    if (!all.every((c) => amountOf(c.resources?.limits, name) > 0)) return undefined;
    return sum((c) => amountOf(c.resources?.limits, name)) + amountOf(spec.overhead, name);
  };
  const request = (name: Compute) =>
    (amountOf(spec.resources?.requests, name) || sum((c) => requestOf(c, name))) + amountOf(spec.overhead, name);
  return {
    cpuRequestMilli: request('cpu'),
    memoryRequestBytes: request('memory'),
    cpuLimitMilli: limit('cpu'),
    memoryLimitBytes: limit('memory'),
  };
}
