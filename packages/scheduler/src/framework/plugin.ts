/** The scheduling framework's plugin contract. Source: kubernetes pkg/scheduler/framework/interface.go. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { NodeState, PodState, Snapshot } from './snapshot.ts';

export type RejectionCode = 'Unschedulable' | 'UnschedulableAndUnresolvable';

/** Why a Pod does not fit a node. Unresolvable: removing other Pods would not help. */
export interface Rejection {
  readonly code: RejectionCode;
  /** Upstream's wording: users and tests match on it. */
  readonly reason: string;
  /** All of them where a node fails in several ways (resources). */
  readonly reasons?: readonly string[];
}

/** Cluster changes that can make a rejected Pod schedulable. */
export type ClusterEvent =
  | 'node.add'
  | 'node.allocatable'
  | 'node.labels'
  | 'node.taints'
  | 'pod.add'
  | 'pod.delete'
  | 'pod.update'
  | 'volume';

/** What a plugin works out once per Pod and uses for every node. */
export type CycleState = unknown;

export interface SchedulerPlugin<S = CycleState> {
  /** The name users write in KubeSchedulerConfiguration. */
  readonly name: string;
  /** Default weight of the score; upstream's default profile. */
  readonly weight?: number;
  readonly wakeOn: readonly ClusterEvent[];
  /** Keeps the Pod out of the queue; the Pod is not tried at all. */
  preEnqueue?(pod: Pod): string | undefined;
  /** Once per Pod. A Rejection refuses all nodes. 'skip': the plugin has nothing to say about this Pod. */
  preFilter?(pod: PodState, snapshot: Snapshot): { readonly state: S } | 'skip' | Rejection;
  /** Once per Pod and node: synchronous, no I/O. `undefined` means the Pod fits. */
  filter?(pod: PodState, node: NodeState, state: S, snapshot: Snapshot): Rejection | undefined;
  /** Once per Pod over the feasible nodes; 'skip' leaves the plugin out of scoring. */
  preScore?(pod: PodState, nodes: readonly NodeState[], snapshot: Snapshot): { readonly state: S } | 'skip';
  /** Raw score of a feasible node. */
  score?(pod: PodState, node: NodeState, state: S, snapshot: Snapshot): number;
  /** How raw scores become 0..100; absent: they are already. */
  readonly normalize?:
    | 'max-is-best'
    | 'max-is-worst'
    | ((scores: number[], nodes: readonly NodeState[], state: S) => void);
}

export function defineSchedulerPlugin<S = CycleState>(plugin: SchedulerPlugin<S>): SchedulerPlugin<S> {
  return plugin;
}

export const SCORE_MAX = 100;

export function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && 'reason' in value;
}

export type { Node, Pod };
