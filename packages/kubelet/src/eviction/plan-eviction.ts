/**
 * Decides what a node under pressure does: pure, from what was observed and what is remembered of earlier rounds.
 * Source: kubernetes pkg/kubelet/eviction/eviction_manager.go (synchronize).
 */
import type { NodeStats } from '../stats/summary.ts';
import {
  conditionOf,
  type PressureCondition,
  resourceOf,
  type Signal,
  type StarvedResource,
  type Threshold,
  thresholdAmount,
} from './thresholds.ts';

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = ReadonlyMap<Signal, Observation>;

/** Kept between rounds; start with `noPressure`. */
export interface PressureState {
  readonly firstObservedMs: ReadonlyMap<Threshold, number>;
  readonly lastConditionMs: ReadonlyMap<PressureCondition, number>;
  /** Met in the last round, grace period included: they last until the minimum was reclaimed. */
  readonly met: readonly Threshold[];
}

export const noPressure: PressureState = { firstObservedMs: new Map(), lastConditionMs: new Map(), met: [] };

export interface PressureInput {
  readonly thresholds: readonly Threshold[];
  readonly observations: Observations;
  readonly state: PressureState;
  readonly transitionPeriodMs: number;
  readonly nowMs: number;
}

export interface Starved {
  readonly threshold: Threshold;
  readonly resource: StarvedResource;
  readonly hard: boolean;
}

export interface PressurePlan {
  readonly state: PressureState;
  readonly conditions: ReadonlySet<PressureCondition>;
  /** All whose grace period is over. */
  readonly met: readonly Threshold[];
  /** What to reclaim now, the most urgent first met; undefined = nothing. */
  readonly starved: Starved | undefined;
}

/** `enforceMinReclaim`: not only above the threshold again, but by as much as the administrator wants. */
export function thresholdsMet(
  thresholds: readonly Threshold[],
  observations: Observations,
  enforceMinReclaim: boolean,
): readonly Threshold[] {
  return thresholds.filter(({ signal, value, minReclaim }) => {
    const seen = observations.get(signal);
    if (seen === undefined) return false;
    const extra = enforceMinReclaim && minReclaim !== undefined ? thresholdAmount(minReclaim, seen.capacity) : 0;
    return thresholdAmount(value, seen.capacity) + extra > seen.available;
  });
}

export function planPressure(input: PressureInput): PressurePlan {
  const { thresholds, observations, state, nowMs } = input;
  const now = thresholdsMet(thresholds, observations, false);
  const unresolved = thresholdsMet(state.met, observations, true);
  const active = [...new Set([...now, ...unresolved])];
  const firstObservedMs = new Map(active.map((one) => [one, state.firstObservedMs.get(one) ?? nowMs]));
  const lastConditionMs = new Map(state.lastConditionMs);
  for (const { signal } of active) lastConditionMs.set(conditionOf(signal), nowMs);
  const conditions = new Set<PressureCondition>();
  for (const [condition, atMs] of lastConditionMs) {
    if (nowMs - atMs < input.transitionPeriodMs || atMs === nowMs) conditions.add(condition);
    else lastConditionMs.delete(condition);
  }
  const met = active.filter((one) => nowMs - (firstObservedMs.get(one) ?? nowMs) >= one.gracePeriodMs);
  return { state: { firstObservedMs, lastConditionMs, met }, conditions, met, starved: mostUrgent(met) };
}

/** Memory first: without it nothing else can be done about the rest. */
function mostUrgent(met: readonly Threshold[]): Starved | undefined {
  const threshold = met.find(({ signal }) => resourceOf(signal) === 'memory') ?? met[0];
  if (threshold === undefined) return undefined;
  return { threshold, resource: resourceOf(threshold.signal), hard: threshold.gracePeriodMs === 0 };
}

export function observationsOf(node: NodeStats): Observations {
  const seen = new Map<Signal, Observation>();
  const put = (signal: Signal, available: number | undefined, capacity: number | undefined) => {
    if (available !== undefined && capacity !== undefined) seen.set(signal, { available, capacity });
  };
  const { memory, fs, runtime, rlimit } = node;
  const sumOf = (m: typeof memory) =>
    m?.availableBytes === undefined ? undefined : m.availableBytes + m.workingSetBytes;
  put('memory.available', memory?.availableBytes, sumOf(memory));
  const pods = node.systemContainers.find(({ name }) => name === 'pods')?.memory;
  put('allocatableMemory.available', pods?.availableBytes, sumOf(pods));
  put('nodefs.available', fs?.availableBytes, fs?.capacityBytes);
  if (fs?.inodes) put('nodefs.inodesFree', fs.inodesFree, fs.inodes);
  for (const [name, one] of [
    ['imagefs', runtime?.imageFs],
    ['containerfs', runtime?.containerFs],
  ] as const) {
    put(`${name}.available`, one?.availableBytes, one?.capacityBytes);
    // btrfs and others have no fixed number of inodes and say 0.
    if (one?.inodes) put(`${name}.inodesFree`, one.inodesFree, one.inodes);
  }
  if (rlimit !== undefined) put('pid.available', rlimit.maxpid - rlimit.curproc, rlimit.maxpid);
  return seen;
}
