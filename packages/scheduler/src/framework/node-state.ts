/** A node with what runs on it. Source: kubernetes pkg/scheduler/framework/types.go NodeInfo. */
import type { Node } from '@kapella/api/types/core-v1';
import type { Columns } from './columns.ts';
import type { PodState } from './pod-state.ts';
import { amountsOf } from './resources.ts';

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export class NodeState {
  node: Node;
  labels: Readonly<Record<string, string>> = NO_LABELS;
  /** Where the snapshot's columns, topologies and plans keep this node. */
  readonly slot: number;
  readonly columns: Columns;
  readonly pods = new Map<string, PodState>();
  /** Those of `pods` that want to be near or far from others; those that must be far; those with host ports. */
  readonly podsWithTerms = new Map<string, PodState>();
  readonly podsWithRequiredFar = new Map<string, PodState>();
  readonly podsWithPorts = new Map<string, PodState>();
  #images: Map<string, number> | undefined;

  constructor(node: Node, slot: number, columns: Columns) {
    this.slot = slot;
    this.columns = columns;
    columns.reserve(slot);
    columns.clear(slot);
    this.node = node;
    this.setNode(node);
  }

  get name(): string {
    return this.node.metadata.name;
  }

  setNode(node: Node): void {
    this.node = node;
    this.labels = node.metadata.labels ?? NO_LABELS;
    this.#images = undefined;
    this.columns.setAllocatable(this.slot, amountsOf(node.status?.allocatable));
  }

  /** Bytes of each image that the node has, by every name of it. */
  get images(): ReadonlyMap<string, number> {
    if (this.#images === undefined) {
      this.#images = new Map();
      for (const { names = [], sizeBytes = 0 } of this.node.status?.images ?? []) {
        for (const name of names) this.#images.set(name, sizeBytes);
      }
    }
    return this.#images;
  }

  allocatable(resource: string): number {
    return this.columns.resources.get(resource)?.allocatable[this.slot] ?? 0;
  }

  requested(resource: string): number {
    return this.columns.resources.get(resource)?.requested[this.slot] ?? 0;
  }

  add(pod: PodState): void {
    if (this.pods.has(pod.key)) this.remove(pod.key);
    this.pods.set(pod.key, pod);
    if (!pod.terms.isEmpty) this.podsWithTerms.set(pod.key, pod);
    if (pod.terms.requiredFar.length > 0) this.podsWithRequiredFar.set(pod.key, pod);
    if (pod.hostPorts.length > 0) this.podsWithPorts.set(pod.key, pod);
    this.#count(pod, 1);
  }

  /** A later state of a Pod that counts as the one before it. */
  renew(pod: PodState): void {
    for (const pods of [this.pods, this.podsWithTerms, this.podsWithRequiredFar, this.podsWithPorts]) {
      if (pods.has(pod.key)) pods.set(pod.key, pod);
    }
  }

  remove(key: string): PodState | undefined {
    const pod = this.pods.get(key);
    if (pod === undefined) return undefined;
    this.pods.delete(key);
    if (!pod.terms.isEmpty) this.podsWithTerms.delete(key);
    if (pod.terms.requiredFar.length > 0) this.podsWithRequiredFar.delete(key);
    if (pod.hostPorts.length > 0) this.podsWithPorts.delete(key);
    this.#count(pod, -1);
    return pod;
  }

  #count(pod: PodState, sign: 1 | -1): void {
    const { columns, slot } = this;
    const { cpu, memory, scoredMilliCpu, scoredMemory, podCount } = columns;
    cpu.requested[slot] = (cpu.requested[slot] as number) + sign * pod.milliCpu;
    memory.requested[slot] = (memory.requested[slot] as number) + sign * pod.memory;
    scoredMilliCpu[slot] = (scoredMilliCpu[slot] as number) + sign * pod.scoredMilliCpu;
    scoredMemory[slot] = (scoredMemory[slot] as number) + sign * pod.scoredMemory;
    podCount[slot] = (podCount[slot] as number) + sign;
    for (const [resource, amount] of pod.otherRequests) {
      const { requested } = columns.resource(resource);
      requested[slot] = (requested[slot] as number) + sign * amount;
    }
  }
}
