/** The cluster as the scheduler sees it: nodes with what runs on them, updated in place per event. */
import type { Node } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import type { ClusterLookup } from './cluster-lookup.ts';
import { Columns } from './columns.ts';
import { NodeState } from './node-state.ts';
import { countsAlike, type PodState } from './pod-state.ts';
import { Topology } from './topology.ts';

/** Something that plans made earlier must catch up with. */
export interface Change {
  /** 1: the Pod came to the node, -1: it left; 0: the node's own numbers changed. */
  readonly sign: 1 | -1 | 0;
  readonly pod: PodState | undefined;
  readonly node: NodeState;
}

/** Plans that lag further behind than this are made anew. Each change holds a Pod that may be gone, so there are not many. */
const CHANGES_MAX = 1024;
const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

export class Snapshot {
  readonly nodes = new Map<string, NodeState>();
  readonly columns = new Columns();
  readonly lookup: ClusterLookup;
  /** By slot; undefined where a node left. */
  readonly slots: (NodeState | undefined)[] = [];
  /** How many nodes have an image, by each of its names. */
  readonly imageNodes = new Map<string, number>();
  /** How many placed Pods use a claim, by `namespace/name`. */
  readonly claimUsers = new Map<string, number>();
  /** Nodes with Pods that want to be near or far from others; nodes with Pods that must be far. */
  readonly nodesWithTerms = new Set<NodeState>();
  readonly nodesWithRequiredFar = new Set<NodeState>();
  /** Pods that wait for others to leave a node that is promised to them, by node. */
  readonly nominated = new Map<string, Map<string, PodState>>();
  /** Rises when a plan made earlier can no longer be brought up to date. */
  epoch = 0;
  /** Number of the next change. */
  sequence = 0;
  readonly #changes: Change[] = [];
  readonly #topologies = new Map<string, Topology>();
  readonly #freeSlots: number[] = [];
  /** Where each placed Pod is counted. */
  readonly #placed = new Map<string, NodeState>();
  /** Pods on nodes that are not known (yet), with the node's name. */
  readonly #orphans = new Map<string, { readonly pod: PodState; readonly nodeName: string }>();
  readonly #nominations = new Map<string, string>();

  constructor(lookup: ClusterLookup) {
    this.lookup = lookup;
  }

  readonly namespaceLabels = (namespace: string): Readonly<Record<string, string>> =>
    this.lookup.get('Namespace', namespace)?.metadata.labels ?? NO_LABELS;

  get podCount(): number {
    return this.#placed.size;
  }

  /** Changes from number `since`; undefined when they are no longer kept. */
  changesSince(since: number): readonly Change[] | undefined {
    const count = this.sequence - since;
    if (count === 0) return [];
    return count > this.#changes.length ? undefined : this.#changes.slice(this.#changes.length - count);
  }

  topology(key: string): Topology {
    let topology = this.#topologies.get(key);
    if (topology === undefined) {
      topology = new Topology(key, this.slots.length);
      for (const node of this.nodes.values()) topology.set(node.slot, node.labels);
      this.#topologies.set(key, topology);
    }
    return topology;
  }

  /** An object that plugins look up changed: what was worked out from it is void. */
  clusterChanged(): void {
    this.epoch++;
  }

