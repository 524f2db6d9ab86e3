/** The scheduling framework's plugin contract. Source: k8s.io/kube-scheduler/framework/interface.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Client, EventRecorder } from '@kapella/client';
import type { ClusterLookup } from './cluster-lookup.ts';
import type { EventInterest } from './cluster-events.ts';
import type { HeldPods } from '../loop/waits.ts';
import type { NodeState } from './node-state.ts';
import type { PodState } from './pod-state.ts';
import type { Snapshot } from './snapshot.ts';

export type RejectionCode = 'Unschedulable' | 'UnschedulableAndUnresolvable';

/** Why a Pod does not fit a node. Unresolvable: removing other Pods would not help. */
export interface Rejection {
  readonly code: RejectionCode;
  /** Upstream's wording: users and tests match on it. Several where a node fails in several ways. */
  readonly reasons: readonly string[];
}

export interface PluginRejection extends Rejection {
  readonly plugin: string;
}

/** A plugin cannot say whether a node will do: the attempt fails, and is made again after a while. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
  readonly plugin: string;

  constructor(point: 'filter', plugin: string, message: string) {
    super(`running ${JSON.stringify(plugin)} ${point} plugin: ${message}`);
    this.plugin = plugin;
  }
}

/** What a plugin worked out for one Pod over the whole cluster; asked once per node. Synchronous, no I/O. */
export interface FilterState {
  /** `undefined` means the Pod fits. The rejection is not to be changed by the caller. Throws PluginError. */
  filter(node: NodeState): Rejection | undefined;
  /** Only these nodes can fit; all others need not be asked. */
  readonly nodeNames?: ReadonlySet<string>;
  /** True: fits everywhere at present. */
  readonly isIdle?: boolean;
  /**
   * A Pod came to (1) or left (-1) a node. Present: the answer for one node depends on Pods of other nodes.
   * Absent: on that node alone.
   */
  update?(pod: PodState, node: NodeState, sign: 1 | -1): void;
  /** A copy whose updates leave this one as it is. Present wherever `update` is. */
  clone?(): FilterState;
}

/** Scores of the nodes in `slots`, at the same index; only the first `count` of both count. */
export type Normalize = (scores: Float64Array, slots: Int32Array, count: number) => void;

export interface ScoreState {
  /** Before the scores of a decision: the nodes that fit, by slot; only the first `count` count. */
  begin?(slots: Int32Array, count: number): void;
  /** Raw score of a node that fits. */
  score(node: NodeState): number;
  /** True: has no preference at present. */
  readonly isIdle?: boolean;
  /** As a FilterState's. */
  update?(pod: PodState, node: NodeState, sign: 1 | -1): void;
  /** How raw scores become 0..100; absent: they are already. */
  readonly normalize?: 'max-is-best' | 'max-is-worst' | Normalize;
}

/** One attempt to place one Pod: what plugins keep from one extension point to a later one. */
export interface Cycle {
  readonly pod: PodState;
  /** By plugin; what `preFilter` answered. */
  readonly filterStates: ReadonlyMap<string, FilterState>;
}

export type PermitAnswer = 'allow' | { readonly reject: string } | { readonly waitMs: number };

/** What plugins that act may reach; pure plugins take the lookup only. */
export interface PluginHandle {
  readonly lookup: ClusterLookup;
  readonly client: Client;
  readonly events: EventRecorder;
  /** Resolves when the answer of `check` is other than undefined; asked again whenever an object changed. */
  until<T>(check: () => T | undefined, timeoutMs: number, what: string, ctx: Ctx): Promise<T>;
}

export interface SchedulerPlugin {
  /** The name users write in KubeSchedulerConfiguration. */
  readonly name: string;
  /** Nothing else makes a Pod that this plugin refused worth another try. */
  readonly events?: readonly EventInterest[];
  /** Keeps the Pod out of the queue: why. */
  preEnqueue?(pod: Pod): string | undefined;
  /** Negative: `a` first. One per scheduler. */
  compare?(a: QueueOrder, b: QueueOrder): number;
  /** A rejection refuses all nodes; 'skip': the plugin has nothing to say about this Pod. */
  preFilter?(pod: PodState, snapshot: Snapshot): FilterState | 'skip' | Rejection;
  preScore?(pod: PodState, snapshot: Snapshot, filter: FilterState | undefined): ScoreState | 'skip';
  /** Takes what the Pod will use, in memory. Synchronous; a text refuses the node. */
  reserve?(cycle: Cycle, node: string): string | undefined;
  /** Gives it back. Must not fail, and may be called without `reserve`. */
  unreserve?(cycle: Cycle, node: string): void;
  permit?(cycle: Cycle, node: string): PermitAnswer;
  /** Whether preBind has anything to do. */
  needsPreBind?(cycle: Cycle, node: string): boolean;
  preBind?(cycle: Cycle, node: string, handle: PluginHandle, ctx: Ctx): Promise<void>;
  /** Takes back what `preBind` wrote: the Pod does not go to the node after all. Called after `unreserve`. */
  abandon?(cycle: Cycle, node: string, handle: PluginHandle, ctx: Ctx): Promise<void>;
  /** 'skip': not this plugin's Pod. */
  bind?(cycle: Cycle, node: string, handle: PluginHandle, ctx: Ctx): Promise<'bound' | 'skip'>;
  postBind?(cycle: Cycle, node: string): void;
  /** No node fits: what the plugin can do about it, as part of what is told of the Pod. */
  postFilter?(cycle: Cycle): PostFilterAnswer;
  /** Marks the plugin that looks for room by removing other Pods. Source of its rules: preemption/. */
  readonly preempts?: PreemptionOptions;
  /** Pods that are planned together must agree in it; undefined: this Pod is planned alone. */
  signature?(pod: Pod): string | undefined;
}

export interface PostFilterAnswer {
  readonly message: string;
  /** Changes the cluster so that the Pod may fit later. */
  act?(handle: PluginHandle, ctx: Ctx): Promise<void>;
}

export interface QueueOrder {
  readonly pod: Pod;
  /** When the Pod came to the queue. */
  readonly sinceMs: number;
  readonly sequence: number;
}

export interface PreemptionOptions {
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

/** A row of the table of plugins. `Args` are checked and defaulted before. */
export interface PluginFactory<Args = unknown> {
  readonly name: string;
  readonly create: (args: Args, context: PluginContext) => SchedulerPlugin;
}

export interface PluginContext {
  readonly lookup: ClusterLookup;
  /** Pods that permit plugins hold back; absent where nothing is bound. */
  readonly held?: HeldPods;
  /** The time of day; absent where nothing is bound. */
  readonly nowMs?: () => number;
}

export const SCORE_MAX = 100;

export function isRejection(value: FilterState | 'skip' | Rejection): value is Rejection {
  return value !== 'skip' && 'reasons' in value;
}

export function unschedulable(...reasons: string[]): Rejection {
  return { code: 'Unschedulable', reasons };
}

export function unresolvable(...reasons: string[]): Rejection {
  return { code: 'UnschedulableAndUnresolvable', reasons };
}
