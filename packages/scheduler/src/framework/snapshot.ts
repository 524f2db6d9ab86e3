/** The cluster as the scheduler sees it: nodes with what runs on them, updated in place per event. */
import { keyOf } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type Amounts, amountsOf, podRequests, podScoredRequests } from './resources.ts';

/** A Pod with what plugins ask of it again and again. */
export interface PodState {
  readonly pod: Pod;
  readonly key: string;
  readonly requests: Amounts;
  readonly scored: { readonly milliCpu: number; readonly memoryBytes: number };
  readonly priority: number;
  readonly hostPorts: readonly HostPort[];
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export function podStateOf(pod: Pod): PodState {
  return {
    pod,
    key: keyOf(pod),
    requests: podRequests(pod),
    scored: podScoredRequests(pod),
    priority: pod.spec.priority ?? 0,
    hostPorts: hostPortsOf(pod),
  };
}

function hostPortsOf(pod: Pod): HostPort[] {
  const containers = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  return containers
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({ ip: port.hostIP || '0.0.0.0', protocol: port.protocol ?? 'TCP', port: port.hostPort as number }));
}

export class NodeState {
  node: Node;
  allocatable: Amounts;
  readonly pods = new Map<string, PodState>();
  readonly requested: Amounts = new Map();
  scoredMilliCpu = 0;
  scoredMemoryBytes = 0;

  constructor(node: Node) {
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
  }

  get name(): string {
    return this.node.metadata.name;
  }

  setNode(node: Node): void {
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
  }

  add(pod: PodState): void {
    if (this.pods.has(pod.key)) this.remove(pod.key);
    this.pods.set(pod.key, pod);
    this.#count(pod, 1);
  }

  remove(key: string): void {
    const pod = this.pods.get(key);
    if (pod === undefined) return;
    this.pods.delete(key);
    this.#count(pod, -1);
  }

  /** A copy whose Pods can be taken away to see what would fit. */
  clone(): NodeState {
    const copy = new NodeState(this.node);
    for (const pod of this.pods.values()) copy.add(pod);
    return copy;
  }

  #count(pod: PodState, sign: 1 | -1): void {
    for (const [resource, amount] of pod.requests) {
      this.requested.set(resource, (this.requested.get(resource) ?? 0) + sign * amount);
    }
    this.scoredMilliCpu += sign * pod.scored.milliCpu;
    this.scoredMemoryBytes += sign * pod.scored.memoryBytes;
  }
}

/** Cluster objects that plugins look up by name; kept by the caller. */
export interface ClusterLookup {
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  claim(namespace: string, name: string): import('@kapella/api/types/core-v1').PersistentVolumeClaim | undefined;
  volume(name: string): import('@kapella/api/types/core-v1').PersistentVolume | undefined;
  volumes(): readonly import('@kapella/api/types/core-v1').PersistentVolume[];
  storageClass(name: string): import('@kapella/api/types/storage-v1').StorageClass | undefined;
}

export class Snapshot {
  readonly nodes = new Map<string, NodeState>();
  readonly lookup: ClusterLookup;
  /** Where each placed Pod is counted. */
  readonly #placed = new Map<string, string>();
  /** Pods on nodes that are not known (yet). */
  readonly #orphans = new Map<string, PodState>();

  constructor(lookup: ClusterLookup) {
    this.lookup = lookup;
  }

  setNode(node: Node): void {
    const known = this.nodes.get(node.metadata.name);
    if (known !== undefined) {
      known.setNode(node);
      return;
    }
    const state = new NodeState(node);
    this.nodes.set(node.metadata.name, state);
    for (const pod of [...this.#orphans.values()]) {
      if (pod.pod.spec.nodeName === node.metadata.name) this.place(pod, node.metadata.name);
    }
  }

  removeNode(name: string): void {
    const state = this.nodes.get(name);
    this.nodes.delete(name);
    for (const pod of state?.pods.values() ?? []) {
      this.#placed.delete(pod.key);
      this.#orphans.set(pod.key, pod);
    }
  }

  /** Counts the Pod on the node: bound, or assumed to be. Placing it again moves it. */
  place(pod: PodState, nodeName: string): void {
    this.unplace(pod.key);
    const node = this.nodes.get(nodeName);
    if (node === undefined) {
      this.#orphans.set(pod.key, pod);
      return;
    }
    node.add(pod);
    this.#placed.set(pod.key, nodeName);
  }

  unplace(key: string): void {
    this.#orphans.delete(key);
    const nodeName = this.#placed.get(key);
    if (nodeName === undefined) return;
    this.#placed.delete(key);
    this.nodes.get(nodeName)?.remove(key);
  }

  isPlaced(key: string): boolean {
    return this.#placed.has(key) || this.#orphans.has(key);
  }

  *pods(): Iterable<{ readonly pod: PodState; readonly node: NodeState }> {
    for (const node of this.nodes.values()) for (const pod of node.pods.values()) yield { pod, node };
  }
}