  setNode(node: Node): void {
    const known = this.nodes.get(node.metadata.name);
    if (known !== undefined) {
      this.#updateNode(known, node);
      return;
    }
    const slot = this.#freeSlots.pop() ?? this.slots.length;
    const state = new NodeState(node, slot, this.columns);
    this.slots[slot] = state;
    this.nodes.set(node.metadata.name, state);
    for (const topology of this.#topologies.values()) topology.set(slot, state.labels);
    this.#countImages(state, 1);
    this.epoch++;
    for (const { pod, nodeName } of [...this.#orphans.values()]) {
      if (nodeName === node.metadata.name) this.place(pod, nodeName);
    }
  }

  removeNode(name: string): void {
    const state = this.nodes.get(name);
    if (state === undefined) return;
    this.nodes.delete(name);
    this.slots[state.slot] = undefined;
    this.#freeSlots.push(state.slot);
    for (const topology of this.#topologies.values()) topology.set(state.slot, undefined);
    this.#countImages(state, -1);
    this.nodesWithTerms.delete(state);
    this.nodesWithRequiredFar.delete(state);
    for (const pod of state.pods.values()) {
      this.#placed.delete(pod.key);
      this.#orphans.set(pod.key, { pod, nodeName: name });
      this.#countClaims(pod, -1);
    }
    this.columns.clear(state.slot);
    this.epoch++;
  }

  /** Counts the Pod on the node: bound, or assumed to be. Placing it again moves it; most that is told of Pods changes nothing here. */
  place(pod: PodState, nodeName: string): void {
    const node = this.nodes.get(nodeName);
    const before = this.#placed.get(pod.key) === node ? node?.pods.get(pod.key) : undefined;
    if (node !== undefined && before !== undefined && countsAlike(before, pod)) {
      node.renew(pod);
      return;
    }
    this.unplace(pod.key);
    if (node === undefined) {
      this.#orphans.set(pod.key, { pod, nodeName });
      return;
    }
    node.add(pod);
    this.#placed.set(pod.key, node);
    this.#countClaims(pod, 1);
    this.#noteTerms(node);
    this.#changed({ sign: 1, pod, node });
  }

  unplace(key: string): void {
    this.#orphans.delete(key);
    const node = this.#placed.get(key);
    if (node === undefined) return;
    this.#placed.delete(key);
    const pod = node.remove(key);
    if (pod === undefined) return;
    this.#countClaims(pod, -1);
    this.#noteTerms(node);
    this.#changed({ sign: -1, pod, node });
  }

  isPlaced(key: string): boolean {
    return this.#placed.has(key) || this.#orphans.has(key);
  }

  placed(key: string): PodState | undefined {
    return this.#placed.get(key)?.pods.get(key) ?? this.#orphans.get(key)?.pod;
  }

  /** Promises the node to the Pod; undefined takes the promise back. */
  nominate(pod: PodState, nodeName: string | undefined): void {
    const old = this.#nominations.get(pod.key);
    if (old !== undefined) {
      const pods = this.nominated.get(old);
      pods?.delete(pod.key);
      if (pods?.size === 0) this.nominated.delete(old);
      this.#nominations.delete(pod.key);
    }
    if (nodeName === undefined) return;
    this.#nominations.set(pod.key, nodeName);
    const pods = this.nominated.get(nodeName) ?? new Map<string, PodState>();
    pods.set(pod.key, pod);
    this.nominated.set(nodeName, pods);
  }

  nominatedNode(key: string): string | undefined {
    return this.#nominations.get(key);
  }

  #updateNode(state: NodeState, node: Node): void {
    const old = state.node;
    const hasOtherImages = !jsonEqual(old.status?.images, node.status?.images);
    const isOther =
      hasOtherImages ||
      !jsonEqual(old.metadata.labels, node.metadata.labels) ||
      !jsonEqual(old.spec.taints, node.spec.taints) ||
      old.spec.unschedulable !== node.spec.unschedulable ||
      !jsonEqual(old.status?.declaredFeatures, node.status?.declaredFeatures);
    const hasOtherNumbers = !jsonEqual(old.status?.allocatable, node.status?.allocatable);
    if (hasOtherImages) this.#countImages(state, -1);
    state.setNode(node);
    if (hasOtherImages) this.#countImages(state, 1);
    if (isOther) {
      for (const topology of this.#topologies.values()) topology.set(state.slot, state.labels);
      this.epoch++;
    } else if (hasOtherNumbers) this.#changed({ sign: 0, pod: undefined, node: state });
  }

  #noteTerms(node: NodeState): void {
    if (node.podsWithTerms.size > 0) this.nodesWithTerms.add(node);
    else this.nodesWithTerms.delete(node);
    if (node.podsWithRequiredFar.size > 0) this.nodesWithRequiredFar.add(node);
    else this.nodesWithRequiredFar.delete(node);
  }

  #changed(change: Change): void {
    this.sequence++;
    this.#changes.push(change);
    if (this.#changes.length > 2 * CHANGES_MAX) this.#changes.splice(0, this.#changes.length - CHANGES_MAX);
  }

  #countImages(node: NodeState, sign: 1 | -1): void {
    for (const name of node.images.keys()) count(this.imageNodes, name, sign);
  }

  #countClaims({ pod, namespace }: PodState, sign: 1 | -1): void {
    for (const { persistentVolumeClaim } of pod.spec.volumes ?? []) {
      if (persistentVolumeClaim !== undefined) {
        count(this.claimUsers, `${namespace}/${persistentVolumeClaim.claimName}`, sign);
      }
    }
  }
}

function count(counts: Map<string, number>, key: string, sign: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + sign;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
