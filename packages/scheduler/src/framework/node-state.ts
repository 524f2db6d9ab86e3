/** A node with what runs on it. Source: kubernetes pkg/scheduler/framework/types.go NodeInfo. */
import type { Node } from '@kapella/api/types/core-v1';
import { Columns } from './columns.ts';
import type { PodState } from './pod-state.ts';
import { amountsOf } from './resources.ts';

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export class NodeState {
  node: Node;
  labels: Readonly<Record<string, string>> = NO_LABELS;
  /** Where the snapshot's topologies and plans keep this node; a copy keeps its original's. */
  readonly slot: number;
  /** Its numbers are `columns` at `row`; a copy has columns of its own. */
  readonly columns: Columns;
  readonly row: number;
  readonly pods = new Map<string, PodState>();
  /** Those of `pods` that want to be near or far from others; those that must be far; those with host ports. */
  readonly podsWithTerms = new Map<string, PodState>();
  readonly podsWithRequiredFar = new Map<string, PodState>();
  readonly podsWithPorts = new Map<string, PodState>();
  #images: Map<string, number> | undefined;

  constructor(node: Node, slot: number, columns: Columns, row: number) {
    this.slot = slot;
    this.columns = columns;
    this.row = row;
    columns.reserve(row);
    columns.clear(row);
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
    this.columns.setAllocatable(this.row, amountsOf(node.status?.allocatable));
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
    return this.columns.resources.get(resource)?.allocatable[this.row] ?? 0;
  }

  requested(resource: string): number {
    return this.columns.resources.get(resource)?.requested[this.row] ?? 0;
  }

  add(pod: PodState): void {
    if (this.pods.has(pod.key)) this.remove(pod.key);
    this.pods.set(pod.key, pod);
    if (!pod.terms.isEmpty) this.podsWithTerms.set(pod.key, pod);
    if (pod.terms.requiredFar.length > 0) this.podsWithRequiredFar.set(pod.key, pod);
    if (pod.hostPorts.length > 0) this.podsWithPorts.set(pod.key, pod);
    this.#count(pod, 1);
  }

  remove(key: string): PodState | undefined {
    const pod = this.pods.get(key);
    if (pod === undefined) return undefined;
    this.pods.delete(key);
    this.podsWithTerms.delete(key);
    this.podsWithRequiredFar.delete(key);
    this.podsWithPorts.delete(key);
    this.#count(pod, -1);
    return pod;
  }

  /** A copy whose Pods can be taken away to see what would fit. */
  clone(): NodeState {
    const copy = new NodeState(this.node, this.slot, new Columns(1), 0);
    for (const pod of this.pods.values()) copy.add(pod);
    return copy;
  }

  #count(pod: PodState, sign: 1 | -1): void {
    const { columns, row } = this;
    for (const [resource, amount] of pod.requests) {
      const { requested } = columns.resource(resource);
      requested[row] = (requested[row] as number) + sign * amount;
    }
    columns.scoredMilliCpu[row] = (columns.scoredMilliCpu[row] as number) + sign * pod.scoredMilliCpu;
    columns.scoredMemory[row] = (columns.scoredMemory[row] as number) + sign * pod.scoredMemory;
    columns.podCount[row] = (columns.podCount[row] as number) + sign;
  }
}
