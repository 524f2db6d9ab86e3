/** Of several nodes the one whose victims matter least. Source: …/framework/preemption pickOneNodeForPreemption. */
import { parseTime } from '@kapella/base';
import type { PodState } from '../framework/pod-state.ts';

export interface Candidate {
  readonly node: string;
  /** The most important first. Never empty. */
  readonly victims: readonly PodState[];
  readonly budgetViolations: number;
}

/** A Pod that has not started counts as starting now. */
export function startedMs(pod: PodState, nowMs: number): number {
  return parseTime(pod.pod.status?.startTime) ?? nowMs;
}

/** Higher priority, then longer running, comes first. */
export function byImportance(nowMs: number): (a: PodState, b: PodState) => number {
  return (a, b) => b.priority - a.priority || startedMs(a, nowMs) - startedMs(b, nowMs);
}

const PRIORITY_OFFSET = 2 ** 31;

/** The lower, the better; a later rule decides between those that are alike in the earlier ones. */
const RULES: readonly ((candidate: Candidate, nowMs: number) => number)[] = [
  ({ budgetViolations }) => budgetViolations,
  ({ victims }) => victims[0]?.priority ?? 0,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0),
  ({ victims }) => victims.length,
  // Of the most important victims the one that runs longest: it had better have started late.
  ({ victims }, nowMs) => -earliestStart(victims, nowMs),
];

function earliestStart(victims: readonly PodState[], nowMs: number): number {
  const highest = Math.max(...victims.map(({ priority }) => priority));
  const important = victims.filter(({ priority }) => priority === highest);
  return Math.min(...important.map((victim) => startedMs(victim, nowMs)));
}

export function pickCandidate(candidates: readonly Candidate[], nowMs: number): Candidate | undefined {
  let left = candidates;
  for (const rule of RULES) {
    if (left.length <= 1) break;
    const costs = left.map((candidate) => rule(candidate, nowMs));
    const least = Math.min(...costs);
    left = left.filter((_, i) => costs[i] === least);
  }
  return left[0];
}
