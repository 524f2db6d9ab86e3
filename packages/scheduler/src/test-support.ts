/** Nodes, Pods and clusters for tests of decisions. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { createSeededRandom, createVirtualClock, type Random } from '@kapella/base';
import { defaultConfig } from './config/load.ts';
import { buildProfiles } from './config/profiles.ts';
import { type ClusterLookup, createStaticLookup } from './framework/cluster-lookup.ts';
import { type Decision, decide, diagnose } from './framework/decide.ts';
import { fitErrorMessage } from './framework/fit-error.ts';
import { Planner, type PlannerOptions } from './framework/planner.ts';
import { podStateOf } from './framework/pod-state.ts';
import type { Profile } from './framework/profile.ts';
import { Snapshot } from './framework/snapshot.ts';

export type Json = Readonly<Record<string, unknown>>;

const meta = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  ...{ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '', labels },
});

export interface NodeOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Json;
  readonly allocatable?: Json;
  readonly status?: Json;
}

/** Two cores, 4Gi, 110 Pods, unless told otherwise. */
export function aNode(name: string, { labels, spec = {}, allocatable, status }: NodeOptions = {}): Node {
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: meta(name, { 'kubernetes.io/hostname': name, ...labels }),
    spec,
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '110', ...allocatable }, ...status },
  } as Node;
}

export interface PodOptions {
  readonly spec?: Json;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requests?: Json;
  readonly status?: Json;
  readonly metadata?: Json;
}

export function aPod(name: string, { spec = {}, labels, requests = {}, status, metadata }: PodOptions = {}): Pod {
  const containers = [{ name: 'c', image: 'busybox', resources: { requests } }];
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { ...meta(name, labels), ...metadata },
    spec: { containers, schedulerName: 'default-scheduler', ...spec },
    status,
  } as unknown as Pod;
}

export const NO_OBJECTS: ClusterLookup = createStaticLookup([]);

export function defaultProfile(lookup: ClusterLookup = NO_OBJECTS): Profile {
  return buildProfiles(defaultConfig(), { lookup })[0] as Profile;
}

/** A cluster whose Pods are decided one by one. */
export class TestCluster {
  readonly snapshot: Snapshot;
  readonly planner: Planner;
  readonly profile: Profile;
  readonly random: Random;

  constructor(
    nodes: readonly Node[],
    placed: readonly Pod[] = [],
    options: PlannerOptions & { lookup?: ClusterLookup; profile?: Profile; seed?: number } = {},
  ) {
    const { lookup = NO_OBJECTS, seed = 1 } = options;
    this.snapshot = new Snapshot(lookup);
    this.planner = new Planner(this.snapshot, options);
    this.profile = options.profile ?? defaultProfile(lookup);
    this.random = createSeededRandom(seed);
    for (const node of nodes) this.snapshot.setNode(node);
    for (const pod of placed) this.snapshot.place(podStateOf(pod), pod.spec.nodeName as string);
  }

  decide(pod: Pod): Decision {
    return decide(podStateOf(pod), this.snapshot, this.profile, this.planner, this.random);
  }

  /** The node's name, or the message that says why there is none. */
  outcome(pod: Pod): string {
    const decision = this.decide(pod);
    return decision.node ?? fitErrorMessage(diagnose(decision, this.snapshot));
  }

  put(pod: Pod): void {
    this.snapshot.place(podStateOf(pod), pod.spec.nodeName as string);
  }

  /** Decides and places. */
  place(pod: Pod): string | undefined {
    const { node } = this.decide(pod);
    if (node !== undefined) this.snapshot.place(podStateOf(pod), node);
    return node;
  }
}

export { createVirtualClock };
