/** A Pod with what plugins ask of it again and again, worked out once. Source: framework/types.go PodInfo. */
import { keyOf } from '@kapella/api';
import { jsonEqual } from '@kapella/base';
import type { Pod } from '@kapella/api/types/core-v1';
import { type AffinityTerms, affinityTermsOf, NO_TERMS } from './pod-terms.ts';
import { type Amounts, podRequests, podScoredRequests } from './resources.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
const NO_PORTS: readonly HostPort[] = [];

export class PodState {
  readonly pod: Pod;
  readonly key: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Resources in place of a running Pod can change: what is in effect counts too. */
  readonly requests: Amounts;
  readonly milliCpu: number;
  readonly memory: number;
  /** Requests for anything but CPU and memory. */
  readonly otherRequests: readonly (readonly [resource: string, amount: number])[];
  readonly scoredMilliCpu: number;
  readonly scoredMemory: number;
  readonly hostPorts: readonly HostPort[];
  readonly terms: AffinityTerms;
  readonly isTerminating: boolean;

  constructor(pod: Pod, isPlaced: boolean) {
    this.pod = pod;
    this.key = keyOf(pod);
    this.namespace = pod.metadata.namespace ?? '';
    this.labels = pod.metadata.labels ?? NO_LABELS;
    this.priority = pod.spec.priority ?? 0;
    this.requests = podRequests(pod, { useStatus: isPlaced });
    this.milliCpu = this.requests.get('cpu') ?? 0;
    this.memory = this.requests.get('memory') ?? 0;
    this.otherRequests = [...this.requests].filter(([resource]) => resource !== 'cpu' && resource !== 'memory');
    const scored = podScoredRequests(pod, this.requests, isPlaced);
    this.scoredMilliCpu = scored.get('cpu') ?? 0;
    this.scoredMemory = scored.get('memory') ?? 0;
    this.hostPorts = hostPortsOf(pod);
    const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
    this.terms = podAffinity === undefined && podAntiAffinity === undefined ? NO_TERMS : affinityTermsOf(pod);
    this.isTerminating = pod.metadata.deletionTimestamp !== undefined;
  }
}

/** `isPlaced`: the Pod is on a node, so that its status says what its containers hold. */
export function podStateOf(pod: Pod, isPlaced = Boolean(pod.spec.nodeName)): PodState {
  return new PodState(pod, isPlaced);
}

/** Whether a later state of a placed Pod is the same to every plugin: most of what changes is its status. */
export function countsAlike(one: PodState, other: PodState): boolean {
  return (
    one.isTerminating === other.isTerminating &&
    one.scoredMilliCpu === other.scoredMilliCpu &&
    one.scoredMemory === other.scoredMemory &&
    one.requests.size === other.requests.size &&
    [...one.requests].every(([resource, amount]) => other.requests.get(resource) === amount) &&
    one.pod.status?.startTime === other.pod.status?.startTime && // by which preemption chooses
    jsonEqual(one.labels, other.labels) &&
    jsonEqual(one.pod.spec, other.pod.spec)
  );
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  let ports: HostPort[] | undefined;
  const collect = (container: Pod['spec']['containers'][number]) => {
    for (const { hostPort = 0, hostIP, protocol } of container.ports ?? []) {
      if (hostPort <= 0) continue;
      ports ??= [];
      ports.push({ ip: hostIP || '0.0.0.0', protocol: protocol || 'TCP', port: hostPort });
    }
  };
  for (const container of pod.spec.containers) collect(container);
  for (const container of pod.spec.initContainers ?? []) if (container.restartPolicy === 'Always') collect(container);
  return ports ?? NO_PORTS;
}
